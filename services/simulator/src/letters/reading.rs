//! Taking letters off a queue so that all that are not acknowledged go back to their places.
//!
//! A queue puts what comes back in front, in the order in which it comes back. So letters are taken in chunks, each by a consumer of its own that has given out all it may
//! before anything is decided about them: nothing is sent ahead that would come back out of turn. And a chunk goes back as a whole, when those before it have arrived.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use broker::{Broker, BrokerError, Delivery};
use clock::Clock;
use topology::QueueName;

/// Letters that one consumer takes. Their documents are in memory at once: a few megabytes, as most letters are one item.
const CHUNK: u64 = 500;

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
    /// What goes back, by chunk, in the order in which it was taken.
    held: VecDeque<Vec<Delivery>>,
}

impl Reading {
    /// Begins at the front of a queue.
    pub(super) async fn open(broker: &Arc<dyn Broker>, clock: &Arc<dyn Clock>, queue: QueueName) -> Result<Self, BrokerError> {
        let left = broker.depth(&queue).await?.ready;
        Ok(Self { broker: Arc::clone(broker), clock: Arc::clone(clock), queue, left, held: VecDeque::new() })
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
            // However this ends, for whoever it was read: it goes back in its place.
            chunk.push(delivery?.leaving());
        }
        self.left -= chunk.len() as u64;
        self.held.push_back(Vec::new());
        Ok(chunk)
    }

    /// Keeps a letter of the latest chunk until all go back.
    pub(super) fn hold(&mut self, mut delivery: Delivery) {
        // The broker has the document; what is needed is the right to give it back.
        delivery.payload = broker::Payload::new();
        match self.held.back_mut() {
            Some(chunk) => chunk.push(delivery),
            None => self.held.push_back(vec![delivery]),
        }
    }

    /// Gives everything back that was held, in its order. What a lost connection took has gone back already.
    pub(super) async fn give_back(mut self) {
        let mut expected = self.left;
        while let Some(chunk) = self.held.pop_front() {
            if chunk.is_empty() {
                continue;
            }
            let before = self.broker.depth(&self.queue).await.map_or(0, |depth| depth.ready);
            expected = expected.max(before) + chunk.len() as u64;
            drop(chunk);
            let arrived = async {
                while !self.broker.depth(&self.queue).await.is_ok_and(|depth| depth.ready >= expected) {
                    clock::sleep(&*self.clock, LOOK_EVERY).await;
                }
            };
            // Where others take from the queue meanwhile, the number is never reached.
            let _ = clock::timeout(&*self.clock, PATIENCE, arrived).await;
        }
    }
}
