//! Feedback on its way, in SQL.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use clock::Timestamp;
use envelope::ItemId;
use registration::Receipt;
use store::{AssertSqlSafe, Connection, Passage, Row, StoreError, bulk, itinerary};
use uuid::Uuid;

use super::{
    SqlStore,
    history::{self, Line},
    id, moment,
    verdicts::{HELD, held, write_held},
};
use crate::{
    record::Held,
    store::{DueFeedback, FeedbackOutbox, Heard, IssuedFeedback, Sent, author},
};

fn due(row: &Row) -> Result<DueFeedback, StoreError> {
    let hospital: &[u8] = row.try_get("hospital")?;
    Ok(DueFeedback {
        feedback: row.try_get("id")?,
        item_id: id(row, "item_id")?,
        handle: row.try_get("handle")?,
        hospital: hospital.try_into().map_err(|_| StoreError::Damaged { what: "key id" })?,
        bytes: row.try_get("bytes")?,
        first_sent_at: row.try_get::<Option<i64>>("first_sent_at")?.map(Timestamp::from_micros),
    })
}

/// Takes the confirmation of feedbacks, by the broker or the hospital: the records that they changed, and what for.
async fn take_over(connection: &mut Connection, feedbacks: &[i64], at: Timestamp) -> Result<(), StoreError> {
    let select = format!(
        "SELECT f.kind, f.answers, {HELD} FROM feedback f JOIN record r ON r.id = f.record
        WHERE f.id IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) ORDER BY f.id"
    );
    let rows = connection.query(AssertSqlSafe(select)).bind(&bulk::list(&feedbacks)?).fetch_all().await?;
    let (mut records, mut lines): (BTreeMap<i64, Held>, Vec<Line<'_>>) = (BTreeMap::new(), Vec::new());
    for row in &rows {
        let found = held(row)?;
        let record = found.record;
        let note = records.entry(record).or_insert(found).taken_over(row.try_get("kind")?, id(row, "answers")?);
        lines.extend(note.map(|note| Line { record, at, author: author::HD4RES, note }));
    }
    let changed: Vec<&Held> = lines.iter().filter_map(|line| records.get(&line.record)).collect();
    write_held(connection, &changed).await?;
    history::write(connection, &lines).await
}

/// The feedbacks that receipts are for.
async fn answered(connection: &mut Connection, heard: &[Heard]) -> Result<Vec<i64>, StoreError> {
    const SELECT: &str = "SELECT f.id, f.item_id, r.sender, r.registration_id FROM record r JOIN feedback f ON f.record = r.id
        WHERE r.registration_id IN (SELECT unhex(value) FROM json_each(?)) AND f.heard_at IS NULL ORDER BY f.id";
    let receipts: BTreeSet<(ItemId, &str, Uuid)> =
        heard.iter().map(|one| (one.receipt, one.sender.as_str(), one.registration_id)).collect();
    let registrations = bulk::id_list(heard.iter().map(|one| &one.registration_id));
    let mut answered = Vec::new();
    for row in &connection.query(SELECT).bind(&registrations).fetch_all().await? {
        let receipt = ItemId::from_uuid(id(row, "item_id")?).derived(Receipt::DERIVATION);
        if receipts.contains(&(receipt, row.try_get("sender")?, id(row, "registration_id")?)) {
            answered.push(row.try_get("id")?);
        }
    }
    Ok(answered)
}

#[async_trait]
impl FeedbackOutbox for SqlStore {
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DueFeedback>, StoreError> {
        const SELECT: &str = "SELECT f.id, f.item_id, f.handle, f.hospital, f.bytes, f.first_sent_at,
                f.first_sent_at IS NOT NULL AND (r.item_id <> f.answers OR r.deleted > 0) AS is_over
            FROM feedback f JOIN record r ON r.id = f.record WHERE f.next_send_at <= ? ORDER BY f.next_send_at, f.id LIMIT ?";
        loop {
            let rows = self.database.query(SELECT).bind(now.as_micros()).bind(limit).fetch_all().await?;
            let (mut over, mut due_now): (Vec<i64>, Vec<DueFeedback>) = (Vec::new(), Vec::new());
            for row in &rows {
                if row.try_get("is_over")? { over.push(row.try_get("id")?) } else { due_now.push(due(row)?) }
            }
            if !over.is_empty() {
                let mut transaction = self.database.write().await?;
                const STOP: &str =
                    "UPDATE feedback SET next_send_at = NULL WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))";
                transaction.query(STOP).bind(&bulk::list(&over)?).execute().await?;
                transaction.commit().await?;
            }
            if over.is_empty() || !due_now.is_empty() {
                return Ok(due_now);
            }
        }
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        const SELECT: &str = "SELECT min(next_send_at) FROM feedback WHERE next_send_at IS NOT NULL";
        let due: Option<i64> = self.database.query(SELECT).scalar().await?;
        Ok(due.map(Timestamp::from_micros))
    }

    async fn sent(&self, sent: &[Sent], at: Timestamp, passages: &[Passage]) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        let feedbacks: Vec<i64> = sent.iter().map(|one| one.feedback).collect();
        take_over(&mut transaction, &feedbacks, at).await?;
        const TAIL: &str = ") UPDATE feedback SET first_sent_at = coalesce(first_sent_at, taken.at),
            next_send_at = CASE WHEN heard_at IS NULL THEN taken.due END FROM taken WHERE feedback.id = taken.id";
        bulk::insert(&mut transaction, "WITH taken (id, at, due) AS (", 3, TAIL, sent, |row, one| {
            row.bind(one.feedback).bind(at.as_micros()).bind(one.next_send_at.map(Timestamp::as_micros))
        })
        .await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn heard(&self, heard: &[Heard], at: Timestamp, passages: &[Passage]) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        let answered = answered(&mut transaction, heard).await?;
        // The broker's confirm may have been lost; whoever has the feedback got it from a broker.
        take_over(&mut transaction, &answered, at).await?;
        const HEARD: &str =
            "UPDATE feedback SET heard_at = ?, next_send_at = NULL WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))";
        transaction.query(HEARD).bind(at.as_micros()).bind(&bulk::list(&answered)?).execute().await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn waiting(&self, after: i64, limit: u32) -> Result<Vec<i64>, StoreError> {
        const SELECT: &str =
            "SELECT DISTINCT record FROM feedback WHERE next_send_at IS NOT NULL AND record > ? ORDER BY record LIMIT ?";
        self.database.query(SELECT).bind(after).bind(limit).scalars().await
    }

    async fn of_record(&self, record: i64) -> Result<Vec<IssuedFeedback>, StoreError> {
        const SELECT: &str =
            "SELECT item_id, kind, version, at, next_send_at, heard_at FROM feedback WHERE record = ? ORDER BY number";
        let read = |row: &Row| {
            let optional = |column| Ok::<_, StoreError>(row.try_get::<Option<i64>>(column)?.map(Timestamp::from_micros));
            Ok(IssuedFeedback {
                item_id: id(row, "item_id")?,
                kind: row.try_get("kind")?,
                version: row.try_get("version")?,
                at: moment(row, "at")?,
                next_send_at: optional("next_send_at")?,
                heard_at: optional("heard_at")?,
            })
        };
        self.database.query(SELECT).bind(record).fetch_all().await?.iter().map(read).collect()
    }

    async fn again(&self, now: Timestamp) -> Result<u64, StoreError> {
        const AGAIN: &str = "UPDATE feedback SET next_send_at = ? FROM record r
            WHERE r.id = feedback.record AND r.item_id = feedback.answers AND r.deleted = 0
            AND feedback.heard_at IS NULL AND feedback.first_sent_at IS NOT NULL";
        let mut transaction = self.database.write().await?;
        let again = transaction.query(AGAIN).bind(now.as_micros()).execute().await?;
        transaction.commit().await?;
        Ok(again)
    }
}
