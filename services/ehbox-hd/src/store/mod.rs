//! What healthdata's messaging client remembers: its itinerary, and that tags and pseudonyms stay one to one, and which
//! pseudonyms are others since a rotation.

#[cfg(test)]
mod contract;
mod memory;
pub mod recode;
mod sql;

use async_trait::async_trait;
use clock::Timestamp;
use store::{Itinerary, StoreError};
use topology::Nihdi;

pub use memory::MemoryStore;
pub use recode::{Answer, RecodeJob, RecodeStore};
pub use sql::SqlStore;

/// What a hospital calls a patient, and what the TTP does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The sender code that the TTP gave.
    pub sender: String,
    /// The hospital whose key sealed the content.
    pub hospital: Nihdi,
    /// The hospital's tag of the patient.
    pub tag: [u8; 16],
    /// The pseudonym that the TTP gave.
    pub pseudonym: String,
}

/// A binding that agrees with what was remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The patient's pseudonym of the latest epoch that is known here.
    pub pseudonym: String,
    /// What it was in earlier epochs.
    pub earlier: Vec<String>,
    /// Whether something is to be re-coded, or told on, that was not before.
    pub wakes: bool,
}

/// The store of healthdata's messaging client. Every method is one transaction.
#[async_trait]
pub trait HdStore: Itinerary + RecodeStore {
    /// Remembers bindings at first sight, and says of each whether it agrees with what was remembered: within a sender, tag and
    /// pseudonym one to one; over all, sender code and hospital one to one. Pseudonyms of two epochs under one tag are one patient's.
    async fn bind(&self, bindings: &[&Binding], at: Timestamp) -> Result<Vec<Option<Bound>>, StoreError>;
}
