//! A rotation in SQL.

use std::collections::BTreeSet;

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{
    Finding, Learning, Pair, Telling, UntoldPair,
    sql::{self as pairs, Rows, Said},
};
use store::{Connection, Passage, StoreError, itinerary};
use uuid::Uuid;

use super::SqlStore;
use crate::store::{
    Arrived,
    recode::{brought, renamed, translated},
};

/// The records, with what stands beside them.
struct Records;

/// Made at the first rotation: no other statement looks for a patient, and an index over every record costs at every arrival.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS content_by_pseudonym ON content (pseudonym)";

#[async_trait]
impl Rows for Records {
    async fn conflicting(&self, connection: &mut Connection, moves: &[Pair]) -> Result<BTreeSet<String>, StoreError> {
        connection.query(INDEX).execute().await?;
        const SELECT: &str = "SELECT c.pseudonym, r.dcd, r.sender, r.unique_id FROM json_each(?) k CROSS JOIN content c
            JOIN record r ON r.id = c.record WHERE c.pseudonym = k.value AND r.deleted = 0";
        let (latest, names) = pairs::names(moves)?;
        let mut standing = Vec::new();
        for row in connection.query(SELECT).bind(names).fetch_all().await? {
            let (pseudonym, unique_id): (&str, &str) = (row.try_get("pseudonym")?, row.try_get("unique_id")?);
            let now = latest.get(pseudonym).copied().unwrap_or(pseudonym);
            let key = (row.try_get::<String>("dcd")?, row.try_get::<String>("sender")?, renamed(unique_id, pseudonym, now));
            standing.push((now.to_owned(), key));
        }
        // One record lives under a unique id.
        Ok(pairs::standing_twice(standing))
    }

    async fn recode(&self, connection: &mut Connection, moves: &[Pair]) -> Result<(), StoreError> {
        const UNIQUE_IDS: &str = ") UPDATE record SET unique_id = replace(record.unique_id, moves.old, moves.new)
            FROM moves JOIN content c ON c.pseudonym = moves.old
            WHERE record.id = c.record AND record.unique_id <> replace(record.unique_id, moves.old, moves.new)";
        pairs::update_by(connection, UNIQUE_IDS, moves).await?;
        const CONTENTS: &str = ") UPDATE content SET pseudonym = moves.new FROM moves WHERE content.pseudonym = moves.old";
        pairs::update_by(connection, CONTENTS, moves).await
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

#[async_trait]
impl Telling for SqlStore {
    async fn tell_on(&self, incarnation: Uuid) -> Result<(), StoreError> {
        pairs::tell_on(&self.database, incarnation).await
    }

    async fn untold(&self, limit: u32) -> Result<Vec<UntoldPair>, StoreError> {
        pairs::untold(&self.database, limit).await
    }

    async fn told(&self, number: i64, passages: &[Passage]) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        pairs::told(&mut transaction, number).await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn arrived(&self) -> Result<(), StoreError> {
        pairs::arrived(&self.database).await
    }

    async fn has_arrived(&self) -> Result<bool, StoreError> {
        pairs::has_arrived(&self.database).await
    }
}
