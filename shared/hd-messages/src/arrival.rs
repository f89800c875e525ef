//! Step 6: healthdata's messaging client to HD4RES.

use envelope::{B64, ItemId, KeyIdHex, Message, Text, items};
use pseudonymised::{Pseudonym, SenderCode};
use registration::{ContentError, Submitted};
use serde::{Deserialize, Serialize};

use crate::recoded_from::{earlier, earlier_size};

/// Registrations that arrived, clear and under pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// The registrations.
    #[serde(deserialize_with = "items")]
    pub items: Vec<ArrivalItem>,
}

/// One registration, and what is needed to answer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrivalItem {
    /// The item.
    pub id: ItemId,
    /// The patient.
    pub pseudonym: Text<Pseudonym>,
    /// What the patient was in earlier epochs, as far as anybody behind may not know it yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "earlier")]
    pub recoded_from: Vec<Text<Pseudonym>>,
    /// The hospital.
    pub sender: Text<SenderCode>,
    /// The hospital's key that proved the content: feedback is sealed for its owner.
    pub hospital: KeyIdHex,
    /// What the TTP needs to answer; opaque.
    pub handle: B64,
    /// The encoded content or receipt.
    pub content: B64,
}

impl ArrivalItem {
    /// What the hospital submitted.
    ///
    /// # Errors
    ///
    /// What the reader has against its bytes.
    pub fn submitted(&self) -> Result<Submitted, ContentError> {
        Submitted::decode(&self.content)
    }
}

impl Message for Arrival {
    const TYPE: &'static str = "be.healthdata.precision.arrival.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        let size = |item: &ArrivalItem| {
            let blobs = B64::encoded_len(item.handle.len()) + B64::encoded_len(item.content.len());
            160 + earlier_size(&item.recoded_from) + item.pseudonym.size() + item.sender.size() + blobs
        };
        self.items.iter().map(size).sum()
    }
}
