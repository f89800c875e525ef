//! A party's store: a SQLite file (write-ahead log, full sync, one writer, many readers), or a schema of a PostgreSQL database.

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    Connection as _, SqlSafeStr, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    Location, Schema, StoreError, Tally, WriteTransaction,
    connection::{Connection, Opened},
    postgres, private, schema,
    statement::{Statement, Target},
    values::Arguments,
};

/// An open store.
#[derive(Debug, Clone)]
pub struct Database {
    name: String,
    engine: Engine,
    tally: Arc<Tally>,
}

#[derive(Debug, Clone)]
enum Engine {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(postgres::Schema),
}

/// A party's store that is in a database. What all of them have follows from it.
pub trait InDatabase {
    /// The database below.
    fn database(&self) -> &Database;
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
                let opened = postgres::Schema::open(&server, name).await?;
                opened.migrate(name, schema).await?;
                Engine::Postgres(opened)
            }
        };
        Ok(Self { name: name.to_owned(), engine, tally: Arc::default() })
    }

    async fn open_file(folder: &Path, name: &str, schema: Schema) -> Result<Engine, StoreError> {
        private::folder(folder).map_err(|source| StoreError::Folder { path: folder.to_path_buf(), source })?;
        let file = folder.join(format!("{name}.sqlite"));
        private::file(&file)?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(200)
            // A checkpoint writes the whole log back; rarely is cheaper, and the log stays below about 32 MB.
            .pragma("wal_autocheckpoint", "8000");
        // A process that runs all parties has eight writers and up to sixteen readers, and each keeps what it once took, so these are
        // most of its memory (docs/PERFORMANCE.md). A writer's cache survives its commits; a reader's is good until somebody commits.
        let cached = |kib: u32| options.clone().pragma("cache_size", format!("-{kib}"));
        let pool = |connections| {
            SqlitePoolOptions::new().max_connections(connections).before_acquire(|connection, _| Box::pin(is_at_rest(connection)))
        };
        let writer = pool(1).connect_with(cached(4096)).await?;
        if let Err(source) = schema.migrator(str::to_owned).run(&writer).await {
            let latest = sqlx::query_scalar(schema::LATEST).fetch_one(&writer).await;
            return Err(schema.refused(name, source, latest.ok()));
        }
        let readers = pool(2).min_connections(0).connect_lazy_with(cached(1024));
        Ok(Engine::Sqlite { writer, readers })
    }

    /// The store's name, which is its file's without the ending.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What has passed since this was opened, over all its clones.
    #[must_use]
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
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
                let connection = Connection::over(Opened::SqliteTransaction(transaction), None);
                Ok(WriteTransaction { connection, tally: Arc::clone(&self.tally), statistics: None })
            }
            Engine::Postgres(schema) => schema.write(&self.tally).await,
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
            Engine::Sqlite { writer, .. } => Ok(Connection::over(Opened::Sqlite(writer.acquire().await?), None)),
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
            Engine::Sqlite { readers, .. } => Ok(Connection::over(Opened::Sqlite(readers.acquire().await?), None)),
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
            Engine::Sqlite { readers, .. } => Ok(Connection::over(Opened::SqliteTransaction(readers.begin().await?), None)),
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

/// Whether a connection can be used again. When a disk is full SQLite undoes the transaction by itself; sqlx goes on to believe that there is one, and would refuse to begin another
/// over this connection for ever.
async fn is_at_rest(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(!connection.is_in_transaction())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema { steps: &["CREATE TABLE thing (id INTEGER PRIMARY KEY, bytes BLOB, name TEXT)"] };
    const LATER: Schema = Schema { steps: &[SCHEMA.steps[0], "CREATE TABLE more (id INTEGER)"] };
    const ALTERED: Schema =
        Schema { steps: &["CREATE TABLE thing (id INTEGER PRIMARY KEY, bytes BLOB, name TEXT) ", LATER.steps[1]] };

    async fn other_keys_over_the_same_store_are_refused(location: Location) {
        let store = Database::open(location, "party", SCHEMA).await.unwrap();
        store.remember_key("sealing", "aa").await.unwrap();
        store.remember_key("sealing", "aa").await.unwrap();
        assert!(matches!(store.remember_key("sealing", "bb").await, Err(StoreError::OtherKeys { .. })));
    }

    async fn what_was_committed_is_there_after_opening_again(location: Location) {
        let store = Database::open(&location, "party", SCHEMA).await.unwrap();
        let mut transaction = store.write().await.unwrap();
        transaction.query("INSERT INTO thing (id) VALUES (7)").execute().await.unwrap();
        transaction.commit().await.unwrap();
        let mut forgotten = store.write().await.unwrap();
        forgotten.query("INSERT INTO thing (id) VALUES (8)").execute().await.unwrap();
        drop(forgotten);
        store.close().await;
        let again = Database::open(&location, "party", SCHEMA).await.unwrap();
        assert_eq!(again.query("SELECT id FROM thing").scalars::<i64>().await.unwrap(), [7]);
    }

    /// A store that is at its limit undoes what was begun, and says so; with room it works as before.
    #[tokio::test]
    async fn a_full_disk_spoils_nothing_that_comes_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Database::open(folder.path(), "party", SCHEMA).await.unwrap();
        for whole in [false, true] {
            let mut transaction = store.write().await.unwrap();
            transaction.define("PRAGMA max_page_count = 1").await.unwrap();
            // Whoever wrote may see it at once, or at the end only.
            let done = transaction.query("INSERT INTO thing (bytes) VALUES (zeroblob(1000000))").execute().await;
            assert!(done.is_err(), "there is no limit");
            if whole {
                let _ = transaction.commit().await;
            } else {
                drop(transaction);
            }
            let mut again = store.write().await.unwrap();
            again.query("INSERT INTO thing (name) VALUES ('small')").execute().await.unwrap();
            again.commit().await.unwrap();
        }
        assert_eq!(store.query("SELECT count(*) FROM thing").scalars::<i64>().await.unwrap(), [2]);
    }

    async fn a_store_of_a_later_program_is_refused(location: Location) {
        Database::open(&location, "party", LATER).await.unwrap().close().await;
        let refused = Database::open(&location, "party", SCHEMA).await.unwrap_err();
        assert!(matches!(refused, StoreError::Later { has: 3, knows: 2, .. }), "{refused:?}");
        let said = refused.to_string();
        assert!(["party", "schema 3", "schema 2"].iter().all(|word| said.contains(word)), "{said}");
        // It is as it was for who knows it.
        Database::open(&location, "party", LATER).await.unwrap();
        Database::open(&location, "another", SCHEMA).await.unwrap();
    }

    async fn a_step_that_was_altered_is_refused(location: Location) {
        Database::open(&location, "party", LATER).await.unwrap().close().await;
        let refused = Database::open(&location, "party", ALTERED).await.unwrap_err();
        assert!(matches!(refused, StoreError::Altered { step: 2, .. }), "{refused:?}");
        assert!(refused.to_string().contains("step 2"), "{refused}");
        Database::open(&location, "party", LATER).await.unwrap();
    }

    async fn a_later_program_brings_a_store_up_to_date(location: Location) {
        let store = Database::open(&location, "party", SCHEMA).await.unwrap();
        store.set("language", "nl").await.unwrap();
        store.close().await;
        let later = Database::open(&location, "party", LATER).await.unwrap();
        assert!(later.holds("language", "nl").await.unwrap());
        assert_eq!(later.query("SELECT count(*) FROM more").scalar::<i64>().await.unwrap(), 0);
    }

    async fn settings_keep_their_first_value_until_they_are_set(location: Location) {
        let store = Database::open(location, "party", SCHEMA).await.unwrap();
        assert_eq!(store.setting("language", "en").await.unwrap(), "en");
        assert_eq!(store.setting("language", "nl").await.unwrap(), "en");
        store.set("language", "fr").await.unwrap();
        assert!(store.holds("language", "fr").await.unwrap());
        assert!(!store.holds("zone", "fr").await.unwrap());
    }

    async fn writers_take_turns(location: Location) {
        let first = Database::open(&location, "party", SCHEMA).await.unwrap();
        let stores = [first, Database::open(&location, "party", SCHEMA).await.unwrap()];
        let count = async |store: &Database| {
            for _ in 0..20 {
                let mut transaction = store.write().await.unwrap();
                let last: i64 = transaction.query("SELECT coalesce(max(id), 0) FROM thing").scalar().await.unwrap();
                transaction.query("INSERT INTO thing (id) VALUES (?)").bind(last + 1).execute().await.unwrap();
                transaction.commit().await.unwrap();
            }
        };
        tokio::join!(count(&stores[0]), count(&stores[1]), count(&stores[0]));
        let last: i64 = stores[0].query("SELECT max(id) FROM thing").scalar().await.unwrap();
        assert_eq!(last, 60);
    }

    /// A hospital's store says who its patients are.
    #[tokio::test]
    async fn a_store_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("made").join("here");
        let store = Database::open(&*folder, "party", SCHEMA).await.unwrap();
        store.remember_key("sealing", "aa").await.unwrap();
        let mode = |name: &str| std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode("."), mode("party.sqlite"), mode("party.sqlite-wal"), mode("party.sqlite-shm")),
            (0o700, 0o600, 0o600, 0o600)
        );
        // As an earlier program left it, or a copy without its rights.
        for name in ["party.sqlite", "party.sqlite-wal"] {
            std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
        }
        let again = Database::open(&*folder, "party", SCHEMA).await.unwrap();
        assert_eq!((mode("party.sqlite"), mode("party.sqlite-wal")), (0o600, 0o600));
        assert_eq!(again.setting("language", "en").await.unwrap(), "en");
        // SQLite locks the file once for all connections of a process, and does not look again whether the system still knows of it.
        let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(folder.join("party.sqlite")).unwrap());
        let (locks, own) = (std::fs::read_to_string("/proc/locks").unwrap(), format!(" {} ", std::process::id()));
        let is_locked = locks.lines().any(|line| line.contains(&own) && line.contains(&format!(":{inode} ")));
        assert!(is_locked, "opening the store a second time let go of its lock:\n{locks}");
    }

    async fn a_reader_of_one_moment_sees_no_later_one(location: Location) {
        let store = Database::open(location, "party", SCHEMA).await.unwrap();
        let mut reader = store.read_one_moment().await.unwrap();
        let before: i64 = reader.query("SELECT count(*) FROM thing").scalar().await.unwrap();
        let mut transaction = store.write().await.unwrap();
        transaction.query("INSERT INTO thing (id) VALUES (1)").execute().await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(reader.query("SELECT count(*) FROM thing").scalar::<i64>().await.unwrap(), before);
        assert_eq!(store.query("SELECT count(*) FROM thing").scalar::<i64>().await.unwrap(), before + 1);
    }

    async fn every_value_comes_back(location: Location) {
        let store = Database::open(location, "party", SCHEMA).await.unwrap();
        let mut transaction = store.write().await.unwrap();
        const INSERT: &str = "INSERT INTO thing (bytes, name) VALUES (?, ?) RETURNING id";
        for (bytes, name) in [(&b"\0\x01\xff"[..], "\0\u{1}é?'\"\\u0000"), (b"", "")] {
            let id: i64 = transaction.query(INSERT).bind(bytes).bind(name).scalar().await.unwrap();
            let row = transaction.query("SELECT bytes, name FROM thing WHERE id = ?").bind(id).fetch_one().await.unwrap();
            assert_eq!(row.try_get::<Vec<u8>>("bytes").unwrap(), bytes);
            assert_eq!(row.try_get::<String>("name").unwrap(), name);
            const LISTED: &str = "SELECT json_group_array(json_array(name, hex(bytes), NULL)) FROM thing
                WHERE name IN (SELECT value FROM json_each(?))";
            let listed: String = transaction.query(LISTED).bind(&crate::bulk::list(&[name]).unwrap()).scalar().await.unwrap();
            let listed: Vec<(String, String, Option<u8>)> = serde_json::from_str(&listed).unwrap();
            assert_eq!(listed, [(name.to_owned(), bytes.iter().map(|byte| format!("{byte:02X}")).collect(), None)]);
        }
        let id: i64 = transaction.query(INSERT).bind(Vec::new()).bind(None::<String>).scalar().await.unwrap();
        let row = transaction.query("SELECT name, id > 0 AS yes FROM thing WHERE id = ?").bind(id).fetch_one().await.unwrap();
        assert_eq!((row.try_get::<Option<String>>("name").unwrap(), row.try_get::<bool>("yes").unwrap()), (None, true));
        assert!(row.try_get::<u32>("there is none").is_err());
    }

    async fn texts_are_ordered_by_their_bytes(location: Location) {
        let store = Database::open(location, "party", SCHEMA).await.unwrap();
        let mut transaction = store.write().await.unwrap();
        for name in ["b", "é", "B", "a", "_"] {
            transaction.query("INSERT INTO thing (name) VALUES (?)").bind(name).execute().await.unwrap();
        }
        let names: Vec<String> = transaction.query("SELECT name FROM thing ORDER BY name").scalars().await.unwrap();
        assert_eq!(names, ["B", "_", "a", "b", "é"]);
    }

    async fn a_row_that_is_refused_is_not_repeated(location: Location) {
        let store = Database::open(location, "party", SCHEMA).await.unwrap();
        let mut transaction = store.write().await.unwrap();
        transaction.query("CREATE UNIQUE INDEX thing_by_name ON thing (name)").execute().await.unwrap();
        const INSERT: &str = "INSERT INTO thing (name) VALUES (?)";
        transaction.query(INSERT).bind("85010112345").execute().await.unwrap();
        let refused = transaction.query(INSERT).bind("85010112345").execute().await.unwrap_err();
        let mut told = format!("{refused:?} {refused}");
        let mut source = std::error::Error::source(&refused);
        while let Some(cause) = source {
            told.push_str(&format!(" {cause:?} {cause}"));
            source = cause.source();
        }
        assert!(!told.contains("85010112345"), "{told}");
    }

    macro_rules! contract {
        ($($name:ident),+ $(,)?) => {
            mod in_sqlite {
                $(#[tokio::test] async fn $name() {
                    let folder = tempfile::tempdir().unwrap();
                    super::$name(folder.path().into()).await;
                })+
            }
            mod in_postgres {
                $(#[tokio::test] async fn $name() {
                    super::$name(crate::test_server::database().await.unwrap()).await;
                })+
            }
        };
    }

    contract!(
        other_keys_over_the_same_store_are_refused,
        what_was_committed_is_there_after_opening_again,
        a_store_of_a_later_program_is_refused,
        a_step_that_was_altered_is_refused,
        a_later_program_brings_a_store_up_to_date,
        settings_keep_their_first_value_until_they_are_set,
        writers_take_turns,
        a_reader_of_one_moment_sees_no_later_one,
        every_value_comes_back,
        texts_are_ordered_by_their_bytes,
        a_row_that_is_refused_is_not_repeated,
    );
}
