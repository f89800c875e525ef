//! Taking letters off a queue so that all that are not acknowledged go back to their places.
//!
//! A queue puts what comes back in front, in the order in which it comes back. So letters are taken in chunks, each by a consumer of its own that has given out all it may
//! before anything is decided about them: nothing is sent ahead that would come back out of turn. And a few go back at a time, when those before them have arrived.

use std::{sync::Arc, time::Duration};

use broker::{Broker, BrokerError, Delivery};
use clock::Clock;
use topology::QueueName;

/// Letters that one consumer takes. Their documents are in memory at once: a few megabytes, as most letters are one item.
const CHUNK: u64 = 500;

/// Letters that go back before the next ones do. RabbitMQ puts more of them together, and so many back in no order.
const AT_ONCE: usize = 32;

/// How long a queue that says it holds something may keep it back. Somebody else may have taken it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks at whether what was given back has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What stood in a queue of dead letters when it was opened, taken from its front.
pub(super) struct Reading {
    broker: Arc<dyn Broker>,
    clock: Arc<dyn Clock>,
    queue: QueueName,
    /// Letters that are still to be taken.
    left: u64,
    /// What goes back, in the order in which it was taken.
    held: Vec<Delivery>,
}

impl Reading {
    /// Begins at the front of a queue.
    pub(super) async fn open(broker: &Arc<dyn Broker>, clock: &Arc<dyn Clock>, queue: QueueName) -> Result<Self, BrokerError> {
        let left = broker.depth(&queue).await?.ready;
        Ok(Self { broker: Arc::clone(broker), clock: Arc::clone(clock), queue, left, held: Vec::new() })
    }

    /// Letters that stood there and were not taken.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// The next letters; none at the end of what stood there, or when the rest is in others' hands.
    pub(super) async fn chunk(&mut self) -> Result<Vec<Delivery>, BrokerError> {
        let wanted = self.left.min(CHUNK);
        let mut chunk = Vec::new();
        if wanted == 0 {
            return Ok(chunk);
        }
        let mut consumer = self.broker.consume(&self.queue, u16::try_from(wanted).unwrap_or(u16::MAX)).await?;
        while (chunk.len() as u64) < wanted {
            let Ok(delivery) = clock::timeout(&*self.clock, PATIENCE, consumer.next()).await else { break };
            chunk.push(delivery?);
        }
        self.left -= chunk.len() as u64;
        Ok(chunk)
    }

    /// Keeps a letter until all go back.
    pub(super) fn hold(&mut self, mut delivery: Delivery) {
        // The broker has the document; what is needed is the right to give it back.
        delivery.payload = broker::Payload::new();
        self.held.push(delivery);
    }

    /// Gives everything back that was held, in its order. What a lost connection took has gone back already.
    pub(super) async fn give_back(self) {
        let Self { broker, clock, queue, held, .. } = self;
        let mut rest = held.into_iter();
        loop {
            let part: Vec<Delivery> = rest.by_ref().take(AT_ONCE).collect();
            if part.is_empty() {
                return;
            }
            let Ok(before) = broker.depth(&queue).await else { return };
            let expected = before.ready + part.len() as u64;
            if part.into_iter().any(|delivery| delivery.requeue().is_err()) {
                continue;
            }
            let arrived = async {
                while broker.depth(&queue).await.is_ok_and(|depth| depth.ready < expected) {
                    clock::sleep(&*clock, LOOK_EVERY).await;
                }
            };
            // Where others take from the queue meanwhile, the number is never reached.
            let _ = clock::timeout(&*clock, PATIENCE, arrived).await;
        }
    }
}
