//! Writes a settled batch into the tables.

use std::{collections::BTreeSet, sync::Arc};

use recoding::patients::Patients;
use registration::{Cell, Content};
use store::{AssertSqlSafe, Connection, Numeral, Statement, StoreError, bulk};

use super::tables::{Column, ListTable, OWN, Table};
use crate::{
    decide::{Answer, Live},
    findings::{FindingKey, StoredFinding},
    validate::Registration,
};

/// Variables that one statement of SQLite can have.
const VARIABLES_MAX: usize = 32_766;
/// Rows that [`bulk::insert`] puts into one statement at most.
const BULK_ROWS: usize = 100;

/// As [`bulk::insert`], for rows with so many columns that a hundred are too many for a statement.
async fn insert<T>(
    connection: &mut Connection,
    head: &str,
    columns: usize,
    rows: &[T],
    bind: impl for<'q> Fn(Statement<'q>, &'q T) -> Statement<'q>,
) -> Result<(), StoreError> {
    let fitting = VARIABLES_MAX / columns.max(1);
    let size = if fitting >= BULK_ROWS { rows.len() } else { fitting };
    for rows in rows.chunks(size.max(1)) {
        bulk::insert(connection, head, columns, "", rows, &bind).await?;
    }
    Ok(())
}

/// A registration and the row that it gets.
pub(super) struct NewRow<'a> {
    pub row: i64,
    pub registration: &'a Registration,
}

/// Gives those of these patients who have none a place in the order of rows. A rotation leaves it as it is.
pub(super) async fn order(
    connection: &mut Connection,
    patients: &Patients,
    pseudonyms: &BTreeSet<&str>,
) -> Result<(), StoreError> {
    let places: Vec<(i64, &str)> =
        pseudonyms.iter().filter_map(|pseudonym| Some((patients.number(pseudonym)?, *pseudonym))).collect();
    const INSERT: &str = "INSERT INTO patient_order (patient, first_pseudonym)";
    bulk::insert(connection, INSERT, 2, "ON CONFLICT (patient) DO NOTHING", &places, |row, (patient, pseudonym)| {
        row.bind(patient).bind(*pseudonym)
    })
    .await?;
    Ok(())
}

/// Writes registrations of one register, with the items of their lists.
pub(super) async fn rows(
    connection: &mut Connection,
    table: &Table,
    rows: &[NewRow<'_>],
    patients: &Patients,
) -> Result<(), StoreError> {
    insert(connection, &table.insert, OWN.len() + table.columns.len(), rows, |statement, new| {
        let Registration { item, member, content, .. } = new.registration;
        let statement = statement
            .bind(new.row)
            .bind(&member.sender)
            .bind(&content.head().registration_id.as_bytes()[..])
            .bind(content.head().version)
            .bind(&item.as_bytes()[..])
            .bind(patients.number(&member.pseudonym))
            .bind(&member.unique_id);
        let mut cells = content.cells().iter().peekable();
        table.columns.iter().fold(statement, |statement, column| {
            while cells.next_if(|cell| cell.place.field < column.field).is_some() {}
            bind(statement, column, cells.next_if(|cell| cell.place.field == column.field).map(|cell| cell.value.as_str()))
        })
    })
    .await?;
    for list in &table.lists {
        let items: Vec<Item<'_>> = rows.iter().flat_map(|new| items(list, new.row, &new.registration.content)).collect();
        insert(connection, &list.insert, 2 + list.columns.len(), &items, |statement, item| {
            let statement = statement.bind(item.record).bind(item.item);
            item.values.iter().zip(&list.columns).fold(statement, |statement, (value, column)| bind(statement, column, *value))
        })
        .await?;
    }
    Ok(())
}

/// Binds a value, in the form that is copied once only.
fn bind<'q>(statement: Statement<'q>, column: &Column, value: Option<&'q str>) -> Statement<'q> {
    if column.is_number { statement.bind(value.map(Numeral)) } else { statement.bind(value.map(Arc::<str>::from)) }
}

/// An item of a repeating list.
struct Item<'a> {
    record: i64,
    item: u16,
    values: Vec<Option<&'a str>>,
}

/// The filled items of a list. A content's cells stand in order of field and item, the table's in order of item and field.
fn items<'a>(list: &ListTable, record: i64, content: &'a Content) -> Vec<Item<'a>> {
    let cells = content.cells();
    let from = cells.partition_point(|cell| cell.place.field < list.range.start);
    let to = cells.partition_point(|cell| cell.place.field < list.range.end);
    let mut cells: Vec<&Cell> = cells.get(from..to).unwrap_or_default().iter().collect();
    cells.sort_by_key(|cell| cell.place.item);
    let mut items: Vec<Item<'a>> = Vec::new();
    for cell in cells {
        let (Some(item), Ok(column)) =
            (cell.place.item, list.columns.binary_search_by_key(&cell.place.field, |column| column.field))
        else {
            continue;
        };
        if items.last().is_none_or(|last| last.item != item) {
            items.push(Item { record, item, values: vec![None; list.columns.len()] });
        }
        if let Some(value) = items.last_mut().and_then(|last| last.values.get_mut(column)) {
            *value = Some(&cell.value);
        }
    }
    items
}

/// Removes registrations that are replaced or deleted, with their findings.
pub(super) async fn remove(connection: &mut Connection, table: &Table, dcd: &str, gone: &[&Live]) -> Result<(), StoreError> {
    let rows: Vec<i64> = gone.iter().map(|live| live.row).collect();
    let rows = bulk::list(&rows)?;
    let lists = table.lists.iter().map(|list| (&list.name, "record"));
    for (name, column) in lists.chain([(&table.name, "id")]) {
        let sql = format!("DELETE FROM {name} WHERE {column} IN (SELECT CAST(value AS BIGINT) FROM json_each(?))");
        connection.query(AssertSqlSafe(sql)).bind(&rows).execute().await?;
    }
    for live in gone {
        const DELETE: &str = "DELETE FROM finding WHERE pseudonym = ? AND dcd = ? AND unique_id = ? AND sender = ?";
        connection
            .query(DELETE)
            .bind(&live.member.pseudonym)
            .bind(dcd)
            .bind(&live.member.unique_id)
            .bind(&live.member.sender)
            .execute()
            .await?;
    }
    Ok(())
}

/// Writes new findings and removes those that hold no more.
pub(super) async fn findings(
    connection: &mut Connection,
    added: &[StoredFinding],
    cleared: &[FindingKey],
) -> Result<(), StoreError> {
    for key in cleared {
        const DELETE: &str = "DELETE FROM finding
            WHERE pseudonym = ? AND dcd = ? AND unique_id = ? AND sender = ? AND across = ? AND number = ?";
        bind_key(connection.query(DELETE), key).execute().await?;
    }
    const HEAD: &str = "INSERT OR FAIL INTO finding
        (pseudonym, dcd, unique_id, sender, across, number, rule, code, severity, about, en, nl, fr)";
    insert(connection, HEAD, 13, added, |statement, finding| {
        let statement = bind_key(statement, &finding.key)
            .bind(finding.rule.as_deref())
            .bind(&finding.code)
            .bind(finding.severity.as_str())
            .bind(finding.column.as_deref());
        finding.messages.iter().fold(statement, |statement, message| statement.bind(message))
    })
    .await
}

pub(super) fn bind_key<'q>(statement: Statement<'q>, key: &'q FindingKey) -> Statement<'q> {
    statement.bind(&key.pseudonym).bind(&key.dcd).bind(&key.unique_id).bind(&key.sender).bind(key.across).bind(key.number)
}

/// Writes verdicts, by which their items are known from now on.
pub(super) async fn verdicts(connection: &mut Connection, given: &[(&Registration, &Answer)]) -> Result<(), StoreError> {
    insert(connection, "INSERT OR FAIL INTO item (id, sender, clean, findings)", 4, given, |statement, (registration, answer)| {
        let findings = (!answer.findings.is_empty()).then(|| serde_json::to_string(&answer.findings).unwrap_or_default());
        statement.bind(&registration.item.as_bytes()[..]).bind(&registration.member.sender).bind(answer.clean).bind(findings)
    })
    .await
}

/// Leaves a tombstone for each deletion.
pub(super) async fn tombstones(connection: &mut Connection, deletions: &[&Registration]) -> Result<(), StoreError> {
    for deletion in deletions {
        const UPSERT: &str = "INSERT INTO tombstone (registration_id, sender, version) VALUES (?, ?, ?)
            ON CONFLICT (registration_id, sender) DO UPDATE
            SET version = CASE WHEN tombstone.version > excluded.version THEN tombstone.version ELSE excluded.version END";
        let (sender, id) = deletion.id();
        connection.query(UPSERT).bind(&id.as_bytes()[..]).bind(sender).bind(deletion.version()).execute().await?;
    }
    Ok(())
}
