//! The store in SQL.

mod recode;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{Pair, patients::Patients, sql::Said};
use store::{Connection, Database, InDatabase, Location, Schema, StoreError, bulk};
use uuid::Uuid;

use super::{
    Binding, Bound, HdStore,
    recode::{Aim, inferred},
};

pub(super) use recode::sorted;

const SCHEMA: Schema = Schema {
    steps: &[
        "
CREATE TABLE sender (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, hospital TEXT NOT NULL UNIQUE);
CREATE TABLE patient_tag (
    tag BLOB NOT NULL, sender INTEGER NOT NULL, patient INTEGER NOT NULL, PRIMARY KEY (tag, sender)) WITHOUT ROWID;
CREATE UNIQUE INDEX patient_tag_by_patient ON patient_tag (patient, sender);
",
        recoding::patients::TABLES,
        recoding::sql::TABLES,
        recode::JOBS,
        recode::BY_EPOCH,
    ],
};

/// The store `ehbox-hd`, in a SQLite file or a schema of PostgreSQL.
#[derive(Debug, Clone)]
pub struct SqlStore {
    database: Database,
    /// As the store has it; read for every item.
    aim: Arc<RwLock<Option<Aim>>>,
}

impl SqlStore {
    /// Its schema.
    pub const SCHEMA: Schema = SCHEMA;

    /// Opens the store.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open(location: impl Into<Location>) -> Result<Self, StoreError> {
        let store = Self { database: Database::open(location, crate::SERVICE, SCHEMA).await?, aim: Arc::default() };
        store.set_aim(recode::aim(&store).await?);
        Ok(store)
    }

    fn aim(&self) -> Option<Aim> {
        self.aim.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_aim(&self, aim: Option<Aim>) {
        *self.aim.write().unwrap_or_else(PoisonError::into_inner) = aim;
    }
}

/// The numbers of the senders whose code goes with their hospital.
async fn senders(connection: &mut Connection, bindings: &[&Binding]) -> Result<BTreeMap<(String, String), i64>, StoreError> {
    let mut senders = BTreeMap::new();
    for binding in bindings {
        let pair = (binding.sender.clone(), binding.hospital.to_string());
        if senders.contains_key(&pair) {
            continue;
        }
        connection
            .query("INSERT INTO sender (code, hospital) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(&pair.0)
            .bind(&pair.1)
            .execute()
            .await?;
        let id: Option<i64> = connection
            .query("SELECT id FROM sender WHERE code = ? AND hospital = ?")
            .bind(&pair.0)
            .bind(&pair.1)
            .scalar_optional()
            .await?;
        if let Some(id) = id {
            senders.insert(pair, id);
        }
    }
    Ok(senders)
}

impl InDatabase for SqlStore {
    fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl HdStore for SqlStore {
    async fn bind(&self, bindings: &[&Binding], at: Timestamp) -> Result<Vec<Option<Bound>>, StoreError> {
        let mut transaction = self.database.write().await?;
        let senders = senders(&mut transaction, bindings).await?;
        let names: Vec<&str> = bindings.iter().map(|binding| binding.pseudonym.as_str()).collect();
        let before = self.aim();
        let aim = recode::raise(&mut transaction, before.as_ref(), &names).await?;
        let mut patients = Patients::of(&mut transaction, &names).await?;
        let sender_of = |binding: &Binding| senders.get(&(binding.sender.clone(), binding.hospital.to_string())).copied();
        let rows: Vec<(&Binding, i64)> = bindings.iter().filter_map(|binding| Some((*binding, sender_of(binding)?))).collect();
        let mut known = remember(&mut transaction, &mut patients, &rows).await?;
        let held = |known: &Known, binding: &Binding| known.get(&(binding.tag.to_vec(), sender_of(binding)?)).cloned();
        // A tag that comes under a pseudonym of another epoch says that both are one patient's. The TTP is asked to confirm it.
        let infer = |binding: &&&Binding| inferred(&held(&known, binding)?, patients.now(&binding.pseudonym));
        let wanted: Vec<Pair> = bindings.iter().filter_map(|binding| infer(&binding)).collect();
        if !wanted.is_empty() {
            recoding::sql::learn(&mut transaction, &recode::Tags, &wanted, Said::ByTag, at).await?;
            patients = Patients::of(&mut transaction, &names).await?;
            known = remember(&mut transaction, &mut patients, &rows).await?;
        }
        transaction.commit().await?;
        let wakes = aim != before || !wanted.is_empty();
        let bound = |binding: &&Binding| {
            let now = patients.now(&binding.pseudonym);
            let agrees = held(&known, binding)? == now;
            let wakes = wakes || aim.as_ref().is_some_and(|aim| aim.is_behind(now));
            agrees.then(|| Bound { pseudonym: now.to_owned(), earlier: patients.earlier(now).to_vec(), wakes })
        };
        let bound = bindings.iter().map(bound).collect();
        self.set_aim(aim);
        Ok(bound)
    }
}

/// The pseudonyms of tags, each with its sender.
type Known = BTreeMap<(Vec<u8>, i64), String>;

/// Remembers what is new and breaks neither side of one to one, and says what stands then.
async fn remember(connection: &mut Connection, patients: &mut Patients, rows: &[(&Binding, i64)]) -> Result<Known, StoreError> {
    let tags: Vec<Uuid> = rows.iter().map(|(binding, _)| Uuid::from_bytes(binding.tag)).collect();
    const BY_TAG: &str = "SELECT t.tag, t.sender, p.pseudonym FROM patient_tag t JOIN patient p ON p.id = t.patient
        WHERE t.tag IN (SELECT unhex(value) FROM json_each(?))";
    let mut known = Known::new();
    for row in connection.query(BY_TAG).bind(&bulk::id_list(&tags)).fetch_all().await? {
        known.insert((row.try_get("tag")?, row.try_get("sender")?), row.try_get("pseudonym")?);
    }
    let numbers: BTreeSet<i64> = rows.iter().filter_map(|(binding, _)| patients.number(&binding.pseudonym)).collect();
    const BY_PATIENT: &str = "SELECT p.pseudonym, t.sender FROM json_each(?) k CROSS JOIN patient_tag t CROSS JOIN patient p
        WHERE t.patient = CAST(k.value AS BIGINT) AND p.id = t.patient";
    let mut tagged: BTreeSet<(String, i64)> = BTreeSet::new();
    for row in connection.query(BY_PATIENT).bind(&bulk::list(&numbers)?).fetch_all().await? {
        tagged.insert((row.try_get("pseudonym")?, row.try_get("sender")?));
    }
    let mut new: Vec<(&Binding, i64)> = Vec::new();
    for (binding, sender) in rows {
        let tag = (binding.tag.to_vec(), *sender);
        let patient = (patients.now(&binding.pseudonym).to_owned(), *sender);
        if !known.contains_key(&tag) && tagged.insert(patient.clone()) {
            known.insert(tag, patient.0);
            new.push((binding, *sender));
        }
    }
    let names: Vec<&str> = new.iter().map(|(binding, _)| binding.pseudonym.as_str()).collect();
    patients.add(connection, &names).await?;
    bulk::insert(connection, "INSERT INTO patient_tag (tag, sender, patient)", 3, "", &new, |row, (binding, sender)| {
        row.bind(&binding.tag[..]).bind(sender).bind(patients.number(&binding.pseudonym))
    })
    .await?;
    Ok(known)
}
