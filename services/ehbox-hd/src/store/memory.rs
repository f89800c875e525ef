//! The store in memory, for simulations and tests.

mod recode;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{Decision, Pair, memory::MemoryPairs};
use store::{Itinerary, LostAnswers, MemoryItinerary, Passage, StoreError, itinerary::Remnant};
use topology::Nihdi;

use super::{
    Binding, Bound, HdStore, RecodeJob,
    recode::{Aim, inferred},
};

/// The store in memory.
#[derive(Default)]
pub struct MemoryStore {
    known: Mutex<Known>,
    itinerary: MemoryItinerary,
    /// Of bindings.
    pub lost_answers: LostAnswers,
}

#[derive(Default)]
struct Known {
    hospitals: BTreeMap<String, Nihdi>,
    senders: BTreeMap<Nihdi, String>,
    pseudonyms: BTreeMap<(String, [u8; 16]), String>,
    tags: BTreeMap<(String, String), [u8; 16]>,
    pairs: MemoryPairs,
    unconfirmed: BTreeSet<String>,
    aim: Option<Aim>,
    jobs: Vec<RecodeJob>,
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    pub(super) fn raise(&mut self, pseudonym: &str) {
        self.aim = Aim::raised(self.aim.as_ref(), pseudonym).or(self.aim.take());
    }

    /// Whether tags and pseudonyms of two patients of one hospital would fall together by these moves: the pseudonyms at which.
    fn conflicting(tags: &BTreeMap<(String, String), [u8; 16]>, moves: &[Pair]) -> BTreeSet<String> {
        let by_old = MemoryPairs::by_old(moves);
        let mut seen: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for (sender, pseudonym) in tags.keys() {
            let now = by_old.get(pseudonym.as_str()).copied().unwrap_or(pseudonym);
            *seen.entry((sender, now)).or_default() += 1;
        }
        seen.into_iter().filter(|(_, tags)| *tags > 1).map(|((_, pseudonym), _)| pseudonym.to_owned()).collect()
    }

    /// Learns pairs and re-codes the tags by them.
    pub(super) fn recode(&mut self, wanted: &[Pair]) -> Decision {
        let tags = &self.tags;
        let decision = self.pairs.learn(wanted, |moves| Self::conflicting(tags, moves));
        let by_old = MemoryPairs::by_old(&decision.moves);
        let now = |pseudonym: &String| by_old.get(pseudonym.as_str()).map_or_else(|| pseudonym.clone(), |new| (*new).to_owned());
        self.pseudonyms.values_mut().for_each(|pseudonym| *pseudonym = now(pseudonym));
        let tags = std::mem::take(&mut self.tags);
        self.tags = tags.into_iter().map(|((sender, pseudonym), tag)| ((sender, now(&pseudonym)), tag)).collect();
        decision
    }

    fn bind(&mut self, binding: &Binding, wakes: bool) -> Option<Bound> {
        let now = |known: &Self| Binding { pseudonym: known.pairs.pairs.now(&binding.pseudonym).to_owned(), ..binding.clone() };
        let held = self.pseudonyms.get(&(binding.sender.clone(), binding.tag));
        let wanted = held.and_then(|held| inferred(held, &now(self).pseudonym));
        if let Some(pair) = &wanted {
            let findings = self.pairs.findings.clone();
            let decision = self.recode(std::slice::from_ref(pair));
            // Which of the two is wrong is not known, so nothing is held against either; the item is.
            self.pairs.findings = findings;
            self.unconfirmed.extend(decision.moves.into_iter().map(|pair| pair.old));
        }
        let binding = now(self);
        let agrees = self.agrees(&binding);
        let pseudonym = binding.pseudonym;
        let earlier = self.pairs.pairs.earlier(&pseudonym).map(str::to_owned).collect();
        let wakes = wakes || wanted.is_some() || self.aim.as_ref().is_some_and(|aim| aim.is_behind(&pseudonym));
        agrees.then_some(Bound { pseudonym, earlier, wakes })
    }

    fn agrees(&mut self, binding: &Binding) -> bool {
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

    async fn forget(&self, remnants: &[Remnant]) -> Result<(), StoreError> {
        self.itinerary.forget(remnants).await
    }
}

#[async_trait]
impl HdStore for MemoryStore {
    async fn bind(&self, bindings: &[&Binding], _at: Timestamp) -> Result<Vec<Option<Bound>>, StoreError> {
        let mut known = self.lock();
        let before = known.aim.clone();
        for binding in bindings {
            known.raise(&binding.pseudonym);
        }
        let wakes = known.aim != before;
        self.lost_answers.told(bindings.iter().map(|binding| known.bind(binding, wakes)).collect())
    }
}
