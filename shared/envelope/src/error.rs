//! What can be wrong with a publication, each fault with its code.

use std::fmt;

use serde_json::error::Category;

/// Why a publication was neither written nor read. Says where and what kind, never what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// A publication without items.
    #[error("a publication of no items")]
    NoItems,
    /// More than [`MAX_ITEMS`](crate::MAX_ITEMS) items.
    #[error("a publication of more than {max} items", max = crate::MAX_ITEMS)]
    TooManyItems,
    /// More than [`MAX_BYTES`](crate::MAX_BYTES) bytes.
    #[error("a publication of {bytes} bytes, more than {max}", max = crate::MAX_BYTES)]
    TooLarge {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The document breaks a rule of the wire format.
    #[error("a publication with {fault} at {at}")]
    Refused {
        /// The rule.
        fault: Fault,
        /// Where the reader stood.
        at: Place,
    },
    /// A value that JSON cannot hold; no type of ours has one.
    #[error("a publication that cannot be written")]
    Unwritable,
}

impl EnvelopeError {
    /// The code that goes with a dead letter and into a log.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoItems => "NO_ITEMS",
            Self::TooManyItems => "TOO_MANY_ITEMS",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::Refused { fault, .. } => fault.code(),
            Self::Unwritable => "UNWRITABLE",
        }
    }

    /// serde_json hands out its errors as text only. The beginnings below are serde's own or [`Marker`]s; a test per code holds them.
    pub(crate) fn from_json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let fault = match error.classify() {
            Category::Eof => Fault::Truncated,
            Category::Syntax if text.starts_with("trailing characters") => Fault::TrailingBytes,
            Category::Syntax | Category::Io => Fault::NotJson,
            Category::Data if text.starts_with(Marker::TooManyItems.as_str()) => return Self::TooManyItems,
            Category::Data => Fault::of_data(&text),
        };
        Self::Refused { fault, at: Place { line: error.line(), column: error.column() } }
    }
}

/// A rule of the wire format that a document can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The document ends before it is complete.
    Truncated,
    /// Something stands behind the document, be it a blank.
    TrailingBytes,
    /// Not JSON in UTF-8.
    NotJson,
    /// A member that the message does not have.
    UnknownMember,
    /// A member given twice.
    RepeatedMember,
    /// A member that the message must have is missing.
    MissingMember,
    /// `specversion` is not 1.0, or `type` has another major version.
    UnknownVersion,
    /// `type` is that of another message.
    UnknownType,
    /// Not base64 with the standard alphabet and padding, or with unused bits that are not zero.
    NotBase64,
    /// A member of fixed length that has another one.
    WrongLength,
    /// A member of another kind or form than the message says.
    InvalidMember,
}

impl Fault {
    const fn code(self) -> &'static str {
        match self {
            Self::Truncated => "TRUNCATED",
            Self::TrailingBytes => "TRAILING_BYTES",
            Self::NotJson => "NOT_JSON",
            Self::UnknownMember => "UNKNOWN_MEMBER",
            Self::RepeatedMember => "REPEATED_MEMBER",
            Self::MissingMember => "MISSING_MEMBER",
            Self::UnknownVersion => "UNKNOWN_VERSION",
            Self::UnknownType => "UNKNOWN_TYPE",
            Self::NotBase64 => "NOT_BASE64",
            Self::WrongLength => "WRONG_LENGTH",
            Self::InvalidMember => "INVALID_MEMBER",
        }
    }

    fn of_data(text: &str) -> Self {
        let beginnings = [
            ("unknown field", Self::UnknownMember),
            ("duplicate field", Self::RepeatedMember),
            ("missing field", Self::MissingMember),
            (Marker::UnknownVersion.as_str(), Self::UnknownVersion),
            (Marker::UnknownType.as_str(), Self::UnknownType),
            (Marker::NotBase64.as_str(), Self::NotBase64),
            (Marker::WrongLength.as_str(), Self::WrongLength),
        ];
        beginnings.iter().find(|(beginning, _)| text.starts_with(beginning)).map_or(Self::InvalidMember, |(_, fault)| *fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "its end missing",
            Self::TrailingBytes => "bytes behind the document",
            Self::NotJson => "text that is not JSON",
            Self::UnknownMember => "an unknown member",
            Self::RepeatedMember => "a repeated member",
            Self::MissingMember => "a missing member",
            Self::UnknownVersion => "an unknown version",
            Self::UnknownType => "an unknown type",
            Self::NotBase64 => "base64 that is not canonical",
            Self::WrongLength => "a value of the wrong length",
            Self::InvalidMember => "a member of the wrong form",
        })
    }
}

/// Where the reader stood when it refused a document: 1-based, counted in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Byte in the line.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// The texts by which our readers tell [`EnvelopeError::from_json`] through serde what they refused. None is a beginning that
/// serde's own errors have, and no text of a document can stand at the beginning of an error.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Marker {
    TooManyItems,
    UnknownVersion,
    UnknownType,
    NotBase64,
    WrongLength,
}

impl Marker {
    const fn as_str(self) -> &'static str {
        match self {
            Self::TooManyItems => "#too-many-items",
            Self::UnknownVersion => "#unknown-version",
            Self::UnknownType => "#unknown-type",
            Self::NotBase64 => "#not-base64",
            Self::WrongLength => "#wrong-length",
        }
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
