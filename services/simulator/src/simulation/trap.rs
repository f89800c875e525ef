//! Crashes at the points that services pass.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{FutureExt, future::BoxFuture};
use host::{Point, Probe};

use super::op::Service;

/// The points at which services are to crash, and who has run into one.
#[derive(Default)]
pub(super) struct Trap {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    set: BTreeMap<(Service, Point), u32>,
    caught: BTreeSet<Service>,
}

impl Trap {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next time that `service` reaches `point`, it stays there; set twice, the next two times.
    pub(super) fn set(&self, service: Service, point: Point) {
        *self.lock().set.entry((service, point)).or_default() += 1;
    }

    /// A service dies here.
    pub(super) fn catch(&self, service: Service) {
        self.lock().caught.insert(service);
    }

    /// Crashes that wait for their service.
    pub(super) fn unmet(&self) -> Vec<(Service, Point)> {
        let state = self.lock();
        state.set.iter().filter(|(_, times)| **times > 0).map(|(place, _)| *place).collect()
    }

    /// Nobody is caught any more.
    pub(super) fn clear(&self) {
        self.lock().set.clear();
    }

    /// Who was caught since the last call.
    pub(super) fn caught(&self) -> BTreeSet<Service> {
        std::mem::take(&mut self.lock().caught)
    }
}

/// Tells the trap where one service is. The services themselves know their kind only; there is one probe for each.
pub(super) struct Tripwire {
    pub(super) service: Service,
    pub(super) trap: Arc<Trap>,
}

impl Probe for Tripwire {
    fn reach(&self, _kind: &str, point: Point) -> Option<BoxFuture<'static, ()>> {
        let mut state = self.trap.lock();
        let times = state.set.get_mut(&(self.service, point)).filter(|times| **times > 0)?;
        *times -= 1;
        state.caught.insert(self.service);
        Some(std::future::pending().boxed())
    }
}
