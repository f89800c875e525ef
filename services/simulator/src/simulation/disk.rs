//! Disks that are full: stores that can be read and refuse what is to be written.

mod hd4dp;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use clock::Timestamp;
use dhw::{
    decide::Answer,
    findings::{FindingKey, StoredFinding},
    store::{Batch, DhwStore, LookStore, RowKey, StoredRow},
};
use ehbox_hd::store::{Answer as Recoded, Binding, Bound, HdStore, RecodeJob, RecodeStore};
use ehealth_ttp::{
    quota::Mark,
    store::{Recoding, TtpStore},
};
use hd4res::{
    receive::Reception,
    store::{Arrived, FeedbackOutbox, Hd4resStore, Judged, PassagesOf, RecordStatus, ResearcherStore, Unvalidated},
};
use recoding::{Finding, Learning, Pair, Telling, UntoldPair};
use store::{Itinerary, Passage, StoreError, itinerary::Remnant};
use topology::Nihdi;
use uuid::Uuid;

use super::op::{Hospital, Service};
use crate::stores::Stores;

/// Which services' disks are full.
#[derive(Clone, Default)]
pub(crate) struct Disks {
    full: Arc<Mutex<BTreeSet<Service>>>,
}

impl Disks {
    pub(crate) fn fill(&self, service: Service) {
        self.full.lock().unwrap_or_else(PoisonError::into_inner).insert(service);
    }

    pub(crate) fn free(&self, service: Service) {
        self.full.lock().unwrap_or_else(PoisonError::into_inner).remove(&service);
    }

    pub(crate) fn free_all(&self) {
        self.full.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether a service's disk is full.
    pub(crate) fn is_full(&self, service: Service) -> bool {
        self.full.lock().unwrap_or_else(PoisonError::into_inner).contains(&service)
    }

    /// Whether a service may write now.
    pub(crate) fn write(&self, service: Service) -> Result<(), StoreError> {
        if !self.is_full(service) {
            return Ok(());
        }
        Err(StoreError::Folder { path: PathBuf::from(service.name()), source: io::ErrorKind::StorageFull.into() })
    }
}

/// Puts HD4RES's store on its disk.
pub(crate) fn put_hd4res_on(disks: &Disks, stores: &mut Stores) {
    stores.hd4res = OnDisk::new(Service::Hd4res, disks, &stores.hd4res);
}

/// Puts every store of these hospitals and of the others but HD4RES's on its disk; in a simulation that one is watched by a ledger that knows
/// its disk.
pub(crate) fn put_on(disks: &Disks, hospitals: impl IntoIterator<Item = (Hospital, Nihdi)>, stores: &mut Stores) {
    for (hospital, nihdi) in hospitals {
        if let Some(of_hospital) = stores.hospitals.get_mut(&nihdi) {
            of_hospital.hd4dp = OnDisk::new(Service::Hd4dp(hospital), disks, &of_hospital.hd4dp);
            of_hospital.ehbox_hco = OnDisk::new(Service::EhboxHco(hospital), disks, &of_hospital.ehbox_hco);
        }
    }
    stores.ttp = OnDisk::new(Service::EhealthTtp, disks, &stores.ttp);
    stores.ehbox_hd = OnDisk::new(Service::EhboxHd, disks, &stores.ehbox_hd);
    stores.dhw = OnDisk::new(Service::Dhw, disks, &stores.dhw);
}

/// A service's store on its disk.
pub(crate) struct OnDisk<T: ?Sized> {
    service: Service,
    disks: Disks,
    store: Arc<T>,
}

impl<T: ?Sized> OnDisk<T> {
    pub(crate) fn new(service: Service, disks: &Disks, store: &Arc<T>) -> Arc<Self> {
        Arc::new(Self { service, disks: disks.clone(), store: Arc::clone(store) })
    }

    fn write(&self) -> Result<(), StoreError> {
        self.disks.write(self.service)
    }
}

#[async_trait]
impl<T: Itinerary + ?Sized> Itinerary for OnDisk<T> {
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

    async fn passages_of(&self, items: &[Uuid], since: Option<Timestamp>) -> Result<Vec<(i64, Passage)>, StoreError> {
        self.store.passages_of(items, since).await
    }
}

#[async_trait]
impl TtpStore for OnDisk<dyn TtpStore> {
    async fn day_key(&self, day: i64, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        self.write()?;
        self.store.day_key(day, fresh).await
    }

    async fn admit(&self, day: i64, sender: &str, marks: &[Mark], limit: u32) -> Result<Vec<bool>, StoreError> {
        self.write()?;
        self.store.admit(day, sender, marks, limit).await
    }

    async fn asked(&self, day: i64) -> Result<BTreeMap<String, u64>, StoreError> {
        self.store.asked(day).await
    }

    async fn note_recoding(&self, recoding: &Recoding) -> Result<(), StoreError> {
        self.write()?;
        self.store.note_recoding(recoding).await
    }

    async fn recodings(&self) -> Result<Vec<Recoding>, StoreError> {
        self.store.recodings().await
    }
}

#[async_trait]
impl<T: Telling + ?Sized> Telling for OnDisk<T> {
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
        self.write()?;
        self.store.arrived().await
    }

    async fn has_arrived(&self) -> Result<bool, StoreError> {
        self.store.has_arrived().await
    }
}

#[async_trait]
impl RecodeStore for OnDisk<dyn HdStore> {
    async fn aim_at(&self, domain: &str, epoch: u32) -> Result<(), StoreError> {
        self.write()?;
        self.store.aim_at(domain, epoch).await
    }

    async fn to_recode(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        self.store.to_recode(limit).await
    }

    async fn answered(&self, answers: &[Recoded], at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError> {
        self.write()?;
        self.store.answered(answers, at, passages).await
    }

    async fn begin_job(&self, at: Timestamp) -> Result<bool, StoreError> {
        self.write()?;
        self.store.begin_job(at).await
    }

    async fn end_job(&self, at: Timestamp) -> Result<Option<RecodeJob>, StoreError> {
        self.write()?;
        self.store.end_job(at).await
    }

    async fn jobs(&self) -> Result<Vec<RecodeJob>, StoreError> {
        self.store.jobs().await
    }

    async fn recode_findings(&self) -> Result<Vec<Finding>, StoreError> {
        self.store.recode_findings().await
    }

    async fn recoded(&self) -> Result<u64, StoreError> {
        self.store.recoded().await
    }
}

#[async_trait]
impl HdStore for OnDisk<dyn HdStore> {
    async fn bind(&self, bindings: &[&Binding], at: Timestamp) -> Result<Vec<Option<Bound>>, StoreError> {
        self.write()?;
        self.store.bind(bindings, at).await
    }
}

#[async_trait]
impl<T: Learning + ?Sized> Learning for OnDisk<T> {
    async fn learn(&self, pairs: &[Pair], at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError> {
        self.write()?;
        self.store.learn(pairs, at, passages).await
    }

    async fn recode_findings(&self) -> Result<Vec<Finding>, StoreError> {
        self.store.recode_findings().await
    }

    async fn recoded(&self) -> Result<u64, StoreError> {
        self.store.recoded().await
    }
}

#[async_trait]
impl DhwStore for OnDisk<dyn DhwStore> {
    async fn settle(&self, batch: &mut Batch) -> Result<Vec<Answer>, StoreError> {
        self.write()?;
        self.store.settle(batch).await
    }

    async fn validated(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        self.store.validated(items).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.store.count().await
    }

    async fn rows(&self, register: usize, after: Option<&RowKey>, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        self.store.rows(register, after, limit).await
    }

    async fn list_widths(&self, register: usize) -> Result<Vec<u16>, StoreError> {
        self.store.list_widths(register).await
    }

    async fn findings(&self, after: Option<&FindingKey>, limit: u32) -> Result<Vec<StoredFinding>, StoreError> {
        self.store.findings(after, limit).await
    }

    fn look(&self) -> &dyn LookStore {
        self.store.look()
    }
}

/// What people do over its API goes past this disk, as reading does.
#[async_trait]
impl Hd4resStore for OnDisk<dyn Hd4resStore> {
    async fn receive(&self, arrivals: &[Arrived], at: Timestamp, passages: PassagesOf<'_>) -> Result<Vec<Reception>, StoreError> {
        self.write()?;
        self.store.receive(arrivals, at, passages).await
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
