//! What the TTP remembers: no patient. Its itinerary, how many distinct identifiers each sender asked for today,
//! and who had how many pseudonyms re-coded.

#[cfg(test)]
mod contract;
mod memory;
mod sql;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use clock::Timestamp;
use store::{Itinerary, StoreError};

use uuid::Uuid;

use crate::quota::Mark;

pub use memory::MemoryStore;
pub use sql::SqlStore;

/// That somebody had pseudonyms re-coded: how many and of which epochs, never which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recoding {
    /// The publication that asked.
    pub publication: Uuid,
    /// When.
    pub at: Timestamp,
    /// The party whose key the question opened under.
    pub asked_by: String,
    /// How many pseudonyms.
    pub pseudonyms: u64,
    /// How many of them this TTP did not make.
    pub refused: u64,
    /// Their epochs.
    pub epochs: BTreeSet<u32>,
    /// The epoch of the answer.
    pub to_epoch: u32,
}

/// The TTP's store. Every method is one transaction.
#[async_trait]
pub trait TtpStore: Itinerary {
    /// The key of `day` (days since 1970): `fresh` at its first use. Keys and sketches are forgotten on the second day
    /// after: a process whose clock is behind, or that began before midnight, still counts on the day before.
    async fn day_key(&self, day: i64, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// Counts the identifiers of one sender, and says of each whether it may pass under `limit` distinct ones a day.
    async fn admit(&self, day: i64, sender: &str, marks: &[Mark], limit: u32) -> Result<Vec<bool>, StoreError>;

    /// How many distinct identifiers each sender asked for on `day`, as the sketch has it.
    async fn asked(&self, day: i64) -> Result<BTreeMap<String, u64>, StoreError>;

    /// Writes down that pseudonyms are re-coded; once per publication, however often it is delivered.
    async fn note_recoding(&self, recoding: &Recoding) -> Result<(), StoreError>;

    /// Everything that was re-coded, oldest first.
    async fn recodings(&self) -> Result<Vec<Recoding>, StoreError>;
}
