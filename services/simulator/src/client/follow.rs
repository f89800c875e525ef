//! What is still on its way, told from what both sides say of a registration. Pure.
//!
//! Over a store a command waits until the queues are empty. Over HTTP nobody sees queues; what both sides say must agree instead.

use std::fmt;

use hd4dp::status::Status;
use hd4res::status::RecordStatus;

use super::{hospital, research};

/// What is awaited, from the nearest to the farthest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Awaited {
    /// The hospital's messaging client has it not.
    Handover,
    /// The hospital has no STATUS of the latest version.
    Confirmation,
    /// healthdata has it not.
    Arrival,
    /// The data warehouse has no verdict on the latest version.
    Verdict,
    /// The researcher's comments have not left healthdata.
    Departure,
    /// The hospital has not heard of what the researcher did.
    Word,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handover => "it has not left the hospital",
            Self::Arrival => "it has not arrived at healthdata",
            Self::Confirmation => "healthdata has not confirmed it",
            Self::Verdict => "the data warehouse has not validated it",
            Self::Departure => "the comments have not left healthdata",
            Self::Word => "the hospital has not heard of what the researcher did",
        })
    }
}

/// What is awaited of a registration; none when both sides are at rest. A side that is not asked is believed to be.
///
/// `record` is none when healthdata is not asked, and none within when it has no record.
#[must_use]
pub fn awaited(hospital: Option<hospital::Standing>, record: Option<Option<research::Standing>>) -> Option<Awaited> {
    hospital.and_then(at_hospital).or_else(|| at_healthdata(hospital, record?))
}

const fn at_hospital(standing: hospital::Standing) -> Option<Awaited> {
    match standing.status {
        Some(Status::Sending) => Some(Awaited::Handover),
        Some(Status::Submitted | Status::Deleted) if standing.version > 0 && !standing.is_confirmed => {
            Some(Awaited::Confirmation)
        }
        _ => None,
    }
}

fn at_healthdata(hospital: Option<hospital::Standing>, record: Option<research::Standing>) -> Option<Awaited> {
    let Some(record) = record else {
        return hospital.filter(is_sent).map(|_| Awaited::Arrival);
    };
    if hospital.filter(is_sent).is_some_and(|hospital| hospital.version > record.version) {
        return Some(Awaited::Arrival);
    }
    if record.status == Some(RecordStatus::SendingComments) {
        return Some(Awaited::Departure);
    }
    if !record.is_validated && record.status.is_some_and(awaits_verdict) {
        return Some(Awaited::Verdict);
    }
    hospital.filter(|hospital| has_not_heard(*hospital, record)).map(|_| Awaited::Word)
}

/// Whether the latest version was sent: that of one that was reopened may have been kept from it.
fn is_sent(standing: &hospital::Standing) -> bool {
    standing.version > 0 && !matches!(standing.status, None | Some(Status::Open | Status::Error))
}

const fn awaits_verdict(status: RecordStatus) -> bool {
    matches!(status, RecordStatus::New | RecordStatus::NewCorrection | RecordStatus::NewFollowUp)
}

/// Whether a researcher's word about the hospital's latest version is on its way: the hospital still shows it as submitted.
fn has_not_heard(hospital: hospital::Standing, record: research::Standing) -> bool {
    let is_word =
        matches!(record.status, Some(RecordStatus::Approved | RecordStatus::CorrectionsRequested | RecordStatus::FollowUpNeeded));
    is_word && hospital.status == Some(Status::Submitted) && hospital.version == record.version
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at_hospital(status: Status, version: u32, is_confirmed: bool) -> Option<hospital::Standing> {
        Some(hospital::Standing { status: Some(status), version, is_confirmed })
    }

    const fn record(status: RecordStatus, version: u32, is_validated: bool) -> Option<Option<research::Standing>> {
        Some(Some(research::Standing { status: Some(status), version, is_validated }))
    }

    #[test]
    fn a_version_is_followed_from_the_hospital_to_the_verdict() {
        let sending = at_hospital(Status::Sending, 1, false);
        assert_eq!(awaited(sending, Some(None)), Some(Awaited::Handover));
        let pending = at_hospital(Status::Submitted, 1, false);
        assert_eq!(awaited(pending, None), Some(Awaited::Confirmation));
        let confirmed = at_hospital(Status::Submitted, 1, true);
        assert_eq!(awaited(confirmed, None), None, "healthdata is not asked");
        assert_eq!(awaited(confirmed, Some(None)), Some(Awaited::Arrival));
        assert_eq!(awaited(confirmed, record(RecordStatus::New, 1, false)), Some(Awaited::Verdict));
        assert_eq!(awaited(confirmed, record(RecordStatus::New, 1, true)), None);
        let second = at_hospital(Status::Submitted, 2, true);
        assert_eq!(awaited(second, record(RecordStatus::CorrectionsRequested, 1, true)), Some(Awaited::Arrival));
    }

    #[test]
    fn a_researchers_word_is_followed_to_the_hospital() {
        let (submitted, asked) = (at_hospital(Status::Submitted, 1, true), record(RecordStatus::CorrectionsRequested, 1, true));
        assert_eq!(awaited(submitted, record(RecordStatus::SendingComments, 1, true)), Some(Awaited::Departure));
        assert_eq!(awaited(None, record(RecordStatus::SendingComments, 1, true)), Some(Awaited::Departure));
        assert_eq!(awaited(submitted, asked), Some(Awaited::Word));
        assert_eq!(awaited(None, asked), None, "the hospital is not asked");
        assert_eq!(awaited(at_hospital(Status::CorrectionsNeeded, 1, true), asked), None);
        assert_eq!(awaited(submitted, record(RecordStatus::Approved, 1, true)), Some(Awaited::Word));
        assert_eq!(awaited(at_hospital(Status::Approved, 1, true), record(RecordStatus::Approved, 1, true)), None);
    }

    #[test]
    fn what_is_open_or_unknown_is_not_awaited() {
        assert_eq!(awaited(at_hospital(Status::Open, 0, false), Some(None)), None);
        assert_eq!(awaited(at_hospital(Status::Open, 1, true), record(RecordStatus::New, 1, true)), None);
        let unknown = hospital::Standing { status: None, version: 3, is_confirmed: false };
        assert_eq!(awaited(Some(unknown), record(RecordStatus::New, 1, true)), None);
        let unknown = research::Standing { status: None, version: 1, is_validated: false };
        assert_eq!(awaited(at_hospital(Status::Submitted, 1, true), Some(Some(unknown))), None);
    }

    #[test]
    fn a_deletion_is_followed_like_a_version() {
        let deleted = at_hospital(Status::Deleted, 2, false);
        assert_eq!(awaited(deleted, record(RecordStatus::New, 1, true)), Some(Awaited::Confirmation));
        let confirmed = at_hospital(Status::Deleted, 2, true);
        assert_eq!(awaited(confirmed, record(RecordStatus::New, 1, true)), Some(Awaited::Arrival));
        assert_eq!(awaited(confirmed, record(RecordStatus::Deleted, 2, false)), None);
    }
}
