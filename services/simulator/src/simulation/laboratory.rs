//! What all worlds of a test run share, since it is dear to make and none of them changes it: definitions, keys and rows.
//!
//! Keys come from the operating system's randomness, so pseudonyms differ from run to run. Nothing that a world does may depend on them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use clock::Timestamp;
use dcd::{Definition, Definitions, Layout, NoAttachments};
use dhw::Registers;
use hd4dp::prepare::{self, Secrets};
use identifying::{Identity, SharedHospitalKey, TagKey};
use population::{Order, Rows};
use registration::{Cell, CodeKey, Place};
use topology::Nihdi;

use super::{
    Violation,
    op::{Hospital, Register, RowName},
    violation::{broken, ensure},
};
use crate::keys::AllKeys;

/// Rows of every hospital and register.
pub const ROWS: u8 = 4;

/// When every world begins: ten days from here reach into another month, quarter and year.
pub const START: Timestamp = Timestamp::from_micros(1_798_365_600_000_000);

/// Stands in every name, first name and internal id of the rows.
pub const CANARY_OF_IDENTITY: &str = "Kanarievogel";
/// Stands in a text of every row that healthdata may have and eHealth may not.
pub const CANARY_OF_CONTENT: &str = "inhoudskanarie";

/// The population that the rows are of.
const POPULATION: u64 = 7;

/// What all worlds of a test run share.
pub struct Laboratory {
    pub(super) definitions: Arc<Definitions>,
    pub(super) registers: Registers,
    pub(super) keys: AllKeys,
    pub(super) hospitals: BTreeMap<Hospital, Nihdi>,
    secrets: BTreeMap<Hospital, Secrets>,
    sheets: BTreeMap<Register, Sheet>,
    rows: BTreeMap<RowName, Vec<String>>,
    checked: Mutex<BTreeMap<(RowName, u32), Vec<Cell>>>,
}

impl std::fmt::Debug for Laboratory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Laboratory")
    }
}

/// A register's definition and the columns of its rows.
struct Sheet {
    definition: Arc<Definition>,
    layout: Layout,
    comment: usize,
}

impl Laboratory {
    /// Makes keys and rows.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when the built-in definitions, the population and each other do not fit.
    pub fn new() -> Result<Self, Violation> {
        let definitions = Definitions::built_in().map_err(broken("load the definitions"))?;
        let mut hospitals = BTreeMap::new();
        for hospital in Hospital::ALL {
            hospitals.insert(hospital, hospital.number().parse::<Nihdi>().map_err(broken("name a hospital"))?);
        }
        let numbers: Vec<Nihdi> = hospitals.values().copied().collect();
        let keys = AllKeys::in_memory(&numbers).map_err(broken("make keys"))?;
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
            for hospital in Hospital::ALL {
                take_rows(&definition, hospital, register, &mut rows)?;
            }
            sheets.insert(register, Sheet::new(definition, register)?);
        }
        Ok(Self {
            registers: Registers::new(&definitions),
            definitions: Arc::new(definitions),
            keys,
            hospitals,
            secrets,
            sheets,
            rows,
            checked: Mutex::default(),
        })
    }

    /// The canonical values of a row in a revision, as validation gives them.
    pub(super) fn cells(&self, row: RowName, revision: u32) -> Result<Vec<Cell>, Violation> {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cells) = checked.get(&(row, revision)) {
            return Ok(cells.clone());
        }
        let sheet = self.sheet(row.register)?;
        let mut fields = self.rows.get(&row).cloned().ok_or_else(|| Violation::new(format!("there is no row {row}")))?;
        if let Some(comment) = fields.get_mut(sheet.comment) {
            *comment = format!("{CANARY_OF_CONTENT}, row {row}, revision {revision}");
        }
        let context = dcd::Context { today: START.date(), organisation: row.hospital.number(), attachments: &NoAttachments };
        let outcome = sheet.layout.check(fields.as_slice(), &context);
        let errors = || outcome.findings.iter().map(|finding| finding.report_text(dcd::Language::English)).collect::<Vec<_>>();
        ensure(!outcome.has_errors(), || format!("row {row} is not valid: {}", errors().join(" | ")))?;
        checked.insert((row, revision), outcome.cells.clone());
        Ok(outcome.cells)
    }

    pub(super) fn definition(&self, register: Register) -> Result<&Arc<Definition>, Violation> {
        self.sheet(register).map(|sheet| &sheet.definition)
    }

    /// The field that a simulation writes a row's name and revision into.
    pub(super) fn comment_of(&self, register: Register) -> Result<Option<Place>, Violation> {
        Ok(self.definition(register)?.field_no(register.comment()).map(Place::of))
    }

    /// Who a row is about, as its hospital knows it.
    pub(super) fn identity(&self, row: RowName) -> Result<Identity, Violation> {
        let secrets = self.secrets.get(&row.hospital).ok_or_else(|| Violation::new("a hospital has no secrets"))?;
        prepare::identity(self.definition(row.register)?, &self.cells(row, 1)?, secrets).map_err(broken("tell a row's patient"))
    }

    /// Under which key a hospital's store knows a row.
    pub(super) fn unique_key(&self, row: RowName) -> Result<String, Violation> {
        Ok(prepare::unique_key(self.definition(row.register)?, &self.identity(row)?, &self.cells(row, 1)?))
    }

    /// The row and revision that a registration's comment names.
    pub(super) fn named_by(&self, register: Register, cells: &[Cell]) -> Option<(RowName, u32)> {
        let field = self.sheets.get(&register)?.definition.field_no(register.comment())?;
        let text = &cells.iter().find(|cell| cell.place == Place::of(field))?.value;
        let (_, rest) = text.split_once(", row ")?;
        let (row, revision) = rest.split_once(", revision ")?;
        let (row, revision) = (row.to_owned(), revision.parse().ok()?);
        self.rows.keys().find(|name| name.to_string() == row).map(|name| (*name, revision))
    }

    fn sheet(&self, register: Register) -> Result<&Sheet, Violation> {
        self.sheets.get(&register).ok_or_else(|| Violation::new("there is no such register"))
    }
}

impl Sheet {
    fn new(definition: Arc<Definition>, register: Register) -> Result<Self, Violation> {
        let order = order(&definition, Hospital::North);
        let header: Vec<String> =
            Rows::new(&order).map_err(broken("make rows"))?.header().iter().map(|column| column.to_string()).collect();
        let comment = header.iter().position(|column| column == register.comment());
        let comment = comment.ok_or_else(|| Violation::new("a register has no comment"))?;
        let layout = definition.layout(&header).map_err(|_| Violation::new("the population's header does not fit"))?;
        Ok(Self { definition, layout, comment })
    }
}

fn order(definition: &Arc<Definition>, hospital: Hospital) -> Order<'_> {
    Order { definition, organisation: hospital.number(), count: 400, seed: POPULATION, faulty_percent: 0 }
}

/// The first rows of a register, the last of them about a patient without a national number.
fn take_rows(
    definition: &Arc<Definition>,
    hospital: Hospital,
    register: Register,
    rows: &mut BTreeMap<RowName, Vec<String>>,
) -> Result<(), Violation> {
    let made = Rows::new(&order(definition, hospital)).map_err(broken("make rows"))?;
    let header: Vec<String> = made.header().iter().map(|column| column.to_string()).collect();
    let column = |name: &str| header.iter().position(|column| column == name);
    let is_without_number = |cells: &[String]| column("patient_id").and_then(|at| cells.get(at)).is_some_and(String::is_empty);
    let mut number = 0;
    for made in made {
        let mut cells = made.cells().to_vec();
        if number + 1 < ROWS && is_without_number(&cells) || number + 1 == ROWS && !is_without_number(&cells) {
            continue;
        }
        for name in ["patient_id|name", "patient_id|first_name", "patient_id|internal_patient_id"] {
            if let Some(cell) = column(name).and_then(|at| cells.get_mut(at)) {
                cell.insert_str(0, CANARY_OF_IDENTITY);
            }
        }
        for name in ["vcf_file", "report"] {
            if let Some(cell) = column(name).and_then(|at| cells.get_mut(at)) {
                cell.clear();
            }
        }
        rows.insert(RowName { hospital, register, number }, cells);
        number += 1;
        if number == ROWS {
            return Ok(());
        }
    }
    Err(Violation::new(format!("the population has too few rows of {}", register.name())))
}
