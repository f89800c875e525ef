//! A member whose value is judged per item.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A member of an item that should hold a `T`. It is not judged when the document is read: items fail alone, so one bad value must
/// not cost the publication. Debug prints the type's name only.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<T> {
    text: String,
    kind: PhantomData<fn() -> T>,
}

impl<T: FromStr> Text<T> {
    /// The value.
    ///
    /// # Errors
    ///
    /// What `T` has against the text.
    pub fn parse(&self) -> Result<T, T::Err> {
        self.text.parse()
    }
}

impl<T> Text<T> {
    /// A member with this text, whatever it is.
    #[must_use]
    pub const fn unchecked(text: String) -> Self {
        Self { text, kind: PhantomData }
    }

    /// Bytes of the text.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.text.len()
    }
}

impl<T: fmt::Display> From<&T> for Text<T> {
    fn from(value: &T) -> Self {
        Self::unchecked(value.to_string())
    }
}

impl<T> fmt::Debug for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text")
    }
}

impl<T> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, T> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::unchecked)
    }
}
