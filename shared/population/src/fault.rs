//! Rows with exactly one fault each, of every kind that a row of a file can have.
//!
//! What only a file, a header, a stored registration or a computed column can have wrong is not among them.

use dcd::Code;

use crate::column::Column;
use crate::hospital::Register;
use crate::sheet::Sheet;

/// Stands in a cell where the bytes of the file are to be wrong; it comes from no keyboard.
pub(crate) const MARK: char = '\u{e000}';

/// A fault as it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    /// The place in the header of the column that the finding names; none when it is about the row.
    pub(crate) place: Option<usize>,
    pub(crate) edit: Edit,
}

/// What is done to the bytes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    None,
    /// The mark becomes a byte that is not UTF-8.
    Latin1,
    /// The mark becomes a quote that nothing closes.
    OpenQuote,
    /// One field more than the header has.
    ExtraField,
    /// One field less.
    MissingField,
}

impl Edit {
    /// Changes the bytes of a row, which end with a line feed.
    pub(crate) fn apply(self, bytes: &mut Vec<u8>) {
        let mut mark = [0; 4];
        let mark = MARK.encode_utf8(&mut mark).as_bytes();
        let at = bytes.windows(mark.len()).position(|window| window == mark);
        match (self, at) {
            (Self::Latin1, Some(at)) => drop(bytes.splice(at..at + mark.len(), [0xe9])),
            (Self::OpenQuote, Some(at)) => drop(bytes.splice(at..at + mark.len(), [b'"'])),
            (Self::ExtraField, _) => bytes.insert(bytes.len().saturating_sub(1), b';'),
            (Self::MissingField, _) => {
                if let Some(at) = bytes.iter().position(|byte| *byte == b';') {
                    bytes.remove(at);
                }
            }
            (Self::None | Self::Latin1 | Self::OpenQuote, _) => {}
        }
    }
}

/// The kinds of faults of a register, taken in turn.
pub(crate) struct Faults {
    spots: &'static Spots,
    /// Kinds that do not fit a row wait for the next one.
    turn: Vec<Code>,
    made: u64,
}

impl Faults {
    pub(crate) fn new(register: Register) -> Self {
        let spots = match register {
            Register::Local => &LOCAL,
            Register::Central => &CENTRAL,
            Register::Treatment => &TREATMENT,
        };
        let has = |code: &Code| match code {
            Code::E11 => spots.attachment.is_some(),
            Code::E29 => spots.several.is_some(),
            _ => true,
        };
        Self { spots, turn: KINDS.iter().copied().filter(has).collect(), made: 0 }
    }

    /// Where texts of this register stand.
    pub(crate) fn comment(&self) -> Column {
        self.spots.comment
    }

    /// Makes the next kind of fault that the row can have.
    pub(crate) fn make(&mut self, sheet: &mut Sheet) -> Option<Fault> {
        let spots = self.spots;
        let fitting = self.turn.iter().position(|code| spots.fits(*code, sheet))?;
        let code = self.turn.remove(fitting);
        self.turn.push(code);
        let round = self.made / self.turn.len() as u64;
        self.made += 1;
        let (column, edit) = spots.make(code, round, sheet);
        let place = column.and_then(|column| sheet.header().find(column, 0));
        Some(Fault { code, place, edit })
    }
}

/// Every code that a row can get.
const KINDS: &[Code] = &[
    Code::E10,
    Code::E04,
    Code::E06,
    Code::E05,
    Code::E07,
    Code::V01,
    Code::E17,
    Code::V04,
    Code::V02,
    Code::V03,
    Code::E03,
    Code::E09,
    Code::E11,
    Code::E15,
    Code::E19,
    Code::E21,
    Code::E22,
    Code::E23,
    Code::E25,
    Code::E26,
    Code::E27,
    Code::E28,
    Code::E29,
];

/// Where the faults of a register are made.
struct Spots {
    date: Column,
    flag: Column,
    comment: Column,
    /// The first field of a list.
    list: Column,
    attachment: Option<Column>,
    /// Values that break what the name says, with their columns.
    point: (Column, &'static str),
    code: (Column, &'static str),
    several: Option<(Column, &'static str)>,
    form: (Column, &'static str),
    precise: (Column, &'static str),
    range: (Column, &'static str),
    rule: (Column, &'static str),
}

const LOCAL: Spots = Spots {
    date: Column::Diagnosis,
    flag: Column::Refer,
    comment: Column::LocalComment,
    list: Column::Gene,
    attachment: Some(Column::VcfFile),
    point: (Column::CellContent, "42.5"),
    code: (Column::Stage, "V"),
    several: Some((Column::LocalDisciplines, "ONCOLOGIST|PATHOLOGIST|ONCOLOGIST")),
    form: (Column::HgvsC, "1799T>A"),
    precise: (Column::Weight, "71,25"),
    range: (Column::CellContent, "130"),
    rule: (Column::Diagnosis, "01/01/1900"),
};

const CENTRAL: Spots = Spots {
    date: Column::ReportSent,
    flag: Column::Consensus,
    comment: Column::CentralComment,
    list: Column::DiscussedGene,
    attachment: Some(Column::Report),
    point: (Column::Experts, "7.0"),
    code: (Column::MeetingType, "PHONE"),
    several: Some((Column::ExpertDisciplines, "PATHOLOGIST|PATHOLOGIST")),
    form: (Column::DiscussedP, "V600E"),
    precise: (Column::Experts, "7,5"),
    range: (Column::Experts, "60"),
    rule: (Column::CentralDate, "01/01/2015"),
};

const TREATMENT: Spots = Spots {
    date: Column::Imaging,
    flag: Column::Ongoing,
    comment: Column::TreatmentComment,
    list: Column::Substance,
    attachment: None,
    point: (Column::Dose, "82.5"),
    code: (Column::EcogAtStart, "5"),
    several: None,
    form: (Column::VcfIdentifier, "VCF 12/A"),
    precise: (Column::Line, "1,5"),
    range: (Column::Line, "21"),
    rule: (Column::FollowUp, "01/01/2015"),
};

impl Spots {
    /// Whether a row can have a fault with a code and no other fault by it.
    fn fits(&self, code: Code, sheet: &Sheet) -> bool {
        let has_item = |column: Column| sheet.header().find(column, 1).is_none() || !sheet.value(self.list).is_empty();
        match code {
            Code::E10 | Code::E19 => !sheet.value(Column::PatientId).is_empty(),
            Code::E09 => !sheet.value(self.list).is_empty(),
            Code::E05 => has_item(self.point.0),
            Code::E25 => has_item(self.form.0),
            // A text over several lines would end the row in the middle of a field.
            Code::E03 => !sheet.value(self.comment).contains('\n'),
            _ => true,
        }
    }

    /// Makes a fault, in another way in the next round; gives the column that the finding is in.
    fn make(&self, code: Code, round: u64, sheet: &mut Sheet) -> (Option<Column>, Edit) {
        let set = |sheet: &mut Sheet, (column, value): (Column, &str)| {
            sheet.text(column, value);
            (Some(column), Edit::None)
        };
        match code {
            Code::E03 if round.is_multiple_of(2) => (None, Edit::ExtraField),
            Code::E03 => (None, Edit::MissingField),
            Code::E04 => set(sheet, (self.date, if round.is_multiple_of(2) { "2024-03-15" } else { "31/02/2024" })),
            Code::E05 => set(sheet, self.point),
            Code::E06 => set(sheet, self.code),
            Code::E07 => set(sheet, (self.flag, "JA")),
            Code::E09 => {
                sheet.leave_item_blank(self.list);
                (Some(self.list), Edit::None)
            }
            Code::E10 => (Some(wrong_check(sheet)), Edit::None),
            Code::E11 => (Some(self.attach(sheet)), Edit::None),
            Code::E15 => self.comment(sheet, "resultaat volgt", Edit::OpenQuote),
            Code::E17 => set(sheet, (self.comment, "Zie ook dossier 64031299906.")),
            Code::E19 => set(sheet, (Column::Generated, "TRUE")),
            Code::E21 => set(sheet, (self.comment, &identifying(round, sheet))),
            Code::E22 => set(sheet, (Column::InternalId, "64031200035")),
            Code::E23 => set(sheet, (Column::InternalId, &"A".repeat(51))),
            Code::E25 => set(sheet, self.form),
            Code::E26 => self.comment(sheet, "t op controle", Edit::Latin1),
            Code::E27 => set(sheet, self.precise),
            Code::E28 => set(sheet, (Column::InternalId, "PAT\u{7}4711")),
            Code::E29 => self.several.map_or((None, Edit::None), |several| set(sheet, several)),
            Code::V01 => set(sheet, (Column::Residence, "")),
            Code::V02 => {
                sheet.flag(Column::Deceased, true);
                set(sheet, (Column::Death, "01/01/2099"))
            }
            Code::V03 => set(sheet, self.rule),
            Code::V04 => set(sheet, self.range),
            _ => (None, Edit::None),
        }
    }

    fn comment(&self, sheet: &mut Sheet, text: &str, edit: Edit) -> (Option<Column>, Edit) {
        let cell = sheet.cell(self.comment);
        cell.push(MARK);
        cell.push_str(text);
        (Some(self.comment).filter(|_| edit == Edit::Latin1), edit)
    }

    /// Names a file that is not there. The local board's has to be named after the identifier.
    fn attach(&self, sheet: &mut Sheet) -> Column {
        let column = self.attachment.unwrap_or(self.comment);
        let name = match column {
            Column::VcfFile => sheet.value(Column::VcfIdentifier).to_owned(),
            _ => "verslag.pdf".to_owned(),
        };
        sheet.text(column, &name);
        column
    }
}

/// Raises the last digit: neither century's check digits fit then.
fn wrong_check(sheet: &mut Sheet) -> Column {
    let number = sheet.cell_as_it_is(Column::PatientId);
    if let Some(last) = number.pop().and_then(|last| last.to_digit(10)) {
        number.push(char::from_digit((last + 1) % 10, 10).unwrap_or('0'));
    }
    Column::PatientId
}

/// A text that tells who the patient is, in turn by internal number, name and birth date.
fn identifying(round: u64, sheet: &Sheet) -> String {
    match round % 3 {
        0 => format!("Zie dossier {}.", sheet.value(Column::InternalId)),
        1 => format!("Mme/M. {} {} vu en consultation.", sheet.value(Column::Name), sheet.value(Column::FirstName)),
        _ => format!("Date of birth {}.", sheet.value(Column::Birth)),
    }
}
