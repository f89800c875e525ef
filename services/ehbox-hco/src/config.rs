//! Settings of a hospital's messaging client when it runs by itself.

use host::{
    Settings,
    config::{BrokerSettings, Common},
};
use serde::Deserialize;
use topology::{Actor, Nihdi};

/// The configuration file of `ehbox-hco`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The hospital's number at NIHDI: 8 digits.
    pub nihdi: Nihdi,
    /// Store, keys and log.
    pub common: Common,
    /// The brokers that it connects to.
    pub broker: Brokers,
}

/// The two brokers between which the client stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brokers {
    /// Of the hospital's own zone.
    pub hospital: BrokerSettings,
    /// Of eHealth's zone.
    pub ehealth: BrokerSettings,
}

impl Settings for Config {
    const ACTOR: Actor = Actor::EhboxHco;
    const SAMPLE: &'static str = include_str!("../../../deploy/config/ehbox-hco-00000196.toml");
    const HAS_KEYS: bool = true;
    const KNOWS_REGISTERS: bool = false;

    fn common(&self) -> &Common {
        &self.common
    }

    fn brokers(&self) -> Vec<(&'static str, &BrokerSettings)> {
        vec![("hospital", &self.broker.hospital), ("ehealth", &self.broker.ehealth)]
    }

    fn nihdi(&self) -> Option<&Nihdi> {
        Some(&self.nihdi)
    }
}
