//! The warehouse's store in SQL.

mod look;
mod recode;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use clock::Timestamp;
use dcd::Severity;
use recoding::patients::Patients;
use registration::{Cell, Place};
use serde::de::DeserializeOwned;
use store::{AssertSqlSafe, Connection, Database, InDatabase, List, Location, Row, Schema, StoreError, bulk, itinerary};
use uuid::Uuid;

use super::{
    Batch, DhwStore, LookStore, Only, RowKey, StoredRow, passages,
    tables::{Column, Table},
    verdicts,
    write::{self, NewRow},
};
use crate::{
    across::{Member, Touched},
    conclude::{conclude, touched},
    decide::{Answer, Before, Fate, Live, decide},
    findings::{FindingKey, StoredFinding},
    registers::{FactNo, Registers},
    validate::Registration,
};

/// What does not depend on definitions. Findings stand in the order of their file.
const SCHEMA: Schema = Schema {
    steps: &[
        "
CREATE TABLE item (
    id BLOB NOT NULL, sender TEXT NOT NULL, clean INTEGER NOT NULL, findings TEXT, PRIMARY KEY (id, sender)) WITHOUT ROWID;
CREATE TABLE tombstone (
    registration_id BLOB NOT NULL, sender TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (registration_id, sender)) WITHOUT ROWID;
CREATE TABLE finding (
    pseudonym TEXT NOT NULL, dcd TEXT NOT NULL, unique_id TEXT NOT NULL, sender TEXT NOT NULL,
    across INTEGER NOT NULL, number INTEGER NOT NULL, rule TEXT, code TEXT NOT NULL, severity TEXT NOT NULL, about TEXT,
    en TEXT NOT NULL, nl TEXT NOT NULL, fr TEXT NOT NULL,
    PRIMARY KEY (pseudonym, dcd, unique_id, sender, across, number)) WITHOUT ROWID;
",
        recoding::patients::TABLES,
        web::journal::SCHEMA_STEP,
        recoding::sql::TABLES,
        BY_REGISTER,
        ORDER,
    ],
};

/// In which order patients' rows are looked through; see [`RowKey`].
const ORDER: &str = "
CREATE TABLE patient_order (patient INTEGER PRIMARY KEY, first_pseudonym TEXT NOT NULL);
CREATE INDEX patient_order_by_first ON patient_order (first_pseudonym);
";

/// The findings of one register in the order of all findings.
const BY_REGISTER: &str = "
CREATE INDEX finding_by_register ON finding (dcd, pseudonym, unique_id, sender, across, number);
";

/// The warehouse's store `dhw`, in a SQLite file or a schema of PostgreSQL.
#[derive(Debug)]
pub struct SqlStore {
    database: Database,
    registers: Arc<Registers>,
    tables: Vec<Table>,
}

impl SqlStore {
    /// Its schema; the tables of registers follow from their definitions.
    pub const SCHEMA: Schema = SCHEMA;

    /// Opens the store and makes the tables of these registers where they are missing.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open(location: impl Into<Location>, registers: Arc<Registers>) -> Result<Self, StoreError> {
        let database = Database::open(location, "dhw", SCHEMA).await?;
        let tables: Vec<Table> =
            registers.list().iter().map(|register| Table::new(&registers, register, database.name_bytes_max())).collect();
        let mut transaction = database.write().await?;
        for table in &tables {
            table.create(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(Self { database, registers, tables })
    }

    fn table(&self, register: usize) -> Result<&Table, StoreError> {
        self.tables.get(register).ok_or(StoreError::Damaged { what: "register number" })
    }

    /// Members whose `column` is one of the texts of the JSON array `keys`.
    async fn members(
        &self,
        connection: &mut Connection,
        register: usize,
        column: &str,
        keys: &List,
    ) -> Result<Vec<Live>, StoreError> {
        let sql = format!("{}{column}", self.table(register)?.members);
        self.selected_members(connection, register, sql, keys).await
    }

    /// Members of the patients of a JSON array of numbers.
    async fn members_of(&self, connection: &mut Connection, register: usize, patients: &List) -> Result<Vec<Live>, StoreError> {
        let sql = self.table(register)?.members_of_patients.clone();
        self.selected_members(connection, register, sql, patients).await
    }

    async fn selected_members(
        &self,
        connection: &mut Connection,
        register: usize,
        sql: String,
        keys: &List,
    ) -> Result<Vec<Live>, StoreError> {
        let table = self.table(register)?;
        let selected: String = connection.query(AssertSqlSafe(sql)).bind(keys).scalar().await?;
        let members: Vec<SelectedMember> = read(&selected)?;
        members.into_iter().map(|selected| member(selected, register, &table.number_facts)).collect()
    }

    /// What the store holds that a batch may meet.
    async fn before(&self, connection: &mut Connection, batch: &[Registration]) -> Result<Before, StoreError> {
        let mut before = Before::default();
        let items = bulk::id_list(batch.iter().map(|registration| &registration.item));
        const KNOWN: &str = "SELECT id, sender, clean, findings FROM item WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        for row in connection.query(KNOWN).bind(&items).fetch_all().await? {
            before.known.insert((row.try_get("sender")?, id(&row, "id")?), answer(&row)?);
        }
        let ids: BTreeSet<Uuid> = batch.iter().map(|registration| registration.id().1).collect();
        const DELETED: &str = "SELECT registration_id, sender, version FROM tombstone
            WHERE registration_id IN (SELECT unhex(value) FROM json_each(?))";
        for row in connection.query(DELETED).bind(&bulk::id_list(&ids)).fetch_all().await? {
            before.deleted.insert((row.try_get("sender")?, id(&row, "registration_id")?), row.try_get("version")?);
        }
        let mut of_dcd: BTreeMap<&str, (BTreeSet<Uuid>, BTreeSet<&str>)> = BTreeMap::new();
        for registration in batch {
            let (ids, unique_ids) = of_dcd.entry(&registration.content.head().dcd).or_default();
            ids.insert(registration.id().1);
            unique_ids.insert(&registration.member.unique_id);
        }
        let mut seen = HashSet::new();
        for (number, register) in self.registers.list().iter().enumerate() {
            let Some((ids, unique_ids)) = of_dcd.get(register.definition().name()) else { continue };
            let mut live = self.members(connection, number, "t.registration_id = unhex(k.value)", &bulk::id_list(ids)).await?;
            live.extend(self.members(connection, number, "t.unique_id = k.value", &bulk::list(unique_ids)?).await?);
            before.live.extend(live.into_iter().filter(|live| seen.insert((number, live.row))));
        }
        Ok(before)
    }

    /// Those of the touched patients over whose registrations a fact varies that must be constant, or of whom a finding across
    /// registrations is kept. The rules on constant facts have nothing to say of the others, so their registrations need not be read:
    /// there may be many, and most are never contested.
    async fn contested<'a>(
        &self,
        connection: &mut Connection,
        touched: &Touched<'a>,
        batch: &'a [Registration],
        patients: &Patients,
    ) -> Result<BTreeSet<&'a str>, StoreError> {
        if touched.patients.is_empty() {
            return Ok(BTreeSet::new());
        }
        let names: BTreeSet<&str> = touched.patients.iter().copied().collect();
        let numbered: BTreeMap<i64, &str> = names.iter().filter_map(|name| Some((patients.number(name)?, *name))).collect();
        let numbers = bulk::list(&numbered.keys().collect::<Vec<_>>())?;
        let mut values: HashMap<(&str, FactNo), BTreeSet<String>> = HashMap::new();
        let (facts, place_of) = (self.registers.patient_facts(), |patient: &str| touched.patients.get(patient).copied());
        for registration in batch {
            let Some(patient) = place_of(&registration.member.pseudonym) else { continue };
            for (fact, value) in facts.iter().filter_map(|fact| Some((*fact, registration.member.fact(*fact)?))) {
                values.entry((patient, fact)).or_default().insert(value.to_owned());
            }
        }
        for table in &self.tables {
            let Some(spans) = &table.spans else { continue };
            let selected: String = connection.query(AssertSqlSafe(spans.as_str())).bind(&numbers).scalar().await?;
            for (number, ends) in read::<Vec<SelectedSpans>>(&selected)? {
                let Some(patient) = numbered.get(&number).copied() else { continue };
                for (end, value) in ends.into_iter().enumerate().filter_map(|(end, value)| Some((end, value?))) {
                    let Some(fact) = facts.get(end / 2) else { continue };
                    let value = if table.number_facts.contains(fact) { canonical(value)? } else { value };
                    values.entry((patient, *fact)).or_default().insert(value);
                }
            }
        }
        let varying = values.into_iter().filter(|(_, values)| values.len() > 1).map(|((patient, _), _)| patient);
        let mut contested: BTreeSet<&str> = varying.collect();
        const FOUND: &str = "SELECT DISTINCT k.value FROM json_each(?) k CROSS JOIN finding f
            WHERE f.pseudonym = k.value AND f.across = 1";
        let found: Vec<String> = connection.query(FOUND).bind(&bulk::list(&names)?).scalars().await?;
        contested.extend(found.iter().filter_map(|patient| place_of(patient)));
        Ok(contested)
    }

    /// The registrations of the touched groups that stood before and stay, without those of patients that are not contested.
    async fn standing(
        &self,
        connection: &mut Connection,
        touched: &Touched<'_>,
        contested: &BTreeSet<&str>,
        patients: &Patients,
        gone: &[&Live],
    ) -> Result<Vec<Live>, StoreError> {
        let mut seen: HashSet<(usize, i64)> = gone.iter().map(|live| (live.member.register, live.row)).collect();
        let mut standing = Vec::new();
        let contested = bulk::list(&contested.iter().filter_map(|patient| patients.number(patient)).collect::<BTreeSet<_>>())?;
        for (number, table) in self.tables.iter().enumerate() {
            let mut live = Vec::new();
            if table.spans.is_some() {
                live = self.members_of(connection, number, &contested).await?;
            }
            for (link, column) in self.registers.links().iter().zip(&table.links) {
                let Some(column) = column else { continue };
                let values = touched.links.iter().filter(|(of, _)| of == link).map(|(_, value)| *value);
                let values: BTreeSet<&str> = values.collect();
                if !values.is_empty() {
                    live.extend(self.members(connection, number, &format!("t.{column} = k.value"), &bulk::list(&values)?).await?);
                }
            }
            standing.extend(live.into_iter().filter(|live| seen.insert((number, live.row))));
        }
        Ok(standing)
    }

    /// The findings across registrations that are kept of the patients of `standing`.
    async fn kept(&self, connection: &mut Connection, standing: &[Live]) -> Result<HashSet<FindingKey>, StoreError> {
        let patients: BTreeSet<&str> = standing.iter().map(|live| live.member.pseudonym.as_str()).collect();
        if patients.is_empty() {
            return Ok(HashSet::new());
        }
        const SELECT: &str = "SELECT pseudonym, dcd, unique_id, sender, across, number
            FROM json_each(?) k CROSS JOIN finding f WHERE f.pseudonym = k.value AND f.across = 1";
        let rows = connection.query(SELECT).bind(&bulk::list(&patients)?).fetch_all().await?;
        rows.iter().map(key).collect()
    }

    async fn write_rows(
        &self,
        connection: &mut Connection,
        written: &[&Registration],
        patients: &mut Patients,
    ) -> Result<(), StoreError> {
        let pseudonyms: Vec<&str> = written.iter().map(|registration| registration.member.pseudonym.as_str()).collect();
        patients.add(connection, &pseudonyms).await?;
        write::order(connection, patients, &pseudonyms.into_iter().collect()).await?;
        let mut of_register: BTreeMap<usize, Vec<&Registration>> = BTreeMap::new();
        for registration in written {
            of_register.entry(registration.member.register).or_default().push(registration);
        }
        for (register, registrations) in of_register {
            let table = self.table(register)?;
            let sql = format!("SELECT coalesce(max(id), 0) FROM {}", table.name);
            let last: i64 = connection.query(AssertSqlSafe(sql)).scalar().await?;
            let rows = (last + 1..).zip(registrations).map(|(row, registration)| NewRow { row, registration });
            write::rows(connection, table, &rows.collect::<Vec<_>>(), patients).await?;
        }
        Ok(())
    }

    async fn remove(&self, connection: &mut Connection, gone: &[&Live]) -> Result<(), StoreError> {
        for (number, (table, register)) in self.tables.iter().zip(self.registers.list()).enumerate() {
            let of_register: Vec<&Live> = gone.iter().copied().filter(|live| live.member.register == number).collect();
            if !of_register.is_empty() {
                write::remove(connection, table, register.definition().name(), &of_register).await?;
            }
        }
        Ok(())
    }
}

impl SqlStore {
    /// Registrations behind a key, sorted by their keys, each with its row's number.
    async fn select_rows(
        &self,
        table: &Table,
        only: Option<Only<'_>>,
        after: Option<&RowKey>,
        limit: u32,
    ) -> Result<Vec<(i64, StoredRow)>, StoreError> {
        let (first, unique_id, sender) =
            after.map_or(("", "", ""), |key| (key.first_pseudonym.as_str(), key.unique_id.as_str(), key.sender.as_str()));
        let text = match only {
            None => table.rows(""),
            Some(only) => {
                let column = table.columns.iter().find(|column| column.field == only.field && !column.is_number);
                table.rows(&format!("AND t.{} = ?5", column.ok_or(StoreError::Damaged { what: "field number" })?.name))
            }
        };
        let query = self.database.query(AssertSqlSafe(text));
        let query = query.bind(first).bind(unique_id).bind(sender).bind(limit);
        let query = if let Some(only) = only { query.bind(only.value) } else { query };
        let selected: String = query.scalar().await?;
        let (mut rows, mut places) = (Vec::new(), BTreeMap::new());
        for (row, first_pseudonym, unique_id, sender, pseudonym, values) in read::<Vec<SelectedRow>>(&selected)? {
            places.insert(row, rows.len());
            let mut stored = StoredRow { key: RowKey { first_pseudonym, unique_id, sender }, pseudonym, cells: Vec::new() };
            add_cells(&mut stored.cells, values, &table.columns, None)?;
            rows.push((row, stored));
        }
        let ids = bulk::list(&places.keys().collect::<Vec<_>>())?;
        for list in &table.lists {
            let query = self.database.query(AssertSqlSafe(list.items.as_str()));
            let selected: String = query.bind(&ids).scalar().await?;
            for (record, item, values) in read::<Vec<SelectedItem>>(&selected)? {
                if let Some((_, stored)) = places.get(&record).and_then(|at| rows.get_mut(*at)) {
                    add_cells(&mut stored.cells, values, &list.columns, Some(item))?;
                }
            }
        }
        rows.iter_mut().for_each(|(_, row)| row.cells.sort_by_key(|cell| cell.place));
        Ok(rows)
    }
}

impl InDatabase for SqlStore {
    fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl DhwStore for SqlStore {
    async fn settle(&self, batch: &mut Batch) -> Result<Vec<Answer>, StoreError> {
        let mut transaction = self.database.write().await?;
        let at = batch.publications.last().map_or(Timestamp::EPOCH, |publication| publication.at);
        self.translate(&mut transaction, &mut batch.registrations, at).await?;
        let (batch, registrations) = (&*batch, batch.registrations.as_slice());
        let before = self.before(&mut transaction, registrations).await?;
        let decision = decide(&self.registers, registrations, &before);
        let gone: Vec<&Live> = decision.removed.iter().filter_map(|at| before.live.get(*at)).collect();
        let touched = touched(&self.registers, registrations, &decision, gone.iter().map(|live| &live.member));
        let names = registrations.iter().map(|registration| registration.member.pseudonym.as_str());
        let names: Vec<&str> = names.chain(touched.patients.iter().copied()).collect();
        let mut patients = Patients::of(&mut transaction, &names).await?;
        let contested = self.contested(&mut transaction, &touched, registrations, &patients).await?;
        let standing = self.standing(&mut transaction, &touched, &contested, &patients, &gone).await?;
        let kept = self.kept(&mut transaction, &standing).await?;
        let members: Vec<&Member> = standing.iter().map(|live| &live.member).collect();
        let conclusion = conclude(&self.registers, registrations, &decision, &touched, &members, &kept);

        let with = |fate| decision.with(fate).filter_map(|at| registrations.get(at));
        self.remove(&mut transaction, &gone).await?;
        self.write_rows(&mut transaction, &with(&Fate::Written).collect::<Vec<_>>(), &mut patients).await?;
        write::findings(&mut transaction, &conclusion.added, &conclusion.cleared).await?;
        write::tombstones(&mut transaction, &with(&Fate::Deleted).collect::<Vec<_>>()).await?;
        write::verdicts(&mut transaction, &verdicts(batch, &decision, &conclusion.answers).collect::<Vec<_>>()).await?;
        itinerary::insert(&mut transaction, &passages(batch, &decision)).await?;
        transaction.commit().await?;
        Ok(conclusion.answers)
    }

    async fn validated(&self, items: &[Uuid]) -> Result<u64, StoreError> {
        const COUNT: &str = "SELECT count(DISTINCT id) FROM item WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        let count: i64 = self.database.query(COUNT).bind(&bulk::id_list(items)).scalar().await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let mut sum = 0;
        for table in &self.tables {
            let sql = format!("SELECT count(*) FROM {}", table.name);
            let count: i64 = self.database.query(AssertSqlSafe(sql)).scalar().await?;
            sum += u64::try_from(count).unwrap_or(0);
        }
        Ok(sum)
    }

    async fn rows(&self, register: usize, after: Option<&RowKey>, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let rows = self.select_rows(self.table(register)?, None, after, limit).await?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    async fn list_widths(&self, register: usize) -> Result<Vec<u16>, StoreError> {
        let mut widths = Vec::new();
        for list in &self.table(register)?.lists {
            let sql = format!("SELECT coalesce(max(item) + 1, 0) FROM {}", list.name);
            let width: i64 = self.database.query(AssertSqlSafe(sql)).scalar().await?;
            widths.push(u16::try_from(width).unwrap_or(u16::MAX));
        }
        Ok(widths)
    }

    async fn findings(&self, after: Option<&FindingKey>, limit: u32) -> Result<Vec<StoredFinding>, StoreError> {
        const FIRST: &str = "SELECT * FROM finding ORDER BY pseudonym, dcd, unique_id, sender, across, number LIMIT ?";
        const NEXT: &str = "SELECT * FROM finding
            WHERE (pseudonym, dcd, unique_id, sender, across, number) > (?, ?, ?, ?, ?, ?)
            ORDER BY pseudonym, dcd, unique_id, sender, across, number LIMIT ?";
        let query = |text| self.database.query(text);
        let query = after.map_or_else(|| query(FIRST), |key| write::bind_key(query(NEXT), key));
        let rows = query.bind(limit).fetch_all().await?;
        rows.iter().map(finding).collect()
    }

    fn look(&self) -> &dyn LookStore {
        self
    }
}

fn id(row: &Row, column: &str) -> Result<Uuid, StoreError> {
    Uuid::from_slice(row.try_get(column)?).map_err(|_| StoreError::Damaged { what: "id" })
}

fn answer(row: &Row) -> Result<Answer, StoreError> {
    let findings: Option<&str> = row.try_get("findings")?;
    let findings = findings.map(serde_json::from_str).transpose().map_err(|_| StoreError::Damaged { what: "verdict" })?;
    Ok(Answer { clean: row.try_get("clean")?, findings: findings.unwrap_or_default() })
}

/// Values in order of their columns, as [`Table`]'s statements select them.
type Values = Vec<Vec<Option<String>>>;
/// As [`Table::members`] selects it.
type SelectedMember = (i64, String, u32, String, String, String, Vec<Option<String>>);
/// As [`Table::spans`] selects it.
type SelectedSpans = (i64, Vec<Option<String>>);
/// As [`Table::rows`] has it.
type SelectedRow = (i64, String, String, String, String, Values);
/// As the items of a list are selected.
type SelectedItem = (i64, u16, Values);

fn read<T: DeserializeOwned>(selected: &str) -> Result<T, StoreError> {
    serde_json::from_str(selected).map_err(|_| StoreError::Damaged { what: "row" })
}

fn member(selected: SelectedMember, register: usize, numbers: &[FactNo]) -> Result<Live, StoreError> {
    let (row, registration_id, version, sender, pseudonym, unique_id, mut facts) = selected;
    let registration_id = Uuid::try_parse(&registration_id).map_err(|_| StoreError::Damaged { what: "id" })?;
    for fact in numbers {
        if let Some(fact) = facts.get_mut(*fact) {
            *fact = fact.take().map(canonical).transpose()?;
        }
    }
    Ok(Live { row, registration_id, version, member: Member { register, sender, pseudonym, unique_id, facts } })
}

/// Adds the filled fields.
fn add_cells(cells: &mut Vec<Cell>, values: Values, columns: &[Column], item: Option<u16>) -> Result<(), StoreError> {
    for (Column { field, is_number, .. }, value) in columns.iter().zip(values.into_iter().flatten()) {
        let Some(value) = value else { continue };
        let place = Place { field: *field, item };
        cells.push(Cell { place, value: if *is_number { canonical(value)? } else { value } });
    }
    Ok(())
}

/// A number as it was written. SQLite keeps all of its digits, but writes very small ones with an exponent.
fn canonical(number: String) -> Result<String, StoreError> {
    if !number.contains('e') {
        return Ok(number);
    }
    number.parse().map(|number: f64| number.to_string()).map_err(|_| StoreError::Damaged { what: "number" })
}

fn key(row: &Row) -> Result<FindingKey, StoreError> {
    Ok(FindingKey {
        pseudonym: row.try_get("pseudonym")?,
        dcd: row.try_get("dcd")?,
        unique_id: row.try_get("unique_id")?,
        sender: row.try_get("sender")?,
        across: row.try_get("across")?,
        number: row.try_get("number")?,
    })
}

fn severity(row: &Row) -> Result<Severity, StoreError> {
    match row.try_get("severity")? {
        "error" => Ok(Severity::Error),
        "warning" => Ok(Severity::Warning),
        _ => Err(StoreError::Damaged { what: "finding" }),
    }
}

fn finding(row: &Row) -> Result<StoredFinding, StoreError> {
    Ok(StoredFinding {
        key: key(row)?,
        rule: row.try_get("rule")?,
        code: row.try_get("code")?,
        severity: severity(row)?,
        column: row.try_get("about")?,
        messages: [row.try_get("en")?, row.try_get("nl")?, row.try_get("fr")?],
    })
}
