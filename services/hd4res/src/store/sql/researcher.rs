//! The researcher's side of the store in SQL.

use async_trait::async_trait;
use clock::Timestamp;
use store::{AssertSqlSafe, Connection, Row, StoreError, bulk};
use uuid::Uuid;

use super::{
    SqlStore,
    history::{self, Line, NewFeedback},
    id, moment, number, status, stored,
    verdicts::{HELD, held, write_held},
};
use crate::{
    record::{ActRefusal, Action, Note, columns},
    status::{Event, RecordStatus},
    store::{
        Act, Acted, By, ColumnOf, Filter, HistoryEntry, KeptComment, RecordRow, RecordView, ResearcherStore, StatusCount, author,
    },
};

/// The columns of a record that [`record_row`] reads.
const ROW: &str = "r.id AS record, r.sender, r.dcd, r.dcd_version, r.unique_id, r.status, r.registration_id, r.version,
    r.validated_version >= r.version AS is_validated";

fn record_row(row: &Row) -> Result<RecordRow, StoreError> {
    Ok(RecordRow {
        record: row.try_get("record")?,
        sender: row.try_get("sender")?,
        dcd: row.try_get("dcd")?,
        dcd_version: row.try_get("dcd_version")?,
        unique_id: row.try_get("unique_id")?,
        status: status(row)?,
        registration_id: id(row, "registration_id")?,
        version: row.try_get("version")?,
        is_validated: row.try_get("is_validated")?,
    })
}

/// Keeps what a researcher or a hospital wrote about a record.
pub(super) async fn keep_comments(connection: &mut Connection, record: i64, comments: &[KeptComment]) -> Result<(), StoreError> {
    const COMMENT: &str = "INSERT INTO comment (record, version, number, place, text, author, at)";
    bulk::insert(connection, COMMENT, 7, "", comments, |row, comment| {
        row.bind(record)
            .bind(comment.version)
            .bind(stored(comment.number))
            .bind(&comment.column)
            .bind(&comment.text)
            .bind(&comment.author)
            .bind(comment.at.as_micros())
    })
    .await?;
    Ok(())
}

async fn comments(connection: &mut Connection, record: i64) -> Result<Vec<KeptComment>, StoreError> {
    const SELECT: &str = "SELECT version, number, place, text, author, at FROM comment WHERE record = ? ORDER BY id";
    let rows = connection.query(SELECT).bind(record).fetch_all().await?;
    let read = |row: &Row| {
        Ok(KeptComment {
            number: number(row, "number")?,
            version: row.try_get("version")?,
            column: row.try_get("place")?,
            text: row.try_get("text")?,
            author: row.try_get("author")?,
            at: moment(row, "at")?,
        })
    };
    rows.iter().map(read).collect()
}

async fn history(connection: &mut Connection, record: i64) -> Result<Vec<HistoryEntry>, StoreError> {
    const SELECT: &str = "SELECT at, author, event, version, status FROM history WHERE record = ? ORDER BY id";
    let rows = connection.query(SELECT).bind(record).fetch_all().await?;
    let read = |row: &Row| {
        let event: Event = row.try_get::<&str>("event")?.parse().map_err(|_| StoreError::Damaged { what: "event" })?;
        let note = Note { event, version: row.try_get("version")?, status: status(row)? };
        Ok(HistoryEntry { at: moment(row, "at")?, author: row.try_get("author")?, note })
    };
    rows.iter().map(read).collect()
}

/// The first arrival, which is in the record's row. What was deleted before it arrived has no unique id, and its deletion came first.
fn first_arrival(row: &Row) -> Result<HistoryEntry, StoreError> {
    let was_tombstone = row.try_get::<Option<&str>>("unique_id")?.is_none();
    let (event, status) =
        if was_tombstone { (Event::Deleted, RecordStatus::Deleted) } else { (Event::Arrived, RecordStatus::New) };
    let note = Note { event, version: row.try_get("first_version")?, status };
    Ok(HistoryEntry { at: moment(row, "arrived_at")?, author: author::HOSPITAL.to_owned(), note })
}

/// What an act led to whose effect is known.
async fn known_effect(connection: &mut Connection, by: &By<'_>) -> Result<Option<Acted>, StoreError> {
    let Some(effect) = by.effect else { return Ok(None) };
    const SELECT: &str = "SELECT status, version, number, item_id FROM effect WHERE id = ?";
    let row = connection.query(SELECT).bind(&effect[..]).fetch_optional().await?;
    let read = |row: &Row| {
        let (status, number) = (status(row)?, number(row, "number")?);
        Ok(Acted { status, version: row.try_get("version")?, number, item_id: id(row, "item_id")? })
    };
    row.as_ref().map(read).transpose()
}

async fn keep_effect(connection: &mut Connection, by: &By<'_>, acted: &Acted) -> Result<(), StoreError> {
    let Some(effect) = by.effect else { return Ok(()) };
    connection
        .query("INSERT INTO effect (id, status, version, number, item_id) VALUES (?, ?, ?, ?, ?)")
        .bind(&effect[..])
        .bind(acted.status.as_str())
        .bind(acted.version)
        .bind(stored(acted.number))
        .bind(&acted.item_id.as_bytes()[..])
        .execute()
        .await?;
    Ok(())
}

/// An act on one record; a refused one has written nothing.
async fn act(
    connection: &mut Connection,
    record: i64,
    action: &Action,
    column: ColumnOf<'_>,
    by: &By<'_>,
    at: Timestamp,
) -> Result<Result<Acted, ActRefusal>, StoreError> {
    if let Some(acted) = known_effect(&mut *connection, by).await? {
        return Ok(Ok(acted));
    }
    let author = by.author;
    let select = format!("SELECT {HELD}, r.dcd, r.dcd_version FROM record r WHERE r.id = ?");
    let row = connection.query(AssertSqlSafe(select)).bind(record).fetch_optional().await?;
    let Some(row) = row else { return Ok(Err(ActRefusal::UnknownRecord)) };
    let mut held = held(&row)?;
    if !held.is_as(by.seen) {
        return Ok(Err(ActRefusal::StaleVersion));
    }
    let (dcd, dcd_version): (&str, u32) = (row.try_get("dcd")?, row.try_get("dcd_version")?);
    let columns = match columns(action, |place| column(dcd, dcd_version, place)) {
        Ok(columns) => columns,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let deed = match held.act(action) {
        Ok(deed) => deed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (note, issued) = (deed.note, deed.feedback);
    let acted = Acted { status: note.status, version: note.version, number: issued.number, item_id: issued.item_id };
    let kept = action.comments().iter().zip(columns).map(|(comment, column)| KeptComment {
        number: issued.number,
        version: note.version,
        column,
        text: comment.text.clone(),
        author: author.to_owned(),
        at,
    });
    let kept: Vec<KeptComment> = kept.collect();
    write_held(&mut *connection, &[&held]).await?;
    history::issue(&mut *connection, &[NewFeedback { record, at, author, issued }]).await?;
    keep_comments(&mut *connection, record, &kept).await?;
    history::write(&mut *connection, &[Line { record, at, author, note }]).await?;
    keep_effect(&mut *connection, by, &acted).await?;
    Ok(Ok(acted))
}

#[async_trait]
impl ResearcherStore for SqlStore {
    async fn act(
        &self,
        record: i64,
        action: &Action,
        column: ColumnOf<'_>,
        by: &By<'_>,
        at: Timestamp,
    ) -> Result<Result<Acted, ActRefusal>, StoreError> {
        let mut transaction = self.database.write().await?;
        let acted = act(&mut transaction, record, action, column, by, at).await?;
        transaction.commit().await?;
        Ok(acted)
    }

    async fn act_on_all(
        &self,
        acts: &[Act<'_>],
        columns: ColumnOf<'_>,
        at: Timestamp,
    ) -> Result<Vec<Result<Acted, ActRefusal>>, StoreError> {
        let mut transaction = self.database.write().await?;
        let mut acted = Vec::with_capacity(acts.len());
        for Act { record, action, by } in acts {
            acted.push(act(&mut transaction, *record, action, columns, by, at).await?);
        }
        transaction.commit().await?;
        Ok(acted)
    }

    async fn find(&self, sender: Option<&str>, dcd: &str, unique_id: &str) -> Result<Vec<i64>, StoreError> {
        const SELECT: &str =
            "SELECT id FROM record WHERE dcd = ?1 AND unique_id = ?2 AND (?3 IS NULL OR sender = ?3) ORDER BY id";
        self.database.query(SELECT).bind(dcd).bind(unique_id).bind(sender).scalars().await
    }

    async fn of_registration(&self, registration_id: Uuid) -> Result<Option<i64>, StoreError> {
        const SELECT: &str =
            "SELECT id FROM record WHERE registration_id = ? ORDER BY deleted = 0 DESC, version DESC, id DESC LIMIT 1";
        self.database.query(SELECT).bind(registration_id.as_bytes().to_vec()).scalar_optional().await
    }

    async fn of_item(&self, item_id: Uuid) -> Result<Option<i64>, StoreError> {
        const SELECT: &str = "SELECT record FROM item WHERE id = ? ORDER BY sender LIMIT 1";
        self.database.query(SELECT).bind(&item_id.as_bytes()[..]).scalar_optional().await
    }

    async fn items(&self, record: i64) -> Result<Vec<(Uuid, u32)>, StoreError> {
        const SELECT: &str = "SELECT id, version FROM item WHERE record = ? ORDER BY version, id";
        let rows = self.database.query(SELECT).bind(record).fetch_all().await?;
        rows.iter().map(|row| Ok((id(row, "id")?, row.try_get("version")?))).collect()
    }

    async fn view(&self, record: i64) -> Result<Option<RecordView>, StoreError> {
        // A transaction, so that comments and history are of one moment with the record.
        let mut transaction = self.database.read_one_moment().await?;
        let select = format!(
            "SELECT {ROW}, r.arrived_at, r.first_version, p.pseudonym, c.bytes FROM record r JOIN content c ON c.record = r.id
            JOIN patient p ON p.id = r.patient WHERE r.id = ?"
        );
        let row = transaction.query(AssertSqlSafe(select)).bind(record).fetch_optional().await?;
        let Some(row) = row else { return Ok(None) };
        let mut lines = vec![first_arrival(&row)?];
        lines.extend(history(&mut transaction, record).await?);
        let comments = comments(&mut transaction, record).await?;
        let (pseudonym, content) = (row.try_get("pseudonym")?, row.try_get("bytes")?);
        Ok(Some(RecordView { row: record_row(&row)?, pseudonym, content, comments, history: lines }))
    }

    async fn rows(&self, records: &[i64]) -> Result<Vec<RecordRow>, StoreError> {
        let select =
            format!("SELECT {ROW} FROM record r WHERE r.id IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) ORDER BY r.id");
        let rows = self.database.query(AssertSqlSafe(select)).bind(&bulk::list(&records)?).fetch_all().await?;
        rows.iter().map(record_row).collect()
    }

    async fn list(&self, filter: &Filter, after: Option<i64>, limit: u32) -> Result<Vec<RecordRow>, StoreError> {
        let select = format!(
            "SELECT {ROW} FROM record r WHERE r.id > ?1 AND (?2 IS NULL OR r.dcd = ?2) AND (?3 IS NULL OR r.status = ?3)
            ORDER BY r.id LIMIT ?4"
        );
        let rows = self
            .database
            .query(AssertSqlSafe(select))
            .bind(after.unwrap_or(0))
            .bind(&filter.dcd)
            .bind(filter.status.map(RecordStatus::as_str))
            .bind(limit)
            .fetch_all()
            .await?;
        rows.iter().map(record_row).collect()
    }

    async fn counts(&self) -> Result<Vec<StatusCount>, StoreError> {
        const COUNT: &str = "SELECT dcd, status, count(*) AS records FROM record GROUP BY dcd, status";
        let read = |row: &Row| Ok(StatusCount { dcd: row.try_get("dcd")?, status: status(row)?, count: number(row, "records")? });
        let mut counts =
            self.database.query(COUNT).fetch_all().await?.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
        counts.sort_unstable();
        Ok(counts)
    }
}
