//! Settings of the warehouse when it runs by itself.

use host::config::{BrokerSettings, Common};
use serde::Deserialize;

/// The configuration file of `dhw`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Store, definitions and log.
    pub common: Common,
    /// The broker of healthdata's zone.
    pub broker: BrokerSettings,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"
        [common]
        store = "/var/lib/precision"
        log = "json"

        [broker]
        url = "amqp://dhw@broker.hd:5672/hd"
        password_file = "/run/secrets/dhw"
    "#;

    #[test]
    fn a_complete_configuration_is_read() {
        let config: Config = toml::from_str(SAMPLE).unwrap();
        assert_eq!(config.common.store.to_str(), Some("/var/lib/precision"));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let error = toml::from_str::<Config>(&format!("{SAMPLE}\nprefetsch = 3")).unwrap_err();
        assert!(error.to_string().contains("prefetsch"), "{error}");
    }
}
