//! What all worlds of a test run share, since it is dear to make and none of them changes it: definitions, keys and rows.
//!
//! Keys come from the operating system's randomness, so pseudonyms differ from run to run. Nothing that a world does may depend on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use clock::Timestamp;
use dcd::{Code, Definition, Definitions, Layout, NoAttachments};
use hd4dp::{
    AcceptedRow,
    prepare::{self, Secrets},
};
use identifying::{Identity, SharedHospitalKey, TagKey};
use opencsv::Writer;
use population::{Order, Rows};
use registration::{Cell, CodeKey, Place};
use topology::Nihdi;

use super::{
    Violation,
    definitions::VERSIONS,
    input::{Input, POPULATION, Premises},
    name::Name,
    op::{Hospital, Register, RowName},
    violation::{broken, ensure},
};
use crate::keys::AllKeys;

/// Rows of every hospital and register that random lists and most tests are about; the last has a patient without a national number.
pub const ROWS: u16 = 4;
/// Rows of every hospital and register.
pub const ROWS_MAX: u16 = 200;

/// When every world begins: ten days from here reach into another month, quarter and year.
pub const START: Timestamp = Timestamp::from_micros(1_798_365_600_000_000);

/// Stands in every name, first name and internal id of the rows.
pub const CANARY_OF_IDENTITY: &str = "Kanarievogel";
/// Stands in a text of every row that healthdata may have and eHealth may not.
pub const CANARY_OF_CONTENT: &str = "inhoudskanarie";

/// The columns that name a patient.
const NAMING: [&str; 3] = ["patient_id|name", "patient_id|first_name", "patient_id|internal_patient_id"];

/// What all worlds of a test run share.
pub struct Laboratory {
    pub(crate) definitions: Arc<Definitions>,
    pub(super) keys: AllKeys,
    pub(crate) hospitals: BTreeMap<Hospital, Nihdi>,
    secrets: BTreeMap<Hospital, Secrets>,
    sheets: BTreeMap<Register, Sheet>,
    rows: BTreeMap<RowName, Row>,
    by_text: BTreeMap<String, RowName>,
    inputs: BTreeMap<Name, Arc<PlacedInput>>,
    checked: Mutex<BTreeMap<Values, Vec<Cell>>>,
    unique_keys: Mutex<BTreeMap<RowName, String>>,
    identities: Mutex<BTreeMap<RowName, Arc<str>>>,
    /// Those of scenarios with hospitals and inputs of their own, each with what it was made for.
    others: Mutex<Vec<(Arc<Premises>, Arc<Laboratory>)>>,
    /// Definitions with the second version of some registers.
    pub(super) newer: Mutex<BTreeMap<BTreeSet<Register>, Arc<Definitions>>>,
}

/// A row in all the forms that a hospital may upload of it, apart from what changes with its revision.
#[derive(Default)]
struct Row {
    /// In the columns of its sheet, for a row that every hospital has.
    fields: Option<Vec<String>>,
    /// As inputs have it.
    variants: Vec<AcceptedRow>,
}

/// A row as it is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Values {
    /// Which.
    pub(crate) row: RowName,
    /// How often it was changed, from 1.
    pub(crate) revision: u32,
    /// In which of its forms.
    pub(crate) variant: u16,
}

/// An input whose rows have found their places among all rows: rows with one unique id are one row in several forms.
pub(super) struct PlacedInput {
    pub(super) hospital: Hospital,
    pub(super) register: Register,
    /// The row and its form, for each row that is not rejected; else why it is.
    pub(super) rows: Vec<Result<(RowName, u16), Vec<Code>>>,
}

impl std::fmt::Debug for Laboratory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Laboratory")
    }
}

/// The hospitals of every world, by their numbers.
pub(crate) fn hospitals() -> Result<BTreeMap<Hospital, Nihdi>, Violation> {
    numbered(&Hospital::ALL)
}

fn numbered(hospitals: &[Hospital]) -> Result<BTreeMap<Hospital, Nihdi>, Violation> {
    let numbered = |hospital: &Hospital| Ok((*hospital, hospital.number().parse().map_err(broken("name a hospital"))?));
    hospitals.iter().map(numbered).collect()
}

/// A register's definition and the columns of its rows.
struct Sheet {
    definition: Arc<Definition>,
    header: Vec<String>,
    layout: Layout,
    comment: usize,
}

impl Laboratory {
    /// Makes keys and rows for the two hospitals that every world has.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when the built-in definitions, the population and each other do not fit.
    pub fn new() -> Result<Self, Violation> {
        Self::at(&Premises::default())
    }

    /// The same for a scenario's own hospitals and inputs.
    ///
    /// # Errors
    ///
    /// As [`Laboratory::new`].
    pub fn at(premises: &Premises) -> Result<Self, Violation> {
        let numbers: Vec<Nihdi> = numbered(&premises.hospitals)?.into_values().collect();
        Self::with(premises, AllKeys::in_memory(&numbers).map_err(broken("make keys"))?)
    }

    /// Makes rows for the two hospitals that every world has, when they have these keys.
    ///
    /// # Errors
    ///
    /// As [`Laboratory::new`].
    pub fn under(keys: AllKeys) -> Result<Self, Violation> {
        Self::with(&Premises::default(), keys)
    }

    fn with(premises: &Premises, keys: AllKeys) -> Result<Self, Violation> {
        let definitions = Definitions::built_in().map_err(broken("load the definitions"))?;
        let hospitals = numbered(&premises.hospitals)?;
        let mut secrets = BTreeMap::new();
        for (hospital, nihdi) in &hospitals {
            let (own, _) = keys.hospitals.get(nihdi).ok_or_else(|| Violation::new("a hospital has no keys"))?;
            let own = Secrets {
                tag: TagKey::new(*own.tag_key.bytes()),
                generated_id: SharedHospitalKey::new(*own.generated_id_key.bytes()),
                code: CodeKey::new(*own.code_key.bytes()),
            };
            secrets.insert(*hospital, own);
        }
        let (mut sheets, mut rows) = (BTreeMap::new(), BTreeMap::new());
        for register in Register::ALL {
            let definition = definitions.get(register.name()).ok_or_else(|| Violation::new("a register is not built in"))?;
            for hospital in hospitals.keys() {
                take_rows(&definition, *hospital, register, &mut rows)?;
            }
            sheets.insert(register, Sheet::new(definition, register)?);
        }
        let mut laboratory = Self {
            definitions: Arc::new(definitions),
            keys,
            hospitals,
            secrets,
            sheets,
            by_text: rows.keys().map(|row| (row.to_string(), *row)).collect(),
            rows,
            inputs: BTreeMap::new(),
            checked: Mutex::default(),
            unique_keys: Mutex::default(),
            identities: Mutex::default(),
            others: Mutex::default(),
            newer: Mutex::default(),
        };
        for input in &premises.inputs {
            laboratory.place(input)?;
        }
        Ok(laboratory)
    }

    /// The laboratory for these premises: made once for each, and this one when there are none.
    ///
    /// # Errors
    ///
    /// As [`Laboratory::new`].
    pub fn of(self: &Arc<Self>, premises: Option<&Arc<Premises>>) -> Result<Arc<Self>, Violation> {
        let Some(premises) = premises else { return Ok(Arc::clone(self)) };
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = others.iter().find(|(known, _)| Arc::ptr_eq(known, premises)) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(Self::at(premises)?);
        others.push((Arc::clone(premises), Arc::clone(&made)));
        Ok(made)
    }

    /// Finds the places of an input's rows.
    fn place(&mut self, input: &Input) -> Result<(), Violation> {
        let (hospital, register) = (input.hospital, input.register);
        let of_register = |row: &&RowName| row.hospital == hospital && row.register == register;
        let mut known = BTreeMap::new();
        for row in self.rows.keys().filter(of_register) {
            known.insert(self.unique_key(*row)?, *row);
        }
        let mut rows = Vec::with_capacity(input.rows.len());
        for (number, row) in (0..).zip(&input.rows) {
            if !row.codes.is_empty() {
                rows.push(Err(row.codes.clone()));
                continue;
            }
            let accepted =
                AcceptedRow { cells: self.named_by_canary(register, &row.cells)?, attachments: row.attachments.clone() };
            let key = self.unique_key_of(hospital, register, &accepted.cells)?;
            let name = RowName { hospital, register, input: Some(input.name), number };
            let name = *known.entry(key).or_insert(name);
            let variants = &mut self.rows.entry(name).or_default().variants;
            let is_same = |other: &AcceptedRow| other.cells == accepted.cells && other.attachments == accepted.attachments;
            let at = variants.iter().position(is_same).unwrap_or_else(|| {
                variants.push(accepted);
                variants.len() - 1
            });
            // The form of a row that every hospital has comes before those of inputs.
            let is_common = name.input.is_none();
            rows.push(Ok((name, u16::try_from(at).unwrap_or(u16::MAX) + u16::from(is_common))));
            self.by_text.insert(name.to_string(), name);
        }
        self.inputs.insert(input.name, Arc::new(PlacedInput { hospital, register, rows }));
        Ok(())
    }

    /// Names are what a simulation looks for where they may not be.
    fn named_by_canary(&self, register: Register, cells: &[Cell]) -> Result<Vec<Cell>, Violation> {
        let definition = self.definition(register)?;
        let places: Vec<Place> = NAMING.iter().filter_map(|column| definition.field_no(column)).map(Place::of).collect();
        let mut cells = cells.to_vec();
        for cell in cells.iter_mut().filter(|cell| places.contains(&cell.place)) {
            cell.value.insert_str(0, CANARY_OF_IDENTITY);
        }
        Ok(cells)
    }

    /// An input.
    pub(super) fn input(&self, name: Name) -> Result<&Arc<PlacedInput>, Violation> {
        self.inputs.get(&name).ok_or_else(|| Violation::new(format!("there is no input {name}")))
    }

    /// The row that a row of an input is, which may have another name when an earlier one has its unique id; none when it is rejected.
    pub(super) fn row_itself(&self, row: RowName) -> Option<RowName> {
        let Some(input) = row.input else { return Some(row) };
        let placed = self.inputs.get(&input)?.rows.get(usize::from(row.number))?;
        placed.as_ref().ok().map(|(row, _)| *row)
    }

    /// The canonical values of a row as it is uploaded, as validation gives them.
    pub(super) fn cells(&self, values: Values) -> Result<Vec<Cell>, Violation> {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cells) = checked.get(&values) {
            return Ok(cells.clone());
        }
        let Values { row, revision, variant } = values;
        let unknown = || Violation::new(format!("there is no row {row}"));
        let forms = self.rows.get(&row).ok_or_else(unknown)?;
        let cells = match (&forms.fields, variant) {
            (Some(_), 0) => self.sheet(row.register)?.cells(row, &self.fields(row, revision)?)?,
            (fields, variant) => {
                let variant = usize::from(variant) - usize::from(fields.is_some());
                let cells = &forms.variants.get(variant).ok_or_else(unknown)?.cells;
                with_comment(self.comment_of(row.register)?, cells, comment(row, revision))
            }
        };
        checked.insert(values, cells.clone());
        Ok(cells)
    }

    /// A row as it is uploaded by a version of its definition, with its files.
    pub(super) fn accepted(&self, values: Values, version: u32) -> Result<AcceptedRow, Violation> {
        let forms = self.rows.get(&values.row);
        let variant = forms.and_then(|forms| {
            let at = usize::from(values.variant).checked_sub(usize::from(forms.fields.is_some()))?;
            forms.variants.get(at)
        });
        let attachments = variant.map(|variant| variant.attachments.clone()).unwrap_or_default();
        let row = AcceptedRow { cells: self.cells(values)?, attachments };
        let first = self.definition(values.row.register)?;
        if version == first.version() {
            return Ok(row);
        }
        let definition = self.version(values.row.register, version)?;
        let mut row = hd4dp::translated(first, &definition, row);
        Self::fill_new_field(&definition, &mut row.cells);
        Ok(row)
    }

    /// A row that every hospital has in a revision, as its hospital's source system writes it.
    fn fields(&self, row: RowName, revision: u32) -> Result<Vec<String>, Violation> {
        let fields = self.rows.get(&row).and_then(|forms| forms.fields.clone());
        let mut fields = fields.ok_or_else(|| Violation::new(format!("no hospital has a row {row}")))?;
        if let Some(place) = fields.get_mut(self.sheet(row.register)?.comment) {
            *place = comment(row, revision);
        }
        Ok(fields)
    }

    /// The file that a source system writes of rows of one register that every hospital has.
    pub(crate) fn file(&self, register: Register, rows: &[Values]) -> Result<Vec<u8>, Violation> {
        let mut writer = Writer::new(Vec::new());
        writer.write_record(&self.sheet(register)?.header).map_err(broken("write a file"))?;
        for Values { row, revision, .. } in rows {
            writer.write_record(&self.fields(*row, *revision)?).map_err(broken("write a file"))?;
        }
        Ok(writer.into_inner())
    }

    pub(crate) fn definition(&self, register: Register) -> Result<&Arc<Definition>, Violation> {
        self.sheet(register).map(|sheet| &sheet.definition)
    }

    /// The field that a simulation writes a row's name and revision into.
    pub(super) fn comment_of(&self, register: Register) -> Result<Option<Place>, Violation> {
        Ok(self.definition(register)?.field_no(register.comment()).map(Place::of))
    }

    /// The same in each version of the definition.
    pub(super) fn comments_of(&self, register: Register) -> Result<BTreeMap<u32, Place>, Violation> {
        let mut comments = BTreeMap::new();
        for version in VERSIONS {
            let field = self.version(register, version)?.field_no(register.comment());
            comments.extend(field.map(|field| (version, Place::of(field))));
        }
        Ok(comments)
    }

    /// Who a row is about, as its hospital knows it.
    pub(super) fn identity(&self, row: RowName) -> Result<Identity, Violation> {
        self.identity_of(row.hospital, row.register, &self.cells(Values::first(row))?)
    }

    fn identity_of(&self, hospital: Hospital, register: Register, cells: &[Cell]) -> Result<Identity, Violation> {
        let secrets = self.secrets.get(&hospital).ok_or_else(|| Violation::new("a hospital has no secrets"))?;
        prepare::identity(self.definition(register)?, cells, secrets).map_err(broken("tell a row's patient"))
    }

    /// The number or generated id of a row's patient. Made once, too.
    pub(super) fn identity_text(&self, row: RowName) -> Result<Arc<str>, Violation> {
        let mut texts = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = texts.get(&row) {
            return Ok(Arc::clone(text));
        }
        let text: Arc<str> = self.identity(row)?.reveal().into();
        texts.insert(row, Arc::clone(&text));
        Ok(text)
    }

    /// Under which key a hospital's store knows a row. Asked for after each thing that happens, so it is made once.
    pub(crate) fn unique_key(&self, row: RowName) -> Result<String, Violation> {
        let known = |keys: &BTreeMap<RowName, String>| keys.get(&row).cloned();
        if let Some(key) = known(&self.unique_keys.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(key);
        }
        let key = self.unique_key_of(row.hospital, row.register, &self.cells(Values::first(row))?)?;
        self.unique_keys.lock().unwrap_or_else(PoisonError::into_inner).insert(row, key.clone());
        Ok(key)
    }

    fn unique_key_of(&self, hospital: Hospital, register: Register, cells: &[Cell]) -> Result<String, Violation> {
        Ok(prepare::unique_key(self.definition(register)?, &self.identity_of(hospital, register, cells)?, cells))
    }

    /// The row and revision that a registration's comment names.
    pub(super) fn named_by(&self, (register, version): (Register, u32), cells: &[Cell]) -> Option<(RowName, u32)> {
        let field = self.version(register, version).ok()?.field_no(register.comment())?;
        let text = &cells.iter().find(|cell| cell.place == Place::of(field))?.value;
        let (_, rest) = text.split_once(", row ")?;
        let (row, revision) = rest.split_once(", revision ")?;
        Some((*self.by_text.get(row)?, revision.parse().ok()?))
    }

    fn sheet(&self, register: Register) -> Result<&Sheet, Violation> {
        self.sheets.get(&register).ok_or_else(|| Violation::new("there is no such register"))
    }
}

impl Sheet {
    fn new(definition: Arc<Definition>, register: Register) -> Result<Self, Violation> {
        let order = order(&definition, &Hospital::North);
        let header: Vec<String> =
            Rows::new(&order).map_err(broken("make rows"))?.header().iter().map(|column| column.to_string()).collect();
        let comment = header.iter().position(|column| column == register.comment());
        let comment = comment.ok_or_else(|| Violation::new("a register has no comment"))?;
        let layout = definition.layout(&header).map_err(|_| Violation::new("the population's header does not fit"))?;
        Ok(Self { definition, header, layout, comment })
    }

    /// The canonical values of a row's fields, as validation gives them.
    fn cells(&self, row: RowName, fields: &[String]) -> Result<Vec<Cell>, Violation> {
        let context = dcd::Context { today: START.date(), organisation: row.hospital.number(), attachments: &NoAttachments };
        let outcome = self.layout.check(fields, &context);
        let errors = || outcome.findings.iter().map(|finding| finding.report_text(dcd::Language::English)).collect::<Vec<_>>();
        ensure(!outcome.has_errors(), || format!("row {row} is not valid: {}", errors().join(" | ")))?;
        Ok(outcome.cells)
    }
}

impl Values {
    /// A row as it is first.
    pub(super) const fn first(row: RowName) -> Self {
        Self { row, revision: 1, variant: 0 }
    }
}

/// What names a row and its revision in its comment.
fn comment(row: RowName, revision: u32) -> String {
    format!("{CANARY_OF_CONTENT}, row {row}, revision {revision}")
}

/// Values with another comment, in order.
fn with_comment(comment: Option<Place>, cells: &[Cell], value: String) -> Vec<Cell> {
    let mut cells: Vec<Cell> = cells.iter().filter(|cell| Some(cell.place) != comment).cloned().collect();
    if let Some(place) = comment {
        let at = cells.partition_point(|cell| cell.place < place);
        cells.insert(at, Cell { place, value });
    }
    cells
}

fn order<'a>(definition: &'a Arc<Definition>, hospital: &'a Hospital) -> Order<'a> {
    Order { definition, organisation: hospital.number(), count: 400, seed: POPULATION, faulty_percent: 0 }
}

/// The first rows of a register, the one before [`ROWS`] about a patient without a national number and those before it about others.
fn take_rows(
    definition: &Arc<Definition>,
    hospital: Hospital,
    register: Register,
    rows: &mut BTreeMap<RowName, Row>,
) -> Result<(), Violation> {
    let made = Rows::new(&order(definition, &hospital)).map_err(broken("make rows"))?;
    let header: Vec<String> = made.header().iter().map(|column| column.to_string()).collect();
    let column = |name: &str| header.iter().position(|column| column == name);
    let is_without_number = |cells: &[String]| column("patient_id").and_then(|at| cells.get(at)).is_some_and(String::is_empty);
    let mut number = 0;
    for made in made {
        let mut cells = made.cells().to_vec();
        if number < ROWS && is_without_number(&cells) != (number + 1 == ROWS) {
            continue;
        }
        for name in NAMING {
            if let Some(cell) = column(name).and_then(|at| cells.get_mut(at)) {
                cell.insert_str(0, CANARY_OF_IDENTITY);
            }
        }
        for name in ["vcf_file", "report"] {
            if let Some(cell) = column(name).and_then(|at| cells.get_mut(at)) {
                cell.clear();
            }
        }
        rows.insert(RowName::new(hospital, register, number), Row { fields: Some(cells), variants: Vec::new() });
        number += 1;
        if number == ROWS_MAX {
            return Ok(());
        }
    }
    Err(Violation::new(format!("the population has too few rows of {}", register.name())))
}
