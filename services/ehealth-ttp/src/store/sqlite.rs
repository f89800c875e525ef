//! The TTP's store in SQLite.

use std::{collections::BTreeSet, path::Path};

use async_trait::async_trait;
use sqlx::Row;
use store::{Database, Itinerary, Passage, Schema, StoreError, bulk, itinerary};

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

/// The TTP's store in `<folder>/ehealth-ttp.sqlite`.
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
impl TtpStore for SqliteStore {
    async fn day_key(&self, day: i64, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let mut transaction = self.database.write().await?;
        for forget in ["DELETE FROM quota_key WHERE day < ?", "DELETE FROM quota_sketch WHERE day < ?"] {
            sqlx::query(forget).bind(day).execute(&mut *transaction).await?;
        }
        sqlx::query("INSERT INTO quota_key (day, key) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(day)
            .bind(&fresh[..])
            .execute(&mut *transaction)
            .await?;
        let key: Vec<u8> =
            sqlx::query_scalar("SELECT key FROM quota_key WHERE day = ?").bind(day).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        key.try_into().map_err(|_| StoreError::Damaged { what: "key of the day" })
    }

    async fn admit(&self, day: i64, sender: &str, marks: &[Mark], limit: u32) -> Result<Vec<bool>, StoreError> {
        let mut transaction = self.database.write().await?;
        let rows = sqlx::query("SELECT chunk, bits FROM quota_sketch WHERE day = ? AND sender = ?")
            .bind(day)
            .bind(sender)
            .fetch_all(&mut *transaction)
            .await?;
        let chunks: Vec<(u32, Vec<u8>)> =
            rows.iter().map(|row| Ok((row.try_get("chunk")?, row.try_get("bits")?))).collect::<Result<_, StoreError>>()?;
        let mut sketch = Sketch::load(chunks);
        let admitted: Vec<bool> = marks.iter().map(|mark| sketch.admit(*mark, limit)).collect();
        let touched: Vec<u32> = marks.iter().map(|mark| mark.chunk()).collect::<BTreeSet<_>>().into_iter().collect();
        const HEAD: &str = "INSERT INTO quota_sketch (day, sender, chunk, bits)";
        const TAIL: &str = "ON CONFLICT DO UPDATE SET bits = excluded.bits";
        let touched: Vec<(u32, &[u8])> = touched.into_iter().filter_map(|at| Some((at, sketch.chunk(at)?))).collect();
        bulk::insert(&mut transaction, HEAD, 4, TAIL, &touched, |row, (at, bits)| {
            row.bind(day).bind(sender).bind(at).bind(*bits)
        })
        .await?;
        transaction.commit().await?;
        Ok(admitted)
    }
}
