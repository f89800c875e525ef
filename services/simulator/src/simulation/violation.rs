//! What a simulation ends with when something is wrong.

use std::fmt;

/// An invariant that does not hold, or a world that cannot go on. `Debug` prints the sentence, since tests return it.
#[derive(Clone, PartialEq, Eq)]
pub struct Violation {
    invariant: Option<&'static str>,
    sentence: String,
}

impl Violation {
    /// Says what is wrong. No text of a patient.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { invariant: None, sentence: sentence.into() }
    }

    /// Says what does not hold of an invariant of docs/ARCHITECTURE.md. No text of a patient.
    pub fn of(invariant: &'static str, sentence: impl Into<String>) -> Self {
        Self { invariant: Some(invariant), sentence: sentence.into() }
    }

    /// The same, said to have happened in a line of a scenario.
    #[must_use]
    pub fn after(self, line: usize) -> Self {
        Self { sentence: format!("line {line}: {}", self.sentence), ..self }
    }

    /// The number of the invariant, when it is one of those.
    #[must_use]
    pub const fn invariant(&self) -> Option<&'static str> {
        self.invariant
    }

    /// What is wrong, without the number.
    #[must_use]
    pub fn sentence(&self) -> &str {
        &self.sentence
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.invariant.map_or(Ok(()), |number| write!(f, "{number}: "))?;
        f.write_str(&self.sentence)
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Violation {}

/// `Ok` when `holds`, else the sentence.
pub(super) fn ensure(holds: bool, sentence: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(sentence())) }
}

/// `Ok` when an invariant `holds`, else the sentence that says how it does not.
pub(crate) fn hold(invariant: &'static str, holds: bool, sentence: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::of(invariant, sentence())) }
}

/// An error of a service or store, which in memory never happens.
pub(crate) fn broken<E: std::error::Error>(what: &'static str) -> impl Fn(E) -> Violation {
    move |error| Violation::new(format!("{what}: {}", host::station::reasons(&error)))
}
