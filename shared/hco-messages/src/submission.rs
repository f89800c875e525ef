//! Step 3: HD4DP to the hospital's messaging client.

use envelope::{B64, ItemId, Message, items};
use identifying::Identity;
use registration::{Content, ContentError};
use serde::{Deserialize, Serialize};

use crate::ClearIdentity;

/// Registrations of one hospital, clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The registrations.
    #[serde(deserialize_with = "items")]
    pub items: Vec<SubmissionItem>,
}

/// One registration: whose it is, and what healthdata may have of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmissionItem {
    /// The item.
    pub id: ItemId,
    /// The patient.
    pub identity: ClearIdentity,
    /// The encoded content.
    pub content: B64,
}

impl SubmissionItem {
    /// An item of `content`, encoded, about `identity`.
    #[must_use]
    pub fn new(id: ItemId, identity: &Identity, content: Vec<u8>) -> Self {
        Self { id, identity: identity.into(), content: B64(content) }
    }

    /// The content.
    ///
    /// # Errors
    ///
    /// What the content's reader has against its bytes.
    pub fn content(&self) -> Result<Content, ContentError> {
        Content::decode(&self.content)
    }
}

impl Message for Submission {
    const TYPE: &'static str = "be.healthdata.precision.submission.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        self.items.iter().map(|item| 120 + item.identity.size() + B64::encoded_len(item.content.len())).sum()
    }
}
