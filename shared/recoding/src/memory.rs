//! Pairs in memory, for simulations and tests.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{Decision, Finding, Pair, Pairs, UntoldPair};

/// Pairs and findings in memory.
#[derive(Default)]
pub struct MemoryPairs {
    /// What is known.
    pub pairs: Pairs,
    /// Pairs that were refused.
    pub findings: BTreeSet<Finding>,
    learned: Vec<String>,
    told: usize,
    arrived: usize,
    incarnation: Option<Uuid>,
}

impl MemoryPairs {
    /// Learns pairs. `conflicting` says which pseudonyms two patients would stand under if these moved.
    pub fn learn(&mut self, wanted: &[Pair], conflicting: impl Fn(&[Pair]) -> BTreeSet<String>) -> Decision {
        let mut conflicts = BTreeSet::new();
        let decision = loop {
            let decision = Decision::on(&self.pairs, wanted, &conflicts);
            let found = decision.leading_to(wanted, &conflicting(&decision.moves));
            if found.is_subset(&conflicts) {
                break decision;
            }
            conflicts.extend(found);
        };
        self.pairs = decision.pairs.clone();
        self.learned.extend(decision.moves.iter().map(|pair| pair.old.clone()));
        let is_new = |finding: &Finding| !self.findings.contains(finding);
        let new: Vec<Finding> = decision.findings.iter().filter(|finding| is_new(finding)).cloned().collect();
        self.findings.extend(new.iter().cloned());
        Decision { findings: new, ..decision }
    }

    /// As [`crate::Telling::tell_on`].
    pub fn tell_on(&mut self, incarnation: Uuid) {
        if self.incarnation != Some(incarnation) {
            (self.told, self.incarnation) = (self.arrived, Some(incarnation));
        }
    }

    /// As [`crate::Telling::untold`].
    #[must_use]
    pub fn untold(&self, limit: u32) -> Vec<UntoldPair> {
        let behind = self.learned.iter().enumerate().skip(self.told).take(limit as usize);
        let untold = |(index, old): (usize, &String)| UntoldPair {
            number: i64::try_from(index).unwrap_or(i64::MAX) + 1,
            pair: Pair { old: old.clone(), new: self.pairs.now(old).to_owned() },
        };
        behind.map(untold).collect()
    }

    /// As [`crate::Telling::told`].
    pub fn told(&mut self, number: i64) {
        self.told = self.told.max(usize::try_from(number).unwrap_or(0));
    }

    /// As [`crate::Telling::arrived`].
    pub fn arrived(&mut self) {
        self.arrived = self.told;
    }

    /// As [`crate::Telling::has_arrived`].
    #[must_use]
    pub fn has_arrived(&self) -> bool {
        self.arrived == self.learned.len()
    }

    /// How many pseudonyms are another one now.
    #[must_use]
    pub fn recoded(&self) -> u64 {
        self.learned.len() as u64
    }

    /// The moves by their `old`.
    #[must_use]
    pub fn by_old(moves: &[Pair]) -> BTreeMap<&str, &str> {
        moves.iter().map(|pair| (pair.old.as_str(), pair.new.as_str())).collect()
    }
}
