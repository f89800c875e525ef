//! `precision serve`: all services until interrupted.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use dcd::{Definitions, Language};
use futures_util::{FutureExt, future};
use hd4dp::Hd4dp;
use host::Work;
use serde::Deserialize;
use store::Location;
use topology::Nihdi;
use web::Tokens;

use super::session::{Prepared, Wanted, places};
use crate::{
    broker_choice::BrokerChoice,
    cli::{Ended, Place, hospital},
    installation::Tuning,
    output, site,
};

/// What `serve` takes.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration file (TOML) with hospitals, broker, store and keys; replaces the other options
    #[arg(long, value_name = "FILE", conflicts_with = "org")]
    pub config: Option<PathBuf>,
    /// The hospitals' NIHDI numbers
    #[arg(long, value_name = "NIHDI", num_args = 1.., required_unless_present = "config", value_parser = hospital)]
    pub org: Vec<Nihdi>,
    /// Folder for the hospitals' files: below it, NIHDI/REGISTER/provisioning and fast-track are made and emptied once a minute
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub folders: Option<PathBuf>,
    /// Where the flow lives; the store is precision-store by default
    #[command(flatten)]
    pub place: Place,
    /// Serve the APIs at this port of 127.0.0.1: /hd4dp/NIHDI, /hd4res, /dhw; 0 lets the system choose
    #[arg(long, value_name = "N", requires = "tokens", conflicts_with = "config")]
    pub port: Option<u16>,
    /// File with the callers' tokens (see `precision token new`), which only its owner may read
    #[arg(long, value_name = "FILE", requires = "port")]
    pub tokens: Option<PathBuf>,
}

/// The configuration file of `serve`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServeConfig {
    /// The hospitals' NIHDI numbers.
    pub hospitals: Vec<String>,
    /// `embedded` or an AMQP address.
    #[serde(default = "embedded")]
    pub broker: String,
    /// Folder of the stores, or the address of a PostgreSQL database.
    pub store: String,
    /// Folder of the keys; `keys` in the store's folder by default.
    #[serde(default)]
    pub keys: Option<PathBuf>,
    /// Folders that the hospitals' files are taken from; none when left out.
    #[serde(default)]
    pub folders: Option<hd4dp::config::Folders>,
    /// Registrations of a publication at most.
    #[serde(default = "publication_size")]
    pub publication_size: usize,
    /// Distinct patients per hospital and day at the TTP.
    #[serde(default = "quota")]
    pub quota_patients_per_day: u32,
    /// The APIs over HTTP; none are served when this is missing.
    #[serde(default)]
    pub api: Option<web::Settings>,
}

fn embedded() -> String {
    "embedded".to_owned()
}

fn publication_size() -> usize {
    Tuning::default().publication_size
}

const fn quota() -> u32 {
    ehealth_ttp::quota::DEFAULT_LIMIT
}

/// Everything that `serve` needs, from the options or the file.
struct Settings {
    hospitals: Vec<Nihdi>,
    broker: BrokerChoice,
    store: Location,
    keys: PathBuf,
    folders: Option<hd4dp::config::Folders>,
    tuning: Tuning,
    api: Option<web::Settings>,
}

fn settings(args: &ServeArgs) -> anyhow::Result<Settings> {
    let Some(path) = &args.config else {
        let (store, keys) = places(args.place.store.as_deref(), args.place.keys.as_ref(), Path::new("precision-store"))?;
        let tuning = Tuning { quota: Some(quota()), ..Tuning::default() };
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let api = args.port.zip(args.tokens.clone());
        let api = api.map(|(port, tokens)| web::Settings { address: address(port), base_path: None, tokens });
        let folders = args.folders.clone().map(hd4dp::config::Folders::below);
        return Ok(Settings {
            hospitals: args.org.clone(),
            broker: args.place.broker.clone(),
            store,
            keys,
            folders,
            tuning,
            api,
        });
    };
    let config: ServeConfig = host::config::load(path)?;
    let parsed = config.hospitals.iter().map(|text| hospital(text).map_err(anyhow::Error::msg));
    let (store, keys) = places(Some(config.store.as_str()), config.keys.as_ref(), Path::new(&config.store))?;
    Ok(Settings {
        hospitals: parsed.collect::<anyhow::Result<_>>()?,
        broker: config.broker.parse().map_err(anyhow::Error::msg)?,
        store,
        keys,
        folders: config.folders,
        tuning: Tuning {
            publication_size: config.publication_size.max(1),
            quota: Some(config.quota_patients_per_day),
            ..Tuning::default()
        },
        api: config.api,
    })
}

/// Runs the command until it is told to stop.
///
/// # Errors
///
/// What keeps the installation from starting.
pub async fn serve(args: ServeArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let settings = settings(&args)?;
    anyhow::ensure!(!settings.hospitals.is_empty(), "start without a hospital");
    let wanted = Wanted {
        hospitals: &settings.hospitals,
        store: &settings.store,
        keys: &settings.keys,
        broker: &settings.broker,
        definitions: Arc::new(definitions),
        tuning: settings.tuning,
    };
    // What an operator must mend comes before anything is started.
    let api = match &settings.api {
        Some(api) => Some((api.base_path()?, Arc::new(Tokens::load(&api.tokens)?), web::bind(api.address).await?)),
        None => None,
    };
    let prepared = Prepared::open(&wanted).await?;
    let broker = prepared.broker(&wanted).await?;
    let session = prepared.start(wanted, broker).await?;
    let hospitals: Vec<String> = settings.hospitals.iter().map(ToString::to_string).collect();
    output::complain(format!("serving hospitals {}; store {}; Ctrl-C stops", hospitals.join(", "), settings.store));
    let watch = |hd4dp: &Arc<Hd4dp>| settings.folders.as_ref().map(|folders| folders.watched(hd4dp, Language::default()).work());
    let works: Vec<Work> = session.installation.hd4dp.values().filter_map(watch).collect();
    let stop = host::process::told_to_stop().boxed().shared();
    let folders = host::supervise(works, Arc::clone(&session.clock), stop.clone());
    if let Some((base_path, tokens, listener)) = api {
        let site = site::open(&session.installation, &tokens, &session.clock, base_path).await?;
        output::complain(format!("APIs at http://{}{base_path}", listener.local_addr()?));
        future::join(folders, web::serve(listener, site.router, Arc::clone(&session.clock), stop.clone())).await;
    } else {
        folders.await;
    }
    session.close(false).await;
    Ok(Ended::Well)
}
