//! Step 7: HD4RES to the validation environment on the data warehouse.

use envelope::{B64, ItemId, Message, Text, items};
use pseudonymised::{Pseudonym, SenderCode};
use registration::{Content, ContentError};
use serde::{Deserialize, Serialize};

use crate::recoded_from::{earlier, earlier_size};

/// Registrations to validate: pseudonymised patients and registration variables, and no way back to a hospital.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// The registrations.
    #[serde(deserialize_with = "items")]
    pub items: Vec<ValidationItem>,
}

/// One registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationItem {
    /// The item.
    pub id: ItemId,
    /// The patient.
    pub pseudonym: Text<Pseudonym>,
    /// What the patient was in earlier epochs, as far as anybody behind may not know it yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "earlier")]
    pub recoded_from: Vec<Text<Pseudonym>>,
    /// The hospital.
    pub sender: Text<SenderCode>,
    /// The encoded content.
    pub content: B64,
}

impl ValidationItem {
    /// The content.
    ///
    /// # Errors
    ///
    /// What the content's reader has against its bytes.
    pub fn content(&self) -> Result<Content, ContentError> {
        Content::decode(&self.content)
    }
}

impl Message for Validation {
    const TYPE: &'static str = "be.healthdata.precision.validation.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        let size = |item: &ValidationItem| {
            120 + earlier_size(&item.recoded_from)
                + item.pseudonym.size()
                + item.sender.size()
                + B64::encoded_len(item.content.len())
        };
        self.items.iter().map(size).sum()
    }
}
