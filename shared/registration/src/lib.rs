//! What healthdata may have of a registration, already reduced; the TTP can never depend on it.
//!
//! A row is split when it is parsed: the identity on one side, and on the other the [`Content`] of this crate. The only ways to a `Content` are
//! [`Content::reduce`], which applies the definition's [`Policy`] to every field, and [`Content::decode`], which reads what another party
//! reduced and which the receiving side checks with [`Content::check`]. The crate knows nothing of definitions: a field is a number.
//!
//! [`content`], [`feedback`] and [`receipt`] describe their bytes one by one; they are what is sealed between a hospital and healthdata.

pub mod content;
pub mod feedback;
mod place;
mod policy;
pub mod receipt;
mod wire;

pub use content::{Answer, Attachment, Content, ContentHead, ContentKind, PADDING_STEP, PolicyViolation};
pub use feedback::{Comment, FEEDBACK_PADDING_STEP, Feedback, FeedbackHead};
pub use place::{Cell, Place};
pub use policy::{CodeKey, Policy, UnknownPolicy};
pub use receipt::{Receipt, Submitted};

/// Why a content or a feedback could not be built or read. No variant repeats a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The first byte is not a format version that this program reads.
    #[error("read format version {found}")]
    FormatVersion {
        /// The version that was found.
        found: u8,
    },
    /// The bytes end inside a value, or a length points behind the end.
    #[error("read to the end: the bytes are cut off")]
    Truncated,
    /// The stated length and the number of bytes do not belong together.
    #[error("read the stated length: trailing or missing bytes")]
    Length,
    /// The padding holds something else than zeros.
    #[error("read the padding: it is not zero")]
    Padding,
    /// A number is written with more bytes than it needs, or is too large.
    #[error("read a number: not in its shortest form or too large")]
    Number,
    /// A text is not UTF-8.
    #[error("read a text: not UTF-8")]
    Text,
    /// A tag byte has no meaning.
    #[error("read tag {found}: unknown")]
    Tag {
        /// The tag that was found.
        found: u8,
    },
    /// The cells or attachments are not in strictly rising order of their places.
    #[error("order the places: field {field} is repeated or out of order")]
    Order {
        /// The field of the second of the two.
        field: u16,
    },
    /// A cell without a value: empty fields are left out.
    #[error("take an empty value in field {field}")]
    EmptyValue {
        /// The field.
        field: u16,
    },
    /// A field number that the definition does not have.
    #[error("find field {field} in the definition")]
    UnknownField {
        /// The field.
        field: u16,
    },
    /// A value that does not have the form its reduction starts from.
    #[error("reduce the value of field {field}")]
    Unreducible {
        /// The field.
        field: u16,
    },
    /// A definition name, an organisation or a file name is empty, too long or has a character that it may not have.
    #[error("take the {what}: not well formed")]
    Malformed {
        /// Which part it is.
        what: &'static str,
    },
}
