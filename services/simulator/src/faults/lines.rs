//! The lines of all services to the brokers, and what befalls them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use broker::{Broker, Cable, Payload};
use clock::Clock;
use futures_util::{FutureExt, future::BoxFuture};
use host::{Point, Probe};
use tokio::sync::Notify;
use topology::{Arrow, Route};

use super::{Board, Outcome, Strikes, held::Held, line::Line, lives::is_in_work, strikes::About};
use crate::{
    installation::Zones,
    keys::AllKeys,
    scenario::{steps::FAULTS, words},
    simulation::{Fault, Service, remembered::Remembered, spoil::Spoiler},
};

/// The lines of an installation, with the faults that are on.
pub struct Lines {
    pub(super) clock: Arc<dyn Clock>,
    /// Which faults are on.
    pub board: Board,
    /// What struck.
    pub strikes: Strikes,
    pub(super) held: Held,
    pub(super) spoiler: Spoiler,
    remembered: Mutex<Remembered>,
    cables: Cables,
    caught: Mutex<BTreeSet<Service>>,
    bell: Notify,
}

/// One cable for each broker, so that a cut meets them all.
struct Cables {
    hospital: Arc<Cable>,
    ehealth: Arc<Cable>,
    hd: Arc<Cable>,
}

impl Cables {
    fn to(zones: &Zones) -> Self {
        let hospital = Arc::new(Cable::to(Arc::clone(&zones.hospital)));
        let to = |broker: &Arc<dyn Broker>, known: &[&Arc<Cable>]| {
            let known = known.iter().find(|cable| Arc::ptr_eq(cable.end(), broker)).map(|cable| Arc::clone(*cable));
            known.unwrap_or_else(|| Arc::new(Cable::to(Arc::clone(broker))))
        };
        let ehealth = to(&zones.ehealth, &[&hospital]);
        let hd = to(&zones.hd, &[&hospital, &ehealth]);
        Self { hospital, ehealth, hd }
    }

    /// Each once: one broker may play all zones.
    fn each(&self) -> Vec<&Arc<Cable>> {
        let mut each: Vec<&Arc<Cable>> = Vec::new();
        for cable in [&self.hospital, &self.ehealth, &self.hd] {
            if !each.iter().any(|known| Arc::ptr_eq(known, cable)) {
                each.push(cable);
            }
        }
        each
    }
}

impl Lines {
    /// Lines to the brokers of all zones. `keys` are everybody's, as no party has them, to play a party that lies.
    #[must_use]
    pub fn to(zones: &Zones, clock: &Arc<dyn Clock>, keys: &AllKeys) -> Arc<Self> {
        let hospitals = keys.hospitals.iter().map(|(nihdi, (_, keys))| (*nihdi, Arc::clone(keys)));
        Arc::new(Self {
            clock: Arc::clone(clock),
            board: Board::default(),
            strikes: Strikes::default(),
            held: Held::new(Arc::clone(clock)),
            spoiler: Spoiler::new(&keys.ttp, &keys.hd, hospitals),
            remembered: Mutex::default(),
            cables: Cables::to(zones),
            caught: Mutex::default(),
            bell: Notify::new(),
        })
    }

    /// The brokers as one service sees them; with `None`, as whoever runs the installation does.
    #[must_use]
    pub fn of(self: &Arc<Self>, service: Option<Service>) -> Zones {
        let line = |cable: &Arc<Cable>| -> Arc<dyn Broker> {
            Arc::new(Line { service, cable: Arc::clone(cable), lines: Arc::clone(self) })
        };
        Zones { hospital: line(&self.cables.hospital), ehealth: line(&self.cables.ehealth), hd: line(&self.cables.hd) }
    }

    /// What tells these lines where a service is.
    #[must_use]
    pub fn probe(self: &Arc<Self>, service: Service) -> Arc<dyn Probe> {
        Arc::new(Tripwire { service, lines: Arc::clone(self) })
    }

    /// Every connection breaks once.
    pub fn cut(&self) {
        self.cables.each().into_iter().for_each(|cable| cable.cut());
    }

    /// Whether no broker can be reached from now on.
    pub fn go_away(&self, is_away: bool) {
        self.cables.each().into_iter().for_each(|cable| cable.go_away(is_away));
    }

    /// Hands out what was held back, for ever.
    pub async fn hand_out(&self) {
        self.held.hand_out().await;
    }

    /// What is held back is handed out now.
    pub fn release(&self) {
        self.held.release();
    }

    pub(super) fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The arrow of a route, which is remembered; `None` for dead letters.
    pub(super) fn remember(&self, route: &Route, payload: &Payload) -> Option<Arrow> {
        let arrow = Arrow::ALL.into_iter().find(|arrow| arrow.exchange() == route.exchange)?;
        self.remembered().note(arrow, route, payload);
        Some(arrow)
    }

    /// Writes down that a fault of a publication struck.
    pub(super) fn struck(&self, fault: Fault, about: About, outcome: Outcome) {
        // A delay is known by its word, however long.
        let known = if let Fault::Delay { .. } = fault { Fault::Delay { seconds: 0 } } else { fault };
        self.strikes.note(self.clock.now(), words::word_of(&FAULTS, &known), about, outcome);
    }

    /// A service dies where it stands.
    pub(super) fn catch(&self, service: Service) {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner).insert(service);
        self.bell.notify_one();
    }

    /// The next service that died. For one who waits.
    pub async fn next_caught(&self) -> Service {
        loop {
            let bell = self.bell.notified();
            let caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            match caught {
                Some(service) => return service,
                None => bell.await,
            }
        }
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("board", &self.board).finish_non_exhaustive()
    }
}

/// Tells the lines where one service is. The services themselves know their kind only; there is one probe for each.
struct Tripwire {
    service: Service,
    lines: Arc<Lines>,
}

impl Probe for Tripwire {
    fn reach(&self, _kind: &str, point: Point) -> Option<BoxFuture<'static, ()>> {
        if !self.lines.board.trips(self.service, point) {
            return None;
        }
        let about = About { service: Some(self.service), ..About::default() };
        self.lines.strikes.note(self.lines.clock.now(), "crash", about, Outcome::Struck);
        self.lines.catch(self.service);
        if is_in_work() {
            return Some(std::future::pending().boxed());
        }
        // A request dies with the service that it was asked of, and nobody waits for it any more.
        Some(async { std::panic::resume_unwind(Box::new("a crash that was asked for")) }.boxed())
    }
}
