//! Pairs in SQL, inside the transactions of the store that keeps them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use clock::Timestamp;
use store::{Connection, Database, InDatabase, Passage, Row, StoreError, bulk, itinerary};
use uuid::Uuid;

use crate::{
    Decision, Finding, Pair, Pairs, Refusal, Telling, UntoldPair,
    patients::{self, Patients},
    renaming::Renaming,
};

/// The tables, as a step of the schema of a store. A pair is a past name of a patient, whose present one is in [`crate::patients::TABLES`]; `id` is the
/// order in which pairs were learned; `by_ttp` is 0 as long as a pair follows from a patient's tag alone.
pub const TABLES: &str = "
CREATE TABLE recoded (id INTEGER PRIMARY KEY, patient INTEGER NOT NULL, old TEXT NOT NULL, by_ttp INTEGER NOT NULL);
CREATE INDEX recoded_by_patient ON recoded (patient);
CREATE INDEX recoded_to_ask ON recoded (id) WHERE by_ttp = 0;
CREATE TABLE recode_finding (
    old TEXT NOT NULL, new TEXT NOT NULL, code TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (old, new, code)) WITHOUT ROWID;
";

const TOLD: &str = "pairs told";
const ARRIVED: &str = "pairs arrived";
const INCARNATION: &str = "pairs told on";

/// The rows of a store that pseudonyms stand in.
#[async_trait]
pub trait Rows: Sync {
    /// The latest pseudonyms under which, after this renaming, there would be rows that cannot stand side by side.
    async fn conflicting(&self, connection: &mut Connection, renaming: &Renaming) -> Result<BTreeSet<String>, StoreError>;

    /// Puts the rows of patients who are one under one number, and the latest pseudonym in the place of each earlier one that stands in the rows
    /// themselves.
    async fn recode(&self, connection: &mut Connection, renaming: &Renaming) -> Result<(), StoreError>;
}

/// A store in a database that tells its pairs on.
pub trait Tells: InDatabase {}

#[async_trait]
impl<S: Tells + Send + Sync> Telling for S {
    async fn tell_on(&self, incarnation: Uuid) -> Result<(), StoreError> {
        tell_on(self.database(), incarnation).await
    }

    async fn untold(&self, limit: u32) -> Result<Vec<UntoldPair>, StoreError> {
        untold(self.database(), limit).await
    }

    async fn told(&self, number: i64, passages: &[Passage]) -> Result<(), StoreError> {
        let mut transaction = self.database().write().await?;
        told(&mut transaction, number).await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn arrived(&self) -> Result<(), StoreError> {
        arrived(self.database()).await
    }

    async fn has_arrived(&self) -> Result<bool, StoreError> {
        has_arrived(self.database()).await
    }
}

/// Who says that two pseudonyms are one patient's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The TTP. A pair that cannot be is a finding.
    ByTtp,
    /// A patient's tag, until the TTP confirms it. A pair that cannot be is held against the item that brought it.
    ByTag,
}

/// What was learned.
pub struct Learned {
    /// What was decided.
    pub decision: Decision,
    /// The findings that are new.
    pub findings: Vec<Finding>,
}

/// Learns pairs: decides on them given what is known, re-codes the rows, keeps pairs and findings.
///
/// # Errors
///
/// [`StoreError`].
pub async fn learn(
    connection: &mut Connection,
    rows: &dyn Rows,
    wanted: &[Pair],
    said: Said,
    at: Timestamp,
) -> Result<Learned, StoreError> {
    let (mut decision, renaming) = decide(connection, rows, wanted).await?;
    if said == Said::ByTag {
        decision.findings.clear();
    }
    if !decision.moves.is_empty() {
        rows.recode(connection, &renaming).await?;
        renaming.apply(connection, said == Said::ByTtp).await?;
    }
    let findings = note(connection, &decision.findings, at).await?;
    Ok(Learned { decision, findings })
}

async fn decide(connection: &mut Connection, rows: &dyn Rows, wanted: &[Pair]) -> Result<(Decision, Renaming), StoreError> {
    let names: Vec<&str> = wanted.iter().flat_map(|pair| [pair.old.as_str(), pair.new.as_str()]).collect();
    let patients = Patients::of(connection, &names).await?;
    let (known, last) = (patients.pairs(), patients::last_number(connection).await?);
    let mut conflicts = BTreeSet::new();
    loop {
        let decision = Decision::on(&known, wanted, &conflicts);
        let renaming = Renaming::of(&patients, &decision.moves, last);
        if decision.moves.is_empty() {
            return Ok((decision, renaming));
        }
        let found = decision.leading_to(wanted, &rows.conflicting(connection, &renaming).await?);
        if found.is_subset(&conflicts) {
            return Ok((decision, renaming));
        }
        conflicts.extend(found);
    }
}

/// The latest pseudonyms under which something stands more than once.
pub fn standing_twice<K: Ord>(rows: impl IntoIterator<Item = (String, K)>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    rows.into_iter().filter_map(|(latest, key)| (!seen.insert((latest.clone(), key))).then_some(latest)).collect()
}

/// The pairs that these pseudonyms are in, and those that follow from them.
///
/// # Errors
///
/// [`StoreError`].
pub async fn load(connection: &mut Connection, pseudonyms: &[&str]) -> Result<Pairs, StoreError> {
    // Most stores have never seen a rotation.
    if connection.query("SELECT id FROM recoded LIMIT 1").fetch_optional().await?.is_none() {
        return Ok(Pairs::default());
    }
    Ok(Patients::of(connection, pseudonyms).await?.pairs())
}

/// The TTP has answered about these, so they need not be asked for again.
///
/// # Errors
///
/// [`StoreError`].
pub async fn confirm(connection: &mut Connection, olds: &BTreeSet<&str>) -> Result<(), StoreError> {
    if connection.query("SELECT id FROM recoded WHERE by_ttp = 0 LIMIT 1").fetch_optional().await?.is_none() {
        return Ok(());
    }
    const CONFIRM: &str = "UPDATE recoded SET by_ttp = 1 WHERE by_ttp = 0 AND old IN (SELECT value FROM json_each(?))";
    connection.query(CONFIRM).bind(&bulk::list(olds)?).execute().await?;
    Ok(())
}

/// Keeps findings. Returns those that are new.
///
/// # Errors
///
/// [`StoreError::Database`].
pub async fn note(connection: &mut Connection, findings: &[Finding], at: Timestamp) -> Result<Vec<Finding>, StoreError> {
    let mut new = Vec::new();
    for finding in findings {
        const INSERT: &str = "INSERT INTO recode_finding (old, new, code, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let insert = connection.query(INSERT).bind(&finding.pair.old).bind(&finding.pair.new).bind(finding.refusal.code());
        if insert.bind(at.as_micros()).execute().await? > 0 {
            new.push(finding.clone());
        }
    }
    Ok(new)
}

/// All findings, in the order of their pairs.
///
/// # Errors
///
/// [`StoreError`].
pub async fn findings(database: &Database) -> Result<Vec<Finding>, StoreError> {
    let rows = database.query("SELECT old, new, code FROM recode_finding ORDER BY old, new, code").fetch_all().await?;
    let finding = |row: &Row| {
        let refusal = Refusal::of_code(row.try_get("code")?).ok_or(StoreError::Damaged { what: "finding" })?;
        Ok(Finding { pair: Pair { old: row.try_get("old")?, new: row.try_get("new")? }, refusal })
    };
    rows.iter().map(finding).collect()
}

/// How many pseudonyms are another one now.
///
/// # Errors
///
/// [`StoreError::Database`].
pub async fn recoded(database: &Database) -> Result<u64, StoreError> {
    let count: i64 = database.query("SELECT count(*) FROM recoded").scalar().await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

async fn position(database: &Database, name: &str) -> Result<i64, StoreError> {
    let value: Option<String> = database.query("SELECT value FROM setting WHERE name = ?").bind(name).scalar_optional().await?;
    value.map_or(Ok(0), |value| value.parse().map_err(|_| StoreError::Damaged { what: "position" }))
}

/// As [`Telling::tell_on`].
///
/// # Errors
///
/// [`StoreError`].
async fn tell_on(database: &Database, incarnation: Uuid) -> Result<(), StoreError> {
    let incarnation = incarnation.to_string();
    if database.holds(INCARNATION, &incarnation).await? {
        return Ok(());
    }
    let arrived = position(database, ARRIVED).await?;
    // In this order: a crash in between goes back a second time.
    database.set(TOLD, &arrived.to_string()).await?;
    database.set(INCARNATION, &incarnation).await
}

/// As [`Telling::untold`].
///
/// # Errors
///
/// [`StoreError`].
async fn untold(database: &Database, limit: u32) -> Result<Vec<UntoldPair>, StoreError> {
    const SELECT: &str = "SELECT r.id, r.old, p.pseudonym AS new FROM recoded r JOIN patient p ON p.id = r.patient
        WHERE r.id > ? ORDER BY r.id LIMIT ?";
    let rows = database.query(SELECT).bind(position(database, TOLD).await?).bind(limit).fetch_all().await?;
    let untold = |row: &Row| {
        Ok(UntoldPair { number: row.try_get("id")?, pair: Pair { old: row.try_get("old")?, new: row.try_get("new")? } })
    };
    rows.iter().map(untold).collect()
}

/// As [`Telling::told`], inside the transaction of the passages.
///
/// # Errors
///
/// [`StoreError::Database`].
async fn told(connection: &mut Connection, number: i64) -> Result<(), StoreError> {
    set(connection, TOLD, &number.to_string()).await
}

/// Sets a setting of the store inside a transaction.
///
/// # Errors
///
/// [`StoreError::Database`].
pub async fn set(connection: &mut Connection, name: &str, value: &str) -> Result<(), StoreError> {
    const UPSERT: &str =
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.query(UPSERT).bind(name).bind(value).execute().await?;
    Ok(())
}

/// As [`Telling::arrived`].
///
/// # Errors
///
/// [`StoreError`].
async fn arrived(database: &Database) -> Result<(), StoreError> {
    let told = position(database, TOLD).await?;
    database.set(ARRIVED, &told.to_string()).await
}

/// As [`Telling::has_arrived`].
///
/// # Errors
///
/// [`StoreError`].
async fn has_arrived(database: &Database) -> Result<bool, StoreError> {
    let arrived = position(database, ARRIVED).await?;
    let last: i64 = database.query("SELECT coalesce(max(id), 0) FROM recoded").scalar().await?;
    Ok(arrived >= last)
}

#[cfg(test)]
mod tests;
