//! What a hospital answers a researcher's feedback: that it has it. A receipt travels as a registration does (steps 3 to 6), under an item
//! id that is derived from the feedback's, and ends at HD4RES, which sends a feedback again until it has one.
//!
//! # Bytes, format version 1
//!
//! The frame, numbers and texts are those of [`content`](crate::content), padded to the same [`PADDING_STEP`], so that nobody on the way
//! can tell a receipt from a registration. The body:
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 16 | registration id |
//! | number | version of the registration that the feedback answered |
//! | 1 | kind: 3 |
//! | text | NIHDI number of the organisation, digits |
//! | 16 | patient tag |

use uuid::Uuid;

use crate::content::is_organisation;
use crate::wire::{FrameReader, FrameWriter};
use crate::{Content, ContentError, PADDING_STEP};

/// The kind of a receipt, where a content has its own.
const KIND: u8 = 3;

/// A hospital has a researcher's feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The registration that the feedback was about.
    pub registration_id: Uuid,
    /// The version that it answered.
    pub version: u32,
    /// NIHDI number of the organisation that has it, digits only.
    pub organisation: String,
    /// As in a content: pseudonym and tag must belong together.
    pub patient_tag: [u8; 16],
}

impl Receipt {
    /// What the item id of a receipt is derived by, from the item id of the feedback.
    pub const DERIVATION: &'static str = "RECEIPT";

    /// The bytes described at the [module](self), padded.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = FrameWriter::with_capacity(PADDING_STEP);
        writer.raw(self.registration_id.as_bytes());
        writer.number(u64::from(self.version));
        writer.byte(KIND);
        writer.block(self.organisation.as_bytes());
        writer.raw(&self.patient_tag);
        writer.finish(PADDING_STEP)
    }

    fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        let mut reader = FrameReader::open(bytes, PADDING_STEP)?;
        let (registration_id, version, _) = (reader.uuid()?, reader.number_u32()?, reader.byte()?);
        let organisation = reader.text()?.to_owned();
        let patient_tag = reader.array()?;
        reader.end()?;
        if !is_organisation(&organisation) {
            return Err(ContentError::Malformed { what: "organisation" });
        }
        Ok(Self { registration_id, version, organisation, patient_tag })
    }
}

/// What a hospital seals for healthdata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// A version of a registration, or its deletion.
    Content(Content),
    /// The answer to a researcher's feedback.
    Receipt(Receipt),
}

impl Submitted {
    /// Reads a content or a receipt, whichever it is. Strict: there is one accepted form of each.
    ///
    /// # Errors
    ///
    /// As [`Content::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        let mut reader = FrameReader::open(bytes, PADDING_STEP)?;
        reader.uuid()?;
        reader.number_u32()?;
        match reader.byte()? {
            KIND => Receipt::decode(bytes).map(Self::Receipt),
            _ => Content::decode(bytes).map(Self::Content),
        }
    }

    /// NIHDI number of the organisation that it comes from.
    #[must_use]
    pub fn organisation(&self) -> &str {
        match self {
            Self::Content(content) => &content.head().organisation,
            Self::Receipt(receipt) => &receipt.organisation,
        }
    }

    /// The hospital's tag of the patient.
    #[must_use]
    pub const fn patient_tag(&self) -> [u8; 16] {
        match self {
            Self::Content(content) => content.head().patient_tag,
            Self::Receipt(receipt) => receipt.patient_tag,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{CodeKey, ContentHead, ContentKind};

    fn receipt(version: u32) -> Receipt {
        let organisation = "00000196".to_owned();
        Receipt { registration_id: Uuid::from_u128(7), version, organisation, patient_tag: [9; 16] }
    }

    #[test]
    fn a_receipt_is_as_long_as_a_small_registration_and_neither_reads_as_the_other() {
        let head = ContentHead {
            registration_id: Uuid::from_u128(7),
            version: 1,
            kind: ContentKind::Registration,
            dcd: "Precision_Local_MAB".to_owned(),
            dcd_version: 1,
            organisation: "00000196".to_owned(),
            patient_tag: [9; 16],
        };
        let content = Content::reduce(head, [], Vec::new(), &[], &CodeKey::new([1; 32])).unwrap();
        let (sent, answered) = (content.encode(), receipt(1).encode());
        assert_eq!(sent.len(), answered.len());
        assert_eq!(Submitted::decode(&sent), Ok(Submitted::Content(content)));
        assert_eq!(Content::decode(&answered), Err(ContentError::Tag { found: KIND }));
    }

    #[test]
    fn trailing_bytes_and_foreign_organisations_are_refused() {
        let mut longer = receipt(1).encode();
        longer[4] += 1;
        assert_eq!(Submitted::decode(&longer), Err(ContentError::Length));
        let foreign = Receipt { organisation: "UZ".to_owned(), ..receipt(1) };
        assert_eq!(Submitted::decode(&foreign.encode()), Err(ContentError::Malformed { what: "organisation" }));
    }

    proptest! {
        #[test]
        fn every_receipt_reads_back(version in any::<u32>()) {
            let bytes = receipt(version).encode();
            prop_assert_eq!(bytes.len(), PADDING_STEP);
            prop_assert_eq!(Submitted::decode(&bytes), Ok(Submitted::Receipt(receipt(version))));
        }

        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut framed = vec![1, 0, 0, 0, u8::try_from(body.len()).unwrap()];
            framed.extend(&body);
            framed.resize(PADDING_STEP, 0);
            let _ = Submitted::decode(&framed);
        }
    }
}
