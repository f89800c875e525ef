//! What can be wrong with a sealed item.

use crate::{KeyId, Part};

/// Why something was not sealed or not opened. Never says what was inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// The encapsulation names a key that this party does not have.
    #[error("a seal for the unknown key {0}")]
    UnknownKey(KeyId),
    /// The shared secret is all zeros (RFC 9180 section 7.1.4): the other side's key, or the encapsulated one, is a point of low order.
    #[error("a key of low order")]
    LowOrder,
    /// Key or encapsulated key of another length than 32 bytes.
    #[error("a key that is not 32 bytes long")]
    KeyLength,
    /// The blob is shorter than index and tag.
    #[error("a sealed {0} that is cut short")]
    CutShort(Part),
    /// The blob does not open: another recipient, sender, part, index or item than it was sealed for, or changed on the way.
    #[error("a sealed {0} that does not open")]
    DoesNotOpen(Part),
    /// The clear text of a header has another length than a key id.
    #[error("a content header that holds no key id")]
    HeaderLength,
    /// 2^32 items were sealed under one encapsulation.
    #[error("too many items under one seal")]
    TooManyItems,
    /// A clear text too long for AES-GCM.
    #[error("a clear text that is too long")]
    TooLong,
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    NoRandomness,
}

impl SealingError {
    /// The code that goes with a dead letter and into a log.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownKey(_) => "UNKNOWN_KEY",
            Self::LowOrder => "LOW_ORDER_KEY",
            Self::KeyLength => "KEY_LENGTH",
            Self::CutShort(_) => "SEAL_CUT_SHORT",
            Self::DoesNotOpen(_) => "DOES_NOT_OPEN",
            Self::HeaderLength => "HEADER_LENGTH",
            Self::TooManyItems => "SEAL_TOO_MANY_ITEMS",
            Self::TooLong => "SEAL_TOO_LONG",
            Self::NoRandomness => "NO_RANDOMNESS",
        }
    }
}
