//! The typed tables of a register, generated from its definition.
//!
//! `<name>_<version>` has a row per registration, with the columns that healthdata may have under healthdata's names; `<name>_<version>|<list>`
//! has a row per item of a repeating list. Numbers are NUMERIC, so that they compare as numbers; everything else is text.

use std::collections::HashSet;

use dcd::{Field, FieldNo, Group, GroupKind};
use store::{Connection, StoreError};

use crate::{
    registers::{FactNo, Register, Registers},
    validate::holds_numbers,
};

/// What a registration's row has besides the columns of its register.
pub(super) const OWN: [&str; 7] = ["id", "sender", "registration_id", "version", "item_id", "patient", "unique_id"];
/// What stands beside a row where it is selected.
const BESIDE: [&str; 2] = ["first_pseudonym", "pseudonym"];

/// The table of a register, with the statements that use it. What they select comes as one JSON array of one row each, since
/// taking rows and columns out of a database one by one costs more than finding them.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name, quoted.
    pub name: String,
    /// The columns of the register's fields, in rising order of these; they stand behind [`OWN`].
    pub columns: Vec<Column>,
    /// Head of the statement that writes rows: [`OWN`], then the fields.
    pub insert: String,
    /// Selects members, up to the condition that a key `k.value` of a JSON array is held against: row, registration id in
    /// hexadecimal digits, version, sender, pseudonym, unique id, facts.
    pub members: String,
    /// The same of the patients of a JSON array of numbers.
    pub members_of_patients: String,
    /// Whether unique ids contain the patient's pseudonym.
    pub names_patient: bool,
    /// The facts that are numbers here, and come out of [`Table::members`] as the database writes them.
    pub number_facts: Vec<FactNo>,
    /// Selects, for each patient of a JSON array of numbers, the number and for each of [`Registers::patient_facts`] the least and the greatest
    /// value, from an index alone; none when the register has no such fact.
    pub spans: Option<String>,
    /// For each of [`Registers::links`] the column that is looked in; none when the register lacks it.
    pub links: Vec<Option<String>>,
    /// The columns' values, as [`arrays`] selects them.
    arrays: String,
    /// The tables of its repeating lists, in the definition's order.
    pub lists: Vec<ListTable>,
    indices: Vec<String>,
}

/// The table of a repeating list.
#[derive(Debug)]
pub(super) struct ListTable {
    /// Its name, quoted.
    pub name: String,
    /// The columns of the list's fields, in rising order of these; they stand behind `record` and `item`.
    pub columns: Vec<Column>,
    /// All fields of the list.
    pub range: std::ops::Range<FieldNo>,
    /// Head of the statement that writes items: record, item, then the fields.
    pub insert: String,
    /// Selects the items of the rows of a JSON array: record, item, [`arrays`].
    pub items: String,
}

/// The column of a field.
#[derive(Debug)]
pub(super) struct Column {
    /// The field.
    pub field: FieldNo,
    /// Whether it holds numbers.
    pub is_number: bool,
    /// Quoted.
    pub name: String,
}

/// `"name"`, as SQL quotes an identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `name` itself, or when it has more than `bytes_max` bytes its beginning and a checksum of the whole, so that two long names do not become one.
fn fitted(name: &str, bytes_max: usize) -> String {
    if name.len() <= bytes_max {
        return name.to_owned();
    }
    // FNV-1a: names must be the same in every version of the program, and nobody gains by two that meet.
    let checksum =
        name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let checksum = format!("~{checksum:016x}");
    let room = bytes_max.saturating_sub(checksum.len());
    let end = (0..=room).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{checksum}", name.get(..end).unwrap_or_default())
}

impl Table {
    /// The table of a register in a database whose names have at most `bytes_max` bytes.
    pub(super) fn new(registers: &Registers, register: &Register, bytes_max: usize) -> Self {
        let named = |name: &str| quoted(&fitted(name, bytes_max));
        let definition = register.definition();
        let plain = format!("{}_{}", definition.name(), definition.version());
        let name = named(&plain);
        let fields = || (0..).zip(definition.fields());
        let own = [OWN.as_slice(), &BESIDE].concat();
        let columns = columns(&own, fields().filter(|(_, field)| field.list().is_none()), bytes_max);
        let column_of = |field: FieldNo| columns.iter().find(|column| column.field == field).map(|column| column.name.clone());
        let unique_id = if let [only] = definition.unique_id() { Some(*only) } else { None };
        // A link that is the unique id as well is found by the index of that.
        let link = |fact: &usize| {
            let field = register.fact(*fact)?;
            if unique_id == Some(field) { Some("\"unique_id\"".to_owned()) } else { column_of(field) }
        };
        let links: Vec<Option<String>> = registers.links().iter().map(link).collect();
        let facts = (0..registers.facts().len()).map(|fact| register.fact(fact).and_then(column_of));
        let text = |column: Option<String>| column.map_or("NULL".to_owned(), |column| format!("CAST(t.{column} AS TEXT)"));
        let facts = facts.map(text).collect::<Vec<_>>().join(", ");
        let is_number =
            |fact: &FactNo| columns.iter().any(|column| column.is_number && register.fact(*fact) == Some(column.field));
        let number_facts = (0..registers.facts().len()).filter(is_number).collect();
        let of_patient: Vec<Option<String>> =
            registers.patient_facts().iter().map(|fact| register.fact(*fact).and_then(column_of)).collect();
        let by_patient: String = of_patient.iter().flatten().map(|column| format!(", {column}")).collect();
        let of_link = links.iter().flatten().filter(|column| *column != "\"unique_id\"");
        let mut indices = vec![
            format!(
                "CREATE UNIQUE INDEX IF NOT EXISTS {} ON {name} (unique_id, sender)",
                named(&format!("{plain}|by unique id"))
            ),
            format!("CREATE INDEX IF NOT EXISTS {} ON {name} (registration_id)", named(&format!("{plain}|by registration"))),
            format!("CREATE INDEX IF NOT EXISTS {} ON {name} (patient{by_patient})", named(&format!("{plain}|by patient"))),
        ];
        indices.extend(of_link.map(|column| {
            let index = named(&format!("{plain}|by {}", column.trim_matches('"')));
            format!("CREATE INDEX IF NOT EXISTS {index} ON {name} ({column})")
        }));
        let names: String = columns.iter().map(|column| format!(", {}", column.name)).collect();
        let lists = definition.groups().iter().filter(|group| group.kind() == GroupKind::List);
        let list = |group: &Group| {
            ListTable::new(&plain, group, fields().filter(|(number, _)| group.fields().contains(number)), bytes_max)
        };
        let member = format!(
            "SELECT coalesce(json_group_array(json_array(t.id, hex(t.registration_id), t.version, t.sender, p.pseudonym, t.unique_id,
            json_array({facts}))), '[]') FROM json_each(?) k"
        );
        Self {
            insert: format!("INSERT OR FAIL INTO {name} ({}{names})", OWN.join(", ")),
            members: format!("{member} CROSS JOIN {name} t CROSS JOIN patient p WHERE p.id = t.patient AND "),
            members_of_patients: format!(
                "{member} CROSS JOIN {name} t CROSS JOIN patient p WHERE t.patient = CAST(k.value AS BIGINT) AND p.id = t.patient"
            ),
            names_patient: definition.unique_id().contains(&definition.patient().id),
            spans: of_patient.iter().any(Option::is_some).then(|| spans(&name, &of_patient)),
            arrays: arrays(&columns),
            lists: lists.map(list).collect(),
            name,
            number_facts,
            links,
            columns,
            indices,
        }
    }

    /// Selects rows behind a key of first pseudonym, unique id and sender (`?1` to `?3`), up to a limit (`?4`), with a further `condition`: row, key,
    /// pseudonym, values.
    pub(super) fn rows(&self, condition: &str) -> String {
        let Self { name, arrays, .. } = self;
        format!(
            "SELECT coalesce(json_group_array(json_array(id, first_pseudonym, unique_id, sender, pseudonym, {arrays})), '[]') FROM (
            SELECT o.first_pseudonym, p.pseudonym, t.* FROM patient_order o CROSS JOIN {name} t CROSS JOIN patient p
            WHERE t.patient = o.patient AND p.id = o.patient
            AND o.first_pseudonym >= ?1 AND (o.first_pseudonym, t.unique_id, t.sender) > (?1, ?2, ?3) {condition}
            ORDER BY o.first_pseudonym, t.unique_id, t.sender LIMIT ?4) AS page"
        )
    }

    /// Makes the tables where they are missing, and columns that a changed definition has in addition.
    pub(super) async fn create(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let own = "id INTEGER PRIMARY KEY, sender TEXT NOT NULL, registration_id BLOB NOT NULL, version INTEGER NOT NULL,
            item_id BLOB NOT NULL, patient INTEGER NOT NULL, unique_id TEXT NOT NULL";
        connection.define(&format!("CREATE TABLE IF NOT EXISTS {} ({own})", self.name)).await?;
        complete(connection, &self.name, &self.columns).await?;
        for index in &self.indices {
            connection.define(index).await?;
        }
        for list in &self.lists {
            let own = "record INTEGER NOT NULL, item INTEGER NOT NULL, PRIMARY KEY (record, item)";
            connection.define(&format!("CREATE TABLE IF NOT EXISTS {} ({own}) WITHOUT ROWID", list.name)).await?;
            complete(connection, &list.name, &list.columns).await?;
        }
        Ok(())
    }
}

impl ListTable {
    fn new<'a>(table: &str, group: &Group, fields: impl Iterator<Item = (FieldNo, &'a Field)>, bytes_max: usize) -> Self {
        let name = quoted(&fitted(&format!("{table}|{}", group.column()), bytes_max));
        let columns = columns(&["record", "item"], fields, bytes_max);
        let names: String = columns.iter().map(|column| format!(", {}", column.name)).collect();
        Self {
            range: group.fields(),
            insert: format!("INSERT OR FAIL INTO {name} (record, item{names})"),
            items: format!(
                "SELECT coalesce(json_group_array(json_array(record, item, {})), '[]') FROM {name}
                WHERE record IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
                arrays(&columns)
            ),
            name,
            columns,
        }
    }
}

/// See [`Table::spans`].
fn spans(table: &str, facts: &[Option<String>]) -> String {
    let end = |function: &str, fact: &Option<String>| match fact {
        Some(column) => format!("CAST({function}(t.{column}) AS TEXT)"),
        None => "NULL".to_owned(),
    };
    let ends: Vec<String> = facts.iter().flat_map(|fact| [end("min", fact), end("max", fact)]).collect();
    format!(
        "SELECT coalesce(json_group_array(json_array(CAST(k.value AS BIGINT), (SELECT json_array({}) FROM {table} t
        WHERE t.patient = CAST(k.value AS BIGINT)))), '[]') FROM json_each(?) k",
        ends.join(", ")
    )
}

/// Values that one array of [`arrays`] holds at most; a function takes so many arguments in both databases.
const ARRAY: usize = 100;

/// The values of `columns` as texts: a JSON array of arrays.
fn arrays(columns: &[Column]) -> String {
    let value = |column: &Column| {
        let Column { name, is_number, .. } = column;
        if *is_number { format!("CAST({name} AS TEXT)") } else { name.clone() }
    };
    let array = |chunk: &[Column]| format!("json_array({})", chunk.iter().map(value).collect::<Vec<_>>().join(", "));
    format!("json_array({})", columns.chunks(ARRAY).map(array).collect::<Vec<_>>().join(", "))
}

/// A column for each field that healthdata may have. SQLite does not tell `a` from `A`, and a field may have the name of one of the
/// table's own columns: who comes later gets an underscore.
fn columns<'a>(own: &[&str], fields: impl Iterator<Item = (FieldNo, &'a Field)>, bytes_max: usize) -> Vec<Column> {
    let mut used: HashSet<String> = own.iter().map(|name| (*name).to_owned()).collect();
    let column = |(number, field): (FieldNo, &Field)| {
        let mut name = field.hd_column()?;
        while !used.insert(fitted(&name, bytes_max).to_ascii_lowercase()) {
            name.push('_');
        }
        let is_number = holds_numbers(field);
        Some(Column { field: number, is_number, name: quoted(&fitted(&name, bytes_max)) })
    };
    fields.filter_map(column).collect()
}

async fn complete(connection: &mut Connection, table: &str, columns: &[Column]) -> Result<(), StoreError> {
    let there: HashSet<String> = connection.columns(&unquoted(table)).await?.into_iter().collect();
    for column in columns.iter().filter(|column| !there.contains(&unquoted(&column.name))) {
        let affinity = if column.is_number { "NUMERIC" } else { "TEXT" };
        connection.define(&format!("ALTER TABLE {table} ADD COLUMN {} {affinity}", column.name)).await?;
    }
    Ok(())
}

fn unquoted(name: &str) -> String {
    let inner = name.get(1..name.len().saturating_sub(1)).unwrap_or_default();
    inner.replace("\"\"", "\"")
}
