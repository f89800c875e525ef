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
        CommentView, Draft, Filter, HistoryEntry, Latest, LifeStore, Listed, NewVersion, Received, Refusal, UploadId,
        VersionView, View, Wish,
        life::{Standing, event_of, state, stored},
    },
};

/// What a person or a researcher did to a registration.
#[derive(Default)]
pub(super) struct Life {
    pub(super) status: Option<Status>,
    pub(super) draft: Option<Draft>,
    feedback_number: u64,
    /// Each with the version that it is on.
    comments: Vec<(u32, CommentView)>,
    /// Each with the number of the feedback that it is about, if it is.
    history: Vec<(Option<u64>, HistoryEntry)>,
}

impl State {
    fn standing(&self, id: Uuid, now: Timestamp) -> Option<Standing> {
        let latest = self.latest(id)?;
        let life = self.lives.get(&id);
        let waiting = self.outbox.get(&id);
        let first_sent_at = waiting.and_then(|waiting| waiting.first_sent_at);
        Some(Standing {
            version: latest.new.version,
            state: state(life.and_then(|life| life.status), latest.confirmed_at.is_some(), first_sent_at, now),
            feedback_number: life.map_or(0, |life| life.feedback_number),
            is_waiting: waiting.is_some(),
        })
    }

    fn life(&mut self, id: Uuid) -> &mut Life {
        self.lives.entry(id).or_default()
    }

    fn did(&mut self, id: Uuid, author: Option<&str>, event: Event, version: u32, state: Stands, at: Timestamp) {
        let author = author.map(str::to_owned);
        self.life(id).history.push((None, HistoryEntry { at, author, event, version, status: state.status() }));
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
        let state = after?;
        (life.status, life.feedback_number) = (stored(state), received.number);
        if standing.shows_comments() {
            let view = |comment: &registration::Comment| CommentView { number: received.number, at, comment: comment.clone() };
            life.comments.extend(received.comments.iter().map(|comment| (received.version, view(comment))));
        }
        Some((received.registration_id, received.version))
    }
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
        Ok(settled)
    }

    async fn reopen(&self, registration_id: Uuid, author: &str, at: Timestamp) -> Wish<Stands> {
        let mut state = self.lock();
        let Some(standing) = state.standing(registration_id, at) else { return Ok(Err(Refusal::UnknownRegistration)) };
        let after = match standing.after_wish(Event::Reopened) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        state.life(registration_id).status = stored(after);
        if let Some(waiting) = state.outbox.get_mut(&registration_id) {
            (waiting.stopped, waiting.next_send_at) = (true, None);
        }
        state.did(registration_id, Some(author), Event::Reopened, standing.version, after, at);
        Ok(Ok(after))
    }

    async fn save(&self, registration_id: Uuid, draft: &Draft, author: &str, at: Timestamp) -> Wish<Stands> {
        let mut state = self.lock();
        let Some(standing) = state.standing(registration_id, at) else { return Ok(Err(Refusal::UnknownRegistration)) };
        let after = match standing.after_wish(Event::Saved) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let life = state.life(registration_id);
        (life.status, life.draft) = (stored(after), Some(draft.clone()));
        state.did(registration_id, Some(author), Event::Saved, standing.version, after, at);
        Ok(Ok(after))
    }

    async fn latest(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<Latest>, StoreError> {
        let state = self.lock();
        let find = || {
            let standing = state.standing(registration_id, now)?;
            let new = &state.latest(registration_id)?.new;
            Some(Latest {
                version: new.version,
                dcd: new.dcd.clone(),
                dcd_version: new.dcd_version,
                unique_key: new.unique_key.clone(),
                state: standing.state,
                values: Draft { cells: new.cells.clone(), attachments: new.attachments.clone() },
                draft: state.lives.get(&registration_id).and_then(|life| life.draft.clone()),
            })
        };
        Ok(find())
    }

    async fn advance(&self, new: &NewVersion, at: Timestamp) -> Wish<bool> {
        let mut state = self.lock();
        let Some(standing) = state.standing(new.registration_id, at) else { return Ok(Err(Refusal::UnknownRegistration)) };
        let after = match standing.after_version(new) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        state.insert(UploadId::BY_HAND, new, at);
        state.life(new.registration_id).status = stored(after);
        state.did(new.registration_id, new.author.as_deref(), event_of(new.kind), new.version, after, at);
        Ok(Ok(!standing.is_waiting))
    }

    async fn registration(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<View>, StoreError> {
        let state = self.lock();
        let (Some(standing), Some(latest)) = (state.standing(registration_id, now), state.latest(registration_id)) else {
            return Ok(None);
        };
        let life = state.lives.get(&registration_id);
        let draft = life.and_then(|life| life.draft.as_ref());
        let cells = draft.map_or(&latest.new.cells, |draft| &draft.cells);
        let versions = state.versions.range((registration_id, 0)..=(registration_id, u32::MAX)).map(|(_, version)| VersionView {
            version: version.new.version,
            kind: version.new.kind,
            item_id: version.new.item_id,
            submitted_at: version.submitted_at,
            author: version.new.author.clone(),
            confirmed_at: version.confirmed_at,
        });
        let comments = life.into_iter().flat_map(|life| &life.comments).filter(|(version, _)| *version == standing.version);
        Ok(Some(View {
            registration_id,
            dcd: latest.new.dcd.clone(),
            dcd_version: latest.new.dcd_version,
            state: standing.state,
            confirmed_at: latest.confirmed_at,
            cells: row::decode(cells).ok_or(StoreError::Damaged { what: "row" })?,
            is_draft: draft.is_some(),
            versions: versions.collect(),
            comments: comments.map(|(_, comment)| comment.clone()).collect(),
            history: life.into_iter().flat_map(|life| &life.history).map(|(_, entry)| entry.clone()).collect(),
        }))
    }

    async fn list(&self, filter: &Filter, after: Option<Uuid>, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let state = self.lock();
        let behind = after.map_or(Bound::Unbounded, |after| Bound::Excluded((after, u32::MAX)));
        let first = state.versions.range((behind, Bound::Unbounded)).filter(|((_, version), _)| *version == 1);
        let listed = first.filter_map(|((id, _), _)| {
            let (latest, standing) = (state.latest(*id)?, state.standing(*id, now)?);
            let fits = filter.dcd.as_ref().is_none_or(|dcd| *dcd == latest.new.dcd)
                && filter.status.is_none_or(|status| status == standing.state.status());
            fits.then(|| Listed {
                registration_id: *id,
                dcd: latest.new.dcd.clone(),
                version: standing.version,
                state: standing.state,
                submitted_at: latest.submitted_at,
                confirmed_at: latest.confirmed_at,
            })
        });
        Ok(listed.take(limit as usize).collect())
    }
}
