//! Why an item cannot be passed on, and what becomes of it.

use envelope::content_hash;
use host::Disposition;
use sealing::SealingError;

/// Why the hospital's messaging client does not pass an item on.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// HD4DP gave an identity that is none.
    #[error("read the identity")]
    Identity,
    /// The public directory does not know the TTP or healthdata.
    #[error("find the recipient's public key")]
    UnknownParty,
    /// A part does not open.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The returned identity belongs to another feedback.
    #[error("match the identity with its feedback")]
    Swapped,
    /// The feedback cannot be read.
    #[error("read the feedback")]
    Feedback,
    /// The feedback holds something shaped like a pseudonym, which no hospital may have.
    #[error("accept a feedback that holds a pseudonym")]
    Pseudonym,
}

impl ItemError {
    /// The code under which the item becomes a dead letter: nothing here passes by waiting.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Identity => "IDENTITY",
            Self::UnknownParty => "UNKNOWN_PARTY",
            Self::Sealing(error) => error.code(),
            Self::Swapped => "SWAPPED_FEEDBACK",
            Self::Feedback => "FEEDBACK",
            Self::Pseudonym => "PSEUDONYM_IN_FEEDBACK",
        }
    }

    /// What becomes of the item.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        Disposition::DeadLetter(self.code())
    }
}

/// Whether the hash that a part names is that of the sealed blob beside it.
pub(crate) fn belongs(hash: &[u8; 32], sealed: &[u8]) -> Result<(), ItemError> {
    if *hash == content_hash(sealed) { Ok(()) } else { Err(ItemError::Swapped) }
}
