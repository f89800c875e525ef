//! The index in SQL.

use async_trait::async_trait;
use clock::Timestamp;
use store::{AssertSqlSafe, Connection, Row, StoreError, bulk};
use uuid::Uuid;

use super::{
    SqlStore, hash, id,
    life::{STANDING, listed},
};
use crate::{
    status::Status,
    store::{Change, Current, Entry, Facet, IndexStore, Listed},
};

/// The step of the schema that makes the index; what is there already counts as changed.
pub(super) const STEP: &str = "
CREATE TABLE change (id INTEGER PRIMARY KEY, registrations BLOB NOT NULL);
CREATE TABLE entry (registration_id BLOB PRIMARY KEY, patient_tag BLOB NOT NULL, facets BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX entry_by_patient ON entry (patient_tag, registration_id);
CREATE TABLE faceted (
    facet INTEGER NOT NULL, registration_id BLOB NOT NULL, PRIMARY KEY (facet, registration_id)) WITHOUT ROWID;
CREATE INDEX registration_by_status ON registration (dcd, status, id);
CREATE INDEX outbox_unsent ON outbox (registration_id) WHERE first_sent_at IS NULL;
INSERT INTO change (registrations) SELECT id FROM registration;
";

/// Notes that registrations changed, for the index to follow.
pub(super) async fn changed<'a>(
    connection: &mut Connection,
    registrations: impl IntoIterator<Item = &'a Uuid>,
) -> Result<(), StoreError> {
    let ids: Vec<u8> = registrations.into_iter().flat_map(|id| *id.as_bytes()).collect();
    if !ids.is_empty() {
        connection.query("INSERT INTO change (registrations) VALUES (?)").bind(&ids[..]).execute().await?;
    }
    Ok(())
}

fn facets(bytes: &[u8]) -> Vec<Facet> {
    let number = |chunk: &[u8; 8]| Facet(i64::from_be_bytes(*chunk));
    bytes.as_chunks().0.iter().map(number).collect()
}

#[async_trait]
impl IndexStore for SqlStore {
    async fn changes(&self, limit: u32) -> Result<Vec<Change>, StoreError> {
        let rows =
            self.database.query("SELECT id, registrations FROM change ORDER BY id LIMIT ?").bind(limit).fetch_all().await?;
        let (mut found, mut count) = (Vec::new(), 0);
        for row in &rows {
            let ids: Vec<u8> = row.try_get("registrations")?;
            let registrations: Vec<Uuid> = ids.as_chunks().0.iter().map(|id| Uuid::from_bytes(*id)).collect();
            count += registrations.len();
            if !found.is_empty() && count > limit as usize {
                break;
            }
            found.push(Change { number: row.try_get("id")?, registrations });
        }
        Ok(found)
    }

    async fn values(&self, registrations: &[Uuid]) -> Result<Vec<(String, Current)>, StoreError> {
        const SELECT: &str = "SELECT r.id, r.dcd, coalesce(d.cells, v.cells) AS cells,
                coalesce(d.dcd_version, v.dcd_version) AS dcd_version
            FROM registration r LEFT JOIN version v ON v.registration_id = r.id AND v.version = r.version
            LEFT JOIN draft d ON d.registration_id = r.id
            WHERE r.id IN (SELECT unhex(value) FROM json_each(?)) AND coalesce(r.status, '') <> ?";
        let ids = bulk::id_list(registrations);
        let rows = self.database.query(SELECT).bind(&ids).bind(Status::Deleted.code()).fetch_all().await?;
        let current = |row: &Row| {
            let (registration_id, dcd_version) = (id(row, "id")?, row.try_get("dcd_version")?);
            Ok((row.try_get("dcd")?, Current { registration_id, dcd_version, cells: row.try_get("cells")? }))
        };
        rows.iter().map(current).collect()
    }

    async fn index(&self, entries: &[Entry], up_to: i64) -> Result<(), StoreError> {
        const BEFORE: &str =
            "SELECT registration_id, facets FROM entry WHERE registration_id IN (SELECT unhex(value) FROM json_each(?))";
        const ENTRY: &str = "ON CONFLICT (registration_id)
            DO UPDATE SET patient_tag = excluded.patient_tag, facets = excluded.facets";
        const GONE: &str = ") DELETE FROM faceted WHERE (facet, registration_id) IN (SELECT facet, id FROM gone)";
        let mut transaction = self.database.write().await?;
        let ids = bulk::id_list(entries.iter().map(|entry| &entry.registration_id));
        let rows = transaction.query(BEFORE).bind(&ids).fetch_all().await?;
        let mut gone: Vec<(i64, Uuid)> = Vec::new();
        for row in &rows {
            let registration_id = id(row, "registration_id")?;
            let before: Vec<u8> = row.try_get("facets")?;
            gone.extend(facets(&before).into_iter().map(|facet| (facet.0, registration_id)));
        }
        bulk::insert(&mut transaction, "WITH gone (facet, id) AS (", 2, GONE, &gone, |row, (facet, id)| {
            row.bind(*facet).bind(&id.as_bytes()[..])
        })
        .await?;
        const INSERT: &str = "INSERT INTO entry (registration_id, patient_tag, facets)";
        // An empty tag is nobody's.
        let written: Vec<(Uuid, Vec<u8>, Vec<u8>)> = entries
            .iter()
            .map(|entry| {
                let facets = entry.facets.iter().flat_map(|facet| facet.0.to_be_bytes()).collect();
                (entry.registration_id, entry.patient_tag.map_or_else(Vec::new, Vec::from), facets)
            })
            .collect();
        bulk::insert(&mut transaction, INSERT, 3, ENTRY, &written, |row, (id, tag, facets)| {
            row.bind(&id.as_bytes()[..]).bind(&tag[..]).bind(&facets[..])
        })
        .await?;
        let mut faceted: Vec<(i64, Uuid)> =
            entries.iter().flat_map(|entry| entry.facets.iter().map(|facet| (facet.0, entry.registration_id))).collect();
        faceted.sort_unstable();
        const FACETED: &str = "INSERT INTO faceted (facet, registration_id)";
        bulk::insert(&mut transaction, FACETED, 2, "ON CONFLICT DO NOTHING", &faceted, |row, (facet, id)| {
            row.bind(*facet).bind(&id.as_bytes()[..])
        })
        .await?;
        transaction.query("DELETE FROM change WHERE id <= ?").bind(up_to).execute().await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn of_patient(&self, patient_tag: [u8; 16], limit: u32) -> Result<Vec<Uuid>, StoreError> {
        const SELECT: &str = "SELECT registration_id FROM entry WHERE patient_tag = ? ORDER BY registration_id LIMIT ?";
        let rows = self.database.query(SELECT).bind(&patient_tag[..]).bind(limit).fetch_all().await?;
        rows.iter().map(|row| id(row, "registration_id")).collect()
    }

    async fn patients(&self, after: Option<[u8; 16]>, limit: u32) -> Result<Vec<[u8; 16]>, StoreError> {
        const SELECT: &str = "SELECT DISTINCT patient_tag FROM entry
            WHERE patient_tag > ? ORDER BY patient_tag LIMIT ?";
        // No tag is empty, so all of them stand behind an empty one.
        let after = after.map_or_else(Vec::new, |after| after.to_vec());
        let rows = self.database.query(SELECT).bind(&after[..]).bind(limit).fetch_all().await?;
        rows.iter().map(|row| hash(row, "patient_tag")).collect()
    }

    async fn with_value(&self, facet: Facet, after: Option<Uuid>, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let sql = format!(
            "{STANDING} JOIN faceted f ON f.registration_id = r.id WHERE f.facet = ? AND f.registration_id > ?
            ORDER BY f.registration_id LIMIT ?"
        );
        let after = after.map_or_else(Vec::new, |after| after.as_bytes().to_vec());
        let query = self.database.query(AssertSqlSafe(sql));
        let rows = query.bind(facet.0).bind(&after[..]).bind(limit).fetch_all().await?;
        rows.iter().map(|row| listed(row, now)).collect()
    }
}
