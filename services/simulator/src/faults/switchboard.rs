//! Switching faults on and off while an installation runs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clock::{Clock, OffsetClock};
use futures_util::future::{BoxFuture, select};
use host::{Chance, Context, Work};
use sealing::{
    SealingError,
    keys::{KeyError, Party},
};
use store::StoreError;
use topology::{Arrow, Nihdi, Route};

use super::{Lines, On, Outcome, forge, lives::Lives, strikes::About};
use crate::{
    installation::{Surroundings, Zones},
    keys::{AllKeys, Shelf},
    scenario::places::Places,
    simulation::{
        Hospital, KeyPair, Op, Service,
        disk::{self, Disks},
    },
    stores::Stores,
};

/// Why a fault cannot be switched on.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// A store does not say what a forgery needs.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no other key pair.
    #[error("make a key pair")]
    NoKey(#[from] SealingError),
    /// A party's keys cannot be read.
    #[error("read the keys")]
    Keys(#[from] KeyError),
    /// It is a scenario's, and no running installation's.
    #[error("do in a running installation what is a scenario's")]
    Elsewhere,
}

/// What came of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switched {
    /// A fault is on, under a number.
    On(On),
    /// Something happened, once.
    Done,
    /// Faults are off; so many were on.
    Off(usize),
    /// There was nothing that it could have happened to.
    Nothing,
}

/// The faults of one installation.
pub struct Switchboard {
    lines: Arc<Lines>,
    places: Places,
    lives: Lives,
    disks: Disks,
    clocks: BTreeMap<Service, OffsetClock>,
    keys: AllKeys,
    shelf: Mutex<Shelf>,
    stores: Stores,
    chance: Arc<Chance>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Switchboard").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Switchboard {
    /// A switchboard over an installation's brokers, keys and stores. The installation is put together with [`Self::around`], [`Self::keys`] and
    /// [`Self::stores`].
    #[must_use]
    pub fn over(hospitals: &[Nihdi], context: &Context, zones: &Zones, keys: &AllKeys, stores: &Stores) -> Self {
        let (keys, shelf) = Shelf::under(keys);
        let places = Places::of_installation(hospitals);
        let (disks, mut stores) = (Disks::default(), stores.clone());
        disk::put_on(&disks, hospitals.iter().map(|nihdi| (Hospital::of(*nihdi), *nihdi)), &mut stores);
        disk::put_hd4res_on(&disks, &mut stores);
        let (_, services) = places.every();
        Self {
            lines: Lines::to(zones, &context.clock, &keys),
            lives: Lives::new(&context.clock),
            clocks: services.into_iter().map(|service| (service, OffsetClock::default())).collect(),
            chance: Arc::clone(&context.chance),
            clock: Arc::clone(&context.clock),
            shelf: Mutex::new(shelf),
            places,
            disks,
            keys,
            stores,
        }
    }

    /// The keys, which a fault may change under their party.
    #[must_use]
    pub const fn keys(&self) -> &AllKeys {
        &self.keys
    }

    /// The stores, whose disks may be full.
    #[must_use]
    pub const fn stores(&self) -> &Stores {
        &self.stores
    }

    /// The hospitals and services that a text may name.
    #[must_use]
    pub const fn places(&self) -> &Places {
        &self.places
    }

    /// The lines, with what is on and what struck.
    #[must_use]
    pub const fn lines(&self) -> &Arc<Lines> {
        &self.lines
    }

    /// A service's surroundings: its own clock, line and probe.
    #[must_use]
    pub fn around(&self, name: &str) -> Surroundings {
        let service = self.service(name);
        let clock = service.and_then(|service| self.clocks.get(&service)).cloned().unwrap_or_default();
        let probe = service.map_or_else(|| Arc::new(host::NoProbe) as Arc<dyn host::Probe>, |service| self.lines.probe(service));
        let context = Context { clock: Arc::new(clock), chance: Arc::clone(&self.chance), probe };
        Surroundings { context, zones: self.lines.of(service) }
    }

    /// A service by its name in the installation.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<Service> {
        self.clocks.keys().copied().find(|service| service.name() == name)
    }

    /// Whether a service was stopped.
    #[must_use]
    pub fn is_down(&self, name: &str) -> bool {
        let service = self.service(name);
        self.lines.board.has(|op| matches!(op, Op::Down(of) if Some(*of) == service))
    }

    /// Adds works, each with the name of its service, and starts them.
    pub async fn add(&self, works: Vec<(String, Work)>) {
        let mut of_services: BTreeMap<Service, Vec<Work>> = BTreeMap::new();
        for (name, work) in works {
            if let Some(service) = self.service(&name) {
                of_services.entry(service).or_default().push(work);
            }
        }
        for (service, works) in of_services {
            self.lives.add(service, works).await;
        }
    }

    /// Keeps the faults going until `stop` completes, then stops every service.
    pub async fn run(&self, stop: BoxFuture<'_, ()>) {
        let reviving = Box::pin(async {
            loop {
                let service = self.lines.next_caught().await;
                self.lives.restart(service).await;
            }
        });
        let handing_out = Box::pin(self.lines.hand_out());
        let faults = Box::pin(select(reviving, handing_out));
        select(faults, stop).await;
        self.lives.stop_all().await;
    }
}

/// What happens.
impl Switchboard {
    /// Lets something happen: these operations are one wish, the same so many times.
    ///
    /// # Errors
    ///
    /// [`FaultError`].
    pub async fn switch(&self, ops: &[Op]) -> Result<Switched, FaultError> {
        let Some(op) = ops.first().copied() else { return Ok(Switched::Nothing) };
        let times = u32::try_from(ops.len()).unwrap_or(u32::MAX);
        match op {
            Op::Once { .. } | Op::Crash { .. } => Ok(self.put(op, Some(times))),
            Op::Keep { arrow, .. } => {
                self.lines.board.take(|on| matches!(on.op, Op::Keep { arrow: of, .. } if of == arrow));
                Ok(self.put(op, None))
            }
            Op::Calm => self.off(|on| matches!(on.op, Op::Once { .. } | Op::Keep { .. })).await,
            Op::Kill(service) => Ok(self.happened("kill", About::of(service), self.lives.restart(service).await)),
            Op::Down(service) if self.is_on(op) => Ok(self.happened("down", About::of(service), false)),
            Op::Down(service) => {
                self.lives.stop(service).await;
                self.happened("down", About::of(service), true);
                Ok(self.put(op, None))
            }
            Op::Up(service) => self.off(|on| on.op == Op::Down(service)).await,
            Op::CutBroker => {
                self.lines.cut();
                Ok(self.happened("cut-broker", About::default(), true))
            }
            Op::BrokerAway if self.is_on(op) => Ok(Switched::Nothing),
            Op::BrokerAway => {
                self.lines.go_away(true);
                self.happened("broker-away", About::default(), true);
                Ok(self.put(op, None))
            }
            Op::BrokerBack => self.off(|on| on.op == Op::BrokerAway).await,
            Op::Slow { service, seconds } => {
                let off = self.off(|on| matches!(on.op, Op::Slow { service: of, .. } if of == service)).await?;
                Ok(if seconds == 0 { off } else { self.put(op, None) })
            }
            Op::DiskFull(_) if self.is_on(op) => Ok(Switched::Nothing),
            Op::DiskFull(service) => {
                self.disks.fill(service);
                self.happened("disk-full", About::of(service), true);
                Ok(self.put(op, None))
            }
            Op::DiskFree(service) => self.off(|on| on.op == Op::DiskFull(service)).await,
            Op::JumpClock { service, minutes } => Ok(self.jump(service, minutes)),
            Op::UseKeys { service, pair } => self.use_keys(service, pair).await,
            Op::Replay(arrow) => Ok(self.replay(arrow).await),
            Op::Guess { hospital, patients } => Ok(self.guess(hospital, patients).await),
            Op::Forge(hospital) => self.forge(hospital).await,
            Op::Submit { .. }
            | Op::Change { .. }
            | Op::Upload { .. }
            | Op::NewDefinition { .. }
            | Op::Deed { .. }
            | Op::Steps(_)
            | Op::Minutes(_)
            | Op::LoseBroker
            | Op::Rotate
            | Op::Recode
            | Op::Renew(_)
            | Op::MistakePatient => Err(FaultError::Elsewhere),
        }
    }

    /// Switches off the fault of this number; whether it was on.
    ///
    /// # Errors
    ///
    /// [`FaultError`].
    pub async fn switch_off(&self, number: u64) -> Result<bool, FaultError> {
        Ok(matches!(self.off(|on| on.number == number).await?, Switched::Off(_)))
    }

    /// Switches every fault off; how many were on. What is held back is handed out at once.
    ///
    /// # Errors
    ///
    /// [`FaultError`].
    pub async fn switch_all_off(&self) -> Result<usize, FaultError> {
        let off = self.off(|_| true).await?;
        self.lines.release();
        Ok(if let Switched::Off(count) = off { count } else { 0 })
    }

    fn is_on(&self, op: Op) -> bool {
        self.lines.board.has(|on| *on == op)
    }

    fn put(&self, op: Op, times: Option<u32>) -> Switched {
        Switched::On(self.lines.board.put(op, times, self.clock.now()))
    }

    fn happened(&self, fault: &'static str, about: About, has_it: bool) -> Switched {
        let outcome = if has_it { Outcome::Struck } else { Outcome::Nothing };
        self.lines.strikes.note(self.clock.now(), fault, about, outcome);
        if has_it { Switched::Done } else { Switched::Nothing }
    }

    async fn off(&self, is_it: impl Fn(&On) -> bool) -> Result<Switched, FaultError> {
        let gone = self.lines.board.take(is_it);
        for on in &gone {
            self.undo(on.op).await?;
        }
        Ok(if gone.is_empty() { Switched::Nothing } else { Switched::Off(gone.len()) })
    }

    /// Takes back what a fault did to the installation. A clock stays as it was set: its service has seen the time.
    async fn undo(&self, op: Op) -> Result<(), FaultError> {
        match op {
            Op::Down(service) => self.lives.start(service).await,
            Op::BrokerAway => self.lines.go_away(false),
            Op::DiskFull(service) => self.disks.free(service),
            Op::UseKeys { service, .. } => self.take_keys(service, KeyPair::Own).await?,
            _ => {}
        }
        Ok(())
    }

    fn jump(&self, service: Service, minutes: i32) -> Switched {
        let by = Duration::from_secs(60 * u64::from(minutes.unsigned_abs()));
        let Some(clock) = self.clocks.get(&service) else { return Switched::Nothing };
        if minutes < 0 {
            clock.jump_back(by);
        } else {
            clock.jump(by);
        }
        self.happened("jump-clock", About::of(service), true)
    }

    async fn use_keys(&self, service: Service, pair: KeyPair) -> Result<Switched, FaultError> {
        let off = self.off(|on| matches!(on.op, Op::UseKeys { service: of, .. } if of == service)).await?;
        if pair == KeyPair::Own {
            return Ok(off);
        }
        self.take_keys(service, pair).await?;
        self.happened("use-keys", About::of(service), true);
        Ok(self.put(Op::UseKeys { service, pair }, None))
    }

    /// A party starts again with another key pair than its public one, or with its own.
    async fn take_keys(&self, service: Service, pair: KeyPair) -> Result<(), FaultError> {
        let Some(party) = party(service) else { return Ok(()) };
        {
            let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
            match pair {
                KeyPair::Wrong => shelf.use_wrong_key_pair(party)?,
                KeyPair::Foreign => shelf.use_foreign_key_pair(party),
                KeyPair::Own => shelf.use_own_key_pair(party),
            }
        }
        self.keys.look_again(party)?;
        self.lives.restart(service).await;
        Ok(())
    }

    /// Puts a publication on the brokers that no service sends.
    async fn smuggle(&self, arrow: Arrow, route: &Route, payload: broker::Payload) -> bool {
        let zones = self.lines.of(None);
        zones.of(arrow).publish(route, payload).await.is_ok()
    }

    async fn replay(&self, arrow: Arrow) -> Switched {
        let first = self.lines.remembered().first(arrow);
        let about = About { arrow: Some(arrow), ..About::default() };
        let is_sent = match first {
            Some((route, payload)) => self.smuggle(arrow, &route, payload).await,
            None => false,
        };
        self.happened("replay", about, is_sent)
    }

    async fn guess(&self, hospital: Hospital, patients: u16) -> Switched {
        let arrow = Arrow::HandOver;
        let about = About { arrow: Some(arrow), service: Some(Service::Hd4dp(hospital)), ..About::default() };
        let Some(route) = nihdi(hospital).map(|nihdi| arrow.route(Some(&nihdi))) else { return Switched::Nothing };
        let own = self.lines.remembered().last_handed_over(&route);
        let guesses = own.and_then(|own| forge::guesses(&own, patients, &self.chance, self.clock.now()));
        let is_sent = match guesses {
            Some(payload) => self.smuggle(arrow, &route, payload).await,
            None => false,
        };
        self.happened("guess-patients", about, is_sent)
    }

    async fn forge(&self, hospital: Hospital) -> Result<Switched, FaultError> {
        let arrow = Arrow::ToHd4dp;
        let about = About { arrow: Some(arrow), service: Some(Service::EhboxHco(hospital)), ..About::default() };
        let Some(nihdi) = nihdi(hospital) else { return Ok(Switched::Nothing) };
        let own = self.lines.remembered().last_handed_over(&Arrow::HandOver.route(Some(&nihdi)));
        let forged = match (own, self.stores.hospitals.get(&nihdi)) {
            (Some(own), Some(stores)) => forge::status((nihdi, &own), &*stores.hd4dp, &self.chance, self.clock.now()).await?,
            _ => None,
        };
        let is_sent = match forged {
            Some(payload) => self.smuggle(arrow, &arrow.route(Some(&nihdi)), payload).await,
            None => false,
        };
        Ok(self.happened("forge-status", about, is_sent))
    }
}

fn nihdi(hospital: Hospital) -> Option<Nihdi> {
    hospital.number().parse().ok()
}

/// The party of a service that has a key pair.
fn party(service: Service) -> Option<Party> {
    match service {
        Service::EhboxHco(hospital) => nihdi(hospital).map(Party::EhboxHco),
        Service::EhealthTtp => Some(Party::EhealthTtp),
        Service::EhboxHd => Some(Party::EhboxHd),
        Service::Hd4dp(_) | Service::Hd4res | Service::Dhw => None,
    }
}
