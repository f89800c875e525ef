//! HD4DP's store on its disk.

use async_trait::async_trait;
use clock::Timestamp;
use hd4dp::{
    options::UploadOptions,
    status::State,
    store::{
        Backlog, By, Change, Creation, Current, Draft, Entry, Expected, Facet, Filter, Hd4dpStore, IndexStore, Intake, Known,
        Latest, LifeStore, Listed, NewUpload, NewVersion, Outgoing, Progress, Received, Report, ReportPart, Seen, Sending, Sent,
        Tally, UploadId, UploadStore, UploadView, UploadedItem, View, Wish,
    },
};
use store::{Passage, StoreError};
use uuid::Uuid;

use super::OnDisk;

#[async_trait]
impl IndexStore for OnDisk<dyn Hd4dpStore> {
    async fn changes(&self, limit: u32) -> Result<Vec<Change>, StoreError> {
        self.store.changes(limit).await
    }

    async fn values(&self, registrations: &[Uuid]) -> Result<Vec<(String, Current)>, StoreError> {
        self.store.values(registrations).await
    }

    async fn index(&self, entries: &[Entry], up_to: i64) -> Result<(), StoreError> {
        self.write()?;
        self.store.index(entries, up_to).await
    }

    async fn of_patient(&self, patient_tag: [u8; 16], limit: u32) -> Result<Vec<Uuid>, StoreError> {
        self.store.of_patient(patient_tag, limit).await
    }

    async fn patients(&self, after: Option<[u8; 16]>, limit: u32) -> Result<Vec<[u8; 16]>, StoreError> {
        self.store.patients(after, limit).await
    }

    async fn with_value(&self, facet: Facet, after: Option<Uuid>, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        self.store.with_value(facet, after, limit, now).await
    }
}

#[async_trait]
impl UploadStore for OnDisk<dyn Hd4dpStore> {
    async fn open_upload(&self, upload: &NewUpload<'_>, at: Timestamp) -> Result<UploadId, StoreError> {
        self.write()?;
        self.store.open_upload(upload, at).await
    }

    async fn end_upload(
        &self,
        upload: UploadId,
        progress: Progress,
        reports: &[ReportPart],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write()?;
        self.store.end_upload(upload, progress, reports, at).await
    }

    // Whoever starts says so in the place of what was cut off, which takes no room: a process starts on a full disk, too.
    async fn cut_off(&self) -> Result<(), StoreError> {
        self.store.cut_off().await
    }

    async fn upload(&self, upload: UploadId) -> Result<Option<UploadView>, StoreError> {
        self.store.upload(upload).await
    }

    async fn claimed(&self, claim: &str) -> Result<Option<UploadView>, StoreError> {
        self.store.claimed(claim).await
    }

    async fn uploads(&self, dcd: Option<&str>, before: Option<UploadId>, limit: u32) -> Result<Vec<UploadView>, StoreError> {
        self.store.uploads(dcd, before, limit).await
    }

    async fn report(&self, upload: UploadId, report: Report) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.report(upload, report).await
    }

    async fn default_options(&self, dcd: &str) -> Result<Option<UploadOptions>, StoreError> {
        self.store.default_options(dcd).await
    }

    async fn set_default_options(
        &self,
        dcd: &str,
        options: &UploadOptions,
        author: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write()?;
        self.store.set_default_options(dcd, options, author, at).await
    }
}

#[async_trait]
impl LifeStore for OnDisk<dyn Hd4dpStore> {
    async fn made_by(&self, versions: &[(Uuid, u32)]) -> Result<Vec<Option<(String, u32)>>, StoreError> {
        self.store.made_by(versions).await
    }

    async fn feedback(&self, received: &[Received], at: Timestamp, passages: &[Passage]) -> Result<u64, StoreError> {
        self.write()?;
        self.store.feedback(received, at, passages).await
    }

    async fn reopen(&self, registration_id: Uuid, by: By<'_>, at: Timestamp) -> Wish<State> {
        self.write()?;
        self.store.reopen(registration_id, by, at).await
    }

    async fn save(&self, registration_id: Uuid, draft: &Draft, by: By<'_>, at: Timestamp) -> Wish<State> {
        self.write()?;
        self.store.save(registration_id, draft, by, at).await
    }

    async fn latest(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<Latest>, StoreError> {
        self.store.latest(registration_id, now).await
    }

    async fn advance(&self, new: &NewVersion, seen: Option<Seen>, at: Timestamp) -> Wish<bool> {
        self.write()?;
        self.store.advance(new, seen, at).await
    }

    async fn create(&self, creation: &Creation, at: Timestamp) -> Wish<()> {
        self.write()?;
        self.store.create(creation, at).await
    }

    async fn remove(&self, registration_id: Uuid, seen: Option<Seen>, now: Timestamp) -> Wish<()> {
        self.write()?;
        self.store.remove(registration_id, seen, now).await
    }

    async fn current(&self, dcd: &str, after: Uuid, limit: u32) -> Result<Vec<Current>, StoreError> {
        self.store.current(dcd, after, limit).await
    }

    async fn registration(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<View>, StoreError> {
        self.store.registration(registration_id, now).await
    }

    async fn list(&self, filter: &Filter, after: Option<Uuid>, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        self.store.list(filter, after, limit, now).await
    }

    async fn listed(&self, registrations: &[Uuid], now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        self.store.listed(registrations, now).await
    }
}

#[async_trait]
impl Hd4dpStore for OnDisk<dyn Hd4dpStore> {
    async fn known(&self, dcd: &str, unique_keys: &[String]) -> Result<Vec<Option<Known>>, StoreError> {
        self.store.known(dcd, unique_keys).await
    }

    async fn submit(&self, upload: UploadId, intake: &Intake, at: Timestamp) -> Result<u64, StoreError> {
        self.write()?;
        self.store.submit(upload, intake, at).await
    }

    async fn sent(&self, sent: &[Sent], at: Timestamp, passages: &[Passage]) -> Result<(), StoreError> {
        self.write()?;
        self.store.sent(sent, at, passages).await
    }

    async fn unanswered(&self, after: Uuid, all: bool, limit: u32) -> Result<Vec<Outgoing>, StoreError> {
        self.store.unanswered(after, all, limit).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Outgoing>, StoreError> {
        self.store.due(now, limit).await
    }

    async fn waiting_registrations(&self, after: Uuid, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        self.store.waiting_registrations(after, limit).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_due().await
    }

    async fn expected(&self, versions: &[(Uuid, u32)]) -> Result<Vec<Option<Expected>>, StoreError> {
        self.store.expected(versions).await
    }

    async fn confirm(&self, versions: &[(Uuid, u32)], at: Timestamp, passages: &[Passage]) -> Result<u64, StoreError> {
        self.write()?;
        self.store.confirm(versions, at, passages).await
    }

    async fn send_again(&self, since: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        self.write()?;
        self.store.send_again(since, now).await
    }

    async fn waiting(&self) -> Result<u64, StoreError> {
        self.store.waiting().await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.store.backlog().await
    }

    async fn sending(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<Sending>, StoreError> {
        self.store.sending(registration_id, now).await
    }

    async fn tally(&self, upload: UploadId) -> Result<Tally, StoreError> {
        self.store.tally(upload).await
    }

    async fn uploaded(&self, upload: UploadId, after: Option<UploadedItem>, limit: u32) -> Result<Vec<UploadedItem>, StoreError> {
        self.store.uploaded(upload, after, limit).await
    }

    async fn is_confirmed(&self, item_id: Uuid) -> Result<Option<bool>, StoreError> {
        self.store.is_confirmed(item_id).await
    }

    async fn registration_of(&self, item_id: Uuid) -> Result<Option<Uuid>, StoreError> {
        self.store.registration_of(item_id).await
    }

    async fn all_values(&self, registration_id: Uuid) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
        self.store.all_values(registration_id).await
    }

    async fn due_at(&self, registration_id: Uuid) -> Result<Option<Timestamp>, StoreError> {
        self.store.due_at(registration_id).await
    }

    async fn is_new_incarnation(&self, incarnation: Uuid) -> Result<bool, StoreError> {
        self.store.is_new_incarnation(incarnation).await
    }

    async fn remember_incarnation(&self, incarnation: Uuid) -> Result<(), StoreError> {
        self.write()?;
        self.store.remember_incarnation(incarnation).await
    }
}
