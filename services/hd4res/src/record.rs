//! What verdicts, acts of the researcher and confirmed feedback do to a record. Pure.
//!
//! A store reads a record as [`Held`], lets one of these methods change it, and writes back the record and what the method returns, all in
//! one transaction.

use envelope::ItemId;
use registration::{Comment, Feedback, FeedbackHead, Place};
use uuid::Uuid;

use crate::{
    status::{Event, Next, RecordStatus, next},
    store::Seen,
};

/// The largest encoded feedback: comments are sentences, and a publication must have room for every feedback.
pub const FEEDBACK_BYTES_MAX: usize = 64 * 1024;

/// The kind of the one feedback of the researcher that asks for nothing.
const APPROVAL: &str = "APPROVAL";

/// What a store holds of a record to decide by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The record's number in the store.
    pub record: i64,
    /// The registration that it holds.
    pub registration_id: Uuid,
    /// The current version.
    pub version: u32,
    /// The item that brought it.
    pub item_id: Uuid,
    /// Its status.
    pub status: RecordStatus,
    /// The last version that has a verdict.
    pub validated_version: u32,
    /// Number of the last feedback about it.
    pub feedback_number: u64,
    /// Whether its definition approves it as soon as a verdict is clean.
    pub is_approved_automatically: bool,
}

/// An act of the researcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Approves the current version.
    Approve,
    /// Asks for corrections.
    RequestCorrections(Vec<Comment>),
    /// Asks for further fields.
    RequestFollowUp(Vec<Comment>),
}

impl Action {
    /// What it is in the table of statuses.
    #[must_use]
    pub const fn event(&self) -> Event {
        match self {
            Self::Approve => Event::ApprovalGiven,
            Self::RequestCorrections(_) => Event::CorrectionsAsked,
            Self::RequestFollowUp(_) => Event::FollowUpAsked,
        }
    }

    /// Its comments; none for an approval.
    #[must_use]
    pub fn comments(&self) -> &[Comment] {
        match self {
            Self::Approve => &[],
            Self::RequestCorrections(comments) | Self::RequestFollowUp(comments) => comments,
        }
    }

    fn feedback(&self, head: FeedbackHead) -> Feedback {
        match self {
            Self::Approve => Feedback::Approval { head },
            Self::RequestCorrections(comments) => Feedback::CorrectionRequest { head, comments: comments.clone() },
            Self::RequestFollowUp(comments) => Feedback::FollowUpRequest { head, comments: comments.clone() },
        }
    }
}

/// Why an act of the researcher is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActRefusal {
    /// The record's status does not allow it.
    #[error("act on a record of status {status}")]
    WrongStatus {
        /// The status.
        status: RecordStatus,
    },
    /// There is no such record.
    #[error("find the record")]
    UnknownRecord,
    /// The record is not as it was seen.
    #[error("act on a record that changed since it was looked at")]
    StaleVersion,
    /// The current version has no verdict yet.
    #[error("approve a version that has no verdict yet")]
    NotValidated,
    /// A comment holds something in the form of a national number or of a pseudonym. The messaging clients would set it aside later.
    #[error("send a comment with a national number or a pseudonym in it")]
    ForbiddenText,
    /// A request without comments, or with an empty one.
    #[error("ask for something without saying what")]
    NoComment,
    /// A comment on a field that the record's definition does not have.
    #[error("find the field that a comment is about")]
    UnknownField,
    /// The comments are too long for a feedback.
    #[error("put the comments into a feedback: they are too long")]
    TooLarge,
}

impl ActRefusal {
    /// The code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::WrongStatus { .. } => "WRONG_STATUS",
            Self::UnknownRecord => "UNKNOWN_RECORD",
            Self::StaleVersion => "STALE_VERSION",
            Self::NotValidated => "NOT_VALIDATED",
            Self::ForbiddenText => "FORBIDDEN_TEXT",
            Self::NoComment => "NO_COMMENT",
            Self::UnknownField => "UNKNOWN_FIELD",
            Self::TooLarge => "TOO_LARGE",
        }
    }
}

/// What happened, for the record's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// What happened.
    pub event: Event,
    /// The version that it happened to.
    pub version: u32,
    /// The status afterwards.
    pub status: RecordStatus,
}

/// A feedback to keep until the broker confirms it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The item id under which it travels.
    pub item_id: Uuid,
    /// Its kind: the name of the feedback's kind.
    pub kind: &'static str,
    /// Its number.
    pub number: u64,
    /// The version that it answers.
    pub version: u32,
    /// The item that it answers.
    pub answers: Uuid,
    /// The encoded feedback.
    pub bytes: Vec<u8>,
}

/// What an act leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// The line of history.
    pub note: Note,
    /// The feedback.
    pub feedback: Issued,
}

/// What a verdict leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judgement {
    /// That an error was found, where that changed the status.
    pub found: Option<Note>,
    /// That the definition approved the version.
    pub approval: Option<Deed>,
}

impl Held {
    /// Whether the current version has a verdict.
    #[must_use]
    pub const fn is_validated(&self) -> bool {
        self.validated_version >= self.version
    }

    /// Whether it is as it was seen, by whoever looked.
    #[must_use]
    pub fn is_as(&self, seen: Option<Seen>) -> bool {
        seen.is_none_or(|seen| (seen.version, seen.status) == (self.version, self.status))
    }

    /// Takes the verdict on `item_id`, which brought `version`.
    pub fn judge(&mut self, item_id: Uuid, version: u32, is_clean: bool) -> Judgement {
        if item_id != self.item_id {
            // A version that is not earlier is of a registration that another one replaced here: its verdict says nothing of this one.
            if version < self.version {
                self.validated_version = self.validated_version.max(version);
            }
            return Judgement::default();
        }
        self.validated_version = self.version;
        let found = self.go(Event::of_verdict(is_clean));
        let is_approved = is_clean && self.is_approved_automatically;
        let approval = if is_approved { self.act(&Action::Approve).ok() } else { None };
        Judgement { found, approval }
    }

    /// Takes an act of the researcher.
    ///
    /// # Errors
    ///
    /// [`ActRefusal`]; the record is unchanged then.
    pub fn act(&mut self, action: &Action) -> Result<Deed, ActRefusal> {
        let event = action.event();
        let status = next(self.status, event).after(self.status).ok_or(ActRefusal::WrongStatus { status: self.status })?;
        match action {
            Action::Approve if !self.is_validated() => return Err(ActRefusal::NotValidated),
            Action::Approve => {}
            Action::RequestCorrections(comments) | Action::RequestFollowUp(comments) => {
                if comments.is_empty() || comments.iter().any(|comment| comment.text.trim().is_empty()) {
                    return Err(ActRefusal::NoComment);
                }
                let names_patient =
                    |text: &str| national_number::contains_number(text) || pseudonym_shape::contains_pseudonym(text);
                if comments.iter().any(|comment| names_patient(&comment.text)) {
                    return Err(ActRefusal::ForbiddenText);
                }
            }
        }
        let number = self.feedback_number + 1;
        let head = FeedbackHead { registration_id: self.registration_id, version: self.version, item_id: self.item_id, number };
        let feedback = action.feedback(head);
        let bytes = feedback.encode();
        if bytes.len() > FEEDBACK_BYTES_MAX {
            return Err(ActRefusal::TooLarge);
        }
        (self.status, self.feedback_number) = (status, number);
        let kind = feedback.kind();
        let item_id = ItemId::from_uuid(self.item_id).derived(&format!("{kind} {number}")).uuid();
        Ok(Deed {
            note: Note { event, version: self.version, status },
            feedback: Issued { item_id, kind, number, version: self.version, answers: self.item_id, bytes },
        })
    }

    /// Takes the broker's confirmation of a feedback of this kind that answers the item `answers`. Only of a request about the current
    /// version it is an event.
    pub fn taken_over(&mut self, kind: &str, answers: Uuid) -> Option<Note> {
        if kind != APPROVAL && answers == self.item_id { self.go(Event::FeedbackTakenOver) } else { None }
    }

    fn go(&mut self, event: Event) -> Option<Note> {
        let Next::To(status) = next(self.status, event) else { return None };
        self.status = status;
        Some(Note { event, version: self.version, status })
    }
}

/// The columns of an action's comments, by the record's definition.
///
/// # Errors
///
/// [`ActRefusal::UnknownField`].
pub fn columns(action: &Action, column: impl Fn(Place) -> Option<String>) -> Result<Vec<Option<String>>, ActRefusal> {
    let of = |comment: &Comment| match comment.place {
        None => Ok(None),
        Some(place) => column(place).map(Some).ok_or(ActRefusal::UnknownField),
    };
    action.comments().iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: Uuid = Uuid::from_u128(7);

    fn held(status: RecordStatus) -> Held {
        Held {
            record: 1,
            registration_id: Uuid::from_u128(9),
            version: 2,
            item_id: ITEM,
            status,
            validated_version: 2,
            feedback_number: 4,
            is_approved_automatically: false,
        }
    }

    fn corrections(text: &str) -> Action {
        Action::RequestCorrections(vec![Comment { place: None, text: text.to_owned() }])
    }

    #[test]
    fn a_request_is_numbered_and_answers_the_current_version() {
        let mut record = held(RecordStatus::CommentsNeeded);
        let deed = record.act(&corrections("Is the date right?")).unwrap();
        let head = FeedbackHead { registration_id: Uuid::from_u128(9), version: 2, item_id: ITEM, number: 5 };
        assert_eq!(Feedback::decode(&deed.feedback.bytes).unwrap().head(), &head);
        assert_eq!(deed.feedback.item_id, ItemId::from_uuid(ITEM).derived("CORRECTION_REQUEST 5").uuid());
        assert_eq!((record.status, record.feedback_number), (RecordStatus::SendingComments, 5));
        let kind = deed.feedback.kind;
        assert_eq!(record.taken_over(kind, Uuid::from_u128(6)), None, "about an earlier version");
        assert_eq!(record.taken_over(APPROVAL, ITEM), None);
        assert_eq!(record.taken_over(kind, ITEM).unwrap().status, RecordStatus::CorrectionsRequested);
    }

    #[test]
    fn a_refused_act_changes_nothing() {
        let unvalidated = Held { validated_version: 1, ..held(RecordStatus::New) };
        let deleted = held(RecordStatus::Deleted);
        let long = "a".repeat(FEEDBACK_BYTES_MAX);
        let cases = [
            (&unvalidated, Action::Approve, "NOT_VALIDATED"),
            (&unvalidated, corrections(" "), "NO_COMMENT"),
            (&unvalidated, Action::RequestFollowUp(Vec::new()), "NO_COMMENT"),
            (&unvalidated, corrections(&long), "TOO_LARGE"),
            (&unvalidated, corrections("is it 64031299906?"), "FORBIDDEN_TEXT"),
            (&unvalidated, corrections("as healthdata.1.L3FTAOXERZTFXKSG2EB2PHDKZIE"), "FORBIDDEN_TEXT"),
            (&deleted, Action::Approve, "WRONG_STATUS"),
            (&deleted, corrections("Why?"), "WRONG_STATUS"),
        ];
        for (before, action, code) in cases {
            let mut record = before.clone();
            assert_eq!(record.act(&action).unwrap_err().code(), code);
            assert_eq!(record, *before);
        }
    }

    #[test]
    fn only_a_clean_verdict_on_the_current_version_approves_and_only_where_the_definition_says_so() {
        let new = Held { validated_version: 0, ..held(RecordStatus::New) };
        let automatic = Held { is_approved_automatically: true, ..new.clone() };
        assert_eq!(
            Feedback::Approval { head: FeedbackHead { registration_id: ITEM, version: 1, item_id: ITEM, number: 1 } }.kind(),
            APPROVAL
        );
        let judged = |record: &Held, item, version, is_clean| {
            let mut record = record.clone();
            let judgement = record.judge(item, version, is_clean);
            (record.status, record.validated_version, judgement.approval.is_some())
        };
        assert_eq!(judged(&automatic, ITEM, 2, true), (RecordStatus::Approved, 2, true));
        assert_eq!(judged(&automatic, ITEM, 2, false), (RecordStatus::CommentsNeeded, 2, false));
        assert_eq!(judged(&automatic, Uuid::from_u128(6), 1, true), (RecordStatus::New, 1, false));
        assert_eq!(judged(&new, ITEM, 2, true), (RecordStatus::New, 2, false));
        assert_eq!(judged(&new, Uuid::from_u128(5), 3, true), (RecordStatus::New, 0, false), "of a replaced registration");
        let approved = Held { is_approved_automatically: true, ..held(RecordStatus::Approved) };
        assert_eq!(judged(&approved, ITEM, 2, true), (RecordStatus::Approved, 2, false), "a verdict may come twice");
    }

    #[test]
    fn a_comment_on_an_unknown_field_is_refused() {
        let action = Action::RequestCorrections(vec![Comment { place: Some(Place::of(3)), text: "Why?".to_owned() }]);
        assert_eq!(columns(&action, |_| None), Err(ActRefusal::UnknownField));
        assert_eq!(columns(&action, |place| Some(place.field.to_string())), Ok(vec![Some("3".to_owned())]));
        assert_eq!(columns(&corrections("Why?"), |_| None), Ok(vec![None]));
    }
}
