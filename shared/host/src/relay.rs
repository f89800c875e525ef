//! A station that passes on what it reads, transformed: all that the messaging clients and the TTP do.
//!
//! Order: dead letters confirmed, the rest confirmed, the passages durable, then the acknowledgement. What happens twice has the same
//! ids, since those are derived.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, Delivery, Payload};
use envelope::{EnvelopeError, ItemId, Message, Publication, PublicationId, Source};
use futures_util::future;
use store::{Itinerary, Outcome, Passage};
use topology::{Arrow, Nihdi, Route};

use crate::{Context, DeadLetter, Handle, Point, Station, Trouble, Verdict, Work, dead::WrittenLetter, station};

/// An item that cannot be passed on.
#[derive(Debug)]
pub struct BadItem<I> {
    /// The item.
    pub id: ItemId,
    /// Why: a code of docs/WIRE.md.
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
    /// Its envelope can never be accepted: unknown sender, unknown key. The code is one of docs/WIRE.md.
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

/// What became of a publication, written: dead letters and what goes on, each with its passage.
type Written = (Vec<(WrittenLetter, Passage)>, Vec<(Route, Payload, Passage)>);

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
        let (incoming, source) = (publication.id, publication.source.clone());
        let items = T::items(&publication.data);
        let refused = |code: &'static str| {
            let queue = self.from.queue(self.nihdi.as_ref()).to_string();
            let outcome = Outcome::DeadLettered(code.to_owned());
            (Verdict::Unreadable(code), vec![self.passage(incoming.uuid(), queue, outcome, &items)])
        };
        let passed = match self.transform.transform(publication).await {
            Ok(passed) => passed,
            Err(Refusal::Trouble(trouble)) => return Err(trouble),
            Err(Refusal::Envelope(code)) => return Ok(refused(code)),
        };
        // Written before anything is published: what has no room for what a step adds to it never will have, and is refused as a whole.
        let (dead, onward) = match self.write(incoming, &source, passed) {
            Ok(written) => written,
            Err(error) => return Ok(refused(error.code())),
        };
        let mut passages = Vec::with_capacity(dead.len() + onward.len());
        for (letter, passage) in dead {
            letter.publish(&*self.incoming, &self.from.dead_route(self.nihdi.as_ref())).await?;
            passages.push(passage);
        }
        for (route, payload, passage) in onward {
            self.outgoing.publish(&route, payload).await?;
            passages.push(passage);
        }
        Ok((Verdict::Done, passages))
    }

    /// Writes what became of a publication, each part with its passage.
    fn write(&self, incoming: PublicationId, source: &Source, passed: Passed<T::In, T::Out>) -> Result<Written, EnvelopeError> {
        let mut dead = Vec::with_capacity(passed.bad.len());
        for BadItem { id: item, code, data } in passed.bad {
            let letter = DeadLetter { incoming, item, source: source.clone(), code, data }.write(self.context.clock.now())?;
            let queue = self.from.queue(self.nihdi.as_ref()).dead().to_string();
            let passage = self.passage(incoming.uuid(), queue, Outcome::DeadLettered(code.to_owned()), &[item]);
            dead.push((letter, passage));
        }
        let mut onward = Vec::with_capacity(passed.onward.len());
        for (route, publication) in passed.onward {
            let (payload, queue) = (publication.encode()?, route.routing_key.clone());
            let items = T::passed(&publication.data);
            onward.push((route, payload, self.passage(publication.id.uuid(), queue, Outcome::Forwarded, &items)));
        }
        Ok((dead, onward))
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
