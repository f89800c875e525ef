//! Inputs: files of a scenario's own, taken apart as HD4DP takes apart what a hospital uploads.

use std::{collections::BTreeSet, io, path::Path, sync::Arc};

use dcd::{Code, Definition, Severity};
use hd4dp::{
    store::Tally,
    upload::{CsvFile, UploadError},
};
use registration::{Attachment, Cell};

use super::{
    Violation,
    evidence::{Evidence, at_once},
    laboratory::START,
    name::Name,
    op::{Hospital, Register, RowName},
};

/// Hospitals of a scenario at most.
pub const HOSPITALS_MAX: usize = 12;

/// The population of an input that names none, and of the rows that every hospital has.
pub const POPULATION: u64 = 7;

/// Rows of an input at most: the invariants look at all of them after each thing that happens.
pub const INPUT_ROWS_MAX: u16 = 5_000;

/// A file that a hospital uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// What the scenario calls it.
    pub name: Name,
    /// Whose it is.
    pub hospital: Hospital,
    /// Which register it is of.
    pub register: Register,
    /// Its rows behind the header, in order.
    pub(super) rows: Vec<InputRow>,
}

/// A row of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputRow {
    /// Its canonical values; none when it is rejected.
    pub(super) cells: Vec<Cell>,
    /// The files that it names.
    pub(super) attachments: Vec<Attachment>,
    /// Why it is rejected; none when it is not.
    pub(super) codes: Vec<Code>,
}

impl Input {
    /// Takes a file apart on the day on which every world begins. `path` is what it is called, and its attachments lie beside that.
    ///
    /// # Errors
    ///
    /// [`UploadError`] when it cannot be read, or its header is not the register's.
    pub fn read(
        (name, hospital, register): (Name, Hospital, Register),
        definition: &Arc<Definition>,
        text: Box<dyn io::Read + Send + Sync>,
        path: &Path,
    ) -> Result<Self, UploadError> {
        let mut file = CsvFile::of(text, path, definition, START.date())?;
        let mut rows = Vec::new();
        while let Some(row) = file.next_row(hospital.number(), START.date())? {
            let errors = row.findings.iter().filter(|finding| finding.severity == Severity::Error);
            let mut codes: Vec<Code> = errors.map(|finding| finding.code).collect();
            let mut attachments = Vec::new();
            if codes.is_empty() {
                match file.attachments(definition, &row.cells) {
                    Ok(files) => attachments = files,
                    Err(finding) => codes.push(finding.code),
                }
            }
            let cells = if codes.is_empty() { row.cells } else { Vec::new() };
            rows.push(InputRow { cells, attachments, codes });
        }
        Ok(Self { name, hospital, register, rows })
    }

    /// How many rows it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len()
    }
}

impl Evidence {
    /// What became of the rows of an input when it was last uploaded; none before that.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when there is no such input, or the store cannot be asked.
    pub fn tally_of(&self, input: Name) -> Result<Option<Tally>, Violation> {
        let hospital = self.laboratory.input(input)?.hospital;
        let upload = self.desks.get(&hospital).and_then(|desk| desk.of_input(input));
        upload.map(|upload| at_once(self.hd4dp_store(hospital)?.tally(upload))).transpose()
    }

    /// The codes by which validation rejects rows of an input.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when there is no such input.
    pub fn codes_of(&self, input: Name) -> Result<BTreeSet<&'static str>, Violation> {
        let rejected = self.laboratory.input(input)?.rows.iter().filter_map(|row| row.as_ref().err());
        Ok(rejected.flatten().map(|code| code.as_str()).collect())
    }

    /// The row that a row of an input is, which has another name when an earlier one has its unique id; none when it is rejected.
    #[must_use]
    pub fn row_itself(&self, row: RowName) -> Option<RowName> {
        self.laboratory.row_itself(row)
    }
}

/// Where a scenario plays when it says so: its hospitals, and what they upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Premises {
    /// The hospitals, in order.
    pub hospitals: Vec<Hospital>,
    /// The inputs.
    pub inputs: Vec<Input>,
}

impl Default for Premises {
    /// The two hospitals that every world has, and no inputs.
    fn default() -> Self {
        Self { hospitals: Hospital::ALL.to_vec(), inputs: Vec::new() }
    }
}
