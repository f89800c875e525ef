//! A rotation in SQL.

use std::collections::BTreeSet;

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{
    Finding, Learning, Pair,
    renaming::{Merge, Renaming},
    sql::{self as pairs, Rows, Said, Tells},
};
use store::{Connection, Passage, StoreError, bulk, itinerary};

use super::SqlStore;
use crate::store::{
    Arrived,
    recode::{brought, renamed, translated},
};

/// The records, with what stands beside them.
struct Records;

/// Made when a patient under two numbers is met for the first time: no other statement looks for all records of a patient, and an index over
/// every record costs at every arrival.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS record_by_patient ON record (patient)";

#[async_trait]
impl Rows for Records {
    async fn conflicting(&self, connection: &mut Connection, renaming: &Renaming) -> Result<BTreeSet<String>, StoreError> {
        const SELECT: &str = "SELECT r.patient, r.dcd, r.sender, r.unique_id FROM json_each(?) k CROSS JOIN record r
            WHERE r.patient = CAST(k.value AS BIGINT) AND r.names_patient = 1 AND r.deleted = 0";
        let concerned = renaming.concerned();
        let numbers = bulk::list(&concerned.keys().collect::<Vec<_>>())?;
        let mut standing = Vec::new();
        for row in connection.query(SELECT).bind(&numbers).fetch_all().await? {
            let Some((present, latest)) = concerned.get(&row.try_get("patient")?) else { continue };
            let unique_id = renamed(row.try_get("unique_id")?, present, latest);
            let key = (row.try_get::<String>("dcd")?, row.try_get::<String>("sender")?, unique_id);
            standing.push(((*latest).to_owned(), key));
        }
        // One record lives under a unique id; those that do not name a patient do so already.
        Ok(pairs::standing_twice(standing))
    }

    async fn recode(&self, connection: &mut Connection, renaming: &Renaming) -> Result<(), StoreError> {
        const UNIQUE_IDS: &str = "UPDATE record SET unique_id = replace(record.unique_id, moves.old, moves.new) FROM moves
            WHERE record.patient = moves.patient AND record.names_patient = 1";
        renaming.update(connection, UNIQUE_IDS).await?;
        if !renaming.merged.is_empty() {
            connection.query(INDEX).at_length().execute().await?;
        }
        for Merge { from, into, .. } in &renaming.merged {
            const MERGE: &str = "UPDATE record SET patient = ? WHERE patient = ?";
            connection.query(MERGE).bind(*into).bind(*from).execute().await?;
        }
        Ok(())
    }
}

/// Learns the pairs that arrivals bring along, and gives the arrivals under the latest pseudonyms; none when they are under these already.
pub(super) async fn translate(
    connection: &mut Connection,
    arrivals: &[Arrived],
    at: Timestamp,
) -> Result<Option<Vec<Arrived>>, StoreError> {
    let wanted = brought(arrivals);
    if !wanted.is_empty() {
        pairs::learn(connection, &Records, &wanted, Said::ByTtp, at).await?;
    }
    let names: Vec<&str> = arrivals.iter().map(|arrived| arrived.pseudonym.as_str()).collect();
    let known = pairs::load(connection, &names).await?;
    Ok((!known.is_empty()).then(|| translated(arrivals, &known)))
}

#[async_trait]
impl Learning for SqlStore {
    async fn learn(&self, wanted: &[Pair], at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError> {
        let mut transaction = self.database.write().await?;
        let learned = pairs::learn(&mut transaction, &Records, wanted, Said::ByTtp, at).await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(learned.findings)
    }

    async fn recode_findings(&self) -> Result<Vec<Finding>, StoreError> {
        pairs::findings(&self.database).await
    }

    async fn recoded(&self) -> Result<u64, StoreError> {
        pairs::recoded(&self.database).await
    }
}

impl Tells for SqlStore {}
