//! What the hospital gets back about a file: which rows were taken in, and what is wrong with the others.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use dcd::{Language, Severity};
use opencsv::Writer;

use crate::upload::{CheckedRow, UploadError};

/// A row with what became of it.
pub(crate) struct ReadRow {
    pub(crate) row: CheckedRow,
    pub(crate) is_taken: bool,
}

/// The two reports of a file: `<file>.success.csv` with the rows that were taken in, `<file>.error.csv` with the others, `line` and
/// `error` in front. Both in the dialect of the input, columns in its order. With options that give warnings, `line` and `warning` stand in
/// front of the first one too.
pub(crate) struct Reports {
    folder: PathBuf,
    success: Writer<BufWriter<File>>,
    error: Writer<BufWriter<File>>,
    columns: usize,
    has_warnings: bool,
    language: Language,
}

impl Reports {
    pub(crate) fn create(
        folder: &Path,
        file: &Path,
        header: &[String],
        has_warnings: bool,
        language: Language,
    ) -> Result<Self, UploadError> {
        let failed = |source| UploadError::File { what: "write the reports in", path: folder.to_path_buf(), source };
        let stem = file.file_stem().map_or_else(|| "input".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let open = |kind: &str| File::create(folder.join(format!("{stem}.{kind}.csv"))).map(BufWriter::new).map(Writer::new);
        let columns = || header.iter().map(String::as_str);
        let create = || -> io::Result<_> {
            std::fs::create_dir_all(folder)?;
            let (mut success, mut error) = (open("success")?, open("error")?);
            let front = ["line", "warning"].into_iter().filter(|_| has_warnings);
            success.write_record(front.chain(columns()))?;
            error.write_record(["line", "error"].into_iter().chain(columns()))?;
            Ok((success, error))
        };
        let (success, error) = create().map_err(failed)?;
        Ok(Self { folder: folder.to_path_buf(), success, error, columns: header.len(), has_warnings, language })
    }

    pub(crate) fn write(&mut self, ReadRow { row, is_taken }: &ReadRow) -> Result<(), UploadError> {
        // Fields beyond the header have no column to stand in.
        let cells: Vec<_> = (0..self.columns).map(|column| row.fields.get_lossy(column)).collect();
        let cells = cells.iter().map(AsRef::as_ref);
        // Of a row that was kept with validation errors, they are what the user has to know.
        let told = row.findings.iter().filter(|finding| *is_taken || finding.severity == Severity::Error);
        let front = || {
            let text = told.map(|finding| finding.report_text(self.language)).collect::<Vec<_>>().join(" | ");
            [row.line.to_string(), text]
        };
        let written = match (is_taken, self.has_warnings) {
            (true, false) => self.success.write_record(cells),
            (true, true) => self.success.write_record(front().iter().map(String::as_str).chain(cells)),
            (false, _) => self.error.write_record(front().iter().map(String::as_str).chain(cells)),
        };
        written.map_err(|source| self.failed(source))
    }

    pub(crate) fn finish(mut self) -> Result<(), UploadError> {
        let done = self.success.flush().and_then(|()| self.error.flush());
        done.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> UploadError {
        UploadError::File { what: "write the reports in", path: self.folder.clone(), source }
    }
}
