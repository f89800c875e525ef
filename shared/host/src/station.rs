//! The delivery loop of one queue: receive, handle, acknowledge.
//!
//! A delivery is acknowledged only after its handler said that its effect is durable. A handler that fails keeps its deliveries and
//! is asked again after a pause, so that an hour without the next party burns no delivery limit; nothing is requeued.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, Consumer, Delivery, TraceParent};
use envelope::{Message, Publication};
use topology::QueueName;

use crate::{Backoff, Context, Point, Stopping, Work};

/// What a handler says of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its effect is durable: acknowledge it.
    Done,
    /// It cannot be read at all: into the dead-letter queue as it is, with this code in the log.
    Unreadable(&'static str),
}

/// What a service does with the deliveries of one queue.
#[async_trait]
pub trait Handle: Send + Sync + 'static {
    /// Why the batch could not be handled now. It is tried again until it can be.
    type Error: std::error::Error + Send;

    /// Handles a batch and returns a verdict for each delivery, in order. A delivery that was delivered before comes alone, so that
    /// one that brings the service down takes no other with it.
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Self::Error>;
}

/// A queue and how it is read.
#[derive(Clone)]
pub struct Station {
    /// The service that reads it.
    pub service: &'static str,
    /// The queue.
    pub queue: QueueName,
    /// Publications that the broker may hand out before the first is acknowledged.
    pub prefetch: u16,
    /// Publications that are handled in one transaction at most.
    pub batch_max: usize,
    /// Where the queue stands.
    pub broker: Arc<dyn Broker>,
    /// Time, chance and probes.
    pub context: Context,
}

/// Bytes of publications above which no further one is added to a batch. Small publications gain by being handled together; large ones
/// only take memory, since a batch is in memory several times over: encoded, decoded, bound to statements, and encoded for the next.
const BATCH_BYTES_MAX: usize = 1 << 20;

impl Station {
    /// The prefetch of a service that nobody configured: enough to keep a batch ready while one is handled.
    pub const PREFETCH: u16 = 32;
    /// The batch of a service that nobody configured.
    pub const BATCH_MAX: usize = 16;

    /// Reads `queue` for `service` with the default prefetch and batch.
    #[must_use]
    pub fn new(service: &'static str, queue: QueueName, broker: Arc<dyn Broker>, context: Context) -> Self {
        Self { service, queue, prefetch: Self::PREFETCH, batch_max: Self::BATCH_MAX, broker, context }
    }

    /// The endless work of reading this queue with `handler`. Told to stop, it finishes the batch that it is at.
    pub fn work<H: Handle>(self, handler: Arc<H>) -> Work {
        Work::until_told(format!("{} {}", self.service, self.queue), move |stopping| {
            let (station, handler) = (self.clone(), Arc::clone(&handler));
            Box::pin(async move { station.read(&*handler, &stopping).await })
        })
    }

    async fn read<H: Handle>(&self, handler: &H, stopping: &Stopping) {
        let mut backoff = Backoff::default();
        while !stopping.is_told() {
            let consuming = self.broker.consume(&self.queue, self.prefetch);
            let consumer = tokio::select! {
                biased;
                consumer = consuming => consumer,
                () = stopping.told() => return,
            };
            match consumer {
                Ok(mut consumer) => {
                    loop {
                        // What the consumer has ready goes back with it, untouched.
                        let next = tokio::select! {
                            biased;
                            () = stopping.told() => return,
                            next = consumer.next() => next,
                        };
                        let Ok(first) = next else { break };
                        backoff.reset();
                        self.take(first, &mut *consumer, handler, stopping).await;
                    }
                    tracing::warn!(service = self.service, queue = %self.queue, "the broker ended the consumer; connecting again");
                }
                Err(error) => {
                    self.context.probe.retried(self.queue.as_str());
                    tracing::warn!(service = self.service, queue = %self.queue, %error, "cannot read the queue; trying again");
                }
            }
            tokio::select! {
                biased;
                () = clock::sleep(&*self.context.clock, backoff.after_failure()) => {}
                () = stopping.told() => return,
            }
        }
    }

    /// Handles `first` and what lies ready behind it.
    async fn take<H: Handle>(&self, first: Delivery, consumer: &mut dyn Consumer, handler: &H, stopping: &Stopping) {
        let mut bytes = first.payload.len();
        let mut batch = vec![first];
        while batch.len() < self.batch_max
            && bytes < BATCH_BYTES_MAX
            && !batch.last().is_some_and(|delivery| delivery.redelivered)
        {
            let Some(next) = consumer.try_next() else { break };
            bytes += next.payload.len();
            batch.push(next);
        }
        // At most the last one was delivered before; it is handled by itself.
        let suspect =
            if batch.len() > 1 && batch.last().is_some_and(|delivery| delivery.redelivered) { batch.pop() } else { None };
        self.settle(batch, handler, stopping).await;
        if let Some(delivery) = suspect {
            self.settle(vec![delivery], handler, stopping).await;
        }
    }

    /// Handles a batch, again and again until it could be, or until the service is to stop; then what was not handled goes back.
    async fn settle<H: Handle>(&self, batch: Vec<Delivery>, handler: &H, stopping: &Stopping) {
        let mut backoff = Backoff::default();
        let verdicts = loop {
            match handler.handle(&batch).await {
                Ok(verdicts) => break verdicts,
                Err(error) => {
                    self.context.probe.retried(self.queue.as_str());
                    let wait = backoff.after_failure();
                    let reason = reasons(&error);
                    tracing::warn!(service = self.service, queue = %self.queue, failures = backoff.failures(), wait_ms = wait.as_millis(), "failed to {reason}; trying again");
                    tokio::select! {
                        biased;
                        () = clock::sleep(&*self.context.clock, wait) => {}
                        () = stopping.told() => return,
                    }
                }
            }
        };
        self.context.reach(self.service, Point::BeforeAck).await;
        for (delivery, verdict) in batch.into_iter().zip(verdicts) {
            let settled = match verdict {
                Verdict::Done => delivery.ack(),
                Verdict::Unreadable(code) => {
                    tracing::error!(service = self.service, queue = %self.queue, code, "a publication cannot be read; it is a dead letter");
                    delivery.reject()
                }
            };
            if let Err(error) = settled {
                // The connection is gone, so the broker delivers it again, and every effect is idempotent.
                tracing::debug!(service = self.service, queue = %self.queue, %error, "an acknowledgement got lost");
            }
        }
    }
}

/// An error and what caused it, outermost first.
pub fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The places in traces of those deliveries of a batch that could be read, in the order of their publications.
pub fn places<'a>(batch: &'a [Delivery], verdicts: &'a [Verdict]) -> impl Iterator<Item = Option<TraceParent>> + 'a {
    batch.iter().zip(verdicts).filter(|(_, verdict)| **verdict == Verdict::Done).map(|(delivery, _)| delivery.trace)
}

/// Reads a batch: the publications that can be read, and a verdict for each delivery, assuming that those will be handled.
#[must_use]
pub fn read_all<D: Message>(batch: &[Delivery]) -> (Vec<Publication<D>>, Vec<Verdict>) {
    let mut publications = Vec::with_capacity(batch.len());
    let verdicts = batch.iter().map(|delivery| match Publication::decode(&delivery.payload) {
        Ok(publication) => {
            publications.push(publication);
            Verdict::Done
        }
        Err(error) => Verdict::Unreadable(error.code()),
    });
    let verdicts = verdicts.collect();
    (publications, verdicts)
}
