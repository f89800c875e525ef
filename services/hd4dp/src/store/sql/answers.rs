//! What a hospital says to a researcher's comments, in SQL.

use registration::{Answer, Comment, Place};
use store::{Connection, Row, StoreError, bulk};
use uuid::Uuid;

use crate::store::NewVersion;

/// Writes down what goes with versions. Few have any.
pub(super) async fn insert_answers(connection: &mut Connection, versions: &[NewVersion]) -> Result<(), StoreError> {
    const ANSWER: &str = "INSERT INTO answer (registration_id, version, position, number, field, item, text)";
    for new in versions.iter().filter(|new| !new.answers.is_empty()) {
        let answers: Vec<(i64, &Answer)> = (0..).zip(&new.answers).collect();
        bulk::insert(connection, ANSWER, 7, "", &answers, |row, (position, answer)| {
            let Comment { place, text } = &answer.comment;
            row.bind(&new.registration_id.as_bytes()[..])
                .bind(new.version)
                .bind(position)
                .bind(i64::try_from(answer.number).unwrap_or(i64::MAX))
                .bind(place.map(|place| place.field))
                .bind(place.and_then(|place| place.item))
                .bind(text)
        })
        .await?;
    }
    Ok(())
}

/// What was said with a version.
pub(super) async fn answers(connection: &mut Connection, registration_id: Uuid, version: u32) -> Result<Vec<Answer>, StoreError> {
    const SELECT: &str =
        "SELECT number, field, item, text FROM answer WHERE registration_id = ? AND version = ? ORDER BY position";
    let rows = connection.query(SELECT).bind(&registration_id.as_bytes()[..]).bind(version).fetch_all().await?;
    let read = |row: &Row| {
        let (field, item): (Option<u16>, Option<u16>) = (row.try_get("field")?, row.try_get("item")?);
        let comment = Comment { place: field.map(|field| Place { field, item }), text: row.try_get("text")? };
        Ok(Answer { number: u64::try_from(row.try_get::<i64>("number")?).unwrap_or(0), comment })
    };
    rows.iter().map(read).collect()
}
