//! The broker of an installation: RabbitMQ, from 3.10 to 4.x, over AMQP 0-9-1.
//!
//! The client library's own recovery stays off: with it, confirms that were in flight fail only after the reconnect, and hang for ever when it gives
//! up. Instead every wait here has a deadline, a broken connection fails what was in flight, and the next call connects anew. Publishing
//! and consuming have a connection each, so that a broker that throttles publishers still takes acknowledgements.

mod address;
mod consumer;
mod declare;
mod desk;
mod fault;
mod lane;
mod link;
mod tap;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, timeout};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, LongString};
use tokio::sync::{Semaphore, mpsc, oneshot};
use topology::{Naming, QueueName, Route};
use uuid::Uuid;

pub use self::address::check_address;
pub use self::tap::{Tap, Tapped};

pub(crate) use self::desk::Ticket;

use self::address::Address;
use self::consumer::RabbitConsumer;
use self::desk::{Command, Desks};
use self::lane::Job;
use self::link::Link;
use crate::{Broker, BrokerError, Consumer, Depth, Payload, PublishError, TraceParent, trace};

/// Publications without a confirm at most. Between 200 and 1000 the throughput of quorum queues is flat; beyond, only memory grows.
const WINDOW: usize = 1000;

/// For one request and its answer on a connection that stands.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// RabbitMQ gives a quorum queue 250 ms to count itself, and says that it is empty when it is too busy for that (3.10, `rabbit_quorum_queue:stat`). So an empty queue is believed when
/// its answer took less than this and a round trip. One that has no leader is said to be empty at once; nothing in the protocol tells that from an empty one.
const COUNTED_WITHIN: Duration = Duration::from_millis(200);

/// Log targets that the operator must never see at any level: the client library writes out returned and received messages with their payload, which
/// in a hospital's zone identifies patients. Whoever sets up logging switches them off.
pub const LOG_TARGETS_WITH_PAYLOADS: &[&str] = &["lapin", "amq_protocol"];

/// RabbitMQ, on one virtual host.
///
/// Needs a tokio runtime. Dropping it fails what is in flight; [`RabbitBroker::close`] ends it in good order.
pub struct RabbitBroker {
    clock: Arc<dyn Clock>,
    naming: Naming,
    publishing: Arc<Link>,
    consuming: Arc<Link>,
    /// A channel per exchange, so that a mistake about one exchange, which closes its channel, disturbs no other.
    lanes: Mutex<HashMap<String, mpsc::UnboundedSender<Job>>>,
    window: Semaphore,
    unacked: Mutex<HashMap<QueueName, Arc<AtomicU64>>>,
    desks: Desks,
    /// The quickest opening of a channel so far, in µs: one question and its answer.
    round_trip: AtomicU64,
}

impl RabbitBroker {
    /// Connects to the virtual host that the URL names. Queues and exchanges are looked for under the names that `naming` spells.
    ///
    /// # Errors
    ///
    /// Within seconds: [`BrokerError::Unavailable`] when nobody answers, [`BrokerError::AccessRefused`] when user, password or virtual host
    /// are not known, [`BrokerError::InvalidAddress`]; [`BrokerError::Certificate`] and [`BrokerError::Untrusted`] when TLS cannot be had.
    pub async fn connect(url: &str, naming: Naming, clock: Arc<dyn Clock>) -> Result<Self, BrokerError> {
        let broker = Self::unconnected(url, naming, clock)?;
        broker.publishing.connection().await?;
        broker.consuming.connection().await?;
        Ok(broker)
    }

    /// The same without a connection: whoever publishes or reads first makes it, and hears what is wrong.
    ///
    /// # Errors
    ///
    /// [`BrokerError::InvalidAddress`].
    pub fn unconnected(url: &str, naming: Naming, clock: Arc<dyn Clock>) -> Result<Self, BrokerError> {
        let address = Address::parse(url)?;
        Ok(Self {
            publishing: Arc::new(Link::new(address.clone(), "publish", Arc::clone(&clock))),
            consuming: Arc::new(Link::new(address, "consume", Arc::clone(&clock))),
            clock,
            naming,
            lanes: Mutex::default(),
            window: Semaphore::new(WINDOW),
            unacked: Mutex::default(),
            desks: Desks::default(),
            round_trip: AtomicU64::new(u64::MAX),
        })
    }

    /// Ends in good order: sends the acknowledgements that wait, then closes both connections. Bounded in time.
    pub async fn close(&self) {
        let desks = std::mem::take(&mut *lock(&self.desks));
        for (desk, clerk) in desks {
            let Some(desk) = desk.upgrade() else {
                // It closes its channel by itself.
                let _ = timeout(self.clock.as_ref(), ANSWER_DEADLINE, clerk).await;
                continue;
            };
            let (flushed, done) = oneshot::channel();
            if desk.send(Command::Flush(flushed)).is_ok() {
                let _ = timeout(self.clock.as_ref(), ANSWER_DEADLINE, done).await;
            }
        }
        lock(&self.lanes).clear();
        self.publishing.close().await;
        self.consuming.close().await;
    }

    /// Publishes with headers beside the payload, as [`Broker::publish`] does without. They are for whoever looks at a queue: of them all, services read the place
    /// in a trace alone.
    ///
    /// # Errors
    ///
    /// As [`Broker::publish`].
    pub async fn publish_with(
        &self,
        route: &Route,
        payload: Payload,
        headers: &[(&'static str, String)],
    ) -> Result<(), PublishError> {
        let _permit = self.window.acquire().await.map_err(|_| PublishError::Unavailable)?;
        let (reply, outcome) = oneshot::channel();
        let mut table = FieldTable::default();
        for (name, text) in headers {
            table.insert((*name).into(), AMQPValue::LongString(LongString::from(text.as_str())));
        }
        let mut job = Job { routing_key: route.routing_key.clone(), payload, headers: table, reply };
        // A lane that has just ended gives the job back; the next one either takes it or says why not.
        while let Err(mpsc::error::SendError(back)) = self.lane(&route.exchange).send(job) {
            job = back;
        }
        outcome.await.unwrap_or(Err(PublishError::ConfirmLost))
    }

    /// Connects again where a connection is lost, which otherwise waits for the next message.
    ///
    /// # Errors
    ///
    /// As [`RabbitBroker::connect`].
    pub async fn reach(&self) -> Result<(), BrokerError> {
        self.publishing.connection().await?;
        self.consuming.connection().await.map(drop)
    }

    /// Whether RabbitMQ holds publications back at present, because it is short of memory or disk.
    pub async fn is_blocked(&self) -> bool {
        self.publishing.is_blocked().await
    }

    /// How many read a queue, over whatever connection.
    ///
    /// # Errors
    ///
    /// As for [`Broker::depth`].
    pub async fn readers(&self, queue: &QueueName) -> Result<u32, BrokerError> {
        Ok(self.ask(queue).await?.consumer_count())
    }

    /// What the broker says of a queue when it is declared passively. An empty queue that nobody reads is believed only when it answered at once.
    async fn ask(&self, queue: &QueueName) -> Result<lapin::Queue, BrokerError> {
        let started = self.clock.now();
        let channel = self.consuming.channel().await?;
        let opened_in = u64::try_from(self.clock.now().since(started).as_micros()).unwrap_or(u64::MAX);
        let round_trip = Duration::from_micros(self.round_trip.fetch_min(opened_in, Ordering::Relaxed).min(opened_in));
        loop {
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let asked = self.clock.now();
            let asking = channel.queue_declare(self.naming.queue(queue).into(), options, FieldTable::default());
            let answer = timeout(self.clock.as_ref(), ANSWER_DEADLINE, asking).await.map_err(|_| BrokerError::Unavailable)?;
            let answer = answer.map_err(|error| fault::of_queue(&error, queue))?;
            let now = self.clock.now();
            if answer.message_count() > 0 || answer.consumer_count() > 0 || now.since(asked) < COUNTED_WITHIN + round_trip {
                return Ok(answer);
            }
            if now.since(started) >= ANSWER_DEADLINE {
                return Err(BrokerError::Unavailable);
            }
        }
    }

    fn lane(&self, exchange: &str) -> mpsc::UnboundedSender<Job> {
        let mut lanes = lock(&self.lanes);
        if let Some(lane) = lanes.get(exchange)
            && !lane.is_closed()
        {
            return lane.clone();
        }
        let (sender, jobs) = mpsc::unbounded_channel();
        let name = self.naming.exchange(exchange);
        tokio::spawn(lane::run(Arc::clone(&self.publishing), Arc::clone(&self.clock), name, jobs));
        lanes.insert(exchange.to_owned(), sender.clone());
        sender
    }

    fn unacked(&self, queue: &QueueName) -> Arc<AtomicU64> {
        Arc::clone(lock(&self.unacked).entry(queue.clone()).or_default())
    }
}

#[async_trait]
impl Broker for RabbitBroker {
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError> {
        self.publish_with(route, payload, &[]).await
    }

    async fn publish_traced(&self, route: &Route, payload: Payload, trace: Option<TraceParent>) -> Result<(), PublishError> {
        let header = trace.map(|trace| (trace::HEADER, trace.to_string()));
        self.publish_with(route, payload, header.as_slice()).await
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        let mut consumer = RabbitConsumer {
            link: Arc::clone(&self.consuming),
            clock: Arc::clone(&self.clock),
            queue: queue.clone(),
            spelled: self.naming.queue(queue),
            prefetch,
            unacked: self.unacked(queue),
            desks: Arc::clone(&self.desks),
            live: None,
        };
        consumer.open().await?;
        Ok(Box::new(consumer))
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError> {
        let answer = self.ask(queue).await?;
        Ok(Depth { ready: answer.message_count().into(), unacked: self.unacked(queue).load(Ordering::Relaxed) })
    }

    /// The same for ever: what RabbitMQ has confirmed, it keeps.
    fn incarnation(&self) -> Uuid {
        Uuid::nil()
    }
}

impl fmt::Debug for RabbitBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitBroker").field("naming", &self.naming).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
