//! What a simulation ends with when something is wrong.

use std::fmt;

/// An invariant that does not hold, or a world that cannot go on. `Debug` prints the sentence, since tests return it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(String);

impl Violation {
    /// Says what is wrong. No text of a patient.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `Ok` when `holds`, else the sentence.
pub(super) fn ensure(holds: bool, sentence: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation(sentence())) }
}

/// An error of a service or store, which in memory never happens.
pub(super) fn broken<E: std::error::Error>(what: &'static str) -> impl Fn(E) -> Violation {
    move |error| Violation(format!("{what}: {}", host::station::reasons(&error)))
}
