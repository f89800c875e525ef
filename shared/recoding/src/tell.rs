//! Tells the next store the pairs that this one learned.

use std::{sync::Arc, time::Duration};

use broker::Broker;
use envelope::{IdBatch, ItemId, Publication, PublicationId, Source};
use hd_messages::{Recoded, RecodedPatient};
use host::{Backoff, Context, Point, Stopping, Trouble, Work, station::reasons};
use store::{Outcome, Passage, StoreError};
use tokio::sync::Notify;
use topology::Arrow;

use crate::{Telling, UntoldPair};

/// Pairs in one publication at most.
const PAGE: u32 = 10_000;
/// Between two looks whether what was told has arrived.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who tells, and where.
pub struct Teller {
    /// The service.
    pub service: &'static str,
    /// Its name on envelopes.
    pub source: Source,
    /// Time, chance and probes.
    pub context: Context,
    /// The broker of healthdata's zone.
    pub broker: Arc<dyn Broker>,
    /// The arrow to the next store.
    pub arrow: Arrow,
    /// Where the pairs are kept.
    pub store: Arc<dyn Telling>,
    /// Is notified when there may be more.
    pub wake: Arc<Notify>,
}

impl Teller {
    /// The endless work of telling, with `M` as the arrow's message.
    pub fn work<M: Recoded + Send + Sync + 'static>(self: Arc<Self>) -> Work {
        Work::until_told(format!("{} telling of re-coded patients", self.service), move |stopping| {
            let teller = Arc::clone(&self);
            Box::pin(async move { teller.tell::<M>(&stopping).await })
        })
    }

    async fn tell<M: Recoded + Send + Sync>(&self, stopping: &Stopping) {
        self.keep_trying(|| self.store.tell_on(self.broker.incarnation())).await;
        while !stopping.is_told() {
            let page = self.keep_trying(|| self.store.untold(PAGE)).await;
            if page.is_empty() {
                tokio::select! {
                    biased;
                    () = stopping.told() => return,
                    () = async {
                        self.until_arrived().await;
                        self.wake.notified().await;
                    } => {}
                }
            } else {
                self.send::<M>(&page).await;
            }
        }
    }

    /// A crash in between tells it twice, and a known pair changes nothing.
    async fn send<M: Recoded + Send + Sync>(&self, page: &[UntoldPair]) {
        let mut ids = IdBatch::new(self.context.chance.bytes());
        let id = PublicationId::from_uuid(ids.next_uuid());
        let items: Vec<RecodedPatient> = page
            .iter()
            .map(|one| RecodedPatient::new(ItemId::from_uuid(ids.next_uuid()), &one.pair.old, &one.pair.new))
            .collect();
        let mut passage = Passage {
            publication: id.uuid(),
            step: self.arrow.step(),
            queue: self.arrow.queue(None).to_string(),
            at: self.context.clock.now(),
            outcome: Outcome::Sent,
            items: items.iter().map(|item| item.id.uuid()).collect(),
        };
        let document = M::of(items);
        // When it was sent, as HD4DP.
        self.keep_trying(|| {
            passage.at = self.context.clock.now();
            let publication = Publication::new(id, self.source.clone(), passage.at, document.clone());
            async move {
                self.broker.publish(&self.arrow.route(None), publication.encode()?).await?;
                Ok::<(), Trouble>(())
            }
        })
        .await;
        let last = page.last().map_or(0, |one| one.number);
        self.context.reach(self.service, Point::BeforeCommit).await;
        self.keep_trying(|| self.store.told(last, std::slice::from_ref(&passage))).await;
        self.context.reach(self.service, Point::AfterCommit).await;
    }

    /// When the queue is empty, its reader has everything; then nothing of it need be told again on another broker.
    async fn until_arrived(&self) {
        let queue = self.arrow.queue(None);
        loop {
            if self.keep_trying(|| self.store.has_arrived()).await {
                return;
            }
            if self.broker.depth(&queue).await.is_ok_and(|depth| depth.ready + depth.unacked == 0) {
                // Something may have been learned meanwhile; that counts only once it was told.
                self.keep_trying(|| self.store.arrived()).await;
                return;
            }
            tokio::select! {
                () = clock::sleep(&*self.context.clock, LOOK_EVERY) => {}
                () = self.wake.notified() => {
                    self.wake.notify_one();
                    return;
                }
            }
        }
    }

    async fn keep_trying<T, E, F>(&self, mut work: impl FnMut() -> F) -> T
    where
        E: std::error::Error,
        F: Future<Output = Result<T, E>>,
    {
        let mut backoff = Backoff::default();
        loop {
            match work().await {
                Ok(value) => return value,
                Err(error) => {
                    self.context.probe.retried(self.service);
                    let reason = reasons(&error);
                    tracing::warn!(service = self.service, "failed to {reason}; trying again");
                    clock::sleep(&*self.context.clock, backoff.after_failure()).await;
                }
            }
        }
    }
}

/// Whether a store has nothing to tell any more.
///
/// # Errors
///
/// [`StoreError`].
pub async fn is_at_rest(store: &dyn Telling) -> Result<bool, StoreError> {
    Ok(store.untold(1).await?.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use broker::{EmbeddedBroker, contract::SlowConfirms};
    use clock::{Clock, Timestamp, simulation::Executor};
    use hd_messages::RecodedRows;
    use host::{Chance, NoProbe};
    use topology::Topology;
    use uuid::Uuid;

    use super::*;
    use crate::Pair;

    /// One pair, until it was told.
    #[derive(Default)]
    struct OnePair(Mutex<Option<Passage>>);

    #[async_trait]
    impl Telling for OnePair {
        async fn tell_on(&self, _: Uuid) -> Result<(), StoreError> {
            Ok(())
        }

        async fn untold(&self, _: u32) -> Result<Vec<UntoldPair>, StoreError> {
            let pair = Pair { old: "earlier".to_owned(), new: "later".to_owned() };
            Ok(if self.0.lock().unwrap().is_some() { Vec::new() } else { vec![UntoldPair { number: 1, pair }] })
        }

        async fn told(&self, _: i64, passages: &[Passage]) -> Result<(), StoreError> {
            *self.0.lock().unwrap() = passages.first().cloned();
            Ok(())
        }

        async fn arrived(&self) -> Result<(), StoreError> {
            Ok(())
        }

        async fn has_arrived(&self) -> Result<bool, StoreError> {
            Ok(true)
        }
    }

    /// Its reader may have passed it on before the confirm is heard.
    #[test]
    fn a_sending_is_noted_as_of_when_it_was_sent() {
        let mut executor = Executor::new(1, Timestamp::EPOCH);
        let confirms = SlowConfirms::new(executor.clock());
        let clock: Arc<dyn Clock> = Arc::new(executor.clock());
        let options = confirms.options(Uuid::from_u128(1));
        let broker = EmbeddedBroker::new(Arc::clone(&clock), &Topology::for_hospitals(&[]), options);
        let store = Arc::new(OnePair::default());
        let teller = Arc::new(Teller {
            service: "hd4res",
            source: "hd4res".parse().unwrap(),
            context: Context { clock, chance: Arc::new(Chance::seeded(1)), probe: Arc::new(NoProbe) },
            broker: Arc::new(broker),
            arrow: Arrow::RecodedToDhw,
            store: Arc::clone(&store) as Arc<dyn Telling>,
            wake: Arc::default(),
        });
        executor.spawn(teller.work::<RecodedRows>().start());
        executor.run_until(Timestamp::EPOCH.plus(Duration::from_secs(60)));
        let attempts = confirms.attempts();
        let told = store.0.lock().unwrap().as_ref().map(|passage| passage.at);
        assert_eq!((told, attempts.len()), (attempts.get(1).copied(), 2), "{attempts:?}");
    }
}
