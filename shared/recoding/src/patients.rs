//! Patients in SQL: rows name a patient by number, and its names stand in one place.
//!
//! A rotation then changes one narrow row per patient, however many rows there are of it and however wide they are. Pseudonyms come from chance, so
//! an index over them is one that every batch of a rotation writes all over. There is only one, it has eight bytes for a name, a rotation only
//! adds to it, and it does so in large portions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use store::{Connection, StoreError, bulk};

use crate::{Pair, Pairs, epoch_of, sql::set};

/// The tables, as a part of the schema of a store.
///
/// `patient` has the present name, and `patient_name` every name, past or present, by the beginning of its code: the names themselves are compared. Names go to
/// `patient_name_fresh` first, so that what a batch writes does not grow with the store.
pub const TABLES: &str = "
CREATE TABLE patient (id INTEGER PRIMARY KEY, pseudonym TEXT NOT NULL, epoch INTEGER NOT NULL);
CREATE TABLE patient_name (hash INTEGER NOT NULL, patient INTEGER NOT NULL, PRIMARY KEY (hash, patient)) WITHOUT ROWID;
CREATE TABLE patient_name_fresh (hash INTEGER NOT NULL, patient INTEGER NOT NULL, PRIMARY KEY (hash, patient)) WITHOUT ROWID;
";

/// So many fresh names go to the others at once.
const PORTION: i64 = if cfg!(test) { 16 } else { 131_072 };

/// The setting that counts the fresh names.
const FRESH_NAMES: &str = "fresh names";

/// Under which number a name is found: the first eight characters of its code, which are 40 bits of chance. Two patients may share it.
fn hash(name: &str) -> i64 {
    let code = name.rsplit('.').next().unwrap_or_default().bytes().chain(std::iter::repeat(0));
    code.take(8).fold(0, |hash, byte| (hash << 8) | i64::from(byte))
}

/// A patient as a store knows it.
struct Known {
    /// The present name.
    pseudonym: String,
    /// Past names, in order.
    earlier: Vec<String>,
}

/// Patients of a store: those that stand under some names.
#[derive(Default)]
pub struct Patients {
    known: BTreeMap<i64, Known>,
    numbers: HashMap<String, i64>,
}

impl Patients {
    /// The patients that these are names of, past or present.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn of(connection: &mut Connection, names: &[&str]) -> Result<Self, StoreError> {
        const FOUND: &str = "SELECT coalesce(json_group_array(json_array(p.id, p.pseudonym)), '[]') FROM (
            SELECT n.patient FROM json_each(?1) k CROSS JOIN patient_name n WHERE n.hash = CAST(k.value AS BIGINT)
            UNION ALL SELECT n.patient FROM json_each(?1) k CROSS JOIN patient_name_fresh n WHERE n.hash = CAST(k.value AS BIGINT)) AS named
            CROSS JOIN patient p WHERE p.id = named.patient";
        // In order, so that neighbours are found on one page.
        let hashes: BTreeSet<i64> = names.iter().map(|name| hash(name)).collect();
        if hashes.is_empty() {
            return Ok(Self::default());
        }
        let found: Vec<(i64, String)> = selected(connection, FOUND, &bulk::list(&hashes)?).await?;
        let mut patients = Self::default();
        for (number, pseudonym) in found {
            patients.know(number, pseudonym);
        }
        patients.remember(connection).await?;
        Ok(patients)
    }

    /// Adds what they were called before.
    async fn remember(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        // Most stores have never seen a rotation.
        if connection.query("SELECT id FROM recoded LIMIT 1").fetch_optional().await?.is_none() {
            return Ok(());
        }
        const EARLIER: &str = "SELECT coalesce(json_group_array(json_array(r.patient, r.old)), '[]')
            FROM json_each(?1) k CROSS JOIN recoded r WHERE r.patient = CAST(k.value AS BIGINT)";
        let numbers = bulk::list(&self.known.keys().collect::<Vec<_>>())?;
        let mut earlier: Vec<(i64, String)> = selected(connection, EARLIER, &numbers).await?;
        earlier.sort_unstable();
        for (number, name) in earlier {
            self.numbers.insert(name.clone(), number);
            if let Some(known) = self.known.get_mut(&number) {
                known.earlier.push(name);
            }
        }
        Ok(())
    }

    fn know(&mut self, number: i64, pseudonym: String) {
        self.numbers.insert(pseudonym.clone(), number);
        self.known.insert(number, Known { pseudonym, earlier: Vec::new() });
    }

    /// The number of the patient with this name, past or present.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.numbers.get(name).copied()
    }

    /// The present name of whoever has this one.
    #[must_use]
    pub fn now<'a>(&'a self, name: &'a str) -> &'a str {
        let known = self.number(name).and_then(|number| self.known.get(&number));
        known.map_or(name, |known| known.pseudonym.as_str())
    }

    /// The past names of whoever has this one, in order.
    #[must_use]
    pub fn earlier(&self, name: &str) -> &[String] {
        let known = self.number(name).and_then(|number| self.known.get(&number));
        known.map_or(&[], |known| known.earlier.as_slice())
    }

    /// The pairs that follow from their names.
    #[must_use]
    pub fn pairs(&self) -> Pairs {
        let of = |known: &Known| {
            let new = known.pseudonym.clone();
            known.earlier.clone().into_iter().map(move |old| Pair { old, new: new.clone() })
        };
        Pairs::of(self.known.values().flat_map(of))
    }

    /// Past and present names of a patient.
    pub(crate) fn names(&self, number: i64) -> impl Iterator<Item = &str> {
        let known = self.known.get(&number).into_iter();
        known.flat_map(|known| std::iter::once(&known.pseudonym).chain(&known.earlier)).map(String::as_str)
    }

    /// Gives a number to each of these that has none, in their order.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn add(&mut self, connection: &mut Connection, names: &[&str]) -> Result<(), StoreError> {
        let mut last = None;
        let mut new: Vec<(i64, &str)> = Vec::new();
        for name in names {
            if self.number(name).is_some() {
                continue;
            }
            let number = 1 + match last {
                Some(last) => last,
                None => last_number(connection).await?,
            };
            last = Some(number);
            self.know(number, (*name).to_owned());
            new.push((number, name));
        }
        create(connection, &new).await?;
        enter(connection, new.iter().map(|(number, name)| entry(name, *number)).collect()).await
    }
}

/// The numbers of these patients; who has none gets one.
///
/// # Errors
///
/// [`StoreError`].
pub async fn numbers(connection: &mut Connection, pseudonyms: &[&str]) -> Result<Patients, StoreError> {
    let mut patients = Patients::of(connection, pseudonyms).await?;
    patients.add(connection, pseudonyms).await?;
    Ok(patients)
}

async fn selected<T: serde::de::DeserializeOwned>(
    connection: &mut Connection,
    select: &'static str,
    list: &bulk::List,
) -> Result<T, StoreError> {
    let selected: String = connection.query(select).bind(list).scalar().await?;
    serde_json::from_str(&selected).map_err(|_| StoreError::Damaged { what: "patient" })
}

pub(crate) async fn last_number(connection: &mut Connection) -> Result<i64, StoreError> {
    connection.query("SELECT coalesce(max(id), 0) FROM patient").scalar().await
}

/// New patients.
pub(crate) async fn create(connection: &mut Connection, new: &[(i64, &str)]) -> Result<(), StoreError> {
    bulk::insert(connection, "INSERT INTO patient (id, pseudonym, epoch)", 3, "", new, |row, (number, pseudonym)| {
        row.bind(number).bind(*pseudonym).bind(epoch(pseudonym))
    })
    .await?;
    Ok(())
}

/// The epoch of a pseudonym as it is kept; 0 for a text that is none.
pub(crate) fn epoch(pseudonym: &str) -> i64 {
    epoch_of(pseudonym).map_or(0, |(_domain, epoch)| i64::from(epoch))
}

/// A name of a patient in the index.
pub(crate) fn entry(name: &str, patient: i64) -> (i64, i64) {
    (hash(name), patient)
}

/// Enters names of patients into the index.
pub(crate) async fn enter(connection: &mut Connection, mut entries: Vec<(i64, i64)>) -> Result<(), StoreError> {
    entries.sort_unstable();
    const INSERT: &str = "INSERT INTO patient_name_fresh (hash, patient)";
    // A patient may have two names with one hash.
    let added = bulk::insert(connection, INSERT, 2, "ON CONFLICT DO NOTHING", &entries, |row, (hash, patient)| {
        row.bind(hash).bind(patient)
    })
    .await?;
    if added == 0 {
        return Ok(());
    }
    const FRESH: &str = "SELECT CAST(value AS BIGINT) FROM setting WHERE name = ?";
    let fresh: Option<i64> = connection.query(FRESH).bind(FRESH_NAMES).scalar_optional().await?;
    let mut fresh = fresh.unwrap_or(0).saturating_add_unsigned(added);
    if fresh >= PORTION {
        // In order, so that each page is written once.
        const GATHER: &str = "INSERT INTO patient_name (hash, patient) SELECT hash, patient FROM patient_name_fresh WHERE true
            ORDER BY hash, patient ON CONFLICT DO NOTHING";
        connection.query(GATHER).execute().await?;
        connection.query("DELETE FROM patient_name_fresh").execute().await?;
        fresh = 0;
    }
    set(connection, FRESH_NAMES, &fresh.to_string()).await
}

/// Takes names out of the index.
pub(crate) async fn leave(connection: &mut Connection, entries: &[(i64, i64)]) -> Result<(), StoreError> {
    for (hash, patient) in entries {
        const SETTLED: &str = "DELETE FROM patient_name WHERE hash = ? AND patient = ?";
        const FRESH: &str = "DELETE FROM patient_name_fresh WHERE hash = ? AND patient = ?";
        for delete in [SETTLED, FRESH] {
            connection.query(delete).bind(*hash).bind(*patient).execute().await?;
        }
    }
    Ok(())
}
