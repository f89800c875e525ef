//! An installation that a command works with: lock, keys, stores, broker and services, opened and closed in the right order.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clock::{Clock, SystemClock};
use dcd::Definitions;
use host::{Chance, Context, NoProbe};
use store::{Company, Location, StoreLock};
use topology::{Nihdi, Topology};

use crate::{
    broker_choice::{BrokerChoice, OpenBroker},
    flow::Running,
    installation::{Installation, Plan, Tuning, Zones},
    keys::AllKeys,
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
}

/// An open, running installation.
pub struct Session {
    /// Its services.
    pub installation: Installation,
    /// The system's clock.
    pub clock: Arc<dyn Clock>,
    running: Running,
    broker: OpenBroker,
    _lock: StoreLock,
}

/// A store and keys that were opened before any broker is asked.
pub struct Prepared {
    lock: StoreLock,
    keys: AllKeys,
    stores: Stores,
    context: Context,
}

impl Prepared {
    /// Takes the lock, opens or makes the keys, opens the stores.
    ///
    /// # Errors
    ///
    /// What is in the way, as configuration errors (exit 2).
    pub async fn open(wanted: &Wanted<'_>) -> anyhow::Result<Self> {
        let lock = StoreLock::take(wanted.store, &names(wanted.hospitals), Company::Alone).await?;
        let keys = AllKeys::open_or_create(wanted.keys, wanted.hospitals)?;
        let stores = Stores::open(wanted.store, wanted.hospitals, &wanted.definitions, &keys.fingerprints).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let chance = Arc::new(Chance::from_system().context("draw randomness")?);
        let context = Context { clock, chance, probe: Arc::new(NoProbe) };
        Ok(Self { lock, keys, stores, context })
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

    /// Starts all services on an open broker.
    ///
    /// # Errors
    ///
    /// What keeps a service from being put together.
    pub async fn start(self, wanted: Wanted<'_>, broker: OpenBroker) -> anyhow::Result<Session> {
        let clock = Arc::clone(&self.context.clock);
        let plan = Plan {
            hospitals: wanted.hospitals,
            context: self.context,
            zones: Zones::all_on(&broker.broker),
            stores: self.stores,
            keys: &self.keys,
            definitions: wanted.definitions,
            tuning: wanted.tuning,
        };
        let mut installation = Installation::new(plan).await?;
        let running = Running::start(&mut installation, &clock);
        Ok(Session { installation, clock, running, broker, _lock: self.lock })
    }
}

impl Session {
    /// Stops the services and leaves the broker; after a `clean` end its queues are deleted.
    pub async fn close(self, clean: bool) {
        self.running.stop().await;
        self.broker.close(clean).await;
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
