//! What healthdata's messaging client remembers: its itinerary, and that tags and pseudonyms stay one to one.

#[cfg(test)]
mod contract;
mod memory;
mod sql;

use async_trait::async_trait;
use store::{Itinerary, StoreError};
use topology::Nihdi;

pub use memory::MemoryStore;
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

/// The store of healthdata's messaging client. Every method is one transaction.
#[async_trait]
pub trait HdStore: Itinerary {
    /// Remembers bindings at first sight, and says of each whether it agrees with what was remembered: within a sender, tag and
    /// pseudonym one to one; over all, sender code and hospital one to one.
    async fn bind(&self, bindings: &[&Binding]) -> Result<Vec<bool>, StoreError>;
}
