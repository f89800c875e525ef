//! How many publications and items a store's owner has seen pass, since it opened the store.
//!
//! Counted when the transaction of a passage is committed: what a figure says has happened, and stands in the itinerary.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{Outcome, Passage};

/// Passages that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The step of the flow.
    pub step: &'static str,
    /// The queue.
    pub queue: String,
    /// How they ended.
    pub outcome: Outcome,
}

/// How many passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Publications; one whose items ended differently counts once for each outcome.
    pub publications: u64,
    /// Items.
    pub items: u64,
}

/// The counts of one store.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<Kind, Count>>);

impl Tally {
    /// What was counted until now.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Kind, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn add(&self, passed: Passed) {
        if passed.0.is_empty() {
            return;
        }
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, Count { publications, items }) in passed.0 {
            let count = counts.entry(kind).or_default();
            count.publications += publications;
            count.items += items;
        }
    }
}

/// What passed in a transaction that is not committed yet.
#[derive(Debug, Default)]
pub(crate) struct Passed(BTreeMap<Kind, Count>);

impl Passed {
    pub(crate) fn note(&mut self, passages: &[Passage]) {
        for passage in passages {
            let kind = Kind { step: passage.step, queue: passage.queue.clone(), outcome: passage.outcome.clone() };
            let count = self.0.entry(kind).or_default();
            count.publications += 1;
            count.items += passage.items.len() as u64;
        }
    }
}
