//! A registration's values as they are kept beside its versions. Debug prints none of them.

use std::fmt;

use registration::Attachment;
use uuid::Uuid;

use super::NewVersion;

/// Values that were kept and not submitted, or those of a version.
#[derive(Clone)]
pub struct Draft {
    /// Version of the definition that they were made by.
    pub dcd_version: u32,
    /// Whether they have no validation errors.
    pub is_valid: bool,
    /// All values, as [`crate::row`] writes them.
    pub cells: Vec<u8>,
    /// The files that they name.
    pub attachments: Vec<Attachment>,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draft")
    }
}

/// A row of a file that is kept as an Open registration and not sent. Prints its ids only.
#[derive(Clone)]
pub struct Kept {
    /// The registration, new or known.
    pub registration_id: Uuid,
    /// Its latest version; 0 when none was submitted yet.
    pub version: u32,
    /// Technical name of its definition.
    pub dcd: String,
    /// The values of the definition's unique id, as in a [`super::NewVersion`].
    pub unique_key: String,
    /// The row.
    pub draft: Draft,
    /// Who uploaded the file.
    pub author: String,
    /// Whether the registration was submitted and is opened again by it.
    pub reopens: bool,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("registration_id", &self.registration_id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A registration that a person creates. Prints its ids only.
#[derive(Debug, Clone)]
pub enum Creation {
    /// It is kept as an Open one.
    Kept(Kept),
    /// It is submitted at once, as version 1.
    Submitted(NewVersion),
}

impl Creation {
    /// Its id, the technical name of its definition, and its unique key.
    pub(crate) fn names(&self) -> (Uuid, &str, &str) {
        match self {
            Self::Kept(kept) => (kept.registration_id, &kept.dcd, &kept.unique_key),
            Self::Submitted(new) => (new.registration_id, &new.dcd, &new.unique_key),
        }
    }
}

/// The values that a registration has now, for a download. Debug prints none.
#[derive(Clone)]
pub struct Current {
    /// The registration.
    pub registration_id: Uuid,
    /// Version of the definition that the values were made by.
    pub dcd_version: u32,
    /// What was kept, or else the latest version's values, as [`crate::row`] writes them.
    pub cells: Vec<u8>,
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").field("registration_id", &self.registration_id).finish_non_exhaustive()
    }
}
