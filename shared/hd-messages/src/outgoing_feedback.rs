//! Step 6 back: HD4RES to healthdata's messaging client.

use envelope::{B64, ItemId, KeyIdHex, Message, items};
use registration::{ContentError, Feedback};
use serde::{Deserialize, Serialize};

/// Feedback for hospitals, clear. It may be for several; the messaging client makes a publication for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutgoingFeedback {
    /// The feedback.
    #[serde(deserialize_with = "items")]
    pub items: Vec<OutgoingItem>,
}

/// One piece of feedback, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutgoingItem {
    /// The item.
    pub id: ItemId,
    /// What came with the registration; opaque.
    pub handle: B64,
    /// The hospital's key that proved the content.
    pub hospital: KeyIdHex,
    /// The encoded feedback.
    pub feedback: B64,
}

impl OutgoingItem {
    /// The feedback.
    ///
    /// # Errors
    ///
    /// What the feedback's reader has against its bytes.
    pub fn feedback(&self) -> Result<Feedback, ContentError> {
        Feedback::decode(&self.feedback)
    }
}

impl Message for OutgoingFeedback {
    const TYPE: &'static str = "be.healthdata.precision.outgoing-feedback.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        let size = |item: &OutgoingItem| 140 + B64::encoded_len(item.handle.len()) + B64::encoded_len(item.feedback.len());
        self.items.iter().map(size).sum()
    }
}
