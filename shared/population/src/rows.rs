//! Rows one after the other, and the file that they make.

use std::fmt;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use dcd::{Code, Definition};

use crate::PopulationError;
use crate::fault::{Edit, Fault, Faults};
use crate::hospital::{Course, Hospital, Register, VISITS_MAX, VisitNo};
use crate::sheet::{Header, Sheet};
use crate::visit::Visit;
use crate::{central, local, treatment};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The register.
    pub definition: &'a Arc<Definition>,
    /// NIHDI number of the hospital, 8 or 11 digits.
    pub organisation: &'a str,
    /// Rows.
    pub count: u64,
    /// The population: hospitals and registers of one seed belong together.
    pub seed: u64,
    /// So many rows of a hundred get one fault each, 0 to 100.
    pub faulty_percent: u8,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Rows, the faulty ones included.
    pub rows: u64,
    /// The faulty rows in order. Only their number makes the report grow.
    pub faulty: Vec<FaultyRow>,
}

/// A row with a fault, and the one finding that it has to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultyRow {
    /// The row, from 1, not counting the header.
    pub row: u64,
    /// The physical line of its first character, from 1.
    pub line: u64,
    /// The column of the finding as the header writes it; none when it is about the row.
    pub column: Option<Arc<str>>,
    /// Its code.
    pub code: Code,
}

/// One row. `Debug` prints its number only.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    number: u64,
    cells: Vec<String>,
    fault: Option<Fault>,
}

impl Row {
    /// Which row it is, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The cells in the order of the header. Faults of the bytes of a file show in the file only.
    pub fn cells(&self) -> &[String] {
        &self.cells
    }

    /// The code of the fault that was made in it.
    pub fn fault(&self) -> Option<Code> {
        self.fault.map(|fault| fault.code)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({})", self.number)
    }
}

/// The rows of an order.
pub struct Rows {
    hospital: Hospital,
    register: Register,
    header: Arc<Header>,
    sheet: Sheet,
    faults: Faults,
    next_visit: VisitNo,
    made: u64,
    count: u64,
    faulty_percent: u64,
}

impl Rows {
    /// Prepares an order.
    ///
    /// # Errors
    /// [`PopulationError`] for an order that cannot be filled.
    pub fn new(order: &Order<'_>) -> Result<Self, PopulationError> {
        let name = order.definition.name();
        let register = match name {
            "Precision_Local_MAB" => Register::Local,
            "Precision_Central_MAB" => Register::Central,
            "Precision_Treatment" => Register::Treatment,
            _ => return Err(PopulationError::UnknownRegister { name: name.to_owned() }),
        };
        if order.faulty_percent > 100 {
            return Err(PopulationError::FaultyPercent);
        }
        if order.count > register.rows_max() {
            return Err(PopulationError::TooMany { max: register.rows_max() });
        }
        let header = Arc::new(Header::new(order.definition));
        Ok(Self {
            hospital: Hospital::new(order.seed, order.organisation, register)?,
            register,
            sheet: Sheet::new(Arc::clone(&header)),
            header,
            faults: Faults::new(register),
            next_visit: 0,
            made: 0,
            count: order.count,
            faulty_percent: order.faulty_percent.into(),
        })
    }

    /// The columns: the same for every order of a definition.
    pub fn header(&self) -> &[Arc<str>] {
        self.header.names()
    }

    /// Makes the next row in the sheet.
    fn advance(&mut self) -> Option<Option<Fault>> {
        if self.made == self.count {
            return None;
        }
        let number = self.find_visit();
        let visit = Visit::new(&self.hospital, number);
        let mut draw = self.hospital.draw_of_row(number);
        self.sheet.clear();
        match self.register {
            Register::Local => local::fill(&mut self.sheet, &self.hospital, &visit, &mut draw),
            Register::Central => central::fill(&mut self.sheet, &self.hospital, &visit, &mut draw),
            Register::Treatment => treatment::fill(&mut self.sheet, &self.hospital, &visit, &mut draw),
        }
        // Spread evenly, and exact for every count: floor(count * percent / 100) rows.
        let faulty_before = self.made * self.faulty_percent / 100;
        self.made += 1;
        let is_faulty = self.made * self.faulty_percent / 100 > faulty_before;
        Some(if is_faulty { self.faults.make(&mut self.sheet) } else { None })
    }

    /// The next visit that has a row in this register.
    fn find_visit(&mut self) -> VisitNo {
        loop {
            let visit = self.next_visit;
            self.next_visit += 1;
            let is_wanted = match self.register {
                Register::Local => true,
                Register::Central => self.hospital.outline(visit).referred,
                Register::Treatment => self.hospital.outline(visit).course != Course::Untreated,
            };
            if is_wanted {
                return visit;
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let fault = self.advance()?;
        Some(Row { number: self.made, cells: self.sheet.cells().to_vec(), fault })
    }
}

impl Register {
    /// Rows that the visits are enough for; about a half of them have a central board, two thirds a treatment.
    const fn rows_max(self) -> u64 {
        match self {
            Self::Local => VISITS_MAX,
            Self::Central => VISITS_MAX / 20 * 9,
            Self::Treatment => VISITS_MAX / 20 * 12,
        }
    }
}

/// Writes the file of an order in the dialect of hospital files. Memory does not grow with it.
///
/// # Errors
/// [`PopulationError`] for an order that cannot be filled, and when the output cannot be written.
pub fn write(order: &Order<'_>, output: &mut dyn Write) -> Result<Report, PopulationError> {
    let mut rows = Rows::new(order)?;
    let mut file = opencsv::Writer::new(BufWriter::with_capacity(1 << 16, output));
    file.write_record(rows.header().iter())?;
    let mut report = Report::default();
    let mut line = 2;
    let mut record = Vec::new();
    while let Some(fault) = rows.advance() {
        report.rows += 1;
        if let Some(Fault { code, place, edit }) = fault {
            let column = place.and_then(|place| rows.header().get(place).cloned());
            report.faulty.push(FaultyRow { row: report.rows, line, column, code });
            if edit != Edit::None {
                record.clear();
                opencsv::Writer::new(&mut record).write_record(rows.sheet.cells())?;
                edit.apply(&mut record);
                let mut inner = file.into_inner();
                inner.write_all(&record)?;
                file = opencsv::Writer::new(inner);
                line += lines_of(&rows);
                continue;
            }
        }
        file.write_record(rows.sheet.cells())?;
        line += lines_of(&rows);
    }
    file.flush()?;
    Ok(report)
}

/// Only the comment may hold line breaks.
fn lines_of(rows: &Rows) -> u64 {
    let breaks = rows.sheet.value(rows.faults.comment()).bytes().filter(|byte| *byte == b'\n').count();
    1 + breaks as u64
}
