//! The index in memory.

use std::{collections::BTreeSet, ops::Bound};

use async_trait::async_trait;
use clock::Timestamp;
use store::StoreError;
use uuid::Uuid;

use super::{MemoryStore, State};
use crate::{
    status::Status,
    store::{Change, Current, Draft, Entry, Facet, IndexStore, Listed},
};

impl State {
    /// Notes that registrations changed.
    pub(super) fn changed(&mut self, registrations: Vec<Uuid>) {
        if !registrations.is_empty() {
            self.last_change += 1;
            self.changes.insert(self.last_change, registrations);
        }
    }
}

#[async_trait]
impl IndexStore for MemoryStore {
    async fn changes(&self, limit: u32) -> Result<Vec<Change>, StoreError> {
        let state = self.lock();
        let (mut found, mut count) = (Vec::new(), 0);
        for (number, registrations) in &state.changes {
            count += registrations.len();
            if !found.is_empty() && count > limit as usize {
                break;
            }
            found.push(Change { number: *number, registrations: registrations.clone() });
        }
        Ok(found)
    }

    async fn values(&self, registrations: &[Uuid]) -> Result<Vec<(String, Current)>, StoreError> {
        let state = self.lock();
        let distinct: BTreeSet<Uuid> = registrations.iter().copied().collect();
        let is_deleted = |id: &Uuid| state.lives.get(id).is_some_and(|life| life.status == Some(Status::Deleted));
        let values = distinct.into_iter().filter(|id| !is_deleted(id)).filter_map(|id| {
            let (dcd, _) = state.registrations.get(&id)?.clone();
            let Draft { dcd_version, cells, .. } = state.current(id)?;
            Some((dcd, Current { registration_id: id, dcd_version, cells }))
        });
        Ok(values.collect())
    }

    async fn index(&self, entries: &[Entry], up_to: i64) -> Result<(), StoreError> {
        let mut state = self.lock();
        for entry in entries {
            state.index.insert(entry.registration_id, entry.clone());
        }
        state.changes.retain(|number, _| *number > up_to);
        Ok(())
    }

    async fn of_patient(&self, patient_tag: [u8; 16], limit: u32) -> Result<Vec<Uuid>, StoreError> {
        let state = self.lock();
        let found = state.index.values().filter(|entry| entry.patient_tag == Some(patient_tag));
        Ok(found.map(|entry| entry.registration_id).take(limit as usize).collect())
    }

    async fn patients(&self, after: Option<[u8; 16]>, limit: u32) -> Result<Vec<[u8; 16]>, StoreError> {
        let state = self.lock();
        let tags: BTreeSet<[u8; 16]> = state.index.values().filter_map(|entry| entry.patient_tag).collect();
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(tags.range((behind, Bound::Unbounded)).take(limit as usize).copied().collect())
    }

    async fn with_value(&self, facet: Facet, after: Option<Uuid>, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let state = self.lock();
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let found = state.index.range((behind, Bound::Unbounded)).filter(|(_, entry)| entry.facets.contains(&facet));
        Ok(found.filter_map(|(id, _)| state.listed(*id, now)).take(limit as usize).collect())
    }
}
