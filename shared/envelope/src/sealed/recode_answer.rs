//! Re-coding: the TTP to healthdata's messaging client.

use serde::{Deserialize, Serialize};

use super::Encapsulation;
use crate::{B64, ItemId, Message, items};

/// Pseudonyms of earlier epochs with those of the current one, sealed for healthdata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecodeAnswer {
    /// What the parts are sealed under: from the TTP to healthdata.
    pub pairs: Encapsulation,
    /// The parts.
    #[serde(deserialize_with = "items")]
    pub items: Vec<RecodeAnswerItem>,
}

/// One part, with the pairs of the part that it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecodeAnswerItem {
    /// The item that it answers.
    pub id: ItemId,
    /// The sealed part.
    pub pairs: B64,
}

impl Message for RecodeAnswer {
    const TYPE: &'static str = "be.healthdata.precision.recode-answer.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        self.items.iter().map(|item| 100 + B64::encoded_len(item.pairs.len())).sum()
    }
}
