use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use clock::Timestamp;
use topology::Limits;

use super::state::{Message, State};
use crate::delivery::{Handle, Verdict};
use crate::{BrokerError, Delivery, Depth, Payload, PublishError, TraceParent};

/// One queue. A working queue knows its dead-letter queue; a dead-letter queue has none, so locks are taken in one direction only.
pub(super) struct Queue {
    limits: Limits,
    dead: Option<Arc<Queue>>,
    state: Mutex<State>,
}

/// Names a consumer of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConsumerId(pub(super) u64);

/// What a consumer finds when it asks.
pub(super) enum Found {
    Delivery(Delivery),
    ConnectionLost,
    /// Nothing for now; the earliest delayed publication is due at this moment.
    Nothing(Option<Timestamp>),
}

impl Queue {
    pub(super) fn new(limits: Limits, dead: Option<Arc<Queue>>) -> Self {
        Self { limits, dead, state: Mutex::new(State::default()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then wakes whoever can go on. Wakers run after the lock is released, since waking may drop a task and its deliveries.
    fn change<T>(&self, change: impl FnOnce(&mut State, &mut Vec<Waker>) -> T) -> T {
        let mut wakers = Vec::new();
        let outcome = {
            let mut state = self.state();
            let outcome = change(&mut state, &mut wakers);
            state.collect_wakers_of_able(&mut wakers);
            outcome
        };
        wakers.into_iter().for_each(Waker::wake);
        outcome
    }

    pub(super) fn publish(&self, payload: Payload, trace: Option<TraceParent>) -> Result<(), PublishError> {
        self.change(|state, _| {
            if state.is_full(&self.limits, payload.len()) {
                return Err(PublishError::Rejected);
            }
            state.push(payload, trace);
            Ok(())
        })
    }

    pub(super) fn publish_at(&self, payload: Payload, trace: Option<TraceParent>, at: Timestamp) -> Result<(), PublishError> {
        self.change(|state, _| {
            if state.is_full(&self.limits, payload.len()) {
                return Err(PublishError::Rejected);
            }
            state.push_delayed(payload, trace, at);
            Ok(())
        })
    }

    pub(super) fn depth(&self) -> Depth {
        self.state().depth()
    }

    pub(super) fn join(&self, prefetch: u16) -> ConsumerId {
        self.state().join(prefetch)
    }

    pub(super) fn leave(&self, consumer: ConsumerId) {
        // A wake-up that was meant for the one who leaves must reach another.
        self.change(|state, _| state.leave(consumer));
    }

    /// Gives the consumer its next delivery, or remembers `context` to wake it.
    pub(super) fn take(self: &Arc<Self>, consumer: ConsumerId, now: Timestamp, context: Option<&Context<'_>>) -> Found {
        let mut state = self.state();
        if context.is_some() && state.hears_of_cut(consumer) {
            return Found::ConnectionLost;
        }
        state.promote_due(now);
        match state.hand_out(consumer) {
            Some((message, epoch)) => {
                let ticket = Ticket { queue: Arc::clone(self), consumer, epoch, sequence: message.sequence };
                let delivery = Delivery::new(message.payload, message.returns > 0, Handle::Embedded(ticket));
                Found::Delivery(delivery.with_trace(message.trace))
            }
            None => {
                if let Some(context) = context {
                    state.wait(consumer, context.waker());
                }
                Found::Nothing(state.next_due())
            }
        }
    }

    pub(super) fn cut(&self) {
        self.change(|state, wakers| {
            for message in state.cut() {
                self.put_back(state, message, wakers);
            }
        });
    }

    fn settle(&self, ticket: &Ticket, verdict: Verdict) -> Result<(), BrokerError> {
        self.change(|state, wakers| {
            let message = state.take_back(ticket.consumer, ticket.epoch, ticket.sequence).ok_or(BrokerError::ConnectionLost)?;
            match verdict {
                Verdict::Ack => {}
                Verdict::Requeue | Verdict::Leave => self.put_back(state, message, wakers),
                Verdict::Reject => self.bury(message, wakers),
            }
            Ok(())
        })
    }

    fn put_back(&self, state: &mut State, mut message: Message, wakers: &mut Vec<Waker>) {
        message.returns += 1;
        if message.returns > self.limits.delivery_limit {
            self.bury(message, wakers);
        } else {
            state.restore(message);
        }
    }

    /// Dead letters are taken over the limit of their queue: this broker has nowhere else to keep them, and loses nothing.
    fn bury(&self, message: Message, wakers: &mut Vec<Waker>) {
        if let Some(dead) = &self.dead {
            // Under this queue's lock, so that nobody ever finds the message in neither.
            let mut state = dead.state();
            state.push(message.payload, message.trace);
            state.collect_wakers_of_able(wakers);
        }
    }
}

/// The right to give a verdict on one delivery, as long as the connection that it came over lives.
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    consumer: ConsumerId,
    epoch: u64,
    sequence: u64,
}

impl Ticket {
    pub(crate) fn settle(self, verdict: Verdict) -> Result<(), BrokerError> {
        self.queue.settle(&self, verdict)
    }
}

impl Found {
    pub(super) fn into_poll(self) -> Poll<Result<Delivery, BrokerError>> {
        match self {
            Self::Delivery(delivery) => Poll::Ready(Ok(delivery)),
            Self::ConnectionLost => Poll::Ready(Err(BrokerError::ConnectionLost)),
            Self::Nothing(_) => Poll::Pending,
        }
    }
}
