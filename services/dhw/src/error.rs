//! Why an item of the data warehouse cannot be handled, and what becomes of it.

use host::Disposition;
use registration::{ContentError, PolicyViolation};

/// Why a registration cannot be validated at all. A registration that breaks rules is no error: it gets findings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// The pseudonym is none.
    #[error("read the pseudonym")]
    Pseudonym,
    /// The sender code is none.
    #[error("read the sender code")]
    Sender,
    /// The content's bytes are none.
    #[error("read the content: failed to {0}")]
    Content(#[from] ContentError),
    /// The definition that the registration was made by is not known here.
    #[error("find the definition {name} version {version}")]
    UnknownDefinition {
        /// Technical name.
        name: String,
        /// Version.
        version: u32,
    },
    /// The content holds what healthdata may not have; nothing of it is written down.
    #[error("take the content: failed to {0}")]
    Policy(#[from] PolicyViolation),
    /// A field stands in a list that it does not belong to, or outside of its list.
    #[error("find the place of field {field}")]
    Place {
        /// The field.
        field: u16,
    },
    /// A field of numbers holds something else, which the hospital's own check does not let pass.
    #[error("read the number of field {field}")]
    NotANumber {
        /// The field.
        field: u16,
    },
    /// No field of the unique id is filled, so registrations could not be told apart.
    #[error("find the unique id")]
    NoUniqueId,
}

impl ItemError {
    /// What becomes of the item.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Pseudonym => Disposition::DeadLetter("PSEUDONYM"),
            Self::Sender => Disposition::DeadLetter("SENDER"),
            Self::Content(_) => Disposition::DeadLetter("CONTENT"),
            Self::UnknownDefinition { .. } => Disposition::DeadLetter("UNKNOWN_DEFINITION"),
            Self::Policy(_) => Disposition::DeadLetter("POLICY"),
            Self::Place { .. } => Disposition::DeadLetter("PLACE"),
            Self::NotANumber { .. } => Disposition::DeadLetter("NOT_A_NUMBER"),
            Self::NoUniqueId => Disposition::DeadLetter("NO_UNIQUE_ID"),
        }
    }
}

/// Why a file could not be written from the store.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store does not give it.
    #[error("read the store")]
    Store(#[from] store::StoreError),
    /// A record cannot be written.
    #[error("write a record")]
    Record(#[from] csv::Error),
    /// The file does not take it.
    #[error("write the file")]
    File(#[from] std::io::Error),
    /// A registration came in while the file was written, and its list has more items than the header has columns for.
    #[error("write the file: the store changed in the meantime")]
    Changed,
}
