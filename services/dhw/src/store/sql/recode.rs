//! A rotation in SQL.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{
    Finding, Learning, Pair,
    patients::{Merge, Renaming},
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
struct Patients<'a> {
    store: &'a SqlStore,
    /// Pseudonyms under which registrations of two met.
    met: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Rows for Patients<'_> {
    async fn conflicting(&self, connection: &mut Connection, moves: &[Pair]) -> Result<BTreeSet<String>, StoreError> {
        let (latest, names) = pairs::names(moves)?;
        let mut standing = Vec::new();
        for (number, table) in self.store.tables.iter().enumerate().filter(|(_, table)| table.names_patient) {
            let sql = format!(
                "SELECT p.pseudonym, t.sender, t.unique_id FROM json_each(?) k CROSS JOIN patient p CROSS JOIN {} t
                WHERE p.pseudonym = k.value AND t.patient = p.id",
                table.name
            );
            for row in connection.query(AssertSqlSafe(sql)).bind(&names).fetch_all().await? {
                let (pseudonym, unique_id): (&str, &str) = (row.try_get("pseudonym")?, row.try_get("unique_id")?);
                let now = latest.get(pseudonym).copied().unwrap_or(pseudonym);
                let key = (number, row.try_get::<String>("sender")?, unique_id.replace(pseudonym, now));
                standing.push((now.to_owned(), key));
            }
        }
        // One registration of a hospital stands under a unique id; where these name no patient, it does so already.
        Ok(pairs::standing_twice(standing))
    }

    async fn recode(&self, connection: &mut Connection, moves: &[Pair]) -> Result<(), StoreError> {
        let renaming = Renaming::of(connection, moves).await?;
        let met = renaming.met(connection).await?;
        self.met.lock().unwrap_or_else(PoisonError::into_inner).extend(met);
        for table in &self.store.tables {
            let name = &table.name;
            if table.names_patient {
                let unique_ids = format!(
                    "UPDATE {name} SET unique_id = replace({name}.unique_id, moves.old, moves.new) FROM moves
                    WHERE {name}.patient = moves.patient"
                );
                renaming.update(connection, &unique_ids).await?;
            }
            for Merge { from, into } in &renaming.merged {
                let merge = format!("UPDATE {name} SET patient = ? WHERE patient = ?");
                connection.query(AssertSqlSafe(merge)).bind(*into).bind(*from).execute().await?;
            }
        }
        renaming.apply(connection).await?;
        const FINDINGS: &str = ") UPDATE finding SET pseudonym = moves.new,
            unique_id = replace(finding.unique_id, moves.old, moves.new) FROM moves WHERE finding.pseudonym = moves.old";
        pairs::update_by(connection, FINDINGS, moves).await
    }
}

impl SqlStore {
    /// Learns pairs, re-codes the registrations by them, and judges those anew that met.
    async fn learn_pairs(&self, connection: &mut Connection, wanted: &[Pair], at: Timestamp) -> Result<Vec<Finding>, StoreError> {
        let patients = Patients { store: self, met: Mutex::default() };
        let learned = pairs::learn(connection, &patients, wanted, Said::ByTtp, at).await?;
        let met = patients.met.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !met.is_empty() {
            self.judge_anew(connection, &met).await?;
        }
        Ok(learned.findings)
    }

    /// The rules across registrations on patients who were two until now.
    async fn judge_anew(&self, connection: &mut Connection, patients: &BTreeSet<String>) -> Result<(), StoreError> {
        let names = bulk::list(&patients)?;
        let mut of_patients: Vec<Live> = Vec::new();
        for register in 0..self.tables.len() {
            of_patients.extend(self.members_of(connection, register, &names).await?);
        }
        let touched = Touched::by(&self.registers, of_patients.iter().map(|live| &live.member));
        let contested = self.contested(connection, &touched, &[]).await?;
        let standing = self.standing(connection, &touched, &contested, &[]).await?;
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
        let names = batch.iter().map(|registration| registration.member.pseudonym.as_str());
        let known = pairs::load(connection, names).await?;
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
