//! Step 6: what an arriving registration is, given what HD4RES holds. Pure.

use registration::ContentKind;
use uuid::Uuid;

use crate::status::{Event, Next, RecordStatus, next};

/// An item that arrived before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownItem {
    /// SHA-256 of its content.
    pub content_hash: [u8; 32],
    /// The number of the STATUS that answered it.
    pub status_number: u64,
    /// Whether the data warehouse has validated its record in this version or a later one.
    pub is_validated: bool,
}

/// The record that an arrival belongs to: the tombstone of its registration; or else, for a deletion, which has no unique id, the record
/// that holds its registration; or else the living record of its unique id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRecord {
    /// The registration that it holds.
    pub registration_id: Uuid,
    /// That registration's version.
    pub version: u32,
    /// Number of the last feedback about it.
    pub feedback_number: u64,
    /// Its status.
    pub status: RecordStatus,
}

impl KnownRecord {
    /// Whether what it holds stands over `kind` of `registration_id` in `version`.
    fn stands_over(&self, registration_id: Uuid, version: u32, kind: ContentKind) -> bool {
        if next(self.status, Event::of_arrival(kind)) == Next::Refused {
            return true;
        }
        let stands = match kind {
            ContentKind::Registration => self.version >= version,
            // A deletion may carry the number of the version that it deletes.
            ContentKind::Deletion => self.version > version,
        };
        self.registration_id == registration_id && stands
    }
}

/// What an arrival is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// A new record, a new version of one, or its deletion: kept, answered, and handed to the data warehouse.
    New {
        /// Number of the STATUS that answers it.
        status_number: u64,
    },
    /// An earlier version than the one held, or anything of a deleted registration: answered, and nothing else.
    Older {
        /// Number of the STATUS that answers it.
        status_number: u64,
    },
    /// It arrived before: answered again, or a lost answer would never be made good.
    Known {
        /// Number of the STATUS that answers it.
        status_number: u64,
        /// Whether the data warehouse still has to see it.
        hand_over: bool,
    },
    /// Its id belongs to another content: an error, never a duplicate.
    Reused,
}

/// Decides what an arrival of `registration_id` in `version` is.
#[must_use]
pub fn receive(
    item: Option<&KnownItem>,
    record: Option<&KnownRecord>,
    registration_id: Uuid,
    version: u32,
    kind: ContentKind,
    content_hash: &[u8; 32],
) -> Reception {
    if let Some(item) = item {
        if item.content_hash != *content_hash {
            return Reception::Reused;
        }
        return Reception::Known { status_number: item.status_number, hand_over: !item.is_validated };
    }
    let status_number = record.map_or(0, |record| record.feedback_number) + 1;
    match record {
        Some(record) if record.stands_over(registration_id, version, kind) => Reception::Older { status_number },
        _ => Reception::New { status_number },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);
    const REGISTRATION: ContentKind = ContentKind::Registration;
    const DELETION: ContentKind = ContentKind::Deletion;

    fn record(version: u32) -> KnownRecord {
        KnownRecord { registration_id: ID, version, feedback_number: 7, status: RecordStatus::New }
    }

    #[test]
    fn a_later_version_is_new_and_an_earlier_one_only_answered() {
        assert_eq!(receive(None, None, ID, 1, REGISTRATION, &[1; 32]), Reception::New { status_number: 1 });
        assert_eq!(receive(None, Some(&record(2)), ID, 3, REGISTRATION, &[1; 32]), Reception::New { status_number: 8 });
        assert_eq!(receive(None, Some(&record(2)), ID, 1, REGISTRATION, &[1; 32]), Reception::Older { status_number: 8 });
    }

    #[test]
    fn the_same_item_is_answered_again_with_the_same_number() {
        let item = KnownItem { content_hash: [1; 32], status_number: 4, is_validated: false };
        let known = Reception::Known { status_number: 4, hand_over: true };
        assert_eq!(receive(Some(&item), Some(&record(2)), ID, 2, REGISTRATION, &[1; 32]), known);
        let validated = KnownItem { is_validated: true, ..item };
        let known = Reception::Known { status_number: 4, hand_over: false };
        assert_eq!(receive(Some(&validated), Some(&record(2)), ID, 2, REGISTRATION, &[1; 32]), known);
    }

    #[test]
    fn an_item_id_with_another_content_is_an_error() {
        let item = KnownItem { content_hash: [1; 32], status_number: 4, is_validated: true };
        assert_eq!(receive(Some(&item), Some(&record(2)), ID, 2, REGISTRATION, &[2; 32]), Reception::Reused);
    }

    #[test]
    fn a_registration_made_anew_under_the_same_unique_id_replaces_the_old_one() {
        assert_eq!(
            receive(None, Some(&record(5)), Uuid::from_u128(2), 1, REGISTRATION, &[1; 32]),
            Reception::New { status_number: 8 }
        );
    }

    #[test]
    fn a_deletion_may_carry_the_number_of_the_version_that_it_deletes() {
        assert_eq!(receive(None, Some(&record(2)), ID, 2, DELETION, &[1; 32]), Reception::New { status_number: 8 });
        assert_eq!(receive(None, Some(&record(2)), ID, 1, DELETION, &[1; 32]), Reception::Older { status_number: 8 });
        assert_eq!(receive(None, None, ID, 1, DELETION, &[1; 32]), Reception::New { status_number: 1 });
    }

    #[test]
    fn nothing_moves_a_tombstone() {
        let tombstone = KnownRecord { status: RecordStatus::Deleted, ..record(2) };
        for (kind, version) in [(REGISTRATION, 1), (REGISTRATION, 3), (DELETION, 2), (DELETION, 3)] {
            let reception = receive(None, Some(&tombstone), ID, version, kind, &[1; 32]);
            assert_eq!(reception, Reception::Older { status_number: 8 });
        }
    }
}
