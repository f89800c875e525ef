//! The researcher's side of the store in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use clock::Timestamp;
use store::StoreError;
use uuid::Uuid;

use super::{MemoryStore, Record, State};
use crate::{
    record::{ActRefusal, Action, columns},
    status::RecordStatus,
    store::{Act, Acted, By, ColumnOf, Filter, KeptComment, RecordRow, RecordView, ResearcherStore, StatusCount},
};

fn row(record: &Record) -> RecordRow {
    let (held, arrived) = (&record.held, &record.arrived);
    RecordRow {
        record: held.record,
        sender: arrived.sender.clone(),
        dcd: arrived.dcd.clone(),
        dcd_version: arrived.dcd_version,
        unique_id: record.unique_id.clone(),
        status: held.status,
        registration_id: held.registration_id,
        version: held.version,
        is_validated: held.is_validated(),
    }
}

impl State {
    fn act(
        &mut self,
        number: i64,
        action: &Action,
        column: ColumnOf<'_>,
        by: &By<'_>,
        at: Timestamp,
    ) -> Result<Acted, ActRefusal> {
        if let Some(acted) = by.effect.and_then(|effect| self.effects.get(&effect)) {
            return Ok(*acted);
        }
        let author = by.author;
        let record = self.records.get_mut(&number).ok_or(ActRefusal::UnknownRecord)?;
        if !record.held.is_as(by.seen) {
            return Err(ActRefusal::StaleVersion);
        }
        let (dcd, dcd_version) = (record.arrived.dcd.as_str(), record.arrived.dcd_version);
        let columns = columns(action, |place| column(dcd, dcd_version, place))?;
        let deed = record.held.act(action)?;
        let (number_of_feedback, version) = (deed.feedback.number, deed.feedback.version);
        record.comments.extend(action.comments().iter().zip(columns).map(|(comment, column)| KeptComment {
            number: number_of_feedback,
            version,
            column,
            text: comment.text.clone(),
            author: author.to_owned(),
            at,
        }));
        let acted = Acted { status: deed.note.status, version, number: number_of_feedback, item_id: deed.feedback.item_id };
        self.issue(number, deed, author, at);
        self.know(number);
        self.effects.extend(by.effect.map(|effect| (effect, acted)));
        Ok(acted)
    }
}

#[async_trait]
impl ResearcherStore for MemoryStore {
    async fn act(
        &self,
        record: i64,
        action: &Action,
        columns: ColumnOf<'_>,
        by: &By<'_>,
        at: Timestamp,
    ) -> Result<Result<Acted, ActRefusal>, StoreError> {
        self.lost_answers.told(self.lock().act(record, action, columns, by, at))
    }

    async fn act_on_all(
        &self,
        acts: &[Act<'_>],
        columns: ColumnOf<'_>,
        at: Timestamp,
    ) -> Result<Vec<Result<Acted, ActRefusal>>, StoreError> {
        let mut state = self.lock();
        self.lost_answers
            .told(acts.iter().map(|Act { record, action, by }| state.act(*record, action, columns, by, at)).collect())
    }

    async fn find(&self, sender: Option<&str>, dcd: &str, unique_id: &str) -> Result<Vec<i64>, StoreError> {
        let is_wanted = |record: &&Record| {
            record.unique_id.as_deref() == Some(unique_id)
                && record.arrived.dcd == dcd
                && sender.is_none_or(|sender| record.arrived.sender == sender)
        };
        Ok(self.lock().records.values().filter(is_wanted).map(|record| record.held.record).collect())
    }

    async fn of_registration(&self, registration_id: Uuid) -> Result<Option<i64>, StoreError> {
        let state = self.lock();
        let held = state.records.values().map(|record| &record.held).filter(|held| held.registration_id == registration_id);
        Ok(held.max_by_key(|held| (held.status != RecordStatus::Deleted, held.version, held.record)).map(|held| held.record))
    }

    async fn of_item(&self, item_id: Uuid) -> Result<Option<i64>, StoreError> {
        let state = self.lock();
        let first = state.items.range((item_id, String::new())..).next();
        Ok(first.filter(|(key, _)| key.0 == item_id).map(|(_, item)| item.record))
    }

    async fn items(&self, record: i64) -> Result<Vec<(Uuid, u32)>, StoreError> {
        let state = self.lock();
        let of_record = state.items.iter().filter(|(_, item)| item.record == record);
        let mut items: Vec<(Uuid, u32)> = of_record.map(|((id, _), item)| (*id, item.version)).collect();
        items.sort_unstable_by_key(|(id, version)| (*version, *id));
        Ok(items)
    }

    async fn view(&self, record: i64) -> Result<Option<RecordView>, StoreError> {
        let state = self.lock();
        Ok(state.records.get(&record).map(|record| RecordView {
            row: row(record),
            pseudonym: record.arrived.pseudonym.clone(),
            content: record.arrived.content.clone(),
            comments: record.comments.clone(),
            history: record.history.clone(),
        }))
    }

    async fn rows(&self, records: &[i64]) -> Result<Vec<RecordRow>, StoreError> {
        let wanted: std::collections::BTreeSet<i64> = records.iter().copied().collect();
        let state = self.lock();
        Ok(wanted.iter().filter_map(|record| state.records.get(record)).map(row).collect())
    }

    async fn list(&self, filter: &Filter, after: Option<i64>, limit: u32) -> Result<Vec<RecordRow>, StoreError> {
        let state = self.lock();
        let is_wanted = |record: &&Record| {
            filter.dcd.as_ref().is_none_or(|dcd| *dcd == record.arrived.dcd)
                && filter.status.is_none_or(|status| status == record.held.status)
        };
        let behind = state.records.range(after.unwrap_or(0).saturating_add(1)..).map(|(_, record)| record);
        Ok(behind.filter(is_wanted).take(limit as usize).map(row).collect())
    }

    async fn counts(&self) -> Result<Vec<StatusCount>, StoreError> {
        let mut counts: BTreeMap<(String, RecordStatus), u64> = BTreeMap::new();
        for record in self.lock().records.values() {
            *counts.entry((record.arrived.dcd.clone(), record.held.status)).or_default() += 1;
        }
        Ok(counts.into_iter().map(|((dcd, status), count)| StatusCount { dcd, status, count }).collect())
    }
}
