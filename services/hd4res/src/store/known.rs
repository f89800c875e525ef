//! What a store knows when registrations arrive, and how it goes on while they are decided one by one. No I/O.

use std::collections::BTreeMap;

use registration::ContentKind;
use uuid::Uuid;

use super::Arrived;
use crate::{
    receive::{KnownItem, KnownRecord, Reception, receive},
    record::Note,
    status::{Event, RecordStatus, next},
};

/// Item and sender: what a duplicate is known by.
pub(super) type ItemKey = (Uuid, String);
/// Definition, unique id and sender: what a living record is known by.
pub(super) type RecordKey = (String, String, String);

/// What is known of records and items; of all or of those that a batch is about.
#[derive(Default)]
pub(super) struct Known {
    pub(super) items: BTreeMap<ItemKey, KnownItem>,
    pub(super) records: BTreeMap<i64, KnownRecord>,
    /// The record of each unique id. An entry whose record is deleted is void: a deletion does not know its record's unique id.
    pub(super) living: BTreeMap<RecordKey, i64>,
    /// The record of each sender's registration. An entry whose record took another registration since is void.
    pub(super) registrations: BTreeMap<(String, Uuid), i64>,
    /// The greatest number of a record.
    pub(super) last_record: i64,
}

/// An arrival that changes something.
pub(super) struct Change<'a> {
    pub(super) arrived: &'a Arrived,
    pub(super) record: i64,
    pub(super) status_number: u64,
    /// What it makes of its record, when it is the current version now.
    pub(super) current: Option<Current>,
}

/// What the current version makes of its record.
#[derive(Clone, Copy)]
pub(super) struct Current {
    pub(super) note: Note,
    pub(super) is_first: bool,
}

impl Change<'_> {
    /// What sets a record without a living unique id apart under it: 0 while it lives, its own number afterwards.
    pub(super) fn deleted(&self) -> i64 {
        if self.arrived.kind == ContentKind::Deletion { self.record } else { 0 }
    }
}

pub(super) fn record_key(arrived: &Arrived) -> RecordKey {
    (arrived.dcd.clone(), arrived.unique_id.clone(), arrived.sender.clone())
}

impl Known {
    /// The record that an arrival belongs to; see [`KnownRecord`].
    fn find(&self, arrived: &Arrived) -> Option<(i64, &KnownRecord)> {
        let get = |record: &i64| self.records.get(record).map(|known| (*record, known));
        let of_registration = self.registrations.get(&(arrived.sender.clone(), arrived.registration_id)).and_then(get);
        let of_registration = of_registration.filter(|(_, known)| known.registration_id == arrived.registration_id);
        let is_deleted = |known: &KnownRecord| known.status == RecordStatus::Deleted;
        match arrived.kind {
            ContentKind::Deletion => of_registration,
            ContentKind::Registration => of_registration.filter(|(_, known)| is_deleted(known)).or_else(|| {
                let living = self.living.get(&record_key(arrived)).and_then(get);
                living.filter(|(_, known)| !is_deleted(known))
            }),
        }
    }

    /// Decides what an arrival is and, when it changes something, knows it from now on.
    pub(super) fn receive<'a>(&mut self, arrived: &'a Arrived) -> (Reception, Option<Change<'a>>) {
        let item_key = (arrived.item_id, arrived.sender.clone());
        let found = self.find(arrived);
        let reception = receive(
            self.items.get(&item_key),
            found.map(|(_, known)| known),
            arrived.registration_id,
            arrived.version,
            arrived.kind,
            &arrived.content_hash,
        );
        let (Reception::New { status_number } | Reception::Older { status_number }) = reception else { return (reception, None) };
        let found = found.map(|(record, known)| (record, known.clone()));
        let record = found.as_ref().map_or(self.last_record + 1, |(record, _)| *record);
        self.last_record = self.last_record.max(record);
        let item = KnownItem { content_hash: arrived.content_hash, status_number, is_validated: false };
        self.items.insert(item_key, item);
        let before = found.map(|(_, known)| known);
        let current = matches!(reception, Reception::New { .. }).then(|| self.take(arrived, record, before.as_ref()));
        if let Some(known) = self.records.get_mut(&record) {
            known.feedback_number = status_number;
        }
        (reception, Some(Change { arrived, record, status_number, current }))
    }

    /// The arrival is its record's current version now.
    fn take(&mut self, arrived: &Arrived, record: i64, before: Option<&KnownRecord>) -> Current {
        let event = Event::of_arrival(arrived.kind);
        let first = RecordStatus::at_first(arrived.kind);
        let status = before.map_or(first, |known| next(known.status, event).after(known.status).unwrap_or(known.status));
        let (registration_id, version) = (arrived.registration_id, arrived.version);
        self.records.insert(record, KnownRecord { registration_id, version, feedback_number: 0, status });
        self.registrations.insert((arrived.sender.clone(), registration_id), record);
        if arrived.kind == ContentKind::Registration {
            self.living.insert(record_key(arrived), record);
        }
        Current { note: Note { event, version, status }, is_first: before.is_none() }
    }
}
