//! The researcher's side of the store: acts, and looking at records.

use std::fmt;

use async_trait::async_trait;
use clock::Timestamp;
use registration::Place;
use store::StoreError;
use uuid::Uuid;

use crate::{
    record::{ActRefusal, Action, Note},
    status::RecordStatus,
};

/// Who stands in a record's history for what no member of staff did.
pub mod author {
    /// What arrives.
    pub const HOSPITAL: &str = "hospital";
    /// Verdicts.
    pub const DATA_WAREHOUSE: &str = "data warehouse";
    /// Automatic approvals and confirmed feedback.
    pub const HD4RES: &str = "hd4res";
}

/// The column of a place in a definition of this name and version.
pub type ColumnOf<'a> = &'a (dyn Fn(&str, u32, Place) -> Option<String> + Sync);

/// What a researcher looked at before acting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The record's version.
    pub version: u32,
    /// Its status.
    pub status: RecordStatus,
}

/// Who acts, on what, and under which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'a> {
    /// The role, for instance `researcher`; never a person or a patient.
    pub author: &'a str,
    /// What was looked at; none for whoever acts on the record as it stands.
    pub seen: Option<Seen>,
    /// The effect's id: what is asked for under a known one was done before. None for whoever does not ask twice.
    pub effect: Option<[u8; 16]>,
}

impl<'a> By<'a> {
    /// Somebody who acts on the record as it stands, once.
    #[must_use]
    pub const fn role(author: &'a str) -> Self {
        Self { author, seen: None, effect: None }
    }
}

/// An act among others.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// The record.
    pub record: i64,
    /// What is done to it.
    pub action: &'a Action,
    /// By whom, on what they looked at, under which request.
    pub by: By<'a>,
}

/// What became of an act of the researcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acted {
    /// The record's status now.
    pub status: RecordStatus,
    /// The version that was acted on.
    pub version: u32,
    /// Number of the feedback.
    pub number: u64,
    /// The item id under which the feedback travels.
    pub item_id: Uuid,
}

/// A researcher's remark, or a hospital's answer to one, as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptComment {
    /// Number of the feedback that carries it, or that it answers.
    pub number: u64,
    /// The version that it is about; of an answer, the version that it came with.
    pub version: u32,
    /// The column that it is about; none when it is about the registration.
    pub column: Option<String>,
    /// What was written.
    pub text: String,
    /// The role of who wrote it; [`author::HOSPITAL`] for an answer.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

impl fmt::Debug for KeptComment {
    /// Prints no text: people write anything into a remark.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptComment").field("number", &self.number).field("column", &self.column).finish_non_exhaustive()
    }
}

/// A line of a record's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// The role of who did it, or one of [`author`].
    pub author: String,
    /// What happened.
    pub note: Note,
}

/// A record in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// The record's number: what [`ResearcherStore::act`] takes, and a list continues behind.
    pub record: i64,
    /// The sending hospital, as the TTP calls it.
    pub sender: String,
    /// Technical name of its definition.
    pub dcd: String,
    /// Version of its definition.
    pub dcd_version: u32,
    /// Its unique id in healthdata's form; none for what was deleted before it arrived.
    pub unique_id: Option<String>,
    /// Its status.
    pub status: RecordStatus,
    /// The registration.
    pub registration_id: Uuid,
    /// The current version.
    pub version: u32,
    /// Whether the current version has a verdict.
    pub is_validated: bool,
}

/// A record, with all that was said about it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordView {
    /// The record.
    pub row: RecordRow,
    /// The patient, as the TTP calls it.
    pub pseudonym: String,
    /// The encoded content of the current version; empty once the verdict on a deletion came.
    pub content: Vec<u8>,
    /// The comments and the answers to them, oldest first.
    pub comments: Vec<KeptComment>,
    /// What happened, oldest first. A clean verdict leaves no line: it shows in `is_validated`.
    pub history: Vec<HistoryEntry>,
}

impl fmt::Debug for RecordView {
    /// Prints no content and no pseudonym.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, comments, history, .. } = self;
        f.debug_struct("RecordView")
            .field("record", &row.record)
            .field("status", &row.status)
            .field("comments", comments)
            .field("history", history)
            .finish_non_exhaustive()
    }
}

/// How many records of a register have a status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusCount {
    /// Technical name of the register.
    pub dcd: String,
    /// The status.
    pub status: RecordStatus,
    /// How many records have it.
    pub count: u64,
}

/// Which records a list shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Those of this definition only.
    pub dcd: Option<String>,
    /// Those of this status only.
    pub status: Option<RecordStatus>,
}

/// The researcher's side of HD4RES's store. Every method is one transaction.
#[async_trait]
pub trait ResearcherStore: Send + Sync {
    /// Acts on a record: its new status, the feedback, the comments and the line of history, and the effect's id, or none of it. Refused when
    /// the record is not as it was seen; an act whose effect is known is answered as it was, and not done again.
    async fn act(
        &self,
        record: i64,
        action: &Action,
        columns: ColumnOf<'_>,
        by: &By<'_>,
        at: Timestamp,
    ) -> Result<Result<Acted, ActRefusal>, StoreError>;

    /// Acts on many records in one transaction, on each as [`ResearcherStore::act`] does. One that is refused does not keep the others from it;
    /// the answers are in the order of the acts.
    async fn act_on_all(
        &self,
        acts: &[Act<'_>],
        columns: ColumnOf<'_>,
        at: Timestamp,
    ) -> Result<Vec<Result<Acted, ActRefusal>>, StoreError>;

    /// The records of a unique id, of one sender or of all, oldest first.
    async fn find(&self, sender: Option<&str>, dcd: &str, unique_id: &str) -> Result<Vec<i64>, StoreError>;

    /// The record of a registration: the living one, or else its tombstone.
    async fn of_registration(&self, registration_id: Uuid) -> Result<Option<i64>, StoreError>;

    /// The record that an item came for; the first of those of several senders.
    async fn of_item(&self, item_id: Uuid) -> Result<Option<i64>, StoreError>;

    /// The items that came for a record, with their versions, in order of these. Looks through all items: for the few records of a report.
    async fn items(&self, record: i64) -> Result<Vec<(Uuid, u32)>, StoreError>;

    /// A record.
    async fn view(&self, record: i64) -> Result<Option<RecordView>, StoreError>;

    /// Those of these records that are there, in order of their numbers.
    async fn rows(&self, records: &[i64]) -> Result<Vec<RecordRow>, StoreError>;

    /// Up to `limit` records behind the record `after`.
    async fn list(&self, filter: &Filter, after: Option<i64>, limit: u32) -> Result<Vec<RecordRow>, StoreError>;

    /// How many records there are by register and status, in this order; none for what is not there.
    async fn counts(&self) -> Result<Vec<StatusCount>, StoreError>;
}
