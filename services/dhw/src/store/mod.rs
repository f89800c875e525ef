//! What the warehouse remembers: the registrations that stand, in typed tables, with their findings; every item's verdict; tombstones.

#[cfg(test)]
mod contract;
mod look;
mod memory;
mod recode;
mod sql;
mod tables;
mod write;

use async_trait::async_trait;
use clock::Timestamp;
use recoding::Learning;
use registration::Cell;
use store::{Itinerary, Outcome, Passage, StoreError};
use topology::Arrow;
use uuid::Uuid;

use crate::{
    decide::{Answer, Decision, Fate},
    findings::{FindingKey, StoredFinding},
    validate::Registration,
};

pub use look::{FindingCount, FindingFilter, Found, Held, LookStore, Only, StandingRow};
pub use memory::MemoryStore;
pub use sql::SqlStore;

/// Publications that are settled together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Their registrations, publication by publication.
    pub registrations: Vec<Registration>,
    /// The publications.
    pub publications: Vec<Arrived>,
}

/// A publication of a batch.
#[derive(Debug)]
pub struct Arrived {
    /// Its id.
    pub id: Uuid,
    /// When it was taken in.
    pub at: Timestamp,
    /// How many of the batch's registrations are its own.
    pub registrations: usize,
    /// Items that cannot be handled, with the reason's code.
    pub dead: Vec<(Uuid, &'static str)>,
}

/// Where a registration stands in the researcher's file. A rotation of the TTP's key, which gives every patient another pseudonym, leaves them where
/// they stand: whoever is at a page in the middle goes on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The pseudonym under which the warehouse saw the patient first; the least of them when it turned out to have seen one patient under two.
    pub first_pseudonym: String,
    /// Healthdata's form of the unique id.
    pub unique_id: String,
    /// The hospital's code.
    pub sender: String,
}

impl std::fmt::Debug for RowKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RowKey")
    }
}

/// A registration as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// Where it stands.
    pub key: RowKey,
    /// The patient's pseudonym.
    pub pseudonym: String,
    /// Its filled fields, in the order of their places.
    pub cells: Vec<Cell>,
}

/// The warehouse's store. Every method is one transaction. A register is named by its number in [`crate::registers::Registers`].
#[async_trait]
pub trait DhwStore: Itinerary + Learning {
    /// Puts the batch under the latest pseudonyms, decides what becomes of each registration of a batch, writes that down with its findings, verdicts and passages, and returns one
    /// answer per registration, in order.
    async fn settle(&self, batch: &mut Batch) -> Result<Vec<Answer>, StoreError>;

    /// How many of `items` have a verdict.
    async fn validated(&self, items: &[Uuid]) -> Result<u64, StoreError>;

    /// How many registrations stand, over all registers.
    async fn count(&self) -> Result<u64, StoreError>;

    /// Up to `limit` registrations of a register behind `after`, sorted by their keys.
    async fn rows(&self, register: usize, after: Option<&RowKey>, limit: u32) -> Result<Vec<StoredRow>, StoreError>;

    /// For each repeating list of a register, in the definition's order, how many items the longest one has.
    async fn list_widths(&self, register: usize) -> Result<Vec<u16>, StoreError>;

    /// Up to `limit` findings behind `after`, sorted by their keys.
    async fn findings(&self, after: Option<&FindingKey>, limit: u32) -> Result<Vec<StoredFinding>, StoreError>;

    /// The side of the people who look.
    fn look(&self) -> &dyn LookStore;
}

/// The passages of a decided batch: per publication, which items were validated, which were known, and which are dead.
fn passages(batch: &Batch, decision: &Decision) -> Vec<Passage> {
    let queue = Arrow::ToDhw.queue(None);
    let mut passages = Vec::with_capacity(batch.publications.len());
    let mut outcomes = batch.registrations.iter().zip(&decision.fates);
    for publication in &batch.publications {
        let (mut validated, mut known) = (Vec::new(), Vec::new());
        for (registration, fate) in outcomes.by_ref().take(publication.registrations) {
            match fate {
                Fate::Written | Fate::Deleted => validated.push(registration.item),
                Fate::Known(_) | Fate::Repeated(_) | Fate::Overtaken => known.push(registration.item),
            }
        }
        let mut note = |queue: String, outcome, items: Vec<Uuid>| {
            if !items.is_empty() {
                let (publication, at, step) = (publication.id, publication.at, Arrow::ToDhw.step());
                passages.push(Passage { publication, step, queue, at, outcome, items });
            }
        };
        note(queue.to_string(), Outcome::Validated, validated);
        note(queue.to_string(), Outcome::Known, known);
        for (item, code) in &publication.dead {
            note(queue.dead().to_string(), Outcome::DeadLettered((*code).to_owned()), vec![*item]);
        }
    }
    passages
}

/// The items of a decided batch that get their verdict now, with it.
fn verdicts<'a>(
    batch: &'a Batch,
    decision: &'a Decision,
    answers: &'a [Answer],
) -> impl Iterator<Item = (&'a Registration, &'a Answer)> {
    let given = batch.registrations.iter().zip(&decision.fates).zip(answers);
    given.filter_map(|((registration, fate), answer)| match fate {
        Fate::Known(_) | Fate::Repeated(_) => None,
        Fate::Overtaken | Fate::Written | Fate::Deleted => Some((registration, answer)),
    })
}
