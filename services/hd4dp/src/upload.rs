//! Steps 1 and 2: takes in a CSV file, row by row.
//!
//! Every row gets an answer: it is written down and sent, or it stands in the error report with its line and what was expected. Memory
//! does not grow with the file.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
    sync::Arc,
};

use dcd::{AttachmentSource, Cells, Code, Context, Definition, Expected, Finding, Kind, Language, Layout};
use opencsv::{Fields, HeaderError, Reader, Record, RecordFault, Writer};
use registration::{Attachment, Cell};

use crate::{AcceptedRow, Hd4dp, SubmitError, store::UploadId};

/// Why a file was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The file cannot be opened or read, or a report not be written.
    #[error("{what} {path}")]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not this register's: its header, encoding or separator is wrong, or the collection is closed. Nothing of it was
    /// taken in.
    #[error("use the file {path}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// All that is wrong with it.
        findings: Vec<Finding>,
    },
    /// The rows could not be written down.
    #[error("take in the rows")]
    Submit(#[from] SubmitError),
}

/// A file whose header fits its definition: it can be read.
pub struct CsvFile {
    path: PathBuf,
    header: Vec<String>,
    layout: Layout,
    reader: Reader<File>,
    attachments: Folder,
}

/// What became of one row.
pub struct CheckedRow {
    /// Line of its first character.
    pub line: u64,
    /// What could be read of it.
    pub fields: Fields,
    /// Its canonical values; empty when the row could not be read.
    pub cells: Vec<Cell>,
    /// All that was found.
    pub findings: Vec<Finding>,
}

impl CheckedRow {
    /// Whether a finding keeps it from being taken in.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == dcd::Severity::Error)
    }
}

impl CsvFile {
    /// Opens a file and holds its header against the definition.
    ///
    /// # Errors
    ///
    /// [`UploadError::File`], or [`UploadError::Refused`] with every fault of the header.
    pub fn open(path: &Path, definition: &Arc<Definition>, today: jiff::civil::Date) -> Result<Self, UploadError> {
        let failed = |source| UploadError::File { what: "read", path: path.to_path_buf(), source };
        let refused = |findings| UploadError::Refused { path: path.to_path_buf(), findings };
        let mut reader = Reader::new(File::open(path).map_err(failed)?);
        let header = reader.header().map_err(|error| match error {
            HeaderError::Io(source) => failed(source),
            HeaderError::Empty | HeaderError::NotUtf8 | HeaderError::Separator | HeaderError::Unreadable => {
                refused(vec![Finding::new(Code::E02)])
            }
        })?;
        let layout = definition.layout(&header).map_err(refused)?;
        definition.collection().may_create(today).map_err(|finding| refused(vec![finding]))?;
        let attachments = Folder(path.parent().unwrap_or(Path::new("")).to_path_buf());
        Ok(Self { path: path.to_path_buf(), header, layout, reader, attachments })
    }

    /// The columns, in the file's order.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The next row, checked; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`UploadError::File`] when the file cannot be read on.
    pub fn next_row(&mut self, organisation: &str, today: jiff::civil::Date) -> Result<Option<CheckedRow>, UploadError> {
        let record = self.reader.next_record();
        let record = record.map_err(|source| UploadError::File { what: "read", path: self.path.clone(), source })?;
        Ok(record.map(|record| self.check(record, organisation, today)))
    }

    fn check(&self, record: Record, organisation: &str, today: jiff::civil::Date) -> CheckedRow {
        let line = record.line;
        let fault = match record.body {
            Ok(fields) => {
                let context = Context { today, organisation, attachments: &self.attachments };
                let checked = self.layout.check(&Row(&fields), &context);
                let findings = checked.findings.into_iter().map(|finding| finding.at_line(line)).collect();
                return CheckedRow { line, fields, cells: checked.cells, findings };
            }
            Err(fault) => fault,
        };
        let finding = match &fault {
            RecordFault::OpenQuote { .. } => Finding::new(Code::E15),
            RecordFault::FieldCount { found, expected, .. } => {
                Finding::new(Code::E03).expecting(Expected::Fields { found: *found, expected: *expected })
            }
            RecordFault::TooLong => Finding::new(Code::E15),
        };
        let fields = fault.fields().cloned().unwrap_or_default();
        CheckedRow { line, fields, cells: Vec::new(), findings: vec![finding.at_line(line)] }
    }

    /// The files that an accepted row names.
    ///
    /// # Errors
    ///
    /// E11 for a file that was there when the row was checked and is not any more.
    fn attachments(&self, definition: &Definition, cells: &[Cell]) -> Result<Vec<Attachment>, Finding> {
        let is_file = |cell: &&Cell| definition.field(cell.place.field).is_some_and(|field| field.kind() == Kind::Attachment);
        let read = |cell: &Cell| {
            let missing = || Finding::new(Code::E11).in_column(definition.column_at(cell.place).unwrap_or_default());
            let bytes = self.attachments.read(&cell.value).ok_or_else(missing)?;
            Ok(Attachment { place: cell.place, name: cell.value.clone(), bytes })
        };
        cells.iter().filter(is_file).map(read).collect()
    }
}

/// A record's fields as the definition's layout reads them.
struct Row<'a>(&'a Fields);

impl Cells for Row<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, column: usize) -> Result<&str, dcd::NotUtf8> {
        self.0.get(column).map_err(|_| dcd::NotUtf8)
    }
}

/// The folder that a file lies in, with its attachments beside it.
struct Folder(PathBuf);

impl Folder {
    /// Only a plain file name is looked for: nothing above or below the folder.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let plain = Path::new(name).file_name().is_some_and(|file| file == name);
        plain.then(|| self.0.join(name))
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.path(name)?).ok()
    }
}

impl AttachmentSource for Folder {
    fn size(&self, name: &str) -> Option<u64> {
        let metadata = std::fs::symlink_metadata(self.path(name)?).ok()?;
        metadata.is_file().then_some(metadata.len())
    }
}

/// The two reports of a file: `<file>.success.csv` with the rows that were taken in, `<file>.error.csv` with the others, `line` and
/// `error` in front. Both in the dialect of the input, columns in its order.
struct Reports {
    folder: PathBuf,
    success: Writer<BufWriter<File>>,
    error: Writer<BufWriter<File>>,
    language: Language,
}

impl Reports {
    fn create(folder: &Path, file: &Path, header: &[String], language: Language) -> Result<Self, UploadError> {
        let failed = |source| UploadError::File { what: "write the reports in", path: folder.to_path_buf(), source };
        let stem = file.file_stem().map_or_else(|| "input".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let open = |kind: &str| File::create(folder.join(format!("{stem}.{kind}.csv"))).map(BufWriter::new).map(Writer::new);
        let columns = || header.iter().map(String::as_str);
        let create = || -> io::Result<_> {
            std::fs::create_dir_all(folder)?;
            let (mut success, mut error) = (open("success")?, open("error")?);
            success.write_record(columns())?;
            error.write_record(["line", "error"].into_iter().chain(columns()))?;
            Ok((success, error))
        };
        let (success, error) = create().map_err(failed)?;
        Ok(Self { folder: folder.to_path_buf(), success, error, language })
    }

    fn write(&mut self, row: &CheckedRow, columns: usize) -> Result<(), UploadError> {
        // Fields beyond the header have no column to stand in.
        let cells: Vec<_> = (0..columns).map(|column| row.fields.get_lossy(column)).collect();
        let written = if row.is_rejected() {
            let errors = row.findings.iter().filter(|finding| finding.severity == dcd::Severity::Error);
            let text = errors.map(|finding| finding.report_text(self.language)).collect::<Vec<_>>().join(" | ");
            let front = [row.line.to_string(), text];
            self.error.write_record(front.iter().map(String::as_str).chain(cells.iter().map(AsRef::as_ref)))
        } else {
            self.success.write_record(cells.iter().map(AsRef::as_ref))
        };
        written.map_err(|source| self.failed(source))
    }

    fn finish(mut self) -> Result<(), UploadError> {
        let done = self.success.flush().and_then(|()| self.error.flush());
        done.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> UploadError {
        UploadError::File { what: "write the reports in", path: self.folder.clone(), source }
    }
}

/// Rows that wait to be taken in together, in the file's order.
#[derive(Default)]
struct Batch {
    rows: Vec<CheckedRow>,
    /// The rows that nothing was found against, each with its position.
    accepted: Vec<(usize, AcceptedRow)>,
}

impl Batch {
    fn push(&mut self, file: &CsvFile, definition: &Definition, mut row: CheckedRow) {
        if !row.is_rejected() {
            match file.attachments(definition, &row.cells) {
                Ok(attachments) => {
                    let cells = std::mem::take(&mut row.cells);
                    self.accepted.push((self.rows.len(), AcceptedRow { cells, attachments }));
                }
                Err(finding) => row.findings.push(finding.at_line(row.line)),
            }
        }
        self.rows.push(row);
    }

    /// Full publications are worth waiting for, though not with any number of rejected rows in memory.
    fn is_full(&self, publication_size: usize) -> bool {
        self.accepted.len() >= publication_size || self.rows.len() >= publication_size.saturating_mul(4)
    }

    /// Holds the rows against the store, writes what became of each into the reports, and takes the accepted ones in.
    async fn take_in(
        self,
        hd4dp: &Hd4dp,
        upload: UploadId,
        definition: &Definition,
        reports: &mut Reports,
        columns: usize,
    ) -> Result<(), UploadError> {
        let mut rows = self.rows;
        let (positions, accepted): (Vec<usize>, Vec<AcceptedRow>) = self.accepted.into_iter().unzip();
        let decided = hd4dp.decide(definition, accepted).await?;
        for position in decided.refused().iter().filter_map(|refused| positions.get(*refused)) {
            if let Some(row) = rows.get_mut(*position) {
                row.findings.push(Finding::new(Code::E18).at_line(row.line));
            }
        }
        for row in &rows {
            reports.write(row, columns)?;
        }
        let rejected = rows.iter().filter(|row| row.is_rejected()).count();
        hd4dp.take_in(upload, decided, rows.len() as u64, rejected as u64).await?;
        Ok(())
    }
}

/// Takes in a file: valid rows become registrations and are sent at once (autosubmit), the others stand in the error report, among them
/// those whose registration a file may not change.
/// `progress` is told how many rows were read so far, after every publication; reading goes on when it returns.
///
/// # Errors
///
/// [`UploadError`]; rows that were taken in before it stay taken in.
pub async fn upload(
    hd4dp: &Hd4dp,
    definition: &Arc<Definition>,
    mut file: CsvFile,
    reports: &Path,
    language: Language,
    mut progress: impl AsyncFnMut(u64),
) -> Result<UploadId, UploadError> {
    let clock = &hd4dp.context().clock;
    let mut written = Reports::create(reports, &file.path, &file.header, language)?;
    let name = file.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let id = hd4dp
        .store()
        .begin_upload(&name, definition.name(), clock.now())
        .await
        .map_err(|error| SubmitError::Trouble(error.into()))?;
    let organisation = hd4dp.nihdi().as_str().to_owned();
    let columns = file.header.len();
    let (mut batch, mut total) = (Batch::default(), 0);
    while let Some(row) = file.next_row(&organisation, clock.now().date())? {
        total += 1;
        batch.push(&file, definition, row);
        if batch.is_full(hd4dp.publication_size()) {
            std::mem::take(&mut batch).take_in(hd4dp, id, definition, &mut written, columns).await?;
            progress(total).await;
        }
    }
    batch.take_in(hd4dp, id, definition, &mut written, columns).await?;
    progress(total).await;
    written.finish()?;
    Ok(id)
}
