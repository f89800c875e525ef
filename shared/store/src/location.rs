//! Where the stores of an installation are: a folder of SQLite files, or a PostgreSQL database with a schema per party.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use sqlx::postgres::PgConnectOptions;

use crate::StoreError;

/// Where stores are kept.
#[derive(Debug, Clone)]
pub enum Location {
    /// A folder with a SQLite file per store.
    Folder(PathBuf),
    /// A PostgreSQL database with a schema per store.
    Server(Server),
}

/// A PostgreSQL database and the role that it is used under.
#[derive(Clone)]
pub struct Server(pub(crate) Box<PgConnectOptions>);

impl Server {
    /// The database at an address like `postgres://role@host:5432/database`. A password may stand in it, in `PGPASSFILE` or in `~/.pgpass`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Address`]. The address is not repeated, since it may hold a password.
    pub fn at(address: &str) -> Result<Self, StoreError> {
        PgConnectOptions::from_str(address).map(|options| Self(Box::new(options))).map_err(|_| StoreError::Address)
    }

    /// The database with this password.
    #[must_use]
    pub fn with_password(self, password: &str) -> Self {
        Self(Box::new(self.0.password(password)))
    }
}

impl Location {
    /// Whether `text` is meant as the address of a database and not as a folder.
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }
}

impl FromStr for Location {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if Self::is_address(text) { Server::at(text).map(Self::Server) } else { Ok(Self::Folder(PathBuf::from(text))) }
    }
}

impl From<&Path> for Location {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_path_buf())
    }
}

impl From<&PathBuf> for Location {
    fn from(folder: &PathBuf) -> Self {
        Self::Folder(folder.clone())
    }
}

impl From<&Location> for Location {
    fn from(location: &Location) -> Self {
        location.clone()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Server(server) => write!(f, "{server:?}"),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}:{}/{}", self.0.get_host(), self.0.get_port(), self.0.get_database().unwrap_or_default())
    }
}
