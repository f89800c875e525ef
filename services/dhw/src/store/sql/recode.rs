//! A rotation in SQL.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{
    Finding, Learning, Pair,
    patients::Patients,
    renaming::{Merge, Renaming},
    sql::{self as pairs, Rows, Said},
};
use store::{AssertSqlSafe, Connection, Passage, StoreError, bulk, itinerary};

use super::SqlStore;
use crate::{
    across::{Member, Touched},
    conclude::conclude,
    decide::{Decision, Live},
    store::{recode, write},
    validate::Registration,
};

/// The registrations and findings of all registers.
struct Rewriting<'a> {
    store: &'a SqlStore,
    /// Pseudonyms under which registrations of two met.
    met: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Rows for Rewriting<'_> {
    async fn conflicting(&self, connection: &mut Connection, renaming: &Renaming) -> Result<BTreeSet<String>, StoreError> {
        let concerned = renaming.concerned();
        let numbers = bulk::list(&concerned.keys().collect::<Vec<_>>())?;
        let mut standing = Vec::new();
        for (register, table) in self.store.tables.iter().enumerate().filter(|(_, table)| table.names_patient) {
            let sql = format!(
                "SELECT t.patient, t.sender, t.unique_id FROM json_each(?) k CROSS JOIN {} t WHERE t.patient = CAST(k.value AS BIGINT)",
                table.name
            );
            for row in connection.query(AssertSqlSafe(sql)).bind(&numbers).fetch_all().await? {
                let Some((present, latest)) = concerned.get(&row.try_get("patient")?) else { continue };
                let unique_id = row.try_get::<&str>("unique_id")?.replace(present, latest);
                standing.push(((*latest).to_owned(), (register, row.try_get::<String>("sender")?, unique_id)));
            }
        }
        // One registration of a hospital stands under a unique id; where these name no patient, it does so already.
        Ok(pairs::standing_twice(standing))
    }

    async fn recode(&self, connection: &mut Connection, renaming: &Renaming) -> Result<(), StoreError> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).extend(renaming.met());
        for table in &self.store.tables {
            let name = &table.name;
            if table.names_patient {
                let unique_ids = format!(
                    "UPDATE {name} SET unique_id = replace({name}.unique_id, moves.old, moves.new) FROM moves
                    WHERE {name}.patient = moves.patient"
                );
                renaming.update(connection, &unique_ids).await?;
            }
            for Merge { from, into, .. } in &renaming.merged {
                let merge = format!("UPDATE {name} SET patient = ? WHERE patient = ?");
                connection.query(AssertSqlSafe(merge)).bind(*into).bind(*from).execute().await?;
            }
        }
        for merge in &renaming.merged {
            stand_together(connection, merge).await?;
        }
        const FINDINGS: &str = "UPDATE finding SET pseudonym = moves.new,
            unique_id = replace(finding.unique_id, moves.old, moves.new) FROM moves WHERE finding.pseudonym = moves.old";
        renaming.update(connection, FINDINGS).await
    }
}

/// Two patients who are one stand where the first of them stood.
async fn stand_together(connection: &mut Connection, Merge { from, into, .. }: &Merge) -> Result<(), StoreError> {
    const FIRST: &str = "SELECT min(first_pseudonym) FROM patient_order WHERE patient IN (?, ?)";
    let first: Option<String> = connection.query(FIRST).bind(*from).bind(*into).scalar().await?;
    let Some(first) = first else { return Ok(()) };
    connection.query("DELETE FROM patient_order WHERE patient IN (?, ?)").bind(*from).bind(*into).execute().await?;
    const INSERT: &str = "INSERT INTO patient_order (patient, first_pseudonym) VALUES (?, ?)";
    connection.query(INSERT).bind(*into).bind(first).execute().await?;
    Ok(())
}

impl SqlStore {
    /// Learns pairs, re-codes the registrations by them, and judges those anew that met.
    async fn learn_pairs(&self, connection: &mut Connection, wanted: &[Pair], at: Timestamp) -> Result<Vec<Finding>, StoreError> {
        let patients = Rewriting { store: self, met: Mutex::default() };
        let learned = pairs::learn(connection, &patients, wanted, Said::ByTtp, at).await?;
        let met = patients.met.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !met.is_empty() {
            self.judge_anew(connection, &met).await?;
        }
        Ok(learned.findings)
    }

    /// The rules across registrations on patients who were two until now.
    async fn judge_anew(&self, connection: &mut Connection, patients: &BTreeSet<String>) -> Result<(), StoreError> {
        let known = Patients::of(connection, &patients.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let numbers: BTreeSet<i64> = patients.iter().filter_map(|patient| known.number(patient)).collect();
        let numbers = bulk::list(&numbers)?;
        let mut of_patients: Vec<Live> = Vec::new();
        for register in 0..self.tables.len() {
            of_patients.extend(self.members_of(connection, register, &numbers).await?);
        }
        let touched = Touched::by(&self.registers, of_patients.iter().map(|live| &live.member));
        let contested = self.contested(connection, &touched, &[], &known).await?;
        let standing = self.standing(connection, &touched, &contested, &known, &[]).await?;
        let kept = self.kept(connection, &standing).await?;
        let members: Vec<&Member> = standing.iter().map(|live| &live.member).collect();
        let conclusion = conclude(&self.registers, &[], &Decision::default(), &touched, &members, &kept);
        write::findings(connection, &conclusion.added, &conclusion.cleared).await
    }

    /// Puts the registrations of a batch under the latest pseudonyms, when the pairs that they bring along are learned.
    pub(super) async fn translate(
        &self,
        connection: &mut Connection,
        batch: &mut [Registration],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let wanted = recode::brought(batch);
        if !wanted.is_empty() {
            self.learn_pairs(connection, &wanted, at).await?;
        }
        let names: Vec<&str> = batch.iter().map(|registration| registration.member.pseudonym.as_str()).collect();
        let known = pairs::load(connection, &names).await?;
        recode::translate(batch, &known);
        Ok(())
    }
}

#[async_trait]
impl Learning for SqlStore {
    async fn learn(&self, wanted: &[Pair], at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError> {
        let mut transaction = self.database.write().await?;
        let findings = self.learn_pairs(&mut transaction, wanted, at).await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(findings)
    }

    async fn recode_findings(&self) -> Result<Vec<Finding>, StoreError> {
        pairs::findings(&self.database).await
    }

    async fn recoded(&self) -> Result<u64, StoreError> {
        pairs::recoded(&self.database).await
    }
}
