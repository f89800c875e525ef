//! Step 6: what an arriving registration is, given what HD4RES holds. Pure.

use uuid::Uuid;

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

/// The record that an arriving registration's unique id names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRecord {
    /// The registration that it holds.
    pub registration_id: Uuid,
    /// That registration's version.
    pub version: u32,
    /// Number of the last feedback about it.
    pub feedback_number: u64,
}

/// What an arrival is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// A new record, or a new version of one: kept, answered, and handed to the data warehouse.
    New {
        /// Number of the STATUS that answers it.
        status_number: u64,
    },
    /// An earlier version than the one held: answered, and nothing else.
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
        Some(record) if record.registration_id == registration_id && record.version >= version => {
            Reception::Older { status_number }
        }
        _ => Reception::New { status_number },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);

    fn record(version: u32) -> KnownRecord {
        KnownRecord { registration_id: ID, version, feedback_number: 7 }
    }

    #[test]
    fn a_later_version_is_new_and_an_earlier_one_only_answered() {
        assert_eq!(receive(None, None, ID, 1, &[1; 32]), Reception::New { status_number: 1 });
        assert_eq!(receive(None, Some(&record(2)), ID, 3, &[1; 32]), Reception::New { status_number: 8 });
        assert_eq!(receive(None, Some(&record(2)), ID, 1, &[1; 32]), Reception::Older { status_number: 8 });
    }

    #[test]
    fn the_same_item_is_answered_again_with_the_same_number() {
        let item = KnownItem { content_hash: [1; 32], status_number: 4, is_validated: false };
        let known = Reception::Known { status_number: 4, hand_over: true };
        assert_eq!(receive(Some(&item), Some(&record(2)), ID, 2, &[1; 32]), known);
        let validated = KnownItem { is_validated: true, ..item };
        let known = Reception::Known { status_number: 4, hand_over: false };
        assert_eq!(receive(Some(&validated), Some(&record(2)), ID, 2, &[1; 32]), known);
    }

    #[test]
    fn an_item_id_with_another_content_is_an_error() {
        let item = KnownItem { content_hash: [1; 32], status_number: 4, is_validated: true };
        assert_eq!(receive(Some(&item), Some(&record(2)), ID, 2, &[2; 32]), Reception::Reused);
    }

    #[test]
    fn a_registration_made_anew_under_the_same_unique_id_replaces_the_old_one() {
        assert_eq!(receive(None, Some(&record(5)), Uuid::from_u128(2), 1, &[1; 32]), Reception::New { status_number: 8 });
    }
}
