//! What HD4DP finds registrations by beyond their ids: the patient, and the values of filterable fields.
//!
//! The index follows the flow instead of slowing it: whoever changes a registration leaves its id in a log, one row per transaction, and
//! [`crate::search`] brings the index up to the log's end when it is asked, or when nothing has happened for a while. The log's oldest row is the durable mark
//! of how far it has come.

use std::fmt;

use async_trait::async_trait;
use clock::Timestamp;
use store::StoreError;
use uuid::Uuid;

use super::{Current, Listed};

/// A value of a filterable field, as the index keeps it: the first 8 bytes of SHA-256 over register, column and value, each behind its
/// length. Two different ones meet once in some 10^19.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Facet(pub i64);

/// Registrations that changed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Rises with time.
    pub number: i64,
    /// The registrations; they may be gone by now.
    pub registrations: Vec<Uuid>,
}

/// What a registration is found by from now on. Debug prints its id only.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The registration.
    pub registration_id: Uuid,
    /// The hospital's tag of its patient; none when it is not found by its patient any more.
    pub patient_tag: Option<[u8; 16]>,
    /// The values of its filterable fields, each once.
    pub facets: Vec<Facet>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("registration_id", &self.registration_id).finish_non_exhaustive()
    }
}

/// The part of HD4DP's store that finds registrations. Every method is one transaction.
#[async_trait]
pub trait IndexStore: Send + Sync {
    /// The oldest changes that the index does not know yet, as many as have `limit` registrations together, one at least.
    async fn changes(&self, limit: u32) -> Result<Vec<Change>, StoreError>;

    /// The values that each of these registrations has now, in no order, with its register; not of those that are gone or deleted.
    async fn values(&self, registrations: &[Uuid]) -> Result<Vec<(String, Current)>, StoreError>;

    /// Puts these entries in the place of what the index had of the registrations, and forgets the changes up to this number.
    async fn index(&self, entries: &[Entry], up_to: i64) -> Result<(), StoreError>;

    /// The registrations of a patient, at most `limit`.
    async fn of_patient(&self, patient_tag: [u8; 16], limit: u32) -> Result<Vec<Uuid>, StoreError>;

    /// Up to `limit` patients behind `after`, in order of their tags.
    async fn patients(&self, after: Option<[u8; 16]>, limit: u32) -> Result<Vec<[u8; 16]>, StoreError>;

    /// Up to `limit` registrations behind `after` that have this value, in order of their ids, as they stand at `now`.
    async fn with_value(&self, facet: Facet, after: Option<Uuid>, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError>;
}
