//! The schema of a store, and what a store of another program's is to this one.

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::StoreError;

/// The schema of a store: numbered steps, forward only, as SQLite reads them. A step that was released is never edited.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The statements of each step, first step first.
    pub steps: &'static [&'static str],
}

/// What every store has besides its own tables: the first step of all schemas.
const COMMON: &str = "
CREATE TABLE party_key (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE itinerary (
    id INTEGER PRIMARY KEY, publication BLOB NOT NULL, step TEXT NOT NULL, queue TEXT NOT NULL,
    at INTEGER NOT NULL, outcome TEXT NOT NULL, items BLOB NOT NULL);
";

/// The last step that a store has had.
pub(crate) const LATEST: &str = "SELECT max(version) FROM _sqlx_migrations";

impl Schema {
    /// The schema's number: that of its last step. The first is what every store has, so a schema without steps of its own has number 1.
    #[must_use]
    pub fn number(self) -> i64 {
        number(self.steps.len())
    }

    /// Brings a store up to date, with the steps in the words of its database. What a store remembers of a step is its own text, so that a better
    /// translation does not make another step of it.
    pub(crate) fn migrator(self, words: impl Fn(&str) -> String) -> Migrator {
        let steps = std::iter::once(&COMMON).chain(self.steps).enumerate();
        let migration = |(index, sql): (usize, &&'static str)| {
            let version = number(index);
            let description = format!("step {version}").into();
            let migration = Migration::new(version, description, MigrationType::Simple, SqlSafeStr::into_sql_str(*sql), false);
            Migration { sql: AssertSqlSafe(words(sql)).into_sql_str(), ..migration }
        };
        Migrator::with_migrations(steps.map(migration).collect())
    }

    /// What kept a store, whose last step was `latest`, from being brought up to date.
    pub(crate) fn refused(self, store: &str, source: MigrateError, latest: Option<i64>) -> StoreError {
        let store = store.to_owned();
        match (source, latest) {
            (MigrateError::VersionMissing(_), Some(has)) => StoreError::Later { store, has, knows: self.number() },
            (MigrateError::VersionMismatch(step), _) => StoreError::Altered { store, step },
            (source, _) => StoreError::Schema { store, source },
        }
    }
}

/// Steps are numbered from 1.
fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1)
}
