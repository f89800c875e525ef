//! A connection to a store's database, and the transaction of its one writer.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use sqlx::{PgConnection, Postgres, SqlSafeStr, Sqlite, SqliteConnection, Transaction, pool::PoolConnection};

use crate::{
    StoreError,
    dialect::{self, Translations},
    patience::{AT_LENGTH, answered},
    statement::{Statement, Target},
    statistics::Statistics,
    tally::{Passed, Tally},
    values::Arguments,
};

/// A connection to a store's database; one in a transaction sees one moment.
pub struct Connection {
    pub(crate) opened: Opened,
    /// How long it waits for an answer.
    pub(crate) patience: Option<Duration>,
    /// What passed and counts when this is committed.
    pub(crate) passed: Passed,
    /// Rows that statements changed.
    pub(crate) changed: u64,
}

pub(crate) enum Opened {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTransaction(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>, Arc<Translations>),
    PostgresTransaction(Transaction<'static, Postgres>, Arc<Translations>),
}

/// The driver's own connection.
pub(crate) enum Driver<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection {
    pub(crate) fn over(opened: Opened, patience: Option<Duration>) -> Self {
        Self { opened, patience, passed: Passed::default(), changed: 0 }
    }

    /// A statement that is going to run on this connection. Parameters are `?`, or `?1`, `?2`, … where one is needed twice.
    pub fn query(&mut self, text: impl SqlSafeStr) -> Statement<'_> {
        let text = text.into_sql_str();
        let (text, arguments) = match &self.opened {
            Opened::Sqlite(_) | Opened::SqliteTransaction(_) => (text, Arguments::sqlite()),
            Opened::Postgres(_, translations) | Opened::PostgresTransaction(_, translations) => {
                (translations.of(&text), Arguments::postgres())
            }
        };
        Statement::new(text, arguments, Target::Connection(self))
    }

    /// Runs statements that make or change tables. They may take long: an index reads the whole of its table.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn define(&mut self, statements: &str) -> Result<(), StoreError> {
        let patience = self.patience.map(|patience| patience * AT_LENGTH);
        match self.driver() {
            Driver::Sqlite(connection) => {
                sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(connection).await?;
            }
            Driver::Postgres(connection) => {
                let answer = sqlx::raw_sql(sqlx::AssertSqlSafe(dialect::definition(statements))).execute(connection);
                answered(patience, answer).await?;
            }
        }
        Ok(())
    }

    /// The names of a table's columns. The table's name is not quoted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn columns(&mut self, table: &str) -> Result<Vec<String>, StoreError> {
        const SQLITE: &str = "SELECT name FROM pragma_table_info(?)";
        const POSTGRES: &str = "SELECT CAST(attname AS TEXT) FROM pg_attribute
            WHERE attrelid = to_regclass(quote_ident(?)) AND attnum > 0 AND NOT attisdropped";
        let select = if matches!(self.driver(), Driver::Sqlite(_)) { SQLITE } else { POSTGRES };
        self.query(select).bind(table).scalars().await
    }

    pub(crate) fn driver(&mut self) -> Driver<'_> {
        match &mut self.opened {
            Opened::Sqlite(connection) => Driver::Sqlite(connection),
            Opened::SqliteTransaction(transaction) => Driver::Sqlite(transaction),
            Opened::Postgres(connection, _) => Driver::Postgres(connection),
            Opened::PostgresTransaction(transaction, _) => Driver::Postgres(transaction),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// A transaction that holds the store's one writer; dropped without [`WriteTransaction::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct WriteTransaction {
    pub(crate) connection: Connection,
    pub(crate) tally: Arc<Tally>,
    /// Those of PostgreSQL.
    pub(crate) statistics: Option<Arc<Statistics>>,
}

impl WriteTransaction {
    /// Makes what was written last.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] or [`StoreError::Silent`]; whether it was written is unknown then.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.connection.opened {
            Opened::SqliteTransaction(transaction) => transaction.commit().await?,
            Opened::PostgresTransaction(transaction, _) => answered(self.connection.patience, transaction.commit()).await?,
            Opened::Sqlite(_) | Opened::Postgres(..) => {}
        }
        self.tally.add(self.connection.passed);
        if let Some(statistics) = self.statistics {
            statistics.note(self.connection.changed);
        }
        Ok(())
    }
}

impl Deref for WriteTransaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for WriteTransaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
