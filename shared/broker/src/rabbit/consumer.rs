use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use clock::{Clock, timeout};
use futures_util::future::FutureExt;
use futures_util::stream::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use topology::QueueName;

use super::desk::{self, Command, Desk, Desks, Ticket};
use super::link::Link;
use super::{ANSWER_DEADLINE, fault};
use crate::delivery::Handle;
use crate::{BrokerError, Consumer, Delivery, Payload, TraceParent, trace};

/// Reads one queue over a channel of its own. After a break the next call opens another.
pub(super) struct RabbitConsumer {
    pub(super) link: Arc<Link>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) queue: QueueName,
    /// The queue's name on this broker.
    pub(super) spelled: String,
    pub(super) prefetch: u16,
    pub(super) unacked: Arc<AtomicU64>,
    pub(super) desks: Desks,
    pub(super) live: Option<Live>,
}

pub(super) struct Live {
    stream: lapin::Consumer,
    desk: Desk,
}

impl RabbitConsumer {
    /// Opens a channel and begins to read.
    pub(super) async fn open(&mut self) -> Result<(), BrokerError> {
        let channel = self.link.channel().await?;
        let opening = async {
            channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
            let queue = self.spelled.as_str().into();
            channel.basic_consume(queue, "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
        };
        let stream = timeout(self.clock.as_ref(), ANSWER_DEADLINE, opening)
            .await
            .map_err(|_| BrokerError::Unavailable)?
            .map_err(|error| fault::of_queue(&error, &self.queue))?;
        let desk = desk::open(channel, Arc::clone(&self.clock), self.prefetch, Arc::clone(&self.unacked), &self.desks);
        self.live = Some(Live { stream, desk });
        Ok(())
    }

    fn hand_out(&mut self, item: Option<lapin::Result<lapin::message::Delivery>>) -> Result<Delivery, BrokerError> {
        match (item, &self.live) {
            (Some(Ok(message)), Some(live)) => {
                self.unacked.fetch_add(1, Ordering::Relaxed);
                let ticket = Ticket::new(live.desk.clone(), message.delivery_tag, Arc::clone(&self.unacked));
                let place = message.properties.headers().as_ref().and_then(place_in_trace);
                Ok(Delivery::new(Payload::from(message.data), message.redelivered, Handle::Rabbit(ticket)).with_trace(place))
            }
            (Some(Err(error)), _) => {
                tracing::warn!(queue = %self.queue, %error, "reading a queue broke off");
                self.live = None;
                Err(BrokerError::ConnectionLost)
            }
            // The queue was deleted, or its node went down.
            (_, _) => {
                self.live = None;
                Err(BrokerError::ConnectionLost)
            }
        }
    }
}

/// The place in a trace that headers tell; none where they tell nothing that is one.
fn place_in_trace(headers: &FieldTable) -> Option<TraceParent> {
    let AMQPValue::LongString(text) = headers.inner().get(trace::HEADER)? else { return None };
    std::str::from_utf8(text.as_bytes()).ok()?.parse().ok()
}

#[async_trait]
impl Consumer for RabbitConsumer {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        if self.live.is_none() {
            self.open().await?;
        }
        let item = match &mut self.live {
            Some(live) => live.stream.next().await,
            None => None,
        };
        self.hand_out(item)
    }

    fn try_next(&mut self) -> Option<Delivery> {
        let item = self.live.as_mut()?.stream.next().now_or_never()?;
        match item {
            Some(Ok(_)) => self.hand_out(item).ok(),
            // `next` must still find the error, so the stream that gave it goes, and with it the connection's silence.
            _ => {
                self.live = None;
                None
            }
        }
    }
}

impl Drop for RabbitConsumer {
    fn drop(&mut self) {
        if let Some(Live { stream, desk }) = self.live.take() {
            // What was sent ahead goes back; the channel stays for the verdicts that are still to come.
            let _ = desk.send(Command::Leave(Box::new(stream)));
        }
    }
}
