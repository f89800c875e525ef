//! Feedback on its way, in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;
use clock::Timestamp;
use envelope::ItemId;
use registration::Receipt;
use store::{Passage, StoreError};

use super::{KeptFeedback, MemoryStore, Record, State};
use crate::{
    status::RecordStatus,
    store::{DueFeedback, FeedbackOutbox, Heard, IssuedFeedback, Sent, author},
};

/// Whether a feedback is about what its record holds now.
fn is_current(kept: &KeptFeedback, record: &Record) -> bool {
    record.held.status != RecordStatus::Deleted && record.held.item_id == kept.issued.answers
}

impl State {
    fn due(&mut self, now: Timestamp, limit: u32) -> Vec<DueFeedback> {
        let mut due = Vec::new();
        for (feedback, kept) in (1..).zip(&mut self.feedback) {
            let Some(next) = kept.next_send_at.filter(|next| *next <= now) else { continue };
            let is_over = self.records.get(&kept.record).is_none_or(|record| !is_current(kept, record));
            if is_over && kept.first_sent_at.is_some() {
                kept.next_send_at = None;
                continue;
            }
            let one = DueFeedback {
                feedback,
                item_id: kept.issued.item_id,
                handle: kept.handle.clone(),
                hospital: kept.hospital,
                bytes: kept.issued.bytes.clone(),
                first_sent_at: kept.first_sent_at,
            };
            due.push((next, one));
        }
        due.sort_by_key(|(next, one)| (*next, one.feedback));
        due.into_iter().take(limit as usize).map(|(_, one)| one).collect()
    }

    fn kept(&mut self, feedback: i64) -> Option<&mut KeptFeedback> {
        usize::try_from(feedback - 1).ok().and_then(|index| self.feedback.get_mut(index))
    }

    /// The broker or the hospital confirmed a feedback.
    fn take_over(&mut self, feedback: i64, at: Timestamp) {
        let Some(kept) = self.kept(feedback) else { return };
        let (number, kind, answers) = (kept.record, kept.issued.kind, kept.issued.answers);
        if let Some(record) = self.records.get_mut(&number)
            && let Some(note) = record.held.taken_over(kind, answers)
        {
            record.note(note, author::HD4RES, at);
        }
        self.know(number);
    }

    fn answered(&self, heard: &[Heard]) -> Vec<i64> {
        let is_answered = |kept: &KeptFeedback| {
            let receipt = ItemId::from_uuid(kept.issued.item_id).derived(Receipt::DERIVATION);
            let is_of = |one: &Heard, record: &Record| {
                one.receipt == receipt
                    && one.registration_id == record.held.registration_id
                    && one.sender == record.arrived.sender
            };
            let record = self.records.get(&kept.record);
            kept.heard_at.is_none() && record.is_some_and(|record| heard.iter().any(|one| is_of(one, record)))
        };
        (1..).zip(&self.feedback).filter(|(_, kept)| is_answered(kept)).map(|(feedback, _)| feedback).collect()
    }
}

#[async_trait]
impl FeedbackOutbox for MemoryStore {
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DueFeedback>, StoreError> {
        Ok(self.lock().due(now, limit))
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.lock().feedback.iter().filter_map(|kept| kept.next_send_at).min())
    }

    async fn sent(&self, sent: &[Sent], at: Timestamp, passages: &[Passage]) -> Result<(), StoreError> {
        let mut state = self.lock();
        for one in sent {
            state.take_over(one.feedback, at);
            if let Some(kept) = state.kept(one.feedback) {
                kept.first_sent_at.get_or_insert(at);
                kept.next_send_at = one.next_send_at.filter(|_| kept.heard_at.is_none());
            }
        }
        self.itinerary.append(passages);
        Ok(())
    }

    async fn heard(&self, heard: &[Heard], at: Timestamp, passages: &[Passage]) -> Result<(), StoreError> {
        let mut state = self.lock();
        for feedback in state.answered(heard) {
            state.take_over(feedback, at);
            if let Some(kept) = state.kept(feedback) {
                (kept.heard_at, kept.next_send_at) = (Some(at), None);
            }
        }
        self.itinerary.append(passages);
        Ok(())
    }

    async fn waiting(&self, after: i64, limit: u32) -> Result<Vec<i64>, StoreError> {
        let state = self.lock();
        let waits = state.feedback.iter().filter(|kept| kept.next_send_at.is_some() && kept.record > after);
        let records: BTreeSet<i64> = waits.map(|kept| kept.record).collect();
        Ok(records.into_iter().take(limit as usize).collect())
    }

    async fn of_record(&self, record: i64) -> Result<Vec<IssuedFeedback>, StoreError> {
        let issued = |kept: &KeptFeedback| IssuedFeedback {
            item_id: kept.issued.item_id,
            kind: kept.issued.kind.to_owned(),
            version: kept.issued.version,
            at: kept.at,
            next_send_at: kept.next_send_at,
            heard_at: kept.heard_at,
        };
        Ok(self.lock().feedback.iter().filter(|kept| kept.record == record).map(issued).collect())
    }

    async fn again(&self, now: Timestamp) -> Result<u64, StoreError> {
        let State { feedback, records, .. } = &mut *self.lock();
        let mut again = 0;
        for kept in feedback.iter_mut().filter(|kept| kept.heard_at.is_none() && kept.first_sent_at.is_some()) {
            if records.get(&kept.record).is_some_and(|record| is_current(kept, record)) {
                kept.next_send_at = Some(now);
                again += 1;
            }
        }
        Ok(again)
    }
}
