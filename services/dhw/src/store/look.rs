//! What people look at: registrations with their values, findings, counts and verdicts.

use async_trait::async_trait;
use dcd::{FieldNo, Severity};
use store::StoreError;
use uuid::Uuid;

use super::{RowKey, StoredRow};
use crate::{
    decide::Answer,
    findings::{FindingKey, StoredFinding},
};

/// A registration as it stands, with its ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingRow {
    /// The registration.
    pub registration_id: Uuid,
    /// Its version.
    pub version: u32,
    /// Its values.
    pub row: StoredRow,
}

/// A field outside of lists that must have a value, in canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Only<'a> {
    /// The field; it holds no number.
    pub field: FieldNo,
    /// The value.
    pub value: &'a str,
}

/// Which findings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindingFilter {
    /// Those of this register only.
    pub dcd: Option<String>,
    /// Those of this rule of the definition, or of this code of the catalogue, only.
    pub rule: Option<String>,
    /// Those of this severity only.
    pub severity: Option<Severity>,
}

impl FindingFilter {
    /// Whether a finding passes.
    #[must_use]
    pub fn passes(&self, finding: &StoredFinding) -> bool {
        let is_rule = |rule: &String| finding.rule.as_ref() == Some(rule) || finding.code == *rule;
        self.dcd.as_ref().is_none_or(|dcd| finding.key.dcd == *dcd)
            && self.rule.as_ref().is_none_or(is_rule)
            && self.severity.is_none_or(|severity| finding.severity == severity)
    }
}

/// A finding, with the registration that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The finding.
    pub finding: StoredFinding,
    /// The registration; none when its register's definition is gone.
    pub registration_id: Option<Uuid>,
}

/// How much of a register the warehouse holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Registrations that stand.
    pub registrations: u64,
}

/// How many findings of a severity a register has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingCount {
    /// Technical name of the register.
    pub dcd: String,
    /// The severity.
    pub severity: Severity,
    /// How many.
    pub count: u64,
}

/// The part of the warehouse's store that serves people. Every method sees one moment of each table that it reads.
#[async_trait]
pub trait LookStore: Send + Sync {
    /// Up to `limit` registrations of a register behind `after`, sorted by their keys.
    async fn standing(
        &self,
        register: usize,
        only: Option<Only<'_>>,
        after: Option<&RowKey>,
        limit: u32,
    ) -> Result<Vec<StandingRow>, StoreError>;

    /// Up to `limit` findings behind `after`, sorted by their keys.
    async fn found(&self, filter: &FindingFilter, after: Option<&FindingKey>, limit: u32) -> Result<Vec<Found>, StoreError>;

    /// What is held of each register, by its number.
    async fn held(&self) -> Result<Vec<Held>, StoreError>;

    /// How many findings there are by register and severity, errors first; none for what is not there.
    async fn finding_counts(&self) -> Result<Vec<FindingCount>, StoreError>;

    /// The verdicts on an item, with their senders: an item id is one sender's.
    async fn verdicts(&self, item: Uuid) -> Result<Vec<(String, Answer)>, StoreError>;
}
