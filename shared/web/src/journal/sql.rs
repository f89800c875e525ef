//! The journal in a party's database.

use async_trait::async_trait;
use clock::Timestamp;
use store::{Database, Row, StoreError};

use super::{Answer, AuditRow, Begun, Journal, REQUEST_KEPT, RequestKey};

/// The step of a party's schema that the journal needs.
pub const SCHEMA_STEP: &str = "
CREATE TABLE request (key BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, since INTEGER NOT NULL, answer TEXT) WITHOUT ROWID;
CREATE INDEX request_since ON request (since);
CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, token TEXT NOT NULL, role TEXT NOT NULL, route TEXT NOT NULL, register TEXT,
    ids TEXT NOT NULL, count INTEGER NOT NULL);
";

/// The setting that holds the key of cursors.
const SECRET: &str = "api cursor key";

/// The journal in an open store whose schema has [`SCHEMA_STEP`].
#[derive(Debug, Clone)]
pub struct SqlJournal {
    database: Database,
}

impl SqlJournal {
    /// The journal of an open store.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

const DAMAGED_ANSWER: StoreError = StoreError::Damaged { what: "answer" };
const DAMAGED_ROW: StoreError = StoreError::Damaged { what: "audit row" };

#[async_trait]
impl Journal for SqlJournal {
    async fn begin(&self, key: &RequestKey, fingerprint: &[u8; 32], at: Timestamp) -> Result<Begun, StoreError> {
        let mut transaction = self.database.write().await?;
        let oldest = at.as_micros().saturating_sub(i64::try_from(REQUEST_KEPT.as_micros()).unwrap_or(i64::MAX));
        transaction.query("DELETE FROM request WHERE since <= ?").bind(oldest).execute().await?;
        const INSERT: &str = "INSERT INTO request (key, fingerprint, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
        transaction.query(INSERT).bind(&key.0[..]).bind(&fingerprint[..]).bind(at.as_micros()).execute().await?;
        const SELECT: &str = "SELECT fingerprint, since, answer FROM request WHERE key = ?";
        let row = transaction.query(SELECT).bind(&key.0[..]).fetch_one().await?;
        transaction.commit().await?;
        if row.try_get::<Vec<u8>>("fingerprint")? != fingerprint {
            return Ok(Begun::Other);
        }
        Ok(match row.try_get::<Option<String>>("answer")? {
            Some(answer) => Begun::Answered(serde_json::from_str(&answer).map_err(|_| DAMAGED_ANSWER)?),
            None => Begun::Open { since: Timestamp::from_micros(row.try_get("since")?) },
        })
    }

    async fn conclude(&self, row: Option<&AuditRow>, answered: Option<(&RequestKey, &Answer)>) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        if let Some(row) = row {
            const INSERT: &str = "INSERT INTO audit (at, token, role, route, register, ids, count) VALUES (?, ?, ?, ?, ?, ?, ?)";
            transaction
                .query(INSERT)
                .bind(row.at_micros)
                .bind(&row.token)
                .bind(&row.role)
                .bind(&row.route)
                .bind(&row.register)
                .bind(serde_json::to_string(&row.ids).map_err(|_| DAMAGED_ROW)?)
                .bind(i64::try_from(row.count).unwrap_or(i64::MAX))
                .execute()
                .await?;
        }
        if let Some((key, answer)) = answered {
            transaction
                .query("UPDATE request SET answer = ? WHERE key = ?")
                .bind(serde_json::to_string(answer).map_err(|_| DAMAGED_ANSWER)?)
                .bind(&key.0[..])
                .execute()
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<(i64, AuditRow)>, StoreError> {
        const SELECT: &str =
            "SELECT id, at, token, role, route, register, ids, count FROM audit WHERE id > ? ORDER BY id LIMIT ?";
        let rows = self.database.query(SELECT).bind(after).bind(i64::from(limit)).fetch_all().await?;
        rows.iter().map(read).collect()
    }

    async fn secret(&self, fresh: &str) -> Result<String, StoreError> {
        self.database.setting(SECRET, fresh).await
    }
}

fn read(row: &Row) -> Result<(i64, AuditRow), StoreError> {
    let ids: String = row.try_get("ids")?;
    let audit = AuditRow {
        at_micros: row.try_get("at")?,
        token: row.try_get("token")?,
        role: row.try_get("role")?,
        route: row.try_get("route")?,
        register: row.try_get("register")?,
        ids: serde_json::from_str(&ids).map_err(|_| DAMAGED_ROW)?,
        count: u64::try_from(row.try_get::<i64>("count")?).map_err(|_| DAMAGED_ROW)?,
    };
    Ok((row.try_get("id")?, audit))
}
