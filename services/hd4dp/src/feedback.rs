//! Step 3 back: what an arriving feedback means for its registration.

use hco_messages::DeliveredItem;
use identifying::{TagKey, patient_tag};
use registration::Feedback;
use uuid::Uuid;

use crate::{error::ItemError, store::Expected};

/// A feedback that was read and not yet held against what was sent.
#[derive(Debug)]
pub struct Read {
    /// What healthdata says.
    pub feedback: Feedback,
    /// The tag of the patient whose identity the TTP returned.
    pub patient_tag: [u8; 16],
}

impl Read {
    /// The version that it answers.
    #[must_use]
    pub fn version(&self) -> (Uuid, u32) {
        let head = self.feedback.head();
        (head.registration_id, head.version)
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
    Ok(Read { feedback, patient_tag: patient_tag(tag, &identity) })
}

/// Whether a STATUS confirms the version that it names: item, patient and content must all be what this hospital sent.
///
/// # Errors
///
/// [`ItemError::ForeignFeedback`] when one of them is not, [`ItemError::Kind`] for another feedback than a STATUS.
pub fn confirms(read: &Read, expected: Option<&Expected>) -> Result<(), ItemError> {
    let Feedback::Status { head, content_hash } = &read.feedback else { return Err(ItemError::Kind) };
    let expected = expected.ok_or(ItemError::ForeignFeedback)?;
    let own =
        head.item_id == expected.item_id && read.patient_tag == expected.patient_tag && *content_hash == expected.content_hash;
    if own { Ok(()) } else { Err(ItemError::ForeignFeedback) }
}

#[cfg(test)]
mod tests {
    use registration::FeedbackHead;

    use super::*;

    fn status() -> Read {
        let head = FeedbackHead { registration_id: Uuid::from_u128(1), version: 2, item_id: Uuid::from_u128(3), number: 1 };
        Read { feedback: Feedback::Status { head, content_hash: [4; 32] }, patient_tag: [5; 16] }
    }

    fn expected() -> Expected {
        Expected { item_id: Uuid::from_u128(3), patient_tag: [5; 16], content_hash: [4; 32] }
    }

    #[test]
    fn only_a_status_about_exactly_what_was_sent_confirms() {
        assert_eq!(confirms(&status(), Some(&expected())), Ok(()));
        let other_item = Expected { item_id: Uuid::nil(), ..expected() };
        let other_patient = Expected { patient_tag: [0; 16], ..expected() };
        let other_content = Expected { content_hash: [0; 32], ..expected() };
        for other in [other_item, other_patient, other_content] {
            assert_eq!(confirms(&status(), Some(&other)), Err(ItemError::ForeignFeedback));
        }
        assert_eq!(confirms(&status(), None), Err(ItemError::ForeignFeedback));
    }
}
