//! What the services' stores share.
//!
//! Every party keeps a store of its own: a SQLite file (`<store>/hd4dp-<nihdi>.sqlite`, `ehealth-ttp.sqlite`, …), or a schema of a PostgreSQL database
//! (`hd4dp_<nihdi>`, `ehealth_ttp`, …). The services define their store traits themselves; here is what all of them need: a [`Database`] with one writer and
//! full sync, whose [`Statement`]s have one text for both, bulk statements, the fingerprints of the keys that a store was written under, and the
//! [`itinerary`]: which publication passed where and when.

pub mod bulk;
mod connection;
pub mod database;
mod dialect;
pub mod inspection;
pub mod itinerary;
#[cfg(feature = "test-server")]
pub mod kept;
mod line;
pub mod location;
pub mod lock;
mod lost_answers;
mod nul;
mod numeral;
mod patience;
pub mod postgres;
mod private;
mod schema;
mod statement;
mod statistics;
pub mod tally;
#[cfg(feature = "test-server")]
pub mod test_server;
mod values;

use std::path::PathBuf;

use sqlx::postgres::PgDatabaseError;

pub use bulk::List;
pub use connection::{Connection, WriteTransaction};
pub use database::{Database, InDatabase};
pub use inspection::{FoundRow, Inspection};
pub use itinerary::{Itinerary, MemoryItinerary, Outcome, Passage, SqlItinerary};
pub use location::{Location, Server};
pub use lock::{Company, StoreLock};
pub use lost_answers::LostAnswers;
pub use schema::Schema;
pub use sqlx::AssertSqlSafe;
pub use statement::Statement;
pub use tally::{Count, Kind, Tally};
pub use values::{Column, Numeral, Parameter, Row};

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed; retrying may help (disk full, file locked).
    #[error("use the database")]
    Database(#[source] sqlx::Error),
    /// PostgreSQL has not answered for so long; whether it did what it was asked is unknown.
    #[error("use the database: PostgreSQL did not answer within {seconds} seconds")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
    },
    /// PostgreSQL refused a statement. What it said is left out: it repeats the values of the row that it refused.
    #[error("use the database: PostgreSQL refused with code {code}, about {about}")]
    Refused {
        /// PostgreSQL's five letters and digits, its Appendix A.
        code: String,
        /// The constraint or table, where it named one.
        about: String,
    },
    /// The schema could not be brought to the state that this program knows.
    #[error("bring the schema of {store} up to date")]
    Schema {
        /// Which store.
        store: String,
        /// What the migration said.
        source: sqlx::migrate::MigrateError,
    },
    /// A later program has brought the store to a schema that this one does not know. There is no way back but a copy from before.
    #[error(
        "open the store {store}: it has schema {has}, and this program knows no later one than schema {knows}; a later release has opened it, so use that one, or what was copied before"
    )]
    Later {
        /// Which store.
        store: String,
        /// The number of its last step.
        has: i64,
        /// The number of the last step that this program knows.
        knows: i64,
    },
    /// A step that the store has had was another one than this program's of the same number: one of them is no release.
    #[error("open the store {store}: step {step} of its schema is not the one that this program knows under that number")]
    Altered {
        /// Which store.
        store: String,
        /// The number of the step.
        step: i64,
    },
    /// Another process works on the store.
    #[error("lock the store {store}: another process is working on it")]
    Locked {
        /// The store, or its folder.
        store: String,
    },
    /// The store's folder or file cannot be read or written.
    #[error("open the store {path}")]
    Folder {
        /// The store's folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Others on this machine may read the store.
    #[error("keep the store {path} to its owner: it has mode {mode:o}, needs 600, and belongs to somebody else")]
    Open {
        /// The store's file.
        path: PathBuf,
        /// Its rights.
        mode: u32,
    },
    /// The store was written under other keys; using it would mix two populations of pseudonyms.
    #[error("use these keys: the store {store} was written under other ones ({name})")]
    OtherKeys {
        /// Which store.
        store: String,
        /// Which key differs.
        name: String,
    },
    /// The address of a database is none. It is not repeated, since it may hold a password.
    #[error("understand the store's address: it must look like postgres://role@host:5432/database")]
    Address,
    /// The address of a database asks for a TLS in which anybody could be the server.
    #[error(
        "be sure of the database that the store's address names: for TLS it needs sslmode=verify-full, and without TLS sslmode=disable"
    )]
    Unverified,
    /// A private key that the address of a database names is not to be used.
    #[error("use the private key {path} for TLS to the database: {reason}")]
    PrivateKey {
        /// The key's file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A row does not hold what this program once wrote.
    #[error("read a stored {what}: it is damaged")]
    Damaged {
        /// The kind of row.
        what: &'static str,
    },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(refused) if refused.try_downcast_ref::<PgDatabaseError>().is_some() => Self::Refused {
                code: refused.code().unwrap_or_default().into_owned(),
                about: refused.constraint().or(refused.table()).unwrap_or("nothing by name").to_owned(),
            },
            error => Self::Database(error),
        }
    }
}
