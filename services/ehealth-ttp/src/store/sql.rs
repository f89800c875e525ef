//! The TTP's store in SQL.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use clock::Timestamp;
use store::{Database, InDatabase, Location, Row, Schema, StoreError, bulk};
use uuid::Uuid;

use super::{Recoding, TtpStore};
use crate::quota::{Mark, Sketch};

const SCHEMA: Schema = Schema {
    steps: &[
        "
CREATE TABLE quota_key (day INTEGER PRIMARY KEY, key BLOB NOT NULL);
CREATE TABLE quota_sketch (
    day INTEGER NOT NULL, sender TEXT NOT NULL, chunk INTEGER NOT NULL, bits BLOB NOT NULL,
    PRIMARY KEY (day, sender, chunk)) WITHOUT ROWID;
",
        "
CREATE TABLE recoding (
    id INTEGER PRIMARY KEY, publication BLOB NOT NULL UNIQUE, at INTEGER NOT NULL, asked_by TEXT NOT NULL,
    pseudonyms INTEGER NOT NULL, refused INTEGER NOT NULL, epochs TEXT NOT NULL, to_epoch INTEGER NOT NULL);
",
    ],
};

/// The TTP's store `ehealth-ttp`, in a SQLite file or a schema of PostgreSQL.
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

impl InDatabase for SqlStore {
    fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl TtpStore for SqlStore {
    async fn day_key(&self, day: i64, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let mut transaction = self.database.write().await?;
        for forget in ["DELETE FROM quota_key WHERE day < ?", "DELETE FROM quota_sketch WHERE day < ?"] {
            transaction.query(forget).bind(day - 1).execute().await?;
        }
        transaction
            .query("INSERT INTO quota_key (day, key) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(day)
            .bind(&fresh[..])
            .execute()
            .await?;
        let key: Vec<u8> = transaction.query("SELECT key FROM quota_key WHERE day = ?").bind(day).scalar().await?;
        transaction.commit().await?;
        key.try_into().map_err(|_| StoreError::Damaged { what: "key of the day" })
    }

    async fn admit(&self, day: i64, sender: &str, marks: &[Mark], limit: u32) -> Result<Vec<bool>, StoreError> {
        let mut transaction = self.database.write().await?;
        let rows = transaction
            .query("SELECT chunk, bits FROM quota_sketch WHERE day = ? AND sender = ?")
            .bind(day)
            .bind(sender)
            .fetch_all()
            .await?;
        let chunks: Vec<(u32, Vec<u8>)> =
            rows.iter().map(|row| Ok((row.try_get("chunk")?, row.try_get("bits")?))).collect::<Result<_, StoreError>>()?;
        let mut sketch = Sketch::load(chunks);
        let admitted: Vec<bool> = marks.iter().map(|mark| sketch.admit(*mark, limit)).collect();
        let touched: Vec<u32> = marks.iter().map(|mark| mark.chunk()).collect::<BTreeSet<_>>().into_iter().collect();
        const HEAD: &str = "INSERT INTO quota_sketch (day, sender, chunk, bits)";
        const TAIL: &str = "ON CONFLICT (day, sender, chunk) DO UPDATE SET bits = excluded.bits";
        let touched: Vec<(u32, &[u8])> = touched.into_iter().filter_map(|at| Some((at, sketch.chunk(at)?))).collect();
        bulk::insert(&mut transaction, HEAD, 4, TAIL, &touched, |row, (at, bits)| {
            row.bind(day).bind(sender).bind(at).bind(*bits)
        })
        .await?;
        transaction.commit().await?;
        Ok(admitted)
    }

    async fn asked(&self, day: i64) -> Result<BTreeMap<String, u64>, StoreError> {
        const SELECT: &str = "SELECT sender, chunk, bits FROM quota_sketch WHERE day = ?";
        let mut chunks: BTreeMap<String, Vec<(u32, Vec<u8>)>> = BTreeMap::new();
        for row in self.database.query(SELECT).bind(day).fetch_all().await? {
            chunks.entry(row.try_get("sender")?).or_default().push((row.try_get("chunk")?, row.try_get("bits")?));
        }
        Ok(chunks.into_iter().map(|(sender, chunks)| (sender, Sketch::load(chunks).distinct().round() as u64)).collect())
    }

    async fn note_recoding(&self, recoding: &Recoding) -> Result<(), StoreError> {
        let epochs: Vec<String> = recoding.epochs.iter().map(u32::to_string).collect();
        let mut transaction = self.database.write().await?;
        const INSERT: &str = "INSERT INTO recoding (publication, at, asked_by, pseudonyms, refused, epochs, to_epoch)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        transaction
            .query(INSERT)
            .bind(&recoding.publication.as_bytes()[..])
            .bind(recoding.at.as_micros())
            .bind(&recoding.asked_by)
            .bind(i64::try_from(recoding.pseudonyms).unwrap_or(i64::MAX))
            .bind(i64::try_from(recoding.refused).unwrap_or(i64::MAX))
            .bind(epochs.join(","))
            .bind(recoding.to_epoch)
            .execute()
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn recodings(&self) -> Result<Vec<Recoding>, StoreError> {
        const SELECT: &str = "SELECT publication, at, asked_by, pseudonyms, refused, epochs, to_epoch FROM recoding ORDER BY id";
        let rows = self.database.query(SELECT).fetch_all().await?;
        rows.iter().map(recoding).collect()
    }
}

fn recoding(row: &Row) -> Result<Recoding, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged { what: "re-coding" };
    let count = |column: &str| u64::try_from(row.try_get::<i64>(column)?).map_err(|_| DAMAGED);
    let epochs: &str = row.try_get("epochs")?;
    Ok(Recoding {
        publication: Uuid::from_slice(row.try_get("publication")?).map_err(|_| DAMAGED)?,
        at: Timestamp::from_micros(row.try_get("at")?),
        asked_by: row.try_get("asked_by")?,
        pseudonyms: count("pseudonyms")?,
        refused: count("refused")?,
        epochs: epochs.split(',').map(|epoch| epoch.parse().map_err(|_| DAMAGED)).collect::<Result<_, _>>()?,
        to_epoch: row.try_get("to_epoch")?,
    })
}
