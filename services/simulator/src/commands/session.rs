//! An installation that a command works with: lock, keys, stores, broker and services, opened and closed in the right order.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clock::{Clock, SystemClock};
use dcd::Definitions;
use host::{Chance, Context, NoProbe, Probe};
use store::{Company, Location, StoreLock};
use topology::{Naming, Nihdi, Topology};
use traces::Collector;

use crate::{
    broker_choice::{BrokerChoice, OpenBroker},
    faults::Switchboard,
    flow::Running,
    installation::{Installation, Plan, Surroundings, Tuning, Zones},
    keys::AllKeys,
    own_part::LeftOut,
    spans::Spans,
    stores::{Stores, names},
};

/// What a session is opened with.
pub struct Wanted<'a> {
    /// The hospitals.
    pub hospitals: &'a [Nihdi],
    /// Where the stores are.
    pub store: &'a Location,
    /// Folder of the keys.
    pub keys: &'a Path,
    /// The broker.
    pub broker: &'a BrokerChoice,
    /// The registers.
    pub definitions: Arc<Definitions>,
    /// How the services are to work.
    pub tuning: Tuning,
    /// The services that other parts stand in for.
    pub left_out: LeftOut,
}

/// An open, running installation.
pub struct Session {
    /// Its services.
    pub installation: Installation,
    /// How the names of its queues are spelled on its broker.
    pub naming: Naming,
    /// The system's clock.
    pub clock: Arc<dyn Clock>,
    running: Option<Running>,
    stores: Stores,
    broker: OpenBroker,
    spans: Option<Spans>,
    _lock: StoreLock,
}

/// A store and keys that were opened before any broker is asked.
pub struct Prepared {
    lock: StoreLock,
    keys: AllKeys,
    stores: Stores,
    context: Context,
    spans: Option<Spans>,
}

impl Prepared {
    /// Takes the lock, opens or makes the keys, opens the stores.
    ///
    /// # Errors
    ///
    /// What is in the way, as configuration errors (exit 2).
    pub async fn open(wanted: &Wanted<'_>) -> anyhow::Result<Self> {
        // The store of a part that is left to others is theirs to hold.
        let held: Vec<String> = names(wanted.hospitals).into_iter().filter(|name| !wanted.left_out.has_name(name)).collect();
        let lock = StoreLock::take(wanted.store, &held, Company::Alone).await?;
        let keys = AllKeys::open_or_create(wanted.keys, wanted.hospitals)?;
        let stores =
            Stores::open(wanted.store, wanted.hospitals, &wanted.definitions, &keys.fingerprints, &wanted.left_out).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let chance = Arc::new(Chance::from_system().context("draw randomness")?);
        let context = Context { clock, chance, probe: Arc::new(NoProbe) };
        Ok(Self { lock, keys, stores, context, spans: None })
    }

    /// The services will tell `probe` how far they come.
    #[must_use]
    pub fn watched_by(mut self, probe: Arc<dyn Probe>) -> Self {
        self.context.probe = probe;
        self
    }

    /// The services will be traced, where a collector is named.
    ///
    /// # Errors
    ///
    /// It is none, or nothing can be sent to it.
    pub fn traced(mut self, collector: Option<&str>, wanted: &Wanted<'_>) -> anyhow::Result<Self> {
        // Not by the command line's own reader, for what it would repeat.
        let collector: Option<Collector> = collector.map(str::parse).transpose()?;
        let spans = collector.map(|to| Spans::new(wanted.hospitals, wanted.broker, &to, &self.context.clock));
        self.spans = spans.transpose()?;
        Ok(self)
    }

    /// What surrounds a service, with its traces around it.
    fn around(&self) -> impl Fn(&str, Surroundings) -> Surroundings + Sync + use<> {
        let spans = self.spans.clone();
        move |service, Surroundings { context, zones }| {
            let zones = match &spans {
                Some(spans) => spans.around(service, zones),
                None => zones,
            };
            Surroundings { context, zones }
        }
    }

    /// The stores.
    #[must_use]
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.context.clock
    }

    /// Opens the broker once.
    ///
    /// # Errors
    ///
    /// What the broker says; it may be there later.
    pub async fn broker(&self, wanted: &Wanted<'_>) -> Result<OpenBroker, crate::broker_choice::BrokerChoiceError> {
        let topology = Topology::for_hospitals(wanted.hospitals);
        wanted.broker.open(&topology, wanted.store, &self.context.chance, Arc::clone(&self.context.clock)).await
    }

    /// Starts all services on an open broker, with a switchboard between all that they are made of: what can go wrong may be switched on while
    /// they run.
    ///
    /// # Errors
    ///
    /// What keeps a service from being put together.
    pub async fn start_with_faults(self, wanted: Wanted<'_>, broker: OpenBroker) -> anyhow::Result<Session> {
        let (clock, stores) = (Arc::clone(&self.context.clock), self.stores.clone());
        let (zones, around, spans) = (Zones::all_on(&broker.broker), self.around(), self.spans.clone());
        let switchboard = Arc::new(Switchboard::over(wanted.hospitals, &self.context, &zones, &self.keys, &self.stores));
        let plan = Plan {
            hospitals: wanted.hospitals,
            context: self.context,
            zones: switchboard.lines().of(None),
            stores: switchboard.stores().clone(),
            keys: switchboard.keys(),
            definitions: wanted.definitions,
            tuning: wanted.tuning,
        };
        let with_faults = |service: &str| around(service, switchboard.around(service));
        let surrounded = Installation::surrounded(plan, &with_faults).await?;
        let mut installation = surrounded.without(&wanted.left_out);
        switchboard.add(std::mem::take(&mut installation.works)).await;
        let board = Arc::clone(&switchboard);
        let running = Running::until_told(move |stop| async move { board.run(stop).await });
        installation.faults = Some(switchboard);
        Ok(Session {
            installation,
            naming: broker.naming.clone(),
            clock,
            running: Some(running),
            stores,
            broker,
            spans,
            _lock: self.lock,
        })
    }

    /// Starts all services on an open broker.
    ///
    /// # Errors
    ///
    /// What keeps a service from being put together.
    pub async fn start(self, wanted: Wanted<'_>, broker: OpenBroker) -> anyhow::Result<Session> {
        let clock = Arc::clone(&self.context.clock);
        let (stores, around, spans) = (self.stores.clone(), self.around(), self.spans.clone());
        let surroundings = Surroundings { context: self.context.clone(), zones: Zones::all_on(&broker.broker) };
        let plan = Plan {
            hospitals: wanted.hospitals,
            context: self.context,
            zones: surroundings.zones.clone(),
            stores: self.stores,
            keys: &self.keys,
            definitions: wanted.definitions,
            tuning: wanted.tuning,
        };
        let surrounded = Installation::surrounded(plan, &|service| around(service, surroundings.clone())).await?;
        let mut installation = surrounded.without(&wanted.left_out);
        let running = Running::start(&mut installation, &clock);
        Ok(Session {
            installation,
            naming: broker.naming.clone(),
            clock,
            running: Some(running),
            stores,
            broker,
            spans,
            _lock: self.lock,
        })
    }
}

impl Session {
    /// Stops the services: they finish what they are at, and what they hold can still be looked at.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Stops the services, leaves the broker and closes the stores; after a `clean` end the broker's queues are deleted.
    pub async fn close(mut self, clean: bool) {
        self.stop().await;
        self.broker.close(clean).await;
        if let Some(spans) = &self.spans {
            spans.close().await;
        }
        self.stores.close().await;
    }
}

/// Where a command works: the store, and the folder of the keys, which by default is in the store's.
///
/// # Errors
///
/// When the store is a database and no folder is named, or its address is none.
pub fn places(store: Option<&str>, keys: Option<&PathBuf>, default: &Path) -> anyhow::Result<(Location, PathBuf)> {
    // Not by the command line's own reader: it repeats what it cannot use, and there may be a password in it.
    let store = store.map_or_else(|| Ok(default.into()), str::parse)?;
    let keys = match (keys, &store) {
        (Some(keys), _) => keys.clone(),
        (None, Location::Folder(folder)) => folder.join("keys"),
        (None, Location::Server(_)) => anyhow::bail!("find the keys: with a database as store, --keys names their folder"),
    };
    Ok((store, keys))
}
