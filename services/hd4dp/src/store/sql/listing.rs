//! The overview in SQL: pages by register and status, each read from an index, however many registrations there are.

use clock::Timestamp;
use store::{AssertSqlSafe, StoreError};
use uuid::Uuid;

use super::{
    SqlStore,
    life::{STANDING, listed},
};
use crate::{
    status::Status,
    store::{Filter, Listed, life::stored_status},
};

impl SqlStore {
    /// Up to `limit` registrations behind `after`. What several ranges of an index hold is put in order here, since no database merges them
    /// without reading them all.
    pub(super) async fn page(
        &self,
        filter: &Filter,
        after: Option<Uuid>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Listed>, StoreError> {
        // No id is empty, so all of them stand behind an empty one.
        let after = after.map_or_else(Vec::new, |after| after.as_bytes().to_vec());
        if filter.dcd.is_none() && filter.status.is_none() {
            let sql = format!("{STANDING} WHERE r.id > ? ORDER BY r.id LIMIT ?");
            let rows = self.database.query(AssertSqlSafe(sql)).bind(&after[..]).bind(limit).fetch_all().await?;
            return rows.iter().map(|row| listed(row, now)).collect();
        }
        let registers = match &filter.dcd {
            Some(dcd) => vec![dcd.clone()],
            None => self.registers().await?,
        };
        let mut page = Vec::new();
        for dcd in &registers {
            for range in ranges(filter.status) {
                page.extend(self.range(dcd, range, &after, limit, now).await?);
            }
        }
        page.sort_by_key(|one| one.registration_id);
        page.truncate(limit as usize);
        Ok(page)
    }

    async fn range(&self, dcd: &str, range: Range, after: &[u8], limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let condition = match range {
            Range::Stored(_) => "r.dcd = ? AND r.status = ?",
            Range::Derived => "r.dcd = ? AND r.status IS NULL",
            // The few that are not taken over come from the outbox's own index; `coalesce` keeps the planner from the register's, in which
            // every submitted registration would have to be looked at.
            Range::Sending => {
                "coalesce(r.dcd, '') = ? AND r.status IS NULL AND r.id IN
                    (SELECT registration_id FROM outbox WHERE first_sent_at IS NULL AND registration_id > ?)"
            }
            Range::Submitted => "r.dcd = ? AND r.status IS NULL AND (o.registration_id IS NULL OR o.first_sent_at IS NOT NULL)",
        };
        let sql = format!("{STANDING} WHERE {condition} AND r.id > ? ORDER BY r.id LIMIT ?");
        let query = self.database.query(AssertSqlSafe(sql)).bind(dcd);
        let query = match range {
            Range::Stored(status) => query.bind(status.code()),
            Range::Sending => query.bind(after),
            Range::Derived | Range::Submitted => query,
        };
        let rows = query.bind(after).bind(limit).fetch_all().await?;
        rows.iter().map(|row| listed(row, now)).collect()
    }

    /// The registers that have registrations, each found by one step in the index.
    async fn registers(&self) -> Result<Vec<String>, StoreError> {
        let mut registers: Vec<String> = Vec::new();
        loop {
            let last = registers.last().cloned().unwrap_or_default();
            let next: Option<String> =
                self.database.query("SELECT min(dcd) FROM registration WHERE dcd > ?").bind(last).scalar().await?;
            match next {
                Some(next) => registers.push(next),
                None => return Ok(registers),
            }
        }
    }
}

/// One range of the index by status.
#[derive(Debug, Clone, Copy)]
enum Range {
    Stored(Status),
    Derived,
    Sending,
    Submitted,
}

fn ranges(status: Option<Status>) -> Vec<Range> {
    match status {
        Some(Status::Sending) => vec![Range::Sending],
        Some(Status::Submitted) => vec![Range::Submitted],
        Some(status) => vec![Range::Stored(status)],
        None => {
            let stored = Status::ALL.into_iter().filter(|status| stored_status(*status)).map(Range::Stored);
            stored.chain([Range::Derived]).collect()
        }
    }
}
