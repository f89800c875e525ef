//! The pull parser: records with their lines, and the recovery from open quotes.

use crate::fields::{Fields, FieldsBuilder, NotUtf8};
use crate::scan::{End, NeedMore, Shape, blanks, line_break, scan};
use memchr::{memchr_iter, memchr2};
use std::io::{self, Read};

/// The longest record that is read, in bytes without its line break.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// Bytes asked for at a time.
const CHUNK_BYTES: usize = 1 << 18;

/// Reads a file record by record; memory does not grow with the file.
pub struct Reader<R> {
    input: R,
    /// The bytes `at..filled` are read from the input, and not yet part of a record.
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    ended: bool,
    started: bool,
    /// The physical line of the byte at `at`.
    line: u64,
    /// What the header says.
    columns: Option<usize>,
    limit: usize,
}

/// One record of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The physical line of its first character, from 1 on; LF, CRLF and CR count once each.
    pub line: u64,
    /// Its fields, as many as the header has columns, or what is wrong with it.
    pub body: Result<Fields, RecordFault>,
}

/// Why a record cannot be used. The text never repeats what the record holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// A quote never closes, or text follows where it closes.
    #[error("find the end of a quoted field")]
    OpenQuote {
        /// What could be read, for the error report.
        fields: Fields,
    },
    /// It has more or fewer fields than the header.
    #[error("find {expected} fields: the record has {found}")]
    FieldCount {
        /// Fields of this record.
        found: usize,
        /// Columns of the header.
        expected: usize,
        /// The fields that it has, for the error report.
        fields: Fields,
    },
    /// It is longer than [`MAX_RECORD_BYTES`].
    #[error("read a record of more than {MAX_RECORD_BYTES} bytes")]
    TooLong,
}

impl RecordFault {
    /// What could be read of the record, for the error report.
    pub fn fields(&self) -> Option<&Fields> {
        match self {
            Self::OpenQuote { fields } | Self::FieldCount { fields, .. } => Some(fields),
            Self::TooLong => None,
        }
    }
}

/// Why a file has no usable header.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The file cannot be read.
    #[error("read the header")]
    Io(#[from] io::Error),
    /// The file holds nothing but blank lines.
    #[error("find a header: the file is empty")]
    Empty,
    /// The header is not UTF-8 (a NUL or a UTF-16 mark counts as such too).
    #[error("read the header as UTF-8")]
    NotUtf8,
    /// The header has one column, and something else than `;` in it that often separates fields.
    #[error("find `;` between the columns of the header")]
    Separator,
    /// The quotes of the header do not pair up, or it is too long.
    #[error("find the end of the header")]
    Unreadable,
}

impl From<NotUtf8> for HeaderError {
    fn from(_: NotUtf8) -> Self {
        Self::NotUtf8
    }
}

impl<R: Read> Reader<R> {
    /// Reads from `input`, which needs no buffering of its own.
    pub fn new(input: R) -> Self {
        Self::with_limit(input, MAX_RECORD_BYTES)
    }

    fn with_limit(input: R, limit: usize) -> Self {
        Self { input, buffer: Vec::new(), at: 0, filled: 0, ended: false, started: false, line: 1, columns: None, limit }
    }

    /// Reads the names of the columns; from then on records are measured by their number. Call it first.
    ///
    /// # Errors
    ///
    /// [`HeaderError`]: such a file is refused as a whole.
    pub fn header(&mut self) -> Result<Vec<String>, HeaderError> {
        let record = self.next_record()?.ok_or(HeaderError::Empty)?;
        let fields = record.body.map_err(|_| HeaderError::Unreadable)?;
        let names = fields.iter().map(|name| Ok(name?.to_owned())).collect::<Result<Vec<_>, NotUtf8>>()?;
        if names.iter().any(|name| name.contains('\0')) {
            return Err(HeaderError::NotUtf8);
        }
        if let [only] = names.as_slice()
            && only.contains([',', '\t'])
        {
            return Err(HeaderError::Separator);
        }
        self.columns = Some(names.len());
        Ok(names)
    }

    /// Reads the next record; `None` at the end of the file. Without a header no number of fields is wrong.
    ///
    /// # Errors
    ///
    /// What the input's `read` answers. Faults of a record are in the record.
    pub fn next_record(&mut self) -> io::Result<Option<Record>> {
        self.skip_byte_order_mark()?;
        if !self.skip_blank_lines()? {
            return Ok(None);
        }
        let line = self.line;
        let mut fields = FieldsBuilder::with_columns(self.columns.unwrap_or_default());
        let shape = self.scan_at(0, &mut fields)?;
        let body = match self.columns {
            Some(columns) if doubtful(&shape, fields.len(), columns) => match self.forgotten_quote(&shape, columns)? {
                Some(row_bytes) => {
                    let body = Err(self.row_with_open_quote(row_bytes, fields));
                    return Ok(Some(Record { line, body }));
                }
                None => judge(&shape, fields, self.columns),
            },
            _ => judge(&shape, fields, self.columns),
        };
        self.pass(&shape)?;
        Ok(Some(Record { line, body }))
    }

    /// Scans the record that starts `from` bytes behind the current place.
    fn scan_at(&mut self, from: usize, fields: &mut FieldsBuilder) -> io::Result<Shape> {
        loop {
            let unread = &self.buffer[self.at + from..self.filled];
            match scan(unread, self.ended, self.limit, fields) {
                Ok(shape) => return Ok(shape),
                Err(NeedMore) => self.fill()?,
            }
        }
    }

    /// Where the row with the forgotten quote ends, if a quote was forgotten.
    ///
    /// The row then ends with the line on which the quote stands. The proof is that the quote closes where a field of a
    /// later line opens, or a later line of the supposed record that is by itself a record with the right number of fields.
    fn forgotten_quote(&mut self, shape: &Shape, columns: usize) -> io::Result<Option<usize>> {
        let mut scratch = FieldsBuilder::with_columns(columns);
        let from = shape.culprit.unwrap_or_default();
        let Some(row_bytes) = self.line_after(from, shape.length) else {
            return Ok(None);
        };
        if shape.closes_at_an_opening {
            return Ok(Some(row_bytes));
        }
        let mut candidate = Some(row_bytes);
        while let Some(start) = candidate {
            if self.is_record(start, columns, &mut scratch)? {
                return Ok(Some(row_bytes));
            }
            candidate = self.line_after(start, shape.length);
        }
        Ok(None)
    }

    /// Takes a row that ends where its quote was forgotten.
    fn row_with_open_quote(&mut self, row_bytes: usize, mut fields: FieldsBuilder) -> RecordFault {
        let row = &self.buffer[self.at..self.at + row_bytes];
        let row = row.strip_suffix(b"\n").unwrap_or(row);
        let row = row.strip_suffix(b"\r").unwrap_or(row);
        // Nothing more can be needed: the row is said to be whole.
        let _ = scan(row, true, self.limit, &mut fields);
        self.consume(row_bytes);
        RecordFault::OpenQuote { fields: fields.finish() }
    }

    /// Where the line behind the one of byte `from` starts, if that is below `end`. Counted from the current place.
    fn line_after(&self, from: usize, end: usize) -> Option<usize> {
        let unread = &self.buffer[self.at..self.filled.min(self.at + end)];
        let at = from + memchr2(b'\n', b'\r', unread.get(from..)?)?;
        let bytes = line_break(unread, at, true).unwrap_or(1);
        (at + bytes < unread.len()).then_some(at + bytes)
    }

    /// Whether a faultless record with that many fields starts `from` bytes behind the current place.
    fn is_record(&mut self, from: usize, columns: usize, scratch: &mut FieldsBuilder) -> io::Result<bool> {
        let shape = self.scan_at(from, scratch)?;
        Ok(matches!(shape.end, End::LineBreak(_) | End::File)
            && shape.length > 0
            && shape.culprit.is_none()
            && !shape.stray_quote
            && scratch.len() == columns)
    }

    /// Moves behind a record.
    fn pass(&mut self, shape: &Shape) -> io::Result<()> {
        match shape.end {
            End::LineBreak(bytes) if !shape.spans_lines => {
                self.at += shape.length + bytes;
                self.line += 1;
            }
            End::LineBreak(bytes) => self.consume(shape.length + bytes),
            End::File | End::FileInQuotes => self.consume(shape.length),
            End::Limit => self.skip_line()?,
            End::LimitInQuotes => {
                let mut bytes = shape.length;
                if self.buffer[self.at..self.at + bytes].ends_with(b"\r") {
                    bytes -= 1;
                }
                self.consume(bytes);
                self.skip_to_record()?;
            }
        }
        Ok(())
    }

    /// Skips the rest of a record that is too long because of a quote: up to a line that is a record by itself.
    fn skip_to_record(&mut self) -> io::Result<()> {
        let columns = self.columns.unwrap_or_default();
        let mut scratch = FieldsBuilder::with_columns(columns);
        loop {
            self.skip_line()?;
            if (self.at == self.filled && self.ended) || self.is_record(0, columns, &mut scratch)? {
                return Ok(());
            }
        }
    }

    /// Skips the rest of the current line, however long it is.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let unread = &self.buffer[self.at..self.filled];
            if let Some(at) = memchr2(b'\n', b'\r', unread) {
                match line_break(unread, at, self.ended) {
                    Ok(bytes) => {
                        self.consume(at + bytes);
                        return Ok(());
                    }
                    Err(NeedMore) => self.at += at,
                }
            } else {
                self.at = self.filled;
                if self.ended {
                    return Ok(());
                }
            }
            self.fill()?;
        }
    }

    /// Skips lines of blanks only; `false` at the end of the file.
    fn skip_blank_lines(&mut self) -> io::Result<bool> {
        loop {
            let unread = &self.buffer[self.at..self.filled];
            let blanks = blanks(unread);
            match unread.get(blanks) {
                Some(b'\n' | b'\r') => match line_break(unread, blanks, self.ended) {
                    Ok(bytes) => self.consume(blanks + bytes),
                    Err(NeedMore) => self.fill()?,
                },
                None if self.ended => {
                    self.at = self.filled;
                    return Ok(false);
                }
                // An endless line of blanks must not fill the memory: it is a record, and too long.
                None if blanks <= self.limit => self.fill()?,
                _ => return Ok(true),
            }
        }
    }

    fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        while !self.started {
            if self.ended || self.filled >= MARK.len() {
                self.started = true;
                if self.buffer[..self.filled].starts_with(MARK) {
                    self.at = MARK.len();
                }
            } else {
                self.fill()?;
            }
        }
        Ok(())
    }

    /// Moves on by so many bytes and counts their line breaks. They must not end between CR and LF.
    fn consume(&mut self, bytes: usize) {
        let passed = &self.buffer[self.at..self.at + bytes];
        let feeds = memchr_iter(b'\n', passed).count();
        let returns = memchr_iter(b'\r', passed).filter(|at| passed.get(at + 1) != Some(&b'\n')).count();
        self.line += (feeds + returns) as u64;
        self.at += bytes;
    }

    /// Reads more of the input, behind what is not yet part of a record.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.at..self.filled, 0);
        self.filled -= self.at;
        self.at = 0;
        if self.buffer.len() - self.filled < CHUNK_BYTES / 2 {
            // Doubling keeps the number of times that a long record is scanned again small.
            let length = (self.buffer.len() * 2).max(CHUNK_BYTES);
            self.buffer.resize(length, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.ended = true,
                Ok(bytes) => self.filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }
}

/// Whether a record looks as if a quote was forgotten: it holds a line break, and something about it is wrong.
fn doubtful(shape: &Shape, found: usize, columns: usize) -> bool {
    match shape.end {
        End::LineBreak(_) | End::File => shape.spans_lines && (found != columns || shape.culprit.is_some() || shape.stray_quote),
        End::FileInQuotes | End::LimitInQuotes => shape.spans_lines,
        End::Limit => false,
    }
}

fn judge(shape: &Shape, fields: FieldsBuilder, columns: Option<usize>) -> Result<Fields, RecordFault> {
    match shape.end {
        End::Limit | End::LimitInQuotes => return Err(RecordFault::TooLong),
        End::FileInQuotes | End::LineBreak(_) | End::File => {}
    }
    let fields = fields.finish();
    match columns {
        _ if shape.culprit.is_some() => Err(RecordFault::OpenQuote { fields }),
        Some(expected) if expected != fields.len() => Err(RecordFault::FieldCount { found: fields.len(), expected, fields }),
        _ => Ok(fields),
    }
}

#[cfg(test)]
mod tests;
