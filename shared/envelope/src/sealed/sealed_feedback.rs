//! Step 5 back: healthdata's messaging client to the TTP.

use serde::{Deserialize, Serialize};

use super::Encapsulation;
use crate::{B64, ItemId, Message, items};

/// Feedback for one hospital: return parts sealed for the TTP, feedback sealed for the hospital.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedFeedback {
    /// What the return parts are sealed under: from healthdata to the TTP.
    pub r#return: Encapsulation,
    /// What the feedback is sealed under: from healthdata to the hospital.
    pub feedback: Encapsulation,
    /// The feedback.
    #[serde(deserialize_with = "items")]
    pub items: Vec<SealedFeedbackItem>,
}

/// One piece of feedback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedFeedbackItem {
    /// The item.
    pub id: ItemId,
    /// The sealed return part: the handle, and the hash of the sealed feedback.
    pub r#return: B64,
    /// The sealed feedback.
    pub feedback: B64,
}

impl Message for SealedFeedback {
    const TYPE: &'static str = "be.healthdata.precision.sealed-feedback.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        self.items.iter().map(|item| 100 + B64::encoded_len(item.r#return.len()) + B64::encoded_len(item.feedback.len())).sum()
    }
}
