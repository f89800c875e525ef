//! The sender code.

use crate::PseudonymisedError;
use std::fmt;
use std::str::FromStr;

/// What healthdata knows a sending hospital by on the envelope: `S` and 16 characters of base32, a keyed hash of the
/// hospital's number under a key of the TTP. One hospital has one code.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SenderCode(String);

impl SenderCode {
    /// Characters of every sender code.
    pub const LENGTH: usize = 17;

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SenderCode {
    type Err = PseudonymisedError;

    fn from_str(text: &str) -> Result<Self, PseudonymisedError> {
        let code = text.strip_prefix('S').ok_or(PseudonymisedError::SenderCode)?;
        if text.len() == Self::LENGTH && code.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PseudonymisedError::SenderCode)
        }
    }
}

impl fmt::Display for SenderCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SenderCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SenderCode")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_s_and_sixteen_characters() {
        let code: SenderCode = "SABCDEFGHIJKLMNO7".parse().unwrap();
        assert_eq!((code.to_string(), code.as_str()), ("SABCDEFGHIJKLMNO7".to_owned(), "SABCDEFGHIJKLMNO7"));
        for wrong in [
            "",
            "S",
            "SABCDEFGHIJKLMNO",
            "SABCDEFGHIJKLMNO77",
            "TABCDEFGHIJKLMNO7",
            "sABCDEFGHIJKLMNO7",
            "SABCDEFGHIJKLMNO1",
            "SABCDEFGHIJKLMNé",
        ] {
            assert_eq!(wrong.parse::<SenderCode>(), Err(PseudonymisedError::SenderCode), "{wrong}");
        }
    }
}
