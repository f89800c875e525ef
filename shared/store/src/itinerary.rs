//! Which publication passed where, when, and with what outcome: nothing of the patient.
//!
//! Each party writes its own passages in the transaction of the effect; a registration's whole way is put together only where one
//! process runs all parties.

mod search;

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use clock::Timestamp;
use uuid::Uuid;

use crate::{Connection, Database, InDatabase, Row, StoreError, bulk};

/// How a passage ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Written down and put on its way for the first time.
    Sent,
    /// Sent again because no answer came.
    Resent,
    /// Handed on to the next party, whose broker confirmed it.
    Forwarded,
    /// Arrived where it was meant to go.
    Arrived,
    /// Had arrived before; answered again, no new effect.
    Known,
    /// Arrived at HD4RES and ended there: the hospital has a researcher's feedback.
    Receipt,
    /// Checked by the data warehouse.
    Validated,
    /// Put into a dead-letter queue, with the reason's code.
    DeadLettered(String),
    /// Read and not acted upon, with the reason's code: an old answer, an answer to a deleted registration.
    Ignored(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent => f.write_str("sent"),
            Self::Resent => f.write_str("resent"),
            Self::Forwarded => f.write_str("forwarded"),
            Self::Arrived => f.write_str("arrived"),
            Self::Known => f.write_str("known"),
            Self::Receipt => f.write_str("receipt"),
            Self::Validated => f.write_str("validated"),
            Self::DeadLettered(code) => write!(f, "dead-lettered:{code}"),
            Self::Ignored(code) => write!(f, "ignored:{code}"),
        }
    }
}

impl Outcome {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "sent" => Self::Sent,
            "resent" => Self::Resent,
            "forwarded" => Self::Forwarded,
            "arrived" => Self::Arrived,
            "known" => Self::Known,
            "receipt" => Self::Receipt,
            "validated" => Self::Validated,
            other => match other.split_once(':')? {
                ("dead-lettered", code) => Self::DeadLettered(code.to_owned()),
                ("ignored", code) => Self::Ignored(code.to_owned()),
                _ => return None,
            },
        })
    }
}

/// One publication at one station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The publication that passed.
    pub publication: Uuid,
    /// The step of the published flow: `3` to `7`, or `7 back` to `3 back`; `R1` to `R4` for re-coding.
    pub step: &'static str,
    /// The queue that it was put on or taken from.
    pub queue: String,
    /// When, on the party's own clock.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// The items that shared this outcome.
    pub items: Vec<Uuid>,
}

/// What stays of a passage when the rest of it is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remnant {
    /// The passage's number.
    pub number: i64,
    /// The items that stay, in their order. A passage without any is gone.
    pub items: Vec<Uuid>,
}

/// Where a party keeps its passages.
#[async_trait]
pub trait Itinerary: Send + Sync {
    /// Writes passages down for good.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn record(&self, passages: &[Passage]) -> Result<(), StoreError>;

    /// The first `limit` passages behind number `after`, oldest first, each with its number.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn passages(&self, after: i64, limit: u32) -> Result<Vec<(i64, Passage)>, StoreError>;

    /// The number of the newest passage; 0 when there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn last(&self) -> Result<i64, StoreError>;

    /// Forgets of these passages all but what stays. Never to be asked for the newest one: numbers rise.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn forget(&self, remnants: &[Remnant]) -> Result<(), StoreError>;

    /// The passages in which one of `items` passed, with those items only, oldest first, each with its number. Passages that were written
    /// more than a day before `since` need not be looked at.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn passages_of(&self, items: &[Uuid], since: Option<Timestamp>) -> Result<Vec<(i64, Passage)>, StoreError> {
        // Whoever has them in memory looks at all.
        let _ = since;
        let wanted = search::Wanted::new(items);
        let all = self.passages(0, u32::MAX).await?;
        Ok(all.into_iter().filter_map(|(number, passage)| Some((number, wanted.among(&passage)?))).collect())
    }
}

/// Passages in memory, for simulations and tests.
#[derive(Debug, Default)]
pub struct MemoryItinerary {
    /// By their numbers, which rise.
    passages: Mutex<Vec<(i64, Passage)>>,
}

impl MemoryItinerary {
    fn lock(&self) -> MutexGuard<'_, Vec<(i64, Passage)>> {
        self.passages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes passages down inside a caller's own critical section.
    pub fn append(&self, passages: &[Passage]) {
        let mut known = self.lock();
        let next = known.last().map_or(0, |(number, _)| *number) + 1;
        known.extend((next..).zip(passages.iter().cloned()));
    }
}

#[async_trait]
impl Itinerary for MemoryItinerary {
    async fn record(&self, passages: &[Passage]) -> Result<(), StoreError> {
        self.append(passages);
        Ok(())
    }

    async fn passages(&self, after: i64, limit: u32) -> Result<Vec<(i64, Passage)>, StoreError> {
        let passages = self.lock();
        let first = passages.partition_point(|(number, _)| *number <= after);
        Ok(passages.iter().skip(first).take(limit as usize).cloned().collect())
    }

    async fn last(&self) -> Result<i64, StoreError> {
        Ok(self.lock().last().map_or(0, |(number, _)| *number))
    }

    async fn forget(&self, remnants: &[Remnant]) -> Result<(), StoreError> {
        let stays: HashMap<i64, &[Uuid]> = remnants.iter().map(|remnant| (remnant.number, remnant.items.as_slice())).collect();
        let mut passages = self.lock();
        for (number, passage) in passages.iter_mut() {
            if let Some(items) = stays.get(number) {
                passage.items = items.to_vec();
            }
        }
        passages.retain(|(number, passage)| !passage.items.is_empty() || !stays.contains_key(number));
        Ok(())
    }
}

/// Passages in a party's own store.
#[derive(Debug, Clone)]
pub struct SqlItinerary {
    database: Database,
}

impl SqlItinerary {
    /// The passages of an open store.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

impl InDatabase for SqlItinerary {
    fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl<S: InDatabase + Send + Sync> Itinerary for S {
    async fn record(&self, passages: &[Passage]) -> Result<(), StoreError> {
        let mut transaction = self.database().write().await?;
        insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn passages(&self, after: i64, limit: u32) -> Result<Vec<(i64, Passage)>, StoreError> {
        page(self.database(), after, limit).await
    }

    async fn last(&self) -> Result<i64, StoreError> {
        last(self.database()).await
    }

    async fn forget(&self, remnants: &[Remnant]) -> Result<(), StoreError> {
        let (gone, left): (Vec<&Remnant>, Vec<&Remnant>) = remnants.iter().partition(|remnant| remnant.items.is_empty());
        let gone: Vec<i64> = gone.iter().map(|remnant| remnant.number).collect();
        let mut transaction = self.database().write().await?;
        const DELETE: &str = "DELETE FROM itinerary WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))";
        transaction.query(DELETE).bind(&bulk::list(&gone)?).execute().await?;
        for Remnant { number, items } in left {
            let update = transaction.query("UPDATE itinerary SET items = ? WHERE id = ?");
            update.bind(bytes(items)).bind(*number).execute().await?;
        }
        transaction.commit().await
    }

    async fn passages_of(&self, items: &[Uuid], since: Option<Timestamp>) -> Result<Vec<(i64, Passage)>, StoreError> {
        search::of_items(self.database(), items, since).await
    }
}

/// The number of the newest passage of `database`; 0 when there is none.
///
/// # Errors
///
/// [`StoreError::Database`].
pub async fn last(database: &Database) -> Result<i64, StoreError> {
    database.query("SELECT coalesce(max(id), 0) FROM itinerary").scalar().await
}

/// Writes passages inside the transaction of their effect.
///
/// # Errors
///
/// [`StoreError::Database`].
pub async fn insert(connection: &mut Connection, passages: &[Passage]) -> Result<(), StoreError> {
    const HEAD: &str = "INSERT INTO itinerary (publication, step, queue, at, outcome, items)";
    bulk::insert(connection, HEAD, 6, "", passages, |statement, passage| {
        statement
            .bind(&passage.publication.as_bytes()[..])
            .bind(passage.step)
            .bind(passage.queue.as_str())
            .bind(passage.at.as_micros())
            .bind(passage.outcome.to_string())
            .bind(bytes(&passage.items))
    })
    .await?;
    connection.passed.note(passages);
    Ok(())
}

/// Items as they are stored: one behind the other.
fn bytes(items: &[Uuid]) -> Vec<u8> {
    items.iter().flat_map(|item| *item.as_bytes()).collect()
}

/// The first `limit` passages of `database` behind number `after`.
///
/// # Errors
///
/// [`StoreError::Database`], or [`StoreError::Damaged`] for a row that this program did not write.
pub async fn page(database: &Database, after: i64, limit: u32) -> Result<Vec<(i64, Passage)>, StoreError> {
    const SELECT: &str =
        "SELECT id, publication, step, queue, at, outcome, items FROM itinerary WHERE id > ? ORDER BY id LIMIT ?";
    let rows = database.query(SELECT).bind(after).bind(limit).fetch_all().await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<(i64, Passage), StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged { what: "passage" };
    let step: &str = row.try_get("step")?;
    let items: &[u8] = row.try_get("items")?;
    let passage = Passage {
        publication: Uuid::from_slice(row.try_get("publication")?).map_err(|_| DAMAGED)?,
        step: STEPS.iter().copied().find(|known| *known == step).ok_or(DAMAGED)?,
        queue: row.try_get("queue")?,
        at: Timestamp::from_micros(row.try_get("at")?),
        outcome: Outcome::parse(row.try_get("outcome")?).ok_or(DAMAGED)?,
        items: items.chunks(16).map(Uuid::from_slice).collect::<Result<_, _>>().map_err(|_| DAMAGED)?,
    };
    Ok((row.try_get("id")?, passage))
}

/// The steps of the published flow that are passages between parties, their ways back, and those of re-coding.
pub const STEPS: [&str; 14] = ["3", "4", "5", "6", "7", "7 back", "6 back", "5 back", "4 back", "3 back", "R1", "R2", "R3", "R4"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schema;

    fn passage(number: u128, outcome: Outcome) -> Passage {
        Passage {
            publication: Uuid::from_u128(number),
            step: "4",
            queue: "ttp.in".to_owned(),
            at: Timestamp::from_micros(1_700_000_000_000_000),
            outcome,
            items: (0..number).map(Uuid::from_u128).collect(),
        }
    }

    async fn keeps_passages_in_order(itinerary: &dyn Itinerary) {
        let written = [
            passage(1, Outcome::Forwarded),
            passage(2, Outcome::DeadLettered("QUOTA".to_owned())),
            passage(3, Outcome::Ignored("OLD_VERSION".to_owned())),
        ];
        itinerary.record(&written[..2]).await.unwrap();
        itinerary.record(&written[2..]).await.unwrap();
        let first = itinerary.passages(0, 2).await.unwrap();
        let rest = itinerary.passages(first[1].0, 10).await.unwrap();
        let read: Vec<Passage> = first.into_iter().chain(rest).map(|(_, passage)| passage).collect();
        assert_eq!(read, written);
        assert_eq!(itinerary.last().await.unwrap(), itinerary.passages(0, 10).await.unwrap()[2].0);
    }

    /// What a transaction wrote counts when it is committed, and not when it is dropped.
    #[tokio::test]
    async fn what_is_committed_counts() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "party", Schema { steps: &[] }).await.unwrap();
        let written = [passage(1, Outcome::Forwarded), passage(3, Outcome::Forwarded), passage(2, Outcome::Known)];
        let mut transaction = database.write().await.unwrap();
        insert(&mut transaction, &written).await.unwrap();
        assert!(database.tally().counts().is_empty());
        drop(transaction);
        assert!(database.tally().counts().is_empty());
        SqlItinerary::new(database.clone()).record(&written).await.unwrap();
        let counts: Vec<_> = database.tally().counts().into_iter().map(|(kind, count)| (kind.outcome, count)).collect();
        let count = |publications, items| crate::tally::Count { publications, items };
        assert_eq!(counts, [(Outcome::Forwarded, count(2, 4)), (Outcome::Known, count(1, 2))]);
    }

    /// Items are found in publications of one and of many, with nothing else of what travelled with them, and whenever they passed.
    async fn finds_the_passages_of_items(itinerary: &dyn Itinerary) {
        const DAY: i64 = 24 * 60 * 60 * 1_000_000;
        let on_day = |day: i64, number: u128| Passage {
            at: Timestamp::from_micros(1_700_000_000_000_000 + day * DAY),
            ..passage(number, Outcome::Forwarded)
        };
        let written: Vec<Passage> = (0..300).map(|day| on_day(day, 1 + u128::from(day % 3 == 0))).collect();
        itinerary.record(&written).await.unwrap();
        let days = |found: &[(i64, Passage)]| found.iter().map(|(_, passage)| passage.at).collect::<Vec<_>>();
        let (alone, second, unknown) = (Uuid::from_u128(0), Uuid::from_u128(1), Uuid::from_u128(7));
        let found = itinerary.passages_of(&[second, unknown], None).await.unwrap();
        assert_eq!(days(&found), written.iter().filter(|one| one.items.len() > 1).map(|one| one.at).collect::<Vec<_>>());
        assert!(found.iter().all(|(_, passage)| passage.items == [second]));
        assert!(found.is_sorted_by_key(|(number, _)| *number));
        assert_eq!(itinerary.passages_of(&[alone, second], None).await.unwrap().len(), written.len());
        assert_eq!(itinerary.passages_of(&[unknown], None).await.unwrap(), []);
        // Nothing from the day on is missed, wherever that day is.
        for day in [0, 1, 150, 298, 299] {
            let found = days(&itinerary.passages_of(&[alone], Some(written[day].at)).await.unwrap());
            assert!(written[day..].iter().all(|one| found.contains(&one.at)), "from day {day}");
        }
    }

    async fn what_is_forgotten_is_gone_and_the_rest_keeps_its_place(itinerary: &dyn Itinerary) {
        let written: Vec<Passage> = (2..=5).map(|number| passage(number, Outcome::Forwarded)).collect();
        itinerary.record(&written).await.unwrap();
        let numbers: Vec<i64> = itinerary.passages(0, 10).await.unwrap().into_iter().map(|(number, _)| number).collect();
        let stays = [Uuid::from_u128(0), Uuid::from_u128(2)];
        let remnant = |number: i64, items: &[Uuid]| Remnant { number, items: items.to_vec() };
        itinerary.forget(&[remnant(numbers[0], &[]), remnant(numbers[1], &stays)]).await.unwrap();
        itinerary.forget(&[]).await.unwrap();
        // Once more, as another process that works alike may.
        itinerary.forget(&[remnant(numbers[0], &[]), remnant(numbers[1], &stays)]).await.unwrap();
        let left = itinerary.passages(0, 10).await.unwrap();
        let narrowed = Passage { items: stays.to_vec(), ..written[1].clone() };
        let expected = [(numbers[1], narrowed), (numbers[2], written[2].clone()), (numbers[3], written[3].clone())];
        assert_eq!(left, expected);
        assert_eq!(itinerary.passages(numbers[1], 10).await.unwrap().len(), 2);
        itinerary.record(&written[..1]).await.unwrap();
        assert!(itinerary.last().await.unwrap() > numbers[3], "numbers rise");
        assert_eq!(itinerary.passages_of(&[Uuid::from_u128(1)], None).await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn passages_are_forgotten_in_memory() {
        what_is_forgotten_is_gone_and_the_rest_keeps_its_place(&MemoryItinerary::default()).await;
    }

    #[tokio::test]
    async fn passages_are_forgotten_in_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "party", Schema { steps: &[] }).await.unwrap();
        what_is_forgotten_is_gone_and_the_rest_keeps_its_place(&SqlItinerary::new(database)).await;
    }

    #[tokio::test]
    async fn passages_are_forgotten_in_postgres() {
        let location = crate::test_server::database().await.unwrap();
        let database = Database::open(location, "party", Schema { steps: &[] }).await.unwrap();
        what_is_forgotten_is_gone_and_the_rest_keeps_its_place(&SqlItinerary::new(database)).await;
    }

    #[tokio::test]
    async fn items_are_found_in_memory() {
        finds_the_passages_of_items(&MemoryItinerary::default()).await;
    }

    #[tokio::test]
    async fn items_are_found_in_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "party", Schema { steps: &[] }).await.unwrap();
        finds_the_passages_of_items(&SqlItinerary::new(database.clone())).await;
        let since = Timestamp::from_micros(1_700_000_000_000_000 + 200 * 24 * 60 * 60 * 1_000_000);
        let found = search::of_items(&database, &[Uuid::from_u128(0)], Some(since)).await.unwrap();
        assert!(found.len() < 110, "a search from day 200 on begins at {} passages before the end", found.len());
    }

    #[tokio::test]
    async fn items_are_found_in_postgres() {
        let location = crate::test_server::database().await.unwrap();
        let database = Database::open(location, "party", Schema { steps: &[] }).await.unwrap();
        finds_the_passages_of_items(&SqlItinerary::new(database)).await;
    }

    #[tokio::test]
    async fn in_memory() {
        keeps_passages_in_order(&MemoryItinerary::default()).await;
    }

    #[tokio::test]
    async fn in_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "party", Schema { steps: &[] }).await.unwrap();
        keeps_passages_in_order(&SqlItinerary::new(database)).await;
    }

    #[tokio::test]
    async fn in_postgres() {
        let location = crate::test_server::database().await.unwrap();
        let database = Database::open(location, "party", Schema { steps: &[] }).await.unwrap();
        keeps_passages_in_order(&SqlItinerary::new(database)).await;
    }

    #[test]
    fn every_outcome_is_read_back() {
        use Outcome::*;
        for outcome in
            [Sent, Resent, Forwarded, Arrived, Known, Receipt, Validated, DeadLettered("A".into()), Ignored("B".into())]
        {
            assert_eq!(Outcome::parse(&outcome.to_string()), Some(outcome));
        }
        assert_eq!(Outcome::parse("lost"), None);
    }
}
