//! Settings of healthdata's messaging client when it runs by itself.

use host::{
    Settings,
    config::{BrokerSettings, Common},
};
use serde::Deserialize;
use topology::Actor;

/// The configuration file of `ehbox-hd`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Store, keys, definitions and log.
    pub common: Common,
    /// The brokers that it connects to.
    pub broker: Brokers,
}

/// The two brokers between which the client stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brokers {
    /// Of eHealth's zone.
    pub ehealth: BrokerSettings,
    /// Of healthdata's zone.
    pub hd: BrokerSettings,
}

impl Settings for Config {
    const ACTOR: Actor = Actor::EhboxHd;
    const SAMPLE: &'static str = include_str!("../../../deploy/config/ehbox-hd.toml");
    const HAS_KEYS: bool = true;
    const KNOWS_REGISTERS: bool = true;

    fn common(&self) -> &Common {
        &self.common
    }

    fn brokers(&self) -> Vec<(&'static str, &BrokerSettings)> {
        vec![("ehealth", &self.broker.ehealth), ("hd", &self.broker.hd)]
    }
}
