//! What a person at the hospital does to a registration that is there: reopen, submit, delete; [`crate::entry`] has the values.

use std::{fmt, sync::Arc};

use dcd::{Definition, Finding};
use host::{Point, Trouble};
use registration::{Answer, Cell, Comment, ContentKind};
use store::StoreError;
use tokio::sync::MutexGuard;
use uuid::Uuid;

use crate::{
    error::ItemError,
    gate::{self, Closed},
    intake::{Named, kept},
    patient,
    prepare::{self, Naming},
    row,
    service::{AcceptedRow, Hd4dp, Ready, SERVICE},
    sheet,
    status::{Event, Next, State, next},
    store::{By, CommentView, Draft, Filter, Latest, Listed, NewVersion, Refusal, Seen, View},
};

/// Why a wish was not fulfilled.
#[derive(Debug, thiserror::Error)]
pub enum LifeError {
    /// It is not possible; the refusal's code says why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The values have errors that keep them from it. Nothing was changed.
    #[error("take values with errors")]
    Invalid {
        /// All that was found in the values; no finding repeats one.
        findings: Vec<Finding>,
    },
    /// The collection is closed for it.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The registration cannot be made ready to be sent.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// The store does not take it.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl LifeError {
    /// The refusal's name in interfaces; none for what is no refusal but a fault.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused(refusal) => Some(refusal.code()),
            Self::Invalid { .. } => Some("VALIDATION_ERRORS"),
            Self::Closed(closed) => Some(closed.gate.code()),
            Self::Item(_) | Self::Trouble(_) => None,
        }
    }
}

/// What a person says to a researcher's comment. Debug prints no text.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenAnswer {
    /// The column of the comment; none when the comment is about the registration.
    pub column: Option<String>,
    /// What is said.
    pub text: String,
}

impl fmt::Debug for GivenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GivenAnswer").field("column", &self.column).finish_non_exhaustive()
    }
}

impl From<StoreError> for LifeError {
    fn from(error: StoreError) -> Self {
        Self::Trouble(error.into())
    }
}

impl Hd4dp {
    /// A registration as its hospital sees it now.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn registration(&self, id: Uuid) -> Result<Option<View>, StoreError> {
        self.parts.store.registration(id, self.parts.context.clock.now()).await
    }

    /// Up to `limit` registrations behind `after`, in order of their ids.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn list(&self, filter: &Filter, after: Option<Uuid>, limit: u32) -> Result<Vec<Listed>, StoreError> {
        self.parts.store.list(filter, after, limit, self.parts.context.clock.now()).await
    }

    /// Those of `registrations` that there are, in their order.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn listed(&self, registrations: &[Uuid]) -> Result<Vec<Listed>, StoreError> {
        self.parts.store.listed(registrations, self.parts.context.clock.now()).await
    }

    /// Opens a submitted registration again. What was sent of it is sent no more; its answer still counts.
    ///
    /// # Errors
    ///
    /// [`LifeError`]; refused also when the collection takes no more versions, with which it could be submitted again.
    pub async fn reopen<'a>(&self, id: Uuid, by: impl Into<By<'a>>) -> Result<State, LifeError> {
        let by = by.into();
        let _deciding = self.deciding.lock().await;
        let latest = self.latest(id).await?;
        latest.is_as(by.seen)?;
        let current = latest.current().ok_or(ItemError::DamagedRow)?;
        let definition = self.definition_of(&latest.dcd, current.dcd_version)?;
        // What is opened and cannot be submitted again would be lost: it is sent no more.
        gate::of_version(latest.is_asked).pass(definition.collection(), self.parts.context.clock.now().date())?;
        Ok(self.parts.store.reopen(id, by, self.parts.context.clock.now()).await??)
    }

    /// Submits what was kept, or the latest version's values when nothing was, as the next version. Returns its number; it is durable
    /// then.
    ///
    /// # Errors
    ///
    /// [`LifeError`]; with the findings when the values have errors, and refused also when they have another unique id than the
    /// registration, or when the collection takes no more versions or, of a registration about which a researcher asked, no more answers.
    pub async fn submit_again<'a>(&self, id: Uuid, by: impl Into<By<'a>>) -> Result<u32, LifeError> {
        self.submit_with(id, Vec::new(), by).await
    }

    /// The same with answers to the comments on the latest version, for healthdata's researcher.
    ///
    /// # Errors
    ///
    /// As [`Hd4dp::submit_again`]; [`Refusal::UnknownComment`] for an answer to a comment that nobody made, [`Refusal::NoAnswer`] for an empty
    /// one, and [`LifeError::Invalid`] (E17, E21) for one that tells who the patient is.
    pub async fn submit_with<'a>(&self, id: Uuid, answers: Vec<GivenAnswer>, by: impl Into<By<'a>>) -> Result<u32, LifeError> {
        let by = by.into();
        let deciding = self.deciding.lock().await;
        let latest = self.latest(id).await?;
        latest.is_as(by.seen)?;
        if !latest.state.awaits_user() {
            return Err(Refusal::WrongStatus { state: latest.state }.into());
        }
        let values = latest.current().ok_or(ItemError::DamagedRow)?;
        let definition = self.definition_of(&latest.dcd, values.dcd_version)?;
        let today = self.parts.context.clock.now().date();
        gate::of_version(latest.is_asked).pass(definition.collection(), today)?;
        let cells = row::decode(&values.cells).ok_or(ItemError::DamagedRow)?;
        let mut accepted = AcceptedRow { cells, attachments: values.attachments.clone() };
        // What was kept may have had errors, and what was right on one day may be wrong on another.
        let checked = sheet::check(&definition, &accepted, self.parts.nihdi.as_str(), today);
        if checked.has_errors() {
            return Err(LifeError::Invalid { findings: checked.findings });
        }
        accepted.cells = checked.cells;
        self.keeps_unique_id(&definition, &accepted, &latest)?;
        let answers = self.answers(id, &definition, &accepted.cells, answers).await?;
        let identity = prepare::identity(&definition, &accepted.cells, &self.parts.secrets)?;
        let (cells, row_hash) = kept(&accepted);
        let version = latest.version.saturating_add(1);
        let named = Named {
            registration_id: id,
            version,
            item_id: self.next_id(),
            unique_key: latest.unique_key,
            author: Some(by.author.to_owned()),
            answers,
            cells,
            row_hash,
        };
        let (new, ready) = self.new_version(&definition, named, identity, accepted)?;
        self.advance(new, by.seen, ready, deciding).await?;
        Ok(version)
    }

    /// Deletes a registration. One that was submitted before is known at healthdata, which is told, with resends until it answers; any
    /// other one is removed.
    ///
    /// # Errors
    ///
    /// [`LifeError`].
    pub async fn delete<'a>(&self, id: Uuid, by: impl Into<By<'a>>) -> Result<(), LifeError> {
        let by = by.into();
        let deciding = self.deciding.lock().await;
        let latest = self.latest(id).await?;
        latest.is_as(by.seen)?;
        if next(latest.state, Event::DeletedByUser) == Next::Refused {
            return Err(Refusal::WrongStatus { state: latest.state }.into());
        }
        let Latest { version, dcd, unique_key, values: Some(values), .. } = latest else {
            return Ok(self.parts.store.remove(id, by.seen, self.parts.context.clock.now()).await??);
        };
        let definition = self.definition_of(&dcd, values.dcd_version)?;
        let deleted = Deleted { registration_id: id, version: version.saturating_add(1), unique_key, values };
        let (new, ready) = self.deletion(&definition, deleted, by.author)?;
        self.advance(new, by.seen, ready, deciding).await
    }

    /// The deletion of a registration, about the patient of its latest version. Of the values it keeps what its resends need.
    fn deletion(&self, definition: &Definition, deleted: Deleted, author: &str) -> Result<(NewVersion, Ready), ItemError> {
        let Deleted { registration_id, version, unique_key, values } = deleted;
        let cells = row::decode(&values.cells).ok_or(ItemError::DamagedRow)?;
        let cells = patient::identifying_cells(definition, &cells);
        let identity = prepare::identity(definition, &cells, &self.parts.secrets)?;
        let item_id = self.next_id();
        let naming = Naming { registration_id, version, organisation: self.parts.nihdi.as_str() };
        let prepared = prepare::deletion(definition, naming, identity, &self.parts.secrets)?;
        let (cells, row_hash) = kept(&AcceptedRow { cells, attachments: Vec::new() });
        let new = NewVersion {
            registration_id,
            version,
            kind: ContentKind::Deletion,
            author: Some(author.to_owned()),
            item_id,
            dcd: definition.name().to_owned(),
            dcd_version: values.dcd_version,
            unique_key,
            patient_tag: prepared.patient_tag,
            cells,
            row_hash,
            content_hash: prepared.content_hash,
            attachments: Vec::new(),
            answers: Vec::new(),
        };
        let (identity, content) = (prepared.identity, prepared.content);
        Ok((new, Ready { registration_id, version, item_id, identity, content, first_sent_at: None }))
    }

    /// Writes a person's version down and puts it on its way.
    async fn advance(
        &self,
        new: NewVersion,
        seen: Option<Seen>,
        ready: Ready,
        deciding: MutexGuard<'_, ()>,
    ) -> Result<(), LifeError> {
        let context = &self.parts.context;
        context.reach(SERVICE, Point::BeforeCommit).await;
        let holding = self.in_hand.take([ready.item_id]);
        let write = self.parts.store.advance(&new, seen, context.clock.now());
        if let Err(refusal) = self.counted(write, |advanced| i64::from(matches!(advanced, Ok(true)))).await? {
            holding.done();
            return Err(refusal.into());
        }
        drop(deciding);
        context.reach(SERVICE, Point::AfterCommit).await;
        self.put_on_its_way(vec![ready], holding).await;
        Ok(())
    }

    /// The answers as they travel: each to the last comment on its field.
    async fn answers(
        &self,
        id: Uuid,
        definition: &Definition,
        cells: &[Cell],
        given: Vec<GivenAnswer>,
    ) -> Result<Vec<Answer>, LifeError> {
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let view = self.registration(id).await?.ok_or(Refusal::UnknownRegistration)?;
        let column = |comment: &CommentView| comment.comment.place.and_then(|place| definition.column_at(place));
        let mut answers = Vec::with_capacity(given.len());
        for GivenAnswer { column: answered, text } in given {
            let comment = view.comments.iter().rev().find(|comment| column(comment) == answered);
            let comment = comment.ok_or(Refusal::UnknownComment)?;
            if text.trim().is_empty() {
                return Err(Refusal::NoAnswer.into());
            }
            if let Some(code) = definition.identifies(cells, &text) {
                return Err(LifeError::Invalid { findings: vec![Finding::new(code).in_column(answered.unwrap_or_default())] });
            }
            let comment = Answer { number: comment.number, comment: Comment { place: comment.comment.place, text } };
            answers.push(comment);
        }
        Ok(answers)
    }

    pub(crate) async fn latest(&self, id: Uuid) -> Result<Latest, LifeError> {
        let latest = self.parts.store.latest(id, self.parts.context.clock.now()).await?;
        Ok(latest.ok_or(Refusal::UnknownRegistration)?)
    }

    pub(crate) fn definition_of(&self, name: &str, version: u32) -> Result<Arc<Definition>, ItemError> {
        let unknown = || ItemError::UnknownDefinition { name: name.to_owned(), version };
        self.parts.definitions.exact(name, version).ok_or_else(unknown)
    }
}

/// A registration that is to be deleted: what its deletion is called, and the values of its latest version.
struct Deleted {
    registration_id: Uuid,
    version: u32,
    unique_key: String,
    values: Draft,
}
