use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use clock::{Clock, Timestamp};
use futures_util::future::BoxFuture;

use super::queue::{ConsumerId, Found, Queue};
use crate::{BrokerError, Consumer, Delivery};

pub(super) struct EmbeddedConsumer {
    queue: Arc<Queue>,
    clock: Arc<dyn Clock>,
    id: ConsumerId,
    /// Rings when the earliest delayed publication is due.
    alarm: Option<(Timestamp, BoxFuture<'static, ()>)>,
}

impl EmbeddedConsumer {
    pub(super) fn new(queue: Arc<Queue>, clock: Arc<dyn Clock>, prefetch: u16) -> Self {
        let id = queue.join(prefetch);
        Self { queue, clock, id, alarm: None }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Delivery, BrokerError>> {
        loop {
            let found = self.queue.take(self.id, self.clock.now(), Some(context));
            let Found::Nothing(Some(due)) = found else { return found.into_poll() };
            let mut alarm = match self.alarm.take() {
                Some((at, alarm)) if at == due => alarm,
                _ => self.clock.sleep_until(due),
            };
            if alarm.as_mut().poll(context).is_pending() {
                self.alarm = Some((due, alarm));
                return Poll::Pending;
            }
        }
    }
}

#[async_trait]
impl Consumer for EmbeddedConsumer {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        poll_fn(|context| self.poll(context)).await
    }

    fn try_next(&mut self) -> Option<Delivery> {
        match self.queue.take(self.id, self.clock.now(), None) {
            Found::Delivery(delivery) => Some(delivery),
            Found::ConnectionLost | Found::Nothing(_) => None,
        }
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        self.queue.leave(self.id);
    }
}
