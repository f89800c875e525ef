//! A station that passes on what it reads, transformed: all that the messaging clients and the TTP do.
//!
//! Order: dead letters confirmed, the rest confirmed, the passages durable, then the acknowledgement. What happens twice has the same
//! ids, since those are derived.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_trait::async_trait;
use broker::{Broker, Delivery, Payload, TraceParent};
use envelope::{EnvelopeError, ItemId, Message, Publication, PublicationId, Source};
use futures_util::{FutureExt, future};
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

    /// An incoming message as messages of one item each, under the same seals.
    fn split(data: Self::In) -> Vec<Self::In>;

    /// The items of an outgoing message.
    fn passed(data: &Self::Out) -> Vec<ItemId>;
}

/// What became of a publication, written: dead letters and what goes on, each with its passage.
type Written = (Vec<(WrittenLetter, Passage)>, Vec<(Route, Payload, Passage)>);

/// The code of an item that the program itself fails on.
pub const DEFECT: &str = "DEFECT";

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

    /// Passes one publication on, which stands at this place in a trace, and returns its passages.
    async fn pass(
        &self,
        publication: Publication<T::In>,
        trace: Option<TraceParent>,
    ) -> Result<(Verdict, Vec<Passage>), Trouble> {
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
            letter.publish(&*self.incoming, &self.from.dead_route(self.nihdi.as_ref()), trace).await?;
            passages.push(passage);
        }
        for (route, payload, passage) in onward {
            self.outgoing.publish_traced(&route, payload, trace).await?;
            passages.push(passage);
        }
        Ok((Verdict::Done, passages))
    }

    /// Passes a publication on, and item by item when that panics: a defect that one item meets must not cost the others, again and
    /// again, until the delivery limit makes dead letters of them all.
    async fn pass_or_isolate(
        &self,
        delivery: &Delivery,
        publication: Publication<T::In>,
    ) -> Result<(Verdict, Vec<Passage>), Trouble> {
        if let Ok(passed) = AssertUnwindSafe(self.pass(publication, delivery.trace)).catch_unwind().await {
            return passed;
        }
        tracing::error!(service = self.service, "a publication panics; its items go one by one");
        match Publication::<T::In>::decode(&delivery.payload) {
            Ok(publication) => self.pass_one_by_one(publication, delivery.trace).await,
            Err(error) => Ok((Verdict::Unreadable(error.code()), Vec::new())),
        }
    }

    async fn pass_one_by_one(
        &self,
        publication: Publication<T::In>,
        trace: Option<TraceParent>,
    ) -> Result<(Verdict, Vec<Passage>), Trouble> {
        let Publication { id: incoming, source, time, data, .. } = publication;
        let items = T::items(&data);
        let mut passages = Vec::new();
        for (item, data) in items.into_iter().zip(T::split(data)) {
            let alone = Publication::new(incoming.derived(&format!("alone {item}")), source.clone(), time, data);
            // Written first, since passing it on consumes it.
            let document = alone.encode()?;
            let code = match AssertUnwindSafe(self.pass(alone, trace)).catch_unwind().await {
                Ok(passed) => match passed? {
                    (Verdict::Done, of_item) => {
                        passages.extend(of_item);
                        continue;
                    }
                    (Verdict::Unreadable(code), _) => code,
                },
                Err(_) => DEFECT,
            };
            let data = Publication::<T::In>::decode(&document)?.data;
            let letter = DeadLetter { incoming, item, source: source.clone(), code, data }.write(self.context.clock.now())?;
            letter.publish(&*self.incoming, &self.from.dead_route(self.nihdi.as_ref()), trace).await?;
            let queue = self.from.queue(self.nihdi.as_ref()).dead().to_string();
            passages.push(self.passage(incoming.uuid(), queue, Outcome::DeadLettered(code.to_owned()), &[item]));
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
        let deliveries =
            batch.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Done).map(|(delivery, _)| delivery);
        let pairs = deliveries.zip(publications);
        let passed =
            future::try_join_all(pairs.map(|(delivery, publication)| self.pass_or_isolate(delivery, publication))).await?;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use broker::{Consumer, EmbeddedBroker, EmbeddedOptions};
    use clock::{SystemClock, timeout};
    use envelope::{
        B64, IdBatch,
        sealed::{Encapsulation, ReturnedFeedback, ReturnedItem},
    };
    use store::MemoryItinerary;
    use topology::Topology;

    use super::*;
    use crate::{Chance, NoProbe};

    /// Passes everything on as it is and panics over feedback that holds a 13.
    struct Superstitious;

    #[async_trait]
    impl Transform for Superstitious {
        type In = ReturnedFeedback;
        type Out = ReturnedFeedback;

        async fn transform(
            &self,
            publication: Publication<ReturnedFeedback>,
        ) -> Result<Passed<ReturnedFeedback, ReturnedFeedback>, Refusal> {
            assert!(publication.data.items.iter().all(|item| !item.feedback.contains(&13)), "a defect");
            let onward = Publication { id: publication.id.derived("on"), ..publication };
            Ok(Passed { onward: vec![(Arrow::ToHd.route(None), onward)], bad: Vec::new() })
        }

        fn items(data: &ReturnedFeedback) -> Vec<ItemId> {
            data.items.iter().map(|item| item.id).collect()
        }

        fn split(data: ReturnedFeedback) -> Vec<ReturnedFeedback> {
            let (identity, feedback) = (data.identity, data.feedback);
            let alone = |item| ReturnedFeedback { identity: identity.clone(), feedback: feedback.clone(), items: vec![item] };
            data.items.into_iter().map(alone).collect()
        }

        fn passed(data: &ReturnedFeedback) -> Vec<ItemId> {
            Self::items(data)
        }
    }

    const PLACE: TraceParent = TraceParent { trace: [7; 16], span: [9; 8], is_sampled: true };

    /// What follows from a publication stands in its trace.
    async fn take(consumer: &mut Box<dyn Consumer>) -> Publication<ReturnedFeedback> {
        let delivery = timeout(&SystemClock, Duration::from_secs(10), consumer.next()).await.unwrap().unwrap();
        assert_eq!(delivery.trace, Some(PLACE));
        let publication = Publication::decode(&delivery.payload).unwrap();
        delivery.ack().unwrap();
        publication
    }

    #[tokio::test]
    async fn a_defect_over_one_item_costs_that_item_only() {
        let topology = Topology::for_hospitals(&["00000196".parse().unwrap()]);
        let broker: Arc<dyn Broker> =
            Arc::new(EmbeddedBroker::new(Arc::new(SystemClock), &topology, EmbeddedOptions::new(uuid::Uuid::from_u128(1))));
        let relay = Relay {
            service: "relay",
            from: Arrow::ToTtp,
            to: Arrow::ToHd,
            nihdi: None,
            incoming: Arc::clone(&broker),
            outgoing: Arc::clone(&broker),
            itinerary: Arc::new(MemoryItinerary::default()),
            context: Context { clock: Arc::new(SystemClock), chance: Arc::new(Chance::seeded(1)), probe: Arc::new(NoProbe) },
            transform: Superstitious,
        };
        tokio::spawn(relay.work().start());
        let mut ids = IdBatch::new([7; 10]);
        let items: Vec<ReturnedItem> =
            [1, 13, 2].map(|byte| ReturnedItem { id: ids.next_item(), identity: B64(vec![0]), feedback: B64(vec![byte]) }).into();
        let seal = Encapsulation::new([0; 8], [0; 32]);
        let data = ReturnedFeedback { identity: seal.clone(), feedback: seal, items: items.clone() };
        let publication = Publication::new(ids.next_publication(), "ehbox-hd".parse().unwrap(), clock::Timestamp::EPOCH, data);
        let document = publication.encode().unwrap();
        broker.publish_traced(&Arrow::ToTtp.route(None), document, Some(PLACE)).await.unwrap();
        let mut onward = broker.consume(&Arrow::ToHd.queue(None), 10).await.unwrap();
        let mut dead = broker.consume(&Arrow::ToTtp.queue(None).dead(), 10).await.unwrap();
        let (first, second, letter) = (take(&mut onward).await, take(&mut onward).await, take(&mut dead).await);
        assert_eq!([first.data.items[0].id, second.data.items[0].id], [items[0].id, items[2].id]);
        assert_eq!(letter.data.items, [items[1].clone()]);
        assert_eq!(letter.reason.map(|reason| reason.to_string()).as_deref(), Some(DEFECT));
        assert_eq!(letter.source, publication.source);
    }
}
