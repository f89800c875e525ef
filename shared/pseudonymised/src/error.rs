//! What can be wrong with a text or bytes that should be one of this crate's types.

/// Why something is no pseudonym, sender code or pseudonym part. The text never repeats what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PseudonymisedError {
    /// Not three parts with dots between them.
    #[error("read a pseudonym: expected domain, epoch and code with dots between them")]
    Shape,
    /// The domain is not 1 to 24 lower-case letters, digits and dashes that start with a letter.
    #[error("read a pseudonym: malformed domain")]
    Domain,
    /// The epoch is not a number from 1 on without leading zeros.
    #[error("read a pseudonym: malformed epoch")]
    Epoch,
    /// The code is not 26 characters of base32.
    #[error("read a pseudonym: malformed code")]
    Code,
    /// The check character does not fit the code: a typing error, or no pseudonym.
    #[error("read a pseudonym: wrong check character")]
    CheckCharacter,
    /// Not `S` and 16 characters of base32.
    #[error("read a sender code: expected S and 16 characters of base32")]
    SenderCode,
    /// A part of re-coding with no pseudonym, or too many.
    #[error("read a part of re-coding: expected 1 to 1024 pseudonyms")]
    Count,
    /// A pseudonym part of another version of the wire format, or of none.
    #[error("read a pseudonym part: unknown version")]
    UnknownVersion,
    /// A pseudonym part whose lengths or padding are wrong.
    #[error("read a pseudonym part: malformed")]
    Malformed,
}
