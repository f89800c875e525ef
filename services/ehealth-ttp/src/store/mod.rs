//! What the TTP remembers: no patient. Its itinerary, and how many distinct identifiers each sender asked for today.

#[cfg(test)]
mod contract;
mod memory;
mod sql;

use async_trait::async_trait;
use store::{Itinerary, StoreError};

use crate::quota::Mark;

pub use memory::MemoryStore;
pub use sql::SqlStore;

/// The TTP's store. Every method is one transaction.
#[async_trait]
pub trait TtpStore: Itinerary {
    /// The key of `day` (days since 1970): `fresh` at its first use. Keys and sketches of earlier days are forgotten.
    async fn day_key(&self, day: i64, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// Counts the identifiers of one sender, and says of each whether it may pass under `limit` distinct ones a day.
    async fn admit(&self, day: i64, sender: &str, marks: &[Mark], limit: u32) -> Result<Vec<bool>, StoreError>;
}
