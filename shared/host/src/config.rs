//! Configuration files: TOML, every field known and documented, secrets never inside.

use std::path::{Path, PathBuf};

use serde::{Deserialize, de::DeserializeOwned};

use crate::logging::LogForm;

/// What the configuration of every service has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// Folder of the service's store file, made when missing.
    pub store: PathBuf,
    /// Folder with the service's own keys; other parties' private keys must not be readable from here.
    #[serde(default)]
    pub keys: Option<PathBuf>,
    /// Folder with definitions that add to or replace the built-in ones.
    #[serde(default)]
    pub definitions: Option<PathBuf>,
    /// How log lines look: `text` or `json`.
    #[serde(default)]
    pub log: LogForm,
}

/// A broker that the service connects to. The address holds no password; that comes from a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerSettings {
    /// Address without a password: `amqp://user@host:5672/vhost`.
    pub url: String,
    /// File whose first line is the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Prefix of all exchanges and queues, for installations that share a virtual host.
    #[serde(default)]
    pub prefix: Option<String>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read the configuration {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file does not say what it must.
    #[error("understand the configuration {path}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// The address of a broker is no AMQP address.
    #[error("understand the broker address: it must look like amqp://user@host:5672/vhost, without a password")]
    Address,
}

/// Reads a configuration file.
///
/// # Errors
///
/// [`ConfigError`] with the file, and the line and field that is wrong.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
    toml::from_str(&text).map_err(|source| ConfigError::Wrong { path: path.to_path_buf(), source: Box::new(source) })
}

impl BrokerSettings {
    /// The address with the password in it, to hand to the client and to nobody else.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the address holds a password already, is no AMQP address, or the password file cannot be read.
    pub fn address(&self) -> Result<String, ConfigError> {
        let (scheme, rest) = self.url.split_once("://").ok_or(ConfigError::Address)?;
        let (user, place) = rest.split_once('@').ok_or(ConfigError::Address)?;
        if !matches!(scheme, "amqp" | "amqps") || user.is_empty() || user.contains(':') {
            return Err(ConfigError::Address);
        }
        let Some(path) = &self.password_file else { return Ok(self.url.clone()) };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let password: String = text.lines().next().unwrap_or_default().bytes().map(escape).collect();
        Ok(format!("{scheme}://{user}:{password}@{place}"))
    }
}

/// A byte as RFC 3986 wants it in an address.
fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, password_file: Option<PathBuf>) -> BrokerSettings {
        BrokerSettings { url: url.to_owned(), password_file, prefix: None }
    }

    #[test]
    fn the_password_comes_from_its_file_and_is_escaped() {
        let folder = std::env::temp_dir().join(format!("precision-config-{}", std::process::id()));
        std::fs::write(&folder, "p@ss/w\nsecond line\n").unwrap();
        let address = settings("amqp://hd4res@broker:5672/hd", Some(folder.clone())).address().unwrap();
        std::fs::remove_file(folder).unwrap();
        assert_eq!(address, "amqp://hd4res:p%40ss%2Fw@broker:5672/hd");
    }

    #[test]
    fn a_password_in_the_address_is_refused() {
        assert!(matches!(settings("amqp://user:secret@broker/hd", None).address(), Err(ConfigError::Address)));
    }

    #[test]
    fn an_unknown_field_is_named() {
        let error = toml::from_str::<Common>("store = \"/var/lib/precision\"\nkies = \"/etc\"\n").unwrap_err();
        assert!(error.to_string().contains("kies"), "{error}");
    }
}
