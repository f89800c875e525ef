//! The parts of a publication that are sealed, each under a key schedule of its own.

use std::fmt;

/// What a blob holds. The key schedule and the associated data name it, so that no part opens as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Part {
    /// The identity, hospital to TTP (step 4).
    Identity = 1,
    /// The content, hospital to healthdata (steps 4 and 5).
    Content = 2,
    /// The id of the sending hospital's key, hospital to healthdata, in base mode (steps 4 and 5).
    ContentHeader = 3,
    /// Pseudonym, sender code and handle, TTP to healthdata (step 5).
    Pseudonym = 4,
    /// The return part, healthdata to TTP (step 5 back).
    Return = 5,
    /// The feedback, healthdata to hospital (steps 5 back and 4 back).
    Feedback = 6,
    /// The identity, TTP to hospital (step 4 back).
    ReturnedIdentity = 7,
    /// Pseudonyms of earlier epochs, healthdata to TTP (re-coding).
    Recode = 8,
    /// The same with those of the current epoch, TTP to healthdata (re-coding).
    Recoded = 9,
}

impl Part {
    /// The byte that stands for the part in `info` and in the associated data.
    #[must_use]
    pub const fn tag(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity",
            Self::Content => "content",
            Self::ContentHeader => "content header",
            Self::Pseudonym => "pseudonym",
            Self::Return => "return part",
            Self::Feedback => "feedback",
            Self::ReturnedIdentity => "returned identity",
            Self::Recode => "pseudonyms to re-code",
            Self::Recoded => "re-coded pseudonyms",
        })
    }
}
