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

use super::{
    record::Recording,
    session::{Prepared, Wanted, places},
};
use crate::{
    broker_choice::BrokerChoice,
    cli::{Ended, Place, hospital},
    installation::Tuning,
    output,
    own_part::{LeftOut, Service, instructions},
    site,
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
    /// Let operators switch faults on and off while the services run (`precision fault`): for tests and demonstrations, never where real data go
    #[arg(long)]
    pub faults: bool,
    /// Where the flow lives; the store is precision-store by default
    #[command(flatten)]
    pub place: Place,
    /// Service that a part of your own stands in for, over RabbitMQ: its queues are there, and it is not started. Also one hospital's, as
    /// ehbox-hco-00000196; may be given several times
    #[arg(long, value_name = "SERVICE", conflicts_with = "config")]
    pub without: Vec<Service>,
    /// Records what passes sealed into this file, which must not be there yet; `replay` takes it
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Sends OpenTelemetry traces of all services to this collector (OTLP over HTTP), as http://127.0.0.1:4318: a trace for each zone, linked at the borders
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub traces: Option<String>,
    /// Serve the APIs at this port of 127.0.0.1: /hd4dp/NIHDI, /hd4res, /dhw; 0 lets the system choose
    #[arg(long, value_name = "N", requires = "tokens", conflicts_with = "config")]
    pub port: Option<u16>,
    /// Path below which the APIs stand, as /precision
    #[arg(long, value_name = "PATH", conflicts_with = "config", requires = "port")]
    pub base_path: Option<String>,
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
    /// Days for which each party keeps its itinerary, 30 at least.
    #[serde(default = "itinerary_days")]
    pub itinerary_days: u32,
    /// Services that parts of somebody else's stand in for: they are not started, and their queues are there.
    #[serde(default)]
    pub without: Vec<String>,
    /// Collector that OpenTelemetry traces are sent to; nothing is traced when this is missing.
    #[serde(default)]
    pub traces: Option<String>,
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

const fn itinerary_days() -> u32 {
    host::retention::KEEP_DAYS
}

/// Everything that `serve` needs, from the options or the file.
struct Settings {
    hospitals: Vec<Nihdi>,
    broker: BrokerChoice,
    store: Location,
    keys: PathBuf,
    folders: Option<hd4dp::config::Folders>,
    tuning: Tuning,
    left_out: LeftOut,
    traces: Option<String>,
    api: Option<web::Settings>,
}

/// The services that are left out, if parts from outside can reach the broker at all.
fn left_out(services: &[Service], hospitals: &[Nihdi], broker: &BrokerChoice) -> anyhow::Result<LeftOut> {
    let left_out = LeftOut::new(services, hospitals).map_err(anyhow::Error::msg)?;
    anyhow::ensure!(
        left_out.is_empty() || *broker != BrokerChoice::Embedded,
        "leave a service to another part: that needs a RabbitMQ (--broker amqp://…), since nothing from outside reaches the embedded broker"
    );
    Ok(left_out)
}

fn settings(args: &ServeArgs) -> anyhow::Result<Settings> {
    let Some(path) = &args.config else {
        let (store, keys) = places(args.place.store.as_deref(), args.place.keys.as_ref(), Path::new("precision-store"))?;
        let tuning = Tuning { quota: Some(quota()), itinerary_days: Some(itinerary_days()), ..Tuning::default() };
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let api = args.port.zip(args.tokens.clone());
        let api = api.map(|(port, tokens)| web::Settings { address: address(port), base_path: args.base_path.clone(), tokens });
        let folders = args.folders.clone().map(hd4dp::config::Folders::below);
        return Ok(Settings {
            hospitals: args.org.clone(),
            broker: args.place.broker.clone(),
            store,
            keys,
            folders,
            tuning,
            left_out: left_out(&args.without, &args.org, &args.place.broker)?,
            traces: args.traces.clone(),
            api,
        });
    };
    let config: ServeConfig = host::config::load(path)?;
    let least = host::retention::KEEP_DAYS_MIN;
    anyhow::ensure!(config.itinerary_days >= least, "keep the itinerary for {least} days at least (itinerary_days)");
    let parsed = config.hospitals.iter().map(|text| hospital(text).map_err(anyhow::Error::msg));
    let (store, keys) = places(Some(config.store.as_str()), config.keys.as_ref(), Path::new(&config.store))?;
    let hospitals: Vec<Nihdi> = parsed.collect::<anyhow::Result<_>>()?;
    let broker: BrokerChoice = config.broker.parse().map_err(anyhow::Error::msg)?;
    let services = config.without.iter().map(|name| name.parse::<Service>().map_err(anyhow::Error::msg));
    Ok(Settings {
        left_out: left_out(&services.collect::<anyhow::Result<Vec<_>>>()?, &hospitals, &broker)?,
        hospitals,
        broker,
        store,
        keys,
        folders: config.folders,
        tuning: Tuning {
            publication_size: config.publication_size.max(1),
            quota: Some(config.quota_patients_per_day),
            itinerary_days: Some(config.itinerary_days),
            ..Tuning::default()
        },
        traces: config.traces,
        api: config.api,
    })
}

const FAULTS_ARE_ALLOWED: &str = "WARNING: --faults: whoever holds an operator's token can lose, change and forge publications, stop services and set their clocks here. \
                                  This is for tests and demonstrations";

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
        left_out: settings.left_out.clone(),
    };
    // What an operator must mend comes before anything is started.
    let api = match &settings.api {
        Some(api) => Some((api.base_path()?, Arc::new(Tokens::load(&api.tokens)?), web::bind(api.address).await?)),
        None => None,
    };
    let prepared = Prepared::open(&wanted).await?.traced(settings.traces.as_deref(), &wanted)?;
    let mut broker = prepared.broker(&wanted).await?;
    let recording = args.record.as_deref().map(|path| broker.record(path, &settings.hospitals, &settings.keys)).transpose()?;
    let session = match args.faults {
        true => prepared.start_with_faults(wanted, broker).await?,
        false => prepared.start(wanted, broker).await?,
    };
    if args.faults {
        output::complain(FAULTS_ARE_ALLOWED);
    }
    let hospitals: Vec<String> = settings.hospitals.iter().map(ToString::to_string).collect();
    output::complain(format!("serving hospitals {}; store {}; Ctrl-C stops", hospitals.join(", "), settings.store));
    for part in settings.left_out.services() {
        output::complain(instructions(part, &settings.hospitals, &session.naming, &settings.keys));
    }
    let watch = |hd4dp: &Arc<Hd4dp>| settings.folders.as_ref().map(|folders| folders.watched(hd4dp, Language::default()).work());
    let watched = session.installation.hd4dp.iter().filter_map(|(nihdi, hd4dp)| Some((*nihdi, watch(hd4dp)?)));
    let mut works: Vec<(Nihdi, Work)> = watched.collect();
    if let Some(faults) = &session.installation.faults {
        // They stop and die with their service.
        let of_services = std::mem::take(&mut works).into_iter();
        faults.add(of_services.map(|(nihdi, work)| (format!("{}-{nihdi}", hd4dp::SERVICE), work)).collect()).await;
    }
    let works = works.into_iter().map(|(_, work)| work).collect();
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
    recording.map_or(Ok(()), Recording::end)?;
    Ok(Ended::Well)
}
