//! Stable data (domain sheet 3.5): what stays the same over a patient's registrations is filled in from those that the hospital has, of
//! whatever register, or downloaded to be adapted and uploaded.

use std::{collections::BTreeMap, io::Write};

use dcd::{Definition, Field, Kind};
use identifying::{Identity, IdentityKind, patient_tag};
use opencsv::Writer;
use registration::Place;

use crate::{download::DownloadError, error::ItemError, form::Form, life::LifeError, service::Hd4dp, store::Refusal};

/// Registrations of one patient that are looked at, at most.
const OF_PATIENT_MAX: u32 = 1_000;
/// Patients that are read at once.
const PAGE: u32 = 500;

impl Hd4dp {
    /// What a new registration of a patient can be filled in with: the national number, and the stable fields of the definition that some
    /// registration of the patient has, each with the value that was entered last. Empty but for the number when the patient is not known.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoNationalNumber`] when the number is none; [`LifeError`] when a stored registration cannot be read.
    pub async fn prefill(&self, definition: &Definition, national_number: &str) -> Result<Form, LifeError> {
        let digits: String = national_number.chars().filter(|character| !matches!(character, ' ' | '.' | '-' | '/')).collect();
        let identity = Identity::from_parts(IdentityKind::Ssin, &digits).map_err(|_| Refusal::NoNationalNumber)?;
        self.catch_up().await?;
        let tag = patient_tag(&self.parts.secrets.tag, &identity);
        let mut form: Form = self.stable_values(definition, tag).await?.into_iter().collect();
        if let Some(id) = definition.field(definition.patient().id) {
            form.set(id.column(), digits);
        }
        Ok(form)
    }

    /// Writes a line per patient with a national number: the number, and what is known of the stable fields of a definition. Returns how many
    /// patients there are.
    ///
    /// # Errors
    ///
    /// [`DownloadError`].
    pub async fn download_stable(&self, definition: &Definition, output: impl Write) -> Result<u64, DownloadError> {
        self.catch_up().await.map_err(unreadable)?;
        let id = definition.field(definition.patient().id).map(|field| field.column().to_owned()).unwrap_or_default();
        let header: Vec<String> =
            std::iter::once(id.clone()).chain(stable(definition).map(|field| field.column().to_owned())).collect();
        let mut writer = Writer::new(output);
        writer.write_record(&header)?;
        let (mut after, mut count) = (None, 0);
        loop {
            let patients = self.parts.store.patients(after, PAGE).await?;
            let Some(last) = patients.last() else { break };
            after = Some(*last);
            for tag in &patients {
                let values = self.stable_values(definition, *tag).await.map_err(unreadable)?;
                // A patient without a national number is told by the values themselves.
                let Some(number) = self.number_of(*tag).await.map_err(unreadable)? else { continue };
                let cell =
                    |column: &String| if *column == id { number.as_str() } else { values.get(column).map_or("", String::as_str) };
                writer.write_record(header.iter().map(cell))?;
                count += 1;
            }
        }
        writer.flush()?;
        Ok(count)
    }

    /// The stable values of a patient in the form of files, by column.
    async fn stable_values(&self, definition: &Definition, tag: [u8; 16]) -> Result<BTreeMap<String, String>, LifeError> {
        let mut found: BTreeMap<String, (i64, String)> = BTreeMap::new();
        for id in self.parts.store.of_patient(tag, OF_PATIENT_MAX).await? {
            let Some(view) = self.registration(id).await? else { continue };
            let from = self.definition_of(&view.dcd, view.dcd_version)?;
            let entered = self.entered_at(&view);
            for cell in view.cells.iter().filter(|cell| cell.place.item.is_none()) {
                let Some(there) = from.field(cell.place.field).filter(|field| field.is_stable()) else { continue };
                let here = stable(definition).find(|field| field.column() == there.column() && field.kind() == there.kind());
                let Some(here) = here else { continue };
                let value = here.hospital_form(&cell.value).into_owned();
                let known = found.get(here.column());
                if known.is_none_or(|(at, _)| *at <= entered) {
                    found.insert(here.column().to_owned(), (entered, value));
                }
            }
        }
        Ok(found.into_iter().map(|(column, (_, value))| (column, value)).collect())
    }

    async fn number_of(&self, tag: [u8; 16]) -> Result<Option<String>, LifeError> {
        for id in self.parts.store.of_patient(tag, 1).await? {
            let Some(view) = self.registration(id).await? else { continue };
            let definition = self.definition_of(&view.dcd, view.dcd_version)?;
            let place = Place::of(definition.patient().id);
            return Ok(view.cells.into_iter().find(|cell| cell.place == place).map(|cell| cell.value));
        }
        Ok(None)
    }

    /// When the values that a registration has now were entered, in microseconds.
    fn entered_at(&self, view: &crate::store::View) -> i64 {
        let saved = view.history.iter().rev().find(|entry| entry.event == crate::status::Event::Saved).map(|entry| entry.at);
        let submitted = view.versions.last().map(|version| version.submitted_at);
        let at = if view.is_draft { saved.max(submitted) } else { submitted };
        at.map_or(0, clock::Timestamp::as_micros)
    }
}

/// The fields that are filled in from other registrations, the number itself aside.
fn stable(definition: &Definition) -> impl Iterator<Item = &Field> {
    let fits = |field: &&Field| {
        field.is_stable()
            && field.list().is_none()
            && !field.is_computed()
            && !matches!(field.kind(), Kind::PatientId | Kind::Attachment)
    };
    definition.fields().iter().filter(fits)
}

fn unreadable(error: LifeError) -> DownloadError {
    match error {
        LifeError::Item(error) => DownloadError::Item(error),
        LifeError::Trouble(host::Trouble::Store(error)) => DownloadError::Store(error),
        // Reading refuses nothing.
        LifeError::Trouble(_) | LifeError::Refused(_) | LifeError::Invalid { .. } | LifeError::Closed(_) => {
            DownloadError::Item(ItemError::DamagedRow)
        }
    }
}
