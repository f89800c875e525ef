//! Settings of the TTP when it runs by itself.

use host::{
    Settings,
    config::{BrokerSettings, Common},
};
use serde::Deserialize;
use store::Company;
use topology::Actor;

use crate::quota;

/// The configuration file of `ehealth-ttp`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Store, keys and log.
    pub common: Common,
    /// The brokers that it connects to.
    pub broker: Brokers,
    /// How much a hospital may ask.
    #[serde(default)]
    pub quota: Quota,
}

/// The brokers that the TTP connects to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brokers {
    /// Of eHealth's zone.
    pub ehealth: BrokerSettings,
}

/// How much a hospital may ask. The TTP turns numbers into pseudonyms, so whoever may ask without bound can ask for all of them.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Distinct patients that one hospital may send on one day; what is above is set aside as a dead letter, still sealed.
    pub patients_per_day: u32,
}

impl Default for Quota {
    fn default() -> Self {
        Self { patients_per_day: quota::DEFAULT_LIMIT }
    }
}

impl Settings for Config {
    const ACTOR: Actor = Actor::EhealthTtp;
    const SAMPLE: &'static str = include_str!("../../../deploy/config/ehealth-ttp.toml");
    const COMPANY: Company = Company::Alike;
    const HAS_KEYS: bool = true;
    const KNOWS_REGISTERS: bool = false;

    fn common(&self) -> &Common {
        &self.common
    }

    fn brokers(&self) -> Vec<(&'static str, &BrokerSettings)> {
        vec![("ehealth", &self.broker.ehealth)]
    }
}
