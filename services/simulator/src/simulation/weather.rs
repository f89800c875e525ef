//! The faults of a world's broker, as its list says.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use broker::{Fate, Faults};
use topology::{Arrow, Route};

use super::op::Fault;

/// Which arrows meet faults. Dead letters meet none.
#[derive(Clone, Default)]
pub(super) struct Weather {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    once: BTreeMap<&'static str, VecDeque<Fault>>,
    keep: BTreeMap<&'static str, Fault>,
}

impl Weather {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn once(&self, arrow: Arrow, fault: Fault) {
        self.lock().once.entry(arrow.exchange()).or_default().push_back(fault);
    }

    pub(super) fn keep(&self, arrow: Arrow, fault: Fault) {
        self.lock().keep.insert(arrow.exchange(), fault);
    }

    pub(super) fn calm(&self) {
        let mut state = self.lock();
        state.once.clear();
        state.keep.clear();
    }
}

impl Faults for Weather {
    fn on_publish(&mut self, route: &Route, _number: u64) -> Fate {
        let mut state = self.lock();
        let once = state.once.get_mut(route.exchange.as_str()).and_then(VecDeque::pop_front);
        let fault = once.or_else(|| state.keep.get(route.exchange.as_str()).copied());
        match fault {
            None => Fate::Deliver,
            Some(Fault::Lose) => Fate::Lose,
            Some(Fault::Duplicate) => Fate::Duplicate,
            Some(Fault::Delay(minutes)) => Fate::Delay(Duration::from_secs(60 * u64::from(minutes))),
            Some(Fault::Reorder) => Fate::Delay(Duration::from_secs(1)),
            Some(Fault::ConfirmLost) => Fate::ConfirmLost,
            Some(Fault::Refuse) => Fate::Refuse,
        }
    }
}
