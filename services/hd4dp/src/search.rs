//! Finding registrations by a patient or by the value of a filterable field.
//!
//! The index behind it follows the flow: nothing of it is written when rows are taken in but the ids of what changed. It catches up when it is
//! asked, and by itself when nothing has happened for a while.

use std::{collections::BTreeMap, time::Duration};

use dcd::{Definition, Field, FieldNo};
use identifying::patient_tag;
use sha2::{Digest, Sha256};
use store::StoreError;
use uuid::Uuid;

use crate::{
    error::ItemError,
    life::LifeError,
    prepare, row,
    service::Hd4dp,
    store::{Current, Entry, Facet, Listed, Refusal},
};

/// Registrations that are indexed at once.
const PAGE: u32 = 500;
/// How long nothing may happen before the index is brought forward unasked.
const IDLE: Duration = Duration::from_secs(2);

impl Hd4dp {
    /// Up to `limit` registrations of a register behind `after` whose field has this value, in order of their ids. The value is written as a
    /// file writes it; of a field with several values one is enough, and in a list that of any item.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFilterable`] when the definition does not say that overviews are filtered by this column; [`LifeError::Trouble`].
    pub async fn find(
        &self,
        definition: &Definition,
        (column, value): (&str, &str),
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Listed>, LifeError> {
        let field = definition.field_no(column).and_then(|number| definition.field(number));
        let field = field.filter(|field| field.is_filterable()).ok_or(Refusal::NotFilterable)?;
        self.catch_up().await?;
        let facet = facet(definition.name(), column, &field.canonical_form(value));
        Ok(self.parts.store.with_value(facet, after, limit, self.parts.context.clock.now()).await?)
    }

    /// Brings the index up to the last change.
    ///
    /// # Errors
    ///
    /// [`LifeError::Trouble`] of the store.
    pub async fn catch_up(&self) -> Result<(), LifeError> {
        let _indexing = self.indexing.lock().await;
        while self.index_page().await? > 0 {}
        Ok(())
    }

    async fn index_alone(&self) -> Result<usize, StoreError> {
        let _indexing = self.indexing.lock().await;
        self.index_page().await
    }

    /// Brings the index a page forward, and says how many changes that were.
    async fn index_page(&self) -> Result<usize, StoreError> {
        let changes = self.parts.store.changes(PAGE).await?;
        let Some(last) = changes.last() else { return Ok(0) };
        let ids: Vec<Uuid> = changes.iter().flat_map(|change| change.registrations.iter().copied()).collect();
        // Whatever is gone is found by nothing any more.
        let mut entries: BTreeMap<Uuid, Entry> =
            ids.iter().map(|id| (*id, Entry { registration_id: *id, patient_tag: None, facets: Vec::new() })).collect();
        for (dcd, current) in self.parts.store.values(&ids).await? {
            let id = current.registration_id;
            match self.entry(&dcd, &current) {
                Ok(entry) => drop(entries.insert(id, entry)),
                // What cannot be read is a fault of its own, which whoever opens the registration is told.
                Err(error) => tracing::warn!(registration = %id, %error, "a registration cannot be found by its values"),
            }
        }
        let entries: Vec<Entry> = entries.into_values().collect();
        self.parts.store.index(&entries, last.number).await?;
        Ok(changes.len())
    }

    fn entry(&self, dcd: &str, current: &Current) -> Result<Entry, ItemError> {
        let definition = self.definition_of(dcd, current.dcd_version)?;
        let cells = row::decode(&current.cells).ok_or(ItemError::DamagedRow)?;
        let identity = prepare::identity(&definition, &cells, &self.parts.secrets).ok();
        let is_found_by = |field: FieldNo| definition.field(field).filter(|field| field.is_filterable());
        let mut facets: Vec<Facet> = Vec::new();
        for cell in &cells {
            let Some(field) = is_found_by(cell.place.field) else { continue };
            facets.extend(values(field, &cell.value).map(|value| facet(dcd, field.column(), value)));
        }
        facets.sort_unstable();
        facets.dedup();
        let patient_tag = identity.map(|identity| patient_tag(&self.parts.secrets.tag, &identity));
        Ok(Entry { registration_id: current.registration_id, patient_tag, facets })
    }

    /// Keeps the index up when nothing has happened for a while, so that the flow has the machine for itself when it needs it.
    pub(crate) async fn keep_indexing(&self) {
        let (mut waiting, clock) = (self.waiting.subscribe(), &*self.parts.context.clock);
        loop {
            // The sender lives in `self`, so none of these waits can fail.
            let _ = waiting.wait_for(|waiting| *waiting <= 0).await;
            if clock::timeout(clock, IDLE, waiting.changed()).await.is_ok() {
                continue;
            }
            while self.keep_trying(|| self.index_alone()).await > 0 && !waiting.has_changed().unwrap_or(true) {}
            let _ = waiting.changed().await;
        }
    }
}

/// The values of a cell: several in one cell are joined by `|`.
fn values<'a>(field: &Field, value: &'a str) -> impl Iterator<Item = &'a str> {
    let separator = if field.is_multiple() { '|' } else { '\0' };
    value.split(separator)
}

fn facet(dcd: &str, column: &str, value: &str) -> Facet {
    let mut hash = Sha256::new();
    for part in [dcd, column, value] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut number = [0; 8];
    number.copy_from_slice(&hash[..8]);
    Facet(i64::from_be_bytes(number))
}
