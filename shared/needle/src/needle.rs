use std::fmt;

/// Bytes that a value needs to be looked for at all: shorter ones stand everywhere by chance.
pub const SHORTEST: usize = 6;

/// What form a value has, and so which other ways of writing it there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A text.
    Text,
    /// A national number: 11 digits.
    NationalNumber,
    /// A day, `2024-02-29`.
    Date,
    /// Bytes that are no text.
    Bytes,
}

/// A value that is looked for. `Debug` prints its form only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Needle {
    value: Vec<u8>,
    form: Form,
}

impl Needle {
    /// A value to look for; `None` when it is too short to mean anything where it is found.
    #[must_use]
    pub fn new(value: impl Into<Vec<u8>>, form: Form) -> Option<Self> {
        let value = value.into();
        (value.len() >= SHORTEST).then_some(Self { value, form })
    }

    /// Its form.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// The value itself.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.value
    }
}

impl fmt::Debug for Needle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Needle({:?})", self.form)
    }
}
