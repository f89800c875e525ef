//! Takes in checked rows: decides what each is, makes versions of the new and the changed ones, and writes them down.

use std::collections::BTreeMap;

use dcd::Definition;
use host::Trouble;
use identifying::Identity;
use registration::ContentKind;
use tokio::sync::MutexGuard;
use uuid::Uuid;

use crate::{
    error::ItemError,
    prepare::{self, Naming},
    row,
    service::{AcceptedRow, Hd4dp, Ready, SERVICE},
    store::{Intake, Known, NewVersion, UploadId},
    submit::{Novelty, novelty},
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

/// Rows that were held against the store and not yet written down. Nothing else changes a status before they are, or are dropped.
pub struct Decided<'a> {
    versions: Vec<NewVersion>,
    unchanged: Vec<(Uuid, u32)>,
    refused: Vec<usize>,
    ready: Vec<Ready>,
    /// How many more registrations wait for an answer then: a version that takes the place of an unanswered one is no further one.
    more: u64,
    _deciding: MutexGuard<'a, ()>,
}

impl Decided<'_> {
    /// The rows, by their positions in order, whose registration a file may not change (E18).
    #[must_use]
    pub fn refused(&self) -> &[usize] {
        &self.refused
    }
}

impl Hd4dp {
    /// Writes accepted rows down and puts them on their way. When this returns they are durable; they are sent even if the process
    /// dies now. Waits while too many registrations wait for an answer. A row whose registration a file may not change counts as
    /// rejected.
    ///
    /// # Errors
    ///
    /// [`Trouble`] of the store, or an [`ItemError`] for a row that cannot be prepared; then nothing of the batch was written.
    pub async fn submit(
        &self,
        upload: UploadId,
        definition: &Definition,
        rows: Vec<AcceptedRow>,
        attempted: u64,
        rejected: u64,
    ) -> Result<(), SubmitError> {
        let decided = self.decide(definition, rows).await?;
        let refused = decided.refused().len() as u64;
        self.take_in(upload, decided, attempted, rejected + refused).await
    }

    /// Decides for each row what it is, and makes versions of the new and the changed ones.
    ///
    /// # Errors
    ///
    /// As [`Hd4dp::submit`].
    pub async fn decide(&self, definition: &Definition, rows: Vec<AcceptedRow>) -> Result<Decided<'_>, SubmitError> {
        let mut identities = Vec::with_capacity(rows.len());
        let mut keys = Vec::with_capacity(rows.len());
        for accepted in &rows {
            let identity = prepare::identity(definition, &accepted.cells, &self.parts.secrets)?;
            keys.push(prepare::unique_key(definition, &identity, &accepted.cells));
            identities.push(identity);
        }
        let deciding = self.deciding.lock().await;
        let known = self.parts.store.known(definition.name(), &keys).await.map_err(Trouble::from)?;
        let mut decided = Decided {
            versions: Vec::with_capacity(rows.len()),
            unchanged: Vec::new(),
            refused: Vec::new(),
            ready: Vec::with_capacity(rows.len()),
            more: 0,
            _deciding: deciding,
        };
        let (mut registration_ids, mut item_ids) = self.shuffled_ids(rows.len());
        let mut in_batch: BTreeMap<String, Known> = BTreeMap::new();
        let rows = rows.into_iter().zip(identities).zip(keys).zip(known).enumerate();
        for (position, (((accepted, identity), unique_key), stored)) in rows {
            let (cells, row_hash) = kept(&accepted);
            let known = in_batch.get(&unique_key).or(stored.as_ref());
            let (registration_id, version) = match (novelty(known, &row_hash), known) {
                (Novelty::Refused, _) => {
                    decided.refused.push(position);
                    continue;
                }
                (Novelty::Unchanged, Some(known)) => {
                    decided.unchanged.push((known.registration_id, known.version));
                    continue;
                }
                (Novelty::Changed { version }, Some(known)) => (known.registration_id, version),
                _ => (registration_ids.pop().unwrap_or_else(|| self.next_id()), 1),
            };
            decided.more += u64::from(known.is_none_or(|known| known.confirmed));
            let item_id = item_ids.pop().unwrap_or_else(|| self.next_id());
            let now_known = Known { registration_id, version, row_hash, confirmed: false, status: None };
            in_batch.insert(unique_key.clone(), now_known);
            let named = Named { registration_id, version, item_id, unique_key, author: None, cells, row_hash };
            let (new, ready) = self.new_version(definition, named, identity, accepted)?;
            decided.versions.push(new);
            decided.ready.push(ready);
        }
        Ok(decided)
    }

    /// Writes down what was decided, with the figures of all rows that were read, and puts the versions on their way.
    ///
    /// # Errors
    ///
    /// [`Trouble`] of the store; then nothing of it was written.
    pub async fn take_in(
        &self,
        upload: UploadId,
        decided: Decided<'_>,
        attempted: u64,
        rejected: u64,
    ) -> Result<(), SubmitError> {
        let Decided { versions, unchanged, refused: _, ready, more, _deciding: deciding } = decided;
        let intake = Intake { versions, unchanged, attempted, rejected };
        let context = &self.parts.context;
        context.reach(SERVICE, host::Point::BeforeCommit).await;
        self.parts.store.submit(upload, &intake, context.clock.now()).await.map_err(Trouble::from)?;
        drop(deciding);
        self.waiting.send_modify(|waiting| *waiting += more);
        context.reach(SERVICE, host::Point::AfterCommit).await;
        if !ready.is_empty() {
            self.wait_for_room().await;
            self.put_on_its_way(ready).await;
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
        let Named { registration_id, version, item_id, unique_key, author, cells, row_hash } = named;
        let naming = Naming { registration_id, version, organisation: self.parts.nihdi.as_str() };
        let (policies, secrets) = (self.policies(definition), &self.parts.secrets);
        let files = accepted.attachments.clone();
        let prepared = prepare::prepare(definition, naming, identity, &accepted.cells, files, &policies, secrets)?;
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

    /// Gives versions that are durable to the dispatcher. It lives as long as the service; if it is gone, the outbox has them.
    pub(crate) async fn put_on_its_way(&self, ready: Vec<Ready>) {
        let _ = self.outgoing.send(ready).await;
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
    pub(crate) cells: Vec<u8>,
    pub(crate) row_hash: [u8; 32],
}
