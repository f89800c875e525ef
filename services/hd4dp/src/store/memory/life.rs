//! A registration's life in memory.

use std::ops::Bound;

use async_trait::async_trait;
use clock::Timestamp;
use store::{Passage, StoreError};
use uuid::Uuid;

use super::{MemoryStore, State};
use crate::{
    row,
    status::{Event, State as Stands, Status},
    store::{
        By, CommentView, Creation, Current, Draft, Filter, HistoryEntry, Kept, Latest, LifeStore, Listed, NewVersion, Received,
        Refusal, Seen, UploadId, VersionView, View, Wish,
        life::{Standing, asks, event_of, state, stored},
    },
};

/// What a person or a researcher did to a registration.
#[derive(Default)]
pub(super) struct Life {
    pub(super) status: Option<Status>,
    pub(super) draft: Option<Draft>,
    kept_at: Option<Timestamp>,
    feedback_number: u64,
    /// Each with the version that it is on.
    comments: Vec<(u32, CommentView)>,
    /// Each with the number of the feedback that it is about, if it is.
    history: Vec<(Option<u64>, HistoryEntry)>,
}

impl State {
    fn standing(&self, id: Uuid, now: Timestamp) -> Option<Standing> {
        self.registrations.get(&id)?;
        let latest = self.latest(id);
        let life = self.lives.get(&id);
        let confirmed = latest.is_some_and(|latest| latest.confirmed_at.is_some());
        let waiting = self.outbox.get(&id);
        let first_sent_at = waiting.and_then(|waiting| waiting.first_sent_at);
        Some(Standing {
            version: latest.map_or(0, |latest| latest.new.version),
            state: state(life.and_then(|life| life.status), confirmed, first_sent_at, now),
            feedback_number: life.map_or(0, |life| life.feedback_number),
            is_waiting: waiting.is_some(),
        })
    }

    /// A registration about which a person wishes for something, if it is there and as it was seen.
    fn wished(&self, id: Uuid, seen: Option<Seen>, now: Timestamp) -> Result<Standing, Refusal> {
        self.standing(id, now).ok_or(Refusal::UnknownRegistration)?.as_seen(self.happened(id), seen)
    }

    /// Lines of a registration's history.
    fn happened(&self, id: Uuid) -> u64 {
        self.lives.get(&id).map_or(0, |life| life.history.len() as u64)
    }

    fn life(&mut self, id: Uuid) -> &mut Life {
        self.lives.entry(id).or_default()
    }

    fn did(&mut self, id: Uuid, author: Option<&str>, event: Event, version: u32, state: Stands, at: Timestamp) {
        let author = author.map(str::to_owned);
        self.life(id).history.push((None, HistoryEntry { at, author, event, version, status: state.status() }));
    }

    /// What was submitted of it is sent no more.
    fn stop(&mut self, id: Uuid) {
        if let Some(waiting) = self.outbox.get_mut(&id) {
            (waiting.stopped, waiting.next_send_at) = (true, None);
        }
    }

    /// Keeps a file's row as an Open registration.
    pub(super) fn keep(&mut self, kept: &Kept, at: Timestamp) {
        let (id, author) = (kept.registration_id, Some(kept.author.as_str()));
        self.register(id, &kept.dcd, &kept.unique_key);
        if kept.reopens {
            self.stop(id);
            self.did(id, author, Event::Reopened, kept.version, Stands::Open, at);
        }
        let life = self.life(id);
        (life.status, life.draft, life.kept_at) = (stored(Stands::Open), Some(kept.draft.clone()), Some(at));
        self.did(id, author, Event::Saved, kept.version, Stands::Open, at);
    }

    /// The values that a registration has now.
    pub(super) fn current(&self, id: Uuid) -> Option<Draft> {
        let draft = self.lives.get(&id).and_then(|life| life.draft.clone());
        draft.or_else(|| self.latest(id).map(|latest| values(&latest.new)))
    }

    /// A line of the overview.
    pub(super) fn listed(&self, id: Uuid, now: Timestamp) -> Option<Listed> {
        let (latest, standing) = (self.latest(id), self.standing(id, now)?);
        let kept_at = || self.lives.get(&id).and_then(|life| life.kept_at);
        Some(Listed {
            registration_id: id,
            dcd: self.registrations.get(&id)?.0.clone(),
            version: standing.version,
            state: standing.state,
            submitted_at: latest.map(|latest| latest.submitted_at).or_else(kept_at)?,
            confirmed_at: latest.and_then(|latest| latest.confirmed_at),
        })
    }

    fn is_asked(&self, id: Uuid, version: u32) -> bool {
        let history = self.lives.get(&id).into_iter().flat_map(|life| &life.history);
        history.map(|(_, entry)| entry).any(|entry| entry.version == version && asks(entry.event))
    }

    /// The version to settle when the feedback was acted upon.
    fn receive(&mut self, received: &Received, at: Timestamp) -> Option<(Uuid, u32)> {
        let standing = self.standing(received.registration_id, at)?;
        let after = standing.after_feedback(received);
        let life = self.life(received.registration_id);
        if life.history.iter().any(|(number, _)| *number == Some(received.number)) {
            return None;
        }
        let status = after.unwrap_or(standing.state).status();
        let entry = HistoryEntry { at, author: None, event: received.kind.event(), version: received.version, status };
        life.history.push((Some(received.number), entry));
        if standing.shows_comments(received) {
            let view = |comment: &registration::Comment| CommentView { number: received.number, at, comment: comment.clone() };
            life.comments.extend(received.comments.iter().map(|comment| (received.version, view(comment))));
            life.comments.sort_by_key(|(_, comment)| comment.number);
        }
        let state = after?;
        (life.status, life.feedback_number) = (stored(state), received.number);
        Some((received.registration_id, received.version))
    }
}

/// The values of a version, which had no errors when it was submitted.
fn values(new: &NewVersion) -> Draft {
    Draft { dcd_version: new.dcd_version, is_valid: true, cells: new.cells.clone(), attachments: new.attachments.clone() }
}

#[async_trait]
impl LifeStore for MemoryStore {
    async fn made_by(&self, versions: &[(Uuid, u32)]) -> Result<Vec<Option<(String, u32)>>, StoreError> {
        let state = self.lock();
        let find = |key| state.versions.get(key).map(|version| (version.new.dcd.clone(), version.new.dcd_version));
        Ok(versions.iter().map(find).collect())
    }

    async fn feedback(&self, received: &[Received], at: Timestamp, passages: &[Passage]) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let mut answered = Vec::new();
        for one in received {
            answered.extend(state.receive(one, at));
        }
        let settled = state.settle(&answered, at);
        self.itinerary.append(passages);
        self.lost_answers.told(settled)
    }

    async fn reopen(&self, registration_id: Uuid, by: By<'_>, at: Timestamp) -> Wish<Stands> {
        let mut state = self.lock();
        let wished = state.wished(registration_id, by.seen, at);
        let (standing, after) = match wished.and_then(|standing| Ok((standing, standing.after_wish(Event::Reopened)?))) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        state.life(registration_id).status = stored(after);
        state.stop(registration_id);
        state.did(registration_id, Some(by.author), Event::Reopened, standing.version, after, at);
        Ok(Ok(after))
    }

    async fn save(&self, registration_id: Uuid, draft: &Draft, by: By<'_>, at: Timestamp) -> Wish<Stands> {
        let mut state = self.lock();
        let wished = state.wished(registration_id, by.seen, at);
        let (standing, after) = match wished.and_then(|standing| Ok((standing, standing.after_wish(Event::Saved)?))) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let life = state.life(registration_id);
        (life.status, life.draft, life.kept_at) = (stored(after), Some(draft.clone()), Some(at));
        state.did(registration_id, Some(by.author), Event::Saved, standing.version, after, at);
        state.changed(vec![registration_id]);
        Ok(Ok(after))
    }

    async fn latest(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<Latest>, StoreError> {
        let state = self.lock();
        let find = || {
            let standing = state.standing(registration_id, now)?;
            let (dcd, unique_key) = state.registrations.get(&registration_id)?.clone();
            Some(Latest {
                version: standing.version,
                dcd,
                unique_key,
                state: standing.state,
                values: state.latest(registration_id).map(|latest| values(&latest.new)),
                draft: state.lives.get(&registration_id).and_then(|life| life.draft.clone()),
                is_asked: state.is_asked(registration_id, standing.version),
                happened: state.happened(registration_id),
            })
        };
        Ok(find())
    }

    async fn advance(&self, new: &NewVersion, seen: Option<Seen>, at: Timestamp) -> Wish<bool> {
        let mut state = self.lock();
        let wished = state.wished(new.registration_id, seen, at);
        let (standing, after) = match wished.and_then(|standing| Ok((standing, standing.after_version(new)?))) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        state.insert(UploadId::BY_HAND, new, at);
        state.life(new.registration_id).status = stored(after);
        state.did(new.registration_id, new.author.as_deref(), event_of(new.kind), new.version, after, at);
        state.changed(vec![new.registration_id]);
        self.lost_answers.told(Ok(!standing.is_waiting))
    }

    async fn create(&self, creation: &Creation, at: Timestamp) -> Wish<()> {
        let mut state = self.lock();
        let (id, dcd, unique_key) = creation.names();
        if state.registrations.contains_key(&id) {
            return Ok(Err(Refusal::IdTaken));
        }
        if state.by_unique_key.contains_key(&(dcd.to_owned(), unique_key.to_owned())) {
            return Ok(Err(Refusal::UniqueIdTaken));
        }
        match creation {
            Creation::Kept(kept) => state.keep(kept, at),
            Creation::Submitted(new) => {
                state.insert(UploadId::BY_HAND, new, at);
                state.did(id, new.author.as_deref(), Event::SubmittedByUser, new.version, Stands::Sending, at);
            }
        }
        state.changed(vec![id]);
        self.lost_answers.told(Ok(()))
    }

    async fn remove(&self, registration_id: Uuid, seen: Option<Seen>, now: Timestamp) -> Wish<()> {
        let mut state = self.lock();
        let wished = state.wished(registration_id, seen, now);
        if let Err(refusal) = wished.and_then(|standing| standing.may_be_removed()) {
            return Ok(Err(refusal));
        }
        state.lives.remove(&registration_id);
        if let Some(unique_id) = state.registrations.remove(&registration_id) {
            state.by_unique_key.remove(&unique_id);
        }
        state.changed(vec![registration_id]);
        Ok(Ok(()))
    }

    async fn current(&self, dcd: &str, after: Uuid, limit: u32) -> Result<Vec<Current>, StoreError> {
        let state = self.lock();
        let behind = state.registrations.range((Bound::Excluded(after), Bound::Unbounded));
        let is_deleted = |id: &Uuid| state.lives.get(id).is_some_and(|life| life.status == Some(Status::Deleted));
        let there = behind.filter(|(id, (of, _))| of == dcd && !is_deleted(id)).filter_map(|(id, _)| {
            let Draft { dcd_version, cells, .. } = state.current(*id)?;
            Some(Current { registration_id: *id, dcd_version, cells })
        });
        Ok(there.take(limit as usize).collect())
    }

    async fn registration(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<View>, StoreError> {
        let state = self.lock();
        let found = (state.standing(registration_id, now), state.registrations.get(&registration_id));
        let ((Some(standing), Some((dcd, _))), Some(current)) = (found, state.current(registration_id)) else {
            return Ok(None);
        };
        let life = state.lives.get(&registration_id);
        let versions = state.versions.range((registration_id, 0)..=(registration_id, u32::MAX)).map(|(_, version)| VersionView {
            version: version.new.version,
            kind: version.new.kind,
            item_id: version.new.item_id,
            submitted_at: version.submitted_at,
            author: version.new.author.clone(),
            confirmed_at: version.confirmed_at,
            answers: version.new.answers.clone(),
        });
        let comments = life.into_iter().flat_map(|life| &life.comments).filter(|(version, _)| *version == standing.version);
        Ok(Some(View {
            registration_id,
            dcd: dcd.clone(),
            dcd_version: current.dcd_version,
            state: standing.state,
            confirmed_at: state.latest(registration_id).and_then(|latest| latest.confirmed_at),
            cells: row::decode(&current.cells).ok_or(StoreError::Damaged { what: "row" })?,
            is_draft: life.is_some_and(|life| life.draft.is_some()),
            versions: versions.collect(),
            comments: comments.map(|(_, comment)| comment.clone()).collect(),
            history: life.into_iter().flat_map(|life| &life.history).map(|(_, entry)| entry.clone()).collect(),
        }))
    }

    async fn list(&self, filter: &Filter, after: Option<Uuid>, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let state = self.lock();
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let fits = |one: &Listed| {
            filter.dcd.as_ref().is_none_or(|dcd| *dcd == one.dcd)
                && filter.status.is_none_or(|status| status == one.state.status())
        };
        let there = state.registrations.range((behind, Bound::Unbounded));
        let listed = there.filter_map(|(id, _)| state.listed(*id, now)).filter(fits);
        Ok(listed.take(limit as usize).collect())
    }

    async fn listed(&self, registrations: &[Uuid], now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let state = self.lock();
        Ok(registrations.iter().filter_map(|id| state.listed(*id, now)).collect())
    }
}
