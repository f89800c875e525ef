//! Publications that were confirmed and are handed out later.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use broker::{Broker, Payload, PublishError};
use clock::{Clock, Timestamp};
use futures_util::future::select;
use tokio::sync::Notify;
use topology::Route;

/// What is held back. It lives in the process, as an embedded broker's queues do: what a kill takes with it comes again with its resend.
pub struct Held {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    last: u64,
    kept: Vec<Kept>,
}

#[derive(Clone)]
struct Kept {
    number: u64,
    due: Timestamp,
    route: Route,
    payload: Payload,
    broker: Arc<dyn Broker>,
}

/// Between two attempts to hand out what the broker did not take.
const AGAIN: Duration = Duration::from_secs(1);

impl Held {
    /// Holds nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default(), changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a publication back for so long.
    pub fn keep(&self, by: Duration, route: &Route, payload: Payload, broker: &Arc<dyn Broker>) {
        let mut state = self.lock();
        state.last += 1;
        let (number, due) = (state.last, self.clock.now().plus(by));
        state.kept.push(Kept { number, due, route: route.clone(), payload, broker: Arc::clone(broker) });
        drop(state);
        self.changed.notify_one();
    }

    /// How many are held back from a queue.
    #[must_use]
    pub fn count(&self, queue: &str) -> u64 {
        self.lock().kept.iter().filter(|kept| kept.route.routing_key == queue).count() as u64
    }

    /// Nothing is held back any longer.
    pub fn release(&self) {
        let now = self.clock.now();
        self.lock().kept.iter_mut().for_each(|kept| kept.due = kept.due.min(now));
        self.changed.notify_one();
    }

    fn first(&self) -> Option<Kept> {
        self.lock().kept.iter().min_by_key(|kept| (kept.due, kept.number)).cloned()
    }

    /// Hands out what is due, for ever. What the broker does not take is tried again; it was confirmed.
    pub async fn hand_out(&self) {
        loop {
            let changed = self.changed.notified();
            match self.first() {
                None => changed.await,
                Some(first) if first.due <= self.clock.now() => self.hand_out_one(first).await,
                Some(first) => {
                    select(std::pin::pin!(changed), self.clock.sleep_until(first.due)).await;
                }
            }
        }
    }

    async fn hand_out_one(&self, Kept { number, route, payload, broker, .. }: Kept) {
        let outcome = broker.publish(&route, payload).await;
        let mut state = self.lock();
        match outcome {
            // After a lost confirm a second attempt would be a second fault.
            Ok(()) | Err(PublishError::ConfirmLost) => state.kept.retain(|kept| kept.number != number),
            Err(PublishError::Unroutable | PublishError::Rejected | PublishError::Unavailable) => {
                let again = self.clock.now().plus(AGAIN);
                state.kept.iter_mut().filter(|kept| kept.number == number).for_each(|kept| kept.due = again);
            }
        }
    }
}
