//! Why an item of HD4DP cannot be handled, and what becomes of it.

use host::Disposition;

/// Why a registration cannot be sent, or a feedback not be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// The definition that the registration was made by is gone.
    #[error("find the definition {name} version {version}")]
    UnknownDefinition {
        /// Technical name.
        name: String,
        /// Version.
        version: u32,
    },
    /// The row does not say who the patient is.
    #[error("tell who the patient is")]
    NoIdentity,
    /// The stored row is damaged.
    #[error("read the stored row")]
    DamagedRow,
    /// The row cannot be reduced to what healthdata may have.
    #[error("reduce the row to what healthdata may have")]
    Content(#[from] registration::ContentError),
    /// The content that follows from the stored row is another one than was sent first.
    #[error("make the content that was sent first: its definition was changed without a new version")]
    OtherContent,
    /// The feedback's bytes are none.
    #[error("read the feedback")]
    Feedback,
    /// The identity that came with a feedback is none.
    #[error("read the identity")]
    Identity,
    /// The feedback is about a registration, item, or patient that is not this hospital's, its hash is another one, or its
    /// comments are on fields that the registration does not have.
    #[error("find what the feedback is about")]
    ForeignFeedback,
}

impl ItemError {
    /// What becomes of the item.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::UnknownDefinition { .. } => Disposition::DeadLetter("UNKNOWN_DEFINITION"),
            Self::NoIdentity => Disposition::DeadLetter("NO_IDENTITY"),
            Self::DamagedRow => Disposition::DeadLetter("DAMAGED_ROW"),
            Self::Content(_) => Disposition::DeadLetter("CONTENT"),
            Self::OtherContent => Disposition::DeadLetter("OTHER_CONTENT"),
            Self::Feedback => Disposition::DeadLetter("FEEDBACK"),
            Self::Identity => Disposition::DeadLetter("IDENTITY"),
            Self::ForeignFeedback => Disposition::DeadLetter("FOREIGN_FEEDBACK"),
        }
    }
}
