//! Whether a row is sent, kept, nothing new, or not possible.

use dcd::{Code, Finding};
use uuid::Uuid;

use crate::{
    options::{ConflictMode, UploadOptions},
    service::AcceptedRow,
    status::{Event, Next, State, Status, next},
    store::Known,
};

/// A row that may be taken in.
pub(crate) struct Candidate {
    pub(crate) row: AcceptedRow,
    /// Whether it has no validation errors; if it has, it can be kept only.
    pub(crate) is_valid: bool,
}

/// What a row is held against: the registration that is known under its unique id, with the rows before it in its batch.
pub(crate) struct Base {
    pub(crate) registration_id: Uuid,
    /// 0 when none was submitted yet.
    pub(crate) version: u32,
    pub(crate) state: State,
    /// Whether nothing of it waits for an answer.
    pub(crate) confirmed: bool,
    pub(crate) row_hash: Option<[u8; 32]>,
    /// Its values, when the options look at them.
    pub(crate) current: Option<AcceptedRow>,
}

impl From<Known> for Base {
    fn from(known: Known) -> Self {
        let Known { registration_id, version, row_hash, confirmed, status } = known;
        Self { registration_id, version, state: state(status), confirmed, row_hash, current: None }
    }
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is the registration's next version.
    Send {
        /// The number that it gets.
        version: u32,
    },
    /// Its registration is Open with its values.
    Keep {
        /// Whether the registration was submitted and is opened by it.
        reopens: bool,
    },
    /// The stored values stay: nothing is sent.
    Unchanged,
    /// It may not be taken in.
    Refused,
}

/// A row's merge with the stored values.
pub(crate) struct Merged {
    pub(crate) candidate: Candidate,
    pub(crate) row_hash: [u8; 32],
    pub(crate) by_master: bool,
}

/// The decision about a row, with the values that it is about.
pub(crate) struct Judged {
    pub(crate) decision: Decision,
    pub(crate) findings: Vec<Finding>,
    pub(crate) candidate: Candidate,
    pub(crate) row_hash: [u8; 32],
}

/// Holds a row against what is stored. `merge` makes one of both, or says what is wrong with that.
pub(crate) fn judge(
    base: Option<&Base>,
    candidate: Candidate,
    row_hash: [u8; 32],
    options: &UploadOptions,
    merge: impl FnOnce(&AcceptedRow, &Candidate) -> Result<Merged, Vec<Finding>>,
) -> Judged {
    let Some(base) = base else {
        let decision = if options.autosubmit && candidate.is_valid {
            Decision::Send { version: 1 }
        } else {
            Decision::Keep { reopens: false }
        };
        return Judged { decision, findings: Vec::new(), candidate, row_hash };
    };
    let judged = |(decision, findings), candidate, row_hash| Judged { decision, findings, candidate, row_hash };
    // What was deleted does not come back under its unique id, not even unchanged.
    if base.state == State::Deleted {
        return judged(refused(Finding::new(Code::E34)), candidate, row_hash);
    }
    if base.row_hash == Some(row_hash) {
        return judged(equal(base, &candidate, options), candidate, row_hash);
    }
    let stays = || Finding::new(Code::W02);
    match (options.conflict_mode, &base.current) {
        (ConflictMode::Skip, _) => judged((Decision::Unchanged, vec![stays()]), candidate, row_hash),
        (ConflictMode::Fail, _) => judged(refused(Finding::new(Code::E31)), candidate, row_hash),
        (ConflictMode::Merge, Some(current)) => match merge(current, &candidate) {
            Err(findings) => judged((Decision::Refused, findings), candidate, row_hash),
            Ok(Merged { candidate, row_hash, by_master }) => {
                let is_equal = base.row_hash == Some(row_hash);
                let decide = if is_equal { equal } else { change };
                let mut judged = judged(decide(base, &candidate, options), candidate, row_hash);
                if by_master && judged.decision != Decision::Refused {
                    judged.findings.insert(0, stays());
                }
                judged
            }
        },
        (ConflictMode::Overwrite | ConflictMode::Merge, _) => judged(change(base, &candidate, options), candidate, row_hash),
    }
}

/// A registration that was opened again is submitted by its row even if that is equal (autosubmit).
fn equal(base: &Base, candidate: &Candidate, options: &UploadOptions) -> (Decision, Vec<Finding>) {
    if base.state == State::Open && options.autosubmit && candidate.is_valid {
        return change(base, candidate, options);
    }
    let said = (!options.ignore_duplicates).then(|| Finding::new(Code::W01));
    (Decision::Unchanged, said.into_iter().collect())
}

/// The table of statuses says what is possible; a submitted registration is opened to keep a row.
fn change(base: &Base, candidate: &Candidate, options: &UploadOptions) -> (Decision, Vec<Finding>) {
    let may = |event| next(base.state, event) != Next::Refused;
    if options.autosubmit && candidate.is_valid {
        return match may(Event::SubmittedByUser) {
            true => (Decision::Send { version: base.version.saturating_add(1) }, Vec::new()),
            false => refused(Finding::new(Code::E18)),
        };
    }
    if may(Event::Saved) {
        (Decision::Keep { reopens: false }, Vec::new())
    } else if may(Event::Reopened) {
        (Decision::Keep { reopens: true }, Vec::new())
    } else if base.state == State::Sending {
        refused(Finding::new(Code::E32))
    } else {
        refused(Finding::new(Code::E18))
    }
}

fn refused(finding: Finding) -> (Decision, Vec<Finding>) {
    (Decision::Refused, vec![finding])
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
    use crate::status::Confirmation;

    fn base(state: State) -> Base {
        let current = Some(AcceptedRow { cells: Vec::new(), attachments: Vec::new() });
        Base { registration_id: Uuid::nil(), version: 3, state, confirmed: true, row_hash: Some([1; 32]), current }
    }

    fn judged(base: Option<Base>, hash: u8, options: UploadOptions) -> (Decision, Vec<Code>) {
        let row = || AcceptedRow { cells: Vec::new(), attachments: Vec::new() };
        let merge = |_: &AcceptedRow, _: &Candidate| {
            Ok(Merged { candidate: Candidate { row: row(), is_valid: true }, row_hash: [3; 32], by_master: true })
        };
        let judged = judge(base.as_ref(), Candidate { row: row(), is_valid: true }, [hash; 32], &options, merge);
        (judged.decision, judged.findings.iter().map(|finding| finding.code).collect())
    }

    /// What becomes of an equal and of a changed row by default.
    fn both(status: Option<Status>) -> [Decision; 2] {
        let known = || Known { registration_id: Uuid::nil(), version: 3, row_hash: Some([1; 32]), confirmed: true, status };
        [1, 2].map(|hash| judged(Some(known().into()), hash, UploadOptions::default()).0)
    }

    #[test]
    fn only_a_different_row_is_a_new_version() {
        assert_eq!(judged(None, 1, UploadOptions::default()).0, Decision::Send { version: 1 });
        for status in [None, Some(Status::CorrectionsNeeded), Some(Status::FollowUpNeeded)] {
            assert_eq!(both(status), [Decision::Unchanged, Decision::Send { version: 4 }]);
        }
    }

    #[test]
    fn a_reopened_registration_is_submitted_by_an_equal_row_too() {
        assert_eq!(both(Some(Status::Open)), [Decision::Send { version: 4 }; 2]);
    }

    #[test]
    fn an_approved_registration_keeps_its_values_and_a_deleted_one_stays_deleted() {
        assert_eq!(both(Some(Status::Approved)), [Decision::Unchanged, Decision::Refused]);
        assert_eq!(both(Some(Status::Deleted)), [Decision::Refused; 2]);
        for (state, code) in [(State::Approved, Code::E18), (State::Deleted, Code::E34)] {
            assert_eq!(judged(Some(base(state)), 2, UploadOptions::default()).1, [code]);
        }
    }

    #[test]
    fn the_conflict_mode_decides_about_a_different_row_only() {
        let submitted = || Some(base(State::Submitted(Confirmation::Ok)));
        for (mode, expected) in [
            (ConflictMode::Merge, (Decision::Send { version: 4 }, vec![Code::W02])),
            (ConflictMode::Overwrite, (Decision::Send { version: 4 }, vec![])),
            (ConflictMode::Skip, (Decision::Unchanged, vec![Code::W02])),
            (ConflictMode::Fail, (Decision::Refused, vec![Code::E31])),
        ] {
            let options = UploadOptions { conflict_mode: mode, ignore_duplicates: false, ..UploadOptions::default() };
            assert_eq!(judged(submitted(), 2, options), expected, "{mode:?}");
            assert_eq!(judged(submitted(), 1, options), (Decision::Unchanged, vec![Code::W01]), "{mode:?}");
        }
    }

    #[test]
    fn without_autosubmit_a_row_is_kept_where_the_table_of_statuses_allows_it() {
        let options = UploadOptions { autosubmit: false, ..UploadOptions::default() };
        assert_eq!(judged(None, 2, options).0, Decision::Keep { reopens: false });
        for (state, expected) in [
            (State::Open, Decision::Keep { reopens: false }),
            (State::CorrectionsNeeded, Decision::Keep { reopens: false }),
            (State::Submitted(Confirmation::Nok), Decision::Keep { reopens: true }),
            (State::Sending, Decision::Refused),
            (State::Approved, Decision::Refused),
            (State::Deleted, Decision::Refused),
        ] {
            assert_eq!(judged(Some(base(state)), 2, options).0, expected, "{state}");
        }
        assert_eq!(judged(Some(base(State::Open)), 1, options).0, Decision::Unchanged);
        assert_eq!(judged(Some(base(State::Sending)), 2, options).1, [Code::E32]);
    }
}
