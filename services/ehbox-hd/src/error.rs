//! Why healthdata's messaging client does not pass an item on, and what becomes of it.

use host::Disposition;
use sealing::SealingError;

/// Why healthdata's messaging client does not pass an item on.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// A part does not open.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The header names a key that no hospital has, or the recipient of a feedback is unknown.
    #[error("find the party in the public directory")]
    UnknownParty,
    /// The TTP's pseudonym part is none.
    #[error("read the pseudonym part")]
    PseudonymPart,
    /// The TTP's re-coded pseudonyms are none.
    #[error("read the re-coded pseudonyms")]
    RecodePart,
    /// The pseudonym belongs to another content.
    #[error("match the pseudonym with its content")]
    Swapped,
    /// The content is none.
    #[error("read the content")]
    Content,
    /// No definition of that name and version is known here.
    #[error("find the content's definition")]
    UnknownDefinition,
    /// The content holds what healthdata may not have, or holds it unreduced.
    #[error("accept a value that healthdata may not have")]
    Policy,
    /// The content names another organisation than the one whose key sealed it.
    #[error("accept a content of another organisation than its sender")]
    ForeignOrganisation,
    /// A text or attachment holds a national number.
    #[error("accept a text that holds a national number")]
    NationalNumber,
    /// Tag and pseudonym, or sender code and hospital, do not stay one to one: somebody swapped patients or senders.
    #[error("match the patient's tag with the pseudonym")]
    Tag,
    /// A feedback of HD4RES cannot be read.
    #[error("read the feedback")]
    Feedback,
    /// A feedback holds something shaped like a pseudonym, which no hospital may have.
    #[error("send a pseudonym to a hospital")]
    Pseudonym,
}

impl ItemError {
    /// The code under which the item becomes a dead letter: nothing here passes by waiting.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Sealing(error) => error.code(),
            Self::UnknownParty => "UNKNOWN_PARTY",
            Self::PseudonymPart => "PSEUDONYM_PART",
            Self::RecodePart => "RECODE_PART",
            Self::Swapped => "SWAPPED_CONTENT",
            Self::Content => "CONTENT",
            Self::UnknownDefinition => "UNKNOWN_DEFINITION",
            Self::Policy => "POLICY",
            Self::ForeignOrganisation => "FOREIGN_ORGANISATION",
            Self::NationalNumber => "NATIONAL_NUMBER",
            Self::Tag => "TAG_MISMATCH",
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
