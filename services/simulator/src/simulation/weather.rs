//! The faults of a world's broker, as its list says.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use broker::{Fate, Faults};
use topology::{Arrow, Route};

use super::op::{Fault, Service};

/// Which arrows meet faults. Dead letters meet none.
#[derive(Clone, Default)]
pub(crate) struct Weather {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    once: BTreeMap<&'static str, VecDeque<Fault>>,
    keep: BTreeMap<&'static str, Fault>,
    is_away: bool,
    slow: BTreeMap<Service, Duration>,
}

impl Weather {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn once(&self, arrow: Arrow, fault: Fault) {
        self.lock().once.entry(arrow.exchange()).or_default().push_back(fault);
    }

    pub(crate) fn keep(&self, arrow: Arrow, fault: Fault) {
        self.lock().keep.insert(arrow.exchange(), fault);
    }

    /// No more faults of publications.
    pub(crate) fn calm(&self) {
        let mut state = self.lock();
        state.once.clear();
        state.keep.clear();
    }

    /// No more faults of anything.
    pub(crate) fn clear(&self) {
        *self.lock() = State::default();
    }

    /// Faults that wait for a publication.
    pub(crate) fn unmet(&self) -> Vec<(Arrow, Fault)> {
        let state = self.lock();
        let waiting = Arrow::ALL.into_iter().filter_map(|arrow| Some((arrow, state.once.get(arrow.exchange())?)));
        waiting.flat_map(|(arrow, faults)| faults.iter().map(move |fault| (arrow, *fault))).collect()
    }

    pub(crate) fn is_away(&self) -> bool {
        self.lock().is_away
    }

    /// Whether the broker can be reached.
    pub(crate) fn go_away(&self, is_away: bool) {
        self.lock().is_away = is_away;
    }

    pub(crate) fn pause_of(&self, service: Service) -> Option<Duration> {
        self.lock().slow.get(&service).copied()
    }

    pub(crate) fn slow_down(&self, service: Service, seconds: u32) {
        let mut state = self.lock();
        if seconds == 0 {
            state.slow.remove(&service);
        } else {
            state.slow.insert(service, Duration::from_secs(seconds.into()));
        }
    }

    /// The fault that the contents of the next publication on this route meet, if its fault is one of those.
    pub(crate) fn spoils(&self, route: &Route) -> Option<Fault> {
        let mut state = self.lock();
        let exchange = route.exchange.as_str();
        if let Some(waiting) = state.once.get_mut(exchange).filter(|waiting| !waiting.is_empty()) {
            let is_of_contents = waiting.front().is_some_and(|fault| fault.is_of_contents());
            return if is_of_contents { waiting.pop_front() } else { None };
        }
        state.keep.get(exchange).copied().filter(|fault| fault.is_of_contents())
    }
}

/// How long a publication is kept back that comes behind others.
pub(crate) const BEHIND: Duration = Duration::from_secs(1);

impl Faults for Weather {
    fn on_publish(&mut self, route: &Route, _number: u64) -> Fate {
        let mut state = self.lock();
        // A fault of contents waits for the publication behind this one, whose own it was.
        let is_of_broker = |waiting: &&mut VecDeque<Fault>| waiting.front().is_some_and(|fault| !fault.is_of_contents());
        let once = state.once.get_mut(route.exchange.as_str()).filter(is_of_broker).and_then(VecDeque::pop_front);
        let fault = once.or_else(|| state.keep.get(route.exchange.as_str()).copied());
        match fault {
            None => Fate::Deliver,
            Some(fault) if fault.is_of_contents() => Fate::Deliver,
            Some(Fault::Lose) => Fate::Lose,
            Some(Fault::Duplicate) => Fate::Duplicate,
            Some(Fault::Delay { seconds }) => Fate::Delay(Duration::from_secs(seconds.into())),
            Some(Fault::Reorder) => Fate::Delay(BEHIND),
            Some(Fault::ConfirmLost) => Fate::ConfirmLost,
            Some(_) => Fate::Refuse,
        }
    }
}
