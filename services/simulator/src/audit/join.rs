//! What only both ends together show: that healthdata's pseudonyms follow the patients, and that what arrived is what was sent.

use std::collections::{BTreeMap, HashMap, HashSet};

use dcd::Definitions;
use hd4dp::prepare::Secrets;
use sha2::{Digest, Sha256};
use store::{FoundRow, Inspection, Location, StoreError};
use topology::Nihdi;

use super::harvest::{decoded, text, value};

/// What both ends together show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Ends {
    /// Registrations whose patient and pseudonym are both at hand.
    pub registrations: u64,
    /// Patients of those.
    pub patients: u64,
    /// Pseudonyms of those.
    pub pseudonyms: u64,
    /// Patients with more than one pseudonym.
    pub patients_apart: u64,
    /// Pseudonyms of more than one patient.
    pub patients_mixed: u64,
    /// Patients who are known to several hospitals under one pseudonym.
    pub joined_over_hospitals: u64,
    /// Items whose content healthdata opened as the hospital sealed it.
    pub same_content: u64,
    /// Items whose content is another one.
    pub other_content: u64,
    /// The same for sealed contents and feedback on both sides of the TTP.
    pub same_at_ttp: u64,
    /// Those that the TTP passed on as something else.
    pub other_at_ttp: u64,
}

/// What the hospitals sent.
#[derive(Default)]
struct Sent {
    /// Who each version of a registration is about.
    versions: HashMap<(Vec<u8>, String), Version>,
    /// Hashes of contents, by item.
    hashes: HashMap<Vec<u8>, Vec<u8>>,
}

/// A version at its hospital.
struct Version {
    /// SHA-256 of the identity: enough to tell patients apart.
    patient: [u8; 32],
    hospital: Nihdi,
}

/// Compares the hospitals' stores with HD4RES's.
///
/// # Errors
///
/// [`StoreError`].
pub async fn ends(
    location: &Location,
    hospitals: &[Nihdi],
    definitions: &Definitions,
    secrets: &BTreeMap<Nihdi, Secrets>,
) -> Result<Ends, StoreError> {
    let mut sent = Sent::default();
    for hospital in hospitals {
        sent.take(location, *hospital, definitions, secrets.get(hospital)).await?;
    }
    let Some(mut store) = Inspection::open(location, "hd4res").await? else { return Ok(Ends::default()) };
    let mut pseudonyms: HashMap<String, String> = HashMap::new();
    let keep = |row: FoundRow| {
        if let (Some(number), Some(pseudonym)) = (text(&row, "id"), text(&row, "pseudonym")) {
            pseudonyms.insert(number.to_owned(), pseudonym.to_owned());
        }
    };
    store.each_row("patient", keep).await?;
    let mut joins = Joins::default();
    let look = |row: FoundRow| {
        let key = value(&row, "registration_id").map(<[u8]>::to_vec).zip(text(&row, "version").map(str::to_owned));
        let pseudonym = text(&row, "patient").and_then(|number| pseudonyms.get(number));
        if let (Some(version), Some(pseudonym)) = (key.and_then(|key| sent.versions.get(&key)), pseudonym) {
            joins.add(version, pseudonym);
        }
    };
    store.each_row("record", look).await?;
    let mut ends = joins.ends();
    let compare = |row: FoundRow| {
        let known = value(&row, "id").and_then(|item| sent.hashes.get(item));
        if let (Some(known), Some(opened)) = (known, value(&row, "content_hash")) {
            let count = if known == opened { &mut ends.same_content } else { &mut ends.other_content };
            *count += 1;
        }
    };
    store.each_row("item", compare).await?;
    store.close().await?;
    Ok(ends)
}

impl Sent {
    async fn take(
        &mut self,
        location: &Location,
        hospital: Nihdi,
        definitions: &Definitions,
        secrets: Option<&Secrets>,
    ) -> Result<(), StoreError> {
        let Some(mut store) = Inspection::open(location, &format!("hd4dp-{hospital}")).await? else { return Ok(()) };
        let mut registers: HashMap<Vec<u8>, String> = HashMap::new();
        let keep = |row: FoundRow| {
            if let (Some(id), Some(dcd)) = (value(&row, "id"), text(&row, "dcd")) {
                registers.insert(id.to_vec(), dcd.to_owned());
            }
        };
        store.each_row("registration", keep).await?;
        let look = |row: FoundRow| {
            if let (Some(item), Some(hash)) = (value(&row, "item_id"), value(&row, "content_hash")) {
                self.hashes.insert(item.to_vec(), hash.to_vec());
            }
            let Some((definition, cells)) = decoded(definitions, &row, &registers) else { return };
            let number = cells.iter().find(|cell| cell.place.field == definition.patient().id);
            let generated = || hd4dp::prepare::identity(&definition, &cells, secrets?).ok();
            let patient = match number {
                Some(number) => Some(Sha256::digest(number.value.as_bytes())),
                None => generated().map(|identity| Sha256::digest(identity.reveal().as_bytes())),
            };
            if let (Some(id), Some(version), Some(patient)) = (value(&row, "registration_id"), text(&row, "version"), patient) {
                self.versions.insert((id.to_vec(), version.to_owned()), Version { patient: patient.into(), hospital });
            }
        };
        store.each_row("version", look).await?;
        store.close().await
    }
}

/// The pseudonyms of a patient, and the hospitals.
type Known = (HashSet<String>, HashSet<Nihdi>);

/// Which patients have which pseudonyms.
#[derive(Default)]
struct Joins {
    registrations: u64,
    of_patient: HashMap<[u8; 32], Known>,
    of_pseudonym: HashMap<String, HashSet<[u8; 32]>>,
}

impl Joins {
    fn add(&mut self, version: &Version, pseudonym: &str) {
        self.registrations += 1;
        let (pseudonyms, hospitals) = self.of_patient.entry(version.patient).or_default();
        pseudonyms.insert(pseudonym.to_owned());
        hospitals.insert(version.hospital);
        self.of_pseudonym.entry(pseudonym.to_owned()).or_default().insert(version.patient);
    }

    fn ends(&self) -> Ends {
        let count = |of: &dyn Fn(&Known) -> bool| self.of_patient.values().filter(|patient| of(patient)).count() as u64;
        Ends {
            registrations: self.registrations,
            patients: self.of_patient.len() as u64,
            pseudonyms: self.of_pseudonym.len() as u64,
            patients_apart: count(&|(pseudonyms, _)| pseudonyms.len() > 1),
            patients_mixed: self.of_pseudonym.values().filter(|patients| patients.len() > 1).count() as u64,
            joined_over_hospitals: count(&|(pseudonyms, hospitals)| pseudonyms.len() == 1 && hospitals.len() > 1),
            ..Ends::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_and_pseudonyms_are_held_against_each_other() {
        let (one, other): (Nihdi, Nihdi) = ("00000196".parse().unwrap(), "00000295".parse().unwrap());
        let version = |patient: u8, hospital| Version { patient: [patient; 32], hospital };
        let mut joins = Joins::default();
        for (patient, hospital, pseudonym) in
            [(1, one, "a"), (1, other, "a"), (2, one, "b"), (2, one, "c"), (3, one, "d"), (4, one, "d")]
        {
            joins.add(&version(patient, hospital), pseudonym);
        }
        let ends = joins.ends();
        assert_eq!((ends.registrations, ends.patients, ends.pseudonyms), (6, 4, 4));
        assert_eq!((ends.joined_over_hospitals, ends.patients_apart, ends.patients_mixed), (1, 1, 1));
    }
}
