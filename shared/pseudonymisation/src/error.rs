//! What can go wrong with keys, pseudonyms and handles.

use pseudonymised::PseudonymisedError;

/// Why there is no pseudonym, code or handle. The text names no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PseudonymisationError {
    /// The epochs of the master keys are not 1, 2, 3 and so on.
    #[error("order the master keys: their epochs must be 1, 2, 3 and so on")]
    Epochs,
    /// The pseudonym is another recipient's.
    #[error("recode a pseudonym of another domain")]
    OtherDomain,
    /// The pseudonym's epoch is later than the current one: a master key is missing here.
    #[error("recode a pseudonym of epoch {0}: there is no key of it")]
    UnknownEpoch(u32),
    /// A domain or code is malformed.
    #[error(transparent)]
    Malformed(#[from] PseudonymisedError),
    /// A hospital's number does not have 8 digits.
    #[error("read a hospital's number: expected 8 digits")]
    Sender,
    /// A month outside 1 to 12 or a year before 0.
    #[error("find the quarter of a date")]
    Quarter,
    /// The operating system gave no random bytes.
    #[error("draw a salt")]
    NoRandomness,
    /// One publication asked for more than 2^32 handles.
    #[error("seal another handle under one salt")]
    TooManyHandles,
    /// The handle is not one of ours: another key, damaged, or put together from several.
    #[error("open a return handle")]
    Handle,
    /// A key could not be derived.
    #[error("derive a key")]
    KeyDerivation,
}
