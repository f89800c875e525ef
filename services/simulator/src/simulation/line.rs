//! The broker as one service sees it: everything that it publishes is looked into first, and whatever befalls a line befalls it here.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Delivery, Depth, EmbeddedBroker, Payload, PublishError};
use clock::SimulatedClock;
use topology::{QueueName, Route};
use uuid::Uuid;

use super::{inspector::Inspector, op::Service, spoil::Spoiler, trap::Trap, weather::Weather};

/// A service's line to the broker.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) service: Service,
    pub(super) broker: Arc<EmbeddedBroker>,
    pub(super) inspector: Arc<Inspector>,
    pub(super) clock: SimulatedClock,
    pub(super) weather: Weather,
    pub(super) trap: Arc<Trap>,
    pub(super) spoiler: Arc<Spoiler>,
}

#[async_trait]
impl Broker for Line {
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError> {
        if self.weather.is_away() {
            return Err(PublishError::Unavailable);
        }
        self.inspector.inspect(clock::Clock::now(&self.clock), self.service, route, &payload);
        let payload = match self.weather.spoils(route) {
            Some(fault) => {
                let foreign = || self.inspector.items_handed_over_by_others(&payload);
                self.spoiler.spoil(fault, foreign, &payload).unwrap_or(payload)
            }
            None => payload,
        };
        self.broker.publish(route, payload).await
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        if self.weather.is_away() {
            return Err(BrokerError::Unavailable);
        }
        let inner = self.broker.consume(queue, prefetch).await?;
        Ok(Box::new(Reader { line: self.clone(), inner, held: None }))
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError> {
        self.broker.depth(queue).await
    }

    fn incarnation(&self) -> Uuid {
        self.broker.incarnation()
    }
}

/// One reader of one queue.
struct Reader {
    line: Line,
    inner: Box<dyn Consumer>,
    /// A delivery that is out and that the service has not got yet.
    held: Option<Delivery>,
}

#[async_trait]
impl Consumer for Reader {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        if self.line.weather.is_away() {
            return Err(BrokerError::Unavailable);
        }
        if self.held.is_none() {
            self.held = Some(self.inner.next().await?);
        }
        if let Some(pause) = self.line.weather.pause_of(self.line.service) {
            clock::sleep(&self.line.clock, pause).await;
        }
        let delivery = self.held.take().ok_or(BrokerError::ConnectionLost)?;
        if self.line.spoiler.is_poison(&delivery.payload) {
            self.line.trap.catch(self.line.service);
            std::future::pending::<()>().await;
        }
        Ok(delivery)
    }

    fn try_next(&mut self) -> Option<Delivery> {
        if self.held.is_some() || self.line.weather.is_away() || self.line.weather.pause_of(self.line.service).is_some() {
            return None;
        }
        let delivery = self.inner.try_next()?;
        if self.line.spoiler.is_poison(&delivery.payload) {
            // Its turn comes, alone.
            self.held = Some(delivery);
            return None;
        }
        Some(delivery)
    }
}
