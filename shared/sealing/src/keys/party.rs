//! Who has keys.

use std::{fmt, str::FromStr};

use topology::Nihdi;

/// A party with a key folder of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// A hospital's HD4DP: secrets, and no key pair.
    Hd4dp(Nihdi),
    /// A hospital's messaging client.
    EhboxHco(Nihdi),
    /// The TTP.
    EhealthTtp,
    /// healthdata's messaging client.
    EhboxHd,
}

impl Party {
    /// Whether the party seals and opens, and so has a key pair.
    #[must_use]
    pub const fn has_key_pair(self) -> bool {
        !matches!(self, Self::Hd4dp(_))
    }

    /// The hospital that the party belongs to.
    #[must_use]
    pub const fn hospital(&self) -> Option<&Nihdi> {
        match self {
            Self::Hd4dp(nihdi) | Self::EhboxHco(nihdi) => Some(nihdi),
            Self::EhealthTtp | Self::EhboxHd => None,
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hd4dp(nihdi) => write!(f, "hd4dp-{nihdi}"),
            Self::EhboxHco(nihdi) => write!(f, "ehbox-hco-{nihdi}"),
            Self::EhealthTtp => f.write_str("ehealth-ttp"),
            Self::EhboxHd => f.write_str("ehbox-hd"),
        }
    }
}

/// A text that is no party's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a party: expected ehealth-ttp, ehbox-hd, or hd4dp- or ehbox-hco- and the hospital's 8 digits")]
pub struct PartyError;

impl FromStr for Party {
    type Err = PartyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hospital = |digits: &str| digits.parse::<Nihdi>().map_err(|_| PartyError);
        match text {
            "ehealth-ttp" => Ok(Self::EhealthTtp),
            "ehbox-hd" => Ok(Self::EhboxHd),
            _ => match (text.strip_prefix("hd4dp-"), text.strip_prefix("ehbox-hco-")) {
                (Some(digits), _) => hospital(digits).map(Self::Hd4dp),
                (_, Some(digits)) => hospital(digits).map(Self::EhboxHco),
                (None, None) => Err(PartyError),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_read_back_from_its_name() {
        for name in ["ehealth-ttp", "ehbox-hd", "hd4dp-00000196", "ehbox-hco-00000295"] {
            assert_eq!(name.parse::<Party>().unwrap().to_string(), name);
        }
        for name in ["", "public", "ehbox-hco-", "ehbox-hco-0000019", "hd4dp-000001960", "EHBOX-HD", "ehbox-hco-0000019/"] {
            assert_eq!(name.parse::<Party>(), Err(PartyError), "{name}");
        }
    }
}
