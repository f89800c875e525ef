//! Many rows in few statements.
//!
//! One statement for about a hundred rows is the fastest that SQLite was measured to take; so the rows go in chunks of 100, then of
//! 10, then one by one, and three prepared statements serve every size.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use sqlx::AssertSqlSafe;

use crate::{Connection, Statement, StoreError};

/// Runs `head VALUES (…), (…), … tail` for all `rows`, where `bind` binds the `columns` values of one row in order. Returns how
/// many rows the statements changed.
///
/// `head` and `tail` are part of the statement: never build them from anything that came from outside.
///
/// # Errors
///
/// [`StoreError::Database`].
pub async fn insert<T>(
    connection: &mut Connection,
    head: &str,
    columns: usize,
    tail: &str,
    rows: &[T],
    bind: impl for<'q> Fn(Statement<'q>, &'q T) -> Statement<'q>,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    let mut rest = rows;
    for size in [100, 10, 1] {
        if rest.len() < size {
            continue;
        }
        let sql: Arc<str> = text(head, columns, tail, size).into();
        while rest.len() >= size {
            let (chunk, after) = rest.split_at(size);
            let statement = connection.query(AssertSqlSafe(Arc::clone(&sql)));
            changed += chunk.iter().fold(statement, &bind).execute().await?;
            rest = after;
        }
    }
    Ok(changed)
}

fn text(head: &str, columns: usize, tail: &str, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    format!("{head} VALUES {} {tail}", vec![row; rows].join(","))
}

/// Values as a JSON array, to bind to `json_each(?)`: `IN (SELECT value FROM json_each(?))` for texts, with `CAST(value AS BIGINT)` for numbers.
#[derive(Debug)]
pub struct List(pub(crate) String);

/// The list of these values.
///
/// # Errors
///
/// [`StoreError::Damaged`] for values that JSON cannot hold.
pub fn list(values: &impl serde::Serialize) -> Result<List, StoreError> {
    serde_json::to_string(values).map(List).map_err(|_| StoreError::Damaged { what: "list" })
}

/// The list of these ids in lower-case hex, to bind to `IN (SELECT unhex(value) FROM json_each(?))`.
#[must_use]
pub fn id_list<'a>(ids: impl IntoIterator<Item = &'a uuid::Uuid>) -> List {
    let mut list = String::from("[");
    for id in ids {
        if list.len() > 1 {
            list.push(',');
        }
        list.push('"');
        list.push_str(id.simple().encode_lower(&mut uuid::Uuid::encode_buffer()));
        list.push('"');
    }
    list.push(']');
    List(list)
}

/// The last of the rows with each key, in the order in which the keys came first. A statement of PostgreSQL does not write a row of a table
/// twice, so rows that replace each other are reduced before they are inserted.
pub fn latest<'r, T, K: Eq + Hash>(rows: &'r [T], key: impl Fn(&'r T) -> K) -> Vec<&'r T> {
    let (mut latest, mut places) = (Vec::with_capacity(rows.len()), HashMap::with_capacity(rows.len()));
    for row in rows {
        let place = *places.entry(key(row)).or_insert(latest.len());
        match latest.get_mut(place) {
            Some(known) => *known = row,
            None => latest.push(row),
        }
    }
    latest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Location, Schema};

    async fn every_number_of_rows_arrives_once(location: Location) {
        const SCHEMA: Schema = Schema { steps: &["CREATE TABLE thing (id INTEGER PRIMARY KEY, twice INTEGER)"] };
        let store = Database::open(location, "bulk", SCHEMA).await.unwrap();
        let mut next = 0_i64;
        for count in [0, 1, 9, 10, 11, 99, 100, 101, 357] {
            let rows: Vec<i64> = (next..next + count).collect();
            next += count;
            let mut transaction = store.write().await.unwrap();
            insert(&mut transaction, "INSERT INTO thing (id, twice)", 2, "", &rows, |statement, row| {
                statement.bind(row).bind(row * 2)
            })
            .await
            .unwrap();
            transaction.commit().await.unwrap();
        }
        let row =
            store.query("SELECT count(*) AS count, CAST(sum(twice) AS BIGINT) AS sum FROM thing").fetch_one().await.unwrap();
        let (count, sum): (i64, i64) = (row.try_get("count").unwrap(), row.try_get("sum").unwrap());
        assert_eq!((count, sum), (next, next * (next - 1)));
    }

    async fn an_id_list_finds_its_rows(location: Location) {
        const SCHEMA: Schema = Schema { steps: &["CREATE TABLE thing (id BLOB PRIMARY KEY)"] };
        let store = Database::open(location, "ids", SCHEMA).await.unwrap();
        let ids: Vec<uuid::Uuid> = (0..5).map(uuid::Uuid::from_u128).collect();
        let mut transaction = store.write().await.unwrap();
        insert(&mut transaction, "INSERT INTO thing (id)", 1, "", &ids, |statement, id| statement.bind(&id.as_bytes()[..]))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        const COUNT: &str = "SELECT count(*) FROM thing WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        let found: i64 = store.query(COUNT).bind(&id_list(&ids[..3])).scalar().await.unwrap();
        assert_eq!(found, 3);
    }

    #[test]
    fn of_rows_that_replace_each_other_the_last_counts() {
        let rows = [(1, 'a'), (2, 'b'), (1, 'c'), (3, 'd'), (2, 'e')];
        assert_eq!(latest(&rows, |row| row.0), [&(1, 'c'), &(2, 'e'), &(3, 'd')]);
    }

    #[tokio::test]
    async fn in_sqlite() {
        let folder = || tempfile::tempdir().unwrap();
        every_number_of_rows_arrives_once(folder().path().into()).await;
        an_id_list_finds_its_rows(folder().path().into()).await;
    }

    #[tokio::test]
    async fn in_postgres() {
        every_number_of_rows_arrives_once(crate::test_server::database().await.unwrap()).await;
        an_id_list_finds_its_rows(crate::test_server::database().await.unwrap()).await;
    }
}
