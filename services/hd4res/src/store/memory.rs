//! HD4RES's store in memory, for simulations and tests.

mod outbox;
mod recode;
mod researcher;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use clock::Timestamp;
use recoding::memory::MemoryPairs;
use store::{Itinerary, LostAnswers, MemoryItinerary, Passage, StoreError, itinerary::Remnant};
use uuid::Uuid;

use super::{
    Acted, Arrived, FeedbackOutbox, Hd4resStore, HistoryEntry, Judged, KeptComment, PassagesOf, RecordStatus, ResearcherStore,
    Unvalidated, author,
    known::{Change, ItemKey, Known},
};
use crate::{
    receive::Reception,
    record::{Deed, Held, Issued, Note},
};

/// HD4RES's store in memory.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    itinerary: MemoryItinerary,
    /// Of what a researcher does.
    pub lost_answers: LostAnswers,
}

#[derive(Default)]
struct State {
    known: Known,
    records: BTreeMap<i64, Record>,
    items: BTreeMap<ItemKey, Item>,
    feedback: Vec<KeptFeedback>,
    effects: BTreeMap<[u8; 16], Acted>,
    incarnation: Option<Uuid>,
    pairs: MemoryPairs,
}

struct Record {
    held: Held,
    /// What brought the current version.
    arrived: Arrived,
    unique_id: Option<String>,
    comments: Vec<KeptComment>,
    history: Vec<HistoryEntry>,
}

struct Item {
    record: i64,
    version: u32,
}

struct KeptFeedback {
    record: i64,
    issued: Issued,
    handle: Vec<u8>,
    hospital: [u8; 8],
    first_sent_at: Option<Timestamp>,
    next_send_at: Option<Timestamp>,
    /// When it was issued.
    at: Timestamp,
    heard_at: Option<Timestamp>,
}

impl Record {
    fn first(change: &Change<'_>, status: RecordStatus) -> Self {
        let arrived = change.arrived;
        let held = Held {
            record: change.record,
            registration_id: arrived.registration_id,
            version: arrived.version,
            item_id: arrived.item_id,
            status,
            validated_version: 0,
            feedback_number: change.status_number,
            is_approved_automatically: arrived.is_approved_automatically,
        };
        let unique_id = (change.deleted() == 0).then(|| arrived.unique_id.clone());
        Self { held, arrived: arrived.clone(), unique_id, comments: Vec::new(), history: Vec::new() }
    }

    fn note(&mut self, note: Note, author: &str, at: Timestamp) {
        self.history.push(HistoryEntry { at, author: author.to_owned(), note });
    }
}

impl State {
    fn is_validated(&self, item: &Item) -> bool {
        self.records.get(&item.record).is_some_and(|record| record.held.validated_version >= item.version)
    }

    /// What is known of an item follows the verdicts, up to the moment at which its batch arrives.
    fn know_item(&mut self, arrived: &Arrived) {
        let key = (arrived.item_id, arrived.sender.clone());
        let is_validated = self.items.get(&key).is_some_and(|item| self.is_validated(item));
        if let Some(item) = self.known.items.get_mut(&key) {
            item.is_validated = is_validated;
        }
    }

    fn receive(&mut self, arrived: &Arrived, at: Timestamp) -> Reception {
        let (reception, change) = self.known.receive(arrived);
        if let Some(change) = change {
            self.items
                .insert((arrived.item_id, arrived.sender.clone()), Item { record: change.record, version: arrived.version });
            self.take(&change, at);
        }
        reception
    }

    fn take(&mut self, change: &Change<'_>, at: Timestamp) {
        if let Some(current) = change.current {
            let status = current.note.status;
            let record = self.records.entry(change.record).or_insert_with(|| Record::first(change, status));
            let fresh = Record::first(change, status);
            (record.held, record.arrived) = (fresh.held, fresh.arrived);
            record.comments.extend(change.arrived.answers.iter().cloned());
            record.note(current.note, author::HOSPITAL, at);
        } else if let Some(record) = self.records.get_mut(&change.record) {
            record.held.feedback_number = change.status_number;
        }
    }

    fn judge(&mut self, verdict: &Judged) -> bool {
        let Some(item) = self.items.get(&(verdict.item_id, verdict.sender.clone())) else { return false };
        let Some(record) = self.records.get_mut(&item.record) else { return false };
        let number = item.record;
        let judgement = record.held.judge(verdict.item_id, item.version, verdict.is_clean);
        if let Some(found) = judgement.found {
            record.note(found, author::DATA_WAREHOUSE, verdict.at);
        }
        if record.held.status == RecordStatus::Deleted && record.held.is_validated() {
            record.arrived.content.clear();
        }
        if let Some(approval) = judgement.approval {
            self.issue(number, approval, author::HD4RES, verdict.at);
        }
        self.know(number);
        true
    }

    /// Keeps a feedback and its line of history.
    fn issue(&mut self, number: i64, deed: Deed, author: &str, at: Timestamp) {
        let Some(record) = self.records.get_mut(&number) else { return };
        record.note(deed.note, author, at);
        self.feedback.push(KeptFeedback {
            record: number,
            issued: deed.feedback,
            handle: record.arrived.handle.clone(),
            hospital: record.arrived.hospital,
            first_sent_at: None,
            next_send_at: Some(Timestamp::EPOCH),
            at,
            heard_at: None,
        });
    }

    /// What arrivals are held against follows what was done to the record.
    fn know(&mut self, number: i64) {
        if let (Some(record), Some(known)) = (self.records.get(&number), self.known.records.get_mut(&number)) {
            (known.status, known.feedback_number) = (record.held.status, record.held.feedback_number);
        }
    }
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Itinerary for MemoryStore {
    async fn record(&self, passages: &[Passage]) -> Result<(), StoreError> {
        self.itinerary.record(passages).await
    }

    async fn passages(&self, after: i64, limit: u32) -> Result<Vec<(i64, Passage)>, StoreError> {
        self.itinerary.passages(after, limit).await
    }

    async fn last(&self) -> Result<i64, StoreError> {
        self.itinerary.last().await
    }

    async fn forget(&self, remnants: &[Remnant]) -> Result<(), StoreError> {
        self.itinerary.forget(remnants).await
    }
}

#[async_trait]
impl Hd4resStore for MemoryStore {
    async fn receive(&self, arrivals: &[Arrived], at: Timestamp, passages: PassagesOf<'_>) -> Result<Vec<Reception>, StoreError> {
        let mut state = self.lock();
        let arrivals = &state.translate(arrivals);
        arrivals.iter().for_each(|arrived| state.know_item(arrived));
        let receptions: Vec<Reception> = arrivals.iter().map(|arrived| state.receive(arrived, at)).collect();
        self.itinerary.append(&passages(&receptions));
        Ok(receptions)
    }

    async fn judge(&self, verdicts: &[Judged], passages: &[Passage]) -> Result<Vec<bool>, StoreError> {
        let mut state = self.lock();
        let judged = verdicts.iter().map(|verdict| state.judge(verdict)).collect();
        self.itinerary.append(passages);
        Ok(judged)
    }

    async fn unvalidated(&self, after: i64, limit: u32) -> Result<Vec<Unvalidated>, StoreError> {
        let state = self.lock();
        let behind = state.records.range(after.saturating_add(1)..).filter(|(_, record)| !record.held.is_validated());
        let unvalidated = behind.take(limit as usize).map(|(number, record)| Unvalidated {
            record: *number,
            item_id: record.arrived.item_id,
            sender: record.arrived.sender.clone(),
            pseudonym: record.arrived.pseudonym.clone(),
            content: record.arrived.content.clone(),
        });
        Ok(unvalidated.collect())
    }

    async fn validate_again(&self) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let living = state.records.values_mut().filter(|record| record.held.status != RecordStatus::Deleted);
        let validated: Vec<_> = living.filter(|record| record.held.validated_version > 0).collect();
        let again = validated.len() as u64;
        validated.into_iter().for_each(|record| record.held.validated_version = 0);
        Ok(again)
    }

    async fn validated(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        let state = self.lock();
        let of = |id: &Uuid| state.items.range((*id, String::new())..).next().filter(|(key, _)| key.0 == *id);
        let validated = items.iter().filter(|id| of(id).is_some_and(|(_, item)| state.is_validated(item)));
        Ok(validated.count() as u64)
    }

    async fn held(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        let state = self.lock();
        let is_held = |id: &&Uuid| state.items.range((**id, String::new())..).next().is_some_and(|(key, _)| key.0 == **id);
        Ok(items.iter().filter(is_held).count() as u64)
    }

    async fn records(&self) -> Result<u64, StoreError> {
        Ok(self.lock().records.len() as u64)
    }

    async fn status(&self, sender: &str, dcd: &str, unique_id: &str) -> Result<Option<RecordStatus>, StoreError> {
        let key = (dcd.to_owned(), unique_id.to_owned(), sender.to_owned());
        let state = self.lock();
        let record = state.known.living.get(&key).and_then(|record| state.records.get(record));
        Ok(record.map(|record| record.held.status))
    }

    async fn is_new_incarnation(&self, incarnation: Uuid) -> Result<bool, StoreError> {
        Ok(self.lock().incarnation != Some(incarnation))
    }

    async fn remember_incarnation(&self, incarnation: Uuid) -> Result<(), StoreError> {
        self.lock().incarnation = Some(incarnation);
        Ok(())
    }

    fn researcher(&self) -> &dyn ResearcherStore {
        self
    }

    fn outbox(&self) -> &dyn FeedbackOutbox {
        self
    }
}
