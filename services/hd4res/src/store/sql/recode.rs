//! A rotation in SQL.

use std::collections::BTreeSet;

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{
    Finding, Learning, Pair,
    patients::{Merge, Renaming},
    sql::{self as pairs, Rows, Said, Tells},
};
use store::{Connection, Passage, StoreError, itinerary};

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
    async fn conflicting(&self, connection: &mut Connection, moves: &[Pair]) -> Result<BTreeSet<String>, StoreError> {
        const SELECT: &str = "SELECT p.pseudonym, r.dcd, r.sender, r.unique_id FROM json_each(?) k CROSS JOIN patient p
            CROSS JOIN record r WHERE p.pseudonym = k.value AND r.patient = p.id AND r.names_patient = 1 AND r.deleted = 0";
        let (latest, names) = pairs::names(moves)?;
        let mut standing = Vec::new();
        for row in connection.query(SELECT).bind(names).fetch_all().await? {
            let (pseudonym, unique_id): (&str, &str) = (row.try_get("pseudonym")?, row.try_get("unique_id")?);
            let now = latest.get(pseudonym).copied().unwrap_or(pseudonym);
            let key = (row.try_get::<String>("dcd")?, row.try_get::<String>("sender")?, renamed(unique_id, pseudonym, now));
            standing.push((now.to_owned(), key));
        }
        // One record lives under a unique id; those that do not name a patient do so already.
        Ok(pairs::standing_twice(standing))
    }

    async fn recode(&self, connection: &mut Connection, moves: &[Pair]) -> Result<(), StoreError> {
        const UNIQUE_IDS: &str = "UPDATE record SET unique_id = replace(record.unique_id, moves.old, moves.new) FROM moves
            WHERE record.patient = moves.patient AND record.names_patient = 1";
        let renaming = Renaming::of(connection, moves).await?;
        renaming.update(connection, UNIQUE_IDS).await?;
        if !renaming.merged.is_empty() {
            connection.query(INDEX).execute().await?;
        }
        for Merge { from, into } in &renaming.merged {
            const MERGE: &str = "UPDATE record SET patient = ? WHERE patient = ?";
            connection.query(MERGE).bind(*into).bind(*from).execute().await?;
        }
        renaming.apply(connection).await
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
    let known = pairs::load(connection, arrivals.iter().map(|arrived| arrived.pseudonym.as_str())).await?;
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
