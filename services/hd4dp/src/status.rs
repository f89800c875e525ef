//! The life of a registration at its hospital: one table of status by event, and nothing beside it decides.
//!
//! What the published pages say is taken from them; the cases that they leave open are decided here, with a reason. Whether feedback is
//! about the current version is not asked here: other feedback never comes this far.

use std::fmt;

/// What HD4DP shows in the status column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Stored, not submitted.
    Open,
    /// On its way to the messaging client.
    Sending,
    /// Handed over; whether it arrived is the confirmation's to say.
    Submitted,
    /// The researcher asked for corrections.
    CorrectionsNeeded,
    /// The researcher approved it.
    Approved,
    /// Further fields have come open.
    FollowUpNeeded,
    /// The account may not submit, or a technical fault: the service desk is to be asked.
    Error,
    /// Deleted at the hospital. Nothing leads out of it.
    Deleted,
}

impl Status {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Sending,
        Self::Submitted,
        Self::CorrectionsNeeded,
        Self::Approved,
        Self::FollowUpNeeded,
        Self::Error,
        Self::Deleted,
    ];

    /// The name in stores and interfaces.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Sending => "SENDING",
            Self::Submitted => "SUBMITTED",
            Self::CorrectionsNeeded => "CORRECTIONS_NEEDED",
            Self::Approved => "APPROVED",
            Self::FollowUpNeeded => "FOLLOW_UP_NEEDED",
            Self::Error => "ERROR",
            Self::Deleted => "DELETED",
        }
    }

    /// The status with this [`code`](Self::code).
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// As HD4DP writes it.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Sending => "Sending",
            Self::Submitted => "Submitted",
            Self::CorrectionsNeeded => "Corrections needed",
            Self::Approved => "Approved",
            Self::FollowUpNeeded => "Follow-up needed",
            Self::Error => "Error",
            Self::Deleted => "Deleted",
        })
    }
}

/// What HD4DP shows in the confirmation column of a submitted registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confirmation {
    /// No answer yet.
    Pending,
    /// It arrived.
    Ok,
    /// No answer within 48 hours.
    Nok,
}

impl Confirmation {
    /// The name in interfaces.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Ok => "OK",
            Self::Nok => "NOK",
        }
    }
}

/// Where a registration stands: its status, with the confirmation where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// See [`Status::Open`].
    Open,
    /// See [`Status::Sending`].
    Sending,
    /// See [`Status::Submitted`].
    Submitted(Confirmation),
    /// See [`Status::CorrectionsNeeded`].
    CorrectionsNeeded,
    /// See [`Status::Approved`].
    Approved,
    /// See [`Status::FollowUpNeeded`].
    FollowUpNeeded,
    /// See [`Status::Error`].
    Error,
    /// See [`Status::Deleted`].
    Deleted,
}

impl State {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Open,
        Self::Sending,
        Self::Submitted(Confirmation::Pending),
        Self::Submitted(Confirmation::Ok),
        Self::Submitted(Confirmation::Nok),
        Self::CorrectionsNeeded,
        Self::Approved,
        Self::FollowUpNeeded,
        Self::Error,
        Self::Deleted,
    ];

    /// The status column.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Open => Status::Open,
            Self::Sending => Status::Sending,
            Self::Submitted(_) => Status::Submitted,
            Self::CorrectionsNeeded => Status::CorrectionsNeeded,
            Self::Approved => Status::Approved,
            Self::FollowUpNeeded => Status::FollowUpNeeded,
            Self::Error => Status::Error,
            Self::Deleted => Status::Deleted,
        }
    }

    /// The confirmation column; empty unless submitted.
    #[must_use]
    pub const fn confirmation(self) -> Option<Confirmation> {
        match self {
            Self::Submitted(confirmation) => Some(confirmation),
            Self::Open
            | Self::Sending
            | Self::CorrectionsNeeded
            | Self::Approved
            | Self::FollowUpNeeded
            | Self::Error
            | Self::Deleted => None,
        }
    }

    /// Whether the hospital's user is to act. Only then may a person submit: a submitted registration is reopened first, while a file's
    /// changed row submits it at once.
    #[must_use]
    pub const fn awaits_user(self) -> bool {
        match self {
            Self::Open | Self::CorrectionsNeeded | Self::FollowUpNeeded => true,
            Self::Sending | Self::Submitted(_) | Self::Approved | Self::Error | Self::Deleted => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)?;
        self.confirmation().map_or(Ok(()), |confirmation| write!(f, ", {}", confirmation.code()))
    }
}

/// What happens to a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// The user keeps changed values.
    Saved,
    /// The user, or a file's row on a user's behalf, submits a version without errors.
    SubmittedByUser,
    /// The messaging client took it over.
    TakenOver,
    /// The STATUS of the current version arrived.
    StatusArrived,
    /// 48 hours passed since the first sending.
    TwoDaysPassed,
    /// The user reopens it.
    Reopened,
    /// A correction request about the current version arrived.
    CorrectionRequested,
    /// An approval of the current version arrived.
    ApprovalArrived,
    /// A follow-up request about the current version arrived.
    FollowUpRequested,
    /// The user deletes it.
    DeletedByUser,
}

impl Event {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Saved,
        Self::SubmittedByUser,
        Self::TakenOver,
        Self::StatusArrived,
        Self::TwoDaysPassed,
        Self::Reopened,
        Self::CorrectionRequested,
        Self::ApprovalArrived,
        Self::FollowUpRequested,
        Self::DeletedByUser,
    ];

    /// The name in stores and interfaces.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Saved => "SAVED",
            Self::SubmittedByUser => "SUBMITTED",
            Self::TakenOver => "TAKEN_OVER",
            Self::StatusArrived => "STATUS",
            Self::TwoDaysPassed => "TWO_DAYS_PASSED",
            Self::Reopened => "REOPENED",
            Self::CorrectionRequested => "CORRECTION_REQUEST",
            Self::ApprovalArrived => "APPROVAL",
            Self::FollowUpRequested => "FOLLOW_UP_REQUEST",
            Self::DeletedByUser => "DELETED",
        }
    }

    /// The event with this [`code`](Self::code).
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.code() == code)
    }

    /// Whether a user of the hospital causes it, and so may be told that it is not possible.
    #[must_use]
    pub const fn is_of_user(self) -> bool {
        match self {
            Self::Saved | Self::SubmittedByUser | Self::Reopened | Self::DeletedByUser => true,
            Self::TakenOver
            | Self::StatusArrived
            | Self::TwoDaysPassed
            | Self::CorrectionRequested
            | Self::ApprovalArrived
            | Self::FollowUpRequested => false,
        }
    }
}

/// What an event makes of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The registration is there from now on.
    To(State),
    /// The event is taken note of; the state stays.
    Stays,
    /// A user asked for what is not possible here.
    Refused,
}

/// What `event` makes of a registration in `state`.
#[must_use]
pub const fn next(state: State, event: Event) -> Next {
    match event {
        Event::Saved => saved(state),
        Event::SubmittedByUser => submitted(state),
        Event::Reopened => reopened(state),
        Event::DeletedByUser => deleted(state),
        Event::TakenOver => match state {
            State::Sending => Next::To(State::Submitted(Confirmation::Pending)),
            // A resend, or one that was answered or overtaken before the broker's confirm was noted.
            State::Open
            | State::Submitted(_)
            | State::CorrectionsNeeded
            | State::Approved
            | State::FollowUpNeeded
            | State::Error
            | State::Deleted => Next::Stays,
        },
        Event::StatusArrived => match state {
            State::Sending | State::Submitted(_) => Next::To(State::Submitted(Confirmation::Ok)),
            State::Open | State::CorrectionsNeeded | State::Approved | State::FollowUpNeeded | State::Error | State::Deleted => {
                Next::Stays
            }
        },
        Event::TwoDaysPassed => match state {
            State::Submitted(Confirmation::Pending) => Next::To(State::Submitted(Confirmation::Nok)),
            State::Open
            | State::Sending
            | State::Submitted(Confirmation::Ok | Confirmation::Nok)
            | State::CorrectionsNeeded
            | State::Approved
            | State::FollowUpNeeded
            | State::Error
            | State::Deleted => Next::Stays,
        },
        Event::CorrectionRequested => correction(state),
        Event::ApprovalArrived => approval(state),
        Event::FollowUpRequested => follow_up(state),
    }
}

/// Every state with every event, in the order of the documentation.
#[must_use]
pub fn table() -> Vec<(State, Event, Next)> {
    let of = |state| Event::ALL.into_iter().map(move |event| (state, event, next(state, event)));
    State::ALL.into_iter().flat_map(of).collect()
}

const fn saved(state: State) -> Next {
    match state {
        State::Open => Next::Stays,
        // Follow-up needed as corrections needed: both wait for the user's values.
        State::CorrectionsNeeded | State::FollowUpNeeded => Next::To(State::Open),
        State::Sending | State::Submitted(_) | State::Approved | State::Error | State::Deleted => Next::Refused,
    }
}

const fn submitted(state: State) -> Next {
    match state {
        // From Sending and Submitted by a file's changed row: the next version takes the place of the one before.
        State::Open | State::Sending | State::Submitted(_) | State::CorrectionsNeeded | State::FollowUpNeeded => {
            Next::To(State::Sending)
        }
        State::Approved | State::Error | State::Deleted => Next::Refused,
    }
}

const fn reopened(state: State) -> Next {
    match state {
        // Also when the answer is missing for good: the old version is sent no more.
        State::Submitted(_) => Next::To(State::Open),
        State::Open
        | State::Sending
        | State::CorrectionsNeeded
        | State::Approved
        | State::FollowUpNeeded
        | State::Error
        | State::Deleted => Next::Refused,
    }
}

const fn deleted(state: State) -> Next {
    match state {
        State::Open | State::CorrectionsNeeded => Next::To(State::Deleted),
        State::Sending | State::Submitted(_) | State::Approved | State::FollowUpNeeded | State::Error | State::Deleted => {
            Next::Refused
        }
    }
}

const fn correction(state: State) -> Next {
    match state {
        // Before the STATUS too: what is asked about has arrived. After an approval the researcher thought again.
        State::Sending | State::Submitted(_) | State::Approved | State::FollowUpNeeded => Next::To(State::CorrectionsNeeded),
        // A registration that the user has reopened stays his; the comments are shown.
        State::Open | State::CorrectionsNeeded | State::Error | State::Deleted => Next::Stays,
    }
}

const fn approval(state: State) -> Next {
    match state {
        // Also after a request about the same version: the researcher's later word counts.
        State::Sending | State::Submitted(_) | State::CorrectionsNeeded | State::FollowUpNeeded => Next::To(State::Approved),
        State::Open | State::Approved | State::Error | State::Deleted => Next::Stays,
    }
}

const fn follow_up(state: State) -> Next {
    match state {
        State::Sending | State::Submitted(_) | State::Approved => Next::To(State::FollowUpNeeded),
        // Corrections come first; what else is asked for stands among the comments.
        State::Open | State::CorrectionsNeeded | State::FollowUpNeeded | State::Error | State::Deleted => Next::Stays,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PENDING: State = State::Submitted(Confirmation::Pending);
    const OK: State = State::Submitted(Confirmation::Ok);
    const NOK: State = State::Submitted(Confirmation::Nok);

    /// The published transitions, line by line.
    #[test]
    fn the_published_transitions_hold() {
        use Event::*;
        for (from, event, to) in [
            (State::Open, SubmittedByUser, State::Sending),
            (State::CorrectionsNeeded, SubmittedByUser, State::Sending),
            (State::FollowUpNeeded, SubmittedByUser, State::Sending),
            (State::CorrectionsNeeded, Saved, State::Open),
            (State::Sending, TakenOver, PENDING),
            (PENDING, StatusArrived, OK),
            (PENDING, TwoDaysPassed, NOK),
            (NOK, StatusArrived, OK),
            (PENDING, Reopened, State::Open),
            (OK, Reopened, State::Open),
            (NOK, Reopened, State::Open),
            (OK, CorrectionRequested, State::CorrectionsNeeded),
            (OK, ApprovalArrived, State::Approved),
            (OK, FollowUpRequested, State::FollowUpNeeded),
            (State::Approved, FollowUpRequested, State::FollowUpNeeded),
            (State::Open, DeletedByUser, State::Deleted),
            (State::CorrectionsNeeded, DeletedByUser, State::Deleted),
        ] {
            assert_eq!(next(from, event), Next::To(to), "{from} and {event:?}");
        }
        assert_eq!(next(State::Open, Saved), Next::Stays);
    }

    #[test]
    fn the_decided_cases_hold() {
        use Event::*;
        assert_eq!(next(State::Sending, StatusArrived), Next::To(OK));
        assert_eq!(next(State::Sending, CorrectionRequested), Next::To(State::CorrectionsNeeded));
        assert_eq!(next(State::Open, StatusArrived), Next::Stays);
        assert_eq!(next(State::Open, CorrectionRequested), Next::Stays);
        assert_eq!(next(State::CorrectionsNeeded, StatusArrived), Next::Stays);
        assert_eq!(next(State::Approved, CorrectionRequested), Next::To(State::CorrectionsNeeded));
        assert_eq!(next(State::Approved, SubmittedByUser), Next::Refused);
    }

    #[test]
    fn users_are_refused_and_feedback_never_is() {
        for (state, event, next) in table() {
            assert!(event.is_of_user() || next != Next::Refused, "{state} and {event:?}");
            if event == Event::Reopened {
                assert_eq!(next == Next::Refused, state.status() != Status::Submitted);
            }
            if event == Event::DeletedByUser {
                assert_eq!(next == Next::Refused, !matches!(state, State::Open | State::CorrectionsNeeded));
            }
        }
    }

    #[test]
    fn the_table_has_every_pair_once() {
        let table = table();
        assert_eq!(table.len(), State::ALL.len() * Event::ALL.len());
        let pairs: std::collections::BTreeSet<_> = table.iter().map(|(state, event, _)| (*state, *event)).collect();
        assert_eq!(pairs.len(), table.len());
    }

    #[test]
    fn codes_read_back() {
        assert!(Status::ALL.iter().all(|status| Status::from_code(status.code()) == Some(*status)));
        assert!(Event::ALL.iter().all(|event| Event::from_code(event.code()) == Some(*event)));
        assert_eq!(NOK.to_string(), "Submitted, NOK");
        assert_eq!(State::FollowUpNeeded.to_string(), "Follow-up needed");
    }

    proptest! {
        #[test]
        fn no_sequence_leaves_the_table_and_deleted_is_final(events in proptest::collection::vec(0..Event::ALL.len(), 0..40)) {
            let mut state = State::Open;
            for event in events {
                let before = state;
                if let Next::To(after) = next(state, Event::ALL[event]) {
                    state = after;
                }
                prop_assert!(State::ALL.contains(&state));
                prop_assert!(before != State::Deleted || state == State::Deleted);
                // Nothing here leads to Error, which is the account's and not the registration's.
                prop_assert!(state != State::Error);
            }
        }
    }
}
