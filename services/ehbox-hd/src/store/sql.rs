//! The store in SQL.

mod recode;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{Pair, Pairs, sql::Said};
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
    tag BLOB NOT NULL, sender INTEGER NOT NULL, pseudonym TEXT NOT NULL, PRIMARY KEY (tag, sender)) WITHOUT ROWID;
CREATE UNIQUE INDEX patient_tag_by_pseudonym ON patient_tag (pseudonym, sender);
",
        recoding::sql::TABLES,
        recode::JOBS,
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
        let names = bindings.iter().map(|binding| binding.pseudonym.as_str());
        let before = self.aim();
        let aim = recode::raise(&mut transaction, before.as_ref(), names.clone()).await?;
        let mut pairs = recoding::sql::load(&mut transaction, names).await?;
        let sender_of = |binding: &Binding| senders.get(&(binding.sender.clone(), binding.hospital.to_string())).copied();
        let rows: Vec<(&Binding, i64)> = bindings.iter().filter_map(|binding| Some((*binding, sender_of(binding)?))).collect();
        let mut known = remember(&mut transaction, &pairs, &rows).await?;
        let held = |known: &Known, binding: &Binding| known.get(&(binding.tag.to_vec(), sender_of(binding)?)).cloned();
        // A tag that comes under a pseudonym of another epoch says that both are one patient's. The TTP is asked to confirm it.
        let infer = |binding: &&&Binding| inferred(&held(&known, binding)?, pairs.now(&binding.pseudonym));
        let wanted: Vec<Pair> = bindings.iter().filter_map(|binding| infer(&binding)).collect();
        if !wanted.is_empty() {
            recoding::sql::learn(&mut transaction, &recode::Tags, &wanted, Said::ByTag, at).await?;
            let names = bindings.iter().map(|binding| binding.pseudonym.as_str());
            pairs = recoding::sql::load(&mut transaction, names).await?;
            known = remember(&mut transaction, &pairs, &rows).await?;
        }
        transaction.commit().await?;
        let wakes = aim != before || !wanted.is_empty();
        let bound = |binding: &&Binding| {
            let now = pairs.now(&binding.pseudonym);
            let agrees = held(&known, binding)? == now;
            let wakes = wakes || aim.as_ref().is_some_and(|aim| aim.is_behind(now));
            agrees.then(|| Bound { pseudonym: now.to_owned(), earlier: pairs.earlier(now).map(str::to_owned).collect(), wakes })
        };
        let bound = bindings.iter().map(bound).collect();
        self.set_aim(aim);
        Ok(bound)
    }
}

/// The pseudonyms of tags, each with its sender.
type Known = BTreeMap<(Vec<u8>, i64), String>;

/// Remembers what is new and breaks neither side of one to one, and reads back what stands then.
async fn remember(connection: &mut Connection, pairs: &Pairs, rows: &[(&Binding, i64)]) -> Result<Known, StoreError> {
    const HEAD: &str = "INSERT INTO patient_tag (tag, sender, pseudonym)";
    bulk::insert(connection, HEAD, 3, "ON CONFLICT DO NOTHING", rows, |row, (binding, sender)| {
        row.bind(&binding.tag[..]).bind(sender).bind(pairs.now(&binding.pseudonym).to_owned())
    })
    .await?;
    let tags: Vec<Uuid> = rows.iter().map(|(binding, _)| Uuid::from_bytes(binding.tag)).collect();
    const SELECT: &str = "SELECT tag, sender, pseudonym FROM patient_tag WHERE tag IN (SELECT unhex(value) FROM json_each(?))";
    let found = connection.query(SELECT).bind(&bulk::id_list(&tags)).fetch_all().await?;
    let mut known = Known::new();
    for row in &found {
        known.insert((row.try_get("tag")?, row.try_get("sender")?), row.try_get("pseudonym")?);
    }
    Ok(known)
}
