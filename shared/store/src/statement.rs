//! A statement under construction: a text, the values for its parameters, and where it is going to run.

use sqlx::{SqlStr, error::BoxDynError};

use crate::{
    Database, StoreError,
    connection::{Connection, Driver},
    patience::{AT_LENGTH, answered},
    values::{Arguments, Column, Found, Parameter, Row},
};

/// A statement under construction.
#[must_use = "a statement does nothing until it is run"]
pub struct Statement<'c> {
    text: SqlStr,
    arguments: Arguments,
    refused: Option<BoxDynError>,
    factor: u32,
    target: Target<'c>,
}

/// Where a statement runs.
pub(crate) enum Target<'c> {
    /// On this connection.
    Connection(&'c mut Connection),
    /// On a reader that is free.
    Reader(&'c Database),
}

impl<'c> Statement<'c> {
    pub(crate) fn new(text: SqlStr, arguments: Arguments, target: Target<'c>) -> Self {
        Self { text, arguments, refused: None, factor: 1, target }
    }

    /// Gives the next parameter its value.
    pub fn bind(mut self, value: impl Parameter) -> Self {
        if let Err(refused) = value.add_to(&mut self.arguments) {
            self.refused.get_or_insert(refused);
        }
        self
    }

    /// An hour is waited for it instead of a minute: it reads or writes the whole of a table.
    pub fn at_length(self) -> Self {
        Self { factor: AT_LENGTH, ..self }
    }

    /// Runs the statement. Returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`], [`StoreError::Refused`] or [`StoreError::Silent`], as for all ways to run it.
    pub async fn execute(self) -> Result<u64, StoreError> {
        let factor = self.factor;
        let (text, arguments, mut target) = self.ready().await?;
        let connection = target.connection();
        let patience = connection.patience.map(|patience| patience * factor);
        let changed = match (connection.driver(), arguments) {
            (Driver::Sqlite(connection), Arguments::Sqlite(arguments)) => {
                sqlx::query_with(text, arguments).execute(connection).await?.rows_affected()
            }
            (Driver::Postgres(connection), Arguments::Postgres(arguments)) => {
                answered(patience, sqlx::query_with(text, arguments).execute(connection)).await?.rows_affected()
            }
            _ => return Err(MIXED),
        };
        connection.changed += changed;
        Ok(changed)
    }

    /// All rows that it finds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn fetch_all(self) -> Result<Vec<Row>, StoreError> {
        let factor = self.factor;
        let (text, arguments, mut target) = self.ready().await?;
        let patience = target.connection().patience.map(|patience| patience * factor);
        Ok(match (target.driver(), arguments) {
            (Driver::Sqlite(connection), Arguments::Sqlite(arguments)) => {
                let found = sqlx::query_with(text, arguments).fetch_all(connection).await?;
                found.into_iter().map(|row| Row(Found::Sqlite(row))).collect()
            }
            (Driver::Postgres(connection), Arguments::Postgres(arguments)) => {
                let found = answered(patience, sqlx::query_with(text, arguments).fetch_all(connection)).await?;
                found.into_iter().map(|row| Row(Found::Postgres(row))).collect()
            }
            _ => return Err(MIXED),
        })
    }

    /// The first row that it finds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn fetch_optional(self) -> Result<Option<Row>, StoreError> {
        let factor = self.factor;
        let (text, arguments, mut target) = self.ready().await?;
        let patience = target.connection().patience.map(|patience| patience * factor);
        Ok(match (target.driver(), arguments) {
            (Driver::Sqlite(connection), Arguments::Sqlite(arguments)) => {
                sqlx::query_with(text, arguments).fetch_optional(connection).await?.map(|row| Row(Found::Sqlite(row)))
            }
            (Driver::Postgres(connection), Arguments::Postgres(arguments)) => {
                answered(patience, sqlx::query_with(text, arguments).fetch_optional(connection))
                    .await?
                    .map(|row| Row(Found::Postgres(row)))
            }
            _ => return Err(MIXED),
        })
    }

    /// The first row that it finds; there must be one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`], also when there is none.
    pub async fn fetch_one(self) -> Result<Row, StoreError> {
        self.fetch_optional().await?.ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }

    /// The value of the one row and column that it finds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`], also when there is none.
    pub async fn scalar<T: for<'r> Column<'r>>(self) -> Result<T, StoreError> {
        self.fetch_one().await?.first()
    }

    /// The value of the first column of the first row that it finds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn scalar_optional<T: for<'r> Column<'r>>(self) -> Result<Option<T>, StoreError> {
        self.fetch_optional().await?.map(|row| row.first()).transpose()
    }

    /// The values of the first column of all rows that it finds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn scalars<T: for<'r> Column<'r>>(self) -> Result<Vec<T>, StoreError> {
        self.fetch_all().await?.iter().map(Row::first).collect()
    }

    async fn ready(self) -> Result<(SqlStr, Arguments, Held<'c>), StoreError> {
        if let Some(refused) = self.refused {
            return Err(StoreError::Database(sqlx::Error::Encode(refused)));
        }
        let target = match self.target {
            Target::Connection(connection) => Held::Borrowed(connection),
            Target::Reader(database) => Held::Reader(database.read().await?),
        };
        Ok((self.text, self.arguments, target))
    }
}

/// A statement is made for the connection that it runs on, so this does not happen.
const MIXED: StoreError = StoreError::Damaged { what: "statement" };

/// The connection that a statement runs on.
enum Held<'c> {
    Borrowed(&'c mut Connection),
    Reader(Connection),
}

impl Held<'_> {
    fn connection(&mut self) -> &mut Connection {
        match self {
            Self::Borrowed(connection) => connection,
            Self::Reader(connection) => connection,
        }
    }

    fn driver(&mut self) -> Driver<'_> {
        self.connection().driver()
    }
}
