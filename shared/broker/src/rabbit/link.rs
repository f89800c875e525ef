use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clock::{Clock, timeout};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::Mutex;

use super::ANSWER_DEADLINE;
use super::address::Address;
use crate::BrokerError;

/// For a TCP connection, TLS and the AMQP handshake together.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// A connection that is silent for two of these is given up, in seconds.
const HEARTBEAT_S: u16 = 10;

/// Bytes of a frame at most; a larger publication goes in several. The client library keeps room for 32 frames each way, and with the 128 KiB that RabbitMQ
/// offers that would be 8 MiB for a connection that has nothing to do.
const FRAME_MAX: u32 = 32 * 1024;

/// One connection, made when somebody needs it and made anew when it broke. It never retries by itself: callers do, with their own backoff.
pub(super) struct Link {
    address: Address,
    purpose: &'static str,
    clock: Arc<dyn Clock>,
    connection: Mutex<Option<Arc<Connection>>>,
    attempts: AtomicU64,
}

impl Link {
    pub(super) fn new(address: Address, purpose: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self {
            address: address.with_defaults(HEARTBEAT_S, FRAME_MAX),
            purpose,
            clock,
            connection: Mutex::new(None),
            attempts: AtomicU64::new(0),
        }
    }

    /// The connection, if need be after one attempt to make it. Callers that arrive during an attempt share its outcome, so that a crowd before an
    /// absent broker waits for one deadline and not for one each.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, BrokerError> {
        let seen = self.attempts.load(Ordering::Acquire);
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| connection.status().connected()) {
            return Ok(Arc::clone(connection));
        }
        *slot = None;
        if self.attempts.load(Ordering::Acquire) != seen {
            return Err(BrokerError::Unavailable);
        }
        let name = format!("precision {}", self.purpose);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connecting = self.address.connect(properties);
        let outcome = timeout(self.clock.as_ref(), CONNECT_DEADLINE, connecting).await;
        self.attempts.fetch_add(1, Ordering::Release);
        let connection = match outcome {
            Ok(Ok(connection)) => Arc::new(connection),
            Ok(Err(error)) => {
                tracing::warn!(purpose = self.purpose, reason = error.reason, "could not connect to the broker");
                return Err(error.kind);
            }
            Err(_) => {
                tracing::warn!(purpose = self.purpose, "the broker did not answer in time");
                return Err(BrokerError::Unavailable);
            }
        };
        tracing::info!(purpose = self.purpose, "connected to the broker");
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// A new channel on the connection.
    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        let connection = self.connection().await?;
        match timeout(self.clock.as_ref(), ANSWER_DEADLINE, connection.create_channel()).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(error)) => {
                tracing::warn!(purpose = self.purpose, %error, "could not open a channel");
                self.forget(&connection).await;
                Err(BrokerError::ConnectionLost)
            }
            Err(_) => {
                self.forget(&connection).await;
                Err(BrokerError::Unavailable)
            }
        }
    }

    /// Gives up the present connection, which has stopped to answer.
    pub(super) async fn abandon(&self) {
        *self.connection.lock().await = None;
    }

    pub(super) async fn close(&self) {
        let Some(connection) = self.connection.lock().await.take() else { return };
        let _ = timeout(self.clock.as_ref(), ANSWER_DEADLINE, connection.close(200, "OK".into())).await;
    }

    pub(super) async fn is_blocked(&self) -> bool {
        let slot = self.connection.lock().await;
        slot.as_ref().is_some_and(|connection| connection.status().blocked())
    }

    async fn forget(&self, connection: &Arc<Connection>) {
        let mut slot = self.connection.lock().await;
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            *slot = None;
        }
    }
}
