//! HD4DP's store in memory, for simulations and tests.

mod index;
mod life;
mod uploads;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use clock::Timestamp;
use store::{Itinerary, LostAnswers, MemoryItinerary, Passage, StoreError, itinerary::Remnant};
use uuid::Uuid;

use self::{life::Life, uploads::Upload};
use super::{Backlog, Expected, Hd4dpStore, Intake, Known, NewVersion, Outgoing, Sending, Sent, Tally, UploadId, UploadedItem};
use crate::options::UploadOptions;

/// HD4DP's store in memory.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    itinerary: MemoryItinerary,
    /// Of writes that make versions or settle them.
    pub lost_answers: LostAnswers,
}

#[derive(Default)]
struct State {
    uploads: BTreeMap<UploadId, Upload>,
    /// Rows of an upload that were kept and not sent.
    kept: BTreeMap<UploadId, u64>,
    default_options: BTreeMap<String, UploadOptions>,
    /// Every registration with its definition and unique id, also those of which no version was submitted.
    registrations: BTreeMap<Uuid, (String, String)>,
    by_unique_key: BTreeMap<(String, String), Uuid>,
    versions: BTreeMap<(Uuid, u32), Version>,
    unchanged: BTreeMap<UploadId, Vec<(Uuid, u32)>>,
    outbox: BTreeMap<Uuid, Waiting>,
    lives: BTreeMap<Uuid, Life>,
    incarnation: Option<Uuid>,
    last_change: i64,
    changes: BTreeMap<i64, Vec<Uuid>>,
    index: BTreeMap<Uuid, super::Entry>,
}

struct Version {
    new: NewVersion,
    upload: UploadId,
    submitted_at: Timestamp,
    confirmed_at: Option<Timestamp>,
}

struct Waiting {
    version: u32,
    first_sent_at: Option<Timestamp>,
    next_send_at: Option<Timestamp>,
    /// Its registration was reopened: an answer still counts, and it is sent no more.
    stopped: bool,
}

impl State {
    fn latest(&self, registration_id: Uuid) -> Option<&Version> {
        self.versions.range((registration_id, 0)..=(registration_id, u32::MAX)).next_back().map(|(_, version)| version)
    }

    fn outgoing(&self, registration_id: Uuid, waiting: &Waiting) -> Option<Outgoing> {
        let new = &self.versions.get(&(registration_id, waiting.version))?.new;
        Some(Outgoing {
            registration_id,
            version: new.version,
            kind: new.kind,
            item_id: new.item_id,
            dcd: new.dcd.clone(),
            dcd_version: new.dcd_version,
            cells: new.cells.clone(),
            attachments: new.attachments.clone(),
            answers: new.answers.clone(),
            first_sent_at: waiting.first_sent_at,
        })
    }

    fn register(&mut self, id: Uuid, dcd: &str, unique_key: &str) {
        if let Entry::Vacant(place) = self.registrations.entry(id) {
            place.insert((dcd.to_owned(), unique_key.to_owned()));
            self.by_unique_key.insert((dcd.to_owned(), unique_key.to_owned()), id);
        }
    }

    /// Writes a version down; it takes the outbox row of the one before it, and ends what was kept or asked for before it.
    fn insert(&mut self, upload: UploadId, new: &NewVersion, at: Timestamp) {
        let id = new.registration_id;
        self.register(id, &new.dcd, &new.unique_key);
        let version = Version { new: new.clone(), upload, submitted_at: at, confirmed_at: None };
        self.versions.insert((id, new.version), version);
        let waiting = Waiting { version: new.version, first_sent_at: None, next_send_at: None, stopped: false };
        self.outbox.insert(id, waiting);
        if let Some(life) = self.lives.get_mut(&id) {
            (life.status, life.draft) = (None, None);
        }
    }

    /// Notes that versions were answered; an earlier one is settled with a later one. Returns how many were waiting.
    fn settle(&mut self, versions: &[(Uuid, u32)], at: Timestamp) -> u64 {
        let before = self.outbox.len();
        for (id, version) in versions {
            for (_, settled) in self.versions.range_mut((*id, 0)..=(*id, *version)) {
                settled.confirmed_at.get_or_insert(at);
            }
            if self.outbox.get(id).is_some_and(|waiting| waiting.version == *version) {
                self.outbox.remove(id);
            }
        }
        (before - self.outbox.len()) as u64
    }

    /// Whether a version waits for an answer: its own, or that of a later one.
    fn waits(&self, registration_id: Uuid, version: u32) -> bool {
        let confirmed = self.versions.get(&(registration_id, version)).is_some_and(|version| version.confirmed_at.is_some());
        !confirmed && self.outbox.get(&registration_id).is_some_and(|waiting| version <= waiting.version)
    }
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Itinerary for MemoryStore {
    async fn record(&self, passages: &[Passage]) -> Result<(), StoreError> {
        self.itinerary.record(passages).await
    }

    async fn passages(&self, after: i64, limit: u32) -> Result<Vec<(i64, Passage)>, StoreError> {
        self.itinerary.passages(after, limit).await
    }

    async fn last(&self) -> Result<i64, StoreError> {
        self.itinerary.last().await
    }

    async fn forget(&self, remnants: &[Remnant]) -> Result<(), StoreError> {
        self.itinerary.forget(remnants).await
    }
}

#[async_trait]
impl Hd4dpStore for MemoryStore {
    async fn known(&self, dcd: &str, unique_keys: &[String]) -> Result<Vec<Option<Known>>, StoreError> {
        let state = self.lock();
        let find = |key: &String| {
            let id = *state.by_unique_key.get(&(dcd.to_owned(), key.clone()))?;
            let latest = state.latest(id);
            Some(Known {
                registration_id: id,
                version: latest.map_or(0, |latest| latest.new.version),
                row_hash: latest.map(|latest| latest.new.row_hash),
                confirmed: latest.is_none_or(|latest| latest.confirmed_at.is_some()),
                status: state.lives.get(&id).and_then(|life| life.status),
            })
        };
        Ok(unique_keys.iter().map(find).collect())
    }

    async fn submit(&self, upload: UploadId, intake: &Intake, at: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let waiting = state.outbox.len();
        if let Some(Upload { view, reports, .. }) = state.uploads.get_mut(&upload) {
            view.attempted += intake.attempted;
            view.rejected += intake.rejected;
            view.warned += intake.warned;
            reports.extend_from_slice(&intake.reports);
        }
        *state.kept.entry(upload).or_default() += intake.kept.len() as u64;
        state.unchanged.entry(upload).or_default().extend_from_slice(&intake.unchanged);
        for kept in &intake.kept {
            state.keep(kept, at);
        }
        for new in &intake.versions {
            state.insert(upload, new, at);
        }
        let kept = intake.kept.iter().map(|kept| kept.registration_id);
        let changed = kept.chain(intake.versions.iter().map(|new| new.registration_id)).collect();
        state.changed(changed);
        self.lost_answers.told((state.outbox.len() - waiting) as u64)
    }

    async fn sent(&self, sent: &[Sent], at: Timestamp, passages: &[Passage]) -> Result<(), StoreError> {
        let mut state = self.lock();
        for one in sent {
            if let Some(waiting) = state.outbox.get_mut(&one.registration_id).filter(|waiting| waiting.version == one.version) {
                waiting.first_sent_at.get_or_insert(at);
                waiting.next_send_at = one.next_send_at.filter(|_| !waiting.stopped);
            }
        }
        self.itinerary.append(passages);
        Ok(())
    }

    async fn unanswered(&self, after: Uuid, all: bool, limit: u32) -> Result<Vec<Outgoing>, StoreError> {
        let state = self.lock();
        let waiting = state
            .outbox
            .iter()
            .filter(|(id, waiting)| **id > after && !waiting.stopped && (all || waiting.first_sent_at.is_none()));
        Ok(waiting.filter_map(|(id, waiting)| state.outgoing(*id, waiting)).take(limit as usize).collect())
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Outgoing>, StoreError> {
        let state = self.lock();
        let mut due: Vec<_> =
            state.outbox.iter().filter(|(_, waiting)| waiting.next_send_at.is_some_and(|at| at <= now)).collect();
        due.sort_by_key(|(id, waiting)| (waiting.next_send_at, **id));
        Ok(due.into_iter().filter_map(|(id, waiting)| state.outgoing(*id, waiting)).take(limit as usize).collect())
    }

    async fn waiting_registrations(&self, after: Uuid, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        let state = self.lock();
        Ok(state.outbox.keys().copied().filter(|id| *id > after).take(limit as usize).collect())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.lock().outbox.values().filter_map(|waiting| waiting.next_send_at).min())
    }

    async fn expected(&self, versions: &[(Uuid, u32)]) -> Result<Vec<Option<Expected>>, StoreError> {
        let state = self.lock();
        let find = |version| {
            let new = &state.versions.get(version)?.new;
            Some(Expected { item_id: new.item_id, patient_tag: new.patient_tag, content_hash: new.content_hash })
        };
        Ok(versions.iter().map(find).collect())
    }

    async fn confirm(&self, versions: &[(Uuid, u32)], at: Timestamp, passages: &[Passage]) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let settled = state.settle(versions, at);
        self.itinerary.append(passages);
        self.lost_answers.told(settled)
    }

    async fn send_again(&self, since: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        let State { versions, outbox, .. } = &mut *self.lock();
        let latest: BTreeMap<Uuid, &Version> = versions.iter().map(|((id, _), version)| (*id, version)).collect();
        let before = outbox.len();
        for (id, version) in latest.into_iter().filter(|(_, version)| version.confirmed_at.is_some_and(|at| at >= since)) {
            let waiting =
                Waiting { version: version.new.version, first_sent_at: Some(now), next_send_at: Some(now), stopped: false };
            outbox.entry(id).or_insert(waiting);
        }
        Ok((outbox.len() - before) as u64)
    }

    async fn waiting(&self) -> Result<u64, StoreError> {
        Ok(self.lock().outbox.len() as u64)
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let state = self.lock();
        let mut backlog = Backlog::default();
        for waiting in state.outbox.values().filter(|waiting| !waiting.stopped) {
            match (waiting.first_sent_at, waiting.next_send_at) {
                (None, _) => backlog.unsent += 1,
                (Some(_), None) => backlog.given_up += 1,
                (Some(first), Some(_)) => {
                    backlog.sent += 1;
                    backlog.oldest_sent_at = Some(backlog.oldest_sent_at.map_or(first, |oldest| oldest.min(first)));
                }
            }
        }
        Ok(backlog)
    }

    async fn sending(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<Sending>, StoreError> {
        let state = self.lock();
        let first_sent_at = state.outbox.get(&registration_id).and_then(|waiting| waiting.first_sent_at);
        Ok(state.latest(registration_id).map(|latest| super::sending(latest.confirmed_at.is_some(), first_sent_at, now)))
    }

    async fn tally(&self, upload: UploadId) -> Result<Tally, StoreError> {
        let state = self.lock();
        let (attempted, rejected) =
            state.uploads.get(&upload).map_or((0, 0), |upload| (upload.view.attempted, upload.view.rejected));
        let kept = state.kept.get(&upload).copied().unwrap_or_default();
        let versions: Vec<(Uuid, u32)> =
            state.versions.iter().filter(|(_, version)| version.upload == upload).map(|(key, _)| *key).collect();
        let unchanged: &[(Uuid, u32)] = state.unchanged.get(&upload).map_or(&[], Vec::as_slice);
        let distinct: BTreeSet<&(Uuid, u32)> = unchanged.iter().collect();
        let waiting = versions.iter().chain(distinct).filter(|(id, version)| state.waits(*id, *version)).count();
        let sent = (versions.len() + unchanged.len()) as u64;
        Ok(Tally {
            attempted,
            accepted: sent + kept,
            rejected,
            unchanged: unchanged.len() as u64,
            kept,
            confirmed: sent - waiting as u64,
        })
    }

    async fn uploaded(&self, upload: UploadId, after: Option<UploadedItem>, limit: u32) -> Result<Vec<UploadedItem>, StoreError> {
        let state = self.lock();
        let made = state.versions.iter().filter(|(_, version)| version.upload == upload).map(|(key, _)| *key);
        let equal = state.unchanged.get(&upload).into_iter().flatten().copied();
        let keys: BTreeSet<(Uuid, u32)> = made.chain(equal).collect();
        let after = after.map_or((Uuid::nil(), 0), |item| (item.registration_id, item.version));
        let behind = keys.into_iter().filter(|key| *key > after);
        let items = behind.filter_map(|key| {
            let new = &state.versions.get(&key)?.new;
            Some(UploadedItem { registration_id: new.registration_id, version: new.version, item_id: new.item_id })
        });
        Ok(items.take(limit as usize).collect())
    }

    async fn is_confirmed(&self, item_id: Uuid) -> Result<Option<bool>, StoreError> {
        let state = self.lock();
        let version = state.versions.values().find(|version| version.new.item_id == item_id);
        Ok(version.map(|version| version.confirmed_at.is_some()))
    }

    async fn registration_of(&self, item_id: Uuid) -> Result<Option<Uuid>, StoreError> {
        let state = self.lock();
        Ok(state.versions.values().find(|version| version.new.item_id == item_id).map(|version| version.new.registration_id))
    }

    async fn all_values(&self, registration_id: Uuid) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
        let state = self.lock();
        let of_registration = state.versions.range((registration_id, 0)..=(registration_id, u32::MAX));
        let versions = of_registration.map(|(_, version)| (version.new.dcd_version, version.new.cells.clone()));
        let draft = state.lives.get(&registration_id).and_then(|life| life.draft.as_ref());
        Ok(versions.chain(draft.map(|draft| (draft.dcd_version, draft.cells.clone()))).collect())
    }

    async fn due_at(&self, registration_id: Uuid) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.lock().outbox.get(&registration_id).and_then(|waiting| waiting.next_send_at))
    }

    async fn is_new_incarnation(&self, incarnation: Uuid) -> Result<bool, StoreError> {
        Ok(self.lock().incarnation != Some(incarnation))
    }

    async fn remember_incarnation(&self, incarnation: Uuid) -> Result<(), StoreError> {
        self.lock().incarnation = Some(incarnation);
        Ok(())
    }
}
