use std::time::Duration;

use clock::timeout;
use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, ExchangeKind};
use topology::{Argument, Queue, Topology};

use super::RabbitBroker;
use crate::BrokerError;

/// For one declaration or deletion. A quorum queue elects a leader in it.
const DECLARE_DEADLINE: Duration = Duration::from_secs(20);

impl RabbitBroker {
    /// Declares all exchanges, queues and bindings in this virtual host. Needs configure rights, so no service does it: a single-URL test run and
    /// `precision topology apply` do.
    ///
    /// # Errors
    ///
    /// [`BrokerError::Declare`] in the broker's own words, for instance when a queue exists with other limits; or the connection's.
    pub async fn declare(&self, topology: &Topology) -> Result<(), BrokerError> {
        let channel = self.consuming.channel().await?;
        for exchange in topology.exchanges() {
            let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
            let name = self.naming.exchange(&exchange.name).into();
            let declaring = channel.exchange_declare(name, ExchangeKind::Direct, options, FieldTable::default());
            self.within_deadline(declaring).await?;
        }
        for queue in topology.queues() {
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            let name = self.naming.queue(&queue.name).into();
            self.within_deadline(channel.queue_declare(name, options, self.arguments(queue))).await?;
        }
        for binding in topology.bindings() {
            let queue = self.naming.queue(&binding.queue).into();
            let exchange = self.naming.exchange(&binding.route.exchange).into();
            let key = binding.route.routing_key.as_str().into();
            let declaring = channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default());
            self.within_deadline(declaring).await?;
        }
        Ok(())
    }

    /// Deletes everything that [`RabbitBroker::declare`] has made, with all that is in it. What is already gone is fine.
    ///
    /// # Errors
    ///
    /// As [`RabbitBroker::declare`].
    pub async fn delete(&self, topology: &Topology) -> Result<(), BrokerError> {
        let channel = self.consuming.channel().await?;
        // Working queues first: the broker warns of a queue whose dead letters have nowhere to go.
        for queue in topology.queues().iter().rev() {
            let name = self.naming.queue(&queue.name).into();
            self.within_deadline(channel.queue_delete(name, QueueDeleteOptions::default())).await?;
        }
        for exchange in topology.exchanges() {
            let name = self.naming.exchange(&exchange.name).into();
            self.within_deadline(channel.exchange_delete(name, ExchangeDeleteOptions::default())).await?;
        }
        Ok(())
    }

    /// The exchanges and queues of the topology that the broker lacks. It only looks, so a service may ask with the rights it has: for
    /// `topology.used_by(user).within(vhost)`.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn missing(&self, topology: &Topology) -> Result<Vec<String>, BrokerError> {
        let mut missing = Vec::new();
        let mut channel = self.consuming.channel().await?;
        for exchange in topology.exchanges() {
            let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
            let name = self.naming.exchange(&exchange.name);
            let asking = channel.exchange_declare(name.as_str().into(), ExchangeKind::Direct, options, FieldTable::default());
            if self.is_missing(&channel, asking).await? {
                missing.push(format!("exchange {name}"));
                channel = self.consuming.channel().await?;
            }
        }
        for queue in topology.queues() {
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let name = self.naming.queue(&queue.name);
            let asking = channel.queue_declare(name.as_str().into(), options, FieldTable::default());
            if self.is_missing(&channel, asking).await? {
                missing.push(format!("queue {name}"));
                channel = self.consuming.channel().await?;
            }
        }
        Ok(missing)
    }

    /// A 404 closes the channel and leaves the connection.
    async fn is_missing<T>(
        &self,
        channel: &Channel,
        asking: impl Future<Output = lapin::Result<T>>,
    ) -> Result<bool, BrokerError> {
        let answer = timeout(self.clock.as_ref(), DECLARE_DEADLINE, asking).await.map_err(|_| BrokerError::Unavailable)?;
        match answer {
            Ok(_) => Ok(false),
            Err(error) if super::fault::forbids_exchange(&error) => Ok(true),
            Err(_) if channel.status().connected() => Err(BrokerError::Unavailable),
            Err(_) => Err(BrokerError::ConnectionLost),
        }
    }

    async fn within_deadline<T>(&self, asking: impl Future<Output = lapin::Result<T>>) -> Result<T, BrokerError> {
        timeout(self.clock.as_ref(), DECLARE_DEADLINE, asking)
            .await
            .map_err(|_| BrokerError::Unavailable)?
            .map_err(|error| BrokerError::Declare(error.to_string()))
    }

    fn arguments(&self, queue: &Queue) -> FieldTable {
        let mut table = FieldTable::default();
        for (key, value) in queue.arguments(&self.naming) {
            let value = match value {
                Argument::Text(text) => AMQPValue::LongString(LongString::from(text)),
                Argument::Number(number) => AMQPValue::LongLongInt(i64::try_from(number).unwrap_or(i64::MAX)),
            };
            table.insert(key.into(), value);
        }
        table
    }
}
