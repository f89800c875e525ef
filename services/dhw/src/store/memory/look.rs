//! What people look at, in memory.

use std::{collections::BTreeMap, ops::Bound};

use async_trait::async_trait;
use dcd::Severity;
use registration::Place;
use store::StoreError;
use uuid::Uuid;

use super::MemoryStore;
use crate::{
    decide::Answer,
    findings::FindingKey,
    store::{FindingCount, FindingFilter, Found, Held, LookStore, Only, RowKey, StandingRow},
};

#[async_trait]
impl LookStore for MemoryStore {
    async fn standing(
        &self,
        register: usize,
        only: Option<Only<'_>>,
        after: Option<&RowKey>,
        limit: u32,
    ) -> Result<Vec<StandingRow>, StoreError> {
        let state = self.lock();
        let has = |cells: &[registration::Cell], only: Only<'_>| {
            cells.iter().any(|cell| cell.place == Place::of(only.field) && cell.value == only.value)
        };
        let of_register = state.live.values().filter(|(live, _)| live.member.register == register);
        let wanted = of_register.filter(|(_, cells)| only.is_none_or(|only| has(cells, only)));
        let rows = wanted.map(|(live, cells)| StandingRow {
            registration_id: live.registration_id,
            version: live.version,
            row: state.stored_row(live, cells),
        });
        let mut rows: Vec<StandingRow> = rows.filter(|row| after.is_none_or(|after| row.row.key > *after)).collect();
        rows.sort_by(|a, b| a.row.key.cmp(&b.row.key));
        rows.truncate(limit as usize);
        Ok(rows)
    }

    async fn found(&self, filter: &FindingFilter, after: Option<&FindingKey>, limit: u32) -> Result<Vec<Found>, StoreError> {
        let state = self.lock();
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let findings = state.findings.range::<FindingKey, _>(range).map(|(_, finding)| finding);
        let registration_of = |key: &FindingKey| {
            let is_of =
                |register: usize| self.registers.get(register).is_some_and(|register| register.definition().name() == key.dcd);
            let mut live = state.live.values().map(|(live, _)| live);
            let live = live.find(|live| {
                (&live.member.unique_id, &live.member.sender) == (&key.unique_id, &key.sender) && is_of(live.member.register)
            });
            live.map(|live| live.registration_id)
        };
        let wanted = findings.filter(|finding| filter.passes(finding)).take(limit as usize);
        Ok(wanted.map(|finding| Found { finding: finding.clone(), registration_id: registration_of(&finding.key) }).collect())
    }

    async fn held(&self) -> Result<Vec<Held>, StoreError> {
        let state = self.lock();
        let mut held = vec![Held::default(); self.registers.list().len()];
        for (live, _) in state.live.values() {
            if let Some(held) = held.get_mut(live.member.register) {
                held.registrations += 1;
            }
        }
        Ok(held)
    }

    async fn finding_counts(&self) -> Result<Vec<FindingCount>, StoreError> {
        let mut counts: BTreeMap<(String, Severity), u64> = BTreeMap::new();
        for finding in self.lock().findings.values() {
            *counts.entry((finding.key.dcd.clone(), finding.severity)).or_default() += 1;
        }
        Ok(counts.into_iter().map(|((dcd, severity), count)| FindingCount { dcd, severity, count }).collect())
    }

    async fn verdicts(&self, item: Uuid) -> Result<Vec<(String, Answer)>, StoreError> {
        let state = self.lock();
        let known = state.known.iter().filter(|((_, of), _)| *of == item);
        let mut verdicts: Vec<(String, Answer)> = known.map(|((sender, _), answer)| (sender.clone(), answer.clone())).collect();
        verdicts.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(verdicts)
    }
}
