//! The broker as one service sees it: whatever befalls a line befalls it here. It stands in front of any broker.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use broker::{Broker, BrokerError, Cable, Consumer, Delivery, Depth, Payload, PublishError, TraceParent};
use topology::{Arrow, QueueName, Route};
use uuid::Uuid;

use super::{Lines, Outcome, strikes::About};
use crate::simulation::{Fault, Service, remembered::publication_id, weather::BEHIND};

/// A service's line to a broker.
#[derive(Clone)]
pub struct Line {
    /// Whose it is; nobody's when it is the operator's.
    pub(super) service: Option<Service>,
    pub(super) cable: Arc<Cable>,
    pub(super) lines: Arc<Lines>,
}

impl Line {
    async fn meet(&self, fault: Fault, arrow: Arrow, route: &Route, payload: Payload) -> Result<(), PublishError> {
        let about = About { arrow: Some(arrow), service: self.service, publication: publication_id(&payload) };
        let publish = |payload| self.cable.publish(route, payload);
        if fault.is_of_contents() {
            let foreign = || self.lines.remembered().items_handed_over_by_others(&payload);
            let spoilt = self.lines.spoiler.spoil(fault, foreign, &payload);
            self.lines.struck(fault, about, if spoilt.is_some() { Outcome::Struck } else { Outcome::Nothing });
            return publish(spoilt.unwrap_or(payload)).await;
        }
        self.lines.struck(fault, about, Outcome::Struck);
        match fault {
            Fault::Lose => Ok(()),
            Fault::Duplicate => {
                publish(payload.clone()).await?;
                publish(payload).await
            }
            Fault::Delay { seconds } => self.keep(Duration::from_secs(seconds.into()), route, payload),
            Fault::Reorder => self.keep(BEHIND, route, payload),
            Fault::ConfirmLost => publish(payload).await.and(Err(PublishError::ConfirmLost)),
            Fault::Refuse => Err(PublishError::Rejected),
            Fault::Corrupt
            | Fault::Truncate
            | Fault::Tamper
            | Fault::Poison
            | Fault::ForgeSender
            | Fault::ForeignItems
            | Fault::SwapPatients
            | Fault::SwapHandles
            | Fault::PseudonymInComment
            | Fault::InventFeedback => publish(payload).await,
        }
    }

    fn keep(&self, by: Duration, route: &Route, payload: Payload) -> Result<(), PublishError> {
        let broker: Arc<dyn Broker> = Arc::clone(&self.cable) as Arc<dyn Broker>;
        self.lines.held.keep(by, route, payload, &broker);
        Ok(())
    }

    fn pause(&self) -> Option<Duration> {
        self.service.and_then(|service| self.lines.board.pause_of(service))
    }

    /// Whether whoever reads this dies of it; the operator reads everything.
    fn is_poison(&self, payload: &Payload) -> bool {
        self.service.is_some() && self.lines.spoiler.is_poison(payload)
    }
}

#[async_trait]
impl Broker for Line {
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError> {
        self.publish_traced(route, payload, None).await
    }

    /// What a fault befalls loses its place in a trace.
    async fn publish_traced(&self, route: &Route, payload: Payload, trace: Option<TraceParent>) -> Result<(), PublishError> {
        // What never leaves meets no fault.
        if self.cable.is_away() {
            return Err(PublishError::Unavailable);
        }
        let arrow = self.lines.remember(route, &payload);
        match arrow.and_then(|arrow| Some((arrow, self.lines.board.befalls(arrow)?))) {
            Some((arrow, fault)) => self.meet(fault, arrow, route, payload).await,
            None => self.cable.publish_traced(route, payload, trace).await,
        }
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        let inner = self.cable.consume(queue, prefetch).await?;
        Ok(Box::new(Reader { line: self.clone(), inner, held: None }))
    }

    /// What is held back counts: it was confirmed, and nobody has read it.
    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError> {
        let depth = self.cable.depth(queue).await?;
        Ok(Depth { ready: depth.ready + self.lines.held.count(queue.as_str()), ..depth })
    }

    fn incarnation(&self) -> Uuid {
        self.cable.incarnation()
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
        if self.held.is_none() {
            self.held = Some(self.inner.next().await?);
        }
        if let Some(pause) = self.line.pause() {
            clock::sleep(&*self.line.lines.clock, pause).await;
        }
        let delivery = self.held.take().ok_or(BrokerError::ConnectionLost)?;
        if self.line.is_poison(&delivery.payload)
            && let Some(service) = self.line.service
        {
            let about = About { arrow: None, service: Some(service), publication: publication_id(&delivery.payload) };
            self.line.lines.struck(Fault::Poison, about, Outcome::Struck);
            self.line.lines.catch(service);
            std::future::pending::<()>().await;
        }
        Ok(delivery)
    }

    fn try_next(&mut self) -> Option<Delivery> {
        if self.held.is_some() || self.line.pause().is_some() {
            return None;
        }
        let delivery = self.inner.try_next()?;
        if self.line.is_poison(&delivery.payload) {
            // Its turn comes, alone.
            self.held = Some(delivery);
            return None;
        }
        Some(delivery)
    }
}
