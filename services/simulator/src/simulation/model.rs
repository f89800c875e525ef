//! What a simulation expects, told apart from what the system says.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    laboratory::Values,
    op::{Hospital, RowName},
};

/// What a world was asked for, and what was seen of it so far.
#[derive(Default)]
pub(crate) struct Model {
    /// The revision that each uploaded row has at its hospital's source system.
    pub(crate) revisions: BTreeMap<RowName, u32>,
    /// The form that each has there, when it is not the first.
    pub(super) variants: BTreeMap<RowName, u16>,
    /// Items of forged answers: dead letters that are right.
    pub(crate) forged: BTreeSet<Uuid>,
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
    /// Codes of dead letters, as the log has them.
    pub(super) codes: BTreeSet<String>,
    /// Items of feedback that a hospital's HD4DP took in.
    pub(super) heard: BTreeSet<Uuid>,
}

impl Model {
    /// A row as it is uploaded now: as it was last, or changed.
    pub(super) fn revise(&mut self, row: RowName, changed: bool) -> Values {
        let variant = self.variants.get(&row).copied().unwrap_or(0);
        self.revise_to((row, variant), changed)
    }

    /// The same in a form; another form than the last one is a change.
    pub(super) fn revise_to(&mut self, (row, variant): (RowName, u16), changed: bool) -> Values {
        let before = self.variants.insert(row, variant).unwrap_or(0);
        let is_other = changed || before != variant;
        let revision = self.revisions.entry(row).and_modify(|revision| *revision += u32::from(is_other)).or_insert(1);
        Values { row, revision: *revision, variant }
    }

    pub(super) fn rows_of(&self, hospital: Hospital) -> impl Iterator<Item = RowName> {
        self.revisions.keys().copied().filter(move |row| row.hospital == hospital)
    }
}
