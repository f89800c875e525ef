//! Looking into a store from outside: every table, every row, every column, as an auditor does. Nothing is changed, and no schema is known.

use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, Decode, PgConnection, Row as _, Sqlite, SqliteConnection, TypeInfo, ValueRef,
    postgres::PgRow,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use crate::{Location, StoreError, postgres::schema_name};

/// A store that is looked into.
pub struct Inspection {
    engine: Engine,
}

enum Engine {
    Sqlite(SqliteConnection),
    Postgres { connection: Box<PgConnection>, schema: String },
}

/// A row as it is found: the columns that hold something, each with its bytes. A text is its UTF-8, a number its digits.
pub type FoundRow = Vec<(String, Vec<u8>)>;

impl Inspection {
    /// Opens the store `name` for reading; `None` when there is none of that name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] when it is there and cannot be read.
    pub async fn open(location: &Location, name: &str) -> Result<Option<Self>, StoreError> {
        let engine = match location {
            Location::Folder(folder) => {
                let path = folder.join(format!("{name}.sqlite"));
                if !path.is_file() {
                    return Ok(None);
                }
                Engine::Sqlite(open_file(&path).await?)
            }
            Location::Server(server) => {
                let schema = schema_name(name);
                let mut connection = (*server.options).clone().application_name("inspection").connect().await?;
                sqlx::query("SET default_transaction_read_only = on").execute(&mut connection).await?;
                let there: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_namespace WHERE nspname = $1")
                    .bind(&schema)
                    .fetch_optional(&mut connection)
                    .await?;
                if there.is_none() {
                    return Ok(None);
                }
                Engine::Postgres { connection: Box::new(connection), schema }
            }
        };
        Ok(Some(Self { engine }))
    }

    /// The names of its tables, in order.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn tables(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(match &mut self.engine {
            Engine::Sqlite(connection) => {
                const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
                sqlx::query_scalar(TABLES).fetch_all(connection).await?
            }
            Engine::Postgres { connection, schema } => {
                const TABLES: &str =
                    "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1";
                sqlx::query_scalar(TABLES).bind(schema.as_str()).fetch_all(&mut **connection).await?
            }
        })
    }

    /// Shows every row of a table to `look`, one at a time.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn each_row(&mut self, table: &str, mut look: impl FnMut(FoundRow)) -> Result<(), StoreError> {
        match &mut self.engine {
            Engine::Sqlite(connection) => {
                let select = format!("SELECT * FROM {}", quoted(table));
                let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(connection);
                while let Some(row) = rows.try_next().await? {
                    look(of_sqlite(&row)?);
                }
            }
            Engine::Postgres { connection, schema } => {
                let select = select_all(connection, schema, table).await?;
                let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(&mut **connection);
                while let Some(row) = rows.try_next().await? {
                    look(of_postgres(&row)?);
                }
            }
        }
        Ok(())
    }

    /// Closes the connection.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn close(self) -> Result<(), StoreError> {
        match self.engine {
            Engine::Sqlite(connection) => connection.close().await?,
            Engine::Postgres { connection, .. } => (*connection).close().await?,
        }
        Ok(())
    }
}

/// A file without a log beside it is read as it lies there, also where nothing may be written; else SQLite reads both.
async fn open_file(path: &Path) -> Result<SqliteConnection, StoreError> {
    let has_log = path.with_extension("sqlite-wal").exists();
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(!has_log);
    Ok(options.connect().await?)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A statement that gives bytes as they are and everything else as text.
async fn select_all(connection: &mut PgConnection, schema: &str, table: &str) -> Result<String, StoreError> {
    const COLUMNS: &str = "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns
        WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position";
    let columns: Vec<(String, String)> = sqlx::query_as(COLUMNS).bind(schema).bind(table).fetch_all(connection).await?;
    let columns = columns.iter().map(|(name, kind)| match kind.as_str() {
        "bytea" => quoted(name),
        _ => format!("CAST({0} AS TEXT) AS {0}", quoted(name)),
    });
    Ok(format!("SELECT {} FROM {}.{}", columns.collect::<Vec<_>>().join(", "), quoted(schema), quoted(table)))
}

fn of_sqlite(row: &SqliteRow) -> Result<FoundRow, StoreError> {
    use sqlx::Column as _;
    let mut found = FoundRow::new();
    for column in row.columns() {
        let value = row.try_get_raw(column.ordinal())?;
        if value.is_null() {
            continue;
        }
        let kind = value.type_info().name().to_owned();
        let failed = |source| StoreError::from(sqlx::Error::Decode(source));
        let bytes = match kind.as_str() {
            "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).map_err(failed)?.to_string().into_bytes(),
            "REAL" => <f64 as Decode<Sqlite>>::decode(value).map_err(failed)?.to_string().into_bytes(),
            _ => <Vec<u8> as Decode<Sqlite>>::decode(value).map_err(failed)?,
        };
        found.push((column.name().to_owned(), bytes));
    }
    Ok(found)
}

fn of_postgres(row: &PgRow) -> Result<FoundRow, StoreError> {
    use sqlx::Column as _;
    let mut found = FoundRow::new();
    for column in row.columns() {
        let value = row.try_get_raw(column.ordinal())?;
        if value.is_null() {
            continue;
        }
        let bytes = match value.type_info().name() {
            "BYTEA" => row.try_get::<Vec<u8>, _>(column.ordinal())?,
            _ => row.try_get::<String, _>(column.ordinal())?.into_bytes(),
        };
        found.push((column.name().to_owned(), bytes));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Schema};

    const SCHEMA: Schema =
        Schema { steps: &["CREATE TABLE \"a thing\" (id INTEGER PRIMARY KEY, bytes BLOB, name TEXT, size NUMERIC, none TEXT)"] };

    async fn shows_everything_and_changes_nothing(location: Location) {
        assert!(Inspection::open(&location, "party").await.unwrap().is_none(), "looking makes no store");
        let database = Database::open(&location, "party", SCHEMA).await.unwrap();
        let mut writer = database.write().await.unwrap();
        for id in 1..=2_i64 {
            let insert = writer.query("INSERT INTO \"a thing\" (id, bytes, name, size) VALUES (?, ?, ?, ?)");
            let size = Some(crate::Numeral("2.5"));
            insert.bind(id).bind(vec![0_u8, 255]).bind("Zoë").bind(size).execute().await.unwrap();
        }
        writer.commit().await.unwrap();
        let mut inspection = Inspection::open(&location, "party").await.unwrap().unwrap();
        let tables = inspection.tables().await.unwrap();
        assert!(["a thing", "itinerary", "party_key", "setting"].iter().all(|name| tables.iter().any(|table| table == name)));
        let mut rows = Vec::new();
        inspection.each_row("a thing", |row| rows.push(row)).await.unwrap();
        let row = |id: &str| {
            let columns = [("id", id.as_bytes()), ("bytes", &[0, 255]), ("name", "Zoë".as_bytes()), ("size", b"2.5")];
            columns.map(|(name, value)| (name.to_owned(), value.to_vec())).to_vec()
        };
        assert_eq!(rows, [row("1"), row("2")]);
        inspection.close().await.unwrap();
        database.close().await;
        // A log that was written back is gone with its last connection.
        let mut again = Inspection::open(&location, "party").await.unwrap().unwrap();
        let mut count = 0;
        again.each_row("a thing", |_| count += 1).await.unwrap();
        assert_eq!(count, 2);
    }

    #[tokio::test]
    async fn in_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        shows_everything_and_changes_nothing(folder.path().into()).await;
    }

    #[tokio::test]
    async fn in_postgres() {
        shows_everything_and_changes_nothing(crate::test_server::database().await.unwrap()).await;
    }
}
