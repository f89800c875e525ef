//! Where a recording is replayed to: services of this process over an installation's stores, or an installation that runs on a RabbitMQ.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use broker::{Broker, Payload, PublishError, RabbitBroker};
use clock::Clock;
use host::Backoff;
use topology::Route;

use super::replay::{Mark, Target, Undelivered};
use crate::flow::{Ending, Watch};

/// The services of this process.
pub struct Embedded {
    /// What tells the installation from others.
    pub name: String,
    /// Their broker.
    pub broker: Arc<dyn Broker>,
    /// Sees when they are at rest.
    pub watch: Watch,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How long nothing may move.
    pub patience: Duration,
}

/// An installation on a RabbitMQ.
pub struct Live {
    /// What tells it from others.
    pub name: String,
    /// Its broker.
    pub broker: RabbitBroker,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How long the broker may be away.
    pub patience: Duration,
}

#[async_trait(?Send)]
impl Target for Embedded {
    fn name(&self) -> &str {
        &self.name
    }

    /// What an embedded broker holds dies with this process, so a publication is there for good when everything that follows from it is in the stores.
    async fn send(&self, route: &Route, document: Payload, _: Mark) -> Result<(), Undelivered> {
        insist(&*self.clock, self.patience, async || self.broker.publish(route, document.clone()).await).await?;
        match self.watch.until_rest(self.patience).await? {
            Ending::AtRest => Ok(()),
            Ending::Stuck => Err(Undelivered::Stuck),
        }
    }
}

#[async_trait(?Send)]
impl Target for Live {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, route: &Route, document: Payload, mark: Mark) -> Result<(), Undelivered> {
        let headers = [("precision-replay", mark.replay.to_string()), ("precision-replay-of", mark.original.to_string())];
        let publish = async || self.broker.publish_with(route, document.clone(), &headers).await;
        Ok(insist(&*self.clock, self.patience, publish).await?)
    }
}

/// Tries again while it may help, for `patience`.
async fn insist(
    clock: &dyn Clock,
    patience: Duration,
    publish: impl AsyncFn() -> Result<(), PublishError>,
) -> Result<(), PublishError> {
    let until = clock.now().plus(patience);
    let mut backoff = Backoff::default();
    loop {
        match publish().await {
            Ok(()) => return Ok(()),
            Err(PublishError::Unroutable) => return Err(PublishError::Unroutable),
            Err(error) if clock.now() >= until => return Err(error),
            Err(PublishError::Rejected | PublishError::ConfirmLost | PublishError::Unavailable) => {
                clock::sleep(clock, backoff.after_failure()).await;
            }
        }
    }
}
