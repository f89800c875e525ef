//! Many rows in few statements.
//!
//! One statement for about a hundred rows is the fastest that SQLite was measured to take; so the rows go in chunks of 100, then of
//! 10, then one by one, and three prepared statements serve every size.

use std::sync::Arc;

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

/// The ids as a JSON array of lower-case hex, to bind to `IN (SELECT unhex(value) FROM json_each(?))`.
#[must_use]
pub fn id_list<'a>(ids: impl IntoIterator<Item = &'a uuid::Uuid>) -> String {
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
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Schema};

    #[tokio::test]
    async fn every_number_of_rows_arrives_once() {
        let folder = tempfile::tempdir().unwrap();
        const SCHEMA: Schema = Schema { steps: &["CREATE TABLE thing (id INTEGER PRIMARY KEY, twice INTEGER)"] };
        let store = Database::open(folder.path(), "bulk", SCHEMA).await.unwrap();
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

    #[tokio::test]
    async fn an_id_list_finds_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        const SCHEMA: Schema = Schema { steps: &["CREATE TABLE thing (id BLOB PRIMARY KEY)"] };
        let store = Database::open(folder.path(), "ids", SCHEMA).await.unwrap();
        let ids: Vec<uuid::Uuid> = (0..5).map(uuid::Uuid::from_u128).collect();
        let mut transaction = store.write().await.unwrap();
        insert(&mut transaction, "INSERT INTO thing (id)", 1, "", &ids, |statement, id| statement.bind(&id.as_bytes()[..]))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        const COUNT: &str = "SELECT count(*) FROM thing WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        let found: i64 = store.query(COUNT).bind(id_list(&ids[..3])).scalar().await.unwrap();
        assert_eq!(found, 3);
    }
}
