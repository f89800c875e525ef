//! Steps 1 and 2: takes in a CSV file, row by row.
//!
//! Every row gets an answer: it is written down and sent, or it stands in the error report with its line and what was expected. Memory
//! does not grow with the file.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use dcd::{AttachmentSource, Cells, Code, Context, Definition, Expected, Finding, Kind, Language, Layout, Severity};
use opencsv::{Fields, HeaderError, Reader, Record, RecordFault};
use registration::{Attachment, Cell};
use store::StoreError;

use crate::{
    AcceptedRow, Decided, Hd4dp, SubmitError, attachment,
    gate::Gate,
    intake::Rows,
    options::{How, Validation},
    reports::{Fate, ReadRow, Reports, ReportsTo},
    store::{NewUpload, Progress, Report, UploadId},
    submit::Candidate,
};

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
    reader: Reader<Box<dyn io::Read + Send + Sync>>,
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
        Self::of(Box::new(File::open(path).map_err(failed)?), path, definition, today)
    }

    /// The same of a file that need not be on a disk: `path` is what it is called, and its attachments lie beside that.
    ///
    /// # Errors
    ///
    /// As [`CsvFile::open`].
    pub fn of(
        input: Box<dyn io::Read + Send + Sync>,
        path: &Path,
        definition: &Arc<Definition>,
        today: jiff::civil::Date,
    ) -> Result<Self, UploadError> {
        let failed = |source| UploadError::File { what: "read", path: path.to_path_buf(), source };
        let refused = |findings| UploadError::Refused { path: path.to_path_buf(), findings };
        let mut reader = Reader::new(input);
        let header = reader.header().map_err(|error| match error {
            HeaderError::Io(source) => failed(source),
            HeaderError::Empty | HeaderError::NotUtf8 | HeaderError::Separator | HeaderError::Unreadable => {
                refused(vec![Finding::new(Code::E02)])
            }
        })?;
        let layout = definition.layout(&header).map_err(refused)?;
        // Which of its rows may come on this day is each row's question, unless none may.
        let open = [Gate::Creation, Gate::Submission, Gate::Comments].map(|gate| gate.pass(definition.collection(), today));
        if let [Err(closed), Err(_), Err(_)] = open {
            return Err(refused(vec![*closed.finding]));
        }
        let attachments = Folder(path.parent().unwrap_or(Path::new("")).to_path_buf());
        Ok(Self { path: path.to_path_buf(), header, layout, reader, attachments })
    }

    /// The same with its attachments in another folder than its own.
    pub(crate) fn with_attachments_in(mut self, folder: &Path) -> Self {
        self.attachments = Folder(folder.to_path_buf());
        self
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
    /// E11 for a file that was there when the row was checked and is not any more; what else is wrong with a file.
    pub fn attachments(&self, definition: &Definition, cells: &[Cell]) -> Result<Vec<Attachment>, Finding> {
        let is_file = |cell: &&Cell| definition.field(cell.place.field).is_some_and(|field| field.kind() == Kind::Attachment);
        let read = |cell: &Cell| {
            let column = || definition.column_at(cell.place).unwrap_or_default();
            let bytes = self.attachments.read(&cell.value).ok_or_else(|| Finding::new(Code::E11).in_column(column()))?;
            let field = definition.field(cell.place.field);
            if let Some(fault) = field.and_then(|field| attachment::fault(definition, field, &cell.value, &bytes)) {
                return Err(fault.in_column(column()));
            }
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

/// Rows that wait to be taken in together, in the file's order.
#[derive(Default)]
struct Batch {
    rows: Vec<ReadRow>,
    /// The rows that may be taken in, each with its position.
    accepted: Vec<(usize, Candidate)>,
}

impl Batch {
    fn push(&mut self, reading: &Reading<'_>, file: &CsvFile, mut row: CheckedRow) {
        if let Some(is_valid) = reading.takes(&mut row) {
            match file.attachments(reading.definition, &row.cells) {
                Ok(attachments) => {
                    let cells = std::mem::take(&mut row.cells);
                    self.accepted.push((self.rows.len(), Candidate { row: AcceptedRow { cells, attachments }, is_valid }));
                }
                Err(finding) => row.findings.push(finding.at_line(row.line)),
            }
        }
        self.rows.push(ReadRow { row, fate: Fate::Refused });
    }

    /// Full publications are worth waiting for, though not with any number of rejected rows in memory.
    fn is_full(&self, publication_size: usize) -> bool {
        self.accepted.len() >= publication_size || self.rows.len() >= publication_size.saturating_mul(4)
    }

    /// Holds the rows against the store: what that found stands with each of them then.
    async fn decide<'a>(self, reading: &Reading<'a>) -> Result<(Vec<ReadRow>, Decided<'a>), UploadError> {
        let mut rows = self.rows;
        let (positions, accepted): (Vec<usize>, Vec<Candidate>) = self.accepted.into_iter().unzip();
        let decided = reading.hd4dp.decide_with(reading.definition, accepted, reading.how).await?;
        for (at, position) in positions.iter().enumerate() {
            if let Some(row) = rows.get_mut(*position) {
                row.fate = match decided.refused().binary_search(&at) {
                    Ok(_) => Fate::Refused,
                    Err(_) if decided.ignored().binary_search(&at).is_ok() => Fate::Ignored,
                    Err(_) => Fate::Taken,
                };
            }
        }
        for (position, finding) in decided.findings() {
            let Some(row) = positions.get(*position).and_then(|position| rows.get_mut(*position)) else { continue };
            row.row.findings.push(finding.clone().at_line(row.row.line));
        }
        Ok((rows, decided))
    }
}

/// What a file is read with.
pub(crate) struct Reading<'a> {
    hd4dp: &'a Hd4dp,
    definition: &'a Arc<Definition>,
    how: &'a How<'a>,
    /// Nothing is taken in, since some row has an error and all were to be right.
    refuses_all: bool,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(hd4dp: &'a Hd4dp, definition: &'a Arc<Definition>, how: &'a How<'a>) -> Self {
        Self { hd4dp, definition, how, refuses_all: false }
    }

    /// Takes in the rows behind the first `done` ones, which were taken in before, batch by batch.
    pub(crate) async fn take_in(
        mut self,
        mut file: CsvFile,
        (upload, done): (UploadId, u64),
        (to, begun): ((ReportsTo<'_>, Language), Vec<Report>),
        mut progress: impl AsyncFnMut(u64),
    ) -> Result<(), UploadError> {
        let clock = &self.hd4dp.context().clock;
        if self.how.options.validation == Validation::ValidateAll {
            self.refuses_all = self.is_faulty(&mut file).await?;
            let Folder(beside) = file.attachments;
            file = CsvFile::open(&file.path, self.definition, clock.now().date())?.with_attachments_in(&beside);
        }
        let mut reports = Reports::create(to, &file.path, &file.header, self.how, begun)?;
        let mut total = 0;
        while total < done && file.next_row(self.hd4dp.nihdi().as_str(), clock.now().date())?.is_some() {
            total += 1;
        }
        while let Some(batch) = self.batch(&mut file)? {
            let (rows, decided) = batch.decide(&self).await?;
            for row in &rows {
                reports.write(row)?;
            }
            let count = |is: fn(&ReadRow) -> bool| rows.iter().filter(|row| is(row)).count() as u64;
            let read = Rows {
                attempted: rows.len() as u64,
                rejected: count(|row| row.fate == Fate::Refused),
                warned: count(ReadRow::is_warned),
                reports: reports.parts(),
            };
            self.hd4dp.take_in(upload, decided, read).await?;
            total += rows.len() as u64;
            progress(total).await;
        }
        reports.finish()
    }

    /// Whether a row may be taken in, and if so, whether it is valid.
    fn takes(&self, row: &mut CheckedRow) -> Option<bool> {
        let errors = row.findings.iter().filter(|finding| finding.severity == Severity::Error).cloned();
        let errors: Vec<Finding> = errors.collect();
        if self.refuses_all {
            if errors.is_empty() {
                row.findings.push(Finding::new(Code::E33).at_line(row.line));
            }
            return None;
        }
        let is_valid = errors.is_empty();
        let is_taken = is_valid || self.hd4dp.may_be_kept(self.definition, &errors, &row.cells, &self.how.options);
        is_taken.then_some(is_valid)
    }

    /// Reads rows until a batch is full; none at the end of the file.
    fn batch(&self, file: &mut CsvFile) -> Result<Option<Batch>, UploadError> {
        let (clock, organisation) = (&self.hd4dp.context().clock, self.hd4dp.nihdi().as_str());
        let mut batch = Batch::default();
        while !batch.is_full(self.hd4dp.publication_size()) {
            let Some(row) = file.next_row(organisation, clock.now().date())? else { break };
            batch.push(self, file, row);
        }
        Ok((!batch.rows.is_empty()).then_some(batch))
    }

    /// Whether any row of the file has an error, against the definition or against the store as it is now. Writes nothing.
    async fn is_faulty(&self, file: &mut CsvFile) -> Result<bool, UploadError> {
        while let Some(batch) = self.batch(file)? {
            let (rows, _) = batch.decide(self).await?;
            if rows.iter().any(|row| row.fate == Fate::Refused) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Takes in a file with the default options: valid rows become registrations and are sent at once (autosubmit), the others stand in the
/// error report, among them those whose registration a file may not change.
/// `progress` is told how many rows were read so far, after every publication; reading goes on when it returns.
///
/// # Errors
///
/// [`UploadError`]; rows that were taken in before it stay taken in.
pub async fn upload(
    hd4dp: &Hd4dp,
    definition: &Arc<Definition>,
    file: CsvFile,
    reports: &Path,
    language: Language,
    progress: impl AsyncFnMut(u64),
) -> Result<UploadId, UploadError> {
    upload_with(hd4dp, definition, file, (reports, language), &How::by_default(), progress).await
}

/// Takes in a file as its user chose. `reports` is where the reports go, and their language.
///
/// # Errors
///
/// As [`upload`].
pub async fn upload_with<'r>(
    hd4dp: &Hd4dp,
    definition: &Arc<Definition>,
    file: CsvFile,
    (reports, language): (impl Into<ReportsTo<'r>>, Language),
    how: &How<'_>,
    progress: impl AsyncFnMut(u64),
) -> Result<UploadId, UploadError> {
    let (store, clock) = (hd4dp.store(), &hd4dp.context().clock);
    let name = file.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let new = NewUpload { file: &name, dcd: definition.name(), way: how.way, author: how.author, claim: how.claim };
    let unwritten = |error: StoreError| SubmitError::Trouble(error.into());
    let id = store.open_upload(&new, clock.now()).await.map_err(unwritten)?;
    let reports = ((reports.into(), language), Vec::new());
    let taken = Reading::new(hd4dp, definition, how).take_in(file, (id, 0), reports, progress).await;
    let ending = if taken.is_ok() { Progress::Done } else { Progress::Failed };
    let ended = store.end_upload(id, ending, &[], clock.now()).await;
    taken?;
    ended.map_err(unwritten)?;
    Ok(id)
}
