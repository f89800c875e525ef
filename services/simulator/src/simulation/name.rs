//! Names that a scenario gives to its hospitals and inputs.

use std::{fmt, str::FromStr};

/// Letters of a name at most.
const LETTERS_MAX: usize = 24;

/// A name that a scenario gives: 1 to 24 small letters, digits and `-`, a letter first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name([u8; LETTERS_MAX]);

/// A text that is no [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("name it by 1 to {LETTERS_MAX} small letters, digits and `-`, a letter first")]
pub struct NoName;

impl Name {
    /// What a pattern of JSON Schema says of it.
    pub const PATTERN: &'static str = "[a-z][a-z0-9-]{0,23}";

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII passes the constructor.
        std::str::from_utf8(&self.0).unwrap_or_default().trim_end_matches('\0')
    }
}

impl FromStr for Name {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(is_letter);
        let mut letters = [0; LETTERS_MAX];
        let place = letters.get_mut(..text.len()).filter(|_| is_name).ok_or(NoName)?;
        place.copy_from_slice(text.as_bytes());
        Ok(Self(letters))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_nothing_else_is_one() {
        for text in ["a", "gent", "clinic-2", "abcdefghijklmnopqrstuvwx"] {
            assert_eq!(text.parse::<Name>().unwrap().to_string(), text);
        }
        for text in ["", "2", "-a", "Gent", "ge nt", "gené", "abcdefghijklmnopqrstuvwxy"] {
            assert_eq!(text.parse::<Name>(), Err(NoName), "{text}");
        }
    }
}
