//! The store in memory, for simulations and tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use store::{Itinerary, MemoryItinerary, Passage, StoreError};
use topology::Nihdi;

use super::{Binding, HdStore};

/// The store in memory.
#[derive(Default)]
pub struct MemoryStore {
    known: Mutex<Known>,
    itinerary: MemoryItinerary,
}

#[derive(Default)]
struct Known {
    hospitals: BTreeMap<String, Nihdi>,
    senders: BTreeMap<Nihdi, String>,
    pseudonyms: BTreeMap<(String, [u8; 16]), String>,
    tags: BTreeMap<(String, String), [u8; 16]>,
}

impl Known {
    fn bind(&mut self, binding: &Binding) -> bool {
        let (sender, hospital) = (binding.sender.clone(), binding.hospital);
        let same_hospital = *self.hospitals.get(&sender).unwrap_or(&hospital) == hospital;
        let same_sender = *self.senders.get(&hospital).unwrap_or(&sender) == sender;
        if !(same_hospital && same_sender) {
            return false;
        }
        let by_tag = (sender.clone(), binding.tag);
        let by_pseudonym = (sender.clone(), binding.pseudonym.clone());
        let same_pseudonym = *self.pseudonyms.get(&by_tag).unwrap_or(&binding.pseudonym) == binding.pseudonym;
        let same_tag = *self.tags.get(&by_pseudonym).unwrap_or(&binding.tag) == binding.tag;
        self.hospitals.insert(sender.clone(), hospital);
        self.senders.insert(hospital, sender);
        if same_pseudonym && same_tag {
            self.pseudonyms.insert(by_tag, binding.pseudonym.clone());
            self.tags.insert(by_pseudonym, binding.tag);
        }
        same_pseudonym && same_tag
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
impl HdStore for MemoryStore {
    async fn bind(&self, bindings: &[&Binding]) -> Result<Vec<bool>, StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(bindings.iter().map(|binding| known.bind(binding)).collect())
    }
}
