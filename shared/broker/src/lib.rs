//! One broker trait, two implementations.
//!
//! [`EmbeddedBroker`] lives in the process: the command line's default, and the simulation's broker with faults by seed. [`RabbitBroker`] speaks to
//! RabbitMQ: what an installation uses. Both pass the same contract (`contract`, with the feature of that name). A [`Cable`] is either of them behind a
//! line that can be cut by hand.
//!
//! What a service may rely on (design, section 4): a publication is confirmed or its publisher gets an error; a delivery that is dropped without a
//! verdict comes back; who gives up on a delivery finds it in the dead-letter queue; nothing is dropped at a limit.

mod cable;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod delivery;
mod embedded;
mod error;
mod rabbit;
mod trace;

use async_trait::async_trait;
use topology::{QueueName, Route};
use uuid::Uuid;

pub use cable::Cable;
pub use delivery::{Delivery, Verdict};
pub use embedded::{EmbeddedBroker, EmbeddedOptions, Fate, Faults};
pub use error::{BrokerError, PublishError};
pub use rabbit::{LOG_TARGETS_WITH_PAYLOADS, RabbitBroker, Tap, Tapped, check_address};
pub use trace::{TraceParent, TraceParentError};

/// The bytes of a publication. Cloning shares them.
pub type Payload = bytes::Bytes;

/// Exchanges and queues that somebody else has declared.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Publishes and waits for the confirm: `Ok` means that a queue has taken it and answers for it.
    ///
    /// May be called by many tasks at once. Publications of one task, each awaited, keep their order in the queue.
    ///
    /// # Errors
    ///
    /// See [`PublishError`]. After an error the publication may be in the queue all the same, so a second attempt may double it.
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError>;

    /// The same, with the place that the publication has in a trace: its reader gets it with the delivery. A broker that nobody traces leaves it away.
    ///
    /// # Errors
    ///
    /// As [`Broker::publish`].
    async fn publish_traced(&self, route: &Route, payload: Payload, trace: Option<TraceParent>) -> Result<(), PublishError> {
        let _ = trace;
        self.publish(route, payload).await
    }

    /// Begins to read a queue, with at most `prefetch` deliveries without a verdict (0 means no bound).
    ///
    /// # Errors
    ///
    /// [`BrokerError::UnknownQueue`] and [`BrokerError::AccessRefused`] are mistakes of configuration; the others pass.
    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError>;

    /// How many publications the queue holds. Acknowledgements that are on their way still count as unacknowledged.
    ///
    /// # Errors
    ///
    /// As for [`Broker::consume`].
    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError>;

    /// Changes whenever what was confirmed may be gone: an embedded broker's confirms die with its process, RabbitMQ's never.
    fn incarnation(&self) -> Uuid;
}

/// One reader of one queue. Dropping it hands back what it has not yet given out; deliveries that are out keep their say.
#[async_trait]
pub trait Consumer: Send {
    /// The next delivery, waiting for one. May be dropped while it waits, and called again, without loss. A service that pauses just stops calling it.
    ///
    /// # Errors
    ///
    /// [`BrokerError::ConnectionLost`] once when the connection breaks; the next call makes a new one, or fails with
    /// [`BrokerError::Unavailable`] within seconds. The caller backs off and calls again.
    async fn next(&mut self) -> Result<Delivery, BrokerError>;

    /// The next delivery if one is at hand. Says nothing about the state of the connection: [`Consumer::next`] does.
    fn try_next(&mut self) -> Option<Delivery>;
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Publications that wait for a reader.
    pub ready: u64,
    /// Publications that are out without a verdict. RabbitMQ's protocol does not say it: there it counts those of this broker object only.
    pub unacked: u64,
}
