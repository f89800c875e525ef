//! Step 6 at work: takes registrations in, answers each, and hands the new ones to the data warehouse; and notes receipts.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Delivery, TraceParent};
use clock::Timestamp;
use dcd::{Approval, Definition};
use envelope::{B64, ItemId, KeyIdHex, Publication, Text, content_hash};
use hd_messages::{Arrival, ArrivalItem, OutgoingFeedback, OutgoingItem, Validation, ValidationItem};
use host::{DeadLetter, Handle, Point, Trouble, Verdict, station};
use pseudonymised::{Pseudonym, SenderCode};
use registration::{Answer, Content, ContentKind, Feedback, FeedbackHead, Receipt, Submitted};
use store::{Outcome, Passage};
use topology::Arrow;

use crate::{
    error::ItemError,
    receive::Reception,
    service::{Hd4res, SERVICE},
    store::{Arrived, Heard, KeptComment, author},
};

/// Takes registrations in.
pub struct Arrivals {
    service: Arc<Hd4res>,
}

/// What became of the items of one publication.
#[derive(Default)]
struct Sorted {
    answers: Vec<OutgoingItem>,
    hand_over: Vec<ValidationItem>,
    new: Vec<uuid::Uuid>,
    known: Vec<uuid::Uuid>,
    bad: Vec<(usize, ItemError)>,
}

/// The items of a publication that could be read, each with its place in it, and the others.
struct Read {
    arrived: Vec<(usize, Arrived)>,
    heard: Vec<Heard>,
    bad: Vec<(usize, ItemError)>,
}

/// An item that could be read.
enum Item {
    Arrived(Box<Arrived>),
    Heard(Heard),
}

impl Arrivals {
    pub(crate) fn new(service: Arc<Hd4res>) -> Self {
        Self { service }
    }

    fn read(&self, items: &mut [ArrivalItem]) -> Read {
        let mut read = Read { arrived: Vec::with_capacity(items.len()), heard: Vec::new(), bad: Vec::new() };
        for (place, item) in items.iter_mut().enumerate() {
            match self.read_item(item) {
                Ok(Item::Arrived(arrived)) => read.arrived.push((place, *arrived)),
                Ok(Item::Heard(heard)) => read.heard.push(heard),
                Err(error) => read.bad.push((place, error)),
            }
        }
        read
    }

    fn read_item(&self, item: &ArrivalItem) -> Result<Item, ItemError> {
        let pseudonym: Pseudonym = item.pseudonym.parse().map_err(|_| ItemError::Pseudonym)?;
        let sender: SenderCode = item.sender.parse().map_err(|_| ItemError::Pseudonym)?;
        let now = self.service.context.clock.now();
        let content = match item.submitted().map_err(|_| ItemError::Content)? {
            Submitted::Content(content) => content,
            Submitted::Receipt(Receipt { registration_id, .. }) => {
                return Ok(Item::Heard(Heard { receipt: item.id, sender: sender.to_string(), registration_id }));
            }
        };
        let head = content.head();
        let definition = self.service.definitions.exact(&head.dcd, head.dcd_version).ok_or(ItemError::UnknownDefinition)?;
        Ok(Item::Arrived(Box::new(Arrived {
            item_id: item.id.uuid(),
            sender: sender.to_string(),
            pseudonym: pseudonym.to_string(),
            recoded_from: item.recoded_from.iter().map(earlier).collect::<Result<_, _>>()?,
            hospital: item.hospital.0,
            handle: item.handle.0.clone(),
            registration_id: head.registration_id,
            version: head.version,
            kind: head.kind,
            dcd: head.dcd.clone(),
            dcd_version: head.dcd_version,
            is_approved_automatically: definition.approval() == Approval::Automatic,
            unique_id: unique_id(&definition, &content, &pseudonym),
            answers: content.answers().iter().map(|answer| kept(&definition, head.version, answer, now)).collect(),
            content: item.content.0.clone(),
            content_hash: content_hash(&item.content),
        })))
    }

    fn sort(read: &Read, receptions: &[Reception]) -> Sorted {
        let mut sorted = Sorted { bad: read.bad.clone(), ..Sorted::default() };
        for ((place, arrived), reception) in read.arrived.iter().zip(receptions) {
            let (number, hands_over) = match reception {
                Reception::New { status_number } => (*status_number, true),
                Reception::Older { status_number } => (*status_number, false),
                Reception::Known { status_number, hand_over } => (*status_number, *hand_over),
                Reception::Reused => {
                    sorted.bad.push((*place, ItemError::Reused));
                    continue;
                }
            };
            let is_known = matches!(reception, Reception::Known { .. });
            if is_known { &mut sorted.known } else { &mut sorted.new }.push(arrived.item_id);
            sorted.answers.push(status(arrived, number));
            if hands_over {
                sorted.hand_over.push(validation_item(arrived));
            }
        }
        sorted
    }

    fn passages(&self, publication: &Publication<Arrival>, sorted: &Sorted) -> Vec<Passage> {
        let queue = Arrow::ToHd4res.queue(None);
        let at = self.service.context.clock.now();
        let passage = |outcome, queue: String, items| Passage {
            publication: publication.id.uuid(),
            step: Arrow::ToHd4res.step(),
            queue,
            at,
            outcome,
            items,
        };
        let mut passages = Vec::new();
        for (outcome, items) in [(Outcome::Arrived, &sorted.new), (Outcome::Known, &sorted.known)] {
            if !items.is_empty() {
                passages.push(passage(outcome, queue.to_string(), items.clone()));
            }
        }
        for (place, error) in &sorted.bad {
            let item = publication.data.items[*place].id.uuid();
            passages.push(passage(Outcome::DeadLettered(error.code().to_owned()), queue.dead().to_string(), vec![item]));
        }
        if !sorted.answers.is_empty() {
            passages.push(Passage {
                publication: publication.id.derived(STATUS).uuid(),
                step: Arrow::FeedbackOut.step(),
                queue: Arrow::FeedbackOut.queue(None).to_string(),
                at,
                outcome: Outcome::Sent,
                items: sorted.answers.iter().map(|answer| answer.id.uuid()).collect(),
            });
        }
        passages
    }

    async fn take(&self, mut publication: Publication<Arrival>, trace: Option<TraceParent>) -> Result<(), Trouble> {
        let (service, context) = (&self.service, &self.service.context);
        let read = self.read(&mut publication.data.items);
        let arrived: Vec<Arrived> = read.arrived.iter().map(|(_, arrived)| arrived.clone()).collect();
        context.reach(SERVICE, Point::BeforeCommit).await;
        self.note_receipts(&publication, &read.heard).await?;
        let passages = |receptions: &[Reception]| self.passages(&publication, &Self::sort(&read, receptions));
        let receptions = service.store.receive(&arrived, context.clock.now(), &passages).await?;
        if arrived.iter().any(|one| !one.recoded_from.is_empty()) {
            service.pairs_wait.notify_one();
        }
        context.reach(SERVICE, Point::AfterCommit).await;
        let sorted = Self::sort(&read, &receptions);
        for (place, error) in &sorted.bad {
            self.set_aside(&publication, &publication.data.items[*place], error.code(), trace).await?;
        }
        if !sorted.answers.is_empty() {
            let id = publication.id.derived(STATUS);
            let feedback = OutgoingFeedback { items: sorted.answers };
            service.publish(Arrow::FeedbackOut, id, feedback, trace).await?;
        }
        if !sorted.hand_over.is_empty() {
            let id = publication.id.derived("validation");
            service.publish(Arrow::ToDhw, id, Validation { items: sorted.hand_over }, trace).await?;
        }
        Ok(())
    }

    async fn note_receipts(&self, publication: &Publication<Arrival>, heard: &[Heard]) -> Result<(), Trouble> {
        if heard.is_empty() {
            return Ok(());
        }
        let passage = Passage {
            publication: publication.id.uuid(),
            step: Arrow::ToHd4res.step(),
            queue: Arrow::ToHd4res.queue(None).to_string(),
            at: self.service.context.clock.now(),
            outcome: Outcome::Receipt,
            items: heard.iter().map(|one| one.receipt.uuid()).collect(),
        };
        self.service.outbox().heard(heard, passage.at, std::slice::from_ref(&passage)).await?;
        Ok(())
    }

    async fn set_aside(
        &self,
        publication: &Publication<Arrival>,
        item: &ArrivalItem,
        code: &'static str,
        trace: Option<TraceParent>,
    ) -> Result<(), Trouble> {
        let dead = DeadLetter {
            incoming: publication.id,
            item: item.id,
            source: publication.source.clone(),
            code,
            data: Arrival { items: vec![item.clone()] },
        };
        let now = self.service.context.clock.now();
        dead.publish(&*self.service.broker, &Arrow::ToHd4res.dead_route(None), now, trace).await
    }
}

/// An earlier pseudonym that an item brings along.
fn earlier(text: &Text<Pseudonym>) -> Result<String, ItemError> {
    Ok(text.parse().map_err(|_| ItemError::Pseudonym)?.to_string())
}

/// The unique id in healthdata's form: the pseudonym stands where the hospital has the patient. A deletion has no cells to make it of.
fn unique_id(definition: &Definition, content: &Content, pseudonym: &Pseudonym) -> String {
    if content.head().kind == ContentKind::Deletion {
        return String::new();
    }
    let values = definition.unique_id().iter().map(|field| {
        if *field == definition.patient().id {
            pseudonym.as_str()
        } else {
            content.value(registration::Place::of(*field)).unwrap_or_default()
        }
    });
    values.collect::<Vec<_>>().join("|")
}

/// A hospital's answer, as it stands among the comments.
fn kept(definition: &Definition, version: u32, answer: &Answer, at: Timestamp) -> KeptComment {
    KeptComment {
        number: answer.number,
        version,
        column: answer.comment.place.and_then(|place| definition.column_at(place)),
        text: answer.comment.text.clone(),
        author: author::HOSPITAL.to_owned(),
        at,
    }
}

/// The STATUS that turns the hospital's confirmation to OK.
fn status(arrived: &Arrived, number: u64) -> OutgoingItem {
    let head =
        FeedbackHead { registration_id: arrived.registration_id, version: arrived.version, item_id: arrived.item_id, number };
    let feedback = Feedback::Status { head, content_hash: arrived.content_hash };
    OutgoingItem {
        id: ItemId::from_uuid(arrived.item_id).derived(STATUS),
        handle: B64(arrived.handle.clone()),
        hospital: KeyIdHex(arrived.hospital),
        feedback: B64(feedback.encode()),
    }
}

/// What the item id of a STATUS is derived by.
pub const STATUS: &str = "STATUS";

fn validation_item(arrived: &Arrived) -> ValidationItem {
    ValidationItem {
        id: ItemId::from_uuid(arrived.item_id),
        pseudonym: Text::unchecked(arrived.pseudonym.clone()),
        recoded_from: arrived.recoded_from.iter().cloned().map(Text::unchecked).collect(),
        sender: Text::unchecked(arrived.sender.clone()),
        content: B64(arrived.content.clone()),
    }
}

#[async_trait]
impl Handle for Arrivals {
    type Error = Trouble;

    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Trouble> {
        let (publications, verdicts) = station::read_all::<Arrival>(batch);
        for (publication, trace) in publications.into_iter().zip(station::places(batch, &verdicts)) {
            self.take(publication, trace).await?;
        }
        Ok(verdicts)
    }
}
