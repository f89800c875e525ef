//! A service as a process of its own: what the programs of the six services share.
//!
//! [`main`] reads the configuration, takes the lock of the store, lets the service put itself together, and runs it until the process
//! is told to stop. What keeps a service from starting is for an operator to mend, and ends the process with exit status 2; what passes
//! by itself, such as a broker that is not up yet, is waited for.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use broker::{Broker, BrokerError, RabbitBroker};
use clap::{Arg, ArgAction, Args, Command, value_parser};
use clock::{Clock as _, SystemClock};
use envelope::{NameError, Source};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, join, join_all},
};
use serde::de::DeserializeOwned;
use store::{Company, Database, Location, StoreError, StoreLock};
use tokio::{net::TcpListener, task::JoinHandle};
use topology::{Actor, Naming, Nihdi, Topology, User, Vhost};
use traces::{Borders, Owner, Traces};

use crate::{
    Backoff, Chance, Context, Metrics, Work,
    config::{self, BrokerSettings, Common},
    environment::{self, Variables},
    flaw::{self, Flaw, Flaws},
    health::{self, Health},
    logging::{self, LogForm},
    process, supervise,
};

mod ask;

/// Exit status of a service that cannot start.
const CANNOT_START: u8 = 2;

/// Between two looks whether the store is still this process's.
const LOOK_FOR_STORE_EVERY: Duration = Duration::from_secs(2);
/// Time for one of them.
const STORE_DEADLINE: Duration = Duration::from_secs(5);

/// A task that ends with its holder.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The configuration of one of the six services.
pub trait Settings: DeserializeOwned {
    /// Which service.
    const ACTOR: Actor;
    /// Whether it has keys of its own: then `common.keys` must be set, else it must not be.
    const HAS_KEYS: bool;
    /// Whether it knows the registers; else `common.definitions` must not be set.
    const KNOWS_REGISTERS: bool;

    /// With whom it may work on its store, where that is in PostgreSQL.
    const COMPANY: Company = Company::Alone;

    /// Whether it can serve an API: then `--base-path` may say below which path.
    const HAS_API: bool = false;

    /// The path below which its API stands; `None` when it is to serve none.
    fn base_path(&mut self) -> Option<&mut Option<String>> {
        None
    }

    /// The sample of its configuration that `deploy/config` has. Where a setting is wrong, the sample's is looked at in its place, to see what else is.
    const SAMPLE: &'static str;

    /// Store, keys, definitions and log.
    fn common(&self) -> &Common;

    /// The brokers that it connects to, each with its name among the settings: `hd` for `broker.hd`.
    fn brokers(&self) -> Vec<(&'static str, &BrokerSettings)>;

    /// The file with the tokens of its API; none when it is to serve none.
    fn tokens(&self) -> Option<&Path> {
        None
    }

    /// The hospital, of a service that every hospital has for itself.
    fn nihdi(&self) -> Option<&Nihdi> {
        None
    }
}

/// Reads a configuration file, and refuses settings that this service has no use for.
///
/// # Errors
///
/// The file, with all that is wrong.
pub fn load<S: Settings>(path: &Path) -> anyhow::Result<S> {
    load_over(Some(path), Variables::default())
}

/// The same with what environment variables say over the file, or without it.
///
/// # Errors
///
/// The file, or the variables, with all that is wrong: settings that are missing or none, of the wrong form, or of no use to this service.
pub fn load_over<S: Settings>(path: Option<&Path>, variables: Variables) -> anyhow::Result<S> {
    read(path, variables, |settings: &S| misplaced::<S>(settings.common()))
}

/// Reads a configuration, and looks at what it says with `flaws`.
fn read<S: Settings>(path: Option<&Path>, variables: Variables, look: impl FnOnce(&S) -> Vec<Flaw>) -> anyhow::Result<S> {
    let names = variables.places(S::ACTOR.as_str());
    let (text, settings, mut flaws) = config::load_over::<S>(path, S::ACTOR.as_str(), variables, S::SAMPLE)?;
    if let Some(settings) = &settings {
        flaw::add(&mut flaws, look(settings));
    }
    settings.filter(|_| flaws.is_empty()).ok_or_else(|| Flaws::of(path, &text, &names, &flaws).into())
}

/// Settings that this service lacks or has no use for.
fn misplaced<S: Settings>(common: &Common) -> Vec<Flaw> {
    let (service, mut flaws) = (S::ACTOR, Vec::new());
    match (S::HAS_KEYS, &common.keys) {
        (true, None) => flaws.push(Flaw::of("common.keys", format_args!("{service} needs it"))),
        (false, Some(_)) => flaws.push(Flaw::of("common.keys", format_args!("{service} has no keys"))),
        (true, Some(_)) | (false, None) => {}
    }
    if !S::KNOWS_REGISTERS && common.definitions.is_some() {
        flaws.push(Flaw::of("common.definitions", format_args!("{service} has no use for definitions")));
    }
    flaws
}

/// Settings that lead nowhere on this machine.
fn astray<S: Settings>(settings: &S) -> Vec<Flaw> {
    let mut flaws = settings.common().flaws();
    for (zone, broker) in settings.brokers() {
        flaws.extend(broker.flaws(zone));
    }
    if let Some(tokens) = settings.tokens()
        && let Err(error) = std::fs::File::open(tokens)
    {
        flaws.push(Flaw::of("api.tokens", format_args!("read {}: {error}", tokens.display())));
    }
    flaws
}

/// The configuration of this process.
fn of_process<S: Settings>(path: Option<&Path>, look: impl FnOnce(&S) -> Vec<Flaw>) -> anyhow::Result<S> {
    let service = S::ACTOR.as_str();
    let variables = Variables::of(service, std::env::vars_os())?;
    let example = environment::variable(service, "common.store");
    ensure!(
        path.is_some() || !variables.is_empty(),
        "find the configuration: --config names a file, or variables such as {example} say all"
    );
    read(path, variables, |settings: &S| [misplaced::<S>(settings.common()), look(settings)].concat())
}

/// The whole program of a service that takes nothing but its configuration, and `--base-path` where it has an API: `start` puts it together and says
/// what is to run.
pub fn main<S: Settings>(about: &'static str, start: impl AsyncFnOnce(&S, &StandAlone) -> anyhow::Result<Vec<Work>>) -> ExitCode {
    main_with(about, async |settings: &S, alone: &StandAlone, (): ()| start(settings, alone).await)
}

/// The same for a service that takes more than that.
pub fn main_with<S: Settings, A: Args>(
    about: &'static str,
    start: impl AsyncFnOnce(&S, &StandAlone, A) -> anyhow::Result<Vec<Work>>,
) -> ExitCode {
    let file = Arg::new("config").long("config").value_name("FILE").value_parser(value_parser!(PathBuf));
    let health = Arg::new("health").long("health").action(ArgAction::SetTrue);
    let bulletin = Arg::new("bulletin").long("bulletin").action(ArgAction::SetTrue).conflicts_with("health");
    let below = Arg::new("base-path").long("base-path").value_name("PATH");
    let below = below.help("Path below which the API stands, as /hd4res; in place of the configuration's");
    let namespace = environment::namespace(S::ACTOR.as_str());
    let command = Command::new(S::ACTOR.as_str())
        .version(env!("CARGO_PKG_VERSION"))
        .arg(file.help("Configuration file (TOML); deploy/config has a commented sample"))
        .arg(health.help("Ask the service that runs with this configuration whether it is ready, and end with status 0 or 1"))
        .arg(bulletin.help("Ask it how it stands, and print its answer (JSON), for `precision status --from`"))
        .after_help(format!(
            "Exit status: 0 stopped as told, or ready; 1 asked, and not ready or no answer; 2 could not start.\n\
             Every setting can be given by the environment too, which counts more than the file: {namespace}_COMMON__STORE is common.store.\n\
             PRECISION_LOG=warn shows less of what it does."
        ));
    // The arguments' own documentation would take the place of what the service is about.
    let command = A::augment_args(if S::HAS_API { command.arg(below) } else { command }).about(about);
    let given = command.get_matches();
    let base_path = given.try_get_one::<String>("base-path").ok().flatten();
    let asked = match (given.get_flag("health"), given.get_flag("bulletin")) {
        (true, _) => Some(ask::is_ready::<S> as fn(&S) -> anyhow::Result<ExitCode>),
        (_, true) => Some(ask::bulletin_of::<S> as _),
        _ => None,
    };
    // Whoever asks needs the address alone, and may not be allowed to read the rest.
    let look = |settings: &S| if asked.is_some() { Vec::new() } else { astray(settings) };
    let settings = of_process::<S>(given.get_one::<PathBuf>("config").map(PathBuf::as_path), look);
    let settings = settings.and_then(|settings| below_path(settings, base_path));
    match (A::from_arg_matches(&given), asked) {
        (Ok(_), Some(ask)) => {
            logging::start(LogForm::Text, "info");
            ended::<S>(settings.and_then(|settings| ask(&settings)))
        }
        (Ok(more), None) => run(settings, async |settings: &S, alone: &StandAlone| start(settings, alone, more).await),
        (Err(error), _) => error.exit(),
    }
}

/// Settings whose API stands where the command line says.
fn below_path<S: Settings>(mut settings: S, base_path: Option<&String>) -> anyhow::Result<S> {
    if let Some(path) = base_path {
        let place = settings.base_path().context("serve below a path: the configuration has no section [api]")?;
        *place = Some(path.clone());
    }
    Ok(settings)
}

fn ended<S: Settings>(ended: anyhow::Result<ExitCode>) -> ExitCode {
    ended.unwrap_or_else(|error| {
        tracing::error!(service = S::ACTOR.as_str(), "failed to {error:#}");
        ExitCode::from(CANNOT_START)
    })
}

/// The program of a service behind its command line.
fn run<S: Settings>(
    settings: anyhow::Result<S>,
    start: impl AsyncFnOnce(&S, &StandAlone) -> anyhow::Result<Vec<Work>>,
) -> ExitCode {
    logging::start(settings.as_ref().map_or(LogForm::Text, |settings| settings.common().log), "info");
    ended::<S>(settings.and_then(|settings| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(serve(&settings, start))?;
        Ok(ExitCode::SUCCESS)
    }))
}

async fn serve<S: Settings>(
    settings: &S,
    start: impl AsyncFnOnce(&S, &StandAlone) -> anyhow::Result<Vec<Work>>,
) -> anyhow::Result<()> {
    let stop = process::told_to_stop().boxed().shared();
    let alone = StandAlone::new(settings, stop.clone())?;
    let _answering = alone.say_health(settings.common().health).await?;
    let lock = StoreLock::take(alone.store(), &[alone.name()], S::COMPANY).await?;
    alone.health.store(true);
    let work = async {
        let works = tokio::select! {
            works = start(settings, &alone) => works?,
            // A broker may be waited for until then.
            () = stop.clone() => Vec::new(),
        };
        if !works.is_empty() {
            alone.health.started();
            tracing::info!(service = alone.name(), "started");
            supervise(works, Arc::clone(&alone.context.clock), stop.clone()).await;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        done = work => done?,
        error = alone.keep(lock) => return Err(error.into()),
    }
    alone.close().await;
    tracing::info!(service = alone.name(), "stopped");
    Ok(())
}

/// What a service that stands alone is given to put itself together.
pub struct StandAlone {
    /// The system's time and chance, and a probe that counts what is tried again.
    pub context: Context,
    user: User,
    common: Common,
    store: Location,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    stop: Stop,
    servers: Mutex<Vec<JoinHandle<()>>>,
    traces: Option<Traces>,
}

/// Completes when the process is told to stop.
pub type Stop = Shared<BoxFuture<'static, ()>>;

impl StandAlone {
    fn new<S: Settings>(settings: &S, stop: Stop) -> anyhow::Result<Self> {
        let chance = Chance::from_system().context("draw randomness")?;
        let user = S::ACTOR.user(settings.nihdi());
        let metrics = Arc::new(Metrics::of(user.to_string(), SystemClock.now()));
        let owner = Owner { service: user.to_string(), version: env!("CARGO_PKG_VERSION"), home: S::ACTOR.home() };
        let traces = settings.common().collector()?.map(|to| Traces::new(&owner, &to, Borders::Closed, Arc::new(SystemClock)));
        Ok(Self {
            context: Context { clock: Arc::new(SystemClock), chance: Arc::new(chance), probe: metrics.retries() },
            user,
            common: settings.common().clone(),
            store: settings.common().location()?,
            health: Arc::default(),
            metrics,
            stop,
            servers: Mutex::default(),
            traces: traces.transpose()?,
        })
    }

    /// Says from now on whether the service is ready, until what it gives back is dropped.
    async fn say_health(&self, address: Option<SocketAddr>) -> anyhow::Result<Option<AbortOnDrop>> {
        let Some(address) = address else { return Ok(None) };
        let failed = || format!("listen at {address}");
        let listener = TcpListener::bind(address).await.with_context(failed)?;
        let address = listener.local_addr().with_context(failed)?;
        tracing::info!(service = self.name(), %address, "says whether it is ready");
        let serving =
            health::serve(listener, Arc::clone(&self.health), Arc::clone(&self.metrics), Arc::clone(&self.context.clock));
        Ok(Some(AbortOnDrop(tokio::spawn(serving))))
    }

    /// Holds the store, and takes it again when its server was away. Ends when another process has it then.
    async fn keep(&self, mut lock: StoreLock) -> StoreError {
        loop {
            clock::sleep(&*self.context.clock, LOOK_FOR_STORE_EVERY).await;
            match clock::timeout(&*self.context.clock, STORE_DEADLINE, lock.hold()).await {
                Ok(Ok(())) => {
                    if !self.health.store(true) {
                        tracing::info!(service = self.name(), "holds its store again");
                    }
                }
                Ok(Err(error @ StoreError::Locked { .. })) => return error,
                Ok(Err(_)) | Err(_) => {
                    if self.health.store(false) {
                        tracing::warn!(service = self.name(), "the store does not answer; waiting for it");
                    }
                }
            }
        }
    }

    /// What the service is called in the key directory and on brokers: `ehbox-hco-<nihdi>`, `ehealth-ttp`.
    #[must_use]
    pub fn name(&self) -> String {
        self.user.to_string()
    }

    /// The same, for its envelopes.
    ///
    /// # Errors
    ///
    /// None of the six services' names gives one.
    pub fn source(&self) -> Result<Source, NameError> {
        self.name().parse()
    }

    /// Where the store is that this process holds.
    #[must_use]
    pub fn store(&self) -> &Location {
        &self.store
    }

    /// The folder with the service's keys.
    ///
    /// # Errors
    ///
    /// When none is configured.
    pub fn keys(&self) -> anyhow::Result<&Path> {
        self.common.keys.as_deref().context("find the keys: common.keys is not set")
    }

    /// Connects to the broker of a zone, and looks whether the exchanges and queues that the service uses there exist. Waits for
    /// either, and says in the log what for.
    ///
    /// # Errors
    ///
    /// What waiting does not mend: no address, no password, or access refused.
    pub async fn connect(&self, vhost: Vhost, settings: &BrokerSettings) -> anyhow::Result<Arc<dyn Broker>> {
        let naming = Naming { prefix: settings.prefix.clone() };
        let address = settings.address()?;
        let hospitals: Vec<Nihdi> = self.user.nihdi().copied().into_iter().collect();
        let used = Topology::for_hospitals(&hospitals).used_by(&self.user).within(&vhost);
        let failed = || format!("connect {} to the broker of {vhost}", self.user);
        let mut backoff = Backoff::default();
        let broker = loop {
            match RabbitBroker::connect(&address, naming.clone(), Arc::clone(&self.context.clock)).await {
                Ok(broker) => break Arc::new(broker),
                Err(error) => self.wait_out(error, &mut backoff, vhost).await.with_context(failed)?,
            }
        };
        self.health.broker(vhost, Arc::clone(&broker));
        let queues = used.queues().iter().filter(|queue| queue.dead.is_some()).map(|queue| queue.name.clone());
        self.metrics.reads(vhost, &broker, queues.collect());
        backoff.reset();
        loop {
            match broker.missing(&used).await {
                Ok(missing) if missing.is_empty() => return Ok(self.traced(vhost, broker)),
                Ok(missing) => {
                    let missing = missing.join(", ");
                    tracing::error!(%vhost, missing, "the broker lacks what this service uses; waiting for it");
                    clock::sleep(&*self.context.clock, backoff.after_failure()).await;
                }
                Err(error) => self.wait_out(error, &mut backoff, vhost).await.with_context(failed)?,
            }
        }
    }

    fn traced(&self, vhost: Vhost, broker: Arc<RabbitBroker>) -> Arc<dyn Broker> {
        match &self.traces {
            Some(traces) => traces.broker(broker, vhost.zone()),
            None => broker,
        }
    }

    /// Waits before the next attempt, if there is any sense in one.
    async fn wait_out(&self, error: BrokerError, backoff: &mut Backoff, vhost: Vhost) -> Result<(), BrokerError> {
        match error {
            // A certificate may be renewed on the broker's side; a file on this side is somebody's mistake here.
            BrokerError::Unavailable | BrokerError::ConnectionLost | BrokerError::Untrusted(_) => {
                let wait = backoff.after_failure();
                tracing::warn!(%vhost, %error, wait_ms = wait.as_millis(), "waiting for the broker");
                clock::sleep(&*self.context.clock, wait).await;
                Ok(())
            }
            BrokerError::UnknownQueue(_)
            | BrokerError::AccessRefused
            | BrokerError::InvalidAddress
            | BrokerError::Certificate { .. }
            | BrokerError::Declare(_) => Err(error),
        }
    }

    /// Counts from now on what passes through the service's store.
    pub fn count(&self, database: &Database) {
        self.metrics.tally(database.tally());
    }

    /// Its traces, where they are sent anywhere.
    #[must_use]
    pub fn traces(&self) -> Option<Traces> {
        self.traces.clone()
    }

    /// What it counts, for who operates it.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Runs a server beside the service's work. It is given what completes when the process is told to stop, ends in its own time then, and is
    /// waited for.
    pub fn until_stopped<F: Future<Output = ()> + Send + 'static>(&self, server: impl FnOnce(Stop) -> F) {
        let running = tokio::spawn(server(self.stop.clone()));
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).push(running);
    }

    /// Sends the acknowledgements that still wait, leaves the brokers, and waits for the servers; not for ever.
    async fn close(&self) {
        let servers = std::mem::take(&mut *self.servers.lock().unwrap_or_else(PoisonError::into_inner));
        let brokers = self.health.take_brokers();
        // One server that panicked has said so.
        let leaving = async { join(join_all(brokers.iter().map(|broker| broker.close())), join_all(servers)).await };
        if clock::timeout(&*self.context.clock, process::FINISH_WITHIN, leaving).await.is_err() {
            tracing::warn!(service = self.name(), "left without a word to somebody who does not answer");
        }
        // The last spans are those of what was finished just now.
        if let Some(traces) = &self.traces {
            traces.close(traces::LAST_WITHIN).await;
        }
    }
}

#[cfg(test)]
mod tests;
