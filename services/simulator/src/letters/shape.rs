//! What the items of a publication look like: which parts there are, which are sealed and for whose key. Never what they hold.

use envelope::{
    B64, EnvelopeError, ItemId, KeyIdHex, Message, Publication,
    sealed::{PseudonymisedSubmission, RecodeAnswer, RecodeRequest, ReturnedFeedback, SealedFeedback, SealedSubmission},
};
use hco_messages::{FeedbackDelivery, Submission};
use hd_messages::{Arrival, OutgoingFeedback, RecodedPatient, RecodedPatients, RecodedRows, Validation, Verdict};
use serde::{Deserialize, Serialize};
use topology::Arrow;
use utoipa::ToSchema;

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemShape {
    /// Its id.
    pub item: String,
    /// Its parts, in the order of the message.
    pub parts: Vec<PartShape>,
}

/// One part of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartShape {
    /// What it is, by its name in the message.
    pub part: String,
    /// `sealed`, or `clear` where everybody in the zone could read it. It is not shown either way.
    pub form: String,
    /// Bytes of the part; none of what is as long for everybody, or shorter than its length could hide.
    pub bytes: Option<usize>,
    /// The first 8 bytes of the SHA-256 of the key that it is sealed for; none of what is not sealed for a public key.
    pub sealed_for: Option<String>,
}

/// A document that was read: its envelope, and what its items look like.
pub(super) struct Read {
    pub(super) publication: Publication<()>,
    pub(super) kind: &'static str,
    pub(super) items: Vec<ItemId>,
    pub(super) shapes: Vec<ItemShape>,
}

/// Reads a document as the reader of this arrow does.
pub(super) fn read(arrow: Arrow, document: &[u8]) -> Result<Read, EnvelopeError> {
    match arrow {
        Arrow::HandOver => of::<Submission>(document),
        Arrow::ToTtp => of::<SealedSubmission>(document),
        Arrow::ToHd => of::<PseudonymisedSubmission>(document),
        Arrow::ToHd4res => of::<Arrival>(document),
        Arrow::ToDhw => of::<Validation>(document),
        Arrow::Verdicts => of::<Verdict>(document),
        Arrow::FeedbackOut => of::<OutgoingFeedback>(document),
        Arrow::ToTtpBack => of::<SealedFeedback>(document),
        Arrow::ToHco => of::<ReturnedFeedback>(document),
        Arrow::ToHd4dp => of::<FeedbackDelivery>(document),
        Arrow::RecodeRequest => of::<RecodeRequest>(document),
        Arrow::RecodeAnswer => of::<RecodeAnswer>(document),
        Arrow::RecodedToHd4res => of::<RecodedPatients>(document),
        Arrow::RecodedToDhw => of::<RecodedRows>(document),
    }
}

fn of<D: Shaped>(document: &[u8]) -> Result<Read, EnvelopeError> {
    let Publication { id, source, time, reason, data } = Publication::<D>::decode(document)?;
    let shapes = data.shapes();
    let publication = Publication { id, source, time, reason, data: () };
    let items = shapes.iter().map(|(id, _)| *id).collect();
    let shapes = shapes.into_iter().map(|(id, parts)| ItemShape { item: id.to_string(), parts }).collect();
    Ok(Read { publication, kind: D::TYPE, items, shapes })
}

type Shapes = Vec<(ItemId, Vec<PartShape>)>;

/// A message whose items have a shape.
trait Shaped: Message {
    fn shapes(&self) -> Shapes;
}

fn sealed(part: &str, blob: &B64, key: Option<&KeyIdHex>) -> PartShape {
    let sealed_for = key.map(ToString::to_string);
    PartShape { part: part.to_owned(), form: "sealed".to_owned(), bytes: Some(blob.len()), sealed_for }
}

fn clear(part: &str, blob: Option<&B64>) -> PartShape {
    let bytes = blob.map(|blob| blob.len());
    PartShape { part: part.to_owned(), form: "clear".to_owned(), bytes, sealed_for: None }
}

/// One line per message: its items' parts, for which `$message` and `$item` give names.
macro_rules! shaped {
    ($($type:ident |$message:ident, $item:ident| [$($part:expr),* $(,)?];)*) => {
        $(impl Shaped for $type {
            fn shapes(&self) -> Shapes {
                let $message = self;
                $message.items.iter().map(|$item| ($item.id, vec![$($part),*])).collect()
            }
        })*
    };
}

shaped! {
    Submission |message, item| [clear("identity", None), clear("content", Some(&item.content))];
    SealedSubmission |message, item| [
        sealed("identity", &item.identity, Some(&message.identity.key)),
        sealed("content", &item.content, Some(&message.content.key)),
    ];
    PseudonymisedSubmission |message, item| [
        sealed("pseudonym", &item.pseudonym, Some(&message.pseudonym.key)),
        sealed("content", &item.content, Some(&message.content.key)),
    ];
    // A handle is sealed by the TTP for itself, under no public key.
    Arrival |message, item| [
        clear("pseudonym", None),
        clear("sender", None),
        sealed("handle", &item.handle, None),
        clear("content", Some(&item.content)),
    ];
    Validation |message, item| [clear("pseudonym", None), clear("sender", None), clear("content", Some(&item.content))];
    Verdict |message, item| [clear("sender", None), clear("verdict", None), clear("findings", None)];
    OutgoingFeedback |message, item| [sealed("handle", &item.handle, None), clear("feedback", Some(&item.feedback))];
    SealedFeedback |message, item| [
        sealed("return", &item.r#return, Some(&message.r#return.key)),
        sealed("feedback", &item.feedback, Some(&message.feedback.key)),
    ];
    ReturnedFeedback |message, item| [
        sealed("identity", &item.identity, Some(&message.identity.key)),
        sealed("feedback", &item.feedback, Some(&message.feedback.key)),
    ];
    FeedbackDelivery |message, item| [clear("identity", None), clear("feedback", Some(&item.feedback))];
    RecodeRequest |message, item| [sealed("pseudonyms", &item.pseudonyms, Some(&message.pseudonyms.key))];
    RecodeAnswer |message, item| [sealed("pairs", &item.pairs, Some(&message.pairs.key))];
}

fn recoded(patients: &[RecodedPatient]) -> Shapes {
    patients.iter().map(|patient| (patient.id, vec![clear("old", None), clear("new", None)])).collect()
}

impl Shaped for RecodedPatients {
    fn shapes(&self) -> Shapes {
        recoded(&self.items)
    }
}

impl Shaped for RecodedRows {
    fn shapes(&self) -> Shapes {
        recoded(&self.items)
    }
}
