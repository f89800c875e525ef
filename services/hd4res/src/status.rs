//! The one table of a record's status by event (domain sheet 4.1). Pure.
//!
//! Stores ask [`next`] and decide nothing themselves. What the table cannot know, because it does not follow from the status, is for the
//! store to guard: that a verdict is about the current version, and that an approved version was validated.

use std::{fmt, str::FromStr};

use registration::ContentKind;

/// Status of a record at HD4RES.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordStatus {
    /// Arrived.
    New,
    /// The data warehouse found something; the researcher must comment.
    CommentsNeeded,
    /// The researcher's comments are on their way to the hospital.
    SendingComments,
    /// The comments left healthdata; the hospital must act.
    CorrectionsRequested,
    /// A later version came after comments or an approval.
    NewCorrection,
    /// The researcher, or the definition, approved it.
    Approved,
    /// Deleted at the hospital: final, a tombstone.
    Deleted,
    /// Technical fault.
    Error,
    /// Further fields were asked for.
    FollowUpNeeded,
    /// A later version came after a follow-up request.
    NewFollowUp,
}

/// A text that is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("know the status")]
pub struct UnknownStatus;

impl RecordStatus {
    /// Every status, in the order of the enum.
    pub const ALL: [Self; 10] = [
        Self::New,
        Self::CommentsNeeded,
        Self::SendingComments,
        Self::CorrectionsRequested,
        Self::NewCorrection,
        Self::Approved,
        Self::Deleted,
        Self::Error,
        Self::FollowUpNeeded,
        Self::NewFollowUp,
    ];

    /// The status as it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::CommentsNeeded => "Comments needed",
            Self::SendingComments => "Sending comments",
            Self::CorrectionsRequested => "Corrections requested",
            Self::NewCorrection => "New correction",
            Self::Approved => "Approved",
            Self::Deleted => "Deleted",
            Self::Error => "Error",
            Self::FollowUpNeeded => "Follow-up needed",
            Self::NewFollowUp => "New follow-up",
        }
    }

    /// The status of what arrives where no record is: a deletion of what never came leaves a tombstone.
    #[must_use]
    pub const fn at_first(kind: ContentKind) -> Self {
        match kind {
            ContentKind::Registration => Self::New,
            ContentKind::Deletion => Self::Deleted,
        }
    }
}

impl fmt::Display for RecordStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RecordStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus)
    }
}

/// What happens to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A later version came.
    Arrived,
    /// A deletion came.
    Deleted,
    /// The data warehouse found no error in the current version.
    Validated,
    /// The data warehouse found an error in the current version.
    Found,
    /// The researcher asked for corrections.
    CorrectionsAsked,
    /// The researcher asked for further fields.
    FollowUpAsked,
    /// The broker confirmed a request of the researcher about the current version.
    FeedbackTakenOver,
    /// The researcher, or the definition, approved the current version.
    ApprovalGiven,
}

/// A text that is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("know the event")]
pub struct UnknownEvent;

impl Event {
    /// Every event, in the order of the enum.
    pub const ALL: [Self; 8] = [
        Self::Arrived,
        Self::Deleted,
        Self::Validated,
        Self::Found,
        Self::CorrectionsAsked,
        Self::FollowUpAsked,
        Self::FeedbackTakenOver,
        Self::ApprovalGiven,
    ];

    /// The event as it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arrived => "Arrived",
            Self::Deleted => "Deleted",
            Self::Validated => "Validated",
            Self::Found => "Found",
            Self::CorrectionsAsked => "Corrections asked",
            Self::FollowUpAsked => "Follow-up asked",
            Self::FeedbackTakenOver => "Feedback taken over",
            Self::ApprovalGiven => "Approval given",
        }
    }

    /// What the arrival of a content of this kind is.
    #[must_use]
    pub const fn of_arrival(kind: ContentKind) -> Self {
        match kind {
            ContentKind::Registration => Self::Arrived,
            ContentKind::Deletion => Self::Deleted,
        }
    }

    /// What a verdict on the current version is.
    #[must_use]
    pub const fn of_verdict(is_clean: bool) -> Self {
        if is_clean { Self::Validated } else { Self::Found }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Event {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        Self::ALL.into_iter().find(|event| event.as_str() == text).ok_or(UnknownEvent)
    }
}

/// What an event does to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    /// It becomes another one.
    To(RecordStatus),
    /// The event happens and the status stays.
    Stays,
    /// The event does not happen: an arrival is answered and ignored, an act of the researcher refused.
    Refused,
}

impl Next {
    /// The status afterwards; none when the event is refused.
    #[must_use]
    pub const fn after(self, status: RecordStatus) -> Option<RecordStatus> {
        match self {
            Self::To(next) => Some(next),
            Self::Stays => Some(status),
            Self::Refused => None,
        }
    }
}

/// What `event` does to a record of `status`.
#[must_use]
pub const fn next(status: RecordStatus, event: Event) -> Next {
    match event {
        Event::Arrived => on_arrival(status),
        Event::Deleted => on_deletion(status),
        // A clean verdict validates the version; approving it is an event of its own.
        Event::Validated => Next::Stays,
        Event::Found => on_finding(status),
        Event::CorrectionsAsked => on_request(status, RecordStatus::SendingComments),
        Event::FollowUpAsked => on_request(status, RecordStatus::FollowUpNeeded),
        Event::FeedbackTakenOver => on_taken_over(status),
        Event::ApprovalGiven => on_approval(status),
    }
}

const fn on_arrival(status: RecordStatus) -> Next {
    use RecordStatus as S;
    match status {
        S::CommentsNeeded | S::SendingComments | S::CorrectionsRequested | S::Approved => Next::To(S::NewCorrection),
        S::FollowUpNeeded => Next::To(S::NewFollowUp),
        S::Error => Next::To(S::New),
        S::New | S::NewCorrection | S::NewFollowUp => Next::Stays,
        S::Deleted => Next::Refused,
    }
}

const fn on_deletion(status: RecordStatus) -> Next {
    use RecordStatus as S;
    match status {
        S::New
        | S::CommentsNeeded
        | S::SendingComments
        | S::CorrectionsRequested
        | S::NewCorrection
        | S::Approved
        | S::Error
        | S::FollowUpNeeded
        | S::NewFollowUp => Next::To(S::Deleted),
        S::Deleted => Next::Refused,
    }
}

/// Whoever already acted on this version is not called back by a verdict that comes late or again.
const fn on_finding(status: RecordStatus) -> Next {
    use RecordStatus as S;
    match status {
        S::New | S::NewCorrection | S::NewFollowUp => Next::To(S::CommentsNeeded),
        S::CommentsNeeded
        | S::SendingComments
        | S::CorrectionsRequested
        | S::Approved
        | S::Deleted
        | S::Error
        | S::FollowUpNeeded => Next::Stays,
    }
}

const fn on_request(status: RecordStatus, asked: RecordStatus) -> Next {
    use RecordStatus as S;
    match status {
        S::SendingComments if matches!(asked, S::SendingComments) => Next::Stays,
        S::FollowUpNeeded if matches!(asked, S::FollowUpNeeded) => Next::Stays,
        S::New
        | S::CommentsNeeded
        | S::SendingComments
        | S::CorrectionsRequested
        | S::NewCorrection
        | S::Approved
        | S::FollowUpNeeded
        | S::NewFollowUp => Next::To(asked),
        S::Deleted | S::Error => Next::Refused,
    }
}

const fn on_taken_over(status: RecordStatus) -> Next {
    use RecordStatus as S;
    match status {
        S::SendingComments => Next::To(S::CorrectionsRequested),
        S::New
        | S::CommentsNeeded
        | S::CorrectionsRequested
        | S::NewCorrection
        | S::Approved
        | S::Deleted
        | S::Error
        | S::FollowUpNeeded
        | S::NewFollowUp => Next::Stays,
    }
}

const fn on_approval(status: RecordStatus) -> Next {
    use RecordStatus as S;
    match status {
        S::New | S::NewCorrection | S::NewFollowUp | S::CommentsNeeded => Next::To(S::Approved),
        S::SendingComments | S::CorrectionsRequested | S::Approved | S::Deleted | S::Error | S::FollowUpNeeded => Next::Refused,
    }
}

/// The whole table, status by status and event by event.
#[must_use]
pub fn table() -> Vec<(RecordStatus, Event, Next)> {
    let of_status = |status| Event::ALL.into_iter().map(move |event| (status, event, next(status, event)));
    RecordStatus::ALL.into_iter().flat_map(of_status).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The store in SQL notes clean verdicts without reading the records.
    #[test]
    fn a_clean_verdict_changes_no_status() {
        for status in RecordStatus::ALL {
            assert_eq!(next(status, Event::Validated), Next::Stays, "{status}");
        }
    }

    #[test]
    fn names_read_back_and_are_no_others() {
        for status in RecordStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        for event in Event::ALL {
            assert_eq!(event.as_str().parse(), Ok(event));
        }
        assert_eq!("new".parse::<RecordStatus>(), Err(UnknownStatus));
        assert_eq!("new".parse::<Event>(), Err(UnknownEvent));
    }

    #[test]
    fn the_table_has_every_pair_once_and_no_move_to_where_one_is() {
        let table = table();
        assert_eq!(table.len(), RecordStatus::ALL.len() * Event::ALL.len());
        for (status, event, next) in table {
            assert_ne!(next, Next::To(status), "{status} {event}");
        }
    }

    /// The path of domain sheet 4.1, with a follow-up behind it.
    #[test]
    fn a_record_goes_its_way() {
        let way = [
            (Event::Found, RecordStatus::CommentsNeeded),
            (Event::CorrectionsAsked, RecordStatus::SendingComments),
            (Event::FeedbackTakenOver, RecordStatus::CorrectionsRequested),
            (Event::Arrived, RecordStatus::NewCorrection),
            (Event::Validated, RecordStatus::NewCorrection),
            (Event::ApprovalGiven, RecordStatus::Approved),
            (Event::FollowUpAsked, RecordStatus::FollowUpNeeded),
            (Event::FeedbackTakenOver, RecordStatus::FollowUpNeeded),
            (Event::Arrived, RecordStatus::NewFollowUp),
            (Event::ApprovalGiven, RecordStatus::Approved),
            (Event::Arrived, RecordStatus::NewCorrection),
            (Event::Deleted, RecordStatus::Deleted),
        ];
        let mut status = RecordStatus::at_first(ContentKind::Registration);
        for (event, expected) in way {
            status = next(status, event).after(status).unwrap();
            assert_eq!(status, expected, "{event}");
        }
    }

    #[test]
    fn what_waits_for_the_hospital_cannot_be_approved() {
        for status in [RecordStatus::SendingComments, RecordStatus::CorrectionsRequested, RecordStatus::FollowUpNeeded] {
            assert_eq!(next(status, Event::ApprovalGiven), Next::Refused);
        }
    }

    #[test]
    fn a_tombstone_refuses_versions_and_acts() {
        use Event as E;
        for event in [E::Arrived, E::Deleted, E::CorrectionsAsked, E::FollowUpAsked, E::ApprovalGiven] {
            assert_eq!(next(RecordStatus::Deleted, event), Next::Refused, "{event}");
        }
        assert_eq!(RecordStatus::at_first(ContentKind::Deletion), RecordStatus::Deleted);
    }

    proptest! {
        #[test]
        fn any_life_stays_inside_the_table_and_ends_at_the_tombstone(events in prop::collection::vec(0..Event::ALL.len(), 0..60)) {
            let (table, mut status, mut was_deleted) = (table(), RecordStatus::New, false);
            for event in events.into_iter().map(|at| Event::ALL[at]) {
                let found = next(status, event);
                prop_assert!(table.contains(&(status, event, found)));
                status = found.after(status).unwrap_or(status);
                was_deleted |= event == Event::Deleted;
                prop_assert_eq!(status == RecordStatus::Deleted, was_deleted);
            }
        }
    }
}
