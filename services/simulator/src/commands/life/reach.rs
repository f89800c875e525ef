//! Where the installation of a command is: a store that no service works on, or services that answer over HTTP.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use clock::SystemClock;
use host::Chance;
use topology::Nihdi;

use super::There;
use crate::{
    broker_choice::BrokerChoice,
    client::{Address, Secrets, SidesPlan, connection::Manner, secrets::Sources},
};

/// Where a running installation answers, and how to answer.
#[derive(Debug, Clone, Args)]
pub struct OverHttp {
    /// Address of a running installation (`precision serve --port`) or of one of its services; may be given several times. Without it (and
    /// without a store), PRECISION_AT has it
    #[arg(long, value_name = "URL")]
    at: Vec<String>,
    /// File with the secrets of your tokens (`precision token new --keep`), or with one secret alone; yours to read only. Without it,
    /// PRECISION_TOKEN_FILE names the file or PRECISION_TOKEN holds the secret; an argument would show it to every user of the machine
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Also speak http:// to other machines, where everybody on the way reads the secret and the answers
    #[arg(long)]
    plain_http: bool,
    /// Seconds to wait for a flow in which nothing moves, or for a service that does not answer any more
    #[arg(long, default_value_t = 60, value_name = "S")]
    timeout: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Where the installation is, and how to answer.
#[derive(Debug, Clone, Args)]
pub struct Reach {
    /// Folder of the stores, as `run` or `serve` left it, or the address of their PostgreSQL database; no service may work on it
    #[arg(long, value_name = "DIR|postgres://…", conflicts_with_all = ["at", "token_file", "plain_http"])]
    store: Option<String>,
    /// Folder of the keys; `keys` in the store's folder by default
    #[arg(long, value_name = "DIR", requires = "store")]
    keys: Option<PathBuf>,
    /// Of a store: `embedded`, or the address of a RabbitMQ
    #[arg(long, default_value = "embedded", value_name = "embedded|amqp://…", conflicts_with = "at")]
    broker: BrokerChoice,
    /// Services that answer
    #[command(flatten)]
    pub over: OverHttp,
}

/// Which way leads to it.
pub enum Way {
    /// Over its store.
    Store(There),
    /// Over its APIs.
    Http(SidesPlan),
}

/// Addresses in PRECISION_AT stand between blanks.
const AT_VARIABLE: &str = "PRECISION_AT";

const NO_WAY: &str = "find the installation: --store names its stores, or --at the address where its services answer";

impl Reach {
    /// The folder of the keys, where it was named.
    #[must_use]
    pub fn keys(&self) -> Option<PathBuf> {
        self.keys.clone()
    }

    /// The broker of a store.
    #[must_use]
    pub const fn broker(&self) -> &BrokerChoice {
        &self.broker
    }

    /// The way to the installation. What was typed counts more than the environment.
    ///
    /// # Errors
    ///
    /// No way is given, or the addresses or the secrets cannot be used.
    pub fn way(&self, org: Option<Nihdi>) -> anyhow::Result<Way> {
        if let Some(store) = &self.store {
            let Self { keys, broker, over: OverHttp { timeout, json, .. }, .. } = self.clone();
            return Ok(Way::Store(There { store: store.clone(), keys, broker, timeout, json }));
        }
        Ok(Way::Http(self.over.plan(org)?))
    }
}

impl OverHttp {
    /// What a caller has. What was typed counts more than the environment.
    ///
    /// # Errors
    ///
    /// No address is given, or the addresses or the secrets cannot be used.
    pub fn plan(&self, org: Option<Nihdi>) -> anyhow::Result<SidesPlan> {
        let Self { at, token_file, timeout, plain_http, .. } = self;
        Calling { at, token_file: token_file.as_ref(), timeout: *timeout, plain_http: *plain_http }.plan(org, NO_WAY)
    }
}

/// What is typed to call services over HTTP.
pub struct Calling<'a> {
    /// `--at`.
    pub at: &'a [String],
    /// `--token-file`.
    pub token_file: Option<&'a PathBuf>,
    /// `--timeout`.
    pub timeout: u64,
    /// `--plain-http`.
    pub plain_http: bool,
}

impl Calling<'_> {
    /// A caller's plan, with what the environment adds; `no_way` is said where nothing names a place.
    ///
    /// # Errors
    ///
    /// No way is given, or the addresses or the secrets cannot be used.
    pub fn plan(&self, org: Option<Nihdi>, no_way: &'static str) -> anyhow::Result<SidesPlan> {
        let of_environment = std::env::var(AT_VARIABLE).unwrap_or_default();
        let of_environment = of_environment.split_whitespace().map(str::to_owned);
        let given: Vec<String> = if self.at.is_empty() { of_environment.collect() } else { self.at.to_vec() };
        let addresses = given.iter().map(|text| text.parse::<Address>()).collect::<Result<Vec<_>, _>>()?;
        let sources = Sources {
            file: self.token_file.cloned(),
            file_variable: std::env::var_os("PRECISION_TOKEN_FILE").map(PathBuf::from),
            variable: std::env::var("PRECISION_TOKEN").ok(),
        };
        // Who named neither a place nor a file in which one may stand has not thought of HTTP at all.
        anyhow::ensure!(!addresses.is_empty() || sources.has_file(), no_way);
        let secrets = Secrets::find(&sources)?;
        anyhow::ensure!(!addresses.is_empty() || secrets.iter().any(|held| held.at.is_some()), no_way);
        let manner = Manner {
            clock: Arc::new(SystemClock),
            chance: Arc::new(Chance::from_system().context("draw randomness")?),
            patience: Duration::from_secs(self.timeout.max(1)),
            is_plain_allowed: self.plain_http,
        };
        Ok(SidesPlan { secrets, addresses, org, manner })
    }
}
