//! Step 4: a hospital's messaging client to the TTP.

use serde::{Deserialize, Serialize};

use super::{ContentSeal, Encapsulation};
use crate::{B64, ItemId, Message, items};

/// Registrations of one hospital: identities sealed for the TTP, contents sealed for healthdata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedSubmission {
    /// What the identities are sealed under: from the hospital to the TTP.
    pub identity: Encapsulation,
    /// What the contents are sealed under: from the hospital to healthdata.
    pub content: ContentSeal,
    /// The registrations, shuffled.
    #[serde(deserialize_with = "items")]
    pub items: Vec<SealedItem>,
}

/// One registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedItem {
    /// The item.
    pub id: ItemId,
    /// The sealed identity part, which names the sealed content by its hash.
    pub identity: B64,
    /// The sealed content.
    pub content: B64,
}

impl Message for SealedSubmission {
    const TYPE: &'static str = "be.healthdata.precision.sealed-submission.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        self.items.iter().map(|item| 100 + B64::encoded_len(item.identity.len()) + B64::encoded_len(item.content.len())).sum()
    }
}
