//! A SQLite file: write-ahead log, full sync, one writer, many readers.

use std::{path::Path, time::Duration};

use sqlx::{
    Sqlite, SqlitePool, Transaction,
    migrate::{Migration, MigrationType, Migrator},
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::StoreError;

/// A transaction that holds the store's one writer.
pub type WriteTransaction = Transaction<'static, Sqlite>;

/// The schema of a store: numbered steps, forward only. A step that was released is never edited.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The statements of each step, first step first.
    pub steps: &'static [&'static str],
}

/// What every store has besides its own tables.
const COMMON: &str = "
CREATE TABLE party_key (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE itinerary (
    id INTEGER PRIMARY KEY, publication BLOB NOT NULL, step TEXT NOT NULL, queue TEXT NOT NULL,
    at INTEGER NOT NULL, outcome TEXT NOT NULL, items BLOB NOT NULL);
";

/// An open store file.
#[derive(Debug, Clone)]
pub struct Database {
    name: String,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Opens `<folder>/<name>.sqlite`, makes it when it does not exist, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the file cannot be opened or its schema is not one of ours.
    pub async fn open(folder: &Path, name: &str, schema: Schema) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.to_path_buf(), source })?;
        let path = folder.join(format!("{name}.sqlite"));
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(200)
            // A checkpoint writes the whole log back; rarely is cheaper, and the log stays below about 32 MB.
            .pragma("wal_autocheckpoint", "8000");
        // In KiB when negative. The default of 2 MB makes the random keys of a large store go to disk; a process that runs all parties has
        // eight writers.
        let writing = options.clone().pragma("cache_size", "-8192");
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(writing).await?;
        let steps = std::iter::once(&COMMON).chain(schema.steps).enumerate();
        let migrations = steps.map(|(index, sql)| {
            let version = i64::try_from(index).unwrap_or(i64::MAX) + 1;
            Migration::new(
                version,
                format!("step {version}").into(),
                MigrationType::Simple,
                sqlx::SqlSafeStr::into_sql_str(*sql),
                false,
            )
        });
        let migrator = Migrator::with_migrations(migrations.collect());
        migrator.run(&writer).await.map_err(|source| StoreError::Schema { path, source })?;
        let readers = SqlitePoolOptions::new().max_connections(2).min_connections(0).connect_lazy_with(options);
        Ok(Self { name: name.to_owned(), writer, readers })
    }

    /// The store's name, which is its file's without the ending.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Begins a transaction on the one writer; waits for the one before it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] when the writer cannot be had.
    pub async fn write(&self) -> Result<WriteTransaction, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// The writer's connection, for the reads of a hot path: it keeps its page cache, while a reader's is empty after every commit of
    /// somebody else. Waits for the transaction before it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] when the connection cannot be had.
    pub async fn warm(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.writer.acquire().await?)
    }

    /// The readers, which see what was committed last.
    #[must_use]
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Remembers the fingerprint of a key at first use and refuses another one later.
    ///
    /// # Errors
    ///
    /// [`StoreError::OtherKeys`] when the store was written under another key of that name.
    pub async fn remember_key(&self, name: &str, fingerprint: &str) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        sqlx::query("INSERT INTO party_key (name, fingerprint) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(fingerprint)
            .execute(&mut *transaction)
            .await?;
        let known: String = sqlx::query_scalar("SELECT fingerprint FROM party_key WHERE name = $1")
            .bind(name)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        if known == fingerprint { Ok(()) } else { Err(StoreError::OtherKeys { store: self.name.clone(), name: name.to_owned() }) }
    }

    /// The value of a setting; `fresh` is stored and returned when there is none yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn setting(&self, name: &str, fresh: &str) -> Result<String, StoreError> {
        let mut transaction = self.write().await?;
        sqlx::query("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(fresh)
            .execute(&mut *transaction)
            .await?;
        let value =
            sqlx::query_scalar("SELECT value FROM setting WHERE name = $1").bind(name).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(value)
    }

    /// Whether a setting has this value.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn holds(&self, name: &str, value: &str) -> Result<bool, StoreError> {
        let known: Option<String> =
            sqlx::query_scalar("SELECT value FROM setting WHERE name = $1").bind(name).fetch_optional(&self.readers).await?;
        Ok(known.as_deref() == Some(value))
    }

    /// Sets a setting.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn set(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        sqlx::query("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(name)
            .bind(value)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Closes the connections; what was committed stays.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema { steps: &["CREATE TABLE thing (id INTEGER PRIMARY KEY)"] };

    #[tokio::test]
    async fn other_keys_over_the_same_store_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Database::open(folder.path(), "party", SCHEMA).await.unwrap();
        store.remember_key("sealing", "aa").await.unwrap();
        store.remember_key("sealing", "aa").await.unwrap();
        assert!(matches!(store.remember_key("sealing", "bb").await, Err(StoreError::OtherKeys { .. })));
    }

    #[tokio::test]
    async fn what_was_committed_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Database::open(folder.path(), "party", SCHEMA).await.unwrap();
        let mut transaction = store.write().await.unwrap();
        sqlx::query("INSERT INTO thing (id) VALUES (7)").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        store.close().await;
        let again = Database::open(folder.path(), "party", SCHEMA).await.unwrap();
        let id: i64 = sqlx::query_scalar("SELECT id FROM thing").fetch_one(again.readers()).await.unwrap();
        assert_eq!(id, 7);
    }

    #[tokio::test]
    async fn a_store_of_a_later_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        const LATER: Schema =
            Schema { steps: &["CREATE TABLE thing (id INTEGER PRIMARY KEY)", "CREATE TABLE more (id INTEGER)"] };
        Database::open(folder.path(), "party", LATER).await.unwrap().close().await;
        assert!(matches!(Database::open(folder.path(), "party", SCHEMA).await, Err(StoreError::Schema { .. })));
    }
}
