//! The faults of a world's broker, as its list says.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use broker::{Fate, Faults};
use topology::{Arrow, Route};
use uuid::Uuid;

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
    /// The items of the publication that is handed to the broker now.
    announced: Vec<Uuid>,
    /// The items of publications that were lost, once or more often.
    lost: BTreeSet<Uuid>,
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

    /// Says what the next publication holds.
    pub(super) fn announce(&self, items: Vec<Uuid>) {
        self.lock().announced = items;
    }

    /// Whether a publication with this item was lost, on the present broker.
    pub(super) fn has_lost(&self, item: Uuid) -> bool {
        self.lock().lost.contains(&item)
    }

    /// The broker ended: whoever sends again what it held does so for what was lost before, too.
    pub(super) fn begin_anew(&self) {
        self.lock().lost.clear();
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
        let announced = std::mem::take(&mut state.announced);
        if fault == Some(Fault::Lose) {
            state.lost.extend(announced);
        }
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
