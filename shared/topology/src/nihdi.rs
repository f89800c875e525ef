use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Number of a hospital at NIHDI (RIZIV, INAMI): 8 digits.
///
/// Only the form is checked. The number of an organisation is public and identifies no patient, so it may stand in queue names and logs of
/// the hospital's own zone and of eHealth; healthdata sees sender codes instead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nihdi([u8; 8]);

impl Nihdi {
    /// The 8 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII digits pass the constructor.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Nihdi {
    type Err = NihdiError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: [u8; 8] = text.as_bytes().try_into().map_err(|_| NihdiError)?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(NihdiError) }
    }
}

impl fmt::Display for Nihdi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Nihdi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nihdi({})", self.as_str())
    }
}

impl Serialize for Nihdi {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Nihdi {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is not a hospital's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hospital's NIHDI number must have exactly 8 digits")]
pub struct NihdiError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_and_nothing_else() {
        assert_eq!("71000012".parse::<Nihdi>().unwrap().to_string(), "71000012");
        for text in ["", "7100001", "710000123", "7100001x", "٧١٠٠", " 7100001"] {
            assert_eq!(text.parse::<Nihdi>(), Err(NihdiError), "{text:?}");
        }
    }

    #[test]
    fn serialises_as_its_digits() {
        let nihdi: Nihdi = serde_json::from_str("\"71000012\"").unwrap();
        assert_eq!(serde_json::to_string(&nihdi).unwrap(), "\"71000012\"");
        assert!(serde_json::from_str::<Nihdi>("\"7100\"").is_err());
    }
}
