//! What a simulation expects, told apart from what the system says.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::op::{Hospital, RowName};

/// What a world was asked for, and what was seen of it so far.
#[derive(Default)]
pub(super) struct Model {
    /// The revision that each uploaded row has at its hospital's source system.
    pub(super) revisions: BTreeMap<RowName, u32>,
    /// Items of forged answers: dead letters that are right.
    pub(super) forged: BTreeSet<Uuid>,
    /// How far each itinerary was read.
    pub(super) read: BTreeMap<String, i64>,
    /// Items that HD4RES took in, and items that the data warehouse validated.
    pub(super) arrived: BTreeSet<Uuid>,
    pub(super) validated: BTreeSet<Uuid>,
    /// The revision of each row that the data warehouse was last seen with.
    pub(super) at_dhw: BTreeMap<RowName, u32>,
    /// Rows that were deleted, and that the data warehouse has had and has no more.
    pub(super) gone: BTreeSet<RowName>,
    /// The versions of each row that its hospital and HD4RES were last seen with.
    pub(super) versions: BTreeMap<RowName, (u32, u32)>,
    /// Items of feedback that a hospital's HD4DP took in.
    pub(super) heard: BTreeSet<Uuid>,
}

impl Model {
    /// The revision in which a row is uploaded now.
    pub(super) fn revise(&mut self, row: RowName, changed: bool) -> u32 {
        let revision = self.revisions.entry(row).and_modify(|revision| *revision += u32::from(changed)).or_insert(1);
        *revision
    }

    pub(super) fn rows_of(&self, hospital: Hospital) -> impl Iterator<Item = RowName> {
        self.revisions.keys().copied().filter(move |row| row.hospital == hospital)
    }
}
