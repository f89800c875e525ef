//! What HD4DP remembers of a registration's life beyond its sending: reopened, saved, asked about, approved, deleted.
//!
//! Sending and the confirmation stay derived from the outbox, since every registration goes through them; only the statuses that a person
//! brings about are written down.

use std::fmt;

use async_trait::async_trait;
use clock::Timestamp;
use registration::{Answer, Attachment, Cell, Comment, ContentKind};
use store::{Passage, StoreError};
use uuid::Uuid;

use super::{Creation, Draft, NewVersion, Sending, sending, values::Current};
use crate::status::{Confirmation, Event, Next, State, Status, next};

/// Why a user's wish was not fulfilled. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The hospital has no registration of this id.
    #[error("find the registration")]
    UnknownRegistration,
    /// The status does not allow it.
    #[error("do this to a registration that is {state}")]
    WrongStatus {
        /// Where it stands.
        state: State,
    },
    /// The values have another unique id: they are another registration.
    #[error("keep the unique id of the registration")]
    OtherUniqueId,
    /// The register has a registration with this unique id already.
    #[error("create a second registration with one unique id")]
    UniqueIdTaken,
    /// The id that was given for a new registration is that of another one.
    #[error("give the id of another registration")]
    IdTaken,
    /// The definition does not say that overviews are filtered by this column.
    #[error("filter by a column that is not filterable")]
    NotFilterable,
    /// What was given as a national number is none.
    #[error("find a patient without a national number")]
    NoNationalNumber,
    /// The registration has no file in this column.
    #[error("find the file")]
    UnknownAttachment,
    /// An answer to a comment that nobody made on the latest version.
    #[error("find the comment that is answered")]
    UnknownComment,
    /// An answer without a text.
    #[error("answer without saying anything")]
    NoAnswer,
    /// Something happened to the registration since it was looked at.
    #[error("change what has changed since it was looked at")]
    StaleVersion,
}

impl Refusal {
    /// The refusal's name in interfaces.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownRegistration => "UNKNOWN_REGISTRATION",
            Self::UnknownComment => "UNKNOWN_COMMENT",
            Self::NoAnswer => "NO_ANSWER",
            Self::WrongStatus { .. } => "WRONG_STATUS",
            Self::OtherUniqueId => "OTHER_UNIQUE_ID",
            Self::UniqueIdTaken => "UNIQUE_ID_TAKEN",
            Self::IdTaken => "ID_TAKEN",
            Self::NotFilterable => "NOT_FILTERABLE",
            Self::NoNationalNumber => "NO_NATIONAL_NUMBER",
            Self::UnknownAttachment => "UNKNOWN_ATTACHMENT",
            Self::StaleVersion => "STALE_VERSION",
        }
    }
}

/// What a person looked at before wishing for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The registration's latest version; 0 when none was submitted yet.
    pub version: u32,
    /// Its status.
    pub status: Status,
    /// Lines of its history: a draft that was kept again has the same version and status.
    pub happened: u64,
}

/// Who wishes for something, and on what they looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'a> {
    /// The user, for the history.
    pub author: &'a str,
    /// What was looked at; none for whoever acts on the registration as it stands.
    pub seen: Option<Seen>,
}

impl<'a> From<&'a str> for By<'a> {
    /// Somebody who acts on the registration as it stands.
    fn from(author: &'a str) -> Self {
        Self { author, seen: None }
    }
}

impl<'a> From<&'a String> for By<'a> {
    fn from(author: &'a String) -> Self {
        author.as_str().into()
    }
}

/// What a wish led to, or why it was refused; the store's own trouble stands around it.
pub type Wish<T> = Result<Result<T, Refusal>, StoreError>;

/// Kinds of feedback that a researcher gives, unlike a STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedbackKind {
    /// Corrections are asked for.
    CorrectionRequest,
    /// The registration is approved.
    Approval,
    /// Further fields have come open.
    FollowUpRequest,
}

impl FeedbackKind {
    /// What it is in the life of its registration.
    #[must_use]
    pub const fn event(self) -> Event {
        match self {
            Self::CorrectionRequest => Event::CorrectionRequested,
            Self::Approval => Event::ApprovalArrived,
            Self::FollowUpRequest => Event::FollowUpRequested,
        }
    }
}

/// A researcher's feedback that was held against what was sent.
#[derive(Debug, Clone)]
pub struct Received {
    /// The registration.
    pub registration_id: Uuid,
    /// The version that it answers.
    pub version: u32,
    /// Rises per registration.
    pub number: u64,
    /// What it says.
    pub kind: FeedbackKind,
    /// What the researcher wrote; a comment's debug prints no text.
    pub comments: Vec<Comment>,
}

/// The latest version of a registration, with all that a further one is made of.
#[derive(Clone)]
pub struct Latest {
    /// Its number; 0 when none was submitted yet.
    pub version: u32,
    /// Technical name of its definition.
    pub dcd: String,
    /// The registration's unique id, which it keeps.
    pub unique_key: String,
    /// Where the registration stands.
    pub state: State,
    /// The version's values and files; none when none was submitted yet.
    pub values: Option<Draft>,
    /// What was kept since.
    pub draft: Option<Draft>,
    /// Whether a researcher asked for corrections or a follow-up of this version, so that the next one is an answer.
    pub is_asked: bool,
    /// Lines of its history.
    pub happened: u64,
}

impl Latest {
    /// The files that it has: of what was kept, then of the version.
    pub(crate) fn files(&self) -> Vec<Attachment> {
        self.draft.iter().chain(&self.values).flat_map(|values| &values.attachments).cloned().collect()
    }

    /// Refuses what is not as it was seen. The store asks again where the change is made; here it keeps a stale wish from being judged.
    pub(crate) fn is_as(&self, seen: Option<Seen>) -> Result<(), Refusal> {
        as_seen(Seen { version: self.version, status: self.state.status(), happened: self.happened }, seen)
    }

    /// What was kept, or else the version's values.
    #[must_use]
    pub fn current(&self) -> Option<&Draft> {
        self.draft.as_ref().or(self.values.as_ref())
    }
}

impl fmt::Debug for Latest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest").field("version", &self.version).field("state", &self.state).finish_non_exhaustive()
    }
}

/// One version in a [`View`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionView {
    /// Its number.
    pub version: u32,
    /// Registration or deletion.
    pub kind: ContentKind,
    /// Its item.
    pub item_id: Uuid,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// Who submitted it by hand; `None` for a file's row.
    pub author: Option<String>,
    /// When it was confirmed: for good, whatever the status shows later.
    pub confirmed_at: Option<Timestamp>,
    /// What the hospital said to a researcher's comments with it.
    pub answers: Vec<Answer>,
}

/// One comment in a [`View`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentView {
    /// Number of the feedback that brought it.
    pub number: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// The field, if it is about one, and the text.
    pub comment: Comment,
}

/// One line of a registration's history: what a user did, or what a researcher said. Submissions by file and their confirmations stand
/// with the versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// The user; `None` for feedback.
    pub author: Option<String>,
    /// What happened.
    pub event: Event,
    /// The version that it was about.
    pub version: u32,
    /// The status after it.
    pub status: Status,
}

/// A registration as its hospital sees it. Debug prints no values.
#[derive(Clone)]
pub struct View {
    /// The registration.
    pub registration_id: Uuid,
    /// Technical name of its definition.
    pub dcd: String,
    /// Version of the definition that `cells` were made by.
    pub dcd_version: u32,
    /// Where it stands.
    pub state: State,
    /// When its latest version was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// The kept values, or else those of the latest version.
    pub cells: Vec<Cell>,
    /// Whether `cells` were kept and not submitted.
    pub is_draft: bool,
    /// All versions, oldest first; none when it was never submitted.
    pub versions: Vec<VersionView>,
    /// The comments on the latest version, in the order of the feedback's numbers.
    pub comments: Vec<CommentView>,
    /// What happened, oldest first.
    pub history: Vec<HistoryEntry>,
}

impl View {
    /// What somebody saw who looked at it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let version = self.versions.last().map_or(0, |last| last.version);
        Seen { version, status: self.state.status(), happened: self.history.len() as u64 }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("registration_id", &self.registration_id)
            .field("state", &self.state)
            .field("versions", &self.versions.len())
            .finish_non_exhaustive()
    }
}

/// Which registrations are listed; `None` is all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Technical name of a definition.
    pub dcd: Option<String>,
    /// A status.
    pub status: Option<Status>,
}

/// One line of the overview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The registration.
    pub registration_id: Uuid,
    /// Technical name of its definition.
    pub dcd: String,
    /// Its latest version; 0 when none was submitted yet.
    pub version: u32,
    /// Where it stands.
    pub state: State,
    /// When the latest version was submitted, or its values kept when none was.
    pub submitted_at: Timestamp,
    /// When the latest version was confirmed.
    pub confirmed_at: Option<Timestamp>,
}

/// The part of HD4DP's store that serves people. Every method is one transaction. A wish is refused in it, with
/// [`Refusal::StaleVersion`], when the registration is not as it was seen.
#[async_trait]
pub trait LifeStore: Send + Sync {
    /// Name and version of the definition that each of `versions` was made by, in their order.
    async fn made_by(&self, versions: &[(Uuid, u32)]) -> Result<Vec<Option<(String, u32)>>, StoreError>;

    /// Acts upon feedback about current versions with a number above the last one, and keeps all of it in the history, once, and the
    /// comments on current versions, in the order of the numbers. Since a version that is answered has arrived, it counts as confirmed. Returns how many versions were waiting for that.
    async fn feedback(&self, received: &[Received], at: Timestamp, passages: &[Passage]) -> Result<u64, StoreError>;

    /// Opens a submitted registration; the version that was sent is sent no more.
    async fn reopen(&self, registration_id: Uuid, by: By<'_>, at: Timestamp) -> Wish<State>;

    /// Keeps values instead of those that were kept before.
    async fn save(&self, registration_id: Uuid, draft: &Draft, by: By<'_>, at: Timestamp) -> Wish<State>;

    /// The latest version, as it stands at `now`.
    async fn latest(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<Latest>, StoreError>;

    /// Writes down a version that a person submits, or a deletion, with its outbox row. Says whether one more registration waits for an
    /// answer than before.
    async fn advance(&self, new: &NewVersion, seen: Option<Seen>, at: Timestamp) -> Wish<bool>;

    /// Writes down a registration that a person creates, unless its unique id or its own id is known; says how it was refused then.
    async fn create(&self, creation: &Creation, at: Timestamp) -> Wish<()>;

    /// Removes a registration of which no version was ever submitted, with all that was kept of it.
    async fn remove(&self, registration_id: Uuid, seen: Option<Seen>, now: Timestamp) -> Wish<()>;

    /// Up to `limit` registrations of a register behind `after` that are not deleted, in order of their ids.
    async fn current(&self, dcd: &str, after: Uuid, limit: u32) -> Result<Vec<Current>, StoreError>;

    /// A registration as it stands at `now`.
    async fn registration(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<View>, StoreError>;

    /// Up to `limit` registrations behind `after`, in order of their ids, as they stand at `now`.
    async fn list(&self, filter: &Filter, after: Option<Uuid>, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError>;

    /// Those of `registrations` that there are, in their order, as they stand at `now`.
    async fn listed(&self, registrations: &[Uuid], now: Timestamp) -> Result<Vec<Listed>, StoreError>;
}

/// Where a registration stands, from what the store holds of it.
pub(crate) fn state(stored: Option<Status>, confirmed: bool, first_sent_at: Option<Timestamp>, now: Timestamp) -> State {
    let derived = || match sending(confirmed, first_sent_at, now) {
        Sending::Sending => State::Sending,
        Sending::Pending => State::Submitted(Confirmation::Pending),
        Sending::Nok => State::Submitted(Confirmation::Nok),
        Sending::Ok => State::Submitted(Confirmation::Ok),
    };
    match stored {
        None | Some(Status::Sending | Status::Submitted) => derived(),
        Some(Status::Open) => State::Open,
        Some(Status::CorrectionsNeeded) => State::CorrectionsNeeded,
        Some(Status::Approved) => State::Approved,
        Some(Status::FollowUpNeeded) => State::FollowUpNeeded,
        Some(Status::Error) => State::Error,
        Some(Status::Deleted) => State::Deleted,
    }
}

/// The status that is written down for a state; none for what is derived.
pub(crate) fn stored(state: State) -> Option<Status> {
    match state {
        State::Sending | State::Submitted(_) => None,
        State::Open | State::CorrectionsNeeded | State::Approved | State::FollowUpNeeded | State::Error | State::Deleted => {
            Some(state.status())
        }
    }
}

/// Whether a status is written down, and not derived.
pub(crate) const fn stored_status(status: Status) -> bool {
    !matches!(status, Status::Sending | Status::Submitted)
}

/// What a registration is before something happens to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) version: u32,
    pub(crate) state: State,
    pub(crate) feedback_number: u64,
    pub(crate) is_waiting: bool,
}

/// Refuses what is not as it was seen.
fn as_seen(now: Seen, seen: Option<Seen>) -> Result<(), Refusal> {
    if seen.is_none_or(|seen| seen == now) { Ok(()) } else { Err(Refusal::StaleVersion) }
}

impl Standing {
    /// The same, if it is as it was seen; `happened` are the lines of the history.
    pub(crate) fn as_seen(self, happened: u64, seen: Option<Seen>) -> Result<Self, Refusal> {
        as_seen(Seen { version: self.version, status: self.state.status(), happened }, seen).map(|()| self)
    }

    /// The state after a user's wish.
    pub(crate) fn after_wish(&self, event: Event) -> Result<State, Refusal> {
        match next(self.state, event) {
            Next::To(state) => Ok(state),
            Next::Stays => Ok(self.state),
            Next::Refused => Err(Refusal::WrongStatus { state: self.state }),
        }
    }

    /// The state after a version that a person made; it must be the next one.
    pub(crate) fn after_version(&self, new: &NewVersion) -> Result<State, Refusal> {
        let refused = Refusal::WrongStatus { state: self.state };
        if new.version != self.version.saturating_add(1) {
            return Err(refused);
        }
        match event_of(new.kind) {
            Event::SubmittedByUser if !self.state.awaits_user() => Err(refused),
            event => self.after_wish(event),
        }
    }

    /// The state after a feedback that is acted upon; `None` when it is kept in the history only.
    pub(crate) fn after_feedback(&self, received: &Received) -> Option<State> {
        let is_current = received.version == self.version && received.number > self.feedback_number;
        is_current.then(|| match next(self.state, received.kind.event()) {
            Next::To(state) => state,
            Next::Stays | Next::Refused => self.state,
        })
    }

    /// Whether it may be removed without a word: nobody else knows of it.
    pub(crate) fn may_be_removed(&self) -> Result<(), Refusal> {
        if self.version > 0 {
            Err(Refusal::WrongStatus { state: self.state })
        } else {
            self.after_wish(Event::DeletedByUser).map(|_| ())
        }
    }

    /// Whether a feedback's comments are shown: also those of a request that comes behind a later one about the same version.
    pub(crate) fn shows_comments(&self, received: &Received) -> bool {
        received.version == self.version && !matches!(self.state, State::Deleted | State::Error)
    }
}

/// Whether what a researcher said asks for an answer.
pub(crate) const fn asks(event: Event) -> bool {
    matches!(event, Event::CorrectionRequested | Event::FollowUpRequested)
}

/// What a new version is in the life of its registration.
pub(crate) const fn event_of(kind: ContentKind) -> Event {
    match kind {
        ContentKind::Registration => Event::SubmittedByUser,
        ContentKind::Deletion => Event::DeletedByUser,
    }
}
