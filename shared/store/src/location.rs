//! Where the stores of an installation are: a folder of SQLite files, or a PostgreSQL database with a schema per party.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use sqlx::{ConnectOptions, postgres::PgConnectOptions};

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
    /// What follows the names of the stores that a service has here, one per hospital: `00000196` for the store `hd4dp-00000196`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Folder`] or [`StoreError::Database`] when the stores cannot be listed.
    pub async fn stores_of(&self, service: &str) -> Result<Vec<String>, StoreError> {
        let names = match self {
            Self::Folder(folder) => file_names(folder).map_err(|source| StoreError::Folder { path: folder.clone(), source })?,
            Self::Server(server) => {
                let mut connection = server.0.connect().await?;
                sqlx::query_scalar("SELECT CAST(nspname AS TEXT) FROM pg_namespace").fetch_all(&mut connection).await?
            }
        };
        let ending = |name: &String| {
            let rest = name.strip_prefix(service)?.strip_prefix(['-', '_'])?;
            Some(rest.strip_suffix(".sqlite").unwrap_or(rest).to_owned())
        };
        Ok(names.iter().filter_map(ending).filter(|rest| !rest.contains('.')).collect())
    }

    /// Whether `text` is meant as the address of a database and not as a folder.
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }
}

/// A folder that does not exist has no stores.
fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
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
