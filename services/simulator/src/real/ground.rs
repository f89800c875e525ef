//! What all scenarios of one call share: the broker, and how it is stopped; keys, rows, and a folder for everything that is written.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use broker::RabbitBroker;
use clap::ValueEnum;
use clock::SystemClock;
use tempfile::TempDir;
use tokio::process::Command;
use topology::{Naming, Nihdi};

use crate::{
    keys::AllKeys,
    proxy::{Mode, Quality},
    simulation::{Laboratory, Service, laboratory},
};

/// The address of a RabbitMQ, as its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// User and password with the `@` behind them, or nothing.
    login: String,
    /// Host and port.
    host: String,
    /// The virtual host, with the `/` before it, or nothing.
    vhost: String,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text may hold a password, so it is not repeated.
        let form = || "expected an address such as amqp://user:password@host:5672/%2f".to_owned();
        if text.starts_with("amqps://") {
            return Err("expected amqp://: the lines on which things go wrong read what passes, so they know no TLS".to_owned());
        }
        let rest = text.strip_prefix("amqp://").ok_or_else(form)?;
        let (authority, vhost) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (login, host) = match authority.rfind('@') {
            Some(at) => authority.split_at(at + 1),
            None => ("", authority),
        };
        if host.is_empty() || host.starts_with(':') || vhost.contains('?') {
            return Err(form());
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:5672") };
        Ok(Self { login: login.to_owned(), host, vhost: vhost.to_owned() })
    }
}

impl Address {
    /// Host and port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The whole address.
    #[must_use]
    pub fn url(&self) -> String {
        self.through(&self.host)
    }

    /// The same broker through a line that ends at `near`.
    #[must_use]
    pub fn through(&self, near: impl std::fmt::Display) -> String {
        format!("amqp://{}{near}{}", self.login, self.vhost)
    }
}

/// How a broker is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Away {
    /// Connections are reset, and new ones are refused
    #[default]
    Refused,
    /// Connections stand and nobody answers, as behind a firewall that forgot them
    Silent,
}

impl Away {
    pub(super) const fn mode(self) -> Mode {
        match self {
            Self::Refused => Mode::Refusing,
            Self::Silent => Mode::Silent,
        }
    }
}

/// How the broker itself is stopped and started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// What a shell stops it with.
    pub stop: String,
    /// What a shell starts it with.
    pub start: String,
}

/// What the person at the terminal chose.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The broker.
    pub address: Address,
    /// How it is stopped, when it may be.
    pub control: Option<Control>,
    /// How it is away, when it is not stopped.
    pub away: Away,
    /// How good the lines to it are.
    pub quality: Quality,
    /// The program that plays the services: this one.
    pub program: PathBuf,
}

/// What all scenarios share.
pub struct Ground {
    pub(super) wanted: Wanted,
    pub(super) laboratory: Arc<Laboratory>,
    pub(super) hospitals: Vec<Nihdi>,
    folder: TempDir,
    /// Counts scenarios, so that each has a folder of its own.
    begun: AtomicU64,
    is_interrupted: Arc<AtomicBool>,
}

/// The folder of all keys.
const KEYS: &str = "keys";

impl Ground {
    /// Makes keys and rows in a folder that is gone with this.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn new(wanted: Wanted) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("precision-replay-").tempdir().context("make a folder")?;
        let hospitals: Vec<Nihdi> = laboratory::hospitals()?.into_values().collect();
        let keys = AllKeys::open_or_create(&folder.path().join(KEYS), &hospitals)?;
        let laboratory = Arc::new(Laboratory::under(keys)?);
        Ok(Self { wanted, laboratory, hospitals, folder, begun: AtomicU64::new(0), is_interrupted: Arc::default() })
    }

    /// Looks whether the broker is there at all, before anything is run, and listens for Ctrl-C: then the scenario that runs ends, and what it made on
    /// the broker is deleted.
    ///
    /// # Errors
    ///
    /// What the broker says.
    pub async fn open(&self) -> anyhow::Result<()> {
        let address = self.wanted.address.url();
        let broker = RabbitBroker::connect(&address, Naming::default(), Arc::new(SystemClock)).await;
        broker.context("reach the broker")?.close().await;
        let is_interrupted = Arc::clone(&self.is_interrupted);
        tokio::spawn(async move {
            host::process::told_to_stop().await;
            is_interrupted.store(true, Ordering::Relaxed);
        });
        Ok(())
    }

    /// Whether somebody wants all of it to end.
    pub fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
    }

    /// A folder for one scenario, with keys of its own that may be renewed.
    pub(super) fn place(&self) -> anyhow::Result<Place> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(number.to_string());
        fs::create_dir_all(&folder).context("make a folder")?;
        copy(&self.folder.path().join(KEYS), &folder.join(KEYS)).context("copy the keys")?;
        Ok(Place { folder })
    }

    /// Runs a command that stops or starts the broker.
    pub(super) async fn control(&self, command: &str) -> anyhow::Result<()> {
        let running = Command::new("sh").args(["-c", command]).kill_on_drop(true).output();
        let output = clock::timeout(&SystemClock, CONTROL_DEADLINE, running).await;
        let output = output.with_context(|| format!("run `{command}`"))??;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "run `{command}`: it ended with {}: {}", output.status, said.trim());
        Ok(())
    }
}

/// A RabbitMQ stops within seconds and starts within a minute.
const CONTROL_DEADLINE: Duration = Duration::from_secs(180);

/// Copies a folder with the rights of its files: keys that others may read are refused.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The folder of one scenario.
pub(super) struct Place {
    folder: PathBuf,
}

impl Drop for Place {
    /// Whatever stays goes with the folder of all.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    pub(super) fn keys(&self) -> PathBuf {
        self.folder.join(KEYS)
    }

    /// The folder of one service's store, by the service's name. A folder is locked by the process that works in it.
    pub(super) fn store_of(&self, service: &str) -> PathBuf {
        self.folder.join("stores").join(service)
    }

    /// The folder with the keys of one service, and of nobody else.
    pub(super) fn keys_of(&self, service: Service) -> anyhow::Result<PathBuf> {
        let own = self.folder.join("mounted").join(service.name());
        if !own.is_dir() {
            fs::create_dir_all(&own)?;
            for mounted in ["public".to_owned(), service.name()] {
                let there = self.keys().join(&mounted);
                if there.is_dir() {
                    symlink(there, own.join(mounted))?;
                }
            }
        }
        Ok(own)
    }

    /// Writes a file that a hospital's source system brings.
    pub(super) fn bring(&self, number: u64, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join("files").join(number.to_string());
        fs::create_dir_all(&folder)?;
        let file = folder.join("rows.csv");
        fs::write(&file, bytes)?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_and_put_together() {
        for (text, host, through) in [
            ("amqp://guest:p%40ss@broker:5673/%2f", "broker:5673", "amqp://guest:p%40ss@127.0.0.1:9/%2f"),
            ("amqp://broker", "broker:5672", "amqp://127.0.0.1:9"),
            ("amqp://u@[::1]:5672/v", "[::1]:5672", "amqp://u@127.0.0.1:9/v"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host(), address.through("127.0.0.1:9").as_str()), (host, through));
        }
        for text in ["", "http://broker", "amqp://", "amqp://user:secret@", "amqp://user:secret@:5672", "amqps://user:secret@h"] {
            let refused = text.parse::<Address>().unwrap_err();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
