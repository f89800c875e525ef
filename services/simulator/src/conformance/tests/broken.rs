//! Parts that are broken in one way each: the real service behind a broker that spoils what it publishes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Delivery, Depth, Payload, PublishError};
use envelope::{
    B64, IdBatch, Publication, PublicationId, Source,
    sealed::{Encapsulation, PseudonymisedSubmission, ReturnedFeedback, SealedSubmission},
};
use identifying::IdentityPart;
use pseudonymised::{Pseudonym, PseudonymPart};
use sealing::{KeyId, Part, keys::Party};
use topology::{Arrow, QueueName, Route};
use uuid::Uuid;

use crate::keys::AllKeys;

/// One way of being wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breakage {
    /// Publishes nothing.
    Silent,
    /// Keeps the id of what came in.
    KeepsEnvelopeId,
    /// Makes a new id for a redelivery.
    ForgetsIds,
    /// Keeps the hospital as source.
    KeepsSource,
    /// Keeps the fractions of the time.
    DoesNotRound,
    /// Gives two items each other's content.
    SwapsContents,
    /// Leaves out an item.
    DropsAnItem,
    /// Turns the order of items around.
    TurnsOrder,
    /// Names the hash of nothing.
    ForgetsBinding,
    /// Gives every item another patient's pseudonym each time.
    NewPseudonymEachTime,
    /// One pseudonym for everybody.
    OnePseudonym,
    /// A pseudonym with a wrong check character.
    WrongCheckCharacter,
    /// Handles of several lengths.
    HandlesOfSeveralLengths,
    /// The identity in the handle, in clear.
    IdentityInHandle,
    /// Seals all items under one index.
    RepeatsIndex,
    /// Sets items aside without a reason.
    ForgetsReason,
    /// Sets items aside in its own name.
    SetsAsideInItsOwnName,
    /// Throws bad items away.
    ThrowsAway,
    /// Passes bad items on as if they were good ones.
    GivesTheWrongPatientBack,
    /// Returns feedback that it has touched.
    TouchesFeedback,
    /// Returns feedback whose identity names the hash of nothing.
    ForgetsBindingBack,
    /// Returns all feedback to one hospital.
    ReturnsToOneHospital,
}

pub(super) const OF_TTP: &[(Breakage, &str)] = &[
    (Breakage::KeepsEnvelopeId, "step-5/id"),
    (Breakage::ForgetsIds, "redelivery"),
    (Breakage::KeepsSource, "step-5/source"),
    (Breakage::DoesNotRound, "step-5/time"),
    (Breakage::SwapsContents, "content-untouched"),
    (Breakage::SwapsContents, "binding"),
    (Breakage::DropsAnItem, "step-5/items"),
    (Breakage::TurnsOrder, "step-5/items"),
    (Breakage::ForgetsBinding, "binding"),
    (Breakage::NewPseudonymEachTime, "same-patient"),
    (Breakage::NewPseudonymEachTime, "over-hospitals"),
    (Breakage::OnePseudonym, "other-patient"),
    (Breakage::WrongCheckCharacter, "pseudonym-shape"),
    (Breakage::HandlesOfSeveralLengths, "one-length"),
    (Breakage::IdentityInHandle, "no-identity"),
    (Breakage::RepeatsIndex, "index-once"),
    (Breakage::ForgetsReason, "step-4/item/check-digits"),
    (Breakage::SetsAsideInItsOwnName, "step-4/item/check-digits"),
    (Breakage::ThrowsAway, "step-4/item/changed-bit"),
    (Breakage::GivesTheWrongPatientBack, "identity-restored"),
    (Breakage::TouchesFeedback, "feedback-untouched"),
    (Breakage::ForgetsBindingBack, "identity-binding"),
    (Breakage::ReturnsToOneHospital, "back-to-sender"),
];

/// A broker that spoils what is published through it.
pub(super) struct Spoiling {
    inner: Arc<dyn Broker>,
    keys: Arc<AllKeys>,
    breakage: Breakage,
    /// Per item, the id of the publication that it came in; and a counter.
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    ids: Option<IdBatch>,
    count: u32,
    incoming: HashMap<String, PublicationId>,
}

type Step5 = Publication<PseudonymisedSubmission>;

impl Spoiling {
    pub(super) fn new(inner: Arc<dyn Broker>, keys: Arc<AllKeys>, breakage: Breakage) -> Self {
        Self { inner, keys, breakage, seen: Arc::default() }
    }

    fn count(&self) -> u32 {
        let mut seen = self.seen.lock().unwrap();
        seen.count += 1;
        seen.count
    }

    fn new_id(&self) -> PublicationId {
        // Version 5, so that it looks like a derived one.
        let mut seen = self.seen.lock().unwrap();
        seen.ids.get_or_insert_with(|| IdBatch::new([3; 10])).next_publication().derived("new")
    }

    /// Opens every pseudonym part, changes it and seals it again as the TTP.
    fn resealed(&self, publication: &mut Step5, mut change: impl FnMut(usize, &mut Vec<u8>)) {
        let (ttp, hd) = (self.keys.ttp.get(), self.keys.hd.get());
        let seal = &publication.data.pseudonym;
        let ttp_keys = hd.public.keys(Party::EhealthTtp).unwrap().all();
        let opener = hd.keyring.opener(Part::Pseudonym, ttp_keys, KeyId(seal.key.0), &seal.enc.0).unwrap();
        let mut sealer = ttp.keyring.sealer(Part::Pseudonym, hd.keyring.public()).unwrap();
        for (place, item) in publication.data.items.iter_mut().enumerate() {
            let mut clear = opener.open(item.id.as_bytes(), &item.pseudonym).unwrap();
            change(place, &mut clear);
            item.pseudonym = B64(sealer.seal(item.id.as_bytes(), &clear).unwrap());
        }
        let (key, enc) = sealer.encapsulation();
        publication.data.pseudonym = Encapsulation::new(key.0, enc);
    }

    fn with_part(&self, publication: &mut Step5, change: impl Fn(usize, &mut PseudonymPart)) {
        self.resealed(publication, |place, clear| {
            let mut part = PseudonymPart::decode(clear).unwrap();
            change(place, &mut part);
            *clear = part.encode();
        });
    }

    fn forward(&self, payload: &Payload) -> Payload {
        let mut publication = Step5::decode(payload).unwrap();
        let other_code = |number: u32| {
            format!("{:A<26}", ["B", "C", "D", "E", "F", "G", "H"][number as usize % 7].repeat(1 + number as usize / 7 % 20))
        };
        match self.breakage {
            Breakage::KeepsEnvelopeId => {
                let first = publication.data.items[0].id.to_string();
                publication.id = self.seen.lock().unwrap().incoming[&first];
            }
            Breakage::ForgetsIds => publication.id = self.new_id(),
            Breakage::KeepsSource => publication.source = "ehbox-hco-00000196".parse::<Source>().unwrap(),
            Breakage::DoesNotRound => publication.time = clock::Timestamp::from_micros(publication.time.as_micros() + 123),
            Breakage::SwapsContents => {
                if let [first, .., last] = publication.data.items.as_mut_slice() {
                    std::mem::swap(&mut first.content, &mut last.content);
                }
            }
            Breakage::DropsAnItem if publication.data.items.len() > 1 => {
                publication.data.items.pop();
            }
            Breakage::TurnsOrder => publication.data.items.reverse(),
            Breakage::ForgetsBinding => self.with_part(&mut publication, |_, part| part.content_hash = [0; 32]),
            Breakage::NewPseudonymEachTime => self.with_part(&mut publication, |_, part| {
                part.pseudonym = Pseudonym::assemble("healthdata", 1, &other_code(self.count())).unwrap();
            }),
            Breakage::OnePseudonym => self.with_part(&mut publication, |_, part| {
                part.pseudonym = Pseudonym::assemble("healthdata", 1, &other_code(0)).unwrap();
            }),
            // The last character of `healthdata.1.` and 27 characters.
            Breakage::WrongCheckCharacter => self.resealed(&mut publication, |_, clear| {
                clear[40] = if clear[40] == b'7' { b'8' } else { b'7' };
            }),
            Breakage::HandlesOfSeveralLengths => {
                self.with_part(&mut publication, |place, part| part.handle.resize(97 + place, 0));
            }
            Breakage::IdentityInHandle => self.with_part(&mut publication, |_, part| {
                drop(part.handle.splice(..11, *b"64031299906"));
            }),
            Breakage::RepeatsIndex => {
                for item in &mut publication.data.items {
                    item.pseudonym.0[..4].fill(0);
                }
            }
            _ => {}
        }
        publication.encode().unwrap()
    }

    fn letter(&self, payload: &Payload) -> Option<Payload> {
        let Ok(mut letter) = Publication::<SealedSubmission>::decode(payload) else { return Some(payload.clone()) };
        match self.breakage {
            Breakage::ForgetsReason => letter.reason = None,
            Breakage::SetsAsideInItsOwnName => letter.source = "ehealth-ttp".parse().unwrap(),
            Breakage::ThrowsAway => return None,
            _ => {}
        }
        Some(letter.encode().unwrap())
    }

    fn back(&self, route: &Route, payload: &Payload) -> (Route, Payload) {
        let (mut route, mut publication) = (route.clone(), Publication::<ReturnedFeedback>::decode(payload).unwrap());
        let nihdi: topology::Nihdi = route.routing_key.split('.').nth(1).unwrap().parse().unwrap();
        match self.breakage {
            Breakage::TouchesFeedback => publication.data.items[0].feedback.0[30] ^= 1,
            Breakage::ReturnsToOneHospital => route = Arrow::ToHco.route(Some(&"00000196".parse().unwrap())),
            Breakage::GivesTheWrongPatientBack | Breakage::ForgetsBindingBack => {
                let (ttp, (_, hospital)) = (self.keys.ttp.get(), &self.keys.hospitals[&nihdi]);
                let (hospital, seal) = (hospital.get(), &publication.data.identity);
                let ttp_keys = hospital.public.keys(Party::EhealthTtp).unwrap().all();
                let part = Part::ReturnedIdentity;
                let opener = hospital.keyring.opener(part, ttp_keys, KeyId(seal.key.0), &seal.enc.0).unwrap();
                let mut sealer = ttp.keyring.sealer(part, hospital.keyring.public()).unwrap();
                for item in &mut publication.data.items {
                    let mut part = IdentityPart::decode(&opener.open(item.id.as_bytes(), &item.identity).unwrap()).unwrap();
                    if self.breakage == Breakage::ForgetsBindingBack {
                        part.content_hash = [0; 32];
                    } else {
                        part.identity = identifying::Identity::Ssin("05031200086".parse().unwrap());
                    }
                    item.identity = B64(sealer.seal(item.id.as_bytes(), &part.encode()).unwrap());
                }
                let (key, enc) = sealer.encapsulation();
                publication.data.identity = Encapsulation::new(key.0, enc);
            }
            _ => {}
        }
        (route, publication.encode().unwrap())
    }
}

#[async_trait]
impl Broker for Spoiling {
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError> {
        if self.breakage == Breakage::Silent {
            return Ok(());
        }
        if route.exchange == Arrow::ToHd.exchange() {
            return self.inner.publish(route, self.forward(&payload)).await;
        }
        if route.exchange == Arrow::ToHco.exchange() {
            let (route, payload) = self.back(route, &payload);
            return self.inner.publish(&route, payload).await;
        }
        if *route == Arrow::ToTtp.dead_route(None) {
            return match self.letter(&payload) {
                Some(letter) => self.inner.publish(route, letter).await,
                None => Ok(()),
            };
        }
        self.inner.publish(route, payload).await
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        let inner = self.inner.consume(queue, prefetch).await?;
        Ok(Box::new(Watching { inner, seen: Arc::clone(&self.seen) }))
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError> {
        self.inner.depth(queue).await
    }

    fn incarnation(&self) -> Uuid {
        self.inner.incarnation()
    }
}

/// A consumer that remembers in which publication each item came in.
struct Watching {
    inner: Box<dyn Consumer>,
    seen: Arc<Mutex<Seen>>,
}

impl Watching {
    fn remember(&self, payload: &Payload) {
        let Ok(publication) = Publication::<SealedSubmission>::decode(payload) else { return };
        let mut seen = self.seen.lock().unwrap();
        for item in &publication.data.items {
            seen.incoming.insert(item.id.to_string(), publication.id);
        }
    }
}

#[async_trait]
impl Consumer for Watching {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        let delivery = self.inner.next().await?;
        self.remember(&delivery.payload);
        Ok(delivery)
    }

    fn try_next(&mut self) -> Option<Delivery> {
        let delivery = self.inner.try_next()?;
        self.remember(&delivery.payload);
        Some(delivery)
    }
}
