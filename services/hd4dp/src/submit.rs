//! Whether a row is a new registration, a new version of one, nothing new, or not possible.

use crate::{
    status::{Event, Next, State, Status, next},
    store::Known,
};

/// What a row is, given what is known under its unique id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Novelty {
    /// The first version of a registration.
    New,
    /// The next version of a known one.
    Changed {
        /// The number that it gets.
        version: u32,
    },
    /// Equal to the stored one (W01): nothing is sent.
    Unchanged,
    /// The registration may not be changed by a file (E18).
    Refused,
}

/// Holds a row against what is stored. A CSV's values win over the stored ones (provisioning rule), as a new version; a registration that
/// was opened again is submitted by its row even if that is equal (autosubmit).
#[must_use]
pub fn novelty(known: Option<&Known>, row_hash: &[u8; 32]) -> Novelty {
    let Some(known) = known else { return Novelty::New };
    let is_equal = known.row_hash == *row_hash;
    match known.status {
        // What was deleted does not come back under its unique id, not even unchanged.
        Some(Status::Deleted) => return Novelty::Refused,
        Some(Status::Open) => {}
        _ if is_equal => return Novelty::Unchanged,
        _ => {}
    }
    match next(state(known.status), Event::SubmittedByUser) {
        Next::Refused => Novelty::Refused,
        Next::To(_) | Next::Stays => Novelty::Changed { version: known.version.saturating_add(1) },
    }
}

/// Sending stands for what is derived: files change both it and what was submitted.
fn state(status: Option<Status>) -> State {
    match status {
        None | Some(Status::Sending | Status::Submitted) => State::Sending,
        Some(Status::Open) => State::Open,
        Some(Status::CorrectionsNeeded) => State::CorrectionsNeeded,
        Some(Status::Approved) => State::Approved,
        Some(Status::FollowUpNeeded) => State::FollowUpNeeded,
        Some(Status::Error) => State::Error,
        Some(Status::Deleted) => State::Deleted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of an equal and of a changed row.
    fn both(status: Option<Status>) -> [Novelty; 2] {
        let known = Known { registration_id: uuid::Uuid::nil(), version: 3, row_hash: [1; 32], confirmed: true, status };
        [[1; 32], [2; 32]].map(|row_hash| novelty(Some(&known), &row_hash))
    }

    #[test]
    fn only_a_different_row_is_a_new_version() {
        assert_eq!(novelty(None, &[1; 32]), Novelty::New);
        for status in [None, Some(Status::CorrectionsNeeded), Some(Status::FollowUpNeeded)] {
            assert_eq!(both(status), [Novelty::Unchanged, Novelty::Changed { version: 4 }]);
        }
    }

    #[test]
    fn a_reopened_registration_is_submitted_by_an_equal_row_too() {
        assert_eq!(both(Some(Status::Open)), [Novelty::Changed { version: 4 }; 2]);
    }

    #[test]
    fn an_approved_registration_keeps_its_values_and_a_deleted_one_stays_deleted() {
        assert_eq!(both(Some(Status::Approved)), [Novelty::Unchanged, Novelty::Refused]);
        assert_eq!(both(Some(Status::Deleted)), [Novelty::Refused; 2]);
    }
}
