//! A party's store: a SQLite file (write-ahead log, full sync, one writer, many readers), or a schema of a PostgreSQL database.

use std::{path::Path, time::Duration};

use sqlx::{
    AssertSqlSafe, SqlSafeStr, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    Location, StoreError, WriteTransaction,
    connection::{Connection, Opened},
    dialect, postgres,
    statement::{Statement, Target},
    values::Arguments,
};

/// The schema of a store: numbered steps, forward only, as SQLite reads them. A step that was released is never edited.
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

/// An open store.
#[derive(Debug, Clone)]
pub struct Database {
    name: String,
    engine: Engine,
}

#[derive(Debug, Clone)]
enum Engine {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(postgres::Schema),
}

impl Database {
    /// Opens the store `name` at its location, which is made when it does not exist, and brings its schema up to date: the file
    /// `<folder>/<name>.sqlite`, or the schema of that name with `_` for what is no letter or digit.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be opened or its schema is not one of ours.
    pub async fn open(location: impl Into<Location>, name: &str, schema: Schema) -> Result<Self, StoreError> {
        let engine = match location.into() {
            Location::Folder(folder) => Self::open_file(&folder, name, schema).await?,
            Location::Server(server) => {
                let opened = postgres::Schema::open(&server.0, name).await?;
                let migrator = Migrator::with_migrations(schema.migrations(dialect::definition));
                opened.migrate(&migrator).await.map_err(|source| schema_error(name, source))?;
                Engine::Postgres(opened)
            }
        };
        Ok(Self { name: name.to_owned(), engine })
    }

    async fn open_file(folder: &Path, name: &str, schema: Schema) -> Result<Engine, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.to_path_buf(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join(format!("{name}.sqlite")))
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
        let migrator = Migrator::with_migrations(schema.migrations(str::to_owned));
        migrator.run(&writer).await.map_err(|source| schema_error(name, source))?;
        let readers = SqlitePoolOptions::new().max_connections(2).min_connections(0).connect_lazy_with(options);
        Ok(Engine::Sqlite { writer, readers })
    }

    /// The store's name, which is its file's without the ending.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes that the name of a table, column or index can have at most; the rest would be cut off unnoticed.
    #[must_use]
    pub fn name_bytes_max(&self) -> usize {
        match self.engine {
            Engine::Sqlite { .. } => usize::MAX,
            Engine::Postgres(_) => 63,
        }
    }

    /// Begins a transaction on the one writer; waits for the one before it, in PostgreSQL also for other processes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] when the writer cannot be had.
    pub async fn write(&self) -> Result<WriteTransaction, StoreError> {
        match &self.engine {
            Engine::Sqlite { writer, .. } => {
                let transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                Ok(WriteTransaction(Connection(Opened::SqliteTransaction(transaction))))
            }
            Engine::Postgres(schema) => schema.write().await,
        }
    }

    /// The writer's connection, for the reads of a hot path: it keeps its page cache, while a reader's is empty after every commit of
    /// somebody else. Waits for the transaction before it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] when the connection cannot be had.
    pub async fn warm(&self) -> Result<Connection, StoreError> {
        match &self.engine {
            Engine::Sqlite { writer, .. } => Ok(Connection(Opened::Sqlite(writer.acquire().await?))),
            Engine::Postgres(schema) => schema.warm().await,
        }
    }

    /// A reader, which sees what was committed last.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] when none can be had.
    pub async fn read(&self) -> Result<Connection, StoreError> {
        match &self.engine {
            Engine::Sqlite { readers, .. } => Ok(Connection(Opened::Sqlite(readers.acquire().await?))),
            Engine::Postgres(schema) => schema.read().await,
        }
    }

    /// A reader that sees what was committed when it read first, however many statements it runs.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] when none can be had.
    pub async fn read_one_moment(&self) -> Result<Connection, StoreError> {
        match &self.engine {
            Engine::Sqlite { readers, .. } => Ok(Connection(Opened::SqliteTransaction(readers.begin().await?))),
            Engine::Postgres(schema) => schema.read_one_moment().await,
        }
    }

    /// A statement that is going to run on a reader.
    pub fn query(&self, text: impl SqlSafeStr) -> Statement<'_> {
        let text = text.into_sql_str();
        let (text, arguments) = match &self.engine {
            Engine::Sqlite { .. } => (text, Arguments::sqlite()),
            Engine::Postgres(schema) => (schema.translations().of(&text), Arguments::postgres()),
        };
        Statement::new(text, arguments, Target::Reader(self))
    }

    /// Remembers the fingerprint of a key at first use and refuses another one later.
    ///
    /// # Errors
    ///
    /// [`StoreError::OtherKeys`] when the store was written under another key of that name.
    pub async fn remember_key(&self, name: &str, fingerprint: &str) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        const INSERT: &str = "INSERT INTO party_key (name, fingerprint) VALUES (?, ?) ON CONFLICT DO NOTHING";
        transaction.query(INSERT).bind(name).bind(fingerprint).execute().await?;
        let known: String = transaction.query("SELECT fingerprint FROM party_key WHERE name = ?").bind(name).scalar().await?;
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
        const INSERT: &str = "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING";
        transaction.query(INSERT).bind(name).bind(fresh).execute().await?;
        let value = transaction.query("SELECT value FROM setting WHERE name = ?").bind(name).scalar().await?;
        transaction.commit().await?;
        Ok(value)
    }

    /// Whether a setting has this value.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn holds(&self, name: &str, value: &str) -> Result<bool, StoreError> {
        let known: Option<String> = self.query("SELECT value FROM setting WHERE name = ?").bind(name).scalar_optional().await?;
        Ok(known.as_deref() == Some(value))
    }

    /// Sets a setting.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn set(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        const SET: &str =
            "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        transaction.query(SET).bind(name).bind(value).execute().await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Closes the connections; what was committed stays.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres(schema) => schema.close().await,
        }
    }
}

impl Schema {
    /// The steps in the words of a database. What a store remembers of a step is its own text, so that a better translation does not make another step of it.
    fn migrations(self, words: impl Fn(&str) -> String) -> Vec<Migration> {
        let steps = std::iter::once(&COMMON).chain(self.steps).enumerate();
        let migration = |(index, sql): (usize, &&'static str)| {
            let version = i64::try_from(index).unwrap_or(i64::MAX) + 1;
            let description = format!("step {version}").into();
            let migration = Migration::new(version, description, MigrationType::Simple, SqlSafeStr::into_sql_str(*sql), false);
            Migration { sql: AssertSqlSafe(words(sql)).into_sql_str(), ..migration }
        };
        steps.map(migration).collect()
    }
}

fn schema_error(store: &str, source: MigrateError) -> StoreError {
    StoreError::Schema { store: store.to_owned(), source }
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
        transaction.query("INSERT INTO thing (id) VALUES (7)").execute().await.unwrap();
        transaction.commit().await.unwrap();
        store.close().await;
        let again = Database::open(folder.path(), "party", SCHEMA).await.unwrap();
        let id: i64 = again.query("SELECT id FROM thing").scalar().await.unwrap();
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
