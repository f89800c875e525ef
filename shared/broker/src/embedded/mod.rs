//! The broker that lives in the process.
//!
//! It needs no runtime: it spawns nothing, and waits on its [`Clock`] only for publications that a fault delays. The same calls give the
//! same results.

mod consumer;
mod faults;
mod queue;
mod state;

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use clock::Clock;
use topology::{QueueName, Route, Topology};
use uuid::Uuid;

pub use self::faults::{Fate, Faults};
pub(crate) use self::queue::Ticket;

use self::consumer::EmbeddedConsumer;
use self::queue::Queue;
use crate::{Broker, BrokerError, Consumer, Depth, Payload, PublishError, TraceParent};

/// What an embedded broker is made with.
pub struct EmbeddedOptions {
    /// Names this broker's life: see [`Broker::incarnation`]. Every process, and every restart in a simulation, takes another one.
    pub incarnation: Uuid,
    /// Bytes that wait in one queue at most, if fewer than the topology's limit: in a process they are memory.
    pub queue_bytes_max: Option<u64>,
    /// What goes wrong.
    pub faults: Option<Box<dyn Faults>>,
}

impl EmbeddedOptions {
    /// Without faults and with the topology's limits.
    #[must_use]
    pub fn new(incarnation: Uuid) -> Self {
        Self { incarnation, queue_bytes_max: None, faults: None }
    }
}

/// A broker inside the process, with the limits and habits of RabbitMQ's quorum queues.
pub struct EmbeddedBroker {
    clock: Arc<dyn Clock>,
    incarnation: Uuid,
    queues: HashMap<QueueName, Arc<Queue>>,
    routes: HashMap<Route, Arc<Queue>>,
    faults: Option<Mutex<Script>>,
}

/// The faults, and how many publications they have seen.
struct Script {
    faults: Box<dyn Faults>,
    seen: u64,
}

impl EmbeddedBroker {
    /// A broker with all queues of the topology, empty.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, topology: &Topology, options: EmbeddedOptions) -> Self {
        let mut queues: HashMap<QueueName, Arc<Queue>> = HashMap::new();
        // Dead-letter queues stand before the queues that need them.
        for row in topology.queues() {
            let dead = row.dead.as_ref().and_then(|_| queues.get(&row.name.dead()).cloned());
            let mut limits = row.limits;
            limits.bytes_max = limits.bytes_max.min(options.queue_bytes_max.unwrap_or(u64::MAX));
            queues.insert(row.name.clone(), Arc::new(Queue::new(limits, dead)));
        }
        let routes = topology
            .bindings()
            .iter()
            .filter_map(|binding| Some((binding.route.clone(), Arc::clone(queues.get(&binding.queue)?))))
            .collect();
        Self {
            clock,
            incarnation: options.incarnation,
            queues,
            routes,
            faults: options.faults.map(|faults| Mutex::new(Script { faults, seen: 0 })),
        }
    }

    /// Breaks every connection, as a restart of a broker or a network would: what is out goes back to its queue and its verdicts come to
    /// nothing, and each consumer hears of it once. What waits in the queues stays.
    pub fn cut(&self) {
        // By name, not in the order of a hash map: the order in which readers wake is part of a replay.
        let mut queues: Vec<_> = self.queues.iter().collect();
        queues.sort_unstable_by_key(|(name, _)| *name);
        queues.into_iter().for_each(|(_, queue)| queue.cut());
    }

    fn queue(&self, name: &QueueName) -> Result<&Arc<Queue>, BrokerError> {
        self.queues.get(name).ok_or_else(|| BrokerError::UnknownQueue(name.clone()))
    }

    fn fate(&self, route: &Route) -> Fate {
        let Some(script) = &self.faults else { return Fate::Deliver };
        let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
        let number = script.seen;
        script.seen += 1;
        script.faults.on_publish(route, number)
    }

    fn store(&self, route: &Route, payload: Payload, trace: Option<TraceParent>) -> Result<(), PublishError> {
        let queue = self.routes.get(route).ok_or(PublishError::Unroutable)?;
        match self.fate(route) {
            Fate::Deliver => queue.publish(payload, trace),
            Fate::Lose => Ok(()),
            Fate::Duplicate => queue.publish(payload.clone(), trace).and_then(|()| queue.publish(payload, trace)),
            Fate::Delay(pause) => queue.publish_at(payload, trace, self.clock.now().plus(pause)),
            Fate::ConfirmLost => queue.publish(payload, trace).and(Err(PublishError::ConfirmLost)),
            Fate::Refuse => Err(PublishError::Rejected),
        }
    }
}

#[async_trait]
impl Broker for EmbeddedBroker {
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError> {
        self.publish_traced(route, payload, None).await
    }

    async fn publish_traced(&self, route: &Route, payload: Payload, trace: Option<TraceParent>) -> Result<(), PublishError> {
        let outcome = self.store(route, payload, trace);
        // A confirm takes a turn of the executor: a publisher that dies here has published without knowing it, as it may with a real broker,
        // and a busy publisher lets its readers run.
        one_turn().await;
        outcome
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        let queue = self.queue(queue)?;
        Ok(Box::new(EmbeddedConsumer::new(Arc::clone(queue), Arc::clone(&self.clock), prefetch)))
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError> {
        Ok(self.queue(queue)?.depth())
    }

    fn incarnation(&self) -> Uuid {
        self.incarnation
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBroker")
            .field("incarnation", &self.incarnation)
            .field("queues", &self.queues.len())
            .finish_non_exhaustive()
    }
}

async fn one_turn() {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests;
