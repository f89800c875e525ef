//! Settings of the data warehouse when it runs by itself.

use std::path::Path;

use host::{
    Settings,
    config::{BrokerSettings, Common},
};
use serde::Deserialize;
use topology::Actor;

/// The configuration file of `dhw`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Store, definitions and log.
    pub common: Common,
    /// The brokers that it connects to.
    pub broker: Brokers,
    /// The API over HTTP; none is served when this is missing.
    #[serde(default)]
    pub api: Option<web::Settings>,
}

/// The brokers that the data warehouse connects to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brokers {
    /// Of healthdata's zone.
    pub hd: BrokerSettings,
}

impl Settings for Config {
    const ACTOR: Actor = Actor::Dhw;
    const SAMPLE: &'static str = include_str!("../../../deploy/config/dhw.toml");
    const HAS_KEYS: bool = false;
    const KNOWS_REGISTERS: bool = true;
    const HAS_API: bool = true;

    fn base_path(&mut self) -> Option<&mut Option<String>> {
        self.api.as_mut().map(|api| &mut api.base_path)
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn brokers(&self) -> Vec<(&'static str, &BrokerSettings)> {
        vec![("hd", &self.broker.hd)]
    }

    fn tokens(&self) -> Option<&Path> {
        self.api.as_ref().map(|api| api.tokens.as_path())
    }
}
