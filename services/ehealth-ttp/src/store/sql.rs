//! The TTP's store in SQL.

use std::collections::BTreeSet;

use async_trait::async_trait;
use store::{Database, Itinerary, Location, Passage, Schema, StoreError, bulk, itinerary};

use super::TtpStore;
use crate::quota::{Mark, Sketch};

const SCHEMA: Schema = Schema {
    steps: &["
CREATE TABLE quota_key (day INTEGER PRIMARY KEY, key BLOB NOT NULL);
CREATE TABLE quota_sketch (
    day INTEGER NOT NULL, sender TEXT NOT NULL, chunk INTEGER NOT NULL, bits BLOB NOT NULL,
    PRIMARY KEY (day, sender, chunk)) WITHOUT ROWID;
"],
};

/// The TTP's store `ehealth-ttp`, in a SQLite file or a schema of PostgreSQL.
#[derive(Debug, Clone)]
pub struct SqlStore {
    database: Database,
}

impl SqlStore {
    /// Opens the store.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open(location: impl Into<Location>) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(location, crate::SERVICE, SCHEMA).await? })
    }

    /// The database below, for what all stores have.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl Itinerary for SqlStore {
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
impl TtpStore for SqlStore {
    async fn day_key(&self, day: i64, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let mut transaction = self.database.write().await?;
        for forget in ["DELETE FROM quota_key WHERE day < ?", "DELETE FROM quota_sketch WHERE day < ?"] {
            transaction.query(forget).bind(day).execute().await?;
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
}
