use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use async_trait::async_trait;
use broker::contract::Subject;
use broker::{Broker, RabbitBroker};
use clock::{Clock, SystemClock};
use topology::{Naming, Topology};

use crate::Cable;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// RabbitMQ as the contract suite wants it: a topology under a prefix that nobody else has, behind a cable that can be cut.
pub struct RabbitSubject {
    broker: Arc<RabbitBroker>,
    topology: Topology,
    cable: Cable,
}

impl RabbitSubject {
    /// Declares the topology at this address.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached or refuses the topology.
    pub async fn declare(url: &str, topology: Topology) -> Result<Self> {
        let cable = Cable::to(url).await?;
        let broker = RabbitBroker::connect(cable.url(), Naming::prefixed(unique_prefix()), Arc::new(SystemClock)).await?;
        broker.declare(&topology).await?;
        Ok(Self { broker: Arc::new(broker), topology, cable })
    }
}

#[async_trait]
impl Subject for RabbitSubject {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.broker) as Arc<dyn Broker>
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    async fn cut(&self) {
        self.cable.cut();
    }

    async fn retire(&self) {
        // A case that cut the connection may leave the first attempt to find that out.
        for _ in 0..3 {
            if self.broker.delete(&self.topology).await.is_ok() {
                break;
            }
        }
        self.broker.close().await;
    }
}

/// The same behind a line that is cut inside this process, of which the broker hears nothing.
pub struct CutByHand {
    rabbit: RabbitSubject,
    line: Arc<broker::Cable>,
}

impl CutByHand {
    /// Declares the topology at this address.
    ///
    /// # Errors
    ///
    /// As [`RabbitSubject::declare`].
    pub async fn declare(url: &str, topology: Topology) -> Result<Self> {
        let rabbit = RabbitSubject::declare(url, topology).await?;
        let line = Arc::new(broker::Cable::to(rabbit.broker()));
        Ok(Self { rabbit, line })
    }
}

#[async_trait]
impl Subject for CutByHand {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.line) as Arc<dyn Broker>
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.rabbit.clock()
    }

    async fn cut(&self) {
        self.line.cut();
    }

    async fn retire(&self) {
        self.rabbit.retire().await;
    }
}

/// A queue prefix that nobody else has: different for every call in every test process, also for those that run on other machines against
/// one broker.
#[must_use]
pub fn unique_prefix() -> String {
    let micros = SystemClock.now().as_micros();
    format!("precision-test-{}-{micros:x}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
