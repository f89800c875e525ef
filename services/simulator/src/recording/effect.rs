//! What a replay did to an installation whose stores are at hand.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use store::{Outcome, Passage, StoreError};

use crate::{
    stores::Stores,
    tally::{self, Marks},
};

/// The code with which a hospital refuses an answer to what it never sent.
const UNCLAIMED: &str = "FOREIGN_FEEDBACK";

/// What the parties wrote down since a moment. Items, not publications.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Effect {
    /// Items that arrived at healthdata for the first time.
    pub arrived: u64,
    /// Items that had arrived before: answered again, without another effect.
    pub redelivered: u64,
    /// Items that had an effect more than once: a failure.
    pub duplicated: u64,
    /// Answers to registrations that the hospital of this installation never sent, as when a recording is replayed onto empty stores.
    pub unclaimed_answers: u64,
    /// Items that were set aside, by code.
    pub dead_lettered: BTreeMap<String, u64>,
}

impl Effect {
    /// What was written down behind `marks`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn since(stores: &Stores, marks: &Marks) -> Result<Self, StoreError> {
        let (mut effect, mut arrived) = (Self::default(), BTreeSet::new());
        tally::each_passage(stores, marks, |service, passage| effect.take(service, passage, &mut arrived)).await?;
        effect.arrived = arrived.len() as u64;
        Ok(effect)
    }

    /// Whether anything is as it must not be.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.duplicated > 0 || !self.dead_lettered.is_empty()
    }

    fn take(&mut self, service: &str, passage: &Passage, arrived: &mut BTreeSet<uuid::Uuid>) {
        let count = passage.items.len() as u64;
        let is_at_healthdata = service == hd4res::SERVICE && passage.step == "6";
        match &passage.outcome {
            Outcome::Arrived if is_at_healthdata => {
                let again = passage.items.iter().filter(|item| !arrived.insert(**item)).count();
                self.duplicated += again as u64;
            }
            Outcome::Known if is_at_healthdata => self.redelivered += count,
            Outcome::DeadLettered(code) if code == UNCLAIMED && service.starts_with(hd4dp::SERVICE) => {
                self.unclaimed_answers += count;
            }
            Outcome::DeadLettered(code) => *self.dead_lettered.entry(code.clone()).or_default() += count,
            Outcome::Sent
            | Outcome::Resent
            | Outcome::Forwarded
            | Outcome::Arrived
            | Outcome::Known
            | Outcome::Receipt
            | Outcome::Validated
            | Outcome::Ignored(_) => {}
        }
    }
}
