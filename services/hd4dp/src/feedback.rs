//! Step 3 back: what an arriving feedback means for its registration.

use dcd::Definition;
use envelope::ItemId;
use hco_messages::{DeliveredItem, SubmissionItem};
use identifying::{Identity, TagKey, patient_tag};
use registration::{Feedback, Place, Receipt};
use uuid::Uuid;

use crate::{
    error::ItemError,
    store::{Expected, FeedbackKind, Received},
};

/// A feedback that was read and not yet held against what was sent.
#[derive(Debug)]
pub struct Read {
    /// The item that brought it.
    pub item: ItemId,
    /// The patient whose identity the TTP returned.
    pub identity: Identity,
    /// What healthdata says.
    pub feedback: Feedback,
    /// The patient's tag.
    pub patient_tag: [u8; 16],
}

impl Read {
    /// The version that it answers.
    #[must_use]
    pub fn version(&self) -> (Uuid, u32) {
        let head = self.feedback.head();
        (head.registration_id, head.version)
    }

    /// Whether a comment is on a field.
    #[must_use]
    pub fn has_places(&self) -> bool {
        self.feedback.comments().iter().any(|comment| comment.place.is_some())
    }

    /// The receipt for a researcher's feedback, ready to be handed over; `None` for a STATUS, which is an answer itself.
    #[must_use]
    pub fn receipt(&self, organisation: &str) -> Option<SubmissionItem> {
        if matches!(self.feedback, Feedback::Status { .. }) {
            return None;
        }
        let (registration_id, version) = self.version();
        let organisation = organisation.to_owned();
        let receipt = Receipt { registration_id, version, organisation, patient_tag: self.patient_tag };
        Some(SubmissionItem::new(self.item.derived(Receipt::DERIVATION), &self.identity, receipt.encode()))
    }

    /// The researcher's feedback; `None` for a STATUS, which only confirms.
    #[must_use]
    pub fn received(self) -> Option<Received> {
        let (head, kind, comments) = match self.feedback {
            Feedback::Status { .. } => return None,
            Feedback::CorrectionRequest { head, comments } => (head, FeedbackKind::CorrectionRequest, comments),
            Feedback::Approval { head } => (head, FeedbackKind::Approval, Vec::new()),
            Feedback::FollowUpRequest { head, comments } => (head, FeedbackKind::FollowUpRequest, comments),
        };
        let (registration_id, version, number) = (head.registration_id, head.version, head.number);
        Some(Received { registration_id, version, number, kind, comments })
    }
}

/// Reads one delivered item.
///
/// # Errors
///
/// [`ItemError::Feedback`] or [`ItemError::Identity`].
pub fn read(item: &DeliveredItem, tag: &TagKey) -> Result<Read, ItemError> {
    let feedback = item.feedback().map_err(|_| ItemError::Feedback)?;
    let identity = item.identity.parse().map_err(|_| ItemError::Identity)?;
    Ok(Read { item: item.id, feedback, patient_tag: patient_tag(tag, &identity), identity })
}

/// Whether a feedback is about the version that it names: item, patient and, of a STATUS, content must all be what this hospital sent.
///
/// # Errors
///
/// [`ItemError::ForeignFeedback`] when one of them is not.
pub fn answers(read: &Read, expected: Option<&Expected>) -> Result<(), ItemError> {
    let expected = expected.ok_or(ItemError::ForeignFeedback)?;
    let is_content = match &read.feedback {
        Feedback::Status { content_hash, .. } => *content_hash == expected.content_hash,
        Feedback::CorrectionRequest { .. } | Feedback::Approval { .. } | Feedback::FollowUpRequest { .. } => true,
    };
    let is_own = read.feedback.head().item_id == expected.item_id && read.patient_tag == expected.patient_tag;
    if is_own && is_content { Ok(()) } else { Err(ItemError::ForeignFeedback) }
}

/// Whether all comments are on the registration or on fields that its definition has.
///
/// # Errors
///
/// [`ItemError::ForeignFeedback`] when one is not.
pub fn comments_fit(read: &Read, definition: &Definition) -> Result<(), ItemError> {
    let fits = |place: Place| definition.field(place.field).is_some_and(|field| place.item.is_none() || field.list().is_some());
    let mut places = read.feedback.comments().iter().filter_map(|comment| comment.place);
    if places.all(fits) { Ok(()) } else { Err(ItemError::ForeignFeedback) }
}

#[cfg(test)]
mod tests {
    use dcd::Definitions;
    use registration::{Comment, FeedbackHead};

    use super::*;

    fn status() -> Read {
        let head = FeedbackHead { registration_id: Uuid::from_u128(1), version: 2, item_id: Uuid::from_u128(3), number: 1 };
        read(Feedback::Status { head, content_hash: [4; 32] })
    }

    fn read(feedback: Feedback) -> Read {
        let identity = Identity::from_parts(identifying::IdentityKind::Ssin, "64031299906").unwrap();
        Read { item: ItemId::from_uuid(Uuid::from_u128(8)), identity, feedback, patient_tag: [5; 16] }
    }

    fn expected() -> Expected {
        Expected { item_id: Uuid::from_u128(3), patient_tag: [5; 16], content_hash: [4; 32] }
    }

    #[test]
    fn only_a_status_about_exactly_what_was_sent_confirms() {
        assert_eq!(answers(&status(), Some(&expected())), Ok(()));
        let other_item = Expected { item_id: Uuid::nil(), ..expected() };
        let other_patient = Expected { patient_tag: [0; 16], ..expected() };
        let other_content = Expected { content_hash: [0; 32], ..expected() };
        for other in [other_item, other_patient, other_content] {
            assert_eq!(answers(&status(), Some(&other)), Err(ItemError::ForeignFeedback));
        }
        assert_eq!(answers(&status(), None), Err(ItemError::ForeignFeedback));
    }

    fn request(place: Option<Place>) -> Read {
        let head = *status().feedback.head();
        let comments = vec![Comment { place, text: "please look".to_owned() }];
        read(Feedback::CorrectionRequest { head, comments })
    }

    /// A request says nothing of the content.
    #[test]
    fn a_request_is_held_against_item_and_patient() {
        let other_content = Expected { content_hash: [0; 32], ..expected() };
        assert_eq!(answers(&request(None), Some(&other_content)), Ok(()));
        let other_item = Expected { item_id: Uuid::nil(), ..expected() };
        let other_patient = Expected { patient_tag: [0; 16], ..expected() };
        for other in [other_item, other_patient] {
            assert_eq!(answers(&request(None), Some(&other)), Err(ItemError::ForeignFeedback));
        }
    }

    #[test]
    fn a_comment_is_on_a_field_of_the_definition() {
        let definition = Definitions::built_in().unwrap().get("Precision_Local_MAB").unwrap();
        let count = u16::try_from(definition.fields().len()).unwrap();
        assert_eq!(comments_fit(&request(None), &definition), Ok(()));
        assert_eq!(comments_fit(&request(Some(Place::of(count - 1))), &definition), Ok(()));
        for foreign in [Place::of(count), Place::in_item(definition.patient().id, 0)] {
            assert_eq!(comments_fit(&request(Some(foreign)), &definition), Err(ItemError::ForeignFeedback));
        }
    }

    #[test]
    fn only_a_status_is_not_received() {
        assert!(status().received().is_none() && status().receipt("00000196").is_none());
        let receipt = request(None).receipt("00000196").unwrap();
        assert_eq!(receipt.id, request(None).item.derived("RECEIPT"), "the same for the same feedback");
        assert!(!format!("{:?}", request(None)).contains("64031299906"));
        let received = request(None).received().unwrap();
        assert_eq!((received.version, received.number, received.kind), (2, 1, FeedbackKind::CorrectionRequest));
    }
}
