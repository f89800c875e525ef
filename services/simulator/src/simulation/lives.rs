//! The life of each registration: no way outside the tables of statuses, no version back, and both sides agree at rest.

use std::collections::{BTreeMap, BTreeSet};

use clock::Timestamp;
use envelope::ItemId;
use hd4dp::{
    status::{self as here, Confirmation, State},
    store::{HistoryEntry, VersionView, View},
};
use hd4res::{
    status::{self as there, RecordStatus},
    store::{RecordView, ResearcherStore},
};
use host::resend;
use registration::ContentKind;
use topology::Arrow;
use uuid::Uuid;

use super::{
    Violation,
    evidence::{Evidence, at_once},
    op::{RowName, Service},
    violation::hold,
};

/// What item ids of a researcher's feedback are derived by, with its number.
const KINDS: [&str; 3] = ["CORRECTION_REQUEST", "APPROVAL", "FOLLOW_UP_REQUEST"];
/// No record of a simulation gets so many feedbacks.
const FEEDBACKS_MAX: u64 = 60;

/// A registration as both sides see it.
struct Life {
    row: RowName,
    at_hospital: View,
    record: Option<RecordView>,
}

impl Life {
    fn latest(&self) -> Result<&VersionView, Violation> {
        self.at_hospital.versions.last().ok_or_else(|| Violation::new(format!("row {} has no version", self.row)))
    }

    /// The record, when it holds the hospital's latest version.
    fn current(&self) -> Result<Option<&RecordView>, Violation> {
        let version = self.latest()?.version;
        Ok(self.record.as_ref().filter(|record| record.row.version == version))
    }
}

impl Evidence {
    fn life(&self, row: RowName) -> Result<Option<Life>, Violation> {
        let Some(known) = self.known(row)? else { return Ok(None) };
        let at_hospital = at_once(self.hd4dp_store(row.hospital)?.registration(known.registration_id, self.now()))?;
        let at_hospital = at_hospital.ok_or_else(|| Violation::new(format!("row {row} has no registration")))?;
        let researcher: &dyn ResearcherStore = self.stores.hd4res.researcher();
        let record = match at_once(researcher.of_registration(known.registration_id))? {
            None => None,
            Some(record) => at_once(researcher.view(record))?,
        };
        Ok(Some(Life { row, at_hospital, record }))
    }

    fn lives(&self) -> Result<Vec<Life>, Violation> {
        let lives = self.model.revisions.keys().map(|row| self.life(*row));
        lives.filter_map(Result::transpose).collect()
    }

    /// Where a row's registration stands at its hospital and at HD4RES.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when a store cannot be asked.
    pub fn standing(&self, row: RowName) -> Result<(Option<State>, Option<RecordStatus>), Violation> {
        let life = self.life(row)?;
        let state = life.as_ref().map(|life| life.at_hospital.state);
        Ok((state, life.and_then(|life| life.record).map(|record| record.row.status)))
    }

    /// How many comments of a researcher a row's hospital is shown.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when a store cannot be asked.
    pub fn comments_shown(&self, row: RowName) -> Result<usize, Violation> {
        Ok(self.life(row)?.map_or(0, |life| life.at_hospital.comments.len()))
    }

    /// After everything that happens: versions rise, and every step in a history is one of the table's.
    pub(crate) fn check_lives(&mut self) -> Result<(), Violation> {
        for life in self.lives()? {
            let row = life.row;
            let at_hd4res = life.record.as_ref().map_or(0, |record| record.row.version);
            let versions = (life.latest()?.version, at_hd4res);
            let before = self.model.versions.insert(row, versions).unwrap_or_default();
            hold("P-28", versions.0 >= before.0 && versions.1 >= before.1, || {
                format!("row {row} went back from versions {before:?} at its hospital and HD4RES to {versions:?}")
            })?;
            let wrong =
                |side| move |step| Violation::of("P-28", format!("row {row} took a step outside the table {side}: {step}"));
            follow_at_hospital(&life.at_hospital).map_err(wrong("of its hospital"))?;
            life.record.as_ref().map_or(Ok(()), follow_at_hd4res).map_err(wrong("of HD4RES"))?;
        }
        Ok(())
    }

    /// What the researcher said and no receipt has answered.
    pub(super) fn feedback_on_the_way(&self) -> Result<Vec<String>, Violation> {
        let next_due = at_once(self.stores.hd4res.outbox().next_due())?;
        Ok(next_due.map(|due| format!("feedback that is due again at {due}")).into_iter().collect())
    }

    /// At rest both sides say the same.
    pub(super) fn check_agreement(&self, given_up: &BTreeSet<RowName>) -> Result<(), Violation> {
        let unheard = self.unheard_for_good();
        for life in self.lives()?.into_iter().filter(|life| !given_up.contains(&life.row)) {
            let (row, state) = (life.row, life.at_hospital.state);
            let status = life.record.as_ref().map(|record| record.row.status);
            let agrees = match life.current()? {
                Some(record) => agree(state, record, is_a_word_unheard(&life, &unheard)?),
                // Reopened before it arrived: it is sent no more, and may be lost.
                None => state == State::Open && !self.is_confirmed(&life)? && status != Some(RecordStatus::Deleted),
            };
            hold("P-28", agrees, || {
                let versions = (life.at_hospital.versions.len(), life.record.as_ref().map(|record| record.row.version));
                let there = status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
                format!("row {row} is {state:?} at its hospital and {there:?} at HD4RES, in versions {versions:?}")
            })?;
        }
        Ok(())
    }

    fn is_confirmed(&self, life: &Life) -> Result<bool, Violation> {
        Ok(life.latest()?.confirmed_at.is_some())
    }

    /// Whether a registration was reopened, so that its latest version is sent no more.
    pub(super) fn is_open(&self, row: RowName) -> Result<bool, Violation> {
        Ok(self.life(row)?.is_some_and(|life| life.at_hospital.state == State::Open))
    }

    /// The revision of a row that its hospital holds, and whether healthdata must hold it, too; `None` for a deleted one.
    pub(super) fn revision_held(&self, row: RowName) -> Result<Option<(u32, bool)>, Violation> {
        let Some(life) = self.life(row)?.filter(|life| life.at_hospital.state != State::Deleted) else { return Ok(None) };
        let named = self
            .laboratory
            .named_by((row.register, life.at_hospital.dcd_version), &life.at_hospital.cells)
            .filter(|(name, _)| *name == row);
        let (_, revision) = named.ok_or_else(|| Violation::new(format!("row {row} holds another row's values")))?;
        Ok(Some((revision, life.at_hospital.state != State::Open || self.is_confirmed(&life)?)))
    }

    /// Items of feedback that the hospital never got and that is sent no more: ten days have passed.
    fn unheard_for_good(&self) -> BTreeSet<Uuid> {
        let mut first: BTreeMap<Uuid, Timestamp> = BTreeMap::new();
        for one in self.inspector.published() {
            if one.by == Service::Hd4res && one.arrow == Arrow::FeedbackOut && !one.is_dead {
                for item in one.items {
                    first.entry(item).or_insert(one.at);
                }
            }
        }
        let is_over = |at: Timestamp| self.now().since(at) >= resend::RESEND_UNTIL;
        let over = first.into_iter().filter(|(item, at)| is_over(*at) && !self.model.heard.contains(item));
        over.map(|(item, _)| item).collect()
    }
}

/// Whether a feedback on the version that both sides hold never reached its hospital, and never will.
fn is_a_word_unheard(life: &Life, unheard: &BTreeSet<Uuid>) -> Result<bool, Violation> {
    let item = ItemId::from_uuid(life.latest()?.item_id);
    let ids = (1..=FEEDBACKS_MAX).flat_map(|number| KINDS.map(|kind| item.derived(&format!("{kind} {number}")).uuid()));
    Ok(ids.into_iter().any(|id| unheard.contains(&id)))
}

/// Whether both sides may stand like this at rest, when they hold the same version.
fn agree(state: State, record: &RecordView, is_unheard: bool) -> bool {
    use RecordStatus as R;
    let status = record.row.status;
    let asked_for_corrections = || {
        record
            .history
            .iter()
            .any(|entry| entry.note.event == there::Event::CorrectionsAsked && entry.note.version == record.row.version)
    };
    match (state, status) {
        (State::Submitted(Confirmation::Ok), R::New | R::CommentsNeeded | R::NewCorrection | R::NewFollowUp)
        | (State::CorrectionsNeeded, R::CorrectionsRequested)
        | (State::Approved, R::Approved)
        | (State::FollowUpNeeded, R::FollowUpNeeded)
        | (State::Deleted, R::Deleted) => true,
        // Corrections come first at the hospital, the later request stands at HD4RES.
        (State::CorrectionsNeeded, R::FollowUpNeeded) if asked_for_corrections() => true,
        // What is reopened stays the user's, whatever the researcher says of what was sent.
        (
            State::Open,
            R::New
            | R::CommentsNeeded
            | R::NewCorrection
            | R::NewFollowUp
            | R::CorrectionsRequested
            | R::Approved
            | R::FollowUpNeeded,
        ) => true,
        // The hospital never hears the last word, and stands where an earlier one left it.
        (
            State::Submitted(Confirmation::Ok) | State::CorrectionsNeeded | State::Approved | State::FollowUpNeeded,
            R::CorrectionsRequested | R::Approved | R::FollowUpNeeded,
        ) => is_unheard,
        _ => false,
    }
}

/// Follows a history at a hospital. It leaves out what files submit and what confirms, so a registration may have been in several states
/// before each line; one of them must lead to it.
fn follow_at_hospital(view: &View) -> Result<(), String> {
    let mut may_be: BTreeSet<(u32, State)> = [(1, State::Sending)].into();
    let mut answered = BTreeSet::new();
    for entry in &view.history {
        let before = unseen(view, may_be, Some(entry.at));
        may_be = before.iter().filter_map(|from| after(*from, entry, answered.contains(&entry.version))).flatten().collect();
        if may_be.is_empty() {
            let (event, version, status) = (entry.event.code(), entry.version, entry.status);
            return Err(format!("{event} of version {version} to {status}, from one of {before:?}"));
        }
        if !entry.event.is_of_user() {
            answered.insert(entry.version);
        }
    }
    let now = (view.versions.last().map_or(0, |latest| latest.version), view.state);
    let may_be = unseen(view, may_be, None);
    if may_be.contains(&now) { Ok(()) } else { Err(format!("to {now:?}, and its history leads to {may_be:?}")) }
}

/// Where a registration may come to from one of these places by what leaves no line, up to a moment.
fn unseen(view: &View, from: BTreeSet<(u32, State)>, until: Option<Timestamp>) -> BTreeSet<(u32, State)> {
    use here::{Event, Next, next};
    let version_of = |version: u32| view.versions.iter().find(|one| one.version == version);
    let (mut found, mut open) = (from.clone(), Vec::from_iter(from));
    while let Some((version, state)) = open.pop() {
        let is_confirmed = version_of(version).is_some_and(|one| one.confirmed_at.is_some());
        let is_by_file = version_of(version + 1).is_some_and(|one| {
            one.author.is_none() && one.kind == ContentKind::Registration && until.is_none_or(|until| one.submitted_at <= until)
        });
        let events = [
            (Event::TakenOver, version, true),
            (Event::TwoDaysPassed, version, true),
            (Event::StatusArrived, version, is_confirmed),
            (Event::SubmittedByUser, version + 1, is_by_file),
        ];
        for (event, version, _) in events.into_iter().filter(|(_, _, may_be)| *may_be) {
            if let Next::To(state) = next(state, event)
                && found.insert((version, state))
            {
                open.push((version, state));
            }
        }
    }
    found
}

/// Where a line of history leads to from one place: by the table, or nowhere when it is feedback about an earlier version, or perhaps not
/// the last about this one.
fn after((version, state): (u32, State), entry: &HistoryEntry, is_answered: bool) -> Option<Vec<(u32, State)>> {
    use here::{Event, Next, next};
    let makes_version = matches!(entry.event, Event::SubmittedByUser | Event::DeletedByUser);
    let about = version + u32::from(makes_version);
    let by_table = match next(state, entry.event) {
        Next::To(state) => Some(state),
        Next::Stays => Some(state),
        Next::Refused => None,
    };
    let by_table = by_table.filter(|_| entry.version == about).map(|state| (about, state));
    let may_pass = entry.version < version || (entry.version == version && is_answered);
    let passed = (!entry.event.is_of_user() && may_pass).then_some((version, state));
    let led: Vec<_> = by_table.into_iter().chain(passed).filter(|(_, state)| state.status() == entry.status).collect();
    (!led.is_empty()).then_some(led)
}

/// Follows a history at HD4RES: it has every step.
fn follow_at_hd4res(view: &RecordView) -> Result<(), String> {
    use there::{Event, next};
    let mut before = None;
    for note in view.history.iter().map(|entry| entry.note) {
        let arrives = matches!(note.event, Event::Arrived | Event::Deleted);
        let (status, is_version) = match before {
            None if note.event == Event::Deleted => (Some(RecordStatus::Deleted), true),
            None => (Some(RecordStatus::New).filter(|_| arrives), true),
            Some((status, version)) => {
                let is_version = if arrives { note.version > version } else { note.version == version };
                (next(status, note.event).after(status), is_version)
            }
        };
        if status != Some(note.status) || !is_version {
            return Err(format!("{} of version {} to {}, from {before:?}", note.event, note.version, note.status));
        }
        before = Some((note.status, note.version));
    }
    let now = Some((view.row.status, view.row.version));
    if before == now { Ok(()) } else { Err(format!("to {now:?}, and its history leads to {before:?}")) }
}
