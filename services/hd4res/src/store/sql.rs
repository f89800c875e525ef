//! HD4RES's store in SQL.

mod arrivals;
mod history;
mod outbox;
mod recode;
mod researcher;
mod verdicts;

use async_trait::async_trait;
use clock::Timestamp;
use store::{Database, InDatabase, Location, Passage, Row, Schema, StoreError, bulk, itinerary};
use uuid::Uuid;

use super::{Arrived, FeedbackOutbox, Hd4resStore, Judged, PassagesOf, RecordStatus, ResearcherStore, Unvalidated};
use crate::receive::Reception;

// A verdict rewrites its record's row, so the row is kept narrow, no index holds what a verdict changes, and what is large stands beside it.
// `deleted` is 0 or the record's own number, so that a unique id has one living record and any number of tombstones. The first arrival is in
// the record's row and has no line of history: most records have no life beyond it. `names_patient` is 1 where the unique id contains the
// patient's pseudonym.
const SCHEMA: Schema = Schema {
    steps: &["
CREATE TABLE record (
    id INTEGER PRIMARY KEY, dcd TEXT NOT NULL, unique_id TEXT, sender TEXT NOT NULL, patient INTEGER NOT NULL, names_patient INTEGER NOT NULL,
    registration_id BLOB NOT NULL, version INTEGER NOT NULL, item_id BLOB NOT NULL, status TEXT NOT NULL,
    validated_version INTEGER NOT NULL, feedback_number INTEGER NOT NULL, arrived_at INTEGER NOT NULL, first_version INTEGER NOT NULL,
    dcd_version INTEGER NOT NULL, automatic INTEGER NOT NULL, deleted INTEGER NOT NULL);
CREATE UNIQUE INDEX record_by_unique_id ON record (dcd, unique_id, sender, deleted);
CREATE INDEX record_by_registration ON record (registration_id);
CREATE INDEX record_by_named_patient ON record (patient) WHERE names_patient = 1;
CREATE TABLE content (
    record INTEGER PRIMARY KEY, hospital BLOB NOT NULL, handle BLOB NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE item (
    id BLOB NOT NULL, sender TEXT NOT NULL, record INTEGER NOT NULL, version INTEGER NOT NULL,
    status_number INTEGER NOT NULL, content_hash BLOB NOT NULL, PRIMARY KEY (id, sender)) WITHOUT ROWID;
CREATE TABLE feedback (
    id INTEGER PRIMARY KEY, item_id BLOB NOT NULL, record INTEGER NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL,
    version INTEGER NOT NULL, answers BLOB NOT NULL, bytes BLOB NOT NULL, handle BLOB NOT NULL, hospital BLOB NOT NULL,
    author TEXT NOT NULL, at INTEGER NOT NULL, first_sent_at INTEGER, next_send_at INTEGER, heard_at INTEGER);
CREATE UNIQUE INDEX feedback_by_record ON feedback (record, number);
CREATE INDEX feedback_due ON feedback (next_send_at, id) WHERE next_send_at IS NOT NULL;
CREATE TABLE comment (
    id INTEGER PRIMARY KEY, record INTEGER NOT NULL, version INTEGER NOT NULL, number INTEGER NOT NULL, place TEXT,
    text TEXT NOT NULL, author TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX comment_by_record ON comment (record);
CREATE TABLE history (
    id INTEGER PRIMARY KEY, record INTEGER NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL, event TEXT NOT NULL,
    version INTEGER NOT NULL, status TEXT NOT NULL);
CREATE INDEX history_by_record ON history (record);
",
        recoding::patients::TABLES,
        EFFECT,
        web::journal::SCHEMA_STEP,
        recoding::sql::TABLES,
    ],
};

/// What acts led to that were asked for over HTTP, so that none comes about twice.
const EFFECT: &str = "
CREATE TABLE effect (
    id BLOB PRIMARY KEY, status TEXT NOT NULL, version INTEGER NOT NULL, number INTEGER NOT NULL, item_id BLOB NOT NULL) WITHOUT ROWID;
";

/// HD4RES's store `hd4res`, in a SQLite file or a schema of PostgreSQL.
#[derive(Debug, Clone)]
pub struct SqlStore {
    database: Database,
}

impl SqlStore {
    /// Its schema.
    pub const SCHEMA: Schema = SCHEMA;

    /// Opens the store.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open(location: impl Into<Location>) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(location, crate::SERVICE, SCHEMA).await? })
    }
}

fn id(row: &Row, column: &str) -> Result<Uuid, StoreError> {
    Uuid::from_slice(row.try_get(column)?).map_err(|_| StoreError::Damaged { what: "id" })
}

fn number(row: &Row, column: &str) -> Result<u64, StoreError> {
    u64::try_from(row.try_get::<i64>(column)?).map_err(|_| StoreError::Damaged { what: "number" })
}

fn status(row: &Row) -> Result<RecordStatus, StoreError> {
    row.try_get::<&str>("status")?.parse().map_err(|_| StoreError::Damaged { what: "status" })
}

fn moment(row: &Row, column: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_micros(row.try_get(column)?))
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl InDatabase for SqlStore {
    fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl Hd4resStore for SqlStore {
    async fn receive(&self, arrivals: &[Arrived], at: Timestamp, passages: PassagesOf<'_>) -> Result<Vec<Reception>, StoreError> {
        let mut transaction = self.database.write().await?;
        let translated = recode::translate(&mut transaction, arrivals, at).await?;
        let arrivals = translated.as_deref().unwrap_or(arrivals);
        let mut known = arrivals::load(&mut transaction, arrivals).await?;
        let (mut receptions, mut changes) = (Vec::with_capacity(arrivals.len()), Vec::with_capacity(arrivals.len()));
        for arrived in arrivals {
            let (reception, change) = known.receive(arrived);
            receptions.push(reception);
            changes.extend(change);
        }
        arrivals::write(&mut transaction, &changes, at).await?;
        itinerary::insert(&mut transaction, &passages(&receptions)).await?;
        transaction.commit().await?;
        Ok(receptions)
    }

    async fn judge(&self, verdicts: &[Judged], passages: &[Passage]) -> Result<Vec<bool>, StoreError> {
        let mut transaction = self.database.write().await?;
        let known = if verdicts::note_clean(&mut transaction, verdicts).await? {
            vec![true; verdicts.len()]
        } else {
            let mut judging = verdicts::load(&mut transaction, verdicts).await?;
            let known = verdicts.iter().map(|verdict| judging.judge(verdict)).collect();
            verdicts::write(&mut transaction, &judging).await?;
            known
        };
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(known)
    }

    async fn unvalidated(&self, after: i64, limit: u32) -> Result<Vec<Unvalidated>, StoreError> {
        const SELECT: &str =
            "SELECT r.id, r.item_id, r.sender, p.pseudonym, c.bytes FROM record r JOIN content c ON c.record = r.id
            JOIN patient p ON p.id = r.patient WHERE r.id > ? AND r.validated_version < r.version ORDER BY r.id LIMIT ?";
        let rows = self.database.query(SELECT).bind(after).bind(limit).fetch_all().await?;
        rows.iter()
            .map(|row| {
                Ok(Unvalidated {
                    record: row.try_get("id")?,
                    item_id: id(row, "item_id")?,
                    sender: row.try_get("sender")?,
                    pseudonym: row.try_get("pseudonym")?,
                    content: row.try_get("bytes")?,
                })
            })
            .collect()
    }

    async fn validate_again(&self) -> Result<u64, StoreError> {
        const AGAIN: &str = "UPDATE record SET validated_version = 0 WHERE deleted = 0 AND validated_version > 0";
        let mut transaction = self.database.write().await?;
        let again = transaction.query(AGAIN).at_length().execute().await?;
        transaction.commit().await?;
        Ok(again)
    }

    async fn validated(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        const COUNT: &str = "SELECT count(*) FROM item i JOIN record r ON r.id = i.record AND r.validated_version >= i.version
            WHERE i.id IN (SELECT unhex(value) FROM json_each(?))";
        let count: i64 = self.database.query(COUNT).bind(&bulk::id_list(items)).scalar().await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn held(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        const COUNT: &str = "SELECT count(DISTINCT id) FROM item WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        let count: i64 = self.database.query(COUNT).bind(&bulk::id_list(items)).scalar().await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn records(&self) -> Result<u64, StoreError> {
        let count: i64 = self.database.query("SELECT count(*) FROM record").scalar().await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn status(&self, sender: &str, dcd: &str, unique_id: &str) -> Result<Option<RecordStatus>, StoreError> {
        const SELECT: &str = "SELECT status FROM record WHERE dcd = ? AND unique_id = ? AND sender = ?
            ORDER BY deleted = 0 DESC, id DESC LIMIT 1";
        let row = self.database.query(SELECT).bind(dcd).bind(unique_id).bind(sender).fetch_optional().await?;
        row.as_ref().map(self::status).transpose()
    }

    async fn is_new_incarnation(&self, incarnation: Uuid) -> Result<bool, StoreError> {
        Ok(!self.database.holds("incarnation", &incarnation.to_string()).await?)
    }

    async fn remember_incarnation(&self, incarnation: Uuid) -> Result<(), StoreError> {
        self.database.set("incarnation", &incarnation.to_string()).await
    }

    fn researcher(&self) -> &dyn ResearcherStore {
        self
    }

    fn outbox(&self) -> &dyn FeedbackOutbox {
        self
    }
}
