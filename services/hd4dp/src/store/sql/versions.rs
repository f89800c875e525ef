//! Versions with all that hangs on them, as both files and people make them.

use std::collections::BTreeSet;

use clock::Timestamp;
use registration::{Attachment, ContentKind, Place};
use store::{Connection, Row, StoreError, bulk};
use uuid::Uuid;

use super::{answers::insert_answers, drafts::drop_drafts};
use crate::store::{NewVersion, UploadId};

/// The stored number of [`ContentKind::Registration`].
pub(super) const REGISTRATION: i64 = 1;
/// The stored number of [`ContentKind::Deletion`].
pub(super) const DELETION: i64 = 2;
/// The version under which a draft's files stand, since versions count from 1.
pub(super) const DRAFT: u32 = 0;

/// Writes versions down. Each takes the outbox row of the one before it, and ends what was kept or asked for before it.
pub(super) async fn insert_versions(
    connection: &mut Connection,
    upload: UploadId,
    versions: &[NewVersion],
    at: Timestamp,
) -> Result<(), StoreError> {
    const LATEST: &str = "ON CONFLICT (id) DO UPDATE SET version = excluded.version, status = NULL";
    // A file may have a registration several times.
    let latest = bulk::latest(versions, |new| new.registration_id);
    bulk::insert(connection, "INSERT INTO registration (id, dcd, unique_key, version)", 4, LATEST, &latest, |row, new| {
        row.bind(&new.registration_id.as_bytes()[..]).bind(&new.dcd).bind(&new.unique_key).bind(new.version)
    })
    .await?;
    const VERSION: &str = "INSERT INTO version
        (registration_id, version, item_id, dcd_version, kind, author, upload, submitted_at, patient_tag, row_hash, content_hash, cells)";
    bulk::insert(connection, VERSION, 12, "", versions, |row, new| {
        row.bind(&new.registration_id.as_bytes()[..])
            .bind(new.version)
            .bind(&new.item_id.as_bytes()[..])
            .bind(new.dcd_version)
            .bind(kind_number(new.kind))
            .bind(&new.author)
            .bind(upload.0)
            .bind(at.as_micros())
            .bind(&new.patient_tag[..])
            .bind(&new.row_hash[..])
            .bind(&new.content_hash[..])
            .bind(&new.cells[..])
    })
    .await?;
    const OVERTAKE: &str = "ON CONFLICT (registration_id)
        DO UPDATE SET version = excluded.version, attempt = 0, first_sent_at = NULL, next_send_at = NULL,
        stopped = 0";
    bulk::insert(connection, "INSERT INTO outbox (registration_id, version, attempt)", 3, OVERTAKE, &latest, |row, new| {
        row.bind(&new.registration_id.as_bytes()[..]).bind(new.version).bind(0)
    })
    .await?;
    let attachments: Vec<_> = versions
        .iter()
        .flat_map(|new| new.attachments.iter().map(|attachment| (new.registration_id, new.version, attachment)))
        .collect();
    insert_attachments(connection, &attachments).await?;
    insert_answers(connection, versions).await?;
    // A first version may end a draft too, though few uploads find any.
    let any: Option<i64> = connection.query("SELECT 1 FROM draft LIMIT 1").scalar_optional().await?;
    if any.is_none() {
        return Ok(());
    }
    let ended: Vec<Uuid> = versions.iter().map(|new| new.registration_id).collect();
    drop_drafts(connection, &ended).await
}

/// How many more registrations will wait for an answer with these versions: those that do not wait already. Only a registration that was
/// submitted before can.
pub(super) async fn more_waiting(connection: &mut Connection, versions: &[NewVersion]) -> Result<u64, StoreError> {
    const SELECT: &str = "SELECT count(*) FROM outbox WHERE registration_id IN (SELECT unhex(value) FROM json_each(?))";
    let all: BTreeSet<Uuid> = versions.iter().map(|new| new.registration_id).collect();
    let first: BTreeSet<Uuid> = versions.iter().filter(|new| new.version == 1).map(|new| new.registration_id).collect();
    let known: Vec<&Uuid> = all.difference(&first).collect();
    if known.is_empty() {
        return Ok(all.len() as u64);
    }
    let waiting: i64 = connection.query(SELECT).bind(&bulk::id_list(known)).scalar().await?;
    Ok((all.len() as u64).saturating_sub(u64::try_from(waiting).unwrap_or(0)))
}

/// Writes files down, each with its registration and version.
pub(super) async fn insert_attachments(
    connection: &mut Connection,
    attachments: &[(Uuid, u32, &Attachment)],
) -> Result<(), StoreError> {
    const ATTACHMENT: &str = "INSERT INTO attachment (registration_id, version, field, item, name, bytes)";
    bulk::insert(connection, ATTACHMENT, 6, "", attachments, |row, (id, version, attachment)| {
        row.bind(&id.as_bytes()[..])
            .bind(version)
            .bind(attachment.place.field)
            .bind(attachment.place.item.map_or(0, |item| u32::from(item) + 1))
            .bind(&attachment.name)
            .bind(&attachment.bytes[..])
    })
    .await?;
    Ok(())
}

/// Notes that versions were answered and wait no more. Returns how many were waiting.
pub(super) async fn settle(connection: &mut Connection, versions: &[(Uuid, u32)], at: Timestamp) -> Result<u64, StoreError> {
    const HEAD: &str = "WITH answered (id, version, at) AS (";
    // An earlier version is settled with a later one, which replaces it at healthdata.
    const CONFIRM: &str = ") UPDATE version SET confirmed_at = answered.at FROM answered
        WHERE version.registration_id = answered.id AND version.version <= answered.version AND version.confirmed_at IS NULL";
    bulk::insert(connection, HEAD, 3, CONFIRM, versions, |row, (id, version)| {
        row.bind(&id.as_bytes()[..]).bind(version).bind(at.as_micros())
    })
    .await?;
    const SETTLE: &str = ") DELETE FROM outbox WHERE (registration_id, version) IN (SELECT id, version FROM answered)";
    bulk::insert(connection, "WITH answered (id, version) AS (", 2, SETTLE, versions, |row, (id, version)| {
        row.bind(&id.as_bytes()[..]).bind(version)
    })
    .await
}

/// How a kind is stored.
fn kind_number(kind: ContentKind) -> i64 {
    match kind {
        ContentKind::Registration => REGISTRATION,
        ContentKind::Deletion => DELETION,
    }
}

/// Items are stored plus one, 0 for a place outside a list.
pub(super) fn attachment(row: &Row) -> Result<Attachment, StoreError> {
    let (field, item): (u16, u32) = (row.try_get("field")?, row.try_get("item")?);
    let item = item.checked_sub(1).and_then(|item| u16::try_from(item).ok());
    let place = item.map_or(Place::of(field), |item| Place::in_item(field, item));
    Ok(Attachment { place, name: row.try_get("name")?, bytes: row.try_get("bytes")? })
}
