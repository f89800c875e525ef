//! Listening to what is published, without taking anything from anybody.

use std::sync::Arc;

use clock::{Clock, timeout};
use futures_util::stream::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use topology::{QueueName, Route};
use uuid::Uuid;

use super::{ANSWER_DEADLINE, RabbitBroker, fault};
use crate::{Broker, BrokerError, Payload};

/// Deliveries that are sent ahead.
const PREFETCH: u16 = 200;

/// Bytes that wait for a slow listener. Beyond, the oldest go: a queue that refused would make the broker refuse the publication to the flow.
const WAITING_BYTES_MAX: i64 = 1 << 30;

/// A queue of the listener's own beside the working queues. It is gone with its connection.
pub struct Tap {
    clock: Arc<dyn Clock>,
    channel: lapin::Channel,
    stream: lapin::Consumer,
}

/// What was published.
#[derive(Clone)]
pub struct Tapped {
    /// Name of the queue that it was meant for, without prefix.
    pub routing_key: String,
    /// The publication.
    pub payload: Payload,
}

impl std::fmt::Debug for Tapped {
    /// Its length only, as for a delivery.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tapped").field("routing_key", &self.routing_key).field("bytes", &self.payload.len()).finish()
    }
}

impl RabbitBroker {
    /// Listens to everything that is published on these routes from now on. The queue, `tap.<id>`, is exclusive and bound beside the working queues, so
    /// nothing is taken from their readers. Needs configure, write and read rights on that name, and read rights on the exchanges.
    ///
    /// # Errors
    ///
    /// [`BrokerError::UnknownQueue`] when a working queue is missing: with the tap alone behind an exchange, its publishers would be told that
    /// somebody has what they send. [`BrokerError::AccessRefused`] when the user lacks the rights.
    pub async fn tap(&self, routes: &[(QueueName, Route)], id: Uuid) -> Result<Tap, BrokerError> {
        for (queue, _) in routes {
            self.depth(queue).await?;
        }
        let channel = self.consuming.channel().await?;
        let name = self.naming.tap(id);
        let opening = async {
            let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
            let mut arguments = FieldTable::default();
            arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(WAITING_BYTES_MAX));
            arguments.insert("x-overflow".into(), AMQPValue::LongString(LongString::from("drop-head")));
            channel.queue_declare(name.as_str().into(), options, arguments).await?;
            for (_, route) in routes {
                let exchange = self.naming.exchange(&route.exchange);
                let key = route.routing_key.as_str().into();
                let bound = QueueBindOptions::default();
                channel.queue_bind(name.as_str().into(), exchange.into(), key, bound, FieldTable::default()).await?;
            }
            channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
            channel.basic_consume(name.as_str().into(), "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
        };
        let opened = timeout(self.clock.as_ref(), ANSWER_DEADLINE, opening).await.map_err(|_| BrokerError::Unavailable)?;
        let stream = opened.map_err(|error| fault::of_tap(&error))?;
        Ok(Tap { clock: Arc::clone(&self.clock), channel, stream })
    }
}

impl Tap {
    /// The next publication, waiting for one. May be dropped while it waits, and called again.
    ///
    /// # Errors
    ///
    /// [`BrokerError::ConnectionLost`]: the queue is gone, and with it what passes until there is another tap.
    pub async fn next(&mut self) -> Result<Tapped, BrokerError> {
        match self.stream.next().await {
            Some(Ok(message)) => {
                // Lost is lost: the queue dies with the channel, so there is nobody to ask for it again.
                let _ = self.channel.basic_ack(message.delivery_tag, BasicAckOptions::default()).await;
                Ok(Tapped { routing_key: message.routing_key.as_str().to_owned(), payload: message.data.into() })
            }
            Some(Err(_)) | None => Err(BrokerError::ConnectionLost),
        }
    }

    /// Stops listening.
    pub async fn close(self) {
        let _ = timeout(self.clock.as_ref(), ANSWER_DEADLINE, self.channel.close(200, "OK".into())).await;
    }
}
