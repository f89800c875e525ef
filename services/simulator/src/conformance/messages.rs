//! What all messages have in common: items with ids, each of which can stand alone.

use envelope::{
    ItemId, Message,
    sealed::{PseudonymisedSubmission, RecodeRequest, ReturnedFeedback, SealedFeedback, SealedSubmission},
};
use hco_messages::{FeedbackDelivery, Submission};
use hd_messages::{Arrival, OutgoingFeedback, Validation, Verdict};

/// A message of items.
pub trait Items: Message + Clone + PartialEq + Send + Sync {
    /// The items' ids, in their order.
    fn ids(&self) -> Vec<ItemId>;

    /// The message with one of its items, under the same seals.
    #[must_use]
    fn alone(&self, place: usize) -> Self;
}

macro_rules! items {
    ($($message:ty),+) => {$(
        impl Items for $message {
            fn ids(&self) -> Vec<ItemId> {
                self.items.iter().map(|item| item.id).collect()
            }

            fn alone(&self, place: usize) -> Self {
                let mut alone = self.clone();
                alone.items = self.items.get(place).cloned().into_iter().collect();
                alone
            }
        }
    )+};
}

items!(
    Submission,
    SealedSubmission,
    PseudonymisedSubmission,
    Arrival,
    Validation,
    Verdict,
    OutgoingFeedback,
    SealedFeedback,
    ReturnedFeedback,
    FeedbackDelivery,
    RecodeRequest
);
