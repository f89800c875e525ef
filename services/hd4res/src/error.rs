//! Why HD4RES does not take an item, and what becomes of it.

use host::Disposition;

/// Why HD4RES does not take an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// The content is none.
    #[error("read the content")]
    Content,
    /// Pseudonym or sender code is none.
    #[error("read pseudonym and sender code")]
    Pseudonym,
    /// No definition of that name and version is known here.
    #[error("find the content's definition")]
    UnknownDefinition,
    /// The id belongs to another content.
    #[error("accept another content under a known item id")]
    Reused,
    /// A verdict about an item that never arrived.
    #[error("find the item that the verdict is about")]
    UnknownItem,
}

impl ItemError {
    /// The code under which the item becomes a dead letter: nothing here passes by waiting.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Content => "CONTENT",
            Self::Pseudonym => "PSEUDONYM",
            Self::UnknownDefinition => "UNKNOWN_DEFINITION",
            Self::Reused => "ITEM_REUSED",
            Self::UnknownItem => "UNKNOWN_ITEM",
        }
    }

    /// What becomes of the item.
    #[must_use]
    pub const fn disposition(self) -> Disposition {
        Disposition::DeadLetter(self.code())
    }
}
