//! A rotation in memory.

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{Finding, Telling, UntoldPair};
use store::{Passage, StoreError};
use uuid::Uuid;

use super::MemoryStore;
use crate::store::{
    recode::{Aim, Answer, RecodeJob, RecodeStore},
    sql::sorted,
};

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

#[async_trait]
impl RecodeStore for MemoryStore {
    async fn aim_at(&self, domain: &str, epoch: u32) -> Result<(), StoreError> {
        let aim = Aim { domain: domain.to_owned(), epoch };
        self.lock().raise(&format!("{}.", aim.to_text()));
        Ok(())
    }

    async fn to_recode(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        let known = self.lock();
        let Some(aim) = &known.aim else { return Ok(Vec::new()) };
        let is_finding = |pseudonym: &str| known.pairs.findings.iter().any(|finding| finding.pair.old == pseudonym);
        let mut found: Vec<String> = known.pseudonyms.values().filter(|pseudonym| aim.is_behind(pseudonym)).cloned().collect();
        found.sort_unstable();
        found.dedup();
        found.extend(known.unconfirmed.iter().cloned());
        found.retain(|pseudonym| !is_finding(pseudonym));
        found.truncate(limit as usize);
        Ok(found)
    }

    async fn answered(&self, answers: &[Answer], at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError> {
        let _ = at;
        let mut known = self.lock();
        let (wanted, unknown) = sorted(answers);
        let decision = known.recode(&wanted);
        let mut findings = decision.findings;
        findings.extend(unknown.into_iter().filter(|finding| known.pairs.findings.insert(finding.clone())));
        for Answer { old, .. } in answers {
            known.unconfirmed.remove(old);
        }
        if let Some(job) = known.jobs.last_mut().filter(|job| job.ended_at.is_none()) {
            job.recoded += decision.moves.len() as u64;
            job.findings += findings.len() as u64;
        }
        wanted.iter().for_each(|pair| known.raise(&pair.new));
        self.itinerary.append(passages);
        Ok(findings)
    }

    async fn begin_job(&self, at: Timestamp) -> Result<bool, StoreError> {
        let mut known = self.lock();
        let epoch = known.aim.as_ref().map_or(0, |aim| aim.epoch);
        let begins = known.jobs.last().is_none_or(|job| job.ended_at.is_some());
        if begins {
            known.jobs.push(RecodeJob { epoch, begun_at: at, ended_at: None, recoded: 0, findings: 0 });
        }
        Ok(begins)
    }

    async fn end_job(&self, at: Timestamp) -> Result<Option<RecodeJob>, StoreError> {
        let mut known = self.lock();
        let open = known.jobs.last_mut().filter(|job| job.ended_at.is_none());
        Ok(open.map(|job| {
            job.ended_at = Some(at);
            job.clone()
        }))
    }

    async fn jobs(&self) -> Result<Vec<RecodeJob>, StoreError> {
        Ok(self.lock().jobs.clone())
    }

    async fn recode_findings(&self) -> Result<Vec<Finding>, StoreError> {
        Ok(self.lock().pairs.findings.iter().cloned().collect())
    }

    async fn recoded(&self) -> Result<u64, StoreError> {
        Ok(self.lock().pairs.recoded())
    }
}
