//! Takes in checked rows: decides what each is, makes versions of the new and the changed ones, and writes them down.

use std::{collections::BTreeMap, sync::Arc};

use dcd::{Code, Definition, Finding, Severity};
use host::Trouble;
use identifying::Identity;
use registration::{Answer, Cell, ContentKind};
use tokio::sync::MutexGuard;
use uuid::Uuid;

use crate::{
    conflict,
    counting::signed,
    error::ItemError,
    gate::Gate,
    options::{ConflictMode, How, UploadOptions, Validation},
    prepare::{self, Enclosed, Naming},
    row,
    service::{AcceptedRow, Hd4dp, Ready, SERVICE},
    sheet,
    status::State,
    store::{Draft, Intake, Kept, Known, NewVersion, ReportPart, UploadId},
    submit::{self, Base, Candidate, Decision, Judged, Merged},
};

/// Why a batch of rows was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// A row passed validation and still cannot be prepared: a defect of its definition.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// The store does not take it.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// The rows that were read for a batch, whatever became of them.
#[derive(Debug, Default)]
pub struct Rows {
    /// How many there are.
    pub attempted: u64,
    /// How many of them are refused.
    pub rejected: u64,
    /// About how many that are taken in something is to be said.
    pub warned: u64,
    /// What they add to the upload's reports, where the store keeps them.
    pub reports: Vec<ReportPart>,
}

/// Rows that were held against the store and not yet written down. Nothing else changes a status before they are, or are dropped.
pub struct Decided<'a> {
    versions: Vec<NewVersion>,
    kept: Vec<Kept>,
    unchanged: Vec<(Uuid, u32)>,
    findings: Vec<(usize, Finding)>,
    refused: Vec<usize>,
    ignored: Vec<usize>,
    ready: Vec<Ready>,
    _deciding: MutexGuard<'a, ()>,
}

impl<'a> Decided<'a> {
    fn new(deciding: MutexGuard<'a, ()>, rows: usize) -> Self {
        Self {
            versions: Vec::with_capacity(rows),
            kept: Vec::new(),
            unchanged: Vec::new(),
            findings: Vec::new(),
            refused: Vec::new(),
            ignored: Vec::new(),
            ready: Vec::with_capacity(rows),
            _deciding: deciding,
        }
    }

    /// The rows, by their positions in order, that are not taken in: a file may not change their registration (E18), or what was made of
    /// both would be wrong.
    #[must_use]
    pub fn refused(&self) -> &[usize] {
        &self.refused
    }

    /// The rows, by their positions in order, that leave the stored registration as it is.
    #[must_use]
    pub fn ignored(&self) -> &[usize] {
        &self.ignored
    }

    /// What was found when the rows were held against the store, with their positions in order, without lines.
    #[must_use]
    pub fn findings(&self) -> &[(usize, Finding)] {
        &self.findings
    }
}

impl Hd4dp {
    /// Writes accepted rows down and puts them on their way. When this returns they are durable; they are sent even if the process
    /// dies now. Waits while too many registrations wait for an answer. A row whose registration a file may not change counts as
    /// rejected.
    ///
    /// # Errors
    ///
    /// [`Trouble`] of the store, or an [`ItemError`] for a row that cannot be prepared; then nothing of the batch was written, as [`Hd4dp::take_in`] says it.
    pub async fn submit(
        &self,
        upload: UploadId,
        definition: &Arc<Definition>,
        rows: Vec<AcceptedRow>,
        attempted: u64,
        rejected: u64,
    ) -> Result<(), SubmitError> {
        let decided = self.decide(definition, rows).await?;
        let refused = decided.refused().len() as u64;
        self.take_in(upload, decided, Rows { attempted, rejected: rejected + refused, ..Rows::default() }).await
    }

    /// Decides for each row what it is by the default options, and makes versions of the new and the changed ones.
    ///
    /// # Errors
    ///
    /// As [`Hd4dp::submit`].
    pub async fn decide(&self, definition: &Arc<Definition>, rows: Vec<AcceptedRow>) -> Result<Decided<'_>, SubmitError> {
        let rows = rows.into_iter().map(|row| Candidate { row, is_valid: true }).collect();
        self.decide_with(definition, rows, &How::by_default()).await
    }

    /// Decides for each row what it is as the options say, and makes versions of those that are to be sent.
    ///
    /// # Errors
    ///
    /// As [`Hd4dp::submit`].
    pub(crate) async fn decide_with(
        &self,
        definition: &Arc<Definition>,
        rows: Vec<Candidate>,
        how: &How<'_>,
    ) -> Result<Decided<'_>, SubmitError> {
        let mut named = Vec::with_capacity(rows.len());
        let mut keys = Vec::with_capacity(rows.len());
        for candidate in rows {
            let identity = prepare::identity(definition, &candidate.row.cells, &self.parts.secrets)?;
            keys.push(prepare::unique_key(definition, &identity, &candidate.row.cells));
            named.push((identity, candidate));
        }
        let deciding = self.deciding.lock().await;
        let known = self.parts.store.known(definition.name(), &keys).await.map_err(Trouble::from)?;
        let mut decided = Decided::new(deciding, named.len());
        let mut ids = self.shuffled_ids(named.len());
        let mut in_batch: BTreeMap<String, Base> = BTreeMap::new();
        for (position, (((identity, candidate), key), known)) in named.into_iter().zip(keys).zip(known).enumerate() {
            let base = match (in_batch.remove(&key), known) {
                (Some(before), _) => Some(before),
                (None, Some(known)) => Some(self.base(definition, known, &how.options).await?),
                (None, None) => None,
            };
            let mut judged = self.judge(definition, base.as_ref(), &identity, candidate, how);
            if let Some(finding) = self.closed(definition, base.as_ref(), judged.decision).await? {
                (judged.decision, judged.findings) = (Decision::Refused, vec![finding]);
            }
            decided.findings.extend(judged.findings.iter().map(|finding| (position, finding.clone())));
            if let Some(base) = self.settle(definition, base, (position, &key, identity, judged), &mut ids, how, &mut decided)? {
                in_batch.insert(key, base);
            }
        }
        Ok(decided)
    }

    /// What is known, with its values where the options ask for them.
    async fn base(&self, definition: &Definition, known: Known, options: &UploadOptions) -> Result<Base, SubmitError> {
        let mut base = Base::from(known);
        if !options.looks_at_values() {
            return Ok(base);
        }
        let now = self.parts.context.clock.now();
        let latest = self.parts.store.latest(base.registration_id, now).await.map_err(Trouble::from)?;
        let Some((latest, current)) = latest.map(|latest| (latest.state, latest.draft.or(latest.values))) else {
            return Ok(base);
        };
        base.state = latest;
        if let Some(current) = current {
            let cells = row::decode(&current.cells).ok_or(ItemError::DamagedRow)?;
            let mut row = AcceptedRow { cells, attachments: current.attachments };
            if current.dcd_version != definition.version() {
                row = sheet::translated(&*self.definition_of(definition.name(), current.dcd_version)?, definition, row);
            }
            base.row_hash = Some(kept(&row).1);
            base.current = Some(row);
        }
        Ok(base)
    }

    /// Why the collection does not take on this day what was decided.
    async fn closed(
        &self,
        definition: &Definition,
        base: Option<&Base>,
        decision: Decision,
    ) -> Result<Option<Finding>, SubmitError> {
        let now = self.parts.context.clock.now();
        let pass = |gate: Gate| gate.pass(definition.collection(), now.date()).err().map(|closed| *closed.finding);
        let sends = match decision {
            Decision::Send { .. } => true,
            Decision::Keep { .. } => false,
            Decision::Unchanged | Decision::Refused => return Ok(None),
        };
        let Some(base) = base else {
            return Ok(pass(Gate::Creation).or_else(|| pass(Gate::Submission).filter(|_| sends)));
        };
        let Some(closed) = pass(Gate::Submission) else { return Ok(None) };
        // Few rows come that late, so only they look whether a researcher asked for them.
        let latest = self.parts.store.latest(base.registration_id, now).await.map_err(Trouble::from)?;
        let is_asked = latest.is_some_and(|latest| latest.is_asked);
        Ok(if is_asked { pass(Gate::Comments) } else { Some(closed) })
    }

    fn judge(
        &self,
        definition: &Arc<Definition>,
        base: Option<&Base>,
        identity: &Identity,
        candidate: Candidate,
        how: &How<'_>,
    ) -> Judged {
        let row_hash = kept(&candidate.row).1;
        submit::judge(base, candidate, row_hash, &how.options, |stored, candidate| {
            let theirs = prepare::identity(definition, &stored.cells, &self.parts.secrets);
            let is_same_patient = theirs.is_ok_and(|theirs| theirs == *identity);
            let new = &candidate.row;
            let (mut row, by_master) = conflict::merge(definition, stored, new, is_same_patient, how.options.conflict_master);
            let today = self.parts.context.clock.now().date();
            let checked = sheet::check(definition, &row, self.parts.nihdi.as_str(), today);
            let is_valid = !checked.has_errors();
            let errors: Vec<Finding> =
                checked.findings.into_iter().filter(|finding| finding.severity == Severity::Error).collect();
            row.cells = checked.cells;
            if !is_valid && !self.may_be_kept(definition, &errors, &row.cells, &how.options) {
                return Err(errors);
            }
            let row_hash = kept(&row).1;
            Ok(Merged { candidate: Candidate { row, is_valid }, row_hash, by_master })
        })
    }

    /// Whether a row with these errors may be kept: they are validation errors, nothing of the row is lost, and it can be found again. A
    /// number that is out of its range (V04) has no canonical value to keep.
    pub(crate) fn may_be_kept(
        &self,
        definition: &Definition,
        errors: &[Finding],
        cells: &[Cell],
        options: &UploadOptions,
    ) -> bool {
        let is_filled = |field: &u16| {
            *field == definition.patient().id || cells.iter().any(|cell| cell.place == registration::Place::of(*field))
        };
        options.validation == Validation::SaveOnValidations
            && errors.iter().all(|error| error.code.as_str().starts_with('V') && error.code != Code::V04)
            && definition.unique_id().iter().all(is_filled)
            && prepare::identity(definition, cells, &self.parts.secrets).is_ok()
    }

    /// Notes what was decided about a row. Returns what the rows after it in its batch are held against.
    fn settle(
        &self,
        definition: &Definition,
        base: Option<Base>,
        (position, unique_key, identity, judged): (usize, &str, Identity, Judged),
        (registration_ids, item_ids): &mut (Vec<Uuid>, Vec<Uuid>),
        how: &How<'_>,
        decided: &mut Decided<'_>,
    ) -> Result<Option<Base>, ItemError> {
        let Judged { decision, findings: _, candidate: Candidate { row, is_valid }, row_hash } = judged;
        let known = base.as_ref().map(|base| (base.registration_id, base.version, base.confirmed));
        let new = || (registration_ids.pop().unwrap_or_else(|| self.next_id()), 0, true);
        let (registration_id, before, confirmed) = known.unwrap_or_else(new);
        let current = how.options.looks_at_values().then(|| row.clone());
        let after = |version, state, confirmed| {
            Some(Base { registration_id, version, state, confirmed, row_hash: Some(row_hash), current })
        };
        let unique_key = unique_key.to_owned();
        Ok(match decision {
            Decision::Refused => {
                decided.refused.push(position);
                base
            }
            Decision::Unchanged => {
                decided.unchanged.push((registration_id, before));
                decided.ignored.push(position);
                base
            }
            Decision::Keep { reopens } => {
                let (cells, dcd, author) = (row::encode(&row.cells), definition.name().to_owned(), how.author.to_owned());
                let draft = Draft { dcd_version: definition.version(), is_valid, cells, attachments: row.attachments };
                decided.kept.push(Kept { registration_id, version: before, dcd, unique_key, draft, author, reopens });
                after(before, State::Open, confirmed)
            }
            Decision::Send { version } => {
                // A merge may have kept the stored patient.
                let is_merged = how.options.conflict_mode == ConflictMode::Merge;
                let merged = is_merged.then(|| prepare::identity(definition, &row.cells, &self.parts.secrets)).transpose()?;
                let identity = merged.unwrap_or(identity);
                let item_id = item_ids.pop().unwrap_or_else(|| self.next_id());
                let cells = row::encode(&row.cells);
                let named =
                    Named { registration_id, version, item_id, unique_key, author: None, answers: Vec::new(), cells, row_hash };
                let (new, ready) = self.new_version(definition, named, identity, row)?;
                decided.versions.push(new);
                decided.ready.push(ready);
                after(version, State::Sending, false)
            }
        })
    }

    /// Writes down what was decided, with the figures of all rows that were read, and puts the versions on their way.
    ///
    /// # Errors
    ///
    /// [`Trouble`] of the store; then nothing of it was written, or all of it without anybody hearing so, and it is sent.
    pub async fn take_in(&self, upload: UploadId, decided: Decided<'_>, rows: Rows) -> Result<(), SubmitError> {
        let Decided { versions, kept, unchanged, findings: _, refused: _, ignored: _, ready, _deciding: deciding } = decided;
        let Rows { attempted, rejected, warned, reports } = rows;
        let intake = Intake { versions, kept, unchanged, attempted, rejected, warned, reports };
        let context = &self.parts.context;
        context.reach(SERVICE, host::Point::BeforeCommit).await;
        let holding = self.in_hand.take(ready.iter().map(|ready| ready.item_id));
        let write = self.parts.store.submit(upload, &intake, context.clock.now());
        self.counted(write, |more| signed(*more)).await.map_err(Trouble::from)?;
        drop(deciding);
        context.reach(SERVICE, host::Point::AfterCommit).await;
        if !ready.is_empty() {
            self.wait_for_room().await;
            self.put_on_its_way(ready, holding).await;
        }
        Ok(())
    }

    /// A further or first version of a registration, to be written down and to be sent.
    pub(crate) fn new_version(
        &self,
        definition: &Definition,
        named: Named,
        identity: Identity,
        accepted: AcceptedRow,
    ) -> Result<(NewVersion, Ready), ItemError> {
        let Named { registration_id, version, item_id, unique_key, author, answers, cells, row_hash } = named;
        let naming = Naming { registration_id, version, organisation: self.parts.nihdi.as_str() };
        let (policies, secrets) = (self.policies(definition), &self.parts.secrets);
        let enclosed = Enclosed { attachments: accepted.attachments.clone(), answers: answers.clone() };
        let prepared = prepare::prepare(definition, naming, identity, &accepted.cells, enclosed, &policies, secrets)?;
        let new = NewVersion {
            registration_id,
            version,
            kind: ContentKind::Registration,
            author,
            item_id,
            dcd: definition.name().to_owned(),
            dcd_version: definition.version(),
            unique_key,
            patient_tag: prepared.patient_tag,
            cells,
            row_hash,
            content_hash: prepared.content_hash,
            attachments: accepted.attachments,
            answers,
        };
        let (identity, content) = (prepared.identity, prepared.content);
        Ok((new, Ready { registration_id, version, item_id, identity, content, first_sent_at: None }))
    }

    /// Ids for as many registrations and items, in random order: they rise, so in the order of the rows they would tell whoever sees them
    /// which row came first. They take turns, so that no item's id is one bit away from the next item's.
    fn shuffled_ids(&self, count: usize) -> (Vec<Uuid>, Vec<Uuid>) {
        let (mut registrations, mut items): (Vec<Uuid>, Vec<Uuid>) = (0..count).map(|_| (self.next_id(), self.next_id())).unzip();
        self.parts.context.chance.shuffle(&mut registrations);
        self.parts.context.chance.shuffle(&mut items);
        (registrations, items)
    }
}

/// A row as it is kept, and its hash.
pub(crate) fn kept(row: &AcceptedRow) -> (Vec<u8>, [u8; 32]) {
    let cells = row::encode(&row.cells);
    let files = row.attachments.iter().map(|file| (file.name.as_str(), file.bytes.as_slice()));
    let row_hash = row::hash(&cells, files);
    (cells, row_hash)
}

/// A row to be written down: what its version is called, who made it, and how it is kept.
pub(crate) struct Named {
    pub(crate) registration_id: Uuid,
    pub(crate) version: u32,
    pub(crate) item_id: Uuid,
    pub(crate) unique_key: String,
    pub(crate) author: Option<String>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) cells: Vec<u8>,
    pub(crate) row_hash: [u8; 32],
}
