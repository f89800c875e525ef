//! What befalls publications and deliveries on the line between a service and the broker, as the scenario says; everything that passes is looked
//! into first.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use broker::{Faults as _, Payload};
use clock::{Clock, OffsetClock, Timestamp};
use topology::{Naming, Route, Topology};

use crate::{
    proxy::{Fate, Handing, Passing, Watcher},
    simulation::{Service, inspector::Inspector, spoil::Spoiler, weather::Weather},
};

/// What all lines share.
pub(super) struct Sight {
    /// Exchanges without their prefix, by their names on the broker.
    exchanges: BTreeMap<String, String>,
    pub(super) clock: OffsetClock,
    pub(super) weather: Weather,
    pub(super) inspector: Arc<Inspector>,
    pub(super) spoiler: Arc<Spoiler>,
    /// What was taken off and is published later.
    late: Mutex<Vec<(Timestamp, Route, Payload)>>,
    /// Who was handed what kills its reader.
    caught: Mutex<BTreeSet<Service>>,
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sight {
    pub(super) fn new(topology: &Topology, naming: &Naming, clock: &OffsetClock, spoiler: &Arc<Spoiler>) -> Self {
        let exchanges = topology.exchanges().iter().map(|exchange| (naming.exchange(&exchange.name), exchange.name.clone()));
        Self {
            exchanges: exchanges.collect(),
            clock: clock.clone(),
            weather: Weather::default(),
            inspector: Arc::default(),
            spoiler: Arc::clone(spoiler),
            late: Mutex::default(),
            caught: Mutex::default(),
        }
    }

    /// What is due by now.
    pub(super) fn due(&self) -> Vec<(Route, Payload)> {
        let (now, mut late) = (self.clock.now(), locked(&self.late));
        let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut *late).into_iter().partition(|(at, _, _)| *at <= now);
        *late = rest;
        due.into_iter().map(|(_, route, payload)| (route, payload)).collect()
    }

    /// When the next publication is due that was taken off.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        locked(&self.late).iter().map(|(at, _, _)| *at).min()
    }

    /// Who was caught since the last call.
    pub(super) fn caught(&self) -> BTreeSet<Service> {
        std::mem::take(&mut *locked(&self.caught))
    }
}

/// Looks at one service's line.
pub(super) struct Eye {
    service: Service,
    sight: Arc<Sight>,
    /// When the last delivery that was held back is handed out.
    handed: Mutex<Timestamp>,
}

impl Eye {
    pub(super) fn of(service: Service, sight: &Arc<Sight>) -> Arc<Self> {
        Arc::new(Self { service, sight: Arc::clone(sight), handed: Mutex::new(Timestamp::EPOCH) })
    }

    fn put_off(&self, by: Duration, route: Route, payload: Payload) -> Fate {
        let at = self.sight.clock.now().plus(by);
        locked(&self.sight.late).push((at, route, payload));
        Fate::Swallow
    }
}

impl Watcher for Eye {
    fn publishes(&self, publication: &Passing) -> Fate {
        let Some(exchange) = self.sight.exchanges.get(&publication.exchange) else { return Fate::Pass };
        let route = Route { exchange: exchange.clone(), routing_key: publication.routing_key.clone() };
        let (sight, payload) = (&*self.sight, &publication.body);
        sight.inspector.inspect(sight.clock.now(), self.service, &route, payload);
        let foreign = || sight.inspector.items_handed_over_by_others(payload);
        let spoilt = sight.weather.spoils(&route).and_then(|fault| sight.spoiler.spoil(fault, foreign, payload));
        // What is stored or not is the broker's part, of which this line plays the worse one.
        match sight.weather.clone().on_publish(&route, 0) {
            broker::Fate::Deliver => spoilt.map_or(Fate::Pass, Fate::Change),
            broker::Fate::Lose => Fate::Swallow,
            broker::Fate::Duplicate => Fate::Twice,
            broker::Fate::Delay(by) => self.put_off(by, route, payload.clone()),
            broker::Fate::ConfirmLost => Fate::LoseConfirm,
            broker::Fate::Refuse => Fate::Refuse,
        }
    }

    fn is_handed(&self, body: &Payload) -> Handing {
        if self.sight.spoiler.is_poison(body) {
            locked(&self.sight.caught).insert(self.service);
            return Handing::Never;
        }
        let Some(pause) = self.sight.weather.pause_of(self.service) else { return Handing::Now };
        let mut handed = locked(&self.handed);
        *handed = self.sight.clock.now().max(*handed).plus(pause);
        Handing::At(*handed)
    }
}
