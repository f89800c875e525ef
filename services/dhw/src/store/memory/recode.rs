//! A rotation in memory.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{Finding, Learning, Pair, memory::MemoryPairs, sql::standing_twice};
use store::{Passage, StoreError};

use super::{MemoryStore, State};
use crate::{
    across::{Member, Touched},
    conclude::conclude,
    decide::Decision,
    findings::FindingKey,
    registers::Registers,
    store::recode,
    validate::Registration,
};

impl State {
    fn learn(&mut self, registers: &Registers, wanted: &[Pair]) -> Vec<Finding> {
        let live = &self.live;
        let conflicting = |moves: &[Pair]| -> BTreeSet<String> {
            let by_old = MemoryPairs::by_old(moves);
            standing_twice(live.values().map(|(live, _)| {
                let Member { pseudonym, register, sender, unique_id, .. } = &live.member;
                let now = by_old.get(pseudonym.as_str()).copied().unwrap_or(pseudonym);
                (now.to_owned(), (*register, sender.clone(), unique_id.replace(pseudonym, now)))
            }))
        };
        let decision = self.pairs.learn(wanted, conflicting);
        let by_old = MemoryPairs::by_old(&decision.moves);
        let mut under: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (live, _) in self.live.values_mut() {
            let old = live.member.pseudonym.clone();
            let now = by_old.get(old.as_str()).copied().unwrap_or(&old).to_owned();
            live.member.unique_id = live.member.unique_id.replace(&old, &now);
            live.member.pseudonym.clone_from(&now);
            under.entry(now).or_default().insert(old);
        }
        for Pair { old, new } in &decision.moves {
            if let Some(first) = self.first.remove(old) {
                let kept = self.first.entry(new.clone()).or_insert_with(|| first.clone());
                *kept = first.min(kept.clone());
            }
        }
        for (key, finding) in std::mem::take(&mut self.findings) {
            let now = by_old.get(key.pseudonym.as_str()).copied().unwrap_or(&key.pseudonym).to_owned();
            let unique_id = key.unique_id.replace(&key.pseudonym, &now);
            let key = FindingKey { pseudonym: now, unique_id, ..key };
            self.findings.insert(key.clone(), crate::findings::StoredFinding { key, ..finding });
        }
        let met = under.into_iter().filter(|(_, names)| names.len() > 1).map(|(now, _)| now).collect();
        self.judge_anew(registers, &met);
        decision.findings
    }

    /// The rules across registrations on patients who were two until now.
    fn judge_anew(&mut self, registers: &Registers, patients: &BTreeSet<String>) {
        let standing: Vec<Member> = self.live.values().map(|(live, _)| live.member.clone()).collect();
        let of_patients = standing.iter().filter(|member| patients.contains(&member.pseudonym));
        let touched = Touched::by(registers, of_patients);
        let stored: HashSet<FindingKey> = self.findings.keys().filter(|key| key.across).cloned().collect();
        let standing: Vec<&Member> = standing.iter().collect();
        let conclusion = conclude(registers, &[], &Decision::default(), &touched, &standing, &stored);
        for key in &conclusion.cleared {
            self.findings.remove(key);
        }
        self.findings.extend(conclusion.added.into_iter().map(|finding| (finding.key.clone(), finding)));
    }

    /// Puts the registrations of a batch under the latest pseudonyms, when the pairs that they bring along are learned.
    pub(super) fn translate(&mut self, registers: &Registers, batch: &mut [Registration]) {
        let wanted = recode::brought(batch);
        if !wanted.is_empty() {
            self.learn(registers, &wanted);
        }
        recode::translate(batch, &self.pairs.pairs);
    }
}

#[async_trait]
impl Learning for MemoryStore {
    async fn learn(&self, wanted: &[Pair], _at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError> {
        let findings = self.lock().learn(&self.registers, wanted);
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
