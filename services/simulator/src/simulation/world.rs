//! A world: the whole route on one thread, one simulated clock, one embedded broker and stores in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use broker::{Broker, EmbeddedBroker, EmbeddedOptions};
use clock::{
    Clock, SimulatedClock, Timestamp,
    simulation::{Executor, TaskId},
};
use ehbox_hd::EhboxHd;
use futures_util::FutureExt;
use hd4dp::Hd4dp;
use hd4res::Hd4res;
use host::{Backoff, Chance, Context, Work};
use topology::{Nihdi, Topology, Zone};
use uuid::Uuid;

use super::{
    Laboratory, Op, Violation,
    deeds::{self, Deed, Progress, Screen, Wish},
    desk::{Desk, Upload},
    forge,
    inspector::{Inspector, Line, Published},
    laboratory::START,
    ledger::Ledger,
    model::Model,
    op::{Hospital, Register, RowName, Service},
    trap::{Trap, Tripwire},
    violation::{broken, ensure},
    weather::Weather,
};
use crate::{
    installation::{Installation, Plan, Tuning, Zones},
    keys::{AllKeys, Shelf},
    stores::Stores,
};

/// Small, so that a few rows make several publications and a full window.
const TUNING: Tuning = Tuning { publication_size: 3, window: 6, quota: None, look_for_keys_every: None };

/// Polls after which a world that has not come to rest at one moment never will.
const STEPS_MAX: u64 = 1_000_000;

/// The whole route, and what happened to it.
pub struct World {
    pub(super) laboratory: Arc<Laboratory>,
    executor: Executor,
    pub(super) clock: SimulatedClock,
    pub(super) chance: Arc<Chance>,
    pub(super) broker: Arc<EmbeddedBroker>,
    brokers: u128,
    pub(super) weather: Weather,
    trap: Arc<Trap>,
    pub(super) inspector: Arc<Inspector>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) stores: Stores,
    running: BTreeMap<Service, Vec<TaskId>>,
    crashes: u64,
    pub(super) hd4dp: BTreeMap<Hospital, Arc<Hd4dp>>,
    pub(super) desks: BTreeMap<Hospital, Desk>,
    hd4res: Option<Arc<Hd4res>>,
    pub(super) screens: BTreeMap<Service, Screen>,
    pub(super) model: Model,
    /// This world's own, since they may be renewed.
    pub(super) keys: AllKeys,
    pub(super) shelf: Shelf,
    pub(super) epoch: u32,
    pub(super) tuning: Tuning,
    pub(super) ehbox_hd: Option<Arc<EhboxHd>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("clock", &self.clock).field("running", &self.running.keys()).finish_non_exhaustive()
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
        let executor = Executor::new(seed, START);
        let clock = executor.clock();
        let hospitals: Vec<Nihdi> = laboratory.hospitals.values().copied().collect();
        let ledger = Ledger::new();
        let mut stores = Stores::in_memory(&hospitals, &laboratory.definitions);
        stores.hd4res = Arc::clone(&ledger) as Arc<dyn hd4res::store::Hd4resStore>;
        let weather = Weather::default();
        let (keys, shelf) = Shelf::under(&laboratory.keys);
        let mut world = Self {
            broker: new_broker(&clock, &hospitals, &weather, 1),
            laboratory: Arc::clone(laboratory),
            executor,
            clock,
            chance: Arc::new(Chance::seeded(seed)),
            brokers: 1,
            weather,
            trap: Arc::default(),
            inspector: Arc::default(),
            ledger,
            stores,
            running: BTreeMap::new(),
            crashes: 0,
            hd4dp: BTreeMap::new(),
            desks: Hospital::ALL.into_iter().map(|hospital| (hospital, Desk::default())).collect(),
            hd4res: None,
            screens: BTreeMap::new(),
            model: Model::default(),
            keys,
            shelf,
            epoch: 1,
            tuning,
            ehbox_hd: None,
        };
        for service in Service::ALL {
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
            Op::Reopen { hospital, number } => self.wish(Deed::Reopen, hospital, number)?,
            Op::SubmitAgain { hospital, number } => self.wish(Deed::SubmitAgain, hospital, number)?,
            Op::Delete { hospital, number } => self.wish(Deed::Delete, hospital, number)?,
            Op::Approve { hospital, number } => self.wish(Deed::Approve, hospital, number)?,
            Op::RequestCorrections { hospital, number } => self.wish(Deed::RequestCorrections, hospital, number)?,
            Op::RequestFollowUp { hospital, number } => self.wish(Deed::RequestFollowUp, hospital, number)?,
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
            Op::Rotate => self.rotate()?,
            Op::Recode => self.recode()?,
            Op::Renew(service) => self.renew(service)?,
            Op::MistakePatient => self.mistake_patient()?,
        }
        self.check()
    }

    /// The time that it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Every publication so far, in order.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        self.inspector.published()
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
        self.weather.calm();
        self.trap.clear();
        for service in Service::ALL {
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
                return self.check_at_rest(&given_up);
            }
            ensure(self.now() < until, || {
                format!("not at rest in {} minutes: {}", patience.as_secs() / 60, unfinished.join(", "))
            })?;
            self.run_for(until.since(self.now()).min(Duration::from_secs(6 * 3600)))?;
        }
    }

    fn upload(&mut self, hospital: Hospital, register: Register, first: u8, count: u8, changed: bool) -> Result<(), Violation> {
        let names = (first..first.saturating_add(count)).map(|number| RowName { hospital, register, number });
        let rows = names.map(|row| (row, self.model.revise(row, changed))).collect();
        if let Some(desk) = self.desks.get_mut(&hospital) {
            desk.put(Upload { register, rows });
        }
        self.attend().map(drop)
    }

    fn wish(&mut self, deed: Deed, hospital: Hospital, number: u8) -> Result<(), Violation> {
        self.screens.entry(deed.place(hospital)).or_default().put(Wish { deed, hospital, number });
        self.attend().map(drop)
    }

    fn forge(&mut self, hospital: Hospital) -> Result<(), Violation> {
        if let Some(forgery) = forge::forgery(self, hospital)? {
            let broker = Arc::clone(&self.broker);
            self.model.forged.insert(forgery.item);
            self.executor.spawn(async move {
                // A forger whom the broker refuses has failed.
                let _ = broker.publish(&forgery.route, forgery.payload).await;
            });
        }
        Ok(())
    }
}

fn new_broker(clock: &SimulatedClock, hospitals: &[Nihdi], weather: &Weather, number: u128) -> Arc<EmbeddedBroker> {
    let mut options = EmbeddedOptions::new(Uuid::from_u128(number));
    options.faults = Some(Box::new(weather.clone()));
    Arc::new(EmbeddedBroker::new(Arc::new(clock.clone()), &Topology::for_hospitals(hospitals), options))
}

/// Services come and go.
impl World {
    fn is_running(&self, service: Service) -> bool {
        self.running.contains_key(&service)
    }

    /// Puts a service together from its store, and starts it. All others that are put together with it are dropped again; they are
    /// nothing but their parts as long as nobody starts them.
    fn start(&mut self, service: Service) -> Result<(), Violation> {
        let hospitals: Vec<Nihdi> = self.laboratory.hospitals.values().copied().collect();
        let line: Arc<dyn Broker> = Arc::new(Line {
            service,
            broker: Arc::clone(&self.broker),
            inspector: Arc::clone(&self.inspector),
            clock: self.clock.clone(),
        });
        let plan = Plan {
            hospitals: &hospitals,
            context: Context {
                clock: Arc::new(self.clock.clone()),
                chance: Arc::clone(&self.chance),
                probe: Arc::new(Tripwire { service, trap: Arc::clone(&self.trap) }),
            },
            zones: Zones::all_on(&line),
            stores: self.stores.clone(),
            keys: &self.keys,
            definitions: Arc::clone(&self.laboratory.definitions),
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
    fn stop(&mut self, service: Service) {
        for task in self.running.remove(&service).unwrap_or_default() {
            self.executor.kill(task);
        }
        if let Service::Hd4dp(hospital) = service {
            if let Some(task) = self.desks.get_mut(&hospital).and_then(Desk::break_off) {
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
    fn settle(&mut self) -> Result<(), Violation> {
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
        for (hospital, desk) in &mut self.desks {
            let Some(hd4dp) = self.hd4dp.get(hospital) else { continue };
            is_busy |= desk.next(&self.laboratory, hd4dp, |work| self.executor.spawn(work))?;
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
                hd4dp.map(|hd4dp| deeds::at_hospital(hd4dp, wish.deed, registration, Arc::clone(&progress)))
            }
            (_, Some(hd4res)) => {
                let comment_on = self.laboratory.comment_of(row.register)?;
                let (hd4res, progress) = (Arc::clone(hd4res), Arc::clone(&progress));
                Some(deeds::at_hd4res(hd4res, wish.deed, registration, comment_on, progress))
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

    /// The registration that a wish is about, if its hospital has taken in any.
    fn named(&self, wish: Wish) -> Result<Option<(RowName, Uuid)>, Violation> {
        let mut all = Vec::new();
        for row in self.model.rows_of(wish.hospital) {
            all.extend(self.known(row)?.map(|known| (row, known.registration_id)));
        }
        let at = usize::from(wish.number).checked_rem(all.len());
        Ok(at.and_then(|at| all.get(at).copied()))
    }
}
