//! HD4RES's store in SQLite.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use async_trait::async_trait;
use clock::Timestamp;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use store::{Database, Itinerary, Passage, Schema, StoreError, bulk, itinerary};
use uuid::Uuid;

use super::{Arrived, Hd4resStore, Judged, PassagesOf, RecordStatus, Unvalidated};
use crate::receive::{KnownItem, KnownRecord, Reception, receive};

// A verdict rewrites its record's row, so the row is kept narrow and what is large stands beside it.
const SCHEMA: Schema = Schema {
    steps: &["
CREATE TABLE record (
    id INTEGER PRIMARY KEY, dcd TEXT NOT NULL, unique_id TEXT NOT NULL, sender TEXT NOT NULL,
    registration_id BLOB NOT NULL, version INTEGER NOT NULL, item_id BLOB NOT NULL, status TEXT NOT NULL,
    validated_version INTEGER NOT NULL, feedback_number INTEGER NOT NULL, arrived_at INTEGER NOT NULL);
CREATE UNIQUE INDEX record_by_unique_id ON record (dcd, unique_id, sender);
CREATE TABLE content (
    record INTEGER PRIMARY KEY, pseudonym TEXT NOT NULL, hospital BLOB NOT NULL, handle BLOB NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE item (
    id BLOB NOT NULL, sender TEXT NOT NULL, record INTEGER NOT NULL, version INTEGER NOT NULL,
    status_number INTEGER NOT NULL, content_hash BLOB NOT NULL, PRIMARY KEY (id, sender)) WITHOUT ROWID;
"],
};

/// HD4RES's store in `<folder>/hd4res.sqlite`.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    database: Database,
}

impl SqliteStore {
    /// Opens the store.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(folder, crate::SERVICE, SCHEMA).await? })
    }

    /// The file below, for what all stores have.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}

type ItemKey = (Uuid, String);
type RecordKey = (String, String, String);

/// What is known of a batch of arrivals, kept up to date while they are decided one by one.
struct Known {
    items: BTreeMap<ItemKey, KnownItem>,
    records: BTreeMap<RecordKey, (i64, KnownRecord)>,
    next_record: i64,
}

/// An arrival that changes something.
struct Change<'a> {
    arrived: &'a Arrived,
    record: i64,
    status_number: u64,
    is_current: bool,
}

fn record_key(arrived: &Arrived) -> RecordKey {
    (arrived.dcd.clone(), arrived.unique_id.clone(), arrived.sender.clone())
}

impl Known {
    async fn load(connection: &mut SqliteConnection, arrivals: &[Arrived]) -> Result<Self, StoreError> {
        let next_record: i64 =
            sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM record").fetch_one(&mut *connection).await?;
        let mut known = Self { items: BTreeMap::new(), records: BTreeMap::new(), next_record };
        const ITEMS: &str =
            "SELECT i.id, i.sender, i.content_hash, i.status_number, r.validated_version >= i.version AS is_validated
            FROM item i JOIN record r ON r.id = i.record WHERE i.id IN (SELECT unhex(value) FROM json_each(?))";
        let ids = bulk::id_list(arrivals.iter().map(|arrived| &arrived.item_id));
        for row in sqlx::query(ITEMS).bind(ids).fetch_all(&mut *connection).await? {
            let item = KnownItem {
                content_hash: hash(&row)?,
                status_number: number(&row, "status_number")?,
                is_validated: row.try_get("is_validated")?,
            };
            known.items.insert((id(&row, "id")?, row.try_get("sender")?), item);
        }
        let groups: BTreeSet<(&str, &str)> =
            arrivals.iter().map(|arrived| (arrived.dcd.as_str(), arrived.sender.as_str())).collect();
        for (dcd, sender) in groups {
            known.load_records(connection, arrivals, dcd, sender).await?;
        }
        Ok(known)
    }

    async fn load_records(
        &mut self,
        connection: &mut SqliteConnection,
        arrivals: &[Arrived],
        dcd: &str,
        sender: &str,
    ) -> Result<(), StoreError> {
        const RECORDS: &str = "SELECT r.id, r.unique_id, r.registration_id, r.version, r.feedback_number FROM json_each(?) k
            CROSS JOIN record r WHERE r.dcd = ? AND r.unique_id = k.value AND r.sender = ?";
        let of_group = arrivals.iter().filter(|arrived| arrived.dcd == dcd && arrived.sender == sender);
        let unique_ids: Vec<&str> = of_group.map(|arrived| arrived.unique_id.as_str()).collect();
        let unique_ids = serde_json::to_string(&unique_ids).map_err(|_| StoreError::Damaged { what: "unique id" })?;
        for row in sqlx::query(RECORDS).bind(unique_ids).bind(dcd).bind(sender).fetch_all(&mut *connection).await? {
            let record = KnownRecord {
                registration_id: id(&row, "registration_id")?,
                version: row.try_get("version")?,
                feedback_number: number(&row, "feedback_number")?,
            };
            let key = (dcd.to_owned(), row.try_get("unique_id")?, sender.to_owned());
            self.records.insert(key, (row.try_get("id")?, record));
        }
        Ok(())
    }

    fn receive<'a>(&mut self, arrived: &'a Arrived) -> (Reception, Option<Change<'a>>) {
        let (item_key, record_key) = ((arrived.item_id, arrived.sender.clone()), record_key(arrived));
        let record = self.records.get(&record_key);
        let reception = receive(
            self.items.get(&item_key),
            record.map(|(_, record)| record),
            arrived.registration_id,
            arrived.version,
            &arrived.content_hash,
        );
        let (Reception::New { status_number } | Reception::Older { status_number }) = reception else { return (reception, None) };
        let is_current = matches!(reception, Reception::New { .. });
        let id = record.map_or(self.next_record, |(id, _)| *id);
        self.next_record = self.next_record.max(id + 1);
        let held = record.filter(|_| !is_current).map(|(_, record)| (record.registration_id, record.version));
        let (registration_id, version) = held.unwrap_or((arrived.registration_id, arrived.version));
        self.records.insert(record_key, (id, KnownRecord { registration_id, version, feedback_number: status_number }));
        let item = KnownItem { content_hash: arrived.content_hash, status_number, is_validated: false };
        self.items.insert(item_key, item);
        (reception, Some(Change { arrived, record: id, status_number, is_current }))
    }
}

fn id(row: &SqliteRow, column: &str) -> Result<Uuid, StoreError> {
    Uuid::from_slice(row.try_get(column)?).map_err(|_| StoreError::Damaged { what: "id" })
}

fn hash(row: &SqliteRow) -> Result<[u8; 32], StoreError> {
    let bytes: &[u8] = row.try_get("content_hash")?;
    bytes.try_into().map_err(|_| StoreError::Damaged { what: "hash" })
}

fn number(row: &SqliteRow, column: &str) -> Result<u64, StoreError> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Damaged { what: "number" })
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

async fn write(connection: &mut SqliteConnection, changes: &[Change<'_>], at: Timestamp) -> Result<(), StoreError> {
    let current: Vec<&Change<'_>> = changes.iter().filter(|change| change.is_current).collect();
    const RECORD: &str = "INSERT INTO record
        (id, dcd, unique_id, sender, registration_id, version, item_id, status, validated_version, feedback_number, arrived_at)";
    const REPLACE: &str = "ON CONFLICT (id) DO UPDATE SET registration_id = excluded.registration_id, version = excluded.version,
        item_id = excluded.item_id, status = excluded.status, validated_version = excluded.validated_version,
        feedback_number = excluded.feedback_number, arrived_at = excluded.arrived_at";
    bulk::insert(connection, RECORD, 11, REPLACE, &current, |row, change| {
        let arrived = change.arrived;
        row.bind(change.record)
            .bind(&arrived.dcd)
            .bind(&arrived.unique_id)
            .bind(&arrived.sender)
            .bind(&arrived.registration_id.as_bytes()[..])
            .bind(arrived.version)
            .bind(&arrived.item_id.as_bytes()[..])
            .bind(RecordStatus::on_arrival(arrived.kind).as_str())
            .bind(0)
            .bind(stored(change.status_number))
            .bind(at.as_micros())
    })
    .await?;
    const CONTENT: &str = "INSERT INTO content (record, pseudonym, hospital, handle, bytes)";
    const NEWER: &str = "ON CONFLICT DO UPDATE SET pseudonym = excluded.pseudonym, hospital = excluded.hospital,
        handle = excluded.handle, bytes = excluded.bytes";
    bulk::insert(connection, CONTENT, 5, NEWER, &current, |row, change| {
        let arrived = change.arrived;
        row.bind(change.record)
            .bind(&arrived.pseudonym)
            .bind(&arrived.hospital[..])
            .bind(&arrived.handle[..])
            .bind(&arrived.content[..])
    })
    .await?;
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
    let older: Vec<&Change<'_>> = changes.iter().filter(|change| !change.is_current).collect();
    const NUMBER: &str = ") UPDATE record SET feedback_number = numbered.number FROM numbered WHERE record.id = numbered.id";
    bulk::insert(connection, "WITH numbered (id, number) AS (", 2, NUMBER, &older, |row, change| {
        row.bind(change.record).bind(stored(change.status_number))
    })
    .await?;
    Ok(())
}

#[async_trait]
impl Itinerary for SqliteStore {
    async fn record(&self, passages: &[Passage]) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn passages(&self, after: i64, limit: u32) -> Result<Vec<(i64, Passage)>, StoreError> {
        itinerary::page(&self.database, after, limit).await
    }

    async fn last(&self) -> Result<i64, StoreError> {
        itinerary::last(&self.database).await
    }
}

#[async_trait]
impl Hd4resStore for SqliteStore {
    async fn receive(&self, arrivals: &[Arrived], at: Timestamp, passages: PassagesOf<'_>) -> Result<Vec<Reception>, StoreError> {
        let mut transaction = self.database.write().await?;
        let mut known = Known::load(&mut transaction, arrivals).await?;
        let (mut receptions, mut changes) = (Vec::with_capacity(arrivals.len()), Vec::with_capacity(arrivals.len()));
        for arrived in arrivals {
            let (reception, change) = known.receive(arrived);
            receptions.push(reception);
            changes.extend(change);
        }
        write(&mut transaction, &changes, at).await?;
        itinerary::insert(&mut transaction, &passages(&receptions)).await?;
        transaction.commit().await?;
        Ok(receptions)
    }

    async fn judge(&self, verdicts: &[Judged], passages: &[Passage]) -> Result<Vec<bool>, StoreError> {
        let mut transaction = self.database.write().await?;
        const HEAD: &str = "WITH judged (id, sender, clean) AS (";
        const VALIDATE: &str = ") UPDATE record SET validated_version = max(validated_version, i.version),
            status = CASE WHEN judged.clean OR record.version <> i.version THEN status ELSE 'Comments needed' END
            FROM judged JOIN item i ON i.id = judged.id AND i.sender = judged.sender WHERE record.id = i.record";
        let updated = bulk::insert(&mut transaction, HEAD, 3, VALIDATE, verdicts, |row, verdict| {
            row.bind(&verdict.item_id.as_bytes()[..]).bind(&verdict.sender).bind(verdict.is_clean)
        })
        .await?;
        if updated == verdicts.len() as u64 {
            itinerary::insert(&mut transaction, passages).await?;
            transaction.commit().await?;
            return Ok(vec![true; verdicts.len()]);
        }
        const KNOWN: &str = "SELECT id, sender FROM item WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        let ids = bulk::id_list(verdicts.iter().map(|verdict| &verdict.item_id));
        let rows = sqlx::query(KNOWN).bind(ids).fetch_all(&mut *transaction).await?;
        let known: BTreeSet<ItemKey> =
            rows.iter().map(|row| Ok((id(row, "id")?, row.try_get("sender")?))).collect::<Result<_, StoreError>>()?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(verdicts.iter().map(|verdict| known.contains(&(verdict.item_id, verdict.sender.clone()))).collect())
    }

    async fn unvalidated(&self, after: i64, limit: u32) -> Result<Vec<Unvalidated>, StoreError> {
        const SELECT: &str =
            "SELECT r.id, r.item_id, r.sender, c.pseudonym, c.bytes FROM record r JOIN content c ON c.record = r.id
            WHERE r.id > ? AND r.validated_version < r.version ORDER BY r.id LIMIT ?";
        let rows = sqlx::query(SELECT).bind(after).bind(limit).fetch_all(self.database.readers()).await?;
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

    async fn validated(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        const COUNT: &str = "SELECT count(*) FROM item i JOIN record r ON r.id = i.record AND r.validated_version >= i.version
            WHERE i.id IN (SELECT unhex(value) FROM json_each(?))";
        let count: i64 = sqlx::query_scalar(COUNT).bind(bulk::id_list(items)).fetch_one(self.database.readers()).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn held(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        const COUNT: &str = "SELECT count(DISTINCT id) FROM item WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        let count: i64 = sqlx::query_scalar(COUNT).bind(bulk::id_list(items)).fetch_one(self.database.readers()).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn records(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM record").fetch_one(self.database.readers()).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn status(&self, sender: &str, dcd: &str, unique_id: &str) -> Result<Option<RecordStatus>, StoreError> {
        const SELECT: &str = "SELECT status FROM record WHERE dcd = ? AND unique_id = ? AND sender = ?";
        let status: Option<String> =
            sqlx::query_scalar(SELECT).bind(dcd).bind(unique_id).bind(sender).fetch_optional(self.database.readers()).await?;
        let all = [RecordStatus::New, RecordStatus::CommentsNeeded, RecordStatus::Deleted];
        let read =
            |text: String| all.into_iter().find(|status| status.as_str() == text).ok_or(StoreError::Damaged { what: "status" });
        status.map(read).transpose()
    }

    async fn is_new_incarnation(&self, incarnation: Uuid) -> Result<bool, StoreError> {
        Ok(!self.database.holds("incarnation", &incarnation.to_string()).await?)
    }

    async fn remember_incarnation(&self, incarnation: Uuid) -> Result<(), StoreError> {
        self.database.set("incarnation", &incarnation.to_string()).await
    }
}
