//! The journal in memory, for simulations and tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use clock::Timestamp;
use store::StoreError;

use super::{Answer, AuditRow, Begun, Journal, REQUEST_KEPT, RequestKey};

/// The journal in memory.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: BTreeMap<RequestKey, Request>,
    audit: Vec<AuditRow>,
    secret: Option<String>,
}

#[derive(Debug)]
struct Request {
    fingerprint: [u8; 32],
    since: Timestamp,
    answer: Option<Answer>,
}

impl MemoryJournal {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn begin(&self, key: &RequestKey, fingerprint: &[u8; 32], at: Timestamp) -> Result<Begun, StoreError> {
        let mut state = self.lock();
        state.requests.retain(|_, request| at.since(request.since) < REQUEST_KEPT);
        let request = state.requests.entry(*key).or_insert(Request { fingerprint: *fingerprint, since: at, answer: None });
        Ok(match &request.answer {
            _ if request.fingerprint != *fingerprint => Begun::Other,
            Some(answer) => Begun::Answered(answer.clone()),
            None => Begun::Open { since: request.since },
        })
    }

    async fn conclude(&self, row: Option<&AuditRow>, answered: Option<(&RequestKey, &Answer)>) -> Result<(), StoreError> {
        let mut state = self.lock();
        state.audit.extend(row.cloned());
        if let Some((key, answer)) = answered
            && let Some(request) = state.requests.get_mut(key)
        {
            request.answer = Some(answer.clone());
        }
        Ok(())
    }

    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<(i64, AuditRow)>, StoreError> {
        let state = self.lock();
        let behind = (1_i64..).zip(&state.audit).filter(|(number, _)| *number > after);
        Ok(behind.take(limit as usize).map(|(number, row)| (number, row.clone())).collect())
    }

    async fn secret(&self, fresh: &str) -> Result<String, StoreError> {
        Ok(self.lock().secret.get_or_insert_with(|| fresh.to_owned()).clone())
    }
}
