//! What a rotation asks of the store of healthdata's messaging client.

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{Finding, Telling, epoch_of};
use store::{Passage, StoreError};

/// What the TTP answers about one pseudonym.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// As it was asked for.
    pub old: String,
    /// As it is from now on; none when the TTP did not make it.
    pub new: Option<String>,
}

/// The re-coding of everything, from its beginning until nothing of an earlier epoch is left. What comes late is a job of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecodeJob {
    /// The epoch that is aimed at.
    pub epoch: u32,
    /// When the first pseudonyms were asked for.
    pub begun_at: Timestamp,
    /// When none was left; none as long as the job goes on.
    pub ended_at: Option<Timestamp>,
    /// Pseudonyms that are another one since.
    pub recoded: u64,
    /// Pseudonyms that stay as they are, and are findings.
    pub findings: u64,
}

/// The part of the store that a rotation needs. Every method is one transaction.
#[async_trait]
pub trait RecodeStore: Telling {
    /// Pseudonyms of earlier epochs than this one are to be re-coded.
    async fn aim_at(&self, domain: &str, epoch: u32) -> Result<(), StoreError>;

    /// Up to `limit` pseudonyms of earlier epochs than the latest one that was seen; those that are findings are none of them. So are those that
    /// a patient's tag alone says to be another one by now: the TTP is to confirm it.
    async fn to_recode(&self, limit: u32) -> Result<Vec<String>, StoreError>;

    /// Learns what the TTP answered. Returns the findings that are new.
    async fn answered(&self, answers: &[Answer], at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError>;

    /// Notes that a job begins; `false` when one is going on.
    async fn begin_job(&self, at: Timestamp) -> Result<bool, StoreError>;

    /// Notes that the job is done. Returns it, if one was going on.
    async fn end_job(&self, at: Timestamp) -> Result<Option<RecodeJob>, StoreError>;

    /// All jobs, the first one first.
    async fn jobs(&self) -> Result<Vec<RecodeJob>, StoreError>;

    /// Pseudonyms that could not be re-coded, and why.
    async fn recode_findings(&self) -> Result<Vec<Finding>, StoreError>;

    /// How many pseudonyms are another one since they were seen first.
    async fn recoded(&self) -> Result<u64, StoreError>;
}

/// The latest epoch of one domain that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aim {
    pub(super) domain: String,
    pub(super) epoch: u32,
}

impl Aim {
    /// The aim when `pseudonym` is seen; none when it does not change.
    pub(super) fn raised(before: Option<&Self>, pseudonym: &str) -> Option<Self> {
        let (domain, epoch) = epoch_of(pseudonym)?;
        let is_later = before.is_none_or(|aim| aim.domain == domain && aim.epoch < epoch);
        is_later.then(|| Self { domain: domain.to_owned(), epoch })
    }

    /// Whether a pseudonym is of an earlier epoch.
    pub(super) fn is_behind(&self, pseudonym: &str) -> bool {
        epoch_of(pseudonym).is_some_and(|(domain, epoch)| domain == self.domain && epoch < self.epoch)
    }

    pub(super) fn to_text(&self) -> String {
        format!("{}.{}", self.domain, self.epoch)
    }

    pub(super) fn of_text(text: &str) -> Option<Self> {
        let (domain, epoch) = text.rsplit_once('.')?;
        Some(Self { domain: domain.to_owned(), epoch: epoch.parse().ok()? })
    }
}

/// The pairs that follow from a tag that stands under `held` and comes under `arrived`; none when they are of one epoch.
pub(super) fn inferred(held: &str, arrived: &str) -> Option<recoding::Pair> {
    let ((domain, held_epoch), (other, arrived_epoch)) = (epoch_of(held)?, epoch_of(arrived)?);
    if domain != other || held_epoch == arrived_epoch {
        return None;
    }
    let (old, new) = if held_epoch < arrived_epoch { (held, arrived) } else { (arrived, held) };
    Some(recoding::Pair { old: old.to_owned(), new: new.to_owned() })
}
