//! What healthdata's three stores share of a rotation.
//!
//! A *pair* says that the patient who was `old` is `new` from a later epoch on. Each store keeps the pairs that it learned, puts `new` in the place
//! of `old` in its own rows in the transaction in which it learns one, and then tells the next store. Nothing here depends on the order in which
//! pairs come: from epoch 1 to 3 at once, or by way of 2, or the later step first.
//!
//! - [`pairs`]: what follows from pairs, and which of them would make one patient of two. Pure.
//! - [`memory`], [`sql`]: pairs and findings as they are kept; [`patients`]: where the pseudonyms of a store's rows stand; [`renaming`]: what pairs
//!   do to these.
//! - [`tell`]: the work that tells the next store; [`learn`]: the station that takes what it is told.

pub mod learn;
pub mod memory;
pub mod pairs;
pub mod patients;
pub mod renaming;
pub mod sql;
pub mod tell;

use async_trait::async_trait;
use clock::Timestamp;
use store::{Passage, StoreError};
use uuid::Uuid;

pub use pairs::{Decision, Finding, Pair, Pairs, Refusal, epoch_of};

/// A pair on its way to the next store.
#[derive(Clone, PartialEq, Eq)]
pub struct UntoldPair {
    /// Its place in the order in which pairs were learned.
    pub number: i64,
    /// The pair.
    pub pair: Pair,
}

/// Pairs that the next store must be told. Every method is one transaction.
#[async_trait]
pub trait Telling: Send + Sync {
    /// What was told on another incarnation of the broker may be gone with it: then what is not known to have arrived is told again.
    async fn tell_on(&self, incarnation: Uuid) -> Result<(), StoreError>;

    /// Up to `limit` pairs that were not told, in the order in which they were learned.
    async fn untold(&self, limit: u32) -> Result<Vec<UntoldPair>, StoreError>;

    /// The broker has all pairs up to `number`.
    async fn told(&self, number: i64, passages: &[Passage]) -> Result<(), StoreError>;

    /// Everything that was told has arrived.
    async fn arrived(&self) -> Result<(), StoreError>;

    /// Whether everything that was told is known to have arrived.
    async fn has_arrived(&self) -> Result<bool, StoreError>;
}

/// A store that learns pairs from the one before it.
#[async_trait]
pub trait Learning: Send + Sync {
    /// Learns pairs and re-codes its rows by them, in one transaction. Returns the findings that are new: such pairs change nothing.
    async fn learn(&self, pairs: &[Pair], at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError>;

    /// All findings, in the order of their pairs.
    async fn recode_findings(&self) -> Result<Vec<Finding>, StoreError>;

    /// How many pseudonyms were re-coded.
    async fn recoded(&self) -> Result<u64, StoreError>;
}
