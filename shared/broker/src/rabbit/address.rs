//! Where a RabbitMQ is, and what TLS to it needs.
//!
//! `amqp://user:password@host:port/vhost`, or `amqps://` for TLS. What TLS needs stands in the address as RabbitMQ's own client has it: `cacertfile`
//! names the authorities that the broker's certificate may come from, and then no others count; `certfile` and `keyfile` are the certificate
//! and the private key to show to a broker that asks for one. All are PEM files, read at every connection, so that what is renewed needs no restart.
//! A broker is never believed unseen: what would switch that off is refused.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use lapin::tcp::{AMQPUriTcpExt as _, RustlsConnector, RustlsConnectorConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use url::Url;

use super::fault;
use crate::BrokerError;

/// An address that was understood.
#[derive(Clone)]
pub(super) struct Address {
    uri: AMQPUri,
    /// None for a connection without TLS.
    files: Option<Files>,
}

/// Why there is no connection.
pub(super) struct Refused {
    pub(super) kind: BrokerError,
    /// In the words of whoever refused, for the log.
    pub(super) reason: String,
}

impl From<lapin::Error> for Refused {
    fn from(error: lapin::Error) -> Self {
        Self { kind: fault::of_connecting(&error), reason: error.to_string() }
    }
}

impl From<BrokerError> for Refused {
    fn from(kind: BrokerError) -> Self {
        Self { reason: kind.to_string(), kind }
    }
}

/// What TLS reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Files {
    /// Without it the authorities count that the system trusts.
    authorities: Option<PathBuf>,
    own: Option<Own>,
}

/// What is shown to a broker that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    certificate: PathBuf,
    key: PathBuf,
}

impl Address {
    /// Understands an address.
    ///
    /// # Errors
    ///
    /// [`BrokerError::InvalidAddress`], also for files of TLS without TLS, half a pair of certificate and key, and an unknown parameter of TLS.
    pub(super) fn parse(address: &str) -> Result<Self, BrokerError> {
        Self::understand(address).ok_or(BrokerError::InvalidAddress)
    }

    fn understand(address: &str) -> Option<Self> {
        let mut url = Url::parse(address).ok()?;
        let pairs: Vec<(String, String)> =
            url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let (mut authorities, mut certificate, mut key) = (None, None, None);
        let (mut others, mut wants_tls) = (Vec::new(), false);
        for (name, value) in pairs {
            let slot = match name.as_str() {
                "cacertfile" => &mut authorities,
                "certfile" => &mut certificate,
                "keyfile" => &mut key,
                // A broker is looked at, whatever the address says; and it has the name that the address gives it.
                "verify" if value == "verify_peer" => {
                    wants_tls = true;
                    continue;
                }
                "verify" | "server_name_indication" | "password" | "depth" | "fail_if_no_peer_cert" => return None,
                _ => {
                    others.push((name, value));
                    continue;
                }
            };
            if value.is_empty() || slot.replace(PathBuf::from(value)).is_some() {
                return None;
            }
        }
        url.set_query(None);
        if !others.is_empty() {
            url.query_pairs_mut().extend_pairs(others);
        }
        let own = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Own { certificate, key }),
            (None, None) => None,
            _ => return None,
        };
        let files = Files { authorities, own };
        let uri: AMQPUri = url.as_str().parse().ok()?;
        let files = match uri.scheme {
            AMQPScheme::AMQPS => Some(files),
            AMQPScheme::AMQP if files == Files::default() && !wants_tls => None,
            AMQPScheme::AMQP => return None,
        };
        Some(Self { uri, files })
    }

    /// Sets how long the connection may be silent, in seconds, and the largest frame, in bytes, where the address does not say.
    pub(super) fn with_defaults(mut self, heartbeat_s: u16, frame_max: u32) -> Self {
        self.uri.query.heartbeat.get_or_insert(heartbeat_s);
        self.uri.query.frame_max.get_or_insert(frame_max);
        self
    }

    /// Makes a connection.
    ///
    /// # Errors
    ///
    /// [`BrokerError::Unavailable`], [`BrokerError::AccessRefused`]; [`BrokerError::Certificate`] when a file of TLS cannot be used, and
    /// [`BrokerError::Untrusted`] when the broker's certificate cannot be believed. Each with what the client library said.
    pub(super) async fn connect(&self, properties: ConnectionProperties) -> Result<Connection, Refused> {
        let Some(files) = &self.files else {
            return Ok(Connection::connect_uri(self.uri.clone(), properties).await?);
        };
        let connector = files.connector()?;
        let runtime = lapin::runtime::default_runtime()?;
        // The library's own way would believe the system's authorities beside those of the address.
        let connecting = Connection::connector(
            self.uri.clone(),
            runtime,
            async move |uri, runtime| {
                let host = uri.authority.host.clone();
                let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri };
                let stream = plain.connect_async(&runtime).await?;
                Ok(stream.into_rustls(&connector, &host).await?)
            },
            properties,
        );
        Ok(connecting.await?)
    }
}

/// Looks whether an address can be used, without a connection.
///
/// # Errors
///
/// [`BrokerError::InvalidAddress`]; [`BrokerError::Certificate`] when a file of TLS cannot be used.
pub fn check_address(address: &str) -> Result<(), BrokerError> {
    Address::parse(address)?.files.map_or(Ok(()), |files| files.connector().map(drop))
}

impl Files {
    fn connector(&self) -> Result<RustlsConnector, BrokerError> {
        let config = match &self.authorities {
            Some(file) => RustlsConnectorConfig::default().with_parsable_certificates(certificates(file)?),
            None => {
                RustlsConnectorConfig::new_with_native_certs().map_err(|error| unusable("the system's authorities", &error))?
            }
        };
        let Some(Own { certificate, key }) = &self.own else {
            return config.connector_with_no_client_auth().map_err(|error| unusable("the authorities", &error));
        };
        let made = config.connector_with_single_cert(certificates(certificate)?, private_key(key)?);
        made.map_err(|error| unusable(&format!("{} and its key", certificate.display()), &error))
    }
}

fn unusable(file: &str, reason: &dyn std::fmt::Display) -> BrokerError {
    BrokerError::Certificate { file: file.to_owned(), reason: reason.to_string() }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, BrokerError> {
    let failed = |reason: &dyn std::fmt::Display| unusable(&file.display().to_string(), reason);
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| failed(&error))?;
    if found.is_empty() { Err(failed(&"there is no certificate in it")) } else { Ok(found) }
}

/// A private key that only its owner may read.
fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, BrokerError> {
    let failed = |reason: &dyn std::fmt::Display| unusable(&file.display().to_string(), reason);
    let mut opened = File::open(file).map_err(|error| failed(&error))?;
    #[cfg(unix)]
    {
        let mode = opened.metadata().map(|metadata| std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()));
        if mode.map_err(|error| failed(&error))? & 0o077 != 0 {
            return Err(failed(&"group or others may read this private key; chmod 600 it"));
        }
    }
    let mut text = Vec::new();
    opened.read_to_end(&mut text).map_err(|error| failed(&error))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(address: &str) -> Option<Option<Files>> {
        Address::understand(address).map(|address| address.files)
    }

    #[test]
    fn what_tls_needs_stands_in_the_address() {
        assert_eq!(files("amqp://u:p@h:5672/v"), Some(None));
        assert_eq!(files("amqps://u:p@h/v?heartbeat=5"), Some(Some(Files::default())));
        let all = Address::understand(
            "amqps://u:p@h/v?cacertfile=/a%20b/ca.pem&heartbeat=7&verify=verify_peer&certfile=c.pem&keyfile=k.pem",
        );
        let Address { uri, files } = all.unwrap();
        let own = Some(Own { certificate: "c.pem".into(), key: "k.pem".into() });
        assert_eq!(files, Some(Files { authorities: Some("/a b/ca.pem".into()), own }));
        assert_eq!((uri.query.heartbeat, uri.authority.port, uri.vhost.as_str()), (Some(7), 5671, "v"));
    }

    #[test]
    fn what_the_address_says_counts_more_than_what_is_usual() {
        let query = |address: &str| {
            let query = Address::understand(address).unwrap().with_defaults(10, 32_768).uri.query;
            (query.heartbeat, query.frame_max)
        };
        assert_eq!(query("amqp://u:p@h/v"), (Some(10), Some(32_768)));
        assert_eq!(query("amqps://u:p@h/v?frame_max=131072&heartbeat=7"), (Some(7), Some(131_072)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for address in [
            "amqp://u:p@h/v?cacertfile=ca.pem",
            "amqps://u:p@h/v?certfile=c.pem",
            "amqps://u:p@h/v?keyfile=k.pem",
            "amqps://u:p@h/v?cacertfile=",
            "amqps://u:p@h/v?cacertfile=a&cacertfile=b",
            "amqp://u:p@h/v?verify=verify_peer",
            "amqps://u:p@h/v?verify=verify_none",
            "amqps://u:p@h/v?server_name_indication=disable",
        ] {
            assert_eq!(files(address), None, "{address}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, empty, open) =
            (folder.path().join("no.pem"), folder.path().join("empty.pem"), folder.path().join("open.key"));
        std::fs::write(&empty, "nothing").unwrap();
        std::fs::write(&open, "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n").unwrap();
        std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        for (outcome, file, reason) in [
            (certificates(&missing).map(drop), "no.pem", "No such file"),
            (certificates(&empty).map(drop), "empty.pem", "no certificate"),
            (private_key(&open).map(drop), "open.key", "chmod 600"),
            (private_key(&missing).map(drop), "no.pem", "No such file"),
        ] {
            let said = outcome.unwrap_err().to_string();
            assert!(said.contains(file) && said.contains(reason), "{said}");
        }
    }
}
