//! The neighbours of a part, played: what they send, and what arrives at them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context as _;
use broker::{Broker, BrokerError, Consumer, Payload};
use clock::{Clock, Timestamp};
use dcd::Definitions;
use envelope::{IdBatch, ItemId, Message, Publication, PublicationId, Source};
use host::Chance;
use topology::{Arrow, Nihdi, QueueName};

use super::keys::NeighbourKeys;

/// What a run is made with.
pub struct Ground {
    /// Where the queues stand.
    pub broker: Arc<dyn Broker>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids.
    pub chance: Arc<Chance>,
    /// The neighbours' keys.
    pub keys: NeighbourKeys,
    /// The registers.
    pub definitions: Arc<Definitions>,
    /// The hospitals; the first is the one whose part is looked at, where every hospital has one.
    pub hospitals: Vec<Nihdi>,
    /// How long each answer may take.
    pub patience: Duration,
}

/// The neighbours of a part.
pub struct Neighbours {
    /// What the run is made with.
    pub ground: Ground,
    ids: IdBatch,
    consumers: BTreeMap<QueueName, Box<dyn Consumer>>,
    /// What came and was not asked for yet.
    came: BTreeMap<QueueName, Vec<Payload>>,
    /// Everything that came, for a look at the end.
    all: Vec<(QueueName, Payload)>,
}

/// A document that was sent, and how to recognise what comes of it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its items.
    pub items: Vec<ItemId>,
    /// Its bytes.
    pub payload: Payload,
}

impl Neighbours {
    /// Neighbours that read nothing yet.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        let ids = IdBatch::new(ground.chance.bytes());
        Self { ground, ids, consumers: BTreeMap::new(), came: BTreeMap::new(), all: Vec::new() }
    }

    /// The hospital whose part is looked at.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn hospital(&self) -> anyhow::Result<Nihdi> {
        self.ground.hospitals.first().copied().context("find a hospital")
    }

    /// Another hospital, if there is one.
    #[must_use]
    pub fn other_hospital(&self) -> Option<Nihdi> {
        self.ground.hospitals.get(1).copied()
    }

    /// A new item id.
    pub fn item_id(&mut self) -> ItemId {
        self.ids.next_item()
    }

    /// A new publication id.
    pub fn publication_id(&mut self) -> PublicationId {
        self.ids.next_publication()
    }

    /// A publication of a neighbour's. Its time has microseconds, and is a while ago.
    ///
    /// # Errors
    ///
    /// A source that is no name.
    pub fn publication<D: Message>(&mut self, source: &str, data: D) -> anyhow::Result<Publication<D>> {
        let source: Source = source.parse()?;
        let now = self.ground.clock.now();
        let earlier = now.as_micros() - now.as_micros().rem_euclid(1_000_000) - SENT_BEFORE_MICROS;
        Ok(Publication::new(self.publication_id(), source, Timestamp::from_micros(earlier), data))
    }

    /// Begins to read a queue and its dead letters, or a queue of a neighbour.
    ///
    /// # Errors
    ///
    /// The broker's.
    pub async fn listen(&mut self, queue: QueueName) -> anyhow::Result<()> {
        let consumer = self.ground.broker.consume(&queue, 0).await.with_context(|| format!("read {queue}"))?;
        self.consumers.insert(queue, consumer);
        Ok(())
    }

    /// Sends bytes on an arrow.
    ///
    /// # Errors
    ///
    /// The broker's.
    pub async fn send(&mut self, arrow: Arrow, nihdi: Option<&Nihdi>, payload: Payload) -> anyhow::Result<()> {
        let route = arrow.route(nihdi);
        self.ground.broker.publish(&route, payload).await.with_context(|| format!("publish to {route}"))
    }

    /// The moment until which answers to what is sent now are waited for.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.ground.clock.now().plus(self.ground.patience)
    }

    /// What a check says when nothing came.
    #[must_use]
    pub fn nothing(&self, queue: &QueueName) -> String {
        let others = self.came.get(queue).map_or(0, Vec::len);
        let others = if others > 0 { format!(" (but {others} publications about other items)") } else { String::new() };
        format!("nothing came within {} s on queue {queue}{others}", self.ground.patience.as_secs())
    }

    /// The next publication on a queue that is about one of these items, or is this document; waits for it.
    ///
    /// # Errors
    ///
    /// The text for the protocol when nothing came; the broker's as the outer error.
    pub async fn receive(&mut self, queue: &QueueName, about: &Sent) -> anyhow::Result<Result<Payload, String>> {
        let until = self.deadline();
        self.receive_until(queue, about, until).await
    }

    /// The same until a moment.
    ///
    /// # Errors
    ///
    /// As [`Self::receive`].
    pub async fn receive_until(
        &mut self,
        queue: &QueueName,
        about: &Sent,
        until: Timestamp,
    ) -> anyhow::Result<Result<Payload, String>> {
        loop {
            let waiting = self.came.entry(queue.clone()).or_default();
            if let Some(place) = waiting.iter().position(|payload| is_about(payload, about)) {
                return Ok(Ok(waiting.remove(place)));
            }
            if !self.next(queue, until).await? {
                return Ok(Err(self.nothing(queue)));
            }
        }
    }

    /// Takes one more publication off a queue. `false` when none came until then.
    async fn next(&mut self, queue: &QueueName, until: Timestamp) -> anyhow::Result<bool> {
        let clock = Arc::clone(&self.ground.clock);
        let consumer = self.consumers.get_mut(queue).with_context(|| format!("read {queue}"))?;
        let left = if until > clock.now() { until.since(clock.now()) } else { Duration::ZERO };
        let delivery = match clock::timeout(&*clock, left, consumer.next()).await {
            Ok(Ok(delivery)) => delivery,
            Ok(Err(BrokerError::ConnectionLost)) => return Ok(true),
            Ok(Err(error)) => return Err(error).with_context(|| format!("read {queue}")),
            Err(clock::Elapsed) => return Ok(false),
        };
        let payload = delivery.payload.clone();
        delivery.ack()?;
        self.all.push((queue.clone(), payload.clone()));
        self.came.entry(queue.clone()).or_default().push(payload);
        Ok(true)
    }

    /// The first publication that came on a queue and was not asked for, if one does within the patience.
    ///
    /// # Errors
    ///
    /// The broker's.
    pub async fn anything(&mut self, queue: &QueueName) -> anyhow::Result<Option<Payload>> {
        let until = self.deadline();
        loop {
            if let Some(waiting) = self.came.get_mut(queue).filter(|waiting| !waiting.is_empty()) {
                return Ok(Some(waiting.remove(0)));
            }
            if !self.next(queue, until).await? {
                return Ok(None);
            }
        }
    }

    /// Takes what is at hand on every queue that is read.
    ///
    /// # Errors
    ///
    /// The broker's.
    pub async fn look_around(&mut self) -> anyhow::Result<()> {
        let queues: Vec<QueueName> = self.consumers.keys().cloned().collect();
        let until = self.ground.clock.now();
        for queue in queues {
            while self.next(&queue, until).await? {}
        }
        Ok(())
    }

    /// Whether anything about these items ever came on a queue.
    #[must_use]
    pub fn ever_came(&self, queue: &QueueName, items: &[ItemId]) -> bool {
        self.all.iter().any(|(on, payload)| on == queue && items.iter().any(|item| names(payload, *item)))
    }

    /// The publications that have come on a queue about these items.
    #[must_use]
    pub fn times_came(&self, queue: &QueueName, items: &[ItemId]) -> usize {
        self.all.iter().filter(|(on, payload)| on == queue && items.iter().any(|item| names(payload, *item))).count()
    }
}

/// How long before now the played parties made their envelopes: a part that copies the time is found out. The microseconds as well.
const SENT_BEFORE_MICROS: i64 = 3_600 * 1_000_000 - 123_457;

fn names(payload: &[u8], item: ItemId) -> bool {
    let id = item.to_string();
    memchr::memmem::find(payload, id.as_bytes()).is_some()
}

fn is_about(payload: &[u8], about: &Sent) -> bool {
    payload == about.payload || about.items.iter().any(|item| names(payload, *item))
}
