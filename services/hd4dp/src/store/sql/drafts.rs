//! Values that are kept and not sent, as both files and people make them.

use clock::Timestamp;
use store::{Connection, Row, StoreError, bulk};
use uuid::Uuid;

use super::{
    attachments,
    life::note,
    versions::{DRAFT, insert_attachments},
};
use crate::{
    status::{Event, Status},
    store::{Draft, HistoryEntry, Kept},
};

/// Keeps rows of a file as Open registrations.
pub(super) async fn keep(connection: &mut Connection, kept: &[Kept], at: Timestamp) -> Result<(), StoreError> {
    const OPEN: &str = "INSERT INTO registration (id, dcd, unique_key, version, status) VALUES (?, ?, ?, 0, ?)
        ON CONFLICT (id) DO UPDATE SET status = excluded.status";
    for one in kept {
        let id = one.registration_id;
        connection
            .query(OPEN)
            .bind(&id.as_bytes()[..])
            .bind(&one.dcd)
            .bind(&one.unique_key)
            .bind(Status::Open.code())
            .execute()
            .await?;
        let entry =
            |event| HistoryEntry { at, author: Some(one.author.clone()), event, version: one.version, status: Status::Open };
        if one.reopens {
            stop(connection, id).await?;
            note(connection, id, &entry(Event::Reopened), None).await?;
        }
        replace_draft(connection, id, &one.draft, &one.author, at).await?;
        note(connection, id, &entry(Event::Saved), None).await?;
    }
    Ok(())
}

/// What was submitted of a registration is sent no more.
pub(super) async fn stop(connection: &mut Connection, registration_id: Uuid) -> Result<(), StoreError> {
    connection
        .query("UPDATE outbox SET stopped = 1, next_send_at = NULL WHERE registration_id = ?")
        .bind(&registration_id.as_bytes()[..])
        .execute()
        .await?;
    Ok(())
}

/// Keeps values instead of those that were kept before.
pub(super) async fn replace_draft(
    connection: &mut Connection,
    registration_id: Uuid,
    draft: &Draft,
    author: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    drop_drafts(connection, &[registration_id]).await?;
    connection
        .query("INSERT INTO draft (registration_id, cells, at, author, dcd_version, is_valid) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(&registration_id.as_bytes()[..])
        .bind(&draft.cells[..])
        .bind(at.as_micros())
        .bind(author)
        .bind(draft.dcd_version)
        .bind(draft.is_valid)
        .execute()
        .await?;
    let files: Vec<_> = draft.attachments.iter().map(|attachment| (registration_id, DRAFT, attachment)).collect();
    insert_attachments(connection, &files).await
}

/// What was kept of these registrations is gone.
pub(super) async fn drop_drafts(connection: &mut Connection, registrations: &[Uuid]) -> Result<(), StoreError> {
    let ids = bulk::id_list(registrations);
    for sql in [
        "DELETE FROM draft WHERE registration_id IN (SELECT unhex(value) FROM json_each(?))",
        "DELETE FROM attachment WHERE version = 0 AND registration_id IN (SELECT unhex(value) FROM json_each(?))",
    ] {
        connection.query(sql).bind(&ids).execute().await?;
    }
    Ok(())
}

/// The draft in a row of [`super::life::STANDING`], with its files.
pub(super) async fn draft(connection: &mut Connection, registration_id: Uuid, row: &Row) -> Result<Option<Draft>, StoreError> {
    let Some(cells) = row.try_get("draft_cells")? else { return Ok(None) };
    Ok(Some(Draft {
        dcd_version: row.try_get("draft_dcd_version")?,
        is_valid: row.try_get("is_valid")?,
        cells,
        attachments: attachments(connection, registration_id, DRAFT).await?,
    }))
}

/// Removes all traces of a registration of which nothing was submitted.
pub(super) async fn remove(connection: &mut Connection, registration_id: Uuid) -> Result<(), StoreError> {
    drop_drafts(connection, &[registration_id]).await?;
    for sql in ["DELETE FROM history WHERE registration_id = ?", "DELETE FROM registration WHERE id = ?"] {
        connection.query(sql).bind(registration_id.as_bytes().to_vec()).execute().await?;
    }
    Ok(())
}
