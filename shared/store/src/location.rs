//! Where the stores of an installation are: a folder of SQLite files, or a PostgreSQL database with a schema per party.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};
use url::Url;

use crate::{
    StoreError,
    patience::{self, PATIENCE},
    private,
};

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
pub struct Server {
    pub(crate) options: Box<PgConnectOptions>,
    pub(crate) patience: Duration,
}

impl Server {
    /// The database at an address like `postgres://role@host:5432/database`. A password may stand in it, in `PGPASSFILE` or in `~/.pgpass`.
    ///
    /// For TLS it has the parameters of PostgreSQL's own client: `sslmode=verify-full`, and PEM files as `sslrootcert` (authorities that the server's
    /// certificate may come from, beside those that the system trusts), `sslcert` and `sslkey` (the certificate and the private key to show to it).
    ///
    /// # Errors
    ///
    /// [`StoreError::Address`]. The address is not repeated, since it may hold a password. [`StoreError::Unverified`] where certificates would not count,
    /// and [`StoreError::PrivateKey`] for a key that others may read.
    pub fn at(address: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(address).map_err(|_| StoreError::Address)?;
        let is_verified = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
        for (name, value) in Url::parse(address).map_err(|_| StoreError::Address)?.query_pairs() {
            let is_key = matches!(&*name, "sslkey" | "ssl-key");
            let is_certificate = matches!(&*name, "sslrootcert" | "ssl-root-cert" | "ssl-ca" | "sslcert" | "ssl-cert");
            // `require` takes any certificate, and `verify-ca` that of any server under any authority, the system's among them.
            let is_halfway = matches!(&*name, "sslmode" | "ssl-mode") && !matches!(options.get_ssl_mode(), PgSslMode::Disable);
            if (is_key || is_certificate || is_halfway) && !is_verified {
                return Err(StoreError::Unverified);
            }
            if is_key && value.contains("-----BEGIN") {
                return Err(StoreError::Address);
            }
            if is_key {
                private::key(Path::new(&*value))?;
            }
        }
        Ok(Self::with(options))
    }

    pub(crate) fn with(options: PgConnectOptions) -> Self {
        Self { options: Box::new(patience::given_up(options)), patience: PATIENCE }
    }

    /// The database with this password.
    #[must_use]
    pub fn with_password(self, password: &str) -> Self {
        Self { options: Box::new(self.options.password(password)), ..self }
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
                let mut connection = server.options.connect().await?;
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
        write!(
            f,
            "postgres://{}:{}/{}",
            self.options.get_host(),
            self.options.get_port(),
            self.options.get_database().unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_count_or_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("a key");
        std::fs::write(&key, "").unwrap();
        let at = |query: &str| Server::at(&format!("postgres://dhw@db/precision?{query}")).map(drop);
        for query in ["sslmode=verify-full&sslrootcert=/ca.pem", "sslmode=disable", ""] {
            assert!(at(query).is_ok(), "{query}");
        }
        for query in [
            "sslrootcert=/ca.pem",
            "sslmode=require",
            "sslmode=verify-ca&sslrootcert=/ca.pem",
            "ssl-cert=/c.pem",
            "sslkey=/k.pem&sslmode=prefer",
        ] {
            assert!(matches!(at(query), Err(StoreError::Unverified)), "{query}");
        }
        let with_key = format!("sslmode=verify-full&sslkey={}", key.display().to_string().replace(' ', "%20"));
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let refused = at(&with_key).unwrap_err().to_string();
        assert!(refused.contains("a key") && refused.contains("chmod 600"), "{refused}");
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        assert!(at(&with_key).is_ok());
        assert!(matches!(at("sslmode=verify-full&sslkey=/nowhere"), Err(StoreError::PrivateKey { .. })));
        // The key itself, which the client library would take.
        let refused = at("sslmode=verify-full&sslkey=-----BEGIN%20PRIVATE%20KEY-----s3cret").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("s3cret"));
    }
}
