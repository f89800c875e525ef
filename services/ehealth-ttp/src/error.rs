//! Why the TTP does not pass an item on, and what becomes of it.

use host::Disposition;
use identifying::IdentityError;
use pseudonymisation::PseudonymisationError;
use sealing::SealingError;

/// Why the TTP does not pass an item on.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// A part does not open.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The identity is none: its form or its check digits are wrong.
    #[error("accept the identity")]
    Identity(#[from] IdentityError),
    /// The identity or the return part belongs to another content or feedback.
    #[error("match the part with what it came with")]
    Swapped,
    /// The sender asked for more distinct patients today than it may.
    #[error("pseudonymise more patients of this sender today")]
    Quota,
    /// No pseudonym, code or handle; or a return handle that is none of this TTP's.
    #[error(transparent)]
    Pseudonymisation(#[from] PseudonymisationError),
    /// The return handle names no hospital.
    #[error("read the return handle")]
    Handle,
    /// The sender or the recipient is not in the public directory.
    #[error("find the party in the public directory")]
    UnknownParty,
    /// The part of re-coding cannot be read.
    #[error("read the pseudonyms to re-code")]
    RecodePart,
    /// The return part cannot be read.
    #[error("read the return part")]
    ReturnPart(&'static str),
}

impl ItemError {
    /// The code under which the item becomes a dead letter: nothing here passes by waiting a moment. What was over the quota comes
    /// again with the hospital's resend.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Sealing(error) => error.code(),
            Self::Identity(_) => "IDENTITY",
            Self::Swapped => "SWAPPED_CONTENT",
            Self::Quota => "QUOTA",
            Self::Pseudonymisation(PseudonymisationError::Handle) | Self::Handle => "HANDLE",
            Self::Pseudonymisation(_) => "PSEUDONYMISATION",
            Self::UnknownParty => "UNKNOWN_PARTY",
            Self::RecodePart => "RECODE_PART",
            Self::ReturnPart(code) => code,
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
    if *hash == envelope::content_hash(sealed) { Ok(()) } else { Err(ItemError::Swapped) }
}
