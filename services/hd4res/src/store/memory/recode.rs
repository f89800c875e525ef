//! A rotation in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{Finding, Learning, Pair, Telling, UntoldPair, memory::MemoryPairs, sql::standing_twice};
use store::{Passage, StoreError};
use uuid::Uuid;

use super::{MemoryStore, Record, State};
use crate::store::{
    Arrived,
    recode::{brought, renamed, translated},
};

impl State {
    /// Learns pairs and re-codes the records by them. Returns the findings that are new.
    fn learn(&mut self, wanted: &[Pair]) -> Vec<Finding> {
        let records = &self.records;
        let conflicting = |moves: &[Pair]| -> BTreeSet<String> {
            let by_old = MemoryPairs::by_old(moves);
            let standing = |record: &Record| {
                let Arrived { pseudonym, dcd, sender, .. } = &record.arrived;
                let now = by_old.get(pseudonym.as_str()).copied().unwrap_or(pseudonym);
                let unique_id = renamed(record.unique_id.as_ref()?, pseudonym, now);
                Some((now.to_owned(), (dcd.clone(), sender.clone(), unique_id)))
            };
            standing_twice(records.values().filter_map(standing))
        };
        let decision = self.pairs.learn(wanted, conflicting);
        let by_old = MemoryPairs::by_old(&decision.moves);
        for ((dcd, unique_id, sender), record) in std::mem::take(&mut self.known.living) {
            let pseudonym = self.records.get(&record).map_or("", |record| record.arrived.pseudonym.as_str());
            let now = by_old.get(pseudonym).map_or_else(|| unique_id.clone(), |new| renamed(&unique_id, pseudonym, new));
            self.known.living.insert((dcd, now, sender), record);
        }
        for record in self.records.values_mut() {
            let old = record.arrived.pseudonym.clone();
            let Some(new) = by_old.get(old.as_str()) else { continue };
            record.arrived.unique_id = renamed(&record.arrived.unique_id, &old, new);
            record.unique_id = record.unique_id.take().map(|unique_id| renamed(&unique_id, &old, new));
            record.arrived.pseudonym = (*new).to_owned();
        }
        decision.findings
    }

    /// The arrivals under the latest pseudonyms, when the pairs that they bring along are learned.
    pub(super) fn translate(&mut self, arrivals: &[Arrived]) -> Vec<Arrived> {
        self.learn(&brought(arrivals));
        translated(arrivals, &self.pairs.pairs)
    }
}

#[async_trait]
impl Learning for MemoryStore {
    async fn learn(&self, wanted: &[Pair], _at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError> {
        let findings = self.lock().learn(wanted);
        self.itinerary.append(passages);
        Ok(findings)
    }

    async fn recode_findings(&self) -> Result<Vec<Finding>, StoreError> {
        Ok(self.lock().pairs.findings.iter().cloned().collect())
    }

    async fn recoded(&self) -> Result<u64, StoreError> {
        Ok(self.lock().pairs.recoded())
    }
}

#[async_trait]
impl Telling for MemoryStore {
    async fn tell_on(&self, incarnation: Uuid) -> Result<(), StoreError> {
        self.lock().pairs.tell_on(incarnation);
        Ok(())
    }

    async fn untold(&self, limit: u32) -> Result<Vec<UntoldPair>, StoreError> {
        Ok(self.lock().pairs.untold(limit))
    }

    async fn told(&self, number: i64, passages: &[Passage]) -> Result<(), StoreError> {
        self.lock().pairs.told(number);
        self.itinerary.append(passages);
        Ok(())
    }

    async fn arrived(&self) -> Result<(), StoreError> {
        self.lock().pairs.arrived();
        Ok(())
    }

    async fn has_arrived(&self) -> Result<bool, StoreError> {
        Ok(self.lock().pairs.has_arrived())
    }
}
