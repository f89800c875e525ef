//! A store in PostgreSQL: a schema, with one writer over all processes.

use std::{sync::Arc, time::Duration};

use sqlx::AssertSqlSafe;

use crate::{
    Server, StoreError, Tally,
    connection::{Connection, Opened, WriteTransaction},
    dialect::{self, FUNCTIONS, Translations},
    line::Line,
    patience::answered,
    schema::LATEST,
    statistics::{SMALL, Statistics},
};

/// Writers wait meanwhile; it takes a tenth of a second.
const ANALYSE_WITHIN_MS: u32 = 5_000;

/// A schema that is open.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    writer: Line,
    readers: Line,
    translations: Arc<Translations>,
    statistics: Arc<Statistics>,
    patience: Duration,
    /// Begins a transaction and waits until no other holds the schema's writer, on this connection or another, in this process or another.
    begin: Arc<str>,
}

impl Schema {
    /// Opens the schema, and makes it when it does not exist and the role may.
    pub(crate) async fn open(server: &Server, name: &str) -> Result<Self, StoreError> {
        let schema = schema_name(name);
        // PostgreSQL keeps the plan of a statement that it was given five times, until the table is analysed: one made while the table was empty reads
        // the whole of it, again and again, as the table grows.
        // A page that a key leads to is in memory, or on a disk without an arm: not four times as dear as the next one.
        let settings = [("search_path", schema.as_str()), ("plan_cache_mode", "force_custom_plan"), ("random_page_cost", "1.1")];
        let options = (*server.options).clone().application_name(name).options(settings).statement_cache_capacity(400);
        let begin = format!("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('writer of {schema}', 0))");
        // A transaction of which nothing more is heard ends, and the schema's writer goes to the next.
        let idle = format!("{}s", server.patience.as_secs().max(1));
        let writer = options.clone().options([("idle_in_transaction_session_timeout", idle)]);
        let (writer, readers) = (Line::new(writer, 1, server.patience), Line::new(options, 2, server.patience));
        let opened = Self {
            writer,
            readers,
            translations: Arc::default(),
            statistics: Arc::default(),
            patience: server.patience,
            begin: begin.into(),
        };
        opened.make(&schema).await?;
        Ok(opened)
    }

    async fn make(&self, schema: &str) -> Result<(), StoreError> {
        let mut transaction = self.write(&Arc::default()).await?;
        let there: Option<i64> =
            transaction.query("SELECT 1 FROM pg_namespace WHERE nspname = ?").bind(schema).scalar_optional().await?;
        if there.is_none() {
            transaction.define(&format!("CREATE SCHEMA {schema}")).await?;
        }
        // A role of the party finds its schema made, and nothing in it.
        let has_functions: Option<i64> = transaction
            .query("SELECT 1 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = ? AND p.proname = 'unhex'")
            .bind(schema)
            .scalar_optional()
            .await?;
        if has_functions.is_none() {
            transaction.define(FUNCTIONS).await?;
        }
        transaction.commit().await
    }

    pub(crate) fn translations(&self) -> &Translations {
        &self.translations
    }

    /// Brings the store `name`, which this schema is, up to date.
    pub(crate) async fn migrate(&self, name: &str, steps: crate::Schema) -> Result<(), StoreError> {
        let Err(source) = steps.migrator(dialect::definition).run(&self.writer.connections()).await else { return Ok(()) };
        let latest = sqlx::query_scalar(LATEST).fetch_one(&self.writer.connections()).await;
        Err(steps.refused(name, source, latest.ok()))
    }

    pub(crate) async fn write(&self, tally: &Arc<Tally>) -> Result<WriteTransaction, StoreError> {
        if self.statistics.take_due()
            && let Err(error) = self.analyse().await
        {
            // Slower plans are no reason not to write.
            tracing::warn!(%error, "PostgreSQL took no statistics");
        }
        let transaction = self.writer.begin(AssertSqlSafe(Arc::clone(&self.begin))).await?;
        let connection = self.over(Opened::PostgresTransaction(transaction, Arc::clone(&self.translations)));
        Ok(WriteTransaction { connection, tally: Arc::clone(tally), statistics: Some(Arc::clone(&self.statistics)) })
    }

    /// Has statistics taken of the schema's small tables, without waiting for whoever works on one.
    async fn analyse(&self) -> Result<(), StoreError> {
        const TABLES: &str = "SELECT string_agg(format('%I', relname), ', ') FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND reltuples < $1";
        let patience = Some(self.patience);
        let mut transaction = self.writer.begin("BEGIN").await?;
        let tables = sqlx::query_scalar(TABLES).bind(SMALL as f32).fetch_one(&mut *transaction);
        let tables: Option<String> = answered(patience, tables).await?;
        if let Some(tables) = tables {
            let statement = format!("SET LOCAL statement_timeout = {ANALYSE_WITHIN_MS}; ANALYZE (SKIP_LOCKED) {tables}");
            answered(patience, sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction)).await?;
        }
        answered(patience, transaction.commit()).await
    }

    pub(crate) async fn warm(&self) -> Result<Connection, StoreError> {
        Ok(self.over(Opened::Postgres(self.writer.acquire().await?, Arc::clone(&self.translations))))
    }

    pub(crate) async fn read(&self) -> Result<Connection, StoreError> {
        Ok(self.over(Opened::Postgres(self.readers.acquire().await?, Arc::clone(&self.translations))))
    }

    pub(crate) async fn read_one_moment(&self) -> Result<Connection, StoreError> {
        let transaction = self.readers.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(self.over(Opened::PostgresTransaction(transaction, Arc::clone(&self.translations))))
    }

    fn over(&self, opened: Opened) -> Connection {
        Connection::over(opened, Some(self.patience))
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// A store's schema, and the role of its party: `hd4dp_00000196` for the store `hd4dp-00000196`.
#[must_use]
pub fn schema_name(store: &str) -> String {
    store.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign.to_ascii_lowercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use crate::{Database, Schema, bulk};

    /// A store is filled faster than PostgreSQL looks at its tables, which it may not do at all.
    #[tokio::test]
    async fn a_plan_from_an_empty_table_does_not_stay() {
        const SCHEMA: Schema = Schema { steps: &["CREATE TABLE thing (id INTEGER PRIMARY KEY, number INTEGER NOT NULL)"] };
        let store = Database::open(crate::test_server::database().await.unwrap(), "plans", SCHEMA).await.unwrap();
        let mut transaction = store.write().await.unwrap();
        transaction.query("ALTER TABLE thing SET (autovacuum_enabled = off)").execute().await.unwrap();
        let update = async |connection: &mut crate::Connection, from: i64| {
            let ids: Vec<i64> = (from..from + 100).collect();
            const TAIL: &str = ") UPDATE thing SET number = number + 1 FROM touched WHERE thing.id = touched.id";
            bulk::insert(connection, "WITH touched (id) AS (", 1, TAIL, &ids, |row, id| row.bind(id)).await.unwrap();
        };
        for _ in 0..10 {
            update(&mut transaction, 0).await;
        }
        const FILL: &str = "INSERT INTO thing (id, number) SELECT id, 0 FROM generate_series(1, 200000) AS id";
        transaction.query(FILL).execute().await.unwrap();
        const READ: &str = "SELECT coalesce(seq_tup_read, 0) FROM pg_stat_xact_user_tables WHERE relname = 'thing'";
        let before: i64 = transaction.query(READ).scalar().await.unwrap();
        update(&mut transaction, 500).await;
        let read = transaction.query(READ).scalar::<i64>().await.unwrap() - before;
        assert_eq!(read, 0, "rows were read one after the other");
        const CHANGED: &str = "SELECT count(*) FROM thing WHERE number = 1";
        assert_eq!(transaction.query(CHANGED).scalar::<i64>().await.unwrap(), 100);
    }

    /// Without statistics the planner takes what all rows have in common for what few have.
    #[tokio::test]
    async fn a_store_that_fills_in_seconds_is_looked_up_by_keys() {
        const SCHEMA: Schema = Schema {
            steps: &["CREATE TABLE record (id INTEGER PRIMARY KEY, sender TEXT NOT NULL, name TEXT NOT NULL);
                CREATE INDEX record_by_name ON record (sender, name)"],
        };
        let store = Database::open(crate::test_server::database().await.unwrap(), "statistics", SCHEMA).await.unwrap();
        let mut transaction = store.write().await.unwrap();
        transaction.query("ALTER TABLE record SET (autovacuum_enabled = off)").execute().await.unwrap();
        let rows: Vec<i64> = (0..20_000).collect();
        bulk::insert(&mut transaction, "INSERT INTO record (id, sender, name)", 3, "", &rows, |row, id| {
            row.bind(id).bind("the only one").bind(id.to_string())
        })
        .await
        .unwrap();
        transaction.commit().await.unwrap();
        let mut transaction = store.write().await.unwrap();
        let names: Vec<String> = (0..50).map(|id| id.to_string()).collect();
        const LOOK_UP: &str = "SELECT r.id FROM json_each(?) k CROSS JOIN record r WHERE r.sender = ? AND r.name = k.value";
        let found: Vec<i64> =
            transaction.query(LOOK_UP).bind(&bulk::list(&names).unwrap()).bind("the only one").scalars().await.unwrap();
        assert_eq!(found.len(), 50);
        const READ: &str = "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'record'";
        assert_eq!(transaction.query(READ).scalar::<i64>().await.unwrap(), 50, "rows were read that nobody asked for");
    }
    #[tokio::test]
    async fn statistics_that_cannot_be_taken_keep_no_write_back() {
        const SCHEMA: Schema = Schema { steps: &["CREATE TABLE thing (id INTEGER PRIMARY KEY)"] };
        let store = Database::open(crate::test_server::database().await.unwrap(), "failing", SCHEMA).await.unwrap();
        let mut transaction = store.write().await.unwrap();
        // What an index counts with is evaluated for the statistics of its table.
        const WORKS: &str =
            "CREATE FUNCTION half(n bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN n / 2; END';
            CREATE INDEX thing_by_half ON thing (half(id))";
        transaction.define(WORKS).await.unwrap();
        let rows: Vec<i64> = (0..2_000).collect();
        bulk::insert(&mut transaction, "INSERT INTO thing (id)", 1, "", &rows, |row, id| row.bind(id)).await.unwrap();
        const FAILS: &str =
            "CREATE OR REPLACE FUNCTION half(n bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN n / 0; END'";
        transaction.define(FAILS).await.unwrap();
        transaction.commit().await.unwrap();
        let mut transaction = store.write().await.unwrap();
        assert_eq!(transaction.query("DELETE FROM thing WHERE id = 0").execute().await.unwrap(), 1);
        transaction.commit().await.unwrap();
        const TAKEN: &str = "SELECT count(*) FROM pg_stats WHERE tablename = 'thing'";
        assert_eq!(store.query(TAKEN).scalar::<i64>().await.unwrap(), 0, "they were taken, so nothing was tried");
    }
}
