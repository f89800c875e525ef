//! Re-coding, R1: asks the TTP for everything that is of an earlier epoch, until nothing is left.
//!
//! What is left is what the store has; so the job has no position to keep. It begins by itself when a pseudonym of a later epoch is seen, goes on
//! after a crash where it was, and begins again for what comes late.

use std::{sync::Arc, time::Duration};

use broker::Broker;
use envelope::{
    B64, IdBatch, ItemId, Publication, PublicationId,
    sealed::{Encapsulation, RecodeRequest, RecodeRequestItem},
};
use host::{Backoff, Point, Work, station::reasons};
use pseudonymised::{RECODE_MAX, RecodePart};
use sealing::{Part, SealingError, keys::Party};
use store::{Outcome, Passage};
use tokio::sync::Notify;
use topology::Arrow;

use crate::{
    error::ItemError,
    service::{Client, SERVICE},
    store::HdStore,
};

/// Parts of one publication; the answer to so many is far below what a publication may have.
const PARTS: usize = 8;
/// An answer that does not come within this time is asked for again: it was lost, or the TTP has not heard of the epoch yet.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// What wakes the works of a rotation.
#[derive(Default)]
pub(crate) struct Wakes {
    /// There may be something to ask for.
    pub(crate) ask: Notify,
    /// An answer came.
    pub(crate) answer: Notify,
    /// There may be something to tell.
    pub(crate) tell: Arc<Notify>,
}

/// Asks the TTP.
pub(crate) struct Asking {
    pub(crate) client: Client,
    pub(crate) store: Arc<dyn HdStore>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) wakes: Arc<Wakes>,
}

/// Why nothing can be asked now.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Item(#[from] ItemError),
    #[error(transparent)]
    Trouble(#[from] host::Trouble),
}

impl From<SealingError> for AskError {
    fn from(error: SealingError) -> Self {
        Self::Item(error.into())
    }
}

impl Asking {
    pub(crate) fn work(self: Arc<Self>) -> Work {
        Work::new("ehbox-hd re-coding", move || {
            let asking = Arc::clone(&self);
            Box::pin(async move { asking.ask_for_all().await })
        })
    }

    async fn ask_for_all(&self) {
        let limit = u32::try_from(PARTS * RECODE_MAX).unwrap_or(u32::MAX);
        let clock = &*self.client.context.clock;
        let mut last = Vec::new();
        loop {
            let page = self.keep_trying(|| async { Ok(self.store.to_recode(limit).await.map_err(host::Trouble::from)?) }).await;
            if page.is_empty() {
                self.end().await;
                last.clear();
                self.wakes.ask.notified().await;
                continue;
            }
            if page == last {
                // It was answered and nothing came of it: the TTP does not have the epoch yet. Or what came was an earlier answer once more, and the
                // one to this page still comes.
                let _ = clock::timeout(clock, ASK_AGAIN_AFTER, self.wakes.answer.notified()).await;
                last.clear();
                continue;
            }
            self.begin().await;
            self.keep_trying(|| self.ask(&page)).await;
            match clock::timeout(clock, ASK_AGAIN_AFTER, self.wakes.answer.notified()).await {
                Ok(()) => last = page,
                Err(clock::Elapsed) => last.clear(),
            }
        }
    }

    async fn begin(&self) {
        let now = self.client.context.clock.now();
        let begin = || async { Ok(self.store.begin_job(now).await.map_err(host::Trouble::from)?) };
        if self.keep_trying(begin).await {
            tracing::info!(service = SERVICE, "a job begins that re-codes everything of an earlier epoch");
        }
    }

    async fn end(&self) {
        let now = self.client.context.clock.now();
        let end = || async { Ok(self.store.end_job(now).await.map_err(host::Trouble::from)?) };
        if let Some(job) = self.keep_trying(end).await {
            tracing::info!(
                service = SERVICE,
                epoch = job.epoch,
                recoded = job.recoded,
                findings = job.findings,
                "the job is done"
            );
        }
    }

    /// One publication for these pseudonyms, confirmed.
    async fn ask(&self, page: &[String]) -> Result<(), AskError> {
        let keys = self.client.keys.get();
        let ttp = keys.public.keys(Party::EhealthTtp).map_err(|_| ItemError::UnknownParty)?.current();
        let mut sealer = keys.keyring.sealer(Part::Recode, ttp)?;
        let context = &self.client.context;
        let mut ids = IdBatch::new(context.chance.bytes());
        let id = PublicationId::from_uuid(ids.next_uuid());
        let mut items = Vec::with_capacity(PARTS);
        for part in page.chunks(RECODE_MAX) {
            let pseudonyms = part.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>();
            let part = pseudonyms.and_then(RecodePart::new).map_err(|_| ItemError::PseudonymPart)?;
            let item = ItemId::from_uuid(ids.next_uuid());
            let pseudonyms = B64(sealer.seal(item.as_bytes(), &part.encode())?);
            items.push(RecodeRequestItem { id: item, pseudonyms });
        }
        let passage = Passage {
            publication: id.uuid(),
            step: Arrow::RecodeRequest.step(),
            queue: Arrow::RecodeRequest.queue(None).to_string(),
            at: context.clock.now(),
            outcome: Outcome::Sent,
            items: items.iter().map(|item| item.id.uuid()).collect(),
        };
        let (key, enc) = sealer.encapsulation();
        let request = RecodeRequest { pseudonyms: Encapsulation::new(key.0, enc), items };
        let publication = Publication::new(id, self.client.source.clone(), context.clock.now(), request);
        let document = publication.encode().map_err(host::Trouble::from)?;
        self.broker.publish(&Arrow::RecodeRequest.route(None), document).await.map_err(host::Trouble::from)?;
        context.reach(SERVICE, Point::BeforeCommit).await;
        self.store.record(std::slice::from_ref(&passage)).await.map_err(host::Trouble::from)?;
        context.reach(SERVICE, Point::AfterCommit).await;
        Ok(())
    }

    async fn keep_trying<T, F>(&self, mut work: impl FnMut() -> F) -> T
    where
        F: Future<Output = Result<T, AskError>>,
    {
        let mut backoff = Backoff::default();
        loop {
            match work().await {
                Ok(value) => return value,
                Err(error) => {
                    self.client.context.probe.retried(SERVICE);
                    let reason = reasons(&error);
                    tracing::warn!(service = SERVICE, "failed to {reason}; trying again");
                    clock::sleep(&*self.client.context.clock, backoff.after_failure()).await;
                }
            }
        }
    }
}
