//! The values to look for, taken from the stores of those who have them: who the patients are and what is registered of them from the
//! hospitals', pseudonyms and comments from healthdata's.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dcd::{Definition, Definitions, Kind as FieldKind};
use hd4dp::prepare::Secrets;
use identifying::IdentityKind;
use needle::{Form, Searcher, TooMany};
use registration::Cell;
use store::{FoundRow, Inspection, Location, StoreError};
use topology::{Actor, Nihdi};
use uuid::Uuid;

use super::{
    background::background,
    field::{Field, Kind},
    watch::WatchList,
};

/// Bytes of a long value's parts that are looked for: whoever copies some of it copies one of them.
const WINDOW: usize = 32;

/// What could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum HarvestError {
    /// A store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are too many values.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

/// Where values are taken from.
pub struct Harvest<'a> {
    /// The stores.
    pub location: &'a Location,
    /// The hospitals whose stores are there.
    pub hospitals: &'a [Nihdi],
    /// The registers.
    pub definitions: &'a Definitions,
    /// The hospitals' secrets, which make the ids of patients without a number; none for those whose keys are not at hand.
    pub secrets: &'a BTreeMap<Nihdi, Secrets>,
    /// Registrations of each hospital, and pseudonyms, at most.
    pub sample: usize,
}

/// How much was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Taken {
    /// Registrations in the hospitals' stores.
    pub registrations: u64,
    /// Those whose values are looked for.
    pub sampled: u64,
}

impl Harvest<'_> {
    /// Adds all values to `watch`, and leaves those out that stand everywhere anyway.
    ///
    /// # Errors
    ///
    /// [`HarvestError`].
    pub async fn take(&self, watch: &mut WatchList) -> Result<Taken, HarvestError> {
        let mut taken = Taken::default();
        for definition in self.definitions.iter() {
            let field = Field { kind: Kind::Register, register: Some(definition.name().to_owned()), column: None };
            watch.add(&field, None, "definition", definition.name(), Form::Text);
        }
        for hospital in self.hospitals {
            let of_hospital = self.take_hospital(*hospital, watch).await?;
            taken.registrations += of_hospital.registrations;
            taken.sampled += of_hospital.sampled;
        }
        self.take_healthdata(watch).await?;
        let mut common = BTreeSet::new();
        let searcher = watch.searcher()?;
        note_common(&searcher, &background(self.definitions), watch, &mut common);
        for hospital in self.hospitals {
            self.look_for_common(*hospital, &searcher, watch, &mut common).await?;
        }
        watch.drop_common(&common);
        Ok(taken)
    }

    async fn take_hospital(&self, hospital: Nihdi, watch: &mut WatchList) -> Result<Taken, StoreError> {
        let name = format!("{}-{hospital}", Actor::Hd4dp);
        let Some(mut store) = Inspection::open(self.location, &name).await? else { return Ok(Taken::default()) };
        let mut count = 0_usize;
        store.each_row("registration", |_| count += 1).await?;
        let stride = count.div_ceil(self.sample.max(1)).max(1);
        let mut sampled: HashMap<Vec<u8>, String> = HashMap::new();
        let mut at = 0_usize;
        let every = |row: FoundRow| {
            if at.is_multiple_of(stride)
                && let (Some(id), Some(dcd)) = (value(&row, "id"), text(&row, "dcd"))
            {
                sampled.insert(id.to_vec(), dcd.to_owned());
            }
            at += 1;
        };
        store.each_row("registration", every).await?;
        let mut taker = Taker { hospital, definitions: self.definitions, secrets: self.secrets.get(&hospital), watch };
        store.each_row("version", |row| taker.version(&row, &sampled)).await?;
        store.each_row("draft", |row| taker.version(&row, &sampled)).await?;
        store.each_row("attachment", |row| taker.attachment(&row, &sampled)).await?;
        store.each_row("answer", |row| taker.beside(&row, &sampled, "text", Kind::Answer)).await?;
        store.each_row("upload", |row| taker.own(&row, "file", Kind::FileName)).await?;
        for (table, column) in [("upload", "author"), ("version", "author"), ("draft", "author"), ("audit", "token")] {
            if store.tables().await?.iter().any(|own| own == table) {
                store.each_row(table, |row| taker.own(&row, column, Kind::HospitalUser)).await?;
            }
        }
        store.close().await?;
        Ok(Taken { registrations: count as u64, sampled: sampled.len() as u64 })
    }

    async fn take_healthdata(&self, watch: &mut WatchList) -> Result<(), StoreError> {
        const COLUMNS: [(&str, &str, &str, Kind); 12] = [
            ("hd4res", "patient", "pseudonym", Kind::Pseudonym),
            ("dhw", "patient", "pseudonym", Kind::Pseudonym),
            ("dhw", "patient_order", "first_pseudonym", Kind::Pseudonym),
            ("ehbox-hd", "patient", "pseudonym", Kind::Pseudonym),
            ("ehbox-hd", "recoded", "old", Kind::Pseudonym),
            ("hd4res", "recoded", "old", Kind::Pseudonym),
            ("dhw", "recoded", "old", Kind::Pseudonym),
            ("ehbox-hd", "sender", "code", Kind::SenderCode),
            ("hd4res", "comment", "text", Kind::Comment),
            ("hd4res", "comment", "author", Kind::HealthdataUser),
            ("hd4res", "history", "author", Kind::HealthdataUser),
            ("hd4res", "audit", "token", Kind::HealthdataUser),
        ];
        for (name, table, column, kind) in COLUMNS {
            let Some(mut store) = Inspection::open(self.location, name).await? else { continue };
            if store.tables().await?.iter().any(|own| own == table) {
                let (mut rest, mut is_missing) = (self.sample.max(1) * self.hospitals.len().max(1), false);
                store
                    .each_row(table, |row| {
                        is_missing |= value(&row, column).is_none();
                        if let Some(found) = text(&row, column).filter(|_| rest > 0) {
                            rest -= 1;
                            let origin = format!("{name} {table}");
                            windows(found.as_bytes()).for_each(|part| {
                                watch.add(&Field::beside(kind), None, &origin, part, Form::Text);
                            });
                        }
                    })
                    .await?;
                // None of them is ever empty; a store that calls them otherwise would be looked through for less than is promised.
                if is_missing {
                    return Err(StoreError::Damaged { what: "column that the audit watches" });
                }
            }
            store.close().await?;
        }
        Ok(())
    }

    /// Names and days that also stand in what healthdata may have of somebody cannot be told from those, wherever they are found.
    async fn look_for_common(
        &self,
        hospital: Nihdi,
        searcher: &Searcher,
        watch: &mut WatchList,
        common: &mut BTreeSet<usize>,
    ) -> Result<(), StoreError> {
        let name = format!("{}-{hospital}", Actor::Hd4dp);
        let Some(mut store) = Inspection::open(self.location, &name).await? else { return Ok(()) };
        let mut registers: HashMap<Vec<u8>, String> = HashMap::new();
        let keep = |row: FoundRow| {
            if let (Some(id), Some(dcd)) = (value(&row, "id"), text(&row, "dcd")) {
                registers.insert(id.to_vec(), dcd.to_owned());
            }
        };
        store.each_row("registration", keep).await?;
        let look = |row: FoundRow| {
            let Some((definition, cells)) = decoded(self.definitions, &row, &registers) else { return };
            let mut public = Vec::new();
            for cell in &cells {
                let Some(field) = definition.field(cell.place.field) else { continue };
                watch.own(Some(hospital), cell.value.as_bytes());
                if field.reaches_hd_as_is() {
                    public.extend_from_slice(cell.value.as_bytes());
                    public.push(b'\n');
                }
            }
            note_common(searcher, &public, watch, common);
        };
        store.each_row("version", look).await?;
        store.close().await
    }
}

/// Notes the values that stand in `haystack` and may do so for other reasons than that somebody put a patient there.
fn note_common(searcher: &Searcher, haystack: &[u8], watch: &WatchList, common: &mut BTreeSet<usize>) {
    searcher.search(haystack, |hit| {
        let kind = watch.watched().get(hit.needle).and_then(|watched| watch.fields().get(watched.field)).map(|field| field.kind);
        if kind.is_some_and(may_be_common) {
            common.insert(hit.needle);
        }
    });
}

const fn may_be_common(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Name
            | Kind::FirstName
            | Kind::BirthDate
            | Kind::Withheld
            | Kind::Reduced
            | Kind::FileName
            | Kind::HospitalUser
            | Kind::HealthdataUser
    )
}

/// Takes the values of one hospital.
struct Taker<'a> {
    hospital: Nihdi,
    definitions: &'a Definitions,
    secrets: Option<&'a Secrets>,
    watch: &'a mut WatchList,
}

impl Taker<'_> {
    fn version(&mut self, row: &FoundRow, registers: &HashMap<Vec<u8>, String>) {
        let Some((definition, cells)) = decoded(self.definitions, row, registers) else { return };
        let origin = origin(row);
        for cell in &cells {
            self.cell(&definition, cell, &origin);
        }
        self.full_names(&definition, &cells, &origin);
        if let Some(tag) = value(row, "patient_tag") {
            let field = Field { register: Some(definition.name().to_owned()), ..Field::beside(Kind::PatientTag) };
            self.watch.add(&field, Some(self.hospital), &origin, tag, Form::Bytes);
        }
        let identity = self.secrets.and_then(|secrets| hd4dp::prepare::identity(&definition, &cells, secrets).ok());
        if let Some(identity) = identity.filter(|identity| identity.kind() == IdentityKind::Generated) {
            let field = Field { register: Some(definition.name().to_owned()), ..Field::beside(Kind::GeneratedId) };
            self.watch.add(&field, Some(self.hospital), &origin, identity.reveal(), Form::Text);
        }
    }

    fn cell(&mut self, definition: &Definition, cell: &Cell, origin: &str) {
        let Some(field) = Field::of(definition, cell.place.field) else { return };
        let is_date = definition.field(cell.place.field).is_some_and(|field| field.kind() == FieldKind::Date);
        let form = match field.kind {
            Kind::NationalNumber => Form::NationalNumber,
            _ if is_date => Form::Date,
            _ => Form::Text,
        };
        match field.kind {
            // A code or a number stands everywhere; its column is judged instead.
            Kind::Variable => self.watch.leave_out(&field),
            Kind::FreeText | Kind::AttachmentName => {
                windows(cell.value.as_bytes()).for_each(|part| self.watch.add(&field, Some(self.hospital), origin, part, form));
            }
            _ => self.watch.add(&field, Some(self.hospital), origin, cell.value.as_bytes(), form),
        }
    }

    /// Name and first name together: they are found also where each alone is a word like others.
    fn full_names(&mut self, definition: &Definition, cells: &[Cell], origin: &str) {
        let patient = definition.patient();
        let of = |field: Option<u16>| cells.iter().find(|cell| Some(cell.place.field) == field).map(|cell| cell.value.as_str());
        let (Some(name), Some(first)) = (of(patient.name), of(patient.first_name)) else { return };
        let Some(field) = patient.name.and_then(|number| Field::of(definition, number)) else { return };
        for both in [format!("{name} {first}"), format!("{first} {name}")] {
            self.watch.add(&field, Some(self.hospital), origin, both, Form::Text);
        }
    }

    fn attachment(&mut self, row: &FoundRow, registers: &HashMap<Vec<u8>, String>) {
        let Some(register) = value(row, "registration_id").and_then(|id| registers.get(id)) else { return };
        let field = Field { register: Some(register.clone()), ..Field::beside(Kind::Attachment) };
        let origin = origin(row);
        let bytes = value(row, "bytes").unwrap_or_default();
        windows(bytes).for_each(|part| self.watch.add(&field, Some(self.hospital), &origin, part, Form::Bytes));
    }

    fn beside(&mut self, row: &FoundRow, registers: &HashMap<Vec<u8>, String>, column: &str, kind: Kind) {
        let is_sampled = value(row, "registration_id").is_some_and(|id| registers.contains_key(id));
        if let Some(found) = text(row, column).filter(|_| is_sampled) {
            let origin = origin(row);
            windows(found.as_bytes())
                .for_each(|part| self.watch.add(&Field::beside(kind), Some(self.hospital), &origin, part, Form::Text));
        }
    }

    fn own(&mut self, row: &FoundRow, column: &str, kind: Kind) {
        if let Some(found) = text(row, column) {
            self.watch.add(&Field::beside(kind), Some(self.hospital), "store", found, Form::Text);
        }
    }
}

/// A short value as it is; of a long one its beginning, its middle and its end, cut between characters.
pub(crate) fn windows(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let last = value.len().saturating_sub(WINDOW);
    let starts = if value.len() <= WINDOW * 3 / 2 { vec![0] } else { vec![0, last / 2, last] };
    let whole = value.len() <= WINDOW * 3 / 2;
    let is_inside = |at: usize| value.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    starts.into_iter().filter_map(move |start| {
        let start = (start..value.len()).find(|at| !is_inside(*at))?;
        let end = if whole { value.len() } else { (start + WINDOW).min(value.len()) };
        let end = (end..=value.len()).find(|at| !is_inside(*at))?;
        value.get(start..end)
    })
}

/// The definition and the cells of a row of hd4dp's versions or drafts.
pub(super) fn decoded(
    definitions: &Definitions,
    row: &FoundRow,
    registers: &HashMap<Vec<u8>, String>,
) -> Option<(std::sync::Arc<Definition>, Vec<Cell>)> {
    let register = registers.get(value(row, "registration_id")?)?;
    let version = text(row, "dcd_version").and_then(|digits| digits.parse().ok());
    let definition = version.and_then(|version| definitions.exact(register, version)).or_else(|| definitions.get(register))?;
    Some((definition, hd4dp::row::decode(value(row, "cells")?)?))
}

/// The value of a column.
pub(crate) fn value<'r>(row: &'r FoundRow, column: &str) -> Option<&'r [u8]> {
    row.iter().find(|(name, _)| name == column).map(|(_, value)| value.as_slice())
}

/// The value of a column that holds text or a number.
pub(crate) fn text<'r>(row: &'r FoundRow, column: &str) -> Option<&'r str> {
    std::str::from_utf8(value(row, column)?).ok()
}

/// Names the registration of a row; that identifies nobody to whoever has no hospital's store.
fn origin(row: &FoundRow) -> String {
    let id = value(row, "registration_id").and_then(|id| Uuid::from_slice(id).ok()).unwrap_or_default();
    format!("registration {id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_looked_for_in_parts_and_no_character_is_cut() {
        let text = "é".repeat(100);
        let parts: Vec<&[u8]> = windows(text.as_bytes()).collect();
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|part| (WINDOW..WINDOW + 2).contains(&part.len()) && std::str::from_utf8(part).is_ok()));
        assert_eq!(windows(b"short enough").collect::<Vec<_>>(), [b"short enough"]);
        assert_eq!(windows(b"").collect::<Vec<_>>(), Vec::<&[u8]>::new());
    }
}
