//! A store as SQL text, so that what one release leaves can lie beside the tests and be opened by a later one.
//!
//! The text has everything: tables and indexes in the words of their database, rows, and which steps of the schema the store has had. A SQLite
//! store's is for SQLite, a PostgreSQL schema's for PostgreSQL, which `pg_dump` writes.

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, path::Path};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, Executor, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tokio::process::Command;

use crate::{Location, Server, StoreError, postgres::schema_name, private, test_server};

/// Why a store could not be written out or put back.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// There is no PostgreSQL to do it.
    #[error(transparent)]
    NoServer(#[from] test_server::NoServer),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file, or the program that writes the text.
    #[error("read or write a store as text")]
    Io(#[from] std::io::Error),
    /// `pg_dump` gave up.
    #[error("write out {0}: pg_dump says {1}")]
    Dump(String, String),
}

impl From<sqlx::Error> for KeptError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Writes out the store `name`, which nobody has open.
///
/// # Errors
///
/// [`KeptError`].
pub async fn write_out(location: &Location, name: &str) -> Result<String, KeptError> {
    match location {
        Location::Folder(folder) => write_out_file(&folder.join(format!("{name}.sqlite"))).await,
        Location::Server(server) => write_out_schema(server, name).await,
    }
}

/// Makes the store `name` of what was written out: where there is none, and for its owner alone.
///
/// # Errors
///
/// [`KeptError`].
pub async fn put_back(location: &Location, name: &str, text: &str) -> Result<(), KeptError> {
    match location {
        Location::Folder(folder) => {
            private::folder(folder)?;
            let file = folder.join(format!("{name}.sqlite"));
            let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
            let mut connection = options.journal_mode(SqliteJournalMode::Delete).connect().await?;
            std::fs::set_permissions(&file, Permissions::from_mode(0o600))?;
            connection.execute(AssertSqlSafe(format!("BEGIN;\n{text}COMMIT;\n"))).await?;
            Ok(connection.close().await?)
        }
        Location::Server(server) => {
            let mut connection = server.options.connect().await?;
            connection.execute(AssertSqlSafe(text.to_owned())).await?;
            Ok(connection.close().await?)
        }
    }
}

async fn write_out_file(path: &Path) -> Result<String, KeptError> {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
    // What SQLite keeps for itself is made anew.
    const MADE: &str =
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid";
    let made: Vec<(String, String, String)> = sqlx::query_as(MADE).fetch_all(&mut connection).await?;
    let mut text = String::new();
    for (kind, name, definition) in made {
        text.push_str(definition.trim());
        text.push_str(";\n");
        if kind == "table" {
            rows(&mut connection, &name, &mut text).await?;
        }
    }
    connection.close().await?;
    Ok(text)
}

async fn rows(connection: &mut SqliteConnection, table: &str, text: &mut String) -> Result<(), KeptError> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let columns: Vec<String> =
        sqlx::query_scalar("SELECT name FROM pragma_table_info(?) ORDER BY cid").bind(table).fetch_all(&mut *connection).await?;
    let values: Vec<String> = columns.iter().map(|column| format!("quote({})", quoted(column))).collect();
    let select = format!("SELECT {} FROM {}", values.join(" || ', ' || "), quoted(table));
    for row in sqlx::query_scalar::<_, String>(AssertSqlSafe(select)).fetch_all(connection).await? {
        text.push_str(&format!("INSERT INTO {} VALUES ({row});\n", quoted(table)));
    }
    Ok(())
}

async fn write_out_schema(server: &Server, name: &str) -> Result<String, KeptError> {
    let options = &server.options;
    let folder = test_server::programs().ok_or_else(test_server::not_installed)?;
    let host = options.get_socket().map_or_else(|| options.get_host().into(), |socket| socket.clone().into_os_string());
    let mut dump = Command::new(folder.join("pg_dump"));
    dump.arg("--host").arg(host).arg("--port").arg(options.get_port().to_string());
    dump.args(["--username", options.get_username(), "--dbname", options.get_database().unwrap_or_default()]);
    dump.args(["--inserts", "--no-owner", "--no-privileges", "--schema", &schema_name(name)]);
    let output = dump.output().await?;
    if !output.status.success() {
        return Err(KeptError::Dump(name.to_owned(), String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(plain(&String::from_utf8_lossy(&output.stdout)))
}

/// Without what is for `psql`, or for the release of the server alone that wrote it.
fn plain(dump: &str) -> String {
    let (mut text, mut is_inside) = (String::new(), false);
    for line in dump.lines() {
        let is_noise = line.is_empty() || ["--", "SET ", "\\"].iter().any(|start| line.starts_with(start));
        if is_inside || !is_noise {
            text.push_str(line);
            text.push('\n');
        }
        // A quote in a text stands there twice.
        is_inside ^= !line.matches('\'').count().is_multiple_of(2);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, FoundRow, Inspection, Schema};

    const SCHEMA: Schema = Schema {
        steps: &["CREATE TABLE \"a thing\" (id INTEGER PRIMARY KEY, bytes BLOB, name TEXT, size NUMERIC);
            CREATE UNIQUE INDEX \"by name\" ON \"a thing\" (name);
            CREATE TABLE pair (one TEXT NOT NULL, other BLOB NOT NULL, PRIMARY KEY (one, other)) WITHOUT ROWID"],
    };

    async fn everything(location: &Location) -> Vec<(String, FoundRow)> {
        let mut found = Vec::new();
        let mut inspection = Inspection::open(location, "party").await.unwrap().unwrap();
        for table in inspection.tables().await.unwrap() {
            inspection.each_row(&table, |row| found.push((table.clone(), row))).await.unwrap();
        }
        inspection.close().await.unwrap();
        found
    }

    async fn a_store_that_was_written_out_is_the_same_when_it_is_put_back(from: Location, to: Location) {
        let store = Database::open(&from, "party", SCHEMA).await.unwrap();
        let mut writer = store.write().await.unwrap();
        let lines = ["it's \"quoted\";\nSET no = 1;\n-- nor this\n\\nor that", "Zoë", ""];
        for (name, size) in lines.into_iter().zip(["2.5", "-1", "100000000000"]) {
            let insert = writer.query("INSERT INTO \"a thing\" (bytes, name, size) VALUES (?, ?, ?)");
            insert.bind(vec![0_u8, 39, 255]).bind(name).bind(Some(crate::Numeral(size))).execute().await.unwrap();
            writer.query("INSERT INTO pair (one, other) VALUES (?, ?)").bind(name).bind(vec![1_u8]).execute().await.unwrap();
        }
        writer.commit().await.unwrap();
        store.close().await;
        let text = write_out(&from, "party").await.unwrap();
        put_back(&to, "party", &text).await.unwrap();
        let there = everything(&from).await;
        assert!(there.len() > 6 + SCHEMA.steps.len(), "{there:?}");
        assert_eq!(everything(&to).await, there);
        assert_eq!(write_out(&to, "party").await.unwrap(), text);
        // It goes on behind the last row, and keeps what its indexes forbid.
        let again = Database::open(&to, "party", SCHEMA).await.unwrap();
        let mut writer = again.write().await.unwrap();
        let id: i64 = writer.query("INSERT INTO \"a thing\" (name) VALUES ('new') RETURNING id").scalar().await.unwrap();
        assert_eq!(id, 4);
        assert!(writer.query("INSERT INTO \"a thing\" (name) VALUES ('Zoë')").execute().await.is_err());
    }

    #[tokio::test]
    async fn in_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| Location::Folder(folder.path().join(name)));
        a_store_that_was_written_out_is_the_same_when_it_is_put_back(from, to.clone()).await;
        let mode = std::fs::metadata(folder.path().join("to/party.sqlite")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn in_postgres() {
        let (from, to) = (test_server::database().await.unwrap(), test_server::database().await.unwrap());
        a_store_that_was_written_out_is_the_same_when_it_is_put_back(from, to).await;
    }
}
