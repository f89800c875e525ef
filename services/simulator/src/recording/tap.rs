//! Records what passes on a RabbitMQ.

use std::{sync::Arc, time::Duration};

use broker::{BrokerError, RabbitBroker, Tap};
use clock::Clock;
use futures_util::{FutureExt, future};
use host::Backoff;
use topology::{Arrow, Nihdi, QueueName, Route};
use uuid::Uuid;

use super::{document::is_recordable, selection::Step, writer::Writer};

/// Listens to a RabbitMQ beside those who read from it.
pub struct Listener<'a> {
    /// The broker.
    pub broker: &'a RabbitBroker,
    /// What is listened to.
    pub routes: &'a [(QueueName, Route)],
    /// Names the tap.
    pub id: Uuid,
    /// Time.
    pub clock: &'a Arc<dyn Clock>,
}

impl Listener<'_> {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// Queues or rights that are missing, or the connection's.
    pub async fn tap(&self) -> anyhow::Result<Tap> {
        self.broker.tap(self.routes, self.id).await.map_err(|error| match error {
            BrokerError::AccessRefused => anyhow::anyhow!(
                "listen to the broker: it refuses access. The user needs configure, write and read rights on queues `tap.…`, and \
                 read rights on the exchanges that it listens to; the services' own users have none of them (docs/RECORDINGS.md)"
            ),
            error => anyhow::Error::new(error).context("listen to the broker"),
        })
    }

    /// Listens until told to stop. When the connection breaks, the time until there is another is a gap in the recording.
    pub async fn listen(&self, tap: Tap, writer: &Writer, lasting: Option<Duration>, count: Option<u64>) {
        let until = lasting.map(|lasting| self.clock.now().plus(lasting));
        let over = async {
            match until {
                Some(until) => self.clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let stop = async { drop(future::select(host::process::told_to_stop().boxed(), over.boxed()).await) };
        let stop = stop.boxed().shared();
        let mut tap = Some(tap);
        let mut backoff = Backoff::default();
        while count.is_none_or(|count| writer.publications() < count) && !writer.is_broken() {
            let step = async {
                let Some(open) = &mut tap else {
                    clock::sleep(&**self.clock, backoff.after_failure()).await;
                    tap = self.broker.tap(self.routes, self.id).await.ok();
                    return;
                };
                match open.next().await {
                    Ok(tapped) => {
                        backoff = Backoff::default();
                        writer.publication(&tapped.routing_key, &tapped.payload);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the recording has a gap");
                        writer.gap();
                        tap = None;
                    }
                }
            };
            tokio::select! {
                () = step => {}
                () = stop.clone() => break,
            }
        }
        if let Some(tap) = tap {
            tap.close().await;
        }
    }
}

/// The sealed arrows of an installation with these hospitals, of these steps if any are named.
#[must_use]
pub fn routes(hospitals: &[Nihdi], steps: &[Step]) -> Vec<(QueueName, Route)> {
    let wanted = |arrow: &Arrow| is_recordable(*arrow) && (steps.is_empty() || steps.contains(&Step(*arrow)));
    let mut routes = Vec::new();
    for arrow in Arrow::ALL.into_iter().filter(wanted) {
        if arrow.per_hospital() {
            routes.extend(hospitals.iter().map(|nihdi| (arrow.queue(Some(nihdi)), arrow.route(Some(nihdi)))));
        } else {
            routes.push((arrow.queue(None), arrow.route(None)));
        }
    }
    routes
}
