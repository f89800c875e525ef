//! The two short names of an envelope: who sent it, and why it was set aside.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is not a source or not a reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not 1 to 64 characters of `a-z`, `0-9` and `-`, beginning with a letter.
    #[error("not a party's name")]
    Source,
    /// Not 1 to 32 characters of `A-Z`, `0-9` and `_`, beginning with a letter.
    #[error("not a reason code")]
    Reason,
}

/// The party that made the envelope, by its name in the key directory, for instance `ehbox-hco-00000196` or `ehealth-ttp`.
///
/// It is a claim: what proves it is that the item opens under that party's public key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(Box<str>);

impl Source {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Source {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid = (1..=64).contains(&text.len()) && text.as_bytes()[0].is_ascii_lowercase() && text.bytes().all(letters);
        if valid { Ok(Self(text.into())) } else { Err(NameError::Source) }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an item was dead-lettered, for instance `QUOTA`. Never says anything of the patient.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonCode(Cow<'static, str>);

impl ReasonCode {
    /// A code that the program itself knows.
    ///
    /// # Panics
    ///
    /// When `code` is not a reason code: call it in a `const`, so that the compiler finds out.
    #[must_use]
    pub const fn from_static(code: &'static str) -> Self {
        assert!(is_reason(code.as_bytes()), "not a reason code");
        Self(Cow::Borrowed(code))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_reason(bytes: &[u8]) -> bool {
    if bytes.is_empty() || bytes.len() > 32 || !bytes[0].is_ascii_uppercase() {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        if !(bytes[at].is_ascii_uppercase() || bytes[at].is_ascii_digit() || bytes[at] == b'_') {
            return false;
        }
        at += 1;
    }
    true
}

impl FromStr for ReasonCode {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_reason(text.as_bytes()) { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(NameError::Reason) }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

serde_as_text!(Source);
serde_as_text!(ReasonCode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_party_name() {
        for good in ["ehealth-ttp", "ehbox-hco-00000196", "a"] {
            assert_eq!(good.parse::<Source>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "1a", "Ehealth", "a b", "a/b", "é", &"a".repeat(65)] {
            assert_eq!(bad.parse::<Source>(), Err(NameError::Source), "{bad}");
        }
    }

    #[test]
    fn a_reason_is_a_code() {
        const QUOTA: ReasonCode = ReasonCode::from_static("QUOTA");
        assert_eq!("QUOTA".parse(), Ok(QUOTA));
        for bad in ["", "quota", "_A", "1A", "A B", "A-B", &"A".repeat(33)] {
            assert_eq!(bad.parse::<ReasonCode>(), Err(NameError::Reason), "{bad}");
        }
    }
}
