//! Finding the passages of a few items among those of millions.
//!
//! No index by item is kept: it would have to be written with every passage, for a question that is seldom asked. A publication's items stand
//! together, 16 bytes each, so a search reads the passages from the time on at which an item can have been on its way, and compares.

use std::{collections::HashSet, time::Duration};

use clock::Timestamp;
use uuid::Uuid;

use super::{Passage, read};
use crate::{Database, StoreError, bulk};

/// Parties' clocks differ, and a passage is written a little later than its time says: so much earlier a search begins.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Passages that are read at once, at 16 bytes per item.
const PAGE: u32 = 64;

/// What is looked for.
pub(super) struct Wanted(HashSet<[u8; 16]>);

impl Wanted {
    pub(super) fn new(items: &[Uuid]) -> Self {
        Self(items.iter().map(|item| *item.as_bytes()).collect())
    }

    /// The passage with those of its items that are looked for; none when it has none of them.
    pub(super) fn among(&self, passage: &Passage) -> Option<Passage> {
        let items: Vec<Uuid> = passage.items.iter().filter(|item| self.0.contains(item.as_bytes())).copied().collect();
        (!items.is_empty()).then(|| Passage { items, queue: passage.queue.clone(), outcome: passage.outcome.clone(), ..*passage })
    }

    fn stands_in(&self, items: &[u8]) -> bool {
        items.chunks_exact(16).any(|item| <[u8; 16]>::try_from(item).is_ok_and(|item| self.0.contains(&item)))
    }
}

/// The passages of `database` in which one of `items` passed, with those items only, in the order in which they were written.
pub(super) async fn of_items(
    database: &Database,
    items: &[Uuid],
    since: Option<Timestamp>,
) -> Result<Vec<(i64, Passage)>, StoreError> {
    // Publications of one item, as forms and feedback make them, are compared by the database: reading each would take longer.
    const SELECT: &str = "SELECT id, publication, step, queue, at, outcome, items FROM itinerary
        WHERE id > ? AND (length(items) > 16 OR items IN (SELECT unhex(value) FROM json_each(?))) ORDER BY id LIMIT ?";
    let (wanted, listed) = (Wanted::new(items), bulk::id_list(items));
    let mut after = match since {
        Some(since) => before(database, Timestamp::from_micros(since.as_micros() - micros(MARGIN))).await?,
        None => 0,
    };
    let mut found = Vec::new();
    loop {
        let rows = database.query(SELECT).bind(after).bind(&listed).bind(PAGE).fetch_all().await?;
        let Some(last) = rows.last() else { return Ok(found) };
        after = last.try_get("id")?;
        for row in &rows {
            if wanted.stands_in(row.try_get("items")?) {
                let (number, passage) = read(row)?;
                found.extend(wanted.among(&passage).map(|passage| (number, passage)));
            }
        }
    }
}

/// The number of a passage before which all are earlier than `at`. Numbers rise with time, so halving finds it.
async fn before(database: &Database, at: Timestamp) -> Result<i64, StoreError> {
    let (mut low, mut high) = (0, super::last(database).await?);
    while low < high {
        let middle = low + (high - low) / 2;
        const NEXT: &str = "SELECT id, at FROM itinerary WHERE id > ? ORDER BY id LIMIT 1";
        let Some(row) = database.query(NEXT).bind(middle).fetch_optional().await? else { break };
        if row.try_get::<i64>("at")? < at.as_micros() { low = row.try_get("id")? } else { high = middle }
    }
    Ok(low)
}

fn micros(pause: Duration) -> i64 {
    i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)
}
