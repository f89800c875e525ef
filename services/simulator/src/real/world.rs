//! A world of processes: how it begins and ends, and how its processes come and go.

mod happen;
mod talk;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::Context as _;
use broker::{Broker, RabbitBroker};
use clock::{Clock as _, OffsetClock, SystemClock};
use dcd::Definitions;
use dhw::Registers;
use host::Chance;
use store::Location;
use tokio::{runtime::Handle, sync::mpsc};
use topology::{Naming, Topology};

use super::{
    eye::{Eye, Sight},
    ground::{Ground, Place},
    order::{self, Order, Setup},
    process::{Event, Events, Generation, Process},
};
use crate::{
    installation::Tuning,
    keys::AllKeys,
    own_part::LeftOut,
    proxy::Proxy,
    simulation::{
        Evidence, Hospital, Point, Service, Violation, deeds,
        desk::{self, Desk, Upload},
        laboratory::START,
        log::Line,
        model::Model,
        spoil::Spoiler,
        world::{TUNING, Unmet},
    },
    stores::Stores,
};

/// What waits for a process to say that it has carried something out.
struct Waiting {
    service: Service,
    order: Given,
}

/// What a process was told to carry out, and where to say how that ended.
enum Given {
    Upload(Hospital, Upload, desk::Progress),
    Other(deeds::Progress),
}

/// A world of processes.
pub(super) struct RealWorld<'g> {
    pub(super) ground: &'g Ground,
    pub(super) runtime: Handle,
    pub(super) evidence: Evidence,
    pub(super) clock: OffsetClock,
    pub(super) sight: Arc<Sight>,
    place: Place,
    topology: Topology,
    prefix: String,
    /// Past all lines.
    pub(super) broker: Arc<RabbitBroker>,
    pub(super) proxies: BTreeMap<Service, Proxy>,
    pub(super) running: BTreeMap<Service, Process>,
    generation: Generation,
    tell: Events,
    events: mpsc::UnboundedReceiver<(Service, Generation, Event)>,
    pub(super) heard: u64,
    lines: Vec<Line>,
    orders: u64,
    waiting: BTreeMap<u64, Waiting>,
    traps: BTreeMap<(Service, Point), u32>,
    ahead: BTreeMap<Service, i64>,
    full: BTreeSet<Service>,
    pub(super) is_away: bool,
    quota: Option<u32>,
}

/// What keeps a world from going on, as a sentence.
pub(super) fn stuck(error: impl Into<anyhow::Error>) -> Violation {
    Violation::new(format!("failed to {:#}", error.into()))
}

impl<'g> RealWorld<'g> {
    /// Declares the queues and starts every service.
    pub(super) async fn begin(ground: &'g Ground, quota: Option<u32>) -> anyhow::Result<Self> {
        let place = ground.place()?;
        let chance = Chance::from_system().context("draw randomness")?;
        let prefix = format!("precision-replay-{:032x}", u128::from_be_bytes(chance.bytes()));
        let (naming, topology) = (Naming::prefixed(prefix.clone()), Topology::for_hospitals(&ground.hospitals));
        let address = &ground.wanted.address;
        let broker = RabbitBroker::connect(&address.url(), naming.clone(), Arc::new(SystemClock)).await;
        let broker = Arc::new(broker.context("reach the broker")?);
        let begun = async {
            broker.declare(&topology).await?;
            Self::people(ground, place, (prefix, naming, topology.clone()), &broker, quota).await
        };
        let begun = begun.await;
        if begun.is_err() {
            // The error that kept it from beginning is the one to tell.
            let _ = broker.delete(&topology).await;
        }
        begun
    }

    /// Puts everything beside the broker together.
    async fn people(
        ground: &'g Ground,
        place: Place,
        (prefix, naming, topology): (String, Naming, Topology),
        broker: &Arc<RabbitBroker>,
        quota: Option<u32>,
    ) -> anyhow::Result<Self> {
        let address = &ground.wanted.address;
        let chance = Chance::from_system().context("draw randomness")?;
        let broker = Arc::clone(broker);
        let clock = OffsetClock::default();
        clock.set(START.as_micros() - SystemClock.now().as_micros());
        let keys = AllKeys::open_or_create(&place.keys(), &ground.hospitals)?;
        let at = |service: &str| Location::Folder(place.store_of(service));
        let stores =
            Stores::open_each(at, &ground.hospitals, &Definitions::built_in()?, &keys.fingerprints, &LeftOut::default()).await?;
        let of_hospitals = keys.hospitals.iter().map(|(nihdi, (_, keys))| (*nihdi, Arc::clone(keys)));
        let spoiler = Arc::new(Spoiler::new(&keys.ttp, &keys.hd, of_hospitals));
        let sight = Arc::new(Sight::new(&topology, &naming, &clock, &spoiler));
        let mut proxies = BTreeMap::new();
        for service in Service::ALL {
            let eye = Eye::of(service, &sight);
            let proxy = Proxy::to(address.host(), eye, Arc::new(clock.clone())).await.context("lay a line to the broker")?;
            proxy.set_quality(ground.wanted.quality);
            proxies.insert(service, proxy);
        }
        let evidence = Evidence {
            laboratory: Arc::clone(&ground.laboratory),
            time: Arc::new(clock.clone()),
            chance: Arc::new(chance),
            queues: Arc::clone(&broker) as Arc<dyn Broker>,
            stores,
            inspector: Arc::clone(&sight.inspector),
            spoiler,
            model: Model::default(),
            desks: Hospital::ALL.into_iter().map(|hospital| (hospital, Desk::default())).collect(),
            screens: BTreeMap::new(),
            epoch: 1,
            tuning: Tuning { quota, ..TUNING },
            registers: Arc::new(Registers::new(&ground.laboratory.definitions)),
            had_two_versions: false,
        };
        let (tell, events) = mpsc::unbounded_channel();
        let mut world = Self {
            ground,
            runtime: Handle::current(),
            evidence,
            clock,
            sight,
            place,
            topology,
            prefix,
            broker,
            proxies,
            running: BTreeMap::new(),
            generation: 0,
            tell,
            events,
            heard: 0,
            lines: Vec::new(),
            orders: 0,
            waiting: BTreeMap::new(),
            traps: BTreeMap::new(),
            ahead: BTreeMap::new(),
            full: BTreeSet::new(),
            is_away: false,
            quota,
        };
        for service in Service::ALL {
            world.start(service).await?;
        }
        Ok(world)
    }

    /// Kills everybody, and leaves nothing on the broker.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        for process in self.running.into_values() {
            process.kill().await;
        }
        self.evidence.stores.close().await;
        drop(self.proxies);
        let deleted = self.broker.delete(&self.topology).await;
        self.broker.close().await;
        deleted.context("delete the queues that this scenario made")
    }

    pub(super) async fn start(&mut self, service: Service) -> anyhow::Result<()> {
        let proxy = self.proxies.get(&service).context("find the service's line")?;
        let setup = Setup {
            service: order::service_name(service),
            broker: self.ground.wanted.address.through(proxy.address()),
            prefix: self.prefix.clone(),
            store: self.place.store_of(&service.name()),
            keys: self.place.keys_of(service)?,
            publication_size: self.evidence.tuning.publication_size,
            window: self.evidence.tuning.window,
            quota: self.quota,
        };
        self.generation += 1;
        let of = (service, self.generation);
        let mut process = Process::start(&self.ground.wanted.program, of, &setup, &self.tell).await?;
        process.tell(&Order::Time(self.clock.offset())).await;
        if let Some(minutes) = self.ahead.get(&service) {
            process.tell(&Order::Jump(*minutes)).await;
        }
        if self.full.contains(&service) {
            process.tell(&Order::DiskFull(true)).await;
        }
        for ((of, point), times) in &self.traps {
            if *of == service {
                process.tell(&Order::Crash { point: order::point_name(*point), times: *times }).await;
            }
        }
        process.tell(&Order::Begin).await;
        self.running.insert(service, process);
        Ok(())
    }

    async fn stop(&mut self, service: Service) {
        if let Some(process) = self.running.remove(&service) {
            process.kill().await;
        }
        self.waiting.retain(|_, waiting| waiting.service != service);
        if let Service::Hd4dp(hospital) = service
            && let Some(desk) = self.evidence.desks.get_mut(&hospital)
        {
            desk.break_off();
        }
        if let Some(screen) = self.evidence.screens.get_mut(&service) {
            screen.break_off();
        }
    }

    pub(super) async fn crash(&mut self, service: Service) -> anyhow::Result<()> {
        self.stop(service).await;
        self.start(service).await
    }

    /// Faults of single publications that met none so far, and crashes that did not come about.
    pub(super) fn unmet(&self) -> Unmet {
        let crashes = self.traps.iter().filter(|(_, times)| **times > 0).map(|(place, _)| *place);
        (self.sight.weather.unmet(), crashes.collect())
    }

    pub(super) async fn tell(&mut self, service: Service, order: &Order) {
        if let Some(process) = self.running.get_mut(&service) {
            process.tell(order).await;
        }
    }

    pub(super) async fn tell_all(&mut self, order: &Order) {
        for process in self.running.values_mut() {
            process.tell(order).await;
        }
    }

    /// The number of an order, and who hears how it ends.
    fn numbered(&mut self, service: Service, order: Given) -> u64 {
        self.orders += 1;
        self.waiting.insert(self.orders, Waiting { service, order });
        self.orders
    }
}
