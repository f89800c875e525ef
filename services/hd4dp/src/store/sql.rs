//! HD4DP's store in SQL.

mod answers;
mod by_hand;
mod drafts;
mod index;
mod life;
mod listing;
mod uploads;
mod versions;

use std::collections::BTreeMap;

use async_trait::async_trait;
use clock::Timestamp;
use registration::{Attachment, ContentKind};
use store::{AssertSqlSafe, Connection, Database, InDatabase, Location, Passage, Row, Schema, StoreError, bulk, itinerary};
use uuid::Uuid;

use self::{
    answers::answers,
    drafts::keep,
    versions::{insert_versions, more_waiting, settle},
};
use super::{Backlog, Expected, Hd4dpStore, Intake, Known, Outgoing, Sending, Sent, Tally, UploadId, UploadedItem};
use crate::status::Status;

const SCHEMA: Schema = Schema {
    steps: &[
        "
CREATE TABLE upload (
    id INTEGER PRIMARY KEY, file TEXT NOT NULL, dcd TEXT NOT NULL, at INTEGER NOT NULL,
    attempted INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0);
CREATE TABLE registration (
    id BLOB PRIMARY KEY, dcd TEXT NOT NULL, unique_key TEXT NOT NULL, version INTEGER NOT NULL,
    status TEXT, feedback_number INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE UNIQUE INDEX registration_by_unique_key ON registration (dcd, unique_key);
CREATE TABLE version (
    registration_id BLOB NOT NULL, version INTEGER NOT NULL, item_id BLOB NOT NULL, dcd_version INTEGER NOT NULL,
    kind INTEGER NOT NULL, author TEXT, upload INTEGER NOT NULL, submitted_at INTEGER NOT NULL, confirmed_at INTEGER,
    patient_tag BLOB NOT NULL, row_hash BLOB NOT NULL, content_hash BLOB NOT NULL, cells BLOB NOT NULL,
    PRIMARY KEY (registration_id, version)) WITHOUT ROWID;
CREATE INDEX version_by_upload ON version (upload, registration_id, version, item_id);
CREATE TABLE unchanged (
    upload INTEGER NOT NULL, registration_id BLOB NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (upload, registration_id, version)) WITHOUT ROWID;
CREATE TABLE unchanged_again (upload INTEGER PRIMARY KEY, rows INTEGER NOT NULL);
CREATE TABLE attachment (
    registration_id BLOB NOT NULL, version INTEGER NOT NULL, field INTEGER NOT NULL, item INTEGER NOT NULL,
    name TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (registration_id, version, field, item)) WITHOUT ROWID;
CREATE TABLE outbox (
    registration_id BLOB PRIMARY KEY, version INTEGER NOT NULL, attempt INTEGER NOT NULL,
    first_sent_at INTEGER, next_send_at INTEGER, stopped INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE draft (
    registration_id BLOB PRIMARY KEY, cells BLOB NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE comment (
    id INTEGER PRIMARY KEY, registration_id BLOB NOT NULL, version INTEGER NOT NULL, number INTEGER NOT NULL,
    field INTEGER, item INTEGER, text TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE answer (
    registration_id BLOB NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL,
    field INTEGER, item INTEGER, text TEXT NOT NULL, PRIMARY KEY (registration_id, version, position)) WITHOUT ROWID;
CREATE INDEX comment_by_version ON comment (registration_id, version, id);
CREATE TABLE history (
    id INTEGER PRIMARY KEY, registration_id BLOB NOT NULL, at INTEGER NOT NULL, author TEXT, event TEXT NOT NULL,
    version INTEGER NOT NULL, status TEXT NOT NULL, number INTEGER);
CREATE INDEX history_by_registration ON history (registration_id, id);
CREATE UNIQUE INDEX history_by_feedback ON history (registration_id, number) WHERE number IS NOT NULL;
",
        "
ALTER TABLE upload ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
ALTER TABLE draft ADD COLUMN dcd_version INTEGER;
ALTER TABLE draft ADD COLUMN is_valid INTEGER NOT NULL DEFAULT 1;
",
        uploads::STEP,
        index::STEP,
        web::journal::SCHEMA_STEP,
    ],
};

/// HD4DP's store `hd4dp-<nihdi>`, in a SQLite file or a schema of PostgreSQL.
#[derive(Debug, Clone)]
pub struct SqlStore {
    database: Database,
}

impl SqlStore {
    /// Its schema.
    pub const SCHEMA: Schema = SCHEMA;

    /// Opens the store of the hospital `nihdi`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open(location: impl Into<Location>, nihdi: &str) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(location, &format!("hd4dp-{nihdi}"), SCHEMA).await? })
    }

    async fn attach(&self, mut outgoing: Vec<Outgoing>) -> Result<Vec<Outgoing>, StoreError> {
        const ANY: &str = "SELECT 1 FROM attachment UNION ALL SELECT 1 FROM answer LIMIT 1";
        let any: Option<i64> = self.database.query(ANY).scalar_optional().await?;
        if any.is_none() {
            return Ok(outgoing);
        }
        let mut connection = self.database.read().await?;
        for version in &mut outgoing {
            let (id, number) = (version.registration_id, version.version);
            version.attachments = attachments(&mut connection, id, number).await?;
            version.answers = answers(&mut connection, id, number).await?;
        }
        Ok(outgoing)
    }
}

/// The files of a version; those of a draft stand under [`versions::DRAFT`].
async fn attachments(connection: &mut Connection, registration_id: Uuid, version: u32) -> Result<Vec<Attachment>, StoreError> {
    const SELECT: &str = "SELECT field, item, name, bytes FROM attachment WHERE registration_id = ? AND version = ?";
    let rows = connection.query(SELECT).bind(&registration_id.as_bytes()[..]).bind(version).fetch_all().await?;
    rows.iter().map(versions::attachment).collect()
}

fn id(row: &Row, column: &str) -> Result<Uuid, StoreError> {
    Uuid::from_slice(row.try_get(column)?).map_err(|_| StoreError::Damaged { what: "id" })
}

fn hash<const N: usize>(row: &Row, column: &str) -> Result<[u8; N], StoreError> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| StoreError::Damaged { what: "hash" })
}

fn moment(row: &Row, column: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.try_get::<Option<i64>>(column)?.map(Timestamp::from_micros))
}

/// A status that a person brought about; none for what is derived.
fn status(row: &Row) -> Result<Option<Status>, StoreError> {
    let code: Option<&str> = row.try_get("status")?;
    code.map(|code| Status::from_code(code).ok_or(StoreError::Damaged { what: "status" })).transpose()
}

fn kind(row: &Row) -> Result<ContentKind, StoreError> {
    match row.try_get("kind")? {
        versions::REGISTRATION => Ok(ContentKind::Registration),
        versions::DELETION => Ok(ContentKind::Deletion),
        _ => Err(StoreError::Damaged { what: "kind" }),
    }
}

fn outgoing(row: &Row) -> Result<Outgoing, StoreError> {
    Ok(Outgoing {
        registration_id: id(row, "registration_id")?,
        version: row.try_get("version")?,
        kind: kind(row)?,
        item_id: id(row, "item_id")?,
        dcd: row.try_get("dcd")?,
        dcd_version: row.try_get("dcd_version")?,
        cells: row.try_get("cells")?,
        attachments: Vec::new(),
        answers: Vec::new(),
        first_sent_at: moment(row, "first_sent_at")?,
    })
}

const OUTGOING: &str = "SELECT o.registration_id, o.version, o.first_sent_at, v.item_id, r.dcd, v.dcd_version, v.kind, v.cells
    FROM outbox o JOIN version v ON v.registration_id = o.registration_id AND v.version = o.version
    JOIN registration r ON r.id = o.registration_id";

fn uploaded_item(row: &Row) -> Result<UploadedItem, StoreError> {
    Ok(UploadedItem {
        registration_id: id(row, "registration_id")?,
        version: row.try_get("version")?,
        item_id: id(row, "item_id")?,
    })
}

impl InDatabase for SqlStore {
    fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl Hd4dpStore for SqlStore {
    async fn known(&self, dcd: &str, unique_keys: &[String]) -> Result<Vec<Option<Known>>, StoreError> {
        const SELECT: &str = "SELECT r.unique_key, r.id, r.version, r.status, v.row_hash, v.confirmed_at
            FROM json_each(?) k CROSS JOIN registration r
            LEFT JOIN version v ON v.registration_id = r.id AND v.version = r.version
            WHERE r.dcd = ? AND r.unique_key = k.value";
        let keys = bulk::list(&unique_keys)?;
        let rows = self.database.warm().await?.query(SELECT).bind(&keys).bind(dcd).fetch_all().await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            let version = row.try_get("version")?;
            let known = Known {
                registration_id: id(row, "id")?,
                version,
                row_hash: if version == 0 { None } else { Some(hash(row, "row_hash")?) },
                confirmed: version == 0 || moment(row, "confirmed_at")?.is_some(),
                status: status(row)?,
            };
            found.insert(row.try_get::<String>("unique_key")?, known);
        }
        Ok(unique_keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn submit(&self, upload: UploadId, intake: &Intake, at: Timestamp) -> Result<u64, StoreError> {
        const UPLOAD: &str = "UPDATE upload SET attempted = attempted + ?, rejected = rejected + ?, kept = kept + ?,
            warned = warned + ? WHERE id = ?";
        let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        let mut transaction = self.database.write().await?;
        transaction
            .query(UPLOAD)
            .bind(count(intake.attempted))
            .bind(count(intake.rejected))
            .bind(count(intake.kept.len() as u64))
            .bind(count(intake.warned))
            .bind(upload.0)
            .execute()
            .await?;
        uploads::append(&mut transaction, upload, &intake.reports).await?;
        keep(&mut transaction, &intake.kept, at).await?;
        let more = more_waiting(&mut transaction, &intake.versions).await?;
        insert_versions(&mut transaction, upload, &intake.versions, at).await?;
        let kept = intake.kept.iter().map(|kept| &kept.registration_id);
        index::changed(&mut transaction, kept.chain(intake.versions.iter().map(|new| &new.registration_id))).await?;
        const UNCHANGED: &str = "INSERT INTO unchanged (upload, registration_id, version)";
        let noted =
            bulk::insert(&mut transaction, UNCHANGED, 3, "ON CONFLICT DO NOTHING", &intake.unchanged, |row, (id, version)| {
                row.bind(upload.0).bind(&id.as_bytes()[..]).bind(version)
            })
            .await?;
        // A file may hold one row many times; the repetitions count as rows, not as registrations.
        let again = (intake.unchanged.len() as u64).saturating_sub(noted);
        if again > 0 {
            transaction.query(
                "INSERT INTO unchanged_again (upload, rows) VALUES (?, ?) ON CONFLICT (upload) DO UPDATE SET rows = unchanged_again.rows + excluded.rows",
            )
            .bind(upload.0)
            .bind(count(again))
            .execute()
            .await?;
        }
        transaction.commit().await?;
        Ok(more)
    }

    async fn sent(&self, sent: &[Sent], at: Timestamp, passages: &[Passage]) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        const TAIL: &str = ") UPDATE outbox SET attempt = attempt + 1, first_sent_at = coalesce(first_sent_at, taken.at),
                next_send_at = CASE WHEN stopped = 0 THEN taken.due END
            FROM taken WHERE outbox.registration_id = taken.id AND outbox.version = taken.version";
        bulk::insert(&mut transaction, "WITH taken (id, version, at, due) AS (", 4, TAIL, sent, |row, one| {
            row.bind(&one.registration_id.as_bytes()[..])
                .bind(one.version)
                .bind(at.as_micros())
                .bind(one.next_send_at.map(Timestamp::as_micros))
        })
        .await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn unanswered(&self, after: Uuid, all: bool, limit: u32) -> Result<Vec<Outgoing>, StoreError> {
        let sql = format!(
            "{OUTGOING} WHERE o.registration_id > ? AND (? = 1 OR o.first_sent_at IS NULL) AND o.stopped = 0 ORDER BY o.registration_id LIMIT ?"
        );
        let rows = self.database.query(AssertSqlSafe(sql)).bind(&after.as_bytes()[..]).bind(all).bind(limit).fetch_all().await?;
        self.attach(rows.iter().map(outgoing).collect::<Result<_, _>>()?).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Outgoing>, StoreError> {
        let sql = format!("{OUTGOING} WHERE o.next_send_at <= ? ORDER BY o.next_send_at, o.registration_id LIMIT ?");
        let rows = self.database.query(AssertSqlSafe(sql)).bind(now.as_micros()).bind(limit).fetch_all().await?;
        self.attach(rows.iter().map(outgoing).collect::<Result<_, _>>()?).await
    }

    async fn waiting_registrations(&self, after: Uuid, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        const SELECT: &str = "SELECT registration_id FROM outbox WHERE registration_id > ? ORDER BY registration_id LIMIT ?";
        let rows = self.database.query(SELECT).bind(&after.as_bytes()[..]).bind(limit).fetch_all().await?;
        rows.iter().map(|row| id(row, "registration_id")).collect()
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let due: Option<i64> = self.database.query("SELECT min(next_send_at) FROM outbox").scalar().await?;
        Ok(due.map(Timestamp::from_micros))
    }

    async fn expected(&self, versions: &[(Uuid, u32)]) -> Result<Vec<Option<Expected>>, StoreError> {
        const SELECT: &str = "SELECT registration_id, version, item_id, patient_tag, content_hash FROM version
            WHERE registration_id IN (SELECT unhex(value) FROM json_each(?))";
        let ids = bulk::id_list(versions.iter().map(|(id, _)| id));
        let rows = self.database.warm().await?.query(SELECT).bind(&ids).fetch_all().await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            let version: u32 = row.try_get("version")?;
            let expected = Expected {
                item_id: id(row, "item_id")?,
                patient_tag: hash(row, "patient_tag")?,
                content_hash: hash(row, "content_hash")?,
            };
            found.insert((id(row, "registration_id")?, version), expected);
        }
        Ok(versions.iter().map(|version| found.get(version).cloned()).collect())
    }

    async fn confirm(&self, versions: &[(Uuid, u32)], at: Timestamp, passages: &[Passage]) -> Result<u64, StoreError> {
        let mut transaction = self.database.write().await?;
        let settled = settle(&mut transaction, versions, at).await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(settled)
    }

    async fn send_again(&self, since: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        const AGAIN: &str = "INSERT INTO outbox (registration_id, version, attempt, first_sent_at, next_send_at)
            SELECT v.registration_id, v.version, 0, ?1, ?1 FROM version v
            JOIN registration r ON r.id = v.registration_id AND r.version = v.version
            WHERE v.confirmed_at >= ?2 ON CONFLICT (registration_id) DO NOTHING";
        let mut transaction = self.database.write().await?;
        let again = transaction.query(AGAIN).bind(now.as_micros()).bind(since.as_micros()).execute().await?;
        transaction.commit().await?;
        Ok(again)
    }

    async fn waiting(&self) -> Result<u64, StoreError> {
        // A writer waits for the one before it, also for one whose connection broke.
        let mut transaction = self.database.write().await?;
        let waiting: i64 = transaction.query("SELECT count(*) FROM outbox").scalar().await?;
        transaction.commit().await?;
        Ok(u64::try_from(waiting).unwrap_or(0))
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        const SELECT: &str = "SELECT count(CASE WHEN first_sent_at IS NULL THEN 1 END) AS unsent,
            count(CASE WHEN first_sent_at IS NOT NULL AND next_send_at IS NOT NULL THEN 1 END) AS sent,
            count(CASE WHEN first_sent_at IS NOT NULL AND next_send_at IS NULL THEN 1 END) AS given_up,
            min(CASE WHEN next_send_at IS NOT NULL THEN first_sent_at END) AS oldest_sent_at FROM outbox WHERE stopped = 0";
        let row = self.database.query(SELECT).fetch_one().await?;
        let count = |column: &str| Ok::<_, StoreError>(u64::try_from(row.try_get::<i64>(column)?).unwrap_or(0));
        let (unsent, sent, given_up) = (count("unsent")?, count("sent")?, count("given_up")?);
        Ok(Backlog { unsent, sent, given_up, oldest_sent_at: moment(&row, "oldest_sent_at")? })
    }

    async fn sending(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<Sending>, StoreError> {
        const SELECT: &str = "SELECT v.confirmed_at, o.first_sent_at FROM registration r
            JOIN version v ON v.registration_id = r.id AND v.version = r.version
            LEFT JOIN outbox o ON o.registration_id = r.id WHERE r.id = ?";
        let row = self.database.query(SELECT).bind(&registration_id.as_bytes()[..]).fetch_optional().await?;
        let Some(row) = row else { return Ok(None) };
        let confirmed = moment(&row, "confirmed_at")?.is_some();
        Ok(Some(super::sending(confirmed, moment(&row, "first_sent_at")?, now)))
    }

    async fn tally(&self, upload: UploadId) -> Result<Tally, StoreError> {
        const SELECT: &str = "SELECT attempted, rejected, kept,
            (SELECT count(*) FROM unchanged WHERE upload = u.id)
                + coalesce((SELECT rows FROM unchanged_again WHERE upload = u.id), 0) AS unchanged,
            (SELECT count(*) FROM version WHERE upload = u.id) AS versions,
            (SELECT count(*) FROM outbox o JOIN version v ON v.registration_id = o.registration_id AND v.version <= o.version
                WHERE v.upload = u.id AND v.confirmed_at IS NULL)
            + (SELECT count(*) FROM outbox o JOIN unchanged n ON n.upload = u.id AND n.registration_id = o.registration_id
                AND n.version <= o.version) AS waiting
            FROM (SELECT id, attempted, rejected, kept FROM upload UNION ALL SELECT 0, 0, 0, 0) u WHERE id = ?";
        // What was made by hand, under number 0, came in no upload.
        let row = self.database.query(SELECT).bind(upload.0).fetch_one().await?;
        let figure = |column| Ok::<u64, StoreError>(u64::try_from(row.try_get::<i64>(column)?).unwrap_or(0));
        let (unchanged, versions, kept) = (figure("unchanged")?, figure("versions")?, figure("kept")?);
        Ok(Tally {
            attempted: figure("attempted")?,
            accepted: versions + unchanged + kept,
            rejected: figure("rejected")?,
            unchanged,
            kept,
            confirmed: (versions + unchanged).saturating_sub(figure("waiting")?),
        })
    }

    async fn uploaded(&self, upload: UploadId, after: Option<UploadedItem>, limit: u32) -> Result<Vec<UploadedItem>, StoreError> {
        const SELECT: &str = "SELECT registration_id, version, item_id FROM version
                WHERE upload = ?1 AND (registration_id, version) > (?2, ?3)
            UNION ALL SELECT n.registration_id, n.version, v.item_id FROM unchanged n
                JOIN version v ON v.registration_id = n.registration_id AND v.version = n.version
                WHERE n.upload = ?1 AND (n.registration_id, n.version) > (?2, ?3)
            ORDER BY 1, 2 LIMIT ?4";
        let (id, version) = after.map_or((Uuid::nil(), 0), |item| (item.registration_id, item.version));
        let rows =
            self.database.query(SELECT).bind(upload.0).bind(&id.as_bytes()[..]).bind(version).bind(limit).fetch_all().await?;
        rows.iter().map(uploaded_item).collect()
    }

    async fn is_confirmed(&self, item_id: Uuid) -> Result<Option<bool>, StoreError> {
        const SELECT: &str = "SELECT confirmed_at IS NOT NULL FROM version INDEXED BY version_by_upload
            WHERE upload >= 0 AND item_id = ?";
        Ok(self.database.query(SELECT).bind(&item_id.as_bytes()[..]).scalar_optional().await?)
    }

    async fn registration_of(&self, item_id: Uuid) -> Result<Option<Uuid>, StoreError> {
        const SELECT: &str = "SELECT registration_id FROM version INDEXED BY version_by_upload WHERE upload >= 0 AND item_id = ?";
        let row = self.database.query(SELECT).bind(&item_id.as_bytes()[..]).fetch_optional().await?;
        row.as_ref().map(|row| id(row, "registration_id")).transpose()
    }

    async fn all_values(&self, registration_id: Uuid) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
        const SELECT: &str = "SELECT dcd_version, cells FROM version WHERE registration_id = ?1
            UNION ALL SELECT coalesce(dcd_version, 0), cells FROM draft WHERE registration_id = ?1";
        let rows = self.database.query(SELECT).bind(&registration_id.as_bytes()[..]).fetch_all().await?;
        rows.iter().map(|row| Ok((row.try_get("dcd_version")?, row.try_get("cells")?))).collect()
    }

    async fn due_at(&self, registration_id: Uuid) -> Result<Option<Timestamp>, StoreError> {
        const SELECT: &str = "SELECT next_send_at FROM outbox WHERE registration_id = ? AND next_send_at IS NOT NULL";
        let due: Option<i64> = self.database.query(SELECT).bind(&registration_id.as_bytes()[..]).scalar_optional().await?;
        Ok(due.map(Timestamp::from_micros))
    }

    async fn is_new_incarnation(&self, incarnation: Uuid) -> Result<bool, StoreError> {
        Ok(!self.database.holds("incarnation", &incarnation.to_string()).await?)
    }

    async fn remember_incarnation(&self, incarnation: Uuid) -> Result<(), StoreError> {
        self.database.set("incarnation", &incarnation.to_string()).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clock::{SystemClock, timeout};

    use super::*;

    /// The writer may be one whose connection broke, and who commits all the same.
    #[tokio::test]
    async fn who_counts_what_waits_stands_behind_every_writer() {
        let location = store::test_server::database().await.unwrap();
        let writer = SqlStore::open(location.clone(), "00000196").await.unwrap();
        let counter = SqlStore::open(location.clone(), "00000196").await.unwrap();
        let writing = writer.database.write().await.unwrap();
        let count = tokio::spawn(async move { counter.waiting().await });
        let stands = async { while store::test_server::waiting(&location).await.unwrap() == 0 {} };
        timeout(&SystemClock, Duration::from_secs(60), stands).await.unwrap();
        writing.commit().await.unwrap();
        assert_eq!(count.await.unwrap().unwrap(), 0);
    }
}
