//! A line to a broker that can be cut by hand, whatever the broker: for whoever wants to see what services make of it.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use tokio::sync::watch;
use topology::{QueueName, Route};
use uuid::Uuid;

use crate::{
    Broker, BrokerError, Consumer, Delivery, Depth, Payload, PublishError, TraceParent,
    delivery::{Handle, Verdict},
};

/// A broker behind a line that can be cut, and stay cut.
///
/// A cut does what a lost connection does: publications under way have an unknown outcome, what is out goes back to its queue and its verdicts
/// come to nothing, and each consumer hears of it once. What waits in the queues stays.
pub struct Cable {
    broker: Arc<dyn Broker>,
    line: Arc<Line>,
}

/// What a cable's consumers share with it.
struct Line {
    state: watch::Sender<State>,
    out: Mutex<Out>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    cuts: u64,
    is_away: bool,
}

/// The deliveries that are out over the line.
#[derive(Default)]
struct Out {
    slots: Vec<Weak<Slot>>,
    /// How many slots there may be before those of settled deliveries are thrown away.
    tidy_at: usize,
}

/// The right to give a verdict on one delivery, until it is given or the line is cut.
pub(crate) struct Slot(Mutex<Option<Handle>>);

impl Slot {
    fn take(&self) -> Option<Handle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn settle(&self, verdict: Verdict) -> Result<(), BrokerError> {
        self.take().ok_or(BrokerError::ConnectionLost)?.settle(verdict)
    }
}

/// Slots that are kept without a look at them.
const TIDY_AT_LEAST: usize = 64;

impl Cable {
    /// A whole line to `broker`.
    #[must_use]
    pub fn to(broker: Arc<dyn Broker>) -> Self {
        let line = Line { state: watch::Sender::default(), out: Mutex::default() };
        Self { broker, line: Arc::new(line) }
    }

    /// Breaks every connection once. They may be made again at once.
    pub fn cut(&self) {
        self.line.change(|state| state.cuts += 1);
    }

    /// Whether the broker cannot be reached from now on; going away breaks every connection.
    pub fn go_away(&self, is_away: bool) {
        self.line.change(|state| {
            state.cuts += u64::from(is_away && !state.is_away);
            state.is_away = is_away;
        });
    }

    /// Whether the broker cannot be reached.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.line.state().is_away
    }

    /// What is at the other end, past the line.
    #[must_use]
    pub fn end(&self) -> &Arc<dyn Broker> {
        &self.broker
    }
}

impl Line {
    fn state(&self) -> State {
        *self.state.borrow()
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let before = self.state().cuts;
        // Under the lock, so that no delivery goes out over a line that is cut already.
        let gone = {
            let mut out = self.out();
            self.state.send_modify(change);
            if self.state().cuts == before { Vec::new() } else { std::mem::take(&mut out.slots) }
        };
        for handle in gone.into_iter().filter_map(|slot| slot.upgrade()?.take()) {
            // When the broker's own connection is gone too, it has given the delivery back already.
            let _ = handle.settle(Verdict::Requeue);
        }
    }

    /// A delivery that goes out over the line, unless it was cut after the `cuts` of its consumer.
    fn lead(&self, delivery: Delivery, cuts: u64) -> Result<Delivery, BrokerError> {
        let mut out = self.out();
        if self.state().cuts != cuts {
            drop(out);
            return Err(BrokerError::ConnectionLost);
        }
        Ok(delivery.led(|handle| {
            let slot = Arc::new(Slot(Mutex::new(Some(handle))));
            out.keep(&slot);
            slot
        }))
    }

    /// What `work` comes to, or `None` when the line is cut before.
    async fn unless_cut<T>(&self, cuts: u64, work: impl Future<Output = T>) -> Option<T> {
        let mut state = self.state.subscribe();
        let cut = pin!(state.wait_for(|state| state.cuts != cuts));
        match select(pin!(work), cut).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(_) => None,
        }
    }
}

impl Out {
    fn keep(&mut self, slot: &Arc<Slot>) {
        if self.slots.len() >= self.tidy_at.max(TIDY_AT_LEAST) {
            self.slots.retain(|slot| slot.strong_count() > 0);
            self.tidy_at = self.slots.len() * 2;
        }
        self.slots.push(Arc::downgrade(slot));
    }
}

#[async_trait]
impl Broker for Cable {
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError> {
        self.publish_traced(route, payload, None).await
    }

    async fn publish_traced(&self, route: &Route, payload: Payload, trace: Option<TraceParent>) -> Result<(), PublishError> {
        let State { cuts, is_away } = self.line.state();
        if is_away {
            return Err(PublishError::Unavailable);
        }
        let outcome = self.line.unless_cut(cuts, self.broker.publish_traced(route, payload, trace)).await;
        outcome.unwrap_or(Err(PublishError::ConfirmLost))
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        let (broker, line) = (Arc::clone(&self.broker), Arc::clone(&self.line));
        let mut consumer = CableConsumer { broker, line, queue: queue.clone(), prefetch, cuts: 0, live: None };
        consumer.open().await?;
        Ok(Box::new(consumer))
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError> {
        if self.is_away() {
            return Err(BrokerError::Unavailable);
        }
        self.broker.depth(queue).await
    }

    fn incarnation(&self) -> Uuid {
        self.broker.incarnation()
    }
}

/// One reader of one queue, over the line.
struct CableConsumer {
    broker: Arc<dyn Broker>,
    line: Arc<Line>,
    queue: QueueName,
    prefetch: u16,
    /// The cuts before the line that it reads over.
    cuts: u64,
    live: Option<Box<dyn Consumer>>,
}

impl CableConsumer {
    async fn open(&mut self) -> Result<(), BrokerError> {
        let State { cuts, is_away } = self.line.state();
        if is_away {
            return Err(BrokerError::Unavailable);
        }
        let live = self.line.unless_cut(cuts, self.broker.consume(&self.queue, self.prefetch)).await;
        let live = live.ok_or(BrokerError::ConnectionLost)??;
        (self.cuts, self.live) = (cuts, Some(live));
        Ok(())
    }

    /// What was read, or that the line is gone.
    fn hand_out(&mut self, read: Option<Result<Delivery, BrokerError>>) -> Result<Delivery, BrokerError> {
        let led = match read {
            Some(Ok(delivery)) => self.line.lead(delivery, self.cuts).ok(),
            Some(Err(error)) => return Err(error),
            None => None,
        };
        if led.is_none() {
            self.live = None;
        }
        led.ok_or(BrokerError::ConnectionLost)
    }
}

#[async_trait]
impl Consumer for CableConsumer {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        if self.live.is_none() {
            self.open().await?;
        }
        let Some(live) = &mut self.live else { return Err(BrokerError::ConnectionLost) };
        // A cut is heard of before anything that was sent ahead.
        let read = if self.line.state().cuts == self.cuts { self.line.unless_cut(self.cuts, live.next()).await } else { None };
        self.hand_out(read)
    }

    fn try_next(&mut self) -> Option<Delivery> {
        if self.line.state().cuts != self.cuts {
            return None;
        }
        let delivery = self.live.as_mut()?.try_next()?;
        self.line.lead(delivery, self.cuts).ok()
    }
}

#[cfg(test)]
mod tests {
    use clock::{Clock, SystemClock, Timestamp, simulation::Executor};
    use topology::{Arrow, Topology};

    use super::*;
    use crate::{EmbeddedBroker, EmbeddedOptions};

    struct Cut {
        cable: Arc<Cable>,
        clock: Arc<dyn Clock>,
    }

    #[async_trait]
    impl crate::contract::Subject for Cut {
        fn broker(&self) -> Arc<dyn Broker> {
            Arc::clone(&self.cable) as Arc<dyn Broker>
        }

        fn clock(&self) -> Arc<dyn Clock> {
            Arc::clone(&self.clock)
        }

        async fn cut(&self) {
            self.cable.cut();
        }

        async fn retire(&self) {}
    }

    fn cable(clock: &Arc<dyn Clock>, topology: &Topology) -> Arc<Cable> {
        let broker = EmbeddedBroker::new(Arc::clone(clock), topology, EmbeddedOptions::new(Uuid::nil()));
        Arc::new(Cable::to(Arc::new(broker)))
    }

    #[test]
    fn a_broker_behind_a_cable_keeps_the_contract() {
        for seed in 0..3 {
            let mut executor = Executor::new(seed, Timestamp::from_micros(0));
            let clock: Arc<dyn Clock> = Arc::new(executor.clock());
            let ended = executor.block_on(crate::contract::all(move |topology| {
                let clock = Arc::clone(&clock);
                async move { Box::new(Cut { cable: cable(&clock, &topology), clock }) as Box<dyn crate::contract::Subject> }
            }));
            assert_eq!(ended, Some(()), "a case waits for something that never comes, seed {seed}");
        }
    }

    #[tokio::test]
    async fn nobody_reaches_a_broker_that_is_away() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let cable = cable(&clock, &Topology::for_hospitals(&[]));
        let (route, queue) = (Arrow::ToTtp.route(None), Arrow::ToTtp.queue(None));
        let publish = || cable.publish(&route, Payload::from_static(b"1"));
        publish().await.unwrap();
        let mut consumer = cable.consume(&queue, 0).await.unwrap();
        let out = consumer.next().await.unwrap();
        cable.go_away(true);
        assert_eq!(out.ack(), Err(BrokerError::ConnectionLost));
        assert_eq!(publish().await, Err(PublishError::Unavailable));
        assert_eq!(cable.depth(&queue).await, Err(BrokerError::Unavailable));
        assert_eq!(consumer.next().await.unwrap_err(), BrokerError::ConnectionLost);
        assert!(consumer.try_next().is_none());
        assert_eq!(consumer.next().await.unwrap_err(), BrokerError::Unavailable);
        assert_eq!(cable.consume(&queue, 0).await.err(), Some(BrokerError::Unavailable));
        cable.go_away(false);
        let back = consumer.next().await.unwrap();
        assert!(back.redelivered, "it was out before");
        back.ack().unwrap();
        assert_eq!(cable.depth(&queue).await.unwrap(), Depth::default());
    }

    /// Deliveries that were settled leave nothing behind, however many there were.
    #[tokio::test]
    async fn a_line_forgets_what_is_settled() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let cable = cable(&clock, &Topology::for_hospitals(&[]));
        let mut consumer = cable.consume(&Arrow::ToTtp.queue(None), 0).await.unwrap();
        for _ in 0..10 * TIDY_AT_LEAST {
            cable.publish(&Arrow::ToTtp.route(None), Payload::from_static(b"1")).await.unwrap();
            consumer.next().await.unwrap().ack().unwrap();
        }
        assert!(cable.line.out().slots.len() <= TIDY_AT_LEAST);
    }
}
