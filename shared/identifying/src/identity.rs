//! What kind of identity, and which.

use crate::{GeneratedId, Ssin};
use std::fmt;
use std::str::FromStr;

/// Who a registration is about.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A patient with a national number.
    Ssin(Ssin),
    /// A patient without one.
    Generated(GeneratedId),
}

impl Identity {
    /// The identity of this kind and value.
    ///
    /// # Errors
    ///
    /// [`IdentityError::NotAnSsin`] or [`IdentityError::NotAGeneratedId`] when the value is none of its kind.
    pub fn from_parts(kind: IdentityKind, value: &str) -> Result<Self, IdentityError> {
        match kind {
            IdentityKind::Ssin => value.parse().map(Self::Ssin),
            IdentityKind::Generated => value.parse().map(Self::Generated),
        }
    }

    /// Which kind it is.
    pub fn kind(&self) -> IdentityKind {
        match self {
            Self::Ssin(_) => IdentityKind::Ssin,
            Self::Generated(_) => IdentityKind::Generated,
        }
    }

    /// The number or id itself.
    pub fn reveal(&self) -> &str {
        match self {
            Self::Ssin(ssin) => ssin.reveal(),
            Self::Generated(id) => id.reveal(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// The kinds of identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdentityKind {
    /// A national number.
    Ssin,
    /// An id generated from the name.
    Generated,
}

impl IdentityKind {
    /// The kind's name in messages and keyed hashes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ssin => "ssin",
            Self::Generated => "generated",
        }
    }
}

impl FromStr for IdentityKind {
    type Err = IdentityError;

    fn from_str(name: &str) -> Result<Self, IdentityError> {
        match name {
            "ssin" => Ok(Self::Ssin),
            "generated" => Ok(Self::Generated),
            _ => Err(IdentityError::UnknownKind),
        }
    }
}

/// Why something is no identity. The text never repeats what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not 11 digits, or the check digits are wrong.
    #[error("read a national number: expected 11 digits with right check digits")]
    NotAnSsin,
    /// Not the form of a generated id.
    #[error("read a generated id: expected G and 26 characters of base32")]
    NotAGeneratedId,
    /// A kind of identity that does not exist.
    #[error("know the kind of an identity: expected ssin or generated")]
    UnknownKind,
    /// An identity part of another version of the wire format, or of none.
    #[error("read an identity part: unknown version")]
    UnknownVersion,
    /// An identity part whose length or padding is wrong.
    #[error("read an identity part: malformed")]
    Malformed,
}
