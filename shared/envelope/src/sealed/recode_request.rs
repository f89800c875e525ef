//! Re-coding: healthdata's messaging client to the TTP.

use serde::{Deserialize, Serialize};

use super::Encapsulation;
use crate::{B64, ItemId, Message, items};

/// Pseudonyms of earlier epochs, sealed for the TTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecodeRequest {
    /// What the parts are sealed under: from healthdata to the TTP.
    pub pseudonyms: Encapsulation,
    /// The parts.
    #[serde(deserialize_with = "items")]
    pub items: Vec<RecodeRequestItem>,
}

/// One part, with up to 1,024 pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecodeRequestItem {
    /// The item.
    pub id: ItemId,
    /// The sealed part.
    pub pseudonyms: B64,
}

impl Message for RecodeRequest {
    const TYPE: &'static str = "be.healthdata.precision.recode-request.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        self.items.iter().map(|item| 100 + B64::encoded_len(item.pseudonyms.len())).sum()
    }
}
