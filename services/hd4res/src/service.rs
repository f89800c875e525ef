//! HD4RES at work.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use broker::{Broker, TraceParent};
use dcd::{Approval, Definitions};
use envelope::{B64, Capacity, ItemId, Message, Publication, PublicationId, Source, Text};
use hd_messages::{RecodedPatients, RecodedRows, Validation, ValidationItem};
use host::{Backoff, Context, Retention, Settled, Station, Trouble, Work, station::reasons};
use recoding::{Learning, Telling, learn::Learner, tell::Teller};
use store::StoreError;
use tokio::sync::Notify;
use topology::Arrow;

use crate::{
    arrival::Arrivals,
    store::{FeedbackOutbox, Hd4resStore, ResearcherStore, Unvalidated},
    verdict::Verdicts,
    waiting::Waiting,
};

/// The service's name in logs, queues and key folders.
pub const SERVICE: &str = "hd4res";

/// What HD4RES works with.
pub struct Parts {
    /// Its name on envelopes: `hd4res`.
    pub source: Source,
    /// Time, chance and probes.
    pub context: Context,
    /// The broker of healthdata's zone.
    pub hd: Arc<dyn Broker>,
    /// What it remembers.
    pub store: Arc<dyn Hd4resStore>,
    /// The registers' definitions, for the unique ids.
    pub definitions: Arc<Definitions>,
}

/// The research application.
pub struct Hd4res {
    pub(crate) source: Source,
    pub(crate) context: Context,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) store: Arc<dyn Hd4resStore>,
    pub(crate) definitions: Arc<Definitions>,
    /// Feedback waits to be sent.
    pub(crate) feedback_waits: Notify,
    /// Pairs of pseudonyms wait to be told.
    pub(crate) pairs_wait: Arc<Notify>,
    /// Whether some definition approves what has a clean verdict.
    pub(crate) approves_automatically: bool,
}

/// Records that are handed to the data warehouse again, and feedbacks that are sent, in one publication.
pub(crate) const PAGE: u32 = 500;
/// Between two hand-overs of what has no verdict.
const HAND_OVER_AGAIN_EVERY: Duration = Duration::from_secs(24 * 3600);

impl Hd4res {
    /// HD4RES from its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let approves_automatically = parts.definitions.iter().any(|definition| definition.approval() == Approval::Automatic);
        Arc::new(Self {
            source: parts.source,
            context: parts.context,
            broker: parts.hd,
            store: parts.store,
            definitions: parts.definitions,
            feedback_waits: Notify::new(),
            pairs_wait: Arc::default(),
            approves_automatically,
        })
    }

    /// Hands all living records over once more, and says how many: for a data warehouse that forgot what it checked. What it knows it answers with the
    /// verdict that it gave.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn validate_again(&self) -> Result<u64, StoreError> {
        let again = self.store.validate_again().await?;
        self.hand_over_unvalidated().await;
        Ok(again)
    }

    /// Work that forgets what passed more than so many days ago, but for what waits for a verdict or a receipt.
    #[must_use]
    pub fn forgetting(&self, days: u32) -> Work {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.context.clock));
        let settled = Settled::Told(Arc::new(Waiting(Arc::clone(&store))));
        Retention { service: SERVICE, itinerary: store, days, settled, clock }.work()
    }

    /// The researcher's side of what it remembers. What changes a record goes through [`Hd4res::act`].
    #[must_use]
    pub fn store(&self) -> &dyn ResearcherStore {
        self.store.researcher()
    }

    /// The feedback that waits to be sent, or for its receipt.
    #[must_use]
    pub fn outbox(&self) -> &dyn FeedbackOutbox {
        self.store.outbox()
    }

    /// What it learned of rotations.
    #[must_use]
    pub fn rotation(&self) -> &dyn Learning {
        &*self.store
    }

    /// The registers' definitions.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// What runs as long as the service does.
    pub fn works(self: &Arc<Self>) -> Vec<Work> {
        let station = |arrow: Arrow| Station::new(SERVICE, arrow.queue(None), Arc::clone(&self.broker), self.context.clone());
        let (again, sending) = (Arc::clone(self), Arc::clone(self));
        vec![
            station(Arrow::ToHd4res).work(Arc::new(Arrivals::new(Arc::clone(self)))),
            station(Arrow::Verdicts).work(Arc::new(Verdicts::new(Arc::clone(self)))),
            Work::new("hd4res handing over again", move || {
                let service = Arc::clone(&again);
                Box::pin(async move { service.hand_over_again().await })
            }),
            Work::until_told("hd4res sending feedback", move |stopping| {
                let service = Arc::clone(&sending);
                Box::pin(async move { service.send_feedback(&stopping).await })
            }),
            self.learner().work(),
            self.teller().work::<RecodedRows>(),
        ]
    }

    /// Takes the patients who have another pseudonym since a rotation.
    fn learner(&self) -> Learner<RecodedPatients> {
        Learner {
            service: SERVICE,
            context: self.context.clone(),
            broker: Arc::clone(&self.broker),
            arrow: Arrow::RecodedToHd4res,
            store: Arc::clone(&self.store) as Arc<dyn Learning>,
            wake: Arc::clone(&self.pairs_wait),
            message: PhantomData,
        }
    }

    /// Tells the data warehouse of them.
    fn teller(&self) -> Arc<Teller> {
        Arc::new(Teller {
            service: SERVICE,
            source: self.source.clone(),
            context: self.context.clone(),
            broker: Arc::clone(&self.broker),
            arrow: Arrow::RecodedToDhw,
            store: Arc::clone(&self.store) as Arc<dyn Telling>,
            wake: Arc::clone(&self.pairs_wait),
        })
    }

    /// Publishes a message, for what stands at this place in a trace.
    pub(crate) async fn publish<D: Message>(
        &self,
        arrow: Arrow,
        id: PublicationId,
        data: D,
        trace: Option<TraceParent>,
    ) -> Result<(), Trouble> {
        let publication = Publication::new(id, self.source.clone(), self.context.clock.now(), data);
        self.broker.publish_traced(&arrow.route(None), publication.encode()?, trace).await?;
        Ok(())
    }

    /// Hands over what has no verdict: at once on another broker incarnation, since what was on its way is gone, and otherwise once a
    /// day. The hospital's resends cannot bring back what got lost behind HD4RES: it has its STATUS, and sends no more. Feedback that the
    /// old incarnation confirmed and that has no receipt may be lost as well, and is sent again.
    async fn hand_over_again(&self) {
        let (store, incarnation) = (&self.store, self.broker.incarnation());
        if self.keep_trying(|| store.is_new_incarnation(incarnation)).await {
            self.hand_over_unvalidated().await;
            let now = self.context.clock.now();
            self.keep_trying(|| self.outbox().again(now)).await;
            self.feedback_waits.notify_one();
            self.keep_trying(|| store.remember_incarnation(incarnation)).await;
        }
        loop {
            clock::sleep(&*self.context.clock, HAND_OVER_AGAIN_EVERY).await;
            self.hand_over_unvalidated().await;
            // Whoever acted may have gone away between the commit and waking the sender.
            self.feedback_waits.notify_one();
        }
    }

    pub(crate) async fn keep_trying<T, E, F>(&self, mut work: impl FnMut() -> F) -> T
    where
        E: std::error::Error,
        F: Future<Output = Result<T, E>>,
    {
        let mut backoff = Backoff::default();
        loop {
            match work().await {
                Ok(value) => return value,
                Err(error) => {
                    self.context.probe.retried(SERVICE);
                    let reason = reasons(&error);
                    tracing::warn!(service = SERVICE, "failed to {reason}; trying again");
                    clock::sleep(&*self.context.clock, backoff.after_failure()).await;
                }
            }
        }
    }

    pub(crate) fn new_publication(&self) -> PublicationId {
        PublicationId::from_uuid(envelope::IdBatch::new(self.context.chance.bytes()).next_uuid())
    }

    async fn hand_over_unvalidated(&self) {
        let mut after = 0;
        loop {
            let page = self.keep_trying(|| self.store.unvalidated(after, PAGE)).await;
            let Some(last) = page.last() else { return };
            after = last.record;
            let mut rest = page.as_slice();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(fitting(rest.iter().map(|one| one.content.len())));
                let id = self.new_publication();
                let validation = || Validation { items: now.iter().map(item).collect() };
                self.keep_trying(|| self.publish(Arrow::ToDhw, id, validation(), None)).await;
                rest = later;
            }
        }
    }
}

/// How many of the contents or feedbacks of these lengths fit into one publication.
pub(crate) fn fitting(lengths: impl Iterator<Item = usize>) -> usize {
    let mut capacity = Capacity::new(PAGE as usize);
    lengths.take_while(|length| capacity.take(*length)).count().max(1)
}

fn item(unvalidated: &Unvalidated) -> ValidationItem {
    ValidationItem {
        id: ItemId::from_uuid(unvalidated.item_id),
        pseudonym: Text::unchecked(unvalidated.pseudonym.clone()),
        // The pair is on its way by itself.
        recoded_from: Vec::new(),
        sender: Text::unchecked(unvalidated.sender.clone()),
        content: B64(unvalidated.content.clone()),
    }
}
