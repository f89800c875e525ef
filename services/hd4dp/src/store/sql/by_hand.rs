//! Registrations that a person creates.

use clock::Timestamp;
use store::{Connection, StoreError};
use uuid::Uuid;

use super::{drafts::keep, life::note, versions::insert_versions};
use crate::{
    status::{Event, Status},
    store::{Creation, HistoryEntry, Refusal, UploadId},
};

/// Writes a new registration down, or says what of it is known already.
pub(super) async fn create(
    connection: &mut Connection,
    creation: &Creation,
    at: Timestamp,
) -> Result<Result<(), Refusal>, StoreError> {
    let (id, dcd, unique_key) = creation.names();
    let known: i64 = connection.query("SELECT count(*) FROM registration WHERE id = ?").bind(&id.as_bytes()[..]).scalar().await?;
    if known > 0 {
        return Ok(Err(Refusal::IdTaken));
    }
    let taken: i64 = connection
        .query("SELECT count(*) FROM registration WHERE dcd = ? AND unique_key = ?")
        .bind(dcd)
        .bind(unique_key)
        .scalar()
        .await?;
    if taken > 0 {
        return Ok(Err(Refusal::UniqueIdTaken));
    }
    match creation {
        Creation::Kept(kept) => keep(connection, std::slice::from_ref(kept), at).await?,
        Creation::Submitted(new) => {
            insert_versions(connection, UploadId::BY_HAND, std::slice::from_ref(new), at).await?;
            let (author, event) = (new.author.clone(), Event::SubmittedByUser);
            let entry = HistoryEntry { at, author, event, version: new.version, status: Status::Sending };
            note(connection, id, &entry, None).await?;
        }
    }
    Ok(Ok(()))
}

/// Whether a researcher asked about this version for an answer.
pub(super) async fn is_asked(connection: &mut Connection, registration_id: Uuid, version: u32) -> Result<bool, StoreError> {
    let asked: i64 = connection
        .query("SELECT count(*) FROM history WHERE registration_id = ? AND version = ? AND event IN (?, ?)")
        .bind(&registration_id.as_bytes()[..])
        .bind(version)
        .bind(Event::CorrectionRequested.code())
        .bind(Event::FollowUpRequested.code())
        .scalar()
        .await?;
    Ok(asked > 0)
}
