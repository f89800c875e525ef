//! What people look at, in SQL.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use store::{AssertSqlSafe, Row, StoreError, bulk};
use uuid::Uuid;

use super::{SqlStore, answer, finding, id, severity};
use crate::{
    decide::Answer,
    findings::FindingKey,
    store::{FindingCount, FindingFilter, Found, Held, LookStore, Only, RowKey, StandingRow, write},
};

#[async_trait]
impl LookStore for SqlStore {
    async fn standing(
        &self,
        register: usize,
        only: Option<Only<'_>>,
        after: Option<&RowKey>,
        limit: u32,
    ) -> Result<Vec<StandingRow>, StoreError> {
        let table = self.table(register)?;
        let rows = self.select_rows(table, only, after, limit).await?;
        let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
        let select = format!(
            "SELECT id, registration_id, version FROM {} WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
            table.name
        );
        let mut heads: HashMap<i64, (Uuid, u32)> = HashMap::new();
        for row in self.database.query(AssertSqlSafe(select)).bind(&bulk::list(&ids)?).fetch_all().await? {
            heads.insert(row.try_get("id")?, (id(&row, "registration_id")?, row.try_get("version")?));
        }
        // What was replaced between the two looks is left out, as it would have been a moment later.
        let with_head = rows.into_iter().filter_map(|(id, row)| {
            let (registration_id, version) = *heads.get(&id)?;
            Some(StandingRow { registration_id, version, row })
        });
        Ok(with_head.collect())
    }

    async fn found(&self, filter: &FindingFilter, after: Option<&FindingKey>, limit: u32) -> Result<Vec<Found>, StoreError> {
        let sql = found_sql(filter.dcd.is_some(), after.is_some());
        let mut query = self.database.query(AssertSqlSafe(sql));
        if let Some(key) = after {
            query = write::bind_key(query, key);
        }
        let severity = filter.severity.map(|severity| severity.as_str());
        query = query.bind(filter.rule.as_deref()).bind(severity).bind(limit);
        if let Some(dcd) = filter.dcd.as_deref() {
            query = query.bind(dcd);
        }
        let findings = query.fetch_all().await?.iter().map(finding).collect::<Result<Vec<_>, StoreError>>()?;
        let registrations = self.registrations(findings.iter().map(|finding| &finding.key)).await?;
        let found = findings.into_iter().map(|finding| {
            let FindingKey { dcd, unique_id, sender, .. } = &finding.key;
            let registration_id = registrations.get(&(dcd.clone(), unique_id.clone(), sender.clone())).copied();
            Found { finding, registration_id }
        });
        Ok(found.collect())
    }

    async fn held(&self) -> Result<Vec<Held>, StoreError> {
        let mut held = Vec::with_capacity(self.tables.len());
        for table in &self.tables {
            let sql = format!("SELECT count(*) FROM {}", table.name);
            let count: i64 = self.database.query(AssertSqlSafe(sql)).scalar().await?;
            held.push(Held { registrations: u64::try_from(count).unwrap_or(0) });
        }
        Ok(held)
    }

    async fn finding_counts(&self) -> Result<Vec<FindingCount>, StoreError> {
        const COUNT: &str =
            "SELECT dcd, severity, count(*) AS findings FROM finding GROUP BY dcd, severity ORDER BY dcd, severity";
        let read = |row: &Row| {
            let count = u64::try_from(row.try_get::<i64>("findings")?).unwrap_or(0);
            Ok(FindingCount { dcd: row.try_get("dcd")?, severity: severity(row)?, count })
        };
        self.database.query(COUNT).fetch_all().await?.iter().map(read).collect()
    }

    async fn verdicts(&self, item: Uuid) -> Result<Vec<(String, Answer)>, StoreError> {
        const SELECT: &str = "SELECT sender, clean, findings FROM item WHERE id = ? ORDER BY sender";
        let rows = self.database.query(SELECT).bind(&item.as_bytes()[..]).fetch_all().await?;
        rows.iter().map(|row| Ok((row.try_get("sender")?, answer(row)?))).collect()
    }
}

/// The text that finds findings. One register's come from an index of its own, which no text that leaves the register open could use; there, what
/// is behind a key begins at the key's patient. What a key binds comes first.
fn found_sql(of_register: bool, behind: bool) -> String {
    let mut next = if behind { 7 } else { 1 };
    let mut parameter = || {
        next += 1;
        next - 1
    };
    let (rule, severity, limit) = (parameter(), parameter(), parameter());
    let mut conditions = vec![
        format!("(?{rule} IS NULL OR rule = ?{rule} OR code = ?{rule})"),
        format!("(?{severity} IS NULL OR severity = ?{severity})"),
    ];
    if behind {
        conditions.push("(pseudonym, dcd, unique_id, sender, across, number) > (?1, ?2, ?3, ?4, ?5, ?6)".to_owned());
    }
    if of_register {
        conditions.push(format!("dcd = ?{}", parameter()));
        if behind {
            conditions.push("pseudonym >= ?1".to_owned());
        }
    }
    let conditions = conditions.join(" AND ");
    format!("SELECT * FROM finding WHERE {conditions} ORDER BY pseudonym, dcd, unique_id, sender, across, number LIMIT ?{limit}")
}

/// A registration by register, unique id and sender.
type Registrations = HashMap<(String, String, String), Uuid>;

impl SqlStore {
    /// The registrations that findings are about.
    async fn registrations<'a>(&self, keys: impl Iterator<Item = &'a FindingKey> + Clone) -> Result<Registrations, StoreError> {
        let mut registrations = Registrations::new();
        for (table, register) in self.tables.iter().zip(self.registers.list()) {
            let dcd = register.definition().name();
            let unique_ids = keys.clone().filter(|key| key.dcd == dcd).map(|key| key.unique_id.as_str());
            let unique_ids: BTreeSet<&str> = unique_ids.collect();
            if unique_ids.is_empty() {
                continue;
            }
            let select = format!(
                "SELECT unique_id, sender, registration_id FROM {} WHERE unique_id IN (SELECT value FROM json_each(?))",
                table.name
            );
            for row in self.database.query(AssertSqlSafe(select)).bind(&bulk::list(&unique_ids)?).fetch_all().await? {
                let key = (dcd.to_owned(), row.try_get("unique_id")?, row.try_get("sender")?);
                registrations.insert(key, id(&row, "registration_id")?);
            }
        }
        Ok(registrations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the databases say they would do.
    #[tokio::test]
    async fn one_registers_findings_come_from_their_index_in_order() {
        let registers = crate::sample::registers();
        let folder = tempfile::tempdir().unwrap();
        let store = SqlStore::open(folder.path(), registers).await.unwrap();
        for behind in [false, true] {
            let sql = format!("EXPLAIN QUERY PLAN {}", found_sql(true, behind));
            let rows = store.database.query(AssertSqlSafe(sql)).fetch_all().await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.try_get("detail").unwrap()).collect();
            let range = if behind { "dcd=? AND pseudonym>?" } else { "dcd=?" };
            assert_eq!(plan, [format!("SEARCH finding USING INDEX finding_by_register ({range})")]);
        }
    }
}
