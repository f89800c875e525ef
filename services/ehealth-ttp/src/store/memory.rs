//! The TTP's store in memory, for simulations and tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use store::{Itinerary, MemoryItinerary, Passage, StoreError, itinerary::Remnant};

use super::{Recoding, TtpStore};
use crate::quota::{Mark, Sketch};

/// The TTP's store in memory.
#[derive(Default)]
pub struct MemoryStore {
    days: Mutex<BTreeMap<i64, Day>>,
    recodings: Mutex<Vec<Recoding>>,
    itinerary: MemoryItinerary,
}

struct Day {
    key: [u8; 32],
    sketches: BTreeMap<String, Sketch>,
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Day>> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
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
impl TtpStore for MemoryStore {
    async fn day_key(&self, day: i64, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let mut days = self.lock();
        days.retain(|known, _| *known >= day - 1);
        Ok(days.entry(day).or_insert_with(|| Day { key: fresh, sketches: BTreeMap::new() }).key)
    }

    async fn admit(&self, day: i64, sender: &str, marks: &[Mark], limit: u32) -> Result<Vec<bool>, StoreError> {
        let mut days = self.lock();
        let Some(day) = days.get_mut(&day) else { return Err(StoreError::Damaged { what: "key of the day" }) };
        let sketch = day.sketches.entry(sender.to_owned()).or_default();
        Ok(marks.iter().map(|mark| sketch.admit(*mark, limit)).collect())
    }

    async fn asked(&self, day: i64) -> Result<BTreeMap<String, u64>, StoreError> {
        let days = self.lock();
        let sketches = days.get(&day).into_iter().flat_map(|day| &day.sketches);
        Ok(sketches.map(|(sender, sketch)| (sender.clone(), sketch.distinct().round() as u64)).collect())
    }

    async fn note_recoding(&self, recoding: &Recoding) -> Result<(), StoreError> {
        let mut recodings = self.recodings.lock().unwrap_or_else(PoisonError::into_inner);
        if !recodings.iter().any(|known| known.publication == recoding.publication) {
            recodings.push(recoding.clone());
        }
        Ok(())
    }

    async fn recodings(&self) -> Result<Vec<Recoding>, StoreError> {
        Ok(self.recodings.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
