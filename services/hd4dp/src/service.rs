//! HD4DP at work: hands over what [`crate::intake`] and [`crate::life`] wrote down, and sends it again until it is answered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use broker::Broker;
use clock::Timestamp;
use dcd::{Definition, Definitions};
use envelope::{Capacity, IdBatch, ItemId, Publication, Source};
use hco_messages::{Submission, SubmissionItem};
use host::{Backoff, Context, Measure, Retention, Settled, Station, Stopping, Work, resend, station::reasons};
use identifying::Identity;
use registration::{Attachment, Cell, ContentKind, Policy};
use store::{Outcome, Passage, StoreError};
use tokio::sync::{Mutex as AsyncMutex, Notify, RwLock, mpsc, watch};
use topology::{Arrow, Nihdi};
use uuid::Uuid;

use crate::{
    answer::Answers,
    counting::signed,
    error::ItemError,
    in_hand::{Holding, InHand},
    measure::Unanswered,
    prepare::{self, Enclosed, Naming, Secrets},
    receipts::Receipts,
    row,
    store::{Hd4dpStore, Outgoing, Sent},
    waiting::Waiting,
};

/// The service's name in logs, queues and key folders.
pub const SERVICE: &str = "hd4dp";

/// What HD4DP of a hospital works with.
pub struct Parts {
    /// The hospital.
    pub nihdi: Nihdi,
    /// Its name on envelopes: `hd4dp-<nihdi>`.
    pub source: Source,
    /// Time, chance and probes.
    pub context: Context,
    /// The broker of the hospital's own zone.
    pub broker: Arc<dyn Broker>,
    /// What it remembers.
    pub store: Arc<dyn Hd4dpStore>,
    /// The registers' definitions.
    pub definitions: Arc<Definitions>,
    /// Its secrets.
    pub secrets: Secrets,
    /// Items of a publication at most.
    pub publication_size: usize,
    /// Registrations that may wait for an answer before [`Hd4dp::submit`] makes its caller wait.
    pub window: u64,
}

/// A row that passed validation.
#[derive(Clone)]
pub struct AcceptedRow {
    /// Its canonical values.
    pub cells: Vec<Cell>,
    /// The files that it names.
    pub attachments: Vec<Attachment>,
}

/// A registration on its way to the dispatcher. Identity and content, so it prints nothing.
pub(crate) struct Ready {
    pub(crate) registration_id: Uuid,
    pub(crate) version: u32,
    pub(crate) item_id: Uuid,
    pub(crate) identity: Identity,
    pub(crate) content: Vec<u8>,
    pub(crate) first_sent_at: Option<Timestamp>,
}

/// Versions that are written down, in the hand that hands them over.
type Written = (Vec<Ready>, Holding);

/// The policies of each definition version that was used so far.
type PoliciesByVersion = BTreeMap<(String, u32), Arc<[Policy]>>;

/// HD4DP of one hospital.
pub struct Hd4dp {
    pub(crate) parts: Parts,
    /// An answer may be counted before what it answers, so it may be below 0 for a moment.
    pub(crate) waiting: watch::Sender<i64>,
    /// Shared by those who write and count what they wrote; held alone while the store is asked how many wait.
    pub(crate) counting: RwLock<()>,
    pub(crate) receipts: Receipts,
    ids: Mutex<IdBatch>,
    policies: Mutex<PoliciesByVersion>,
    /// Held from the look at a registration's status to the write that follows from it. What only confirms goes without.
    pub(crate) deciding: AsyncMutex<()>,
    /// Held while the index is brought forward.
    pub(crate) indexing: AsyncMutex<()>,
    /// Told of what was due again before it was written down that it had been sent.
    overdue: Notify,
    pub(crate) in_hand: Arc<InHand>,
    outgoing: mpsc::Sender<Written>,
    dispatched: AsyncMutex<mpsc::Receiver<Written>>,
}

/// Batches that may stand between [`Hd4dp::submit`] and the dispatcher.
const HANDOVER_BATCHES: usize = 2;

impl Hd4dp {
    /// HD4DP from its parts.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not say what still waits for an answer.
    pub async fn new(parts: Parts) -> Result<Arc<Self>, StoreError> {
        parts.store.cut_off().await?;
        let waiting = parts.store.waiting().await?;
        let (outgoing, dispatched) = mpsc::channel(HANDOVER_BATCHES);
        Ok(Arc::new(Self {
            ids: Mutex::new(IdBatch::new(parts.context.chance.bytes())),
            policies: Mutex::default(),
            waiting: watch::Sender::new(signed(waiting)),
            counting: RwLock::new(()),
            receipts: Receipts::default(),
            deciding: AsyncMutex::new(()),
            indexing: AsyncMutex::new(()),
            overdue: Notify::new(),
            in_hand: Arc::default(),
            outgoing,
            dispatched: AsyncMutex::new(dispatched),
            parts,
        }))
    }

    /// What runs as long as the service does: handing over, sending again, taking answers.
    pub fn works(self: &Arc<Self>) -> Vec<Work> {
        let (dispatcher, resender) = (Arc::clone(self), Arc::clone(self));
        let (answerer, indexer) = (Arc::clone(self), Arc::clone(self));
        let answers = Arc::new(Answers::new(Arc::clone(self)));
        let queue = Arrow::ToHd4dp.queue(Some(&self.parts.nihdi));
        let station = Station::new(SERVICE, queue, Arc::clone(&self.parts.broker), self.parts.context.clone());
        vec![
            Work::until_told("hd4dp handing over", move |stopping| {
                let service = Arc::clone(&dispatcher);
                Box::pin(async move { service.hand_over(&stopping).await })
            }),
            Work::until_told("hd4dp sending again", move |stopping| {
                let service = Arc::clone(&resender);
                Box::pin(async move { service.send_again(&stopping).await })
            }),
            Work::until_told("hd4dp answering feedback", move |stopping| {
                let service = Arc::clone(&answerer);
                Box::pin(async move { service.answer_feedback(&stopping).await })
            }),
            Work::new("hd4dp keeping its index", move || {
                let service = Arc::clone(&indexer);
                Box::pin(async move { service.keep_indexing().await })
            }),
            station.work(answers),
        ]
    }

    /// Sends once more what was answered since a moment, and says how much: for a healthdata that forgot what it answered. What it knows it answers
    /// again.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn send_again_since(&self, since: Timestamp) -> Result<u64, StoreError> {
        let (store, now) = (&self.parts.store, self.parts.context.clock.now());
        let again = self.counted(store.send_again(since, now), |again| signed(*again)).await?;
        loop {
            let due = store.due(now, page_size(self.parts.publication_size)).await?;
            if due.is_empty() {
                return Ok(again);
            }
            self.send_outgoing(due).await;
        }
    }

    /// Work that forgets what passed more than so many days ago, but for what belongs to a registration without an answer.
    #[must_use]
    pub fn forgetting(&self, days: u32) -> Work {
        let (store, clock) = (Arc::clone(&self.parts.store), Arc::clone(&self.parts.context.clock));
        let settled = Settled::Told(Arc::new(Waiting { store: Arc::clone(&store), clock: Arc::clone(&clock) }));
        Retention { service: SERVICE, itinerary: store, days, settled, clock }.work()
    }

    /// The hospital's store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Hd4dpStore> {
        &self.parts.store
    }

    /// What is measured of it.
    #[must_use]
    pub fn measure(&self) -> Arc<dyn Measure> {
        Arc::new(Unanswered { store: Arc::clone(&self.parts.store), clock: Arc::clone(&self.parts.context.clock) })
    }

    /// The registers' definitions.
    #[must_use]
    pub fn definitions(&self) -> &Arc<Definitions> {
        &self.parts.definitions
    }

    /// The hospital's number.
    #[must_use]
    pub fn nihdi(&self) -> &Nihdi {
        &self.parts.nihdi
    }

    /// Time, chance and probes.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.parts.context
    }

    /// How many receipts for a researcher's feedback are not handed over yet.
    #[must_use]
    pub fn receipts_waiting(&self) -> u64 {
        self.receipts.waiting()
    }

    /// Items of a publication at most.
    #[must_use]
    pub fn publication_size(&self) -> usize {
        self.parts.publication_size
    }

    pub(crate) fn next_id(&self) -> Uuid {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).next_uuid()
    }

    pub(crate) fn policies(&self, definition: &Definition) -> Arc<[Policy]> {
        let mut known = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (definition.name().to_owned(), definition.version());
        Arc::clone(known.entry(key).or_insert_with(|| definition.policies().into()))
    }

    /// Hands over what an earlier process left behind, then whatever is submitted.
    async fn hand_over(&self, stopping: &Stopping) {
        self.recover(stopping).await;
        loop {
            // What waits here is written down.
            let batch = tokio::select! {
                biased;
                () = stopping.told() => return,
                () = self.in_hand.unclear.notified() => {
                    self.look_through(stopping).await;
                    continue;
                }
                batch = async { self.dispatched.lock().await.recv().await } => batch,
            };
            let Some((batch, holding)) = batch else { return };
            self.send(batch, &Outcome::Sent).await;
            holding.done();
        }
    }

    /// What was written down and never taken over; and, on another broker incarnation, everything without an answer, since what was
    /// on its way is gone.
    async fn recover(&self, stopping: &Stopping) {
        let store = &self.parts.store;
        let incarnation = self.parts.broker.incarnation();
        let all = self.keep_trying(|| store.is_new_incarnation(incarnation)).await;
        self.hand_over_unanswered(all, stopping).await;
        if all && !stopping.is_told() {
            // Only now: a crash on the way here must not leave the rest to the resends.
            self.keep_trying(|| store.remember_incarnation(incarnation)).await;
        }
    }

    /// Hands over what the store holds though nobody was told so, and counts anew what waits.
    async fn look_through(&self, stopping: &Stopping) {
        // First without keeping anybody from counting: it may take long before the store answers.
        self.keep_trying(|| self.parts.store.waiting()).await;
        self.keep_trying(|| self.count()).await;
        self.hand_over_unanswered(false, stopping).await;
    }

    /// Hands over what was never taken over, or `all` that has no answer; but for what somebody is about to hand over.
    async fn hand_over_unanswered(&self, all: bool, stopping: &Stopping) {
        let (store, mut after) = (&self.parts.store, Uuid::nil());
        while !stopping.is_told() {
            let mut page = self.keep_trying(|| store.unanswered(after, all, page_size(self.parts.publication_size))).await;
            let Some(last) = page.last() else { return };
            after = last.registration_id;
            page.retain(|version| !self.in_hand.holds(version.item_id));
            self.send_outgoing(page).await;
        }
    }

    /// Gives versions that are durable to the dispatcher. It lives as long as the service; if it is gone, the outbox has them.
    pub(crate) async fn put_on_its_way(&self, ready: Vec<Ready>, holding: Holding) {
        let _ = self.outgoing.send((ready, holding)).await;
    }

    /// Sends again what has had no answer for 48 hours, every 24 hours until day 10.
    async fn send_again(&self, stopping: &Stopping) {
        let (store, clock) = (&self.parts.store, &self.parts.context.clock);
        while !stopping.is_told() {
            let now = clock.now();
            let due = self.keep_trying(|| store.due(now, page_size(self.parts.publication_size))).await;
            if !due.is_empty() {
                self.send_outgoing(due).await;
                continue;
            }
            // Whatever is handed over from now on is not due before 48 hours have passed, or says so.
            let horizon = now.plus(resend::NOK_AFTER);
            let next = self.keep_trying(|| store.next_due()).await.map_or(horizon, |due| due.min(horizon));
            tokio::select! {
                biased;
                () = stopping.told() => {}
                () = self.overdue.notified() => {}
                () = clock.sleep_until(next) => {}
            }
        }
    }

    async fn send_outgoing(&self, outgoing: Vec<Outgoing>) {
        let (mut first, mut again, mut stuck) = (Vec::new(), Vec::new(), Vec::new());
        let now = self.parts.context.clock.now();
        for version in outgoing {
            let item = version.item_id;
            let due_again = version.first_sent_at.map(|first| Sent {
                registration_id: version.registration_id,
                version: version.version,
                next_send_at: resend::next_send(first, now),
            });
            match (self.rebuild(version), due_again) {
                (Ok(ready), Some(_)) => again.push(ready),
                (Ok(ready), None) => first.push(ready),
                (Err(error), due_again) => {
                    tracing::error!(%item, %error, "a registration cannot be sent; it stays in the outbox");
                    stuck.extend(due_again);
                }
            }
        }
        // What was due and cannot be sent is not due all the time.
        if !stuck.is_empty() {
            self.keep_trying(|| self.parts.store.sent(&stuck, now, &[])).await;
        }
        for (batch, outcome) in [(first, Outcome::Sent), (again, Outcome::Resent)] {
            if !batch.is_empty() {
                self.send(batch, &outcome).await;
            }
        }
    }

    /// The same content once more, from the stored row.
    fn rebuild(&self, outgoing: Outgoing) -> Result<Ready, ItemError> {
        let unknown = || ItemError::UnknownDefinition { name: outgoing.dcd.clone(), version: outgoing.dcd_version };
        let definition = self.parts.definitions.exact(&outgoing.dcd, outgoing.dcd_version).ok_or_else(unknown)?;
        let cells = row::decode(&outgoing.cells).ok_or(ItemError::DamagedRow)?;
        let identity = prepare::identity(&definition, &cells, &self.parts.secrets)?;
        let naming = Naming {
            registration_id: outgoing.registration_id,
            version: outgoing.version,
            organisation: self.parts.nihdi.as_str(),
        };
        let secrets = &self.parts.secrets;
        let prepared = match outgoing.kind {
            ContentKind::Registration => {
                let enclosed = Enclosed { attachments: outgoing.attachments, answers: outgoing.answers };
                let policies = self.policies(&definition);
                prepare::prepare(&definition, naming, identity, &cells, enclosed, &policies, secrets)?
            }
            ContentKind::Deletion => prepare::deletion(&definition, naming, identity, secrets)?,
        };
        Ok(Ready {
            registration_id: outgoing.registration_id,
            version: outgoing.version,
            item_id: outgoing.item_id,
            identity: prepared.identity,
            content: prepared.content,
            first_sent_at: outgoing.first_sent_at,
        })
    }

    /// Hands a batch over to the messaging client, in as many publications as it needs, and notes that it was taken over. Tries until
    /// it succeeds.
    async fn send(&self, mut batch: Vec<Ready>, outcome: &Outcome) {
        // Which item came from which line of a file is nobody's business behind the hospital.
        self.parts.context.chance.shuffle(&mut batch);
        let mut rest = batch.as_slice();
        while !rest.is_empty() {
            let mut capacity = Capacity::new(self.parts.publication_size);
            let fitting = rest.iter().take_while(|ready| capacity.take(ready.content.len())).count().max(1);
            let (publication, after) = rest.split_at(fitting);
            self.publish(publication, outcome).await;
            rest = after;
        }
    }

    async fn publish(&self, batch: &[Ready], outcome: &Outcome) {
        let items = batch
            .iter()
            .map(|ready| SubmissionItem::new(ItemId::from_uuid(ready.item_id), &ready.identity, ready.content.clone()));
        let Some(passage) = self.give_to_client(items.collect(), outcome).await else { return };
        let now = passage.at;
        let sent: Vec<Sent> = batch
            .iter()
            .map(|ready| Sent {
                registration_id: ready.registration_id,
                version: ready.version,
                next_send_at: resend::next_send(ready.first_sent_at.unwrap_or(now), now),
            })
            .collect();
        self.keep_trying(|| self.parts.store.sent(&sent, now, std::slice::from_ref(&passage))).await;
        // The clock was set forward, or the store took its time: whoever looked for what is due could not see these.
        let now = self.parts.context.clock.now();
        if sent.iter().any(|sent| sent.next_send_at.is_some_and(|due| due <= now)) {
            self.overdue.notify_one();
        }
    }

    /// Gives one publication to the messaging client, and tries until the broker confirms it. Returns the passage to be noted; none for
    /// items that do not fit into a publication.
    pub(crate) async fn give_to_client(&self, items: Vec<SubmissionItem>, outcome: &Outcome) -> Option<Passage> {
        let clock = &self.parts.context.clock;
        let route = Arrow::HandOver.route(Some(&self.parts.nihdi));
        let ids: Vec<Uuid> = items.iter().map(|item| item.id.uuid()).collect();
        let id = envelope::PublicationId::from_uuid(self.next_id());
        let publication = Publication::new(id, self.parts.source.clone(), clock.now(), Submission { items });
        let payload = match publication.encode() {
            Ok(payload) => payload,
            Err(error) => {
                let items = ids.len();
                tracing::error!(items, %error, "items do not fit into a publication; they are not sent now");
                return None;
            }
        };
        // When it was sent, not when that was confirmed: its reader may have passed it on by then, and a way is told in the order of its times.
        let mut at = clock.now();
        self.keep_trying(|| {
            at = clock.now();
            self.parts.broker.publish(&route, payload.clone())
        })
        .await;
        let (outcome, queue) = (outcome.clone(), route.routing_key);
        Some(Passage { publication: id.uuid(), step: Arrow::HandOver.step(), queue, at, outcome, items: ids })
    }

    /// Does `work` until it succeeds, with a pause after each failure.
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
                    self.parts.context.probe.retried(SERVICE);
                    let wait = backoff.after_failure();
                    let reason = reasons(&error);
                    tracing::warn!(
                        service = SERVICE,
                        failures = backoff.failures(),
                        wait_ms = wait.as_millis(),
                        "failed to {reason}; trying again"
                    );
                    clock::sleep(&*self.parts.context.clock, wait).await;
                }
            }
        }
    }
}

fn page_size(publication_size: usize) -> u32 {
    u32::try_from(publication_size).unwrap_or(u32::MAX).max(1)
}
