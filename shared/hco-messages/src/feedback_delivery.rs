//! Step 3 back: the hospital's messaging client to HD4DP.

use envelope::{B64, ItemId, Message, items};
use identifying::Identity;
use registration::{ContentError, Feedback};
use serde::{Deserialize, Serialize};

use crate::ClearIdentity;

/// Feedback for one hospital, clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackDelivery {
    /// The feedback.
    #[serde(deserialize_with = "items")]
    pub items: Vec<DeliveredItem>,
}

/// One piece of feedback, and whom it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveredItem {
    /// The item.
    pub id: ItemId,
    /// The patient: HD4DP refuses feedback about a patient that the registration does not belong to.
    pub identity: ClearIdentity,
    /// The encoded feedback.
    pub feedback: B64,
}

impl DeliveredItem {
    /// An item of `feedback`, encoded, about `identity`.
    #[must_use]
    pub fn new(id: ItemId, identity: &Identity, feedback: Vec<u8>) -> Self {
        Self { id, identity: identity.into(), feedback: B64(feedback) }
    }

    /// The feedback.
    ///
    /// # Errors
    ///
    /// What the feedback's reader has against its bytes.
    pub fn feedback(&self) -> Result<Feedback, ContentError> {
        Feedback::decode(&self.feedback)
    }
}

impl Message for FeedbackDelivery {
    const TYPE: &'static str = "be.healthdata.precision.feedback.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        self.items.iter().map(|item| 120 + item.identity.size() + B64::encoded_len(item.feedback.len())).sum()
    }
}
