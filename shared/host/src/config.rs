//! Configuration: a TOML file, every field known and documented, secrets never inside; and the environment over it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use store::{Location, Server, StoreError};
use traces::{Collector, CollectorError};

use crate::{environment::Variables, flaw::Flaw, logging::LogForm, retention, station::reasons};

/// What the configuration of every service has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// Folder of the service's store file, made when missing; or the address of a PostgreSQL database without a password,
    /// `postgres://role@host:5432/database`, where the store is the role's schema. For TLS see [`Server::at`].
    pub store: String,
    /// File whose first line is the role's password. Without it PostgreSQL's own password file counts (`PGPASSFILE`).
    #[serde(default)]
    pub store_password_file: Option<PathBuf>,
    /// Folder with the service's own keys; other parties' private keys must not be readable from here.
    #[serde(default)]
    pub keys: Option<PathBuf>,
    /// Folder with definitions that add to or replace the built-in ones.
    #[serde(default)]
    pub definitions: Option<PathBuf>,
    /// Days for which the service keeps its itinerary, 30 at least; what belongs to a registration on its way stays longer ([`crate::retention`]).
    #[serde(default = "keep_days")]
    pub itinerary_days: u32,
    /// How log lines look: `text` or `json`.
    #[serde(default)]
    pub log: LogForm,
    /// Address at which the service says whether it is ready and what it counts ([`crate::health`], [`crate::metrics`]), as `127.0.0.1:8090`; it says neither when this is missing.
    #[serde(default)]
    pub health: Option<SocketAddr>,
    /// Address of the zone's own collector of traces, which takes OTLP over HTTP, as `http://collector:4318` ([`traces`]); nothing is traced when this is missing.
    #[serde(default)]
    pub traces: Option<String>,
    /// Share of the traces that is kept, from 0 to 1.
    #[serde(default = "all_traces")]
    pub traces_share: f64,
}

const fn all_traces() -> f64 {
    1.0
}

const fn keep_days() -> u32 {
    retention::KEEP_DAYS
}

/// A broker that the service connects to. The address holds no password; that comes from a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerSettings {
    /// Address without a password: `amqp://user@host:5672/vhost`, or `amqps://` for TLS, with `cacertfile`, `certfile` and `keyfile` behind a question mark
    /// where the broker has an authority of its own, or wants to see a certificate.
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
    #[error("understand the broker address: it must look like amqp://user@host:5672/vhost or amqps://…, without a password")]
    Address,
    /// The address of the store is no PostgreSQL address, or holds a password; or a folder has one.
    #[error(
        "understand the store's address: it must be a folder, or look like postgres://role@host:5432/database, without a password, which comes from common.store_password_file"
    )]
    StoreAddress,
    /// The address of the store asks for a TLS that cannot be had.
    #[error(transparent)]
    Store(StoreError),
}

/// Reads a configuration file.
///
/// # Errors
///
/// [`ConfigError`] with the file, and the line and field that is wrong.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    toml::from_str(&read(path)?).map_err(|source| ConfigError::Wrong { path: path.to_path_buf(), source: Box::new(source) })
}

/// Reads a service's configuration: a file, and what its environment variables say over it. Without a file they say all.
///
/// Gives the text of the file, the settings, and all that is wrong with them ([`Variables::over`]).
///
/// # Errors
///
/// [`ConfigError`] when the file cannot be read, or is no TOML.
pub(crate) fn load_over<T: DeserializeOwned>(
    path: Option<&Path>,
    service: &str,
    variables: Variables,
    sample: &str,
) -> Result<(String, Option<T>, Vec<Flaw>), ConfigError> {
    let text = path.map_or_else(|| Ok(String::new()), read)?;
    let wrong = |source| ConfigError::Wrong { path: path.unwrap_or(Path::new("")).to_path_buf(), source: Box::new(source) };
    let (settings, flaws) =
        variables.over(service, toml::from_str(&text).map_err(wrong)?, toml::from_str(sample).unwrap_or_default());
    Ok((text, settings, flaws))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })
}

impl Common {
    /// Where the store is.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when an address holds a password or is none, when a password is set for a folder, or when the password file cannot be read.
    pub fn location(&self) -> Result<Location, ConfigError> {
        if !Location::is_address(&self.store) {
            let folder = PathBuf::from(&self.store);
            return if self.store_password_file.is_none() {
                Ok(Location::Folder(folder))
            } else {
                Err(ConfigError::StoreAddress)
            };
        }
        let named = self.store.split_once("://").and_then(|(_, rest)| user_and_place(rest));
        if named.is_none_or(|(_, place)| place.contains("password=") || has_hidden_parameter(place)) {
            return Err(ConfigError::StoreAddress);
        }
        let server = Server::at(&self.store).map_err(|error| match error {
            StoreError::Address => ConfigError::StoreAddress,
            error => ConfigError::Store(error),
        })?;
        let Some(path) = &self.store_password_file else { return Ok(Location::Server(server)) };
        let text = read(path)?;
        Ok(Location::Server(server.with_password(text.lines().next().unwrap_or_default())))
    }
}

impl Common {
    /// Where traces are sent, if anywhere.
    ///
    /// # Errors
    ///
    /// [`CollectorError`].
    pub fn collector(&self) -> Result<Option<Collector>, CollectorError> {
        self.traces.as_ref().map(|address| Collector::new(address, self.traces_share)).transpose()
    }

    /// What is wrong with these settings beyond their form.
    pub(crate) fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if let Err(error) = self.location() {
            let place = match &error {
                ConfigError::Unreadable { .. } => "common.store_password_file",
                _ => "common.store",
            };
            flaws.push(Flaw::of(place, reasons(&error)));
        }
        if self.itinerary_days < retention::KEEP_DAYS_MIN {
            let least = retention::KEEP_DAYS_MIN;
            let why = format_args!("keep the itinerary for {least} days at least: registrations are sent again for ten days");
            flaws.push(Flaw::of("common.itinerary_days", why));
        }
        match self.collector() {
            Ok(_) => {}
            Err(error @ CollectorError::Share) => flaws.push(Flaw::of("common.traces_share", error)),
            Err(error @ CollectorError::Address) => flaws.push(Flaw::of("common.traces", error)),
        }
        for (place, folder) in [("common.keys", &self.keys), ("common.definitions", &self.definitions)] {
            let Some(folder) = folder else { continue };
            if let Err(error) = std::fs::read_dir(folder) {
                flaws.push(Flaw::of(place, format_args!("read the folder {}: {error}", folder.display())));
            }
        }
        flaws
    }
}

impl BrokerSettings {
    /// What is wrong with these settings of a zone beyond their form.
    pub(crate) fn flaws(&self, zone: &str) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        match self.address() {
            Ok(_) => {}
            Err(error @ ConfigError::Unreadable { .. }) => {
                flaws.push(Flaw::of(format!("broker.{zone}.password_file"), reasons(&error)));
            }
            Err(error) => return vec![Flaw::of(format!("broker.{zone}.url"), error)],
        }
        // Without the password, which none of this needs.
        if let Err(error) = broker::check_address(&self.url) {
            flaws.push(Flaw::of(format!("broker.{zone}.url"), error));
        }
        flaws
    }

    /// The address with the password in it, to hand to the client and to nobody else.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the address holds a password already, is no AMQP address, or the password file cannot be read.
    pub fn address(&self) -> Result<String, ConfigError> {
        let (scheme, rest) = self.url.split_once("://").ok_or(ConfigError::Address)?;
        let (user, place) = user_and_place(rest).filter(|_| matches!(scheme, "amqp" | "amqps")).ok_or(ConfigError::Address)?;
        let Some(path) = &self.password_file else { return Ok(self.url.clone()) };
        let text = read(path)?;
        let password: String = text.lines().next().unwrap_or_default().bytes().map(escape).collect();
        Ok(format!("{scheme}://{user}:{password}@{place}"))
    }
}

/// The user of an address without its scheme, and what stands behind the `@`; none unless a user and nothing else stands in front of the host.
/// Who reads the address takes the last `@` there for that, and what is between the first colon and it for the password.
fn user_and_place(rest: &str) -> Option<(&str, &str)> {
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, host) = authority.split_once('@')?;
    let is_alone = !user.is_empty() && !user.contains(':') && !host.contains('@');
    rest.get(user.len() + 1..).filter(|_| is_alone).map(|place| (user, place))
}

/// Whether the name of a parameter is written so that only who reads the address sees what it is.
fn has_hidden_parameter(place: &str) -> bool {
    let (_, parameters) = place.split_once('?').unwrap_or_default();
    parameters.split('&').any(|parameter| parameter.split('=').next().is_some_and(|name| name.contains('%')))
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
        for url in ["amqp://user:secret@broker/hd", "amqp://user@:secret@broker/hd", "amqps://user@other:secret@broker?a=b"] {
            assert!(matches!(settings(url, None).address(), Err(ConfigError::Address)), "{url}");
        }
    }

    /// It would be put before the first `@`, wherever that stands, and end in the name of a file that an error tells.
    #[test]
    fn a_password_is_put_behind_a_user_and_nowhere_else() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s€cret\n").unwrap();
        for url in ["amqps://broker/hd?cacertfile=/tls/hd@2025.pem", "amqps://broker?keyfile=a@b", "amqp://broker#a@b"] {
            let settings = settings(url, Some(file.path().to_path_buf()));
            let flaws: Vec<String> = settings.flaws("hd").iter().map(ToString::to_string).collect();
            assert!(flaws.len() == 1 && flaws[0].starts_with("broker.hd.url: understand"), "{url}: {flaws:?}");
        }
    }

    #[test]
    fn a_password_and_a_certificate_that_are_not_there_are_told_together() {
        let settings = settings("amqps://dhw@broker/hd?cacertfile=/nowhere/ca.pem", Some("/nowhere/password".into()));
        let places: Vec<String> = settings.flaws("hd").into_iter().map(|flaw| flaw.place).collect();
        assert_eq!(places, ["broker.hd.password_file", "broker.hd.url"]);
    }

    fn common(store: &str, password_file: Option<PathBuf>) -> Common {
        Common {
            store: store.to_owned(),
            store_password_file: password_file,
            keys: None,
            definitions: None,
            itinerary_days: keep_days(),
            log: LogForm::default(),
            health: None,
            traces: None,
            traces_share: all_traces(),
        }
    }

    #[test]
    fn a_store_is_a_folder_or_a_database_whose_password_comes_from_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s€cret:@/\nsecond line\n").unwrap();
        assert!(matches!(common("/var/lib/precision", None).location(), Ok(Location::Folder(_))));
        let address = "postgres://hd4res@db:5433/precision?sslmode=verify-full";
        let location = common(address, Some(file.path().to_path_buf())).location().unwrap();
        assert_eq!(format!("{location} {location:?}").matches("cret").count(), 0, "{location:?}");
        assert_eq!(location.to_string(), "postgres://db:5433/precision");
        assert!(matches!(common(address, Some("/nowhere".into())).location(), Err(ConfigError::Unreadable { .. })));
    }

    #[test]
    fn a_password_in_the_stores_address_is_refused_and_not_repeated() {
        for address in [
            "postgres://hd4res:secret@db/precision",
            "postgres://hd4res@:secret@db/precision",
            "postgres://hd4res@db/precision?p%61ssword=secret",
            "postgres://hd4res@db/precision?password=secret",
            "postgres://db/precision",
            "postgres://hd4res@db:port/precision?secret",
        ] {
            let refused = common(address, None).location().unwrap_err();
            assert!(matches!(refused, ConfigError::StoreAddress), "{address}");
            assert!(!format!("{refused:?} {refused}").contains("secret"));
        }
        assert!(matches!(common("/var/lib", Some("/nowhere".into())).location(), Err(ConfigError::StoreAddress)));
    }

    #[test]
    fn an_itinerary_is_kept_for_as_long_as_registrations_are_sent_again() {
        let flaws = |days: u32| {
            let common = Common { itinerary_days: days, ..common("/var/lib/precision", None) };
            common.flaws().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!((flaws(30), flaws(keep_days())), (Vec::new(), Vec::new()));
        let told = flaws(29);
        assert!(told.len() == 1 && told[0].starts_with("common.itinerary_days: keep the itinerary for 30 days"), "{told:?}");
        let common: Common = toml::from_str("store = \"/var/lib/precision\"").unwrap();
        assert_eq!(common.itinerary_days, 3_650);
    }

    #[test]
    fn a_collector_and_its_share_are_looked_at() {
        let flaws = |address: &str, share: f64| {
            let common = Common { traces: Some(address.to_owned()), traces_share: share, ..common("/var/lib/precision", None) };
            common.flaws().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(flaws("http://collector:4318", 0.1), Vec::<String>::new());
        let (address, share) = (flaws("http://user:secret@collector", 1.0), flaws("http://collector:4318", 10.0));
        assert!(address.len() == 1 && address[0].starts_with("common.traces: understand the collector's address"), "{address:?}");
        assert!(!address[0].contains("secret"), "{address:?}");
        assert!(share.len() == 1 && share[0].starts_with("common.traces_share: understand the share"), "{share:?}");
        let common: Common = toml::from_str("store = \"/var/lib/precision\"").unwrap();
        assert_eq!((common.traces, common.traces_share), (None, 1.0));
    }

    #[test]
    fn an_unknown_field_is_named() {
        let error = toml::from_str::<Common>("store = \"/var/lib/precision\"\nkies = \"/etc\"\n").unwrap_err();
        assert!(error.to_string().contains("kies"), "{error}");
    }
}
