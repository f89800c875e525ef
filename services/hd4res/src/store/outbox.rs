//! The researcher's feedback on its way: from the act until the hospital's receipt.

use async_trait::async_trait;
use clock::Timestamp;
use envelope::ItemId;
use store::{Passage, StoreError};
use uuid::Uuid;

/// A feedback that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueFeedback {
    /// Its number in the store. An item id is one sender's, and so may come twice.
    pub feedback: i64,
    /// The item id under which it travels.
    pub item_id: Uuid,
    /// What the TTP needs to pass it back; opaque.
    pub handle: Vec<u8>,
    /// The id of the hospital's key.
    pub hospital: [u8; 8],
    /// The encoded feedback.
    pub bytes: Vec<u8>,
    /// When the broker confirmed it first; `None` when it never did.
    pub first_sent_at: Option<Timestamp>,
}

/// A feedback that the broker confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Its number in the store.
    pub feedback: i64,
    /// When it is due again without a receipt; `None` for never.
    pub next_send_at: Option<Timestamp>,
}

/// A receipt that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its item, which is derived from the feedback's.
    pub receipt: ItemId,
    /// The hospital, as the TTP calls it.
    pub sender: String,
    /// The registration that the feedback was about.
    pub registration_id: Uuid,
}

/// A feedback that was issued, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedFeedback {
    /// The item id under which it travels.
    pub item_id: Uuid,
    /// Its kind: the name of the feedback's kind.
    pub kind: String,
    /// The version that it answers.
    pub version: u32,
    /// When the researcher said it, or a verdict brought it about.
    pub at: Timestamp,
    /// When it is due to be sent, or sent again; `None` for never.
    pub next_send_at: Option<Timestamp>,
    /// When its receipt came.
    pub heard_at: Option<Timestamp>,
}

/// The feedback of HD4RES's store that is on its way. Every method is one transaction.
#[async_trait]
pub trait FeedbackOutbox: Send + Sync {
    /// Up to `limit` feedbacks that are due at `now`, those first that have been due for longest. What a later version or a deletion has
    /// answered in the meantime is sent no more.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DueFeedback>, StoreError>;

    /// When the next feedback is due.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Notes that the broker confirmed feedbacks. A receipt that was faster keeps them from being due again.
    async fn sent(&self, sent: &[Sent], at: Timestamp, passages: &[Passage]) -> Result<(), StoreError>;

    /// Notes receipts: these feedbacks are sent no more. A receipt for no feedback of its sender changes nothing.
    async fn heard(&self, heard: &[Heard], at: Timestamp, passages: &[Passage]) -> Result<(), StoreError>;

    /// Up to `limit` records behind `after`, in order, on which a feedback is to be sent, or sent again.
    async fn waiting(&self, after: i64, limit: u32) -> Result<Vec<i64>, StoreError>;

    /// All feedback on a record, oldest first.
    async fn of_record(&self, record: i64) -> Result<Vec<IssuedFeedback>, StoreError>;

    /// Makes all feedback without a receipt due at `now`, but for what was answered otherwise: a broker that ended may have lost it on its
    /// way. Says how many.
    async fn again(&self, now: Timestamp) -> Result<u64, StoreError>;
}
