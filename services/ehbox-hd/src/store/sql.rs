//! The store in SQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use store::{Connection, Database, Itinerary, Location, Passage, Schema, StoreError, bulk, itinerary};
use uuid::Uuid;

use super::{Binding, HdStore};

const SCHEMA: Schema = Schema {
    steps: &["
CREATE TABLE sender (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, hospital TEXT NOT NULL UNIQUE);
CREATE TABLE patient_tag (
    tag BLOB NOT NULL, sender INTEGER NOT NULL, pseudonym TEXT NOT NULL, PRIMARY KEY (tag, sender)) WITHOUT ROWID;
CREATE UNIQUE INDEX patient_tag_by_pseudonym ON patient_tag (pseudonym, sender);
"],
};

/// The store `ehbox-hd`, in a SQLite file or a schema of PostgreSQL.
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

/// The numbers of the senders whose code goes with their hospital.
async fn senders(connection: &mut Connection, bindings: &[&Binding]) -> Result<BTreeMap<(String, String), i64>, StoreError> {
    let mut senders = BTreeMap::new();
    for binding in bindings {
        let pair = (binding.sender.clone(), binding.hospital.to_string());
        if senders.contains_key(&pair) {
            continue;
        }
        connection
            .query("INSERT INTO sender (code, hospital) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(&pair.0)
            .bind(&pair.1)
            .execute()
            .await?;
        let id: Option<i64> = connection
            .query("SELECT id FROM sender WHERE code = ? AND hospital = ?")
            .bind(&pair.0)
            .bind(&pair.1)
            .scalar_optional()
            .await?;
        if let Some(id) = id {
            senders.insert(pair, id);
        }
    }
    Ok(senders)
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
impl HdStore for SqlStore {
    async fn bind(&self, bindings: &[&Binding]) -> Result<Vec<bool>, StoreError> {
        let mut transaction = self.database.write().await?;
        let senders = senders(&mut transaction, bindings).await?;
        let sender_of = |binding: &Binding| senders.get(&(binding.sender.clone(), binding.hospital.to_string())).copied();
        let rows: Vec<(&Binding, i64)> = bindings.iter().filter_map(|binding| Some((*binding, sender_of(binding)?))).collect();
        // What breaks either side of one to one is not inserted; reading back shows it.
        const HEAD: &str = "INSERT INTO patient_tag (tag, sender, pseudonym)";
        bulk::insert(&mut transaction, HEAD, 3, "ON CONFLICT DO NOTHING", &rows, |row, (binding, sender)| {
            row.bind(&binding.tag[..]).bind(sender).bind(&binding.pseudonym)
        })
        .await?;
        let tags: Vec<Uuid> = rows.iter().map(|(binding, _)| Uuid::from_bytes(binding.tag)).collect();
        const SELECT: &str =
            "SELECT tag, sender, pseudonym FROM patient_tag WHERE tag IN (SELECT unhex(value) FROM json_each(?))";
        let found = transaction.query(SELECT).bind(&bulk::id_list(&tags)).fetch_all().await?;
        let mut known: BTreeMap<(Vec<u8>, i64), String> = BTreeMap::new();
        for row in &found {
            known.insert((row.try_get("tag")?, row.try_get("sender")?), row.try_get("pseudonym")?);
        }
        transaction.commit().await?;
        let agrees = |binding: &&Binding| {
            let sender = sender_of(binding)?;
            Some(*known.get(&(binding.tag.to_vec(), sender))? == binding.pseudonym)
        };
        Ok(bindings.iter().map(|binding| agrees(binding).unwrap_or(false)).collect())
    }
}
