//! What HD4DP remembers: registrations with all their versions, what it still waits for an answer to, and the uploads.

#[cfg(test)]
mod contract;
mod index;
mod life;
mod memory;
mod sql;
mod uploads;
mod values;

use async_trait::async_trait;
use clock::Timestamp;
use registration::{Answer, Attachment, ContentKind};
use store::{Itinerary, Passage, StoreError};
use uuid::Uuid;

pub use index::{Change, Entry, Facet, IndexStore};
pub use life::{
    By, CommentView, FeedbackKind, Filter, HistoryEntry, Latest, LifeStore, Listed, Received, Refusal, Seen, VersionView, View,
    Wish,
};
pub use memory::MemoryStore;
pub use sql::SqlStore;
pub use uploads::{NewUpload, Progress, Report, ReportPart, UploadStore, UploadView, Way};
pub use values::{Creation, Current, Draft, Kept};

use crate::status::Status;

/// Names an upload: one call that brought a file's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UploadId(pub i64);

impl UploadId {
    /// Stands for no upload: with versions that a person made.
    pub const BY_HAND: Self = Self(0);
}

/// One version of a registration, ready to be written down. Holds everything that the hospital knows of the patient, so it prints
/// its ids only.
#[derive(Clone)]
pub struct NewVersion {
    /// The registration, the same over all its versions.
    pub registration_id: Uuid,
    /// 1 for the first submission, then rising by one.
    pub version: u32,
    /// Registration or deletion.
    pub kind: ContentKind,
    /// Who made it by hand; `None` for a file's row.
    pub author: Option<String>,
    /// Names this version on its way.
    pub item_id: Uuid,
    /// Technical name of its definition.
    pub dcd: String,
    /// Version of its definition.
    pub dcd_version: u32,
    /// The values of the definition's unique id. It may contain a national number (Treatment's does), so it never leaves the store.
    pub unique_key: String,
    /// The hospital's own tag of the patient, to recognise the identity that comes back with an answer.
    pub patient_tag: [u8; 16],
    /// All values, as [`crate::row`] writes them.
    pub cells: Vec<u8>,
    /// Equal for equal rows.
    pub row_hash: [u8; 32],
    /// Hash of the content that was made of it.
    pub content_hash: [u8; 32],
    /// Its attachments.
    pub attachments: Vec<Attachment>,
    /// What the hospital says to a researcher's comments with it.
    pub answers: Vec<Answer>,
}

impl std::fmt::Debug for NewVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewVersion")
            .field("registration_id", &self.registration_id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What is known of a registration when a row with its unique id arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The registration.
    pub registration_id: Uuid,
    /// Its latest version; 0 when none was submitted yet.
    pub version: u32,
    /// The latest version's row; none when none was submitted yet.
    pub row_hash: Option<[u8; 32]>,
    /// Whether the latest version was confirmed, or there is none to confirm.
    pub confirmed: bool,
    /// The status, where a person brought it about; `None` for Sending and Submitted.
    pub status: Option<Status>,
}

/// What one batch of an upload changes, all in one transaction.
#[derive(Debug, Default)]
pub struct Intake {
    /// New registrations and new versions of known ones.
    pub versions: Vec<NewVersion>,
    /// Rows that are kept and not sent. They come before `versions`, which may end them.
    pub kept: Vec<Kept>,
    /// Registrations whose row equals the stored one, with their latest version.
    pub unchanged: Vec<(Uuid, u32)>,
    /// Rows read in this batch, whatever became of them.
    pub attempted: u64,
    /// Rows refused in this batch.
    pub rejected: u64,
    /// Rows taken in about which something is to be said.
    pub warned: u64,
    /// What these rows add to the upload's reports, where the store keeps them.
    pub reports: Vec<ReportPart>,
}

/// A version that waits for its answer.
#[derive(Clone)]
pub struct Outgoing {
    /// The registration.
    pub registration_id: Uuid,
    /// Its version.
    pub version: u32,
    /// Registration or deletion.
    pub kind: ContentKind,
    /// The version's item.
    pub item_id: Uuid,
    /// Technical name of its definition.
    pub dcd: String,
    /// Version of its definition.
    pub dcd_version: u32,
    /// All values, as [`crate::row`] writes them.
    pub cells: Vec<u8>,
    /// Its attachments.
    pub attachments: Vec<Attachment>,
    /// What the hospital says with it.
    pub answers: Vec<Answer>,
    /// When it was first handed over to the messaging client; `None` when it never was.
    pub first_sent_at: Option<Timestamp>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("item_id", &self.item_id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// A version that the messaging client took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The registration.
    pub registration_id: Uuid,
    /// Its version.
    pub version: u32,
    /// When it is due again without an answer; `None` for never.
    pub next_send_at: Option<Timestamp>,
}

/// What a STATUS is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The version's item.
    pub item_id: Uuid,
    /// The patient's tag.
    pub patient_tag: [u8; 16],
    /// Hash of the content that was sent.
    pub content_hash: [u8; 32],
}

/// Where a version stands on its way, as the confirmation column of HD4DP shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sending {
    /// Written down, not yet taken over by the messaging client: status Sending.
    Sending,
    /// Taken over: Submitted, confirmation Pending.
    Pending,
    /// Taken over 48 hours ago or more without an answer: Submitted, confirmation NOK.
    Nok,
    /// Its STATUS arrived: Submitted, confirmation OK.
    Ok,
}

/// The figures of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Rows read.
    pub attempted: u64,
    /// Rows that became a version, were kept, or leave the stored registration as it is.
    pub accepted: u64,
    /// Rows refused.
    pub rejected: u64,
    /// Rows that equal the stored one or gave way to it (part of `accepted`).
    pub unchanged: u64,
    /// Rows that were kept as Open registrations and not sent (part of `accepted`).
    pub kept: u64,
    /// Accepted rows whose version was confirmed.
    pub confirmed: u64,
}

/// One accepted row of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UploadedItem {
    /// The registration.
    pub registration_id: Uuid,
    /// The version that the row made, or that it equals.
    pub version: u32,
    /// That version's item.
    pub item_id: Uuid,
}

/// Versions that were submitted and have no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Not taken over by the messaging client yet.
    pub unsent: u64,
    /// Sent, and sent again as long as no answer comes.
    pub sent: u64,
    /// Sent for ten days without an answer, and given up.
    pub given_up: u64,
    /// When the oldest of those that are still sent again was sent first.
    pub oldest_sent_at: Option<Timestamp>,
}

/// HD4DP's store. Every method is one transaction.
#[async_trait]
pub trait Hd4dpStore: Itinerary + LifeStore + UploadStore + IndexStore {
    /// Opens an upload by a command. `file` is its name for the hospital's own overview.
    async fn begin_upload(&self, file: &str, dcd: &str, at: Timestamp) -> Result<UploadId, StoreError> {
        self.open_upload(&NewUpload { file, dcd, way: Way::Command, author: "", claim: None }, at).await
    }

    /// What is known under each of `unique_keys`, in their order.
    async fn known(&self, dcd: &str, unique_keys: &[String]) -> Result<Vec<Option<Known>>, StoreError>;

    /// Writes a batch down: kept rows, versions, their outbox rows, and the upload's figures. A new version takes the outbox row of the one
    /// before it, which is sent no more, and ends what was kept or asked for before it. Returns how many more registrations wait for an
    /// answer than before.
    async fn submit(&self, upload: UploadId, intake: &Intake, at: Timestamp) -> Result<u64, StoreError>;

    /// Notes that versions were taken over by the messaging client. What was answered or overtaken in between stays as it is.
    async fn sent(&self, sent: &[Sent], at: Timestamp, passages: &[Passage]) -> Result<(), StoreError>;

    /// Up to `limit` unanswered versions behind registration `after`, in order of their ids: those never taken over, or `all`. Not those
    /// whose registration was reopened.
    async fn unanswered(&self, after: Uuid, all: bool, limit: u32) -> Result<Vec<Outgoing>, StoreError>;

    /// Up to `limit` versions that are due to be sent again at `now`.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Outgoing>, StoreError>;

    /// When the next version is due to be sent again.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// What is expected of a STATUS for each of `versions`, in their order; `None` for one that this hospital never sent.
    async fn expected(&self, versions: &[(Uuid, u32)]) -> Result<Vec<Option<Expected>>, StoreError>;

    /// Notes that versions were confirmed, and returns how many of them were waiting. One that was confirmed before changes nothing.
    async fn confirm(&self, versions: &[(Uuid, u32)], at: Timestamp, passages: &[Passage]) -> Result<u64, StoreError>;

    /// Up to `limit` registrations behind `after`, in order of their ids, whose latest version has no answer, also those that were given up or reopened.
    async fn waiting_registrations(&self, after: Uuid, limit: u32) -> Result<Vec<Uuid>, StoreError>;

    /// Has the latest version of each registration that was answered since a moment sent once more, from `now` on: it waits for an answer again, and
    /// stays confirmed meanwhile. Says how many. For a healthdata that forgot what it answered.
    async fn send_again(&self, since: Timestamp, now: Timestamp) -> Result<u64, StoreError>;

    /// How many versions wait for an answer, behind every write that began before, also one whose caller was not told how it ended.
    async fn waiting(&self) -> Result<u64, StoreError>;

    /// The same in detail, without those that were reopened meanwhile.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// Where the latest version of a registration stands at `now`.
    async fn sending(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<Sending>, StoreError>;

    /// The figures of an upload.
    async fn tally(&self, upload: UploadId) -> Result<Tally, StoreError>;

    /// Up to `limit` accepted rows of an upload behind `after`, in order.
    async fn uploaded(&self, upload: UploadId, after: Option<UploadedItem>, limit: u32) -> Result<Vec<UploadedItem>, StoreError>;

    /// Whether the version of an item was confirmed; `None` for an item that is not this hospital's. Looks through all versions: for
    /// the few items of a report.
    async fn is_confirmed(&self, item_id: Uuid) -> Result<Option<bool>, StoreError>;

    /// The registration of an item; `None` for an item that is not this hospital's. Looks through all versions, as
    /// [`is_confirmed`](Self::is_confirmed) does.
    async fn registration_of(&self, item_id: Uuid) -> Result<Option<Uuid>, StoreError>;

    /// The values of all versions of a registration and of what was kept since, each with the version of its definition, as
    /// [`crate::row`] writes them: for looking whether something holds one.
    async fn all_values(&self, registration_id: Uuid) -> Result<Vec<(u32, Vec<u8>)>, StoreError>;

    /// When the latest version of a registration is due to be sent again; `None` for never.
    async fn due_at(&self, registration_id: Uuid) -> Result<Option<Timestamp>, StoreError>;

    /// Whether the broker's incarnation is another one than the one that was remembered last, so that what was on its way is gone.
    async fn is_new_incarnation(&self, incarnation: Uuid) -> Result<bool, StoreError>;

    /// Remembers the broker's incarnation: everything that was on its way on the one before has been sent again.
    async fn remember_incarnation(&self, incarnation: Uuid) -> Result<(), StoreError>;
}

/// Where a version stands, from what the store holds of it.
pub(crate) fn sending(confirmed: bool, first_sent_at: Option<Timestamp>, now: Timestamp) -> Sending {
    match first_sent_at {
        _ if confirmed => Sending::Ok,
        None => Sending::Sending,
        Some(first) if now >= first.plus(host::resend::NOK_AFTER) => Sending::Nok,
        Some(_) => Sending::Pending,
    }
}
