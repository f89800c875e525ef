//! Records an embedded flow: stands between the services and their broker.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::Context as _;
use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Depth, Payload, PublishError, TraceParent};
use clock::{Clock, SystemClock};
use envelope::IdBatch;
use host::Chance;
use sealing::keys::{KeyDirectory, Party};
use topology::{Nihdi, QueueName, Route};
use uuid::Uuid;

use super::{
    format::{Header, VERSION},
    writer::Writer,
};

/// A broker that has everything written down that is published on its sealed arrows.
pub struct Recorder {
    broker: Arc<dyn Broker>,
    writer: Arc<Writer>,
}

impl Recorder {
    /// Listens to what is published to `broker`.
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>, writer: Arc<Writer>) -> Self {
        Self { broker, writer }
    }
}

#[async_trait]
impl Broker for Recorder {
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError> {
        self.publish_traced(route, payload, None).await
    }

    async fn publish_traced(&self, route: &Route, payload: Payload, trace: Option<TraceParent>) -> Result<(), PublishError> {
        // Before it is published, or what its reader makes of it might stand in front of it.
        let number = self.writer.publication(&route.routing_key, &payload);
        let outcome = self.broker.publish_traced(route, payload, trace).await;
        // After any other error it may have passed.
        if let (Some(number), Err(PublishError::Unroutable | PublishError::Rejected | PublishError::Unavailable)) =
            (number, outcome)
        {
            self.writer.withdraw(number, &route.routing_key);
        }
        outcome
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        self.broker.consume(queue, prefetch).await
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError> {
        self.broker.depth(queue).await
    }

    fn incarnation(&self) -> Uuid {
        self.broker.incarnation()
    }
}

/// The header of a recording that begins now, with the ids of the keys that are in `keys`.
///
/// # Errors
///
/// A folder of keys that cannot be read.
pub fn header(hospitals: &[Nihdi], keys: Option<&Path>) -> anyhow::Result<Header> {
    let chance = Chance::from_system().context("draw randomness")?;
    Ok(Header {
        version: VERSION,
        id: IdBatch::new(chance.bytes()).next_uuid(),
        program: format!("precision {}", env!("CARGO_PKG_VERSION")),
        begun_at: SystemClock.now(),
        hospitals: hospitals.to_vec(),
        keys: keys.map(|keys| key_ids(keys, hospitals)).transpose()?.unwrap_or_default(),
    })
}

fn key_ids(keys: &Path, hospitals: &[Nihdi]) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let public = KeyDirectory::open(keys)?.public()?;
    let parties = hospitals.iter().copied().map(Party::EhboxHco).chain([Party::EhealthTtp, Party::EhboxHd]);
    let mut ids = BTreeMap::new();
    for party in parties {
        ids.insert(party.to_string(), public.keys(party)?.all().iter().map(|key| key.id().to_string()).collect());
    }
    Ok(ids)
}
