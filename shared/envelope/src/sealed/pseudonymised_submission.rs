//! Step 5: the TTP to healthdata's messaging client.

use serde::{Deserialize, Serialize};

use super::{ContentSeal, Encapsulation};
use crate::{B64, ItemId, Message, items};

/// Registrations under pseudonyms: pseudonym parts sealed for healthdata, contents as the hospital sealed them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudonymisedSubmission {
    /// What the pseudonym parts are sealed under: from the TTP to healthdata.
    pub pseudonym: Encapsulation,
    /// What the contents are sealed under, untouched.
    pub content: ContentSeal,
    /// The registrations.
    #[serde(deserialize_with = "items")]
    pub items: Vec<PseudonymisedItem>,
}

/// One registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudonymisedItem {
    /// The item.
    pub id: ItemId,
    /// The sealed pseudonym part: pseudonym, sender code, return handle, and the hash of the sealed content.
    pub pseudonym: B64,
    /// The sealed content, untouched.
    pub content: B64,
}

impl Message for PseudonymisedSubmission {
    const TYPE: &'static str = "be.healthdata.precision.pseudonymised-submission.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        self.items.iter().map(|item| 100 + B64::encoded_len(item.pseudonym.len()) + B64::encoded_len(item.content.len())).sum()
    }
}
