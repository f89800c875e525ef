//! A world: the whole route on one thread, one simulated clock, one embedded broker and stores in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use broker::{Broker, EmbeddedBroker, EmbeddedOptions, Payload};
use clock::{
    SimulatedClock,
    simulation::{Executor, TaskId},
};
use dhw::DhwStore;
use ehbox_hd::EhboxHd;
use futures_util::FutureExt;
use hd4dp::Hd4dp;
use hd4res::Hd4res;
use host::{Backoff, Chance, Context, Point, Work};
use topology::{Arrow, Nihdi, Route, Topology, Zone};
use uuid::Uuid;

use super::{
    Laboratory, Op, Violation,
    deeds::{self, Progress, Screen, Wish},
    definitions,
    desk::Desk,
    disk::{self, Disks},
    evidence::Evidence,
    forge,
    laboratory::START,
    ledger::Ledger,
    line::Line,
    log,
    model::Model,
    name::Name,
    op::{Fault, Hospital, KeyPair, Register, Service},
    service_clock::ServiceClock,
    spoil::Spoiler,
    trap::{Trap, Tripwire},
    violation::{broken, ensure, hold},
    weather::Weather,
};
use crate::{
    installation::{Installation, Plan, Tuning, Zones},
    keys::{AllKeys, Shelf},
    stores::Stores,
};

/// Small, so that a few rows make several publications and a full window.
pub(crate) const TUNING: Tuning =
    Tuning { publication_size: 3, window: 6, quota: None, itinerary_days: None, look_for_keys_every: None };

/// Polls after which a world that has not come to rest at one moment never will.
const STEPS_MAX: u64 = 1_000_000;

/// Faults of single publications that met none, and crashes that did not come about.
pub type Unmet = (Vec<(Arrow, Fault)>, Vec<(Service, Point)>);

/// The whole route, and what happened to it.
pub struct World {
    evidence: Evidence,
    pub(super) executor: Executor,
    pub(super) clock: SimulatedClock,
    pub(super) broker: Arc<EmbeddedBroker>,
    brokers: u128,
    weather: Weather,
    trap: Arc<Trap>,
    pub(super) ledger: Arc<Ledger>,
    running: BTreeMap<Service, Vec<TaskId>>,
    crashes: u64,
    pub(super) hd4dp: BTreeMap<Hospital, Arc<Hd4dp>>,
    hd4res: Option<Arc<Hd4res>>,
    /// This world's own, since they may be renewed.
    pub(super) keys: AllKeys,
    pub(super) shelf: Shelf,
    pub(super) ehbox_hd: Option<Arc<EhboxHd>>,
    pub(super) disks: Disks,
    clocks: BTreeMap<Service, ServiceClock>,
    /// Of which registers each service has the second version of the definition.
    pub(super) newer: BTreeMap<Service, BTreeSet<Register>>,
    /// The data warehouse's store.
    pub(super) warehouse: Arc<dhw::MemoryStore>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("clock", &self.clock).field("running", &self.running.keys()).finish_non_exhaustive()
    }
}

/// A world shows all its evidence.
impl Deref for World {
    type Target = Evidence;

    fn deref(&self) -> &Evidence {
        &self.evidence
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Evidence {
        &mut self.evidence
    }
}

impl World {
    /// A world at rest in which every service runs.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when a service cannot be put together.
    pub fn new(laboratory: &Arc<Laboratory>, seed: u64) -> Result<Self, Violation> {
        Self::tuned(laboratory, seed, TUNING)
    }

    /// The same with so many distinct patients per hospital and day at the TTP.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when a service cannot be put together.
    pub fn with_quota(laboratory: &Arc<Laboratory>, seed: u64, patients_per_day: u32) -> Result<Self, Violation> {
        Self::tuned(laboratory, seed, Tuning { quota: Some(patients_per_day), ..TUNING })
    }

    fn tuned(laboratory: &Arc<Laboratory>, seed: u64, tuning: Tuning) -> Result<Self, Violation> {
        log::listen();
        // What an earlier world of this thread left.
        log::take();
        let executor = Executor::new(seed, START);
        let clock = executor.clock();
        let hospitals: Vec<Nihdi> = laboratory.hospitals.values().copied().collect();
        let disks = Disks::default();
        let ledger = Ledger::over(Arc::new(hd4res::store::MemoryStore::default()), &disks);
        let mut stores = Stores::in_memory(&hospitals, &laboratory.definitions);
        let (registers, warehouse) = definitions::warehouse(&laboratory.definitions);
        stores.dhw = Arc::clone(&warehouse) as Arc<dyn DhwStore>;
        disk::put_on(&disks, laboratory.hospitals.iter().map(|(hospital, nihdi)| (*hospital, *nihdi)), &mut stores);
        stores.hd4res = Arc::clone(&ledger) as Arc<dyn hd4res::store::Hd4resStore>;
        let weather = Weather::default();
        let (keys, shelf) = Shelf::under(&laboratory.keys);
        let of_hospitals = keys.hospitals.iter().map(|(nihdi, (_, keys))| (*nihdi, Arc::clone(keys)));
        let spoiler = Arc::new(Spoiler::new(&keys.ttp, &keys.hd, of_hospitals));
        let services = Service::of_hospitals(&laboratory.hospitals.keys().copied().collect::<Vec<_>>());
        let clocks = services.iter().copied().map(|service| (service, ServiceClock::new(&clock))).collect();
        let broker = new_broker(&clock, &hospitals, &weather, 1);
        let evidence = Evidence {
            laboratory: Arc::clone(laboratory),
            time: Arc::new(clock.clone()),
            chance: Arc::new(Chance::seeded(seed)),
            queues: Arc::clone(&broker) as Arc<dyn Broker>,
            stores,
            inspector: Arc::default(),
            spoiler,
            model: Model::default(),
            desks: laboratory.hospitals.keys().map(|hospital| (*hospital, Desk::default())).collect(),
            screens: BTreeMap::new(),
            epoch: 1,
            tuning,
            registers,
            had_two_versions: false,
        };
        let mut world = Self {
            evidence,
            broker,
            executor,
            clock,
            brokers: 1,
            weather,
            trap: Arc::default(),
            ledger,
            running: BTreeMap::new(),
            crashes: 0,
            hd4dp: BTreeMap::new(),
            hd4res: None,
            keys,
            shelf,
            ehbox_hd: None,
            disks,
            clocks,
            newer: BTreeMap::new(),
            warehouse,
        };
        for service in services {
            world.start(service)?;
        }
        world.settle()?;
        Ok(world)
    }

    /// Lets things happen, one after the other; the invariants are checked after each.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn run(&mut self, ops: impl IntoIterator<Item = Op>) -> Result<(), Violation> {
        ops.into_iter().try_for_each(|op| self.apply(op))
    }

    /// Lets one thing happen and checks the invariants.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn apply(&mut self, op: Op) -> Result<(), Violation> {
        match op {
            Op::Submit { hospital, register, first, count } => self.upload(hospital, register, first, count, false)?,
            Op::Change { hospital, register, first, count } => self.upload(hospital, register, first, count, true)?,
            Op::Upload { input, first, count, changed } => self.upload_input(input, first, count, changed)?,
            Op::Deed { deed, of } => self.wish(Wish { deed, of })?,
            Op::Steps(steps) => {
                self.attend()?;
                self.executor.run_steps(u64::from(steps));
                self.attend()?;
            }
            Op::Minutes(minutes) => self.run_for(Duration::from_secs(60 * u64::from(minutes)))?,
            Op::Crash { service, point } => self.trap.set(service, point),
            Op::Kill(service) if self.is_running(service) => self.crash(service)?,
            Op::Down(service) => self.stop(service),
            Op::Up(service) if !self.is_running(service) => self.start(service)?,
            Op::Kill(_) | Op::Up(_) => {}
            Op::Once { arrow, fault } => self.weather.once(arrow, fault),
            Op::Keep { arrow, fault } => self.weather.keep(arrow, fault),
            Op::Calm => self.weather.calm(),
            Op::CutBroker => self.broker.cut(),
            Op::LoseBroker => self.lose_broker()?,
            Op::Forge(hospital) => self.forge(hospital)?,
            Op::BrokerAway => {
                self.weather.go_away(true);
                self.broker.cut();
            }
            Op::BrokerBack => self.weather.go_away(false),
            Op::Slow { service, seconds } => self.weather.slow_down(service, seconds),
            Op::DiskFull(service) => self.disks.fill(service),
            Op::DiskFree(service) => self.disks.free(service),
            Op::JumpClock { service, minutes } => {
                if let Some(clock) = self.clocks.get(&service) {
                    clock.jump(minutes.into());
                }
            }
            Op::NewDefinition { register, at } => self.new_definition(register, at)?,
            Op::Replay(arrow) => self.replay(arrow),
            Op::UseKeys { service, pair } => self.use_keys(service, pair)?,
            Op::Guess { hospital, patients } => self.guess(hospital, patients)?,
            Op::Rotate => self.rotate()?,
            Op::Recode => self.recode()?,
            Op::Renew(service) => self.renew(service)?,
            Op::MistakePatient => self.mistake_patient()?,
        }
        self.check()
    }

    /// How many patients were seen by name or number inside hospitals, and how many pseudonyms inside healthdata.
    #[must_use]
    pub fn patients_and_pseudonyms(&self) -> (usize, usize) {
        self.inspector.patients_and_pseudonyms()
    }

    /// The zones in which the content of a registration was seen in clear.
    #[must_use]
    pub fn zones_of_contents(&self) -> BTreeSet<Zone> {
        self.inspector.zones_of_contents()
    }

    /// How often a service crashed.
    #[must_use]
    pub fn crashes(&self) -> u64 {
        self.crashes
    }

    /// Faults of single publications that met none so far, and crashes that did not come about.
    #[must_use]
    pub fn unmet(&self) -> Unmet {
        (self.weather.unmet(), self.trap.unmet())
    }

    /// No faults any more, every service runs, and time passes until nothing is left to do: eleven days at most, which is later than the
    /// last resend and the day behind it.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when something is lost, doubled, out of date or still under way then.
    pub fn come_to_rest(&mut self) -> Result<(), Violation> {
        self.come_to_rest_within(Duration::from_secs(11 * 24 * 3600))
    }

    /// The same in less time: what got lost only until its next sending is a violation, too, when `patience` ends before that.
    ///
    /// # Errors
    ///
    /// As [`World::come_to_rest`].
    pub fn come_to_rest_within(&mut self, patience: Duration) -> Result<(), Violation> {
        self.weather.clear();
        self.trap.clear();
        self.disks.free_all();
        self.use_own_keys()?;
        for service in self.services() {
            if !self.is_running(service) {
                self.start(service)?;
            }
        }
        let given_up = self.given_up()?;
        let until = self.now().plus(patience);
        self.run_for(Duration::from_secs(60))?;
        loop {
            self.check()?;
            let unfinished = self.unfinished(&given_up)?;
            if unfinished.is_empty() {
                return self.check_all_at_rest(&given_up);
            }
            hold("P-24", self.now() < until, || {
                format!("not at rest in {} minutes: {}", patience.as_secs() / 60, unfinished.join(", "))
            })?;
            self.run_for(until.since(self.now()).min(Duration::from_secs(6 * 3600)))?;
        }
    }

    fn upload(&mut self, hospital: Hospital, register: Register, first: u16, count: u16, changed: bool) -> Result<(), Violation> {
        self.bring(hospital, register, first, count, changed);
        self.attend().map(drop)
    }

    fn upload_input(&mut self, input: Name, first: u16, count: u16, changed: bool) -> Result<(), Violation> {
        self.bring_input(input, first, count, changed)?;
        self.attend().map(drop)
    }

    fn wish(&mut self, wish: Wish) -> Result<(), Violation> {
        self.wish_for(wish);
        self.attend().map(drop)
    }

    fn forge(&mut self, hospital: Hospital) -> Result<(), Violation> {
        if let Some(forgery) = forge::forgery(self, hospital)? {
            self.model.forged.insert(forgery.item);
            self.smuggle(forgery.route, forgery.payload);
        }
        Ok(())
    }

    /// Puts a publication on the broker that no service sends.
    fn smuggle(&mut self, route: Route, payload: Payload) {
        let broker = Arc::clone(&self.broker);
        self.executor.spawn(async move {
            // Whom the broker refuses has failed.
            let _ = broker.publish(&route, payload).await;
        });
    }

    fn replay(&mut self, arrow: Arrow) {
        if let Some((route, payload)) = self.inspector.first(arrow) {
            self.smuggle(route, payload);
        }
    }

    fn guess(&mut self, hospital: Hospital, patients: u16) -> Result<(), Violation> {
        if let Some((route, payload)) = forge::guesses(self, hospital, patients)? {
            self.spoiler.note();
            self.smuggle(route, payload);
        }
        Ok(())
    }

    /// A party starts again with another key pair; nobody else hears of it.
    fn use_keys(&mut self, service: Service, pair: KeyPair) -> Result<(), Violation> {
        self.spoiler.note();
        self.change_keys(service, pair)?;
        if self.is_running(service) {
            self.stop(service);
            self.start(service)?;
        }
        Ok(())
    }

    fn use_own_keys(&mut self) -> Result<(), Violation> {
        let astray: Vec<Service> = self
            .services()
            .into_iter()
            .filter(|service| self.party(*service).is_some_and(|party| self.shelf.is_astray(party)))
            .collect();
        astray.into_iter().try_for_each(|service| self.use_keys(service, KeyPair::Own))
    }
}

fn new_broker(clock: &SimulatedClock, hospitals: &[Nihdi], weather: &Weather, number: u128) -> Arc<EmbeddedBroker> {
    let mut options = EmbeddedOptions::new(Uuid::from_u128(number));
    options.faults = Some(Box::new(weather.clone()));
    Arc::new(EmbeddedBroker::new(Arc::new(clock.clone()), &Topology::for_hospitals(hospitals), options))
}

/// Services come and go.
impl World {
    pub(super) fn services(&self) -> Vec<Service> {
        self.clocks.keys().copied().collect()
    }

    pub(super) fn is_running(&self, service: Service) -> bool {
        self.running.contains_key(&service)
    }

    /// Puts a service together from its store, and starts it. All others that are put together with it are dropped again; they are
    /// nothing but their parts as long as nobody starts them.
    pub(super) fn start(&mut self, service: Service) -> Result<(), Violation> {
        let hospitals: Vec<Nihdi> = self.laboratory.hospitals.values().copied().collect();
        let line: Arc<dyn Broker> = Arc::new(Line {
            service,
            broker: Arc::clone(&self.broker),
            inspector: Arc::clone(&self.inspector),
            clock: self.clock.clone(),
            weather: self.weather.clone(),
            trap: Arc::clone(&self.trap),
            spoiler: Arc::clone(&self.spoiler),
        });
        let clock = self.clocks.get(&service).cloned().unwrap_or_else(|| ServiceClock::new(&self.clock));
        let plan = Plan {
            hospitals: &hospitals,
            context: Context {
                clock: Arc::new(clock),
                chance: Arc::clone(&self.chance),
                probe: Arc::new(Tripwire { service, trap: Arc::clone(&self.trap) }),
            },
            zones: Zones::all_on(&line),
            stores: self.stores.clone(),
            keys: &self.keys,
            definitions: self.laboratory.definitions_with(&self.newer_at(service))?,
            tuning: self.tuning,
        };
        let made = Installation::new(plan).now_or_never().ok_or_else(|| Violation::new("a store in memory made wait"))?;
        let mut installation = made.map_err(broken("put the services together"))?;
        let name = service.name();
        let own = installation.works.into_iter().filter(|(of, _)| *of == name).map(|(_, work)| work);
        let tasks: Vec<TaskId> = own.map(|work| self.executor.spawn(endless(work, self.clock.clone()))).collect();
        ensure(!tasks.is_empty(), || format!("{service:?} has no work"))?;
        self.running.insert(service, tasks);
        if let Service::Hd4dp(hospital) = service
            && let Some(nihdi) = self.laboratory.hospitals.get(&hospital)
        {
            self.hd4dp.extend(installation.hd4dp.remove(nihdi).map(|hd4dp| (hospital, hd4dp)));
        }
        if service == Service::Hd4res {
            self.hd4res = Some(installation.hd4res);
        }
        if service == Service::EhboxHd {
            self.ehbox_hd = Some(installation.ehbox_hd);
        }
        Ok(())
    }

    /// Ends a service where it stands; what it held in memory is gone.
    pub(super) fn stop(&mut self, service: Service) {
        for task in self.running.remove(&service).unwrap_or_default() {
            self.executor.kill(task);
        }
        if let Service::Hd4dp(hospital) = service {
            if let Some(task) = self.evidence.desks.get_mut(&hospital).and_then(Desk::break_off) {
                self.executor.kill(task);
            }
            self.hd4dp.remove(&hospital);
        }
        if service == Service::Hd4res {
            self.hd4res = None;
        }
        if service == Service::EhboxHd {
            self.ehbox_hd = None;
        }
        if let Some(screen) = self.screens.get_mut(&service) {
            screen.break_off();
        }
    }

    fn crash(&mut self, service: Service) -> Result<(), Violation> {
        self.crashes += 1;
        self.stop(service);
        self.start(service)
    }

    fn lose_broker(&mut self) -> Result<(), Violation> {
        let running: Vec<Service> = self.running.keys().copied().collect();
        running.iter().for_each(|service| self.stop(*service));
        self.brokers += 1;
        let hospitals: Vec<Nihdi> = self.laboratory.hospitals.values().copied().collect();
        self.broker = new_broker(&self.clock, &hospitals, &self.weather, self.brokers);
        self.evidence.queues = Arc::clone(&self.broker) as Arc<dyn Broker>;
        running.into_iter().try_for_each(|service| self.start(service))
    }
}

/// As a process runs a service's work: again when it ends. A panic is not caught: it ends the simulation.
async fn endless(work: Work, clock: SimulatedClock) {
    let mut backoff = Backoff::default();
    loop {
        work.start().await;
        clock::sleep(&clock, backoff.after_failure()).await;
    }
}

/// Time passes.
impl World {
    fn run_for(&mut self, pause: Duration) -> Result<(), Violation> {
        let until = self.now().plus(pause);
        loop {
            self.settle()?;
            match self.clock.next_alarm() {
                Some(alarm) if alarm <= until => self.clock.advance_to(alarm),
                _ => break,
            }
        }
        self.clock.advance_to(until);
        self.settle()
    }

    /// Everything happens that can happen at the present moment.
    pub(super) fn settle(&mut self) -> Result<(), Violation> {
        loop {
            let busy = self.executor.run_steps(STEPS_MAX);
            ensure(!busy, || format!("at {} the services go round in circles", self.now()))?;
            if !self.attend()? {
                return Ok(());
            }
        }
    }

    /// Restarts who crashed and lets the next uploads and deeds begin; whether there was anything to do.
    fn attend(&mut self) -> Result<bool, Violation> {
        let caught = self.trap.caught();
        let mut is_busy = !caught.is_empty();
        for service in caught {
            self.crash(service)?;
        }
        let Evidence { desks, laboratory, .. } = &mut self.evidence;
        for (hospital, desk) in desks {
            let Some(hd4dp) = self.hd4dp.get(hospital) else { continue };
            let (disks, service) = (self.disks.clone(), Service::Hd4dp(*hospital));
            let is_full = move || disks.is_full(service);
            is_busy |= desk.next(laboratory, hd4dp, is_full, |work| self.executor.spawn(work))?;
        }
        let places: Vec<Service> = self.screens.keys().copied().filter(|service| self.is_running(*service)).collect();
        for service in places {
            is_busy |= self.attend_screen(service)?;
        }
        Ok(is_busy)
    }

    /// Lets the next deed begin; it dies with its service.
    fn attend_screen(&mut self, service: Service) -> Result<bool, Violation> {
        let Some(wish) = self.screens.get_mut(&service).map_or(Ok(None), Screen::next)? else { return Ok(false) };
        let Some((row, registration)) = self.named(wish)? else { return Ok(true) };
        let progress = Progress::default();
        let work = match (service, &self.hd4res) {
            (Service::Hd4dp(hospital), _) => {
                let hd4dp = self.hd4dp.get(&hospital).cloned();
                let disks = self.disks.clone();
                let is_full = move || disks.is_full(service);
                hd4dp.map(|hd4dp| deeds::at_hospital(hd4dp, wish.deed, registration, (Arc::clone(&progress), is_full)))
            }
            (_, Some(hd4res)) => {
                let comments_on = self.laboratory.comments_of(row.register)?;
                let (hd4res, progress) = (Arc::clone(hd4res), Arc::clone(&progress));
                Some(deeds::at_hd4res(hd4res, wish.deed, registration, comments_on, progress))
            }
            _ => None,
        };
        if let Some(work) = work {
            let task = self.executor.spawn(work);
            self.running.entry(service).or_default().push(task);
            self.screens.entry(service).or_default().begin(progress);
        }
        Ok(true)
    }
}

#[cfg(test)]
impl World {
    /// The first publication on an arrow, for those who try what befalls it.
    pub(crate) fn first_published(&self, arrow: Arrow) -> Option<(Route, Payload)> {
        self.inspector.first(arrow)
    }

    /// The first publication on a route of an arrow.
    pub(crate) fn first_published_on(&self, arrow: Arrow, route: &Route) -> Option<Payload> {
        self.inspector.first_on(arrow, route)
    }

    /// The keys of all parties.
    pub(crate) const fn keys(&self) -> &AllKeys {
        &self.keys
    }
}
