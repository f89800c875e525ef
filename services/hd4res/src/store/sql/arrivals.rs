//! Arriving registrations in SQL: what is known of a batch is read, and what it changes written, in a few statements each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use clock::Timestamp;
use recoding::patients;
use registration::ContentKind;
use store::{Connection, Row, StoreError, bulk};

use super::{
    history::{self, Line},
    id, number,
    researcher::keep_comments,
    status, stored,
};
use crate::{
    receive::{KnownItem, KnownRecord},
    record::Note,
    store::{
        Arrived, author,
        known::{Change, Current, Known},
    },
};

/// What is known of a batch of arrivals.
pub(super) async fn load(connection: &mut Connection, arrivals: &[Arrived]) -> Result<Known, StoreError> {
    let last_record: i64 = connection.query("SELECT coalesce(max(id), 0) FROM record").scalar().await?;
    let mut known = Known { last_record, ..Known::default() };
    const ITEMS: &str = "SELECT i.id, i.sender, i.content_hash, i.status_number, r.validated_version >= i.version AS is_validated
        FROM item i JOIN record r ON r.id = i.record WHERE i.id IN (SELECT unhex(value) FROM json_each(?))";
    let ids = bulk::id_list(arrivals.iter().map(|arrived| &arrived.item_id));
    for row in connection.query(ITEMS).bind(&ids).fetch_all().await? {
        let item = KnownItem {
            content_hash: hash(&row)?,
            status_number: number(&row, "status_number")?,
            is_validated: row.try_get("is_validated")?,
        };
        known.items.insert((id(&row, "id")?, row.try_get("sender")?), item);
    }
    // The last row of a registration counts: its tombstone, where it has one.
    const REGISTRATIONS: &str = "SELECT id, sender, registration_id, version, feedback_number, status FROM record
        WHERE registration_id IN (SELECT unhex(value) FROM json_each(?)) ORDER BY deleted > 0, version";
    let ids = bulk::id_list(arrivals.iter().map(|arrived| &arrived.registration_id));
    for row in connection.query(REGISTRATIONS).bind(&ids).fetch_all().await? {
        let record = row.try_get("id")?;
        known.registrations.insert((row.try_get("sender")?, id(&row, "registration_id")?), record);
        known.records.insert(record, known_record(&row)?);
    }
    let registrations = arrivals.iter().filter(|arrived| arrived.kind == ContentKind::Registration);
    let groups: BTreeSet<(&str, &str)> = registrations.map(|arrived| (arrived.dcd.as_str(), arrived.sender.as_str())).collect();
    for (dcd, sender) in groups {
        load_living(connection, &mut known, arrivals, dcd, sender).await?;
    }
    Ok(known)
}

async fn load_living(
    connection: &mut Connection,
    known: &mut Known,
    arrivals: &[Arrived],
    dcd: &str,
    sender: &str,
) -> Result<(), StoreError> {
    const RECORDS: &str =
        "SELECT r.id, r.unique_id, r.registration_id, r.version, r.feedback_number, r.status FROM json_each(?) k
        CROSS JOIN record r WHERE r.dcd = ? AND r.unique_id = k.value AND r.sender = ? AND r.deleted = 0";
    let of_group = arrivals.iter().filter(|arrived| arrived.dcd == dcd && arrived.sender == sender);
    let unique_ids: Vec<&str> = of_group.map(|arrived| arrived.unique_id.as_str()).collect();
    for row in connection.query(RECORDS).bind(&bulk::list(&unique_ids)?).bind(dcd).bind(sender).fetch_all().await? {
        let record = row.try_get("id")?;
        known.living.insert((dcd.to_owned(), row.try_get("unique_id")?, sender.to_owned()), record);
        known.records.insert(record, known_record(&row)?);
    }
    Ok(())
}

fn known_record(row: &Row) -> Result<KnownRecord, StoreError> {
    Ok(KnownRecord {
        registration_id: id(row, "registration_id")?,
        version: row.try_get("version")?,
        feedback_number: number(row, "feedback_number")?,
        status: status(row)?,
    })
}

fn hash(row: &Row) -> Result<[u8; 32], StoreError> {
    let bytes: &[u8] = row.try_get("content_hash")?;
    bytes.try_into().map_err(|_| StoreError::Damaged { what: "hash" })
}

/// Writes what a batch changes.
pub(super) async fn write(connection: &mut Connection, changes: &[Change<'_>], at: Timestamp) -> Result<(), StoreError> {
    write_records(connection, changes, at).await?;
    const ITEM: &str = "INSERT INTO item (id, sender, record, version, status_number, content_hash)";
    bulk::insert(connection, ITEM, 6, "", changes, |row, change| {
        row.bind(&change.arrived.item_id.as_bytes()[..])
            .bind(&change.arrived.sender)
            .bind(change.record)
            .bind(change.arrived.version)
            .bind(stored(change.status_number))
            .bind(&change.arrived.content_hash[..])
    })
    .await?;
    // A statement that meets a record twice lets one of the two numbers count; so each record has its greatest one.
    let mut older = BTreeMap::new();
    for change in changes.iter().filter(|change| change.current.is_none()) {
        let number = older.entry(change.record).or_insert(change.status_number);
        *number = change.status_number.max(*number);
    }
    let older: Vec<(i64, u64)> = older.into_iter().collect();
    const NUMBER: &str = ") UPDATE record SET feedback_number = CASE WHEN feedback_number > numbered.number THEN feedback_number ELSE numbered.number END FROM numbered
        WHERE record.id = numbered.id";
    bulk::insert(connection, "WITH numbered (id, number) AS (", 2, NUMBER, &older, |row, (record, number)| {
        row.bind(record).bind(stored(*number))
    })
    .await?;
    Ok(())
}

async fn write_records(connection: &mut Connection, changes: &[Change<'_>], at: Timestamp) -> Result<(), StoreError> {
    let current = || changes.iter().filter_map(|change| change.current.map(|current| (change, current)));
    let rows = records(current());
    let pseudonyms: Vec<&str> = rows.iter().map(|row| row.last.arrived.pseudonym.as_str()).collect();
    let patients = patients::numbers(connection, &pseudonyms).await?;
    const RECORD: &str =
        "INSERT INTO record (id, dcd, unique_id, sender, patient, names_patient, registration_id, version, item_id, status, validated_version,
        feedback_number, arrived_at, first_version, dcd_version, automatic, deleted)";
    // A deletion does not know its record's unique id, so that stays, as what came first does.
    const REPLACE: &str = "ON CONFLICT (id) DO UPDATE SET patient = excluded.patient, registration_id = excluded.registration_id, version = excluded.version,
        item_id = excluded.item_id, status = excluded.status, validated_version = excluded.validated_version,
        feedback_number = excluded.feedback_number, dcd_version = excluded.dcd_version, automatic = excluded.automatic,
        deleted = excluded.deleted";
    bulk::insert(connection, RECORD, 17, REPLACE, &rows, |row, NewRecord { first, last, note }| {
        let arrived = last.arrived;
        let names_patient = first.arrived.unique_id.contains(&first.arrived.pseudonym);
        row.bind(last.record)
            .bind(&first.arrived.dcd)
            .bind((first.deleted() == 0).then_some(&first.arrived.unique_id))
            .bind(&first.arrived.sender)
            .bind(patients.number(&arrived.pseudonym))
            .bind(i64::from(names_patient))
            .bind(&arrived.registration_id.as_bytes()[..])
            .bind(arrived.version)
            .bind(&arrived.item_id.as_bytes()[..])
            .bind(note.status.as_str())
            .bind(0)
            .bind(stored(last.status_number))
            .bind(at.as_micros())
            .bind(first.arrived.version)
            .bind(arrived.dcd_version)
            .bind(arrived.is_approved_automatically)
            .bind(last.deleted())
    })
    .await?;
    const CONTENT: &str = "INSERT INTO content (record, hospital, handle, bytes)";
    const NEWER: &str = "ON CONFLICT (record) DO UPDATE SET hospital = excluded.hospital,
        handle = excluded.handle, bytes = excluded.bytes";
    bulk::insert(connection, CONTENT, 4, NEWER, &rows, |row, NewRecord { last, .. }| {
        let arrived = last.arrived;
        row.bind(last.record).bind(&arrived.hospital[..]).bind(&arrived.handle[..]).bind(&arrived.content[..])
    })
    .await?;
    let later: Vec<Line<'_>> = current()
        .filter(|(_, current)| !current.is_first)
        .map(|(change, current)| Line { record: change.record, at, author: author::HOSPITAL, note: current.note })
        .collect();
    history::write(connection, &later).await?;
    for (change, _) in current().filter(|(change, _)| !change.arrived.answers.is_empty()) {
        keep_comments(connection, change.record, &change.arrived.answers).await?;
    }
    Ok(())
}

/// A record as a batch leaves it: what came first stays, all else is what came last.
struct NewRecord<'c> {
    first: &'c Change<'c>,
    last: &'c Change<'c>,
    note: Note,
}

/// One row per record, in the order in which they came first: a statement of PostgreSQL does not write a row twice, and a unique id is free for
/// another record once the one that had it is deleted.
fn records<'c>(current: impl Iterator<Item = (&'c Change<'c>, Current)>) -> Vec<NewRecord<'c>> {
    let mut rows: Vec<NewRecord<'c>> = Vec::new();
    let mut places = HashMap::new();
    for (change, Current { note, .. }) in current {
        let place = *places.entry(change.record).or_insert(rows.len());
        match rows.get_mut(place) {
            Some(row) => (row.last, row.note) = (change, note),
            None => rows.push(NewRecord { first: change, last: change, note }),
        }
    }
    rows
}
