//! What HD4RES remembers: records under pseudonyms, every item that arrived, and all that the researcher said.

#[cfg(test)]
mod contract;
mod known;
mod memory;
mod outbox;
mod recode;
mod researcher;
mod sql;

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{Learning, Telling};
use registration::ContentKind;
use store::{Itinerary, Passage, StoreError};
use uuid::Uuid;

use crate::receive::Reception;

pub use crate::status::RecordStatus;
pub use memory::MemoryStore;
pub use outbox::{DueFeedback, FeedbackOutbox, Heard, IssuedFeedback, Sent};
pub use researcher::{
    Act, Acted, By, ColumnOf, Filter, HistoryEntry, KeptComment, RecordRow, RecordView, ResearcherStore, Seen, StatusCount,
    author,
};
pub use sql::SqlStore;

/// A registration that arrived, read and ready to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The item.
    pub item_id: Uuid,
    /// The sending hospital, as the TTP calls it.
    pub sender: String,
    /// The patient, as the TTP calls it.
    pub pseudonym: String,
    /// What the TTP called the patient in earlier epochs.
    pub recoded_from: Vec<String>,
    /// The id of the hospital's key, to seal answers for it.
    pub hospital: [u8; 8],
    /// What the TTP needs to pass an answer back; opaque.
    pub handle: Vec<u8>,
    /// The registration.
    pub registration_id: Uuid,
    /// Its version.
    pub version: u32,
    /// Registration or deletion.
    pub kind: ContentKind,
    /// Technical name of its definition.
    pub dcd: String,
    /// Version of its definition.
    pub dcd_version: u32,
    /// Whether its definition approves it as soon as a verdict is clean.
    pub is_approved_automatically: bool,
    /// Its unique id in healthdata's form: the pseudonym stands for the patient. Empty for a deletion, whose content has no cells.
    pub unique_id: String,
    /// What the hospital says to the researcher's comments.
    pub answers: Vec<KeptComment>,
    /// The encoded content.
    pub content: Vec<u8>,
    /// Its SHA-256.
    pub content_hash: [u8; 32],
}

/// What the data warehouse said of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The item.
    pub item_id: Uuid,
    /// Its sender.
    pub sender: String,
    /// Whether nothing was found.
    pub is_clean: bool,
    /// When HD4RES took it in.
    pub at: Timestamp,
}

/// A record that the data warehouse has not validated yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unvalidated {
    /// Position of the record, to continue behind it.
    pub record: i64,
    /// The item.
    pub item_id: Uuid,
    /// Its sender.
    pub sender: String,
    /// The patient.
    pub pseudonym: String,
    /// The encoded content.
    pub content: Vec<u8>,
}

/// Makes the passages of a batch once it is decided what each arrival is.
pub type PassagesOf<'a> = &'a (dyn Fn(&[Reception]) -> Vec<Passage> + Sync);

/// HD4RES's store. Every method is one transaction.
#[async_trait]
pub trait Hd4resStore: Itinerary + Telling + Learning {
    /// Keeps what is new among the arrivals, and says of each what it is. A deletion takes its registration's content away, and its own
    /// stays until its verdict.
    async fn receive(&self, arrivals: &[Arrived], at: Timestamp, passages: PassagesOf<'_>) -> Result<Vec<Reception>, StoreError>;

    /// Notes verdicts; a verdict about an item that never arrived is `false`. A verdict about an earlier version than the one held
    /// changes nothing else; a clean one about the current version also approves it where the definition says so.
    async fn judge(&self, verdicts: &[Judged], passages: &[Passage]) -> Result<Vec<bool>, StoreError>;

    /// Up to `limit` records behind `after` that wait for a verdict on their latest version.
    async fn unvalidated(&self, after: i64, limit: u32) -> Result<Vec<Unvalidated>, StoreError>;

    /// Has all living records wait for a verdict again, and says how many: for a data warehouse that forgot what it checked.
    async fn validate_again(&self) -> Result<u64, StoreError>;

    /// How many of `items` have a verdict, on their version or a later one of their record.
    async fn validated(&self, items: &[Uuid]) -> Result<u64, StoreError>;

    /// How many of `items` arrived.
    async fn held(&self, items: &[Uuid]) -> Result<u64, StoreError>;

    /// How many records there are.
    async fn records(&self) -> Result<u64, StoreError>;

    /// The status of the living record of a unique id, or of one that was deleted.
    async fn status(&self, sender: &str, dcd: &str, unique_id: &str) -> Result<Option<RecordStatus>, StoreError>;

    /// Whether the broker's incarnation is another one than the one that was remembered last, so that what was on its way is gone.
    async fn is_new_incarnation(&self, incarnation: Uuid) -> Result<bool, StoreError>;

    /// Remembers the broker's incarnation: everything that was on its way on the one before has been sent again.
    async fn remember_incarnation(&self, incarnation: Uuid) -> Result<(), StoreError>;

    /// The researcher's side.
    fn researcher(&self) -> &dyn ResearcherStore;

    /// The feedback that waits to be sent, or for its receipt.
    fn outbox(&self) -> &dyn FeedbackOutbox;
}
