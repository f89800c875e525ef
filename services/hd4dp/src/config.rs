//! Settings of a hospital's HD4DP when it runs by itself.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dcd::Language;
use host::{
    Settings,
    config::{BrokerSettings, Common},
};
use serde::{Deserialize, Deserializer, de};
use topology::{Actor, Nihdi};

use crate::{Hd4dp, folders};

/// The configuration file of `hd4dp`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The hospital's number at NIHDI: 8 digits.
    pub nihdi: Nihdi,
    /// Store, keys, definitions and log.
    pub common: Common,
    /// The brokers that it connects to.
    pub broker: Brokers,
    /// Files that are taken in at start.
    pub uploads: Uploads,
    /// Folders that files are taken from; none when left out.
    #[serde(default)]
    pub folders: Option<Folders>,
    /// How registrations are handed over.
    #[serde(default)]
    pub sending: Sending,
    /// The API over HTTP; none is served when this is missing.
    #[serde(default)]
    pub api: Option<web::Settings>,
}

/// The brokers that HD4DP connects to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brokers {
    /// Of the hospital's own zone.
    pub hospital: BrokerSettings,
}

/// What becomes of uploaded files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploads {
    /// Folder for the success and error report of each file, made when missing.
    pub reports: PathBuf,
    /// Language of the reports: `en`, `nl` or `fr`.
    #[serde(default, deserialize_with = "language")]
    pub language: Language,
}

/// Folders that files are taken from: `<root>/<nihdi>/<register>/provisioning` and `…/fast-track`, made when missing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folders {
    /// What HD4DP calls `FAST_TRACK_DIRECTORY`.
    pub root: PathBuf,
    /// Seconds between two looks; a file is taken when nothing of it changed from one to the next.
    #[serde(default = "a_minute")]
    pub interval_seconds: u32,
}

const fn a_minute() -> u32 {
    60
}

impl Folders {
    /// Folders below `root`, looked at once a minute.
    #[must_use]
    pub const fn below(root: PathBuf) -> Self {
        Self { root, interval_seconds: a_minute() }
    }

    /// The folders of a hospital; what is wrong with a row is told in `language`.
    #[must_use]
    pub fn watched(&self, hd4dp: &Arc<Hd4dp>, language: Language) -> Arc<folders::Folders> {
        let interval = Duration::from_secs(u64::from(self.interval_seconds));
        folders::Folders::new(hd4dp, &self.root, interval, language)
    }
}

/// How registrations are handed over to the messaging client.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sending {
    /// Registrations of a publication at most; 1 to 10,000.
    pub publication_size: usize,
    /// Registrations that may wait for an answer before the next rows are read.
    pub window: u64,
}

impl Default for Sending {
    fn default() -> Self {
        Self { publication_size: 1_000, window: 8_000 }
    }
}

impl Settings for Config {
    const ACTOR: Actor = Actor::Hd4dp;
    const SAMPLE: &'static str = include_str!("../../../deploy/config/hd4dp-00000196.toml");
    const HAS_KEYS: bool = true;
    const KNOWS_REGISTERS: bool = true;
    const HAS_API: bool = true;

    fn base_path(&mut self) -> Option<&mut Option<String>> {
        self.api.as_mut().map(|api| &mut api.base_path)
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn brokers(&self) -> Vec<(&'static str, &BrokerSettings)> {
        vec![("hospital", &self.broker.hospital)]
    }

    fn tokens(&self) -> Option<&Path> {
        self.api.as_ref().map(|api| api.tokens.as_path())
    }

    fn nihdi(&self) -> Option<&Nihdi> {
        Some(&self.nihdi)
    }
}

fn language<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Language, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(|_| de::Error::custom("expected en, nl or fr"))
}
