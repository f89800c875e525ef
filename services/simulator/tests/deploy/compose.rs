//! docker-compose.yml, as far as it is looked at.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::read;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compose {
    #[serde(rename = "x-service")]
    _service: serde::de::IgnoredAny,
    #[serde(rename = "x-caller")]
    _caller: serde::de::IgnoredAny,
    #[serde(rename = "x-database")]
    _database: serde::de::IgnoredAny,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) networks: BTreeMap<String, Network>,
    pub(crate) volumes: BTreeMap<String, Option<Value>>,
}

#[derive(Deserialize)]
pub(crate) struct Service {
    pub(crate) image: String,
    pub(crate) build: Option<Value>,
    #[serde(default)]
    pub(crate) command: Vec<String>,
    #[serde(default)]
    pub(crate) entrypoint: Vec<String>,
    #[serde(default)]
    pub(crate) profiles: Vec<String>,
    pub(crate) networks: Option<Networks>,
    pub(crate) network_mode: Option<String>,
    #[serde(default)]
    pub(crate) volumes: Vec<String>,
    #[serde(default)]
    pub(crate) ports: Vec<String>,
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) healthcheck: Option<HealthCheck>,
    #[serde(default)]
    pub(crate) depends_on: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) read_only: bool,
    #[serde(default)]
    pub(crate) cap_drop: Vec<String>,
    #[serde(default)]
    pub(crate) security_opt: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct HealthCheck {
    pub(crate) test: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Networks {
    Plain(Vec<String>),
    WithAliases(BTreeMap<String, BTreeMap<String, Vec<String>>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    #[serde(default)]
    pub(crate) internal: bool,
    #[serde(default)]
    pub(crate) driver_opts: BTreeMap<String, String>,
}

impl Compose {
    pub(crate) fn read() -> Result<Self> {
        serde_saphyr::from_str(&read("docker-compose.yml")?).context("understand docker-compose.yml")
    }

    pub(crate) fn service(&self, name: &str) -> Result<&Service> {
        self.services.get(name).with_context(|| format!("docker-compose.yml has no service {name}"))
    }

    /// What is mounted, of the machine's files and of the volumes.
    pub(crate) fn mounted(&self) -> impl Iterator<Item = &str> {
        self.services.values().flat_map(|service| &service.volumes).filter_map(|mount| mount.split(':').next())
    }

    /// The name by which a server is known in a network.
    pub(crate) fn name_in(&self, service: &str, network: &str) -> Result<&str> {
        let Some(Networks::WithAliases(networks)) = &self.service(service)?.networks else {
            bail!("{service} has no names in its networks");
        };
        let aliases = networks.get(network).and_then(|network| network.get("aliases"));
        let name = aliases.and_then(|aliases| aliases.first());
        name.map(String::as_str).with_context(|| format!("{service} has no name in {network}"))
    }
}

impl Service {
    pub(crate) fn networks(&self) -> BTreeSet<&str> {
        match &self.networks {
            None => BTreeSet::new(),
            Some(Networks::Plain(names)) => names.iter().map(String::as_str).collect(),
            Some(Networks::WithAliases(networks)) => networks.keys().map(String::as_str).collect(),
        }
    }

    /// What has to be there before it is started, and how much so.
    pub(crate) fn needs(&self) -> Result<BTreeMap<String, &str>> {
        let needs = self.depends_on.iter().map(|(name, needed)| {
            let condition = needed.get("condition").with_context(|| format!("{name} is not waited for"))?;
            Ok((name.clone(), condition.as_str()))
        });
        needs.collect()
    }

    /// How it is asked whether it is healthy.
    pub(crate) fn asks(&self) -> Result<&[String]> {
        Ok(&self.healthcheck.as_ref().context("no health check")?.test)
    }

    /// The program and the configuration file that it is given.
    pub(crate) fn program(&self) -> Result<(&str, &str)> {
        match self.command.as_slice() {
            [program, option, file] if option == "--config" => Ok((program, file)),
            other => bail!("expected a program with --config and a file, found {other:?}"),
        }
    }
}
