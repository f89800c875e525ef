//! Lines of history and feedback in SQL: what every change of a record may leave behind.

use clock::Timestamp;
use store::{Connection, StoreError, bulk};

use super::stored;
use crate::record::{Issued, Note};

/// A line of a record's history.
pub(super) struct Line<'a> {
    pub(super) record: i64,
    pub(super) at: Timestamp,
    pub(super) author: &'a str,
    pub(super) note: Note,
}

/// Writes lines of history.
pub(super) async fn write(connection: &mut Connection, lines: &[Line<'_>]) -> Result<(), StoreError> {
    const HISTORY: &str = "INSERT INTO history (record, at, author, event, version, status)";
    bulk::insert(connection, HISTORY, 6, "", lines, |row, line| {
        row.bind(line.record)
            .bind(line.at.as_micros())
            .bind(line.author)
            .bind(line.note.event.as_str())
            .bind(line.note.version)
            .bind(line.note.status.as_str())
    })
    .await?;
    Ok(())
}

/// A feedback about a record.
pub(super) struct NewFeedback<'a> {
    pub(super) record: i64,
    pub(super) at: Timestamp,
    pub(super) author: &'a str,
    pub(super) issued: Issued,
}

/// Keeps feedback, with what its way back needs, which came with the record's current version.
pub(super) async fn issue(connection: &mut Connection, feedbacks: &[NewFeedback<'_>]) -> Result<(), StoreError> {
    const HEAD: &str = "WITH issued (item_id, record, kind, number, version, answers, bytes, author, at) AS (";
    const FEEDBACK: &str =
        ") INSERT INTO feedback (item_id, record, kind, number, version, answers, bytes, handle, hospital, author, at, next_send_at)
        SELECT i.item_id, i.record, i.kind, i.number, i.version, i.answers, i.bytes, c.handle, c.hospital, i.author, i.at, 0
        FROM issued i CROSS JOIN content c WHERE c.record = i.record";
    bulk::insert(connection, HEAD, 9, FEEDBACK, feedbacks, |row, feedback| {
        let issued = &feedback.issued;
        row.bind(&issued.item_id.as_bytes()[..])
            .bind(feedback.record)
            .bind(issued.kind)
            .bind(stored(issued.number))
            .bind(issued.version)
            .bind(&issued.answers.as_bytes()[..])
            .bind(&issued.bytes[..])
            .bind(feedback.author)
            .bind(feedback.at.as_micros())
    })
    .await?;
    Ok(())
}
