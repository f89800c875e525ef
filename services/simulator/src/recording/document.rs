//! The documents of sealed arrows, and what can be read of them without a key: ids, the source, whose keys open them.

use std::collections::BTreeSet;

use broker::Payload;
use envelope::{
    EnvelopeError, KeyIdHex, Publication, PublicationId, Source,
    sealed::{PseudonymisedSubmission, RecodeAnswer, RecodeRequest, ReturnedFeedback, SealedFeedback, SealedSubmission},
};
use topology::{Arrow, Form};
use uuid::Uuid;

/// A publication of a sealed arrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Step 4.
    Submission(Publication<SealedSubmission>),
    /// Step 5.
    Pseudonymised(Publication<PseudonymisedSubmission>),
    /// Step 5 back.
    Feedback(Publication<SealedFeedback>),
    /// Step 4 back.
    Returned(Publication<ReturnedFeedback>),
    /// Re-coding, R1.
    RecodeRequest(Publication<RecodeRequest>),
    /// Re-coding, R2.
    RecodeAnswer(Publication<RecodeAnswer>),
}

/// The same on every kind of document.
macro_rules! of_each {
    ($document:expr, $publication:ident => $value:expr) => {
        match $document {
            Document::Submission($publication) => $value,
            Document::Pseudonymised($publication) => $value,
            Document::Feedback($publication) => $value,
            Document::Returned($publication) => $value,
            Document::RecodeRequest($publication) => $value,
            Document::RecodeAnswer($publication) => $value,
        }
    };
}

/// Whether nothing clear travels on an arrow, so that it may be recorded.
#[must_use]
pub fn is_recordable(arrow: Arrow) -> bool {
    match arrow.form() {
        Form::Sealed => true,
        Form::Clear => false,
    }
}

impl Document {
    /// Reads a document of a sealed arrow; `None` when the arrow is a clear one.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`]: what is no document of this arrow is not known to be sealed either.
    pub fn decode(arrow: Arrow, bytes: &[u8]) -> Option<Result<Self, EnvelopeError>> {
        Some(match arrow {
            Arrow::ToTtp => Publication::decode(bytes).map(Self::Submission),
            Arrow::ToHd => Publication::decode(bytes).map(Self::Pseudonymised),
            Arrow::ToTtpBack => Publication::decode(bytes).map(Self::Feedback),
            Arrow::ToHco => Publication::decode(bytes).map(Self::Returned),
            Arrow::RecodeRequest => Publication::decode(bytes).map(Self::RecodeRequest),
            Arrow::RecodeAnswer => Publication::decode(bytes).map(Self::RecodeAnswer),
            Arrow::HandOver
            | Arrow::ToHd4res
            | Arrow::ToDhw
            | Arrow::Verdicts
            | Arrow::FeedbackOut
            | Arrow::ToHd4dp
            | Arrow::RecodedToHd4res
            | Arrow::RecodedToDhw => return None,
        })
    }

    /// The publication's id.
    #[must_use]
    pub fn id(&self) -> PublicationId {
        of_each!(self, publication => publication.id)
    }

    /// The same under another id.
    #[must_use]
    pub fn under(mut self, id: PublicationId) -> Self {
        of_each!(&mut self, publication => publication.id = id);
        self
    }

    /// Who made the envelope: a claim.
    #[must_use]
    pub fn source(&self) -> &Source {
        of_each!(self, publication => &publication.source)
    }

    /// The items, in their order.
    #[must_use]
    pub fn items(&self) -> Vec<Uuid> {
        of_each!(self, publication => publication.data.items.iter().map(|item| item.id.uuid()).collect())
    }

    /// The same with these items only: each opens alone.
    #[must_use]
    pub fn of_items(mut self, wanted: &BTreeSet<Uuid>) -> Self {
        of_each!(&mut self, publication => publication.data.items.retain(|item| wanted.contains(&item.id.uuid())));
        self
    }

    /// The recipients' keys that open it.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<KeyIdHex> {
        match self {
            Self::Submission(one) => [one.data.identity.key, one.data.content.key].into(),
            Self::Pseudonymised(one) => [one.data.pseudonym.key, one.data.content.key].into(),
            Self::Feedback(one) => [one.data.r#return.key, one.data.feedback.key].into(),
            Self::Returned(one) => [one.data.identity.key, one.data.feedback.key].into(),
            Self::RecodeRequest(one) => [one.data.pseudonyms.key].into(),
            Self::RecodeAnswer(one) => [one.data.pairs.key].into(),
        }
    }

    /// The document's bytes.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`].
    pub fn encode(&self) -> Result<Payload, EnvelopeError> {
        of_each!(self, publication => publication.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the arrows' forms and the reader of documents know the same arrows.
    #[test]
    fn documents_are_those_of_sealed_arrows_and_of_no_others() {
        for arrow in Arrow::ALL {
            assert_eq!(Document::decode(arrow, b"{}").is_some(), is_recordable(arrow), "{arrow:?}");
            assert_eq!(is_recordable(arrow), arrow.zone() == topology::Zone::EHealth, "{arrow:?}");
        }
    }
}
