//! Verdicts in SQL: the records of a batch are read, judged one by one, and written back in a few statements.

use std::collections::BTreeMap;

use store::{AssertSqlSafe, Connection, Row, StoreError, bulk};

use super::{
    history::{self, Line, NewFeedback},
    id, number, status, stored,
};
use crate::{
    record::Held,
    status::RecordStatus,
    store::{Judged, author, known::ItemKey},
};

/// What a batch of verdicts is about, and what it leaves behind.
pub(super) struct Judging {
    /// Record and version of each item.
    items: BTreeMap<ItemKey, (i64, u32)>,
    /// Each record, and whether it changed.
    records: BTreeMap<i64, (Held, bool)>,
    lines: Vec<Line<'static>>,
    approvals: Vec<NewFeedback<'static>>,
}

/// The columns of a record that [`held`] reads.
pub(super) const HELD: &str =
    "r.id AS record, r.registration_id, r.version, r.item_id, r.status, r.validated_version, r.feedback_number, r.automatic";

pub(super) fn held(row: &Row) -> Result<Held, StoreError> {
    Ok(Held {
        record: row.try_get("record")?,
        registration_id: id(row, "registration_id")?,
        version: row.try_get("version")?,
        item_id: id(row, "item_id")?,
        status: status(row)?,
        validated_version: row.try_get("validated_version")?,
        feedback_number: number(row, "feedback_number")?,
        is_approved_automatically: row.try_get("automatic")?,
    })
}

/// Notes a batch in which every verdict is a clean one on a living record's current version, with nothing to approve: most batches are.
/// Such a verdict changes no status, so the records need not be read. `false` when there is another verdict among them; those that were noted
/// are judged again then, to the same end.
pub(super) async fn note_clean(connection: &mut Connection, verdicts: &[Judged]) -> Result<bool, StoreError> {
    if !verdicts.iter().all(|verdict| verdict.is_clean) {
        return Ok(false);
    }
    const HEAD: &str = "WITH judged (id, sender) AS (";
    // A record has one current item, so it is met once.
    const UPDATE: &str = ") UPDATE record SET validated_version = record.version
        FROM judged JOIN item i ON i.id = judged.id AND i.sender = judged.sender
        WHERE record.id = i.record AND record.item_id = i.id AND record.automatic = 0 AND record.deleted = 0";
    let noted = bulk::insert(connection, HEAD, 2, UPDATE, verdicts, |row, verdict| {
        row.bind(&verdict.item_id.as_bytes()[..]).bind(&verdict.sender)
    })
    .await?;
    Ok(noted == verdicts.len() as u64)
}

/// What a batch of verdicts is about.
pub(super) async fn load(connection: &mut Connection, verdicts: &[Judged]) -> Result<Judging, StoreError> {
    let mut judging = Judging { items: BTreeMap::new(), records: BTreeMap::new(), lines: Vec::new(), approvals: Vec::new() };
    let select = format!(
        "SELECT i.id AS item, i.sender AS item_sender, i.version AS item_version, {HELD} FROM item i JOIN record r ON r.id = i.record
        WHERE i.id IN (SELECT unhex(value) FROM json_each(?))"
    );
    let ids = bulk::id_list(verdicts.iter().map(|verdict| &verdict.item_id));
    for row in connection.query(AssertSqlSafe(select)).bind(&ids).fetch_all().await? {
        let held = held(&row)?;
        judging.items.insert((id(&row, "item")?, row.try_get("item_sender")?), (held.record, row.try_get("item_version")?));
        judging.records.insert(held.record, (held, false));
    }
    Ok(judging)
}

impl Judging {
    /// Takes a verdict; `false` when its item never arrived.
    pub(super) fn judge(&mut self, verdict: &Judged) -> bool {
        let Some((record, version)) = self.items.get(&(verdict.item_id, verdict.sender.clone())) else { return false };
        let Some((held, is_changed)) = self.records.get_mut(record) else { return false };
        let before = held.clone();
        let judgement = held.judge(verdict.item_id, *version, verdict.is_clean);
        *is_changed |= *held != before;
        let (record, at) = (*record, verdict.at);
        self.lines.extend(judgement.found.map(|note| Line { record, at, author: author::DATA_WAREHOUSE, note }));
        if let Some(approval) = judgement.approval {
            self.lines.push(Line { record, at, author: author::HD4RES, note: approval.note });
            self.approvals.push(NewFeedback { record, at, author: author::HD4RES, issued: approval.feedback });
        }
        true
    }
}

/// Writes what the verdicts changed.
pub(super) async fn write(connection: &mut Connection, judging: &Judging) -> Result<(), StoreError> {
    let changed: Vec<&Held> = judging.records.values().filter(|(_, is_changed)| *is_changed).map(|(held, _)| held).collect();
    write_held(connection, &changed).await?;
    history::write(connection, &judging.lines).await?;
    history::issue(connection, &judging.approvals).await?;
    let is_gone = |held: &&&Held| held.status == RecordStatus::Deleted && held.is_validated();
    let gone: Vec<i64> = changed.iter().filter(is_gone).map(|held| held.record).collect();
    if !gone.is_empty() {
        const CLEAR: &str = "UPDATE content SET bytes = ? WHERE record IN (SELECT CAST(value AS BIGINT) FROM json_each(?))";
        connection.query(CLEAR).bind(Vec::new()).bind(&bulk::list(&gone)?).execute().await?;
    }
    Ok(())
}

/// Writes what verdicts, acts and confirmed feedback change of records.
pub(super) async fn write_held(connection: &mut Connection, records: &[&Held]) -> Result<(), StoreError> {
    const HEAD: &str = "WITH held (id, status, validated_version, feedback_number) AS (";
    const UPDATE: &str = ") UPDATE record SET status = held.status, validated_version = held.validated_version,
        feedback_number = held.feedback_number FROM held WHERE record.id = held.id";
    bulk::insert(connection, HEAD, 4, UPDATE, records, |row, held| {
        row.bind(held.record).bind(held.status.as_str()).bind(held.validated_version).bind(stored(held.feedback_number))
    })
    .await?;
    Ok(())
}
