//! What an API remembers in its party's store: which changes it was asked for, what it answered, and who saw or did what.

#[cfg(test)]
mod contract;
mod memory;
mod sql;

use std::time::Duration;

use async_trait::async_trait;
use clock::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::StoreError;

pub use memory::MemoryJournal;
pub use sql::{SCHEMA_STEP, SqlJournal};

/// How long a request stays known under its idempotency key.
pub const REQUEST_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// A change that was asked for: the token, the route and the idempotency key, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey(pub [u8; 32]);

impl RequestKey {
    /// The key of a request.
    #[must_use]
    pub fn new(token: &str, route: &str, key: &str) -> Self {
        // Neither a token's name nor a route holds a line break.
        Self(Sha256::digest(format!("{token}\n{route}\n{key}")).into())
    }

    /// The id under which the request's effect is kept by the store that it changes, so that it comes about once. A request that is made
    /// again after the first one was forgotten is another one.
    #[must_use]
    pub fn effect(&self, since: Timestamp) -> [u8; 16] {
        let hash: [u8; 32] = Sha256::new().chain_update(self.0).chain_update(since.as_micros().to_be_bytes()).finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(hash.split_at(16).0);
        id
    }
}

/// The answer to a change. It holds no patient-level data, since it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body, if there is one.
    pub media_type: Option<String>,
    /// The ETag.
    pub etag: Option<String>,
    /// Where what was made is to be found.
    pub location: Option<String>,
    /// The body.
    pub body: String,
}

/// What is known of a request when it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It has no answer: it is new, or the process ended before it gave one.
    Open {
        /// When it came first.
        since: Timestamp,
    },
    /// It was answered.
    Answered(Answer),
    /// Its key belongs to another request.
    Other,
}

/// That somebody saw or changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditRow {
    /// When, in microseconds since 1970.
    #[serde(skip)]
    #[schema(ignore)]
    pub at_micros: i64,
    /// The token's name.
    pub token: String,
    /// Its role.
    pub role: String,
    /// What was done: method and route.
    pub route: String,
    /// The register that it was about; none when it was about several.
    pub register: Option<String>,
    /// The ids of what was seen or changed: of records, registrations, uploads. Never of a patient.
    pub ids: Vec<String>,
    /// How much was seen or changed.
    pub count: u64,
}

/// What an API remembers. Every method is one transaction.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Notes that a request came, unless it is known; forgets what is older than [`REQUEST_KEPT`].
    async fn begin(&self, key: &RequestKey, fingerprint: &[u8; 32], at: Timestamp) -> Result<Begun, StoreError>;

    /// Keeps an audit row, and the answer of the change that it is about.
    async fn conclude(&self, row: Option<&AuditRow>, answered: Option<(&RequestKey, &Answer)>) -> Result<(), StoreError>;

    /// Up to `limit` audit rows behind number `after`, oldest first, each with its number.
    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<(i64, AuditRow)>, StoreError>;

    /// A secret of the store in hexadecimal digits; `fresh` is kept and returned when there is none yet.
    async fn secret(&self, fresh: &str) -> Result<String, StoreError>;
}
