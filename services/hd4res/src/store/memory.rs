//! HD4RES's store in memory, for simulations and tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use clock::Timestamp;
use store::{Itinerary, MemoryItinerary, Passage, StoreError};
use uuid::Uuid;

use super::{Arrived, Hd4resStore, Judged, PassagesOf, RecordStatus, Unvalidated};
use crate::receive::{KnownItem, KnownRecord, Reception, receive};

/// HD4RES's store in memory.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    itinerary: MemoryItinerary,
}

type Key = (String, String, String);

#[derive(Default)]
struct State {
    records: BTreeMap<Key, Record>,
    items: BTreeMap<(Uuid, String), Item>,
    incarnation: Option<Uuid>,
}

struct Record {
    number: i64,
    arrived: Arrived,
    status: RecordStatus,
    validated_version: u32,
    feedback_number: u64,
}

struct Item {
    key: Key,
    version: u32,
    content_hash: [u8; 32],
    status_number: u64,
}

impl State {
    fn is_validated(&self, item: &Item) -> bool {
        self.records.get(&item.key).is_some_and(|record| record.validated_version >= item.version)
    }

    fn receive(&mut self, arrived: &Arrived) -> Reception {
        let key = (arrived.dcd.clone(), arrived.unique_id.clone(), arrived.sender.clone());
        let item_key = (arrived.item_id, arrived.sender.clone());
        let item = self.items.get(&item_key).map(|item| KnownItem {
            content_hash: item.content_hash,
            status_number: item.status_number,
            is_validated: self.is_validated(item),
        });
        let record = self.records.get(&key).map(|record| KnownRecord {
            registration_id: record.arrived.registration_id,
            version: record.arrived.version,
            feedback_number: record.feedback_number,
        });
        let reception = receive(item.as_ref(), record.as_ref(), arrived.registration_id, arrived.version, &arrived.content_hash);
        let (Reception::New { status_number } | Reception::Older { status_number }) = reception else { return reception };
        let next = i64::try_from(self.records.len()).unwrap_or(i64::MAX) + 1;
        let item = Item { key: key.clone(), version: arrived.version, content_hash: arrived.content_hash, status_number };
        self.items.insert(item_key, item);
        if matches!(reception, Reception::New { .. }) {
            let number = self.records.get(&key).map_or(next, |record| record.number);
            let status = RecordStatus::on_arrival(arrived.kind);
            let arrived = arrived.clone();
            self.records.insert(key, Record { number, arrived, status, validated_version: 0, feedback_number: status_number });
        } else if let Some(record) = self.records.get_mut(&key) {
            record.feedback_number = status_number;
        }
        reception
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
}

#[async_trait]
impl Hd4resStore for MemoryStore {
    async fn receive(
        &self,
        arrivals: &[Arrived],
        _at: Timestamp,
        passages: PassagesOf<'_>,
    ) -> Result<Vec<Reception>, StoreError> {
        let mut state = self.lock();
        let receptions: Vec<Reception> = arrivals.iter().map(|arrived| state.receive(arrived)).collect();
        self.itinerary.append(&passages(&receptions));
        Ok(receptions)
    }

    async fn judge(&self, verdicts: &[Judged], passages: &[Passage]) -> Result<Vec<bool>, StoreError> {
        let mut state = self.lock();
        let judged = verdicts.iter().map(|verdict| {
            let Some(item) = state.items.get(&(verdict.item_id, verdict.sender.clone())) else { return false };
            let (key, version) = (item.key.clone(), item.version);
            let Some(record) = state.records.get_mut(&key) else { return false };
            record.validated_version = record.validated_version.max(version);
            if record.arrived.version == version && !verdict.is_clean {
                record.status = RecordStatus::CommentsNeeded;
            }
            true
        });
        let judged = judged.collect();
        self.itinerary.append(passages);
        Ok(judged)
    }

    async fn unvalidated(&self, after: i64, limit: u32) -> Result<Vec<Unvalidated>, StoreError> {
        let state = self.lock();
        let waits = |record: &&Record| record.number > after && record.validated_version < record.arrived.version;
        let mut waiting: Vec<&Record> = state.records.values().filter(waits).collect();
        waiting.sort_by_key(|record| record.number);
        let unvalidated = waiting.into_iter().take(limit as usize).map(|record| Unvalidated {
            record: record.number,
            item_id: record.arrived.item_id,
            sender: record.arrived.sender.clone(),
            pseudonym: record.arrived.pseudonym.clone(),
            content: record.arrived.content.clone(),
        });
        Ok(unvalidated.collect())
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
        Ok(self.lock().records.get(&key).map(|record| record.status))
    }

    async fn is_new_incarnation(&self, incarnation: Uuid) -> Result<bool, StoreError> {
        Ok(self.lock().incarnation != Some(incarnation))
    }

    async fn remember_incarnation(&self, incarnation: Uuid) -> Result<(), StoreError> {
        self.lock().incarnation = Some(incarnation);
        Ok(())
    }
}
