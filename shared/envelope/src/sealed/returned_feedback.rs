//! Step 4 back: the TTP to a hospital's messaging client.

use serde::{Deserialize, Serialize};

use super::Encapsulation;
use crate::{B64, ItemId, Message, items};

/// Feedback for one hospital: identities sealed for the hospital by the TTP, feedback as healthdata sealed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnedFeedback {
    /// What the identities are sealed under: from the TTP to the hospital.
    pub identity: Encapsulation,
    /// What the feedback is sealed under, untouched.
    pub feedback: Encapsulation,
    /// The feedback.
    #[serde(deserialize_with = "items")]
    pub items: Vec<ReturnedItem>,
}

/// One piece of feedback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnedItem {
    /// The item.
    pub id: ItemId,
    /// The sealed identity part, which names the sealed feedback by its hash.
    pub identity: B64,
    /// The sealed feedback, untouched.
    pub feedback: B64,
}

impl Message for ReturnedFeedback {
    const TYPE: &'static str = "be.healthdata.precision.returned-feedback.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        self.items.iter().map(|item| 100 + B64::encoded_len(item.identity.len()) + B64::encoded_len(item.feedback.len())).sum()
    }
}
