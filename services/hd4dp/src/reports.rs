//! What the hospital gets back about a file: which rows were taken in, and what is wrong with the others.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use dcd::{Finding, Language, Severity};
use opencsv::Writer;

use crate::{
    options::How,
    store::{Report, ReportPart, Way},
    upload::{CheckedRow, UploadError},
};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Taken,
    /// It equals what is stored, or gave way to it.
    Ignored,
    Refused,
}

/// A row with what became of it.
pub(crate) struct ReadRow {
    pub(crate) row: CheckedRow,
    pub(crate) fate: Fate,
}

impl ReadRow {
    /// Whether it was taken in, and something is to be said about it.
    pub(crate) fn is_warned(&self) -> bool {
        self.fate != Fate::Refused && !self.row.findings.is_empty()
    }
}

/// Where the reports of an upload go.
#[derive(Debug, Clone, Copy)]
pub enum ReportsTo<'a> {
    /// Into `<file>.success.csv` and `<file>.error.csv` in this folder; the first also has the rows that were ignored.
    Folder(&'a Path),
    /// Into the store, in the transaction of the rows that they are about.
    Store,
}

impl<'a> From<&'a Path> for ReportsTo<'a> {
    fn from(folder: &'a Path) -> Self {
        Self::Folder(folder)
    }
}

impl<'a> From<&'a PathBuf> for ReportsTo<'a> {
    fn from(folder: &'a PathBuf) -> Self {
        Self::Folder(folder)
    }
}

/// How the lines of reports look: the input's columns in its order, with `line` and `error` in front of refused rows, and with options that
/// give warnings, `line` and `warning` in front of the others. In fast-track folders the result files have no more than `error` beside the
/// input's columns.
struct Style {
    header: Vec<String>,
    has_lines: bool,
    has_warnings: bool,
    language: Language,
}

impl Style {
    fn header(&self, report: Report) -> impl Iterator<Item = &str> {
        let reason = if report == Report::Error { "error" } else { "warning" };
        let has_front = report == Report::Error || self.has_warnings;
        let front = ["line"].into_iter().filter(move |_| has_front && self.has_lines);
        front.chain([reason].into_iter().filter(move |_| has_front)).chain(self.header.iter().map(String::as_str))
    }

    fn write<W: Write>(&self, writer: &mut Writer<W>, report: Report, row: &CheckedRow) -> io::Result<()> {
        // Fields beyond the header have no column to stand in.
        let cells: Vec<_> = (0..self.header.len()).map(|column| row.fields.get_lossy(column)).collect();
        let cells = cells.iter().map(AsRef::as_ref);
        if report != Report::Error && !self.has_warnings {
            return writer.write_record(cells);
        }
        // Of a row that was kept with validation errors, they are what the user has to know.
        let told = row.findings.iter().filter(|finding| report != Report::Error || finding.severity == Severity::Error);
        let text = told.map(|finding| finding.report_text(self.language)).collect::<Vec<_>>().join(" | ");
        let front = [Some(row.line.to_string()).filter(|_| self.has_lines), Some(text)];
        writer.write_record(front.iter().flatten().map(String::as_str).chain(cells))
    }
}

enum Output {
    Files {
        folder: PathBuf,
        success: Writer<BufWriter<File>>,
        error: Writer<BufWriter<File>>,
    },
    /// What the store does not have yet of each report; a report is there as soon as it has a row.
    Parts(BTreeMap<Report, Writer<Vec<u8>>>, Vec<Report>),
}

/// The reports of a file.
pub(crate) struct Reports {
    style: Style,
    output: Output,
}

impl Reports {
    /// `begun` are the reports that the store has already, of an upload that is taken up again.
    pub(crate) fn create(
        (to, language): (ReportsTo<'_>, Language),
        file: &Path,
        header: &[String],
        how: &How<'_>,
        begun: Vec<Report>,
    ) -> Result<Self, UploadError> {
        let is_folder_s = matches!(how.way, Way::FastTrack | Way::Provisioning);
        let has_warnings = how.options.has_warnings() && !is_folder_s;
        let style = Style { header: header.to_vec(), has_lines: !is_folder_s, has_warnings, language };
        let ReportsTo::Folder(folder) = to else {
            return Ok(Self { style, output: Output::Parts(BTreeMap::new(), begun) });
        };
        let stem = file.file_stem().map_or_else(|| "input".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let open = |kind: &str| File::create(folder.join(format!("{stem}.{kind}.csv"))).map(BufWriter::new).map(Writer::new);
        let create = || -> io::Result<_> {
            std::fs::create_dir_all(folder)?;
            let (mut success, mut error) = (open("success")?, open("error")?);
            success.write_record(style.header(Report::Success))?;
            error.write_record(style.header(Report::Error))?;
            Ok((success, error))
        };
        let (success, error) = create().map_err(|source| cannot_write(folder, source))?;
        Ok(Self { style, output: Output::Files { folder: folder.to_path_buf(), success, error } })
    }

    pub(crate) fn write(&mut self, ReadRow { row, fate }: &ReadRow) -> Result<(), UploadError> {
        let report = match fate {
            Fate::Taken => Report::Success,
            Fate::Ignored => Report::Ignored,
            Fate::Refused => Report::Error,
        };
        match &mut self.output {
            Output::Files { folder, success, error } => {
                let writer = if report == Report::Error { error } else { success };
                self.style.write(writer, report, row).map_err(|source| cannot_write(folder, source))
            }
            Output::Parts(parts, begun) => {
                let writer = parts.entry(report).or_insert_with(|| Writer::new(Vec::new()));
                let mut write = || {
                    if !begun.contains(&report) {
                        writer.write_record(self.style.header(report))?;
                        begun.push(report);
                    }
                    self.style.write(writer, report, row)
                };
                write().map_err(|source| cannot_write(Path::new(""), source))
            }
        }
    }

    /// What the store does not have yet.
    pub(crate) fn parts(&mut self) -> Vec<ReportPart> {
        let Output::Parts(parts, _) = &mut self.output else { return Vec::new() };
        std::mem::take(parts).into_iter().map(|(report, writer)| ReportPart { report, bytes: writer.into_inner() }).collect()
    }

    pub(crate) fn finish(self) -> Result<(), UploadError> {
        let Output::Files { folder, mut success, mut error } = self.output else { return Ok(()) };
        success.flush().and_then(|()| error.flush()).map_err(|source| cannot_write(&folder, source))
    }
}

/// The error report of a file of which no row was read.
pub(crate) fn of_refused_file(findings: &[Finding], language: Language) -> ReportPart {
    let mut writer = Writer::new(Vec::new());
    let lines = findings.iter().map(|finding| finding.report_text(language));
    for line in std::iter::once("error".to_owned()).chain(lines) {
        // Writing into memory cannot fail.
        let _ = writer.write_record([line]);
    }
    ReportPart { report: Report::Error, bytes: writer.into_inner() }
}

fn cannot_write(folder: &Path, source: io::Error) -> UploadError {
    UploadError::File { what: "write the reports in", path: folder.to_path_buf(), source }
}
