//! The warehouse's store in memory, for simulations and tests.

mod look;
mod recode;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use dcd::GroupKind;
use recoding::memory::MemoryPairs;
use registration::{Cell, ContentKind};
use store::{Itinerary, MemoryItinerary, Passage, StoreError, itinerary::Remnant};
use uuid::Uuid;

use super::{Batch, DhwStore, LookStore, RowKey, StoredRow, passages, verdicts};
use crate::{
    across::Member,
    conclude::{conclude, touched},
    decide::{Answer, Before, Fate, Live, decide},
    findings::{FindingKey, StoredFinding},
    registers::Registers,
};

/// The warehouse's store in memory.
pub struct MemoryStore {
    registers: Arc<Registers>,
    state: Mutex<State>,
    itinerary: Arc<MemoryItinerary>,
}

#[derive(Default)]
struct State {
    known: HashMap<(String, Uuid), Answer>,
    deleted: HashMap<(String, Uuid), u32>,
    live: BTreeMap<i64, (Live, Vec<Cell>)>,
    findings: BTreeMap<FindingKey, StoredFinding>,
    pairs: MemoryPairs,
    /// The first pseudonym of each patient of whom a registration was written.
    first: BTreeMap<String, String>,
}

impl MemoryStore {
    /// An empty store for these registers.
    #[must_use]
    pub fn new(registers: Arc<Registers>) -> Self {
        Self { registers, state: Mutex::default(), itinerary: Arc::default() }
    }

    /// All that the store holds, in a store for other registers, as a database is opened again with newer definitions. This one is empty
    /// then. What stands under a definition that the others lack is out of their sight.
    #[must_use]
    pub fn reopened(&self, registers: Arc<Registers>) -> Self {
        let mut state = std::mem::take(&mut *self.lock());
        let moved = |(row, (live, cells)): (i64, (Live, Vec<Cell>))| {
            let of = self.registers.get(live.member.register)?.definition();
            let register = registers.number(of.name(), of.version())?;
            let facts = registers.get(register)?.facts_in(&cells);
            Some((row, (Live { member: Member { register, facts, ..live.member }, ..live }, cells)))
        };
        state.live = std::mem::take(&mut state.live).into_iter().filter_map(moved).collect();
        Self { state: Mutex::new(state), itinerary: Arc::clone(&self.itinerary), registers }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn stored_row(&self, live: &Live, cells: &[Cell]) -> StoredRow {
        let Member { pseudonym, unique_id, sender, .. } = live.member.clone();
        let first_pseudonym = self.first.get(&pseudonym).unwrap_or(&pseudonym).clone();
        StoredRow { key: RowKey { first_pseudonym, unique_id, sender }, pseudonym, cells: cells.to_vec() }
    }

    /// What stands under the ids of a batch.
    fn before(&self, batch: &Batch) -> Before {
        let mut before = Before::default();
        let (mut ids, mut unique_ids) = (HashSet::new(), HashSet::new());
        for registration in &batch.registrations {
            let (sender, id) = registration.id();
            let item = (sender.to_owned(), registration.item);
            before.known.extend(self.known.get(&item).map(|answer| (item, answer.clone())));
            let deleted = (sender.to_owned(), id);
            before.deleted.extend(self.deleted.get(&deleted).map(|version| (deleted, *version)));
            ids.insert((sender, id));
            unique_ids.insert((sender, registration.member.unique_id.as_str()));
        }
        let concerned = |live: &&Live| {
            let sender = live.member.sender.as_str();
            ids.contains(&(sender, live.registration_id)) || unique_ids.contains(&(sender, live.member.unique_id.as_str()))
        };
        before.live = self.live.values().map(|(live, _)| live).filter(concerned).cloned().collect();
        before
    }

    fn remove(&mut self, live: &Live, registers: &Registers) {
        self.live.remove(&live.row);
        let dcd = registers.get(live.member.register).map_or("", |register| register.definition().name());
        let Member { pseudonym, unique_id, sender, .. } = &live.member;
        self.findings.retain(|key, _| {
            (&key.pseudonym, key.dcd.as_str(), &key.unique_id, &key.sender) != (pseudonym, dcd, unique_id, sender)
        });
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
impl DhwStore for MemoryStore {
    async fn settle(&self, batch: &mut Batch) -> Result<Vec<Answer>, StoreError> {
        let mut state = self.lock();
        let registers = &*self.registers;
        state.translate(registers, &mut batch.registrations);
        let batch = &*batch;
        let before = state.before(batch);
        let decision = decide(registers, &batch.registrations, &before);
        let removed: Vec<&Live> = decision.removed.iter().filter_map(|at| before.live.get(*at)).collect();
        for live in &removed {
            state.remove(live, registers);
        }
        let touched = touched(registers, &batch.registrations, &decision, removed.iter().map(|live| &live.member));
        let standing: Vec<&Member> = state.live.values().map(|(live, _)| &live.member).collect();
        let stored: HashSet<FindingKey> = state.findings.keys().filter(|key| key.across).cloned().collect();
        let conclusion = conclude(registers, &batch.registrations, &decision, &touched, &standing, &stored);

        let mut row = state.live.last_key_value().map_or(0, |(row, _)| *row);
        for (registration, fate) in batch.registrations.iter().zip(&decision.fates) {
            let head = registration.content.head();
            let version = head.version;
            match fate {
                Fate::Written => {
                    row += 1;
                    let live = Live { row, registration_id: head.registration_id, version, member: registration.member.clone() };
                    let pseudonym = &registration.member.pseudonym;
                    state.first.entry(pseudonym.clone()).or_insert_with(|| pseudonym.clone());
                    state.live.insert(row, (live, registration.content.cells().to_vec()));
                }
                Fate::Deleted => {
                    debug_assert!(head.kind == ContentKind::Deletion);
                    state.deleted.insert((registration.member.sender.clone(), head.registration_id), version);
                }
                Fate::Known(_) | Fate::Repeated(_) | Fate::Overtaken => {}
            }
        }
        for (registration, answer) in verdicts(batch, &decision, &conclusion.answers) {
            state.known.insert((registration.member.sender.clone(), registration.item), answer.clone());
        }
        for key in &conclusion.cleared {
            state.findings.remove(key);
        }
        state.findings.extend(conclusion.added.into_iter().map(|finding| (finding.key.clone(), finding)));
        self.itinerary.append(&passages(batch, &decision));
        Ok(conclusion.answers)
    }

    async fn validated(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        let state = self.lock();
        let items: BTreeSet<&Uuid> = items.iter().collect();
        let known: BTreeSet<&Uuid> = state.known.keys().map(|(_, item)| item).collect();
        Ok(items.intersection(&known).count() as u64)
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.lock().live.len() as u64)
    }

    async fn rows(&self, register: usize, after: Option<&RowKey>, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let state = self.lock();
        let of_register = state.live.values().filter(|(live, _)| live.member.register == register);
        let mut rows: Vec<StoredRow> = of_register
            .map(|(live, cells)| state.stored_row(live, cells))
            .filter(|row| after.is_none_or(|after| row.key > *after))
            .collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows.truncate(limit as usize);
        Ok(rows)
    }

    async fn list_widths(&self, register: usize) -> Result<Vec<u16>, StoreError> {
        let state = self.lock();
        let Some(definition) = self.registers.get(register).map(|register| register.definition()) else { return Ok(Vec::new()) };
        let cells = || state.live.values().filter(|(live, _)| live.member.register == register).flat_map(|(_, cells)| cells);
        let lists = definition.groups().iter().filter(|group| group.kind() == GroupKind::List);
        let width = |fields: std::ops::Range<u16>| {
            let items = cells().filter(|cell| fields.contains(&cell.place.field)).filter_map(|cell| cell.place.item);
            items.max().map_or(0, |last| last.saturating_add(1))
        };
        Ok(lists.map(|group| width(group.fields())).collect())
    }

    async fn findings(&self, after: Option<&FindingKey>, limit: u32) -> Result<Vec<StoredFinding>, StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let state = self.lock();
        let range = (after.map_or(Unbounded, Excluded), Unbounded);
        Ok(state.findings.range::<FindingKey, _>(range).take(limit as usize).map(|(_, finding)| finding.clone()).collect())
    }

    fn look(&self) -> &dyn LookStore {
        self
    }
}
