//! A broker as a traced service sees it.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Delivery, Depth, Payload, PublishError, TraceParent};
use topology::{Arrow, QueueName, Route, Zone};
use uuid::Uuid;

use crate::{
    Borders, Traces,
    span::{self, Before, Passing},
};

/// Traces what is sent to a broker and what is read from it.
pub(crate) struct Traced {
    broker: Arc<dyn Broker>,
    traces: Traces,
    /// What stands on this broker passes from one zone to another.
    is_border: bool,
}

impl Traced {
    pub(crate) fn new(broker: Arc<dyn Broker>, traces: Traces, zone: Zone) -> Self {
        let is_border = Arrow::ALL.iter().any(|arrow| arrow.zone() == zone && arrow.crosses_border());
        Self { broker, traces, is_border }
    }
}

/// Something that may be told of what stands on a broker, or be believed of it: not where it passes a border that is closed.
fn over<T>(is_border: bool, borders: Borders, told: Option<T>) -> Option<T> {
    told.filter(|_| !is_border || borders == Borders::Linked)
}

#[async_trait]
impl Broker for Traced {
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError> {
        self.publish_traced(route, payload, None).await
    }

    /// `trace` is the place of what it is sent for; it arrives with the place of its own sending, unless it passes a border.
    async fn publish_traced(&self, route: &Route, payload: Payload, trace: Option<TraceParent>) -> Result<(), PublishError> {
        let document = over(self.is_border, self.traces.borders, Some(&*payload));
        let passing = Passing { queue: &route.routing_key, document };
        let span = self.traces.sending(Before::part_of(trace), &passing);
        let place = over(self.is_border, self.traces.borders, span::place_of(&span));
        let outcome = self.broker.publish_traced(route, payload, place).await;
        span::sent(span, outcome);
        outcome
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        let inner = self.broker.consume(queue, prefetch).await?;
        let (traces, is_border) = (self.traces.clone(), self.is_border);
        Ok(Box::new(TracedConsumer { inner, traces, is_border, queue: queue.clone() }))
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError> {
        self.broker.depth(queue).await
    }

    fn incarnation(&self) -> Uuid {
        self.broker.incarnation()
    }
}

/// One reader of one queue. A span lasts from the moment a delivery is given out until it has its verdict.
struct TracedConsumer {
    inner: Box<dyn Consumer>,
    traces: Traces,
    is_border: bool,
    queue: QueueName,
}

impl TracedConsumer {
    fn hand_out(&self, mut delivery: Delivery) -> Delivery {
        let before = match over(self.is_border, self.traces.borders, delivery.trace) {
            Some(place) if self.is_border => Before::Behind(place),
            place => Before::part_of(place),
        };
        let document = over(self.is_border, self.traces.borders, Some(&*delivery.payload));
        let passing = Passing { queue: self.queue.as_str(), document };
        let span = self.traces.handling(before, &passing, delivery.redelivered);
        delivery.trace = span::place_of(&span);
        delivery.witnessed(move |verdict, settled| span::handled(span, verdict, settled.is_ok()))
    }
}

#[async_trait]
impl Consumer for TracedConsumer {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        let delivery = self.inner.next().await?;
        Ok(self.hand_out(delivery))
    }

    fn try_next(&mut self) -> Option<Delivery> {
        let delivery = self.inner.try_next()?;
        Some(self.hand_out(delivery))
    }
}
