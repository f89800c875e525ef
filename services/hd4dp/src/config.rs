//! Settings of a hospital's HD4DP when it runs by itself.

use std::path::PathBuf;

use dcd::Language;
use host::{
    Settings,
    config::{BrokerSettings, Common},
};
use serde::{Deserialize, Deserializer, de};
use topology::{Actor, Nihdi};

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
    /// How registrations are handed over.
    #[serde(default)]
    pub sending: Sending,
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
        Self { publication_size: 500, window: 8_000 }
    }
}

impl Settings for Config {
    const ACTOR: Actor = Actor::Hd4dp;
    const HAS_KEYS: bool = true;
    const KNOWS_REGISTERS: bool = true;

    fn common(&self) -> &Common {
        &self.common
    }

    fn nihdi(&self) -> Option<&Nihdi> {
        Some(&self.nihdi)
    }
}

fn language<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Language, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(|_| de::Error::custom("expected en, nl or fr"))
}
