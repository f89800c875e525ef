//! What is judged by its column: codes, numbers and days are too short to be looked for, and stand everywhere. Whether healthdata has more
//! of a field than its policy leaves shows in the columns themselves.

use std::collections::HashMap;

use dcd::{Definition, Definitions};
use registration::{Content, Policy};
use store::{FoundRow, Inspection, Location, StoreError};
use topology::Nihdi;

use super::{
    board::{Board, Found, Sight},
    field::Field,
    harvest::{decoded, text, value},
    onlooker::{Medium, Onlooker, Role},
    promise::broken,
};

/// Judges values by the column that they stand in.
pub struct Columns<'a> {
    definitions: &'a Definitions,
    /// Numbers of fields in the watch list, by register, version and field.
    numbers: HashMap<(String, u32, u16), Option<usize>>,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy)]
pub struct Stand<'a> {
    /// Who can see it.
    pub onlooker: Onlooker,
    /// In what.
    pub medium: Medium,
    /// Its name.
    pub place: &'a str,
}

impl<'a> Columns<'a> {
    /// A judge for these registers.
    #[must_use]
    pub fn new(definitions: &'a Definitions) -> Self {
        Self { definitions, numbers: HashMap::new() }
    }

    fn number(&mut self, definition: &Definition, field: u16, board: &mut Board) -> Option<usize> {
        let key = (definition.name().to_owned(), definition.version(), field);
        *self.numbers.entry(key).or_insert_with(|| Field::of(definition, field).map(|field| board.watch.field(&field)))
    }

    /// Judges a value of a field: whole, reduced, or one that may not be there.
    fn value(&mut self, definition: &Definition, field: u16, value: &str, stand: Stand<'_>, board: &mut Board) {
        let Some(number) = self.number(definition, field, board) else { return };
        let policy = definition.field(field).and_then(dcd::Field::policy);
        let sight = match policy {
            Some(Policy::AsIs) => Sight::Seen,
            Some(policy) if policy.is_reduced(value) => Sight::Reduced,
            _ => {
                let kind = board.watch.fields().get(number).map(|field| field.kind);
                let promise = kind.and_then(|kind| broken(kind, stand.onlooker, stand.medium, false));
                let Stand { onlooker, medium, place } = stand;
                let way = "by its column: not reduced".to_owned();
                board.breach(Found { promise, field: number, onlooker, medium, place: place.to_owned(), way }, "");
                Sight::Seen
            }
        };
        board.saw(number, stand.onlooker.role, sight);
    }

    /// Judges every cell and attachment of a content.
    pub fn content(&mut self, content: &Content, stand: Stand<'_>, board: &mut Board) {
        let head = content.head();
        let Some(definition) = self.definitions.exact(&head.dcd, head.dcd_version) else {
            board.missed(format!("contents of {} {}, whose definition is not at hand", head.dcd, head.dcd_version));
            return;
        };
        for cell in content.cells() {
            self.value(&definition, cell.place.field, &cell.value, stand, board);
        }
    }

    /// Judges a value under a column's name at healthdata.
    pub fn named(&mut self, definition: &Definition, column: &str, value: &str, stand: Stand<'_>, board: &mut Board) {
        if value.is_empty() {
            return;
        }
        let plain = without_items(column);
        let is_here = |field: &dcd::Field| field.hd_column().is_some_and(|own| own == plain) || field.column() == plain;
        let of_healthdata = definition.fields().iter().position(|field| field.hd_column().is_some_and(|own| own == plain));
        let field = of_healthdata.or_else(|| definition.fields().iter().position(is_here));
        if let Some(field) = field.and_then(|at| u16::try_from(at).ok()) {
            self.value(definition, field, value, stand, board);
        }
    }

    /// Judges the stores: contents at HD4RES, the typed tables of the data warehouse, and what the hospitals have.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn stores(&mut self, location: &Location, hospitals: &[Nihdi], board: &mut Board) -> Result<(), StoreError> {
        for hospital in hospitals {
            self.hospital(location, *hospital, board).await?;
        }
        self.hd4res(location, board).await?;
        self.dhw(location, board).await
    }

    async fn hospital(&mut self, location: &Location, hospital: Nihdi, board: &mut Board) -> Result<(), StoreError> {
        let Some(mut store) = Inspection::open(location, &format!("hd4dp-{hospital}")).await? else { return Ok(()) };
        let mut registers: HashMap<Vec<u8>, String> = HashMap::new();
        let keep = |row: FoundRow| {
            if let (Some(id), Some(dcd)) = (value(&row, "id"), text(&row, "dcd")) {
                registers.insert(id.to_vec(), dcd.to_owned());
            }
        };
        store.each_row("registration", keep).await?;
        let look = |row: FoundRow| {
            let Some((definition, cells)) = decoded(self.definitions, &row, &registers) else { return };
            for cell in &cells {
                if let Some(number) = self.number(&definition, cell.place.field, board) {
                    board.saw(number, Role::Hd4dp, Sight::Seen);
                }
            }
        };
        store.each_row("version", look).await?;
        store.close().await
    }

    async fn hd4res(&mut self, location: &Location, board: &mut Board) -> Result<(), StoreError> {
        let Some(mut store) = Inspection::open(location, "hd4res").await? else { return Ok(()) };
        let onlooker = Onlooker::of(Role::Hd4res);
        let stand = Stand { onlooker, medium: Medium::Store, place: "hd4res, table content, column bytes" };
        let look = |row: FoundRow| {
            if let Some(Ok(content)) = value(&row, "bytes").map(Content::decode) {
                self.content(&content, stand, board);
            }
        };
        store.each_row("content", look).await?;
        store.close().await
    }

    async fn dhw(&mut self, location: &Location, board: &mut Board) -> Result<(), StoreError> {
        let Some(mut store) = Inspection::open(location, "dhw").await? else { return Ok(()) };
        let onlooker = Onlooker::of(Role::Dhw);
        for table in store.tables().await? {
            let Some((definition, list)) = of_table(self.definitions, &table) else { continue };
            let look = |row: FoundRow| {
                for (column, value) in &row {
                    if OWN.contains(&column.as_str()) {
                        continue;
                    }
                    let column =
                        if list.is_empty() || column.contains('|') { column.clone() } else { format!("{list}|{column}") };
                    let place = format!("dhw, table {table}, column {column}");
                    let stand = Stand { onlooker, medium: Medium::Store, place: &place };
                    self.named(&definition, &column, &String::from_utf8_lossy(value), stand, board);
                }
            };
            store.each_row(&table, look).await?;
        }
        store.close().await
    }

    /// Judges a researcher's file by its header.
    ///
    /// # Errors
    ///
    /// A file that cannot be read as one.
    pub fn researchers_file(&mut self, dcd: &str, file: impl std::io::Read, board: &mut Board) -> Result<(), csv::Error> {
        let Some(definition) = self.definitions.get(dcd) else { return Ok(()) };
        let onlooker = Onlooker::of(Role::Researcher);
        let mut reader = csv::Reader::from_reader(file);
        let header = reader.headers()?.clone();
        for record in reader.records() {
            let record = record?;
            for (column, value) in header.iter().zip(record.iter()) {
                let place = format!("file researcher/{dcd}.csv, column {column}");
                self.named(&definition, column, value, Stand { onlooker, medium: Medium::Export, place: &place }, board);
            }
        }
        Ok(())
    }
}

/// Columns of the data warehouse's tables that are no fields.
const OWN: [&str; 9] = ["id", "sender", "registration_id", "version", "item_id", "pseudonym", "unique_id", "record", "item"];

/// The definition of a table of the data warehouse, and the list that it holds the items of.
fn of_table(definitions: &Definitions, table: &str) -> Option<(std::sync::Arc<Definition>, String)> {
    for definition in definitions.iter() {
        let Some(rest) = table.strip_prefix(&format!("{}_{}", definition.name(), definition.version())) else { continue };
        match rest.strip_prefix('|') {
            Some(list) => return Some((definition.clone(), list.to_owned())),
            None if rest.is_empty() => return Some((definition.clone(), String::new())),
            None => {}
        }
    }
    None
}

/// A column's name without the numbers of items: `variants|00|gene` is `variants|gene`.
fn without_items(column: &str) -> String {
    let is_name = |part: &&str| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit());
    column.split('|').filter(is_name).collect::<Vec<_>>().join("|")
}
