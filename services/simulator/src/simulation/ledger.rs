//! HD4RES's store with somebody beside it who writes down what it took for new, and complains when that was there before.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use clock::Timestamp;
use hd4res::{
    receive::Reception,
    store::{Arrived, FeedbackOutbox, Hd4resStore, Judged, PassagesOf, RecordStatus, ResearcherStore, Unvalidated},
};
use recoding::{Finding, Learning, Pair, Telling, UntoldPair};
use registration::ContentKind;
use store::{Itinerary, Passage, StoreError, itinerary::Remnant};
use uuid::Uuid;

use super::{Violation, disk::Disks, op::Service};

/// HD4RES's store, watched.
pub(crate) struct Ledger {
    store: Arc<dyn Hd4resStore>,
    disks: Disks,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The version that each registration of a sender has.
    versions: BTreeMap<(String, Uuid), u32>,
    items: BTreeSet<(String, Uuid)>,
    /// The living record of each registration of a sender: definition and unique id.
    living: BTreeMap<(String, Uuid), (String, String)>,
    /// Registrations of a sender that were deleted, known before or not.
    deleted: BTreeSet<(String, Uuid)>,
    complaint: Option<Violation>,
}

impl Ledger {
    pub(crate) fn over(store: Arc<dyn Hd4resStore>, disks: &Disks) -> Arc<Self> {
        Arc::new(Self { store, disks: disks.clone(), seen: Mutex::default() })
    }

    fn write(&self) -> Result<(), StoreError> {
        self.disks.write(Service::Hd4res)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first thing that was wrong.
    pub(super) fn complaint(&self) -> Option<Violation> {
        self.seen().complaint.clone()
    }

    /// How many records there must be.
    pub(super) fn records(&self) -> u64 {
        let seen = self.seen();
        // Two registrations of a sender under one unique id are one record; a tombstone is its registration's own.
        let living: BTreeSet<_> = seen.living.iter().map(|((sender, _), id)| (sender, id)).collect();
        (living.len() + seen.deleted.len()) as u64
    }
}

impl Seen {
    fn note(&mut self, arrived: &Arrived, reception: &Reception) {
        let item = (arrived.sender.clone(), arrived.item_id);
        let is_repeated = match reception {
            Reception::New { .. } | Reception::Older { .. } => !self.items.insert(item),
            Reception::Known { .. } | Reception::Reused => false,
        };
        if is_repeated {
            self.complain("P-22", format!("HD4RES took item {} for one that it never saw, twice", arrived.item_id));
        }
        if !matches!(reception, Reception::New { .. }) {
            return;
        }
        let registration = (arrived.sender.clone(), arrived.registration_id);
        if self.deleted.contains(&registration) {
            self.complain(
                "P-23",
                format!("HD4RES took something of registration {} behind its tombstone", arrived.registration_id),
            );
        }
        match arrived.kind {
            ContentKind::Registration => {
                self.living.insert(registration.clone(), (arrived.dcd.clone(), arrived.unique_id.clone()));
            }
            // It has no unique id.
            ContentKind::Deletion => {
                self.living.remove(&registration);
                self.deleted.insert(registration.clone());
            }
        }
        let before = self.versions.insert(registration, arrived.version);
        if before.is_some_and(|before| before >= arrived.version) {
            let (id, version) = (arrived.registration_id, arrived.version);
            self.complain("P-23", format!("HD4RES put version {version} of registration {id} over version {before:?}"));
        }
    }

    fn complain(&mut self, invariant: &'static str, sentence: String) {
        self.complaint.get_or_insert(Violation::of(invariant, sentence));
    }
}

#[async_trait]
impl Itinerary for Ledger {
    async fn record(&self, passages: &[Passage]) -> Result<(), StoreError> {
        self.write()?;
        self.store.record(passages).await
    }

    async fn passages(&self, after: i64, limit: u32) -> Result<Vec<(i64, Passage)>, StoreError> {
        self.store.passages(after, limit).await
    }

    async fn last(&self) -> Result<i64, StoreError> {
        self.store.last().await
    }

    async fn forget(&self, remnants: &[Remnant]) -> Result<(), StoreError> {
        self.write()?;
        self.store.forget(remnants).await
    }
}

#[async_trait]
impl Telling for Ledger {
    async fn tell_on(&self, incarnation: Uuid) -> Result<(), StoreError> {
        self.write()?;
        self.store.tell_on(incarnation).await
    }

    async fn untold(&self, limit: u32) -> Result<Vec<UntoldPair>, StoreError> {
        self.store.untold(limit).await
    }

    async fn told(&self, number: i64, passages: &[Passage]) -> Result<(), StoreError> {
        self.write()?;
        self.store.told(number, passages).await
    }

    async fn arrived(&self) -> Result<(), StoreError> {
        self.store.arrived().await
    }

    async fn has_arrived(&self) -> Result<bool, StoreError> {
        self.store.has_arrived().await
    }
}

#[async_trait]
impl Learning for Ledger {
    async fn learn(&self, pairs: &[Pair], at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError> {
        self.write()?;
        let findings = self.store.learn(pairs, at, passages).await?;
        Ok(findings)
    }

    async fn recode_findings(&self) -> Result<Vec<Finding>, StoreError> {
        self.store.recode_findings().await
    }

    async fn recoded(&self) -> Result<u64, StoreError> {
        self.store.recoded().await
    }
}

#[async_trait]
impl Hd4resStore for Ledger {
    async fn receive(&self, arrivals: &[Arrived], at: Timestamp, passages: PassagesOf<'_>) -> Result<Vec<Reception>, StoreError> {
        self.write()?;
        let receptions = self.store.receive(arrivals, at, passages).await?;
        let mut seen = self.seen();
        arrivals.iter().zip(&receptions).for_each(|(arrived, reception)| seen.note(arrived, reception));
        drop(seen);
        Ok(receptions)
    }

    async fn judge(&self, verdicts: &[Judged], passages: &[Passage]) -> Result<Vec<bool>, StoreError> {
        self.write()?;
        self.store.judge(verdicts, passages).await
    }

    async fn unvalidated(&self, after: i64, limit: u32) -> Result<Vec<Unvalidated>, StoreError> {
        self.store.unvalidated(after, limit).await
    }

    async fn validate_again(&self) -> Result<u64, StoreError> {
        self.write()?;
        self.store.validate_again().await
    }

    async fn validated(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        self.store.validated(items).await
    }

    async fn held(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        self.store.held(items).await
    }

    async fn records(&self) -> Result<u64, StoreError> {
        self.store.records().await
    }

    async fn status(&self, sender: &str, dcd: &str, unique_id: &str) -> Result<Option<RecordStatus>, StoreError> {
        self.store.status(sender, dcd, unique_id).await
    }

    fn researcher(&self) -> &dyn ResearcherStore {
        self.store.researcher()
    }

    fn outbox(&self) -> &dyn FeedbackOutbox {
        self.store.outbox()
    }

    async fn is_new_incarnation(&self, incarnation: Uuid) -> Result<bool, StoreError> {
        self.store.is_new_incarnation(incarnation).await
    }

    async fn remember_incarnation(&self, incarnation: Uuid) -> Result<(), StoreError> {
        self.write()?;
        self.store.remember_incarnation(incarnation).await
    }
}
