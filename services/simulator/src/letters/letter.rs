//! One dead letter, as an operator may see it.

use std::fmt;

use clock::Timestamp;
use envelope::{ItemId, PublicationId};
use sha2::{Digest, Sha256};
use topology::{Actor, Arrow, Nihdi};

use super::{
    Place,
    shape::{self, ItemShape},
};

/// What tells one letter's bytes from another's. It never leaves the process: a short document could be guessed from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}

/// The fingerprint of a document.
pub(super) fn fingerprint(document: &[u8]) -> Fingerprint {
    Fingerprint(Sha256::digest(document).into())
}

/// A dead letter without its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Where it stands.
    pub place: Place,
    /// Its id; none of a document that has no readable one.
    pub publication: Option<PublicationId>,
    /// The party that made the envelope that it came in; none of a document that names no party.
    pub sender: Option<String>,
    /// The message's type; none of a document that is none.
    pub kind: Option<&'static str>,
    /// When it was set aside; of a document that was set aside as a whole, when it was made. None of what cannot be read.
    pub time: Option<Timestamp>,
    /// The code that it was set aside with.
    pub reason: Option<String>,
    /// The rule of the wire format that the document breaks, found by reading it again.
    pub fault: Option<&'static str>,
    /// The items, none of a document that cannot be read.
    pub items: Vec<ItemId>,
    /// What the items look like.
    pub shapes: Vec<ItemShape>,
    /// Bytes of the document.
    pub bytes: usize,
    pub(super) fingerprint: Fingerprint,
}

/// Every arrow's type is named once here: what another document calls itself is not repeated.
const KINDS: [&str; 14] = {
    use envelope::Message as M;
    use envelope::sealed::{
        PseudonymisedSubmission, RecodeAnswer, RecodeRequest, ReturnedFeedback, SealedFeedback, SealedSubmission,
    };
    use hco_messages::{FeedbackDelivery, Submission};
    use hd_messages::{Arrival, OutgoingFeedback, RecodedPatients, RecodedRows, Validation, Verdict};
    [
        <Submission as M>::TYPE,
        <SealedSubmission as M>::TYPE,
        <PseudonymisedSubmission as M>::TYPE,
        <Arrival as M>::TYPE,
        <Validation as M>::TYPE,
        <Verdict as M>::TYPE,
        <OutgoingFeedback as M>::TYPE,
        <SealedFeedback as M>::TYPE,
        <ReturnedFeedback as M>::TYPE,
        <FeedbackDelivery as M>::TYPE,
        <RecodeRequest as M>::TYPE,
        <RecodeAnswer as M>::TYPE,
        <RecodedPatients as M>::TYPE,
        <RecodedRows as M>::TYPE,
    ]
};

impl Letter {
    /// Reads a document that stands at a place.
    #[must_use]
    pub fn read(place: Place, document: &[u8]) -> Self {
        let (bytes, fingerprint) = (document.len(), fingerprint(document));
        match shape::read(place.arrow, document) {
            Ok(read) => Self {
                place,
                publication: Some(read.publication.id),
                sender: known_party(read.publication.source.as_str()),
                kind: Some(read.kind),
                time: Some(read.publication.time),
                reason: read.publication.reason.map(|reason| reason.to_string()),
                fault: None,
                items: read.items,
                shapes: read.shapes,
                bytes,
                fingerprint,
            },
            Err(error) => {
                let kind = member(document, "type");
                Self {
                    place,
                    publication: member(document, "id").and_then(|text| text.parse().ok()),
                    sender: member(document, "source").and_then(known_party),
                    kind: KINDS.into_iter().find(|known| Some(*known) == kind),
                    time: None,
                    reason: None,
                    fault: Some(error.code()),
                    items: Vec::new(),
                    shapes: Vec::new(),
                    bytes,
                    fingerprint,
                }
            }
        }
    }

    /// Why it stands there: the code that it was set aside with, else the one that reading it again gives.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.reason.as_deref().or(self.fault)
    }

    /// The hospital that it belongs to: that of its queue, else that of its sender. Behind the TTP nobody can tell.
    #[must_use]
    pub fn hospital(&self) -> Option<Nihdi> {
        self.place.nihdi.or_else(|| self.sender.as_deref().and_then(hospital_of))
    }
}

/// A party's name, if it is one that the flow knows: what else stands there is not repeated.
fn known_party(source: &str) -> Option<String> {
    let is_known = |actor: Actor| match source.strip_prefix(actor.as_str()) {
        Some("") => true,
        Some(rest) => actor.per_hospital() && rest.strip_prefix('-').is_some_and(|nihdi| nihdi.parse::<Nihdi>().is_ok()),
        None => false,
    };
    Actor::ALL.into_iter().any(is_known).then(|| source.to_owned())
}

fn hospital_of(party: &str) -> Option<Nihdi> {
    party.rsplit('-').next()?.parse().ok()
}

/// Bytes in which the members of an envelope stand before the message.
const HEAD: usize = 1_024;

/// A member's text in the head of a document that may be cut short or no JSON at all. What it gives must be judged before it is shown.
fn member<'a>(document: &'a [u8], name: &str) -> Option<&'a str> {
    let head = document.get(..HEAD.min(document.len()))?;
    let head = match std::str::from_utf8(head) {
        Ok(head) => head,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).ok()?,
    };
    let head = head.split("\"data\"").next()?;
    let (_, rest) = head.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(text, _)| text)
}

/// The arrow and the hospital of a queue's name, or of the name of its dead letters' queue.
#[must_use]
pub fn place_of(queue: &str) -> Option<Place> {
    let (arrow, nihdi, _): (Arrow, _, bool) = crate::audit::publication::of_queue(queue)?;
    (arrow.per_hospital() == nihdi.is_some()).then_some(Place { arrow, nihdi })
}
