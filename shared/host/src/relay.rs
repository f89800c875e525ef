//! A station that passes on what it reads, transformed: all that the messaging clients and the TTP do.
//!
//! Order: dead letters confirmed, the rest confirmed, the passages durable, then the acknowledgement. What happens twice has the same
//! ids, since those are derived.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, Delivery};
use envelope::{ItemId, Message, Publication};
use futures_util::future;
use store::{Itinerary, Outcome, Passage};
use topology::{Arrow, Nihdi, Route};

use crate::{Context, DeadLetter, Handle, Point, Station, Trouble, Verdict, Work, station};

/// An item that cannot be passed on.
#[derive(Debug)]
pub struct BadItem<I> {
    /// The item.
    pub id: ItemId,
    /// Why: a code of docs/ERRORS.md.
    pub code: &'static str,
    /// The incoming message with this one item, as it came.
    pub data: I,
}

/// What becomes of a publication.
#[derive(Debug)]
pub struct Passed<I, O> {
    /// What goes on, and where.
    pub onward: Vec<(Route, Publication<O>)>,
    /// What does not.
    pub bad: Vec<BadItem<I>>,
}

/// Why a publication is not passed on at all.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing is wrong with it; try again.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// Its envelope can never be accepted: unknown sender, unknown key. The code is one of docs/ERRORS.md.
    #[error("accept the envelope ({0})")]
    Envelope(&'static str),
}

/// One step of a relay.
#[async_trait]
pub trait Transform: Send + Sync + 'static {
    /// What comes in.
    type In: Message + Send + Sync;
    /// What goes out.
    type Out: Message + Send + Sync;

    /// Makes of one publication what goes on.
    async fn transform(&self, publication: Publication<Self::In>) -> Result<Passed<Self::In, Self::Out>, Refusal>;

    /// The items of an incoming message.
    fn items(data: &Self::In) -> Vec<ItemId>;

    /// The items of an outgoing message.
    fn passed(data: &Self::Out) -> Vec<ItemId>;
}

/// Passes publications from one arrow to the next.
pub struct Relay<T> {
    /// The service's name.
    pub service: &'static str,
    /// Where publications come from.
    pub from: Arrow,
    /// Where they go.
    pub to: Arrow,
    /// The hospital whose queue is read, when the arrow has one per hospital.
    pub nihdi: Option<Nihdi>,
    /// The broker that is read; dead letters stay on it.
    pub incoming: Arc<dyn Broker>,
    /// The broker that is written to.
    pub outgoing: Arc<dyn Broker>,
    /// Where passages are kept.
    pub itinerary: Arc<dyn Itinerary>,
    /// Time, chance and probes.
    pub context: Context,
    /// The step.
    pub transform: T,
}

impl<T: Transform> Relay<T> {
    /// The endless work of this relay.
    pub fn work(self) -> Work {
        let queue = self.from.queue(self.nihdi.as_ref());
        let station = Station::new(self.service, queue, Arc::clone(&self.incoming), self.context.clone());
        station.work(Arc::new(self))
    }

    /// Passes one publication on and returns its passages.
    async fn pass(&self, publication: Publication<T::In>) -> Result<(Verdict, Vec<Passage>), Trouble> {
        let (incoming, sender) = (publication.id, publication.source.clone());
        let items = T::items(&publication.data);
        let passed = match self.transform.transform(publication).await {
            Ok(passed) => passed,
            Err(Refusal::Trouble(trouble)) => return Err(trouble),
            Err(Refusal::Envelope(code)) => {
                let queue = self.from.queue(self.nihdi.as_ref()).to_string();
                let outcome = Outcome::DeadLettered(code.to_owned());
                return Ok((Verdict::Unreadable(code), vec![self.passage(incoming.uuid(), queue, outcome, &items)]));
            }
        };
        let mut passages = Vec::with_capacity(passed.onward.len() + passed.bad.len());
        for bad in passed.bad {
            let (item, code) = (bad.id, bad.code);
            let dead = DeadLetter { incoming, item, source: sender.clone(), code, data: bad.data };
            dead.publish(&*self.incoming, &self.from.dead_route(self.nihdi.as_ref()), self.context.clock.now()).await?;
            let queue = self.from.queue(self.nihdi.as_ref()).dead().to_string();
            passages.push(self.passage(incoming.uuid(), queue, Outcome::DeadLettered(code.to_owned()), &[item]));
        }
        for (route, publication) in &passed.onward {
            self.outgoing.publish(route, publication.encode()?).await?;
            let queue = route.routing_key.clone();
            passages.push(self.passage(publication.id.uuid(), queue, Outcome::Forwarded, &T::passed(&publication.data)));
        }
        Ok((Verdict::Done, passages))
    }

    fn passage(&self, publication: uuid::Uuid, queue: String, outcome: Outcome, items: &[ItemId]) -> Passage {
        let items = items.iter().map(ItemId::uuid).collect();
        Passage { publication, step: self.to.step(), queue, at: self.context.clock.now(), outcome, items }
    }
}

#[async_trait]
impl<T: Transform> Handle for Relay<T> {
    type Error = Trouble;

    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Trouble> {
        let (publications, mut verdicts) = station::read_all::<T::In>(batch);
        self.context.reach(self.service, Point::BeforeCommit).await;
        let passed = future::try_join_all(publications.into_iter().map(|publication| self.pass(publication))).await?;
        let mut passages = Vec::new();
        let readable = verdicts.iter_mut().filter(|verdict| **verdict == Verdict::Done);
        for (verdict, (passed, of_publication)) in readable.zip(passed) {
            *verdict = passed;
            passages.extend(of_publication);
        }
        self.itinerary.record(&passages).await?;
        self.context.reach(self.service, Point::AfterCommit).await;
        Ok(verdicts)
    }
}
