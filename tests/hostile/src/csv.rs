//! Hospital files, as bytes.

use std::io::{self, Read};

use opencsv::{Reader, Record, Writer};

use crate::telling::assert_words;

/// What the reader says of a file besides numbers.
const WORDS: &str = "read the header find a file is empty as UTF between columns of end Record line body Ok Err Fields OpenQuote fields FieldCount \
                     found expected TooLong";

/// A file in the hospitals' dialect, with the first record as header.
///
/// Holds: a file reads the same in whatever pieces it comes; records stand on rising lines within the file, and hold no more than it; what a
/// reader says of a record is a number; and readable records are written so that they are read as the same, and written as the same again.
pub fn csv(bytes: &[u8]) {
    let (header, records) = read(bytes);
    let cut = Pieces { rest: bytes, length: 1 + bytes.len() % 7 };
    assert_eq!((&header, &records), (&read(cut).0, &read(Pieces { rest: bytes, length: 1 + bytes.len() % 7 }).1));
    let lines = 1 + bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
    assert!(records.iter().all(|record| (1..=lines).contains(&record.line)));
    assert!(records.is_sorted_by(|before, behind| before.line < behind.line), "records stand on rising lines");
    let said = records.iter().map(|record| format!("{record:?}"));
    said.chain(header.as_ref().err().cloned()).for_each(|text| assert_words(&text, WORDS));
    if let Ok(names) = &header {
        let mut rows = vec![names.clone()];
        rows.extend(records.iter().filter_map(|record| texts(record, names.len())));
        let held: usize = rows.iter().flatten().map(String::len).sum();
        assert!(held <= bytes.len(), "records hold more than their file");
        assert_written(&rows);
    }
}

/// The columns and records of a file.
fn read(input: impl Read) -> (Result<Vec<String>, String>, Vec<Record>) {
    let mut reader = Reader::new(input);
    let header = reader.header().map_err(|error| error.to_string());
    let records = std::iter::from_fn(|| reader.next_record().transpose());
    let records = records.collect::<io::Result<Vec<Record>>>();
    assert!(records.is_ok(), "reading from memory cannot fail");
    (header, records.unwrap_or_default())
}

/// The fields of a record that is as it should be.
fn texts(record: &Record, columns: usize) -> Option<Vec<String>> {
    let fields = record.body.as_ref().ok()?;
    assert_eq!(fields.len(), columns);
    fields.iter().map(|field| field.ok().map(str::to_owned)).collect()
}

/// Holds rows to being read back, and written as they were.
fn assert_written(rows: &[Vec<String>]) {
    let write = |rows: &[Vec<String>]| {
        let mut writer = Writer::new(Vec::new());
        assert!(rows.iter().all(|row| writer.write_record(row).is_ok()), "writing to memory cannot fail");
        writer.into_inner()
    };
    let written = write(rows);
    let mut reader = Reader::new(written.as_slice());
    let records = std::iter::from_fn(|| reader.next_record().ok().flatten());
    let again: Vec<Vec<String>> = records.filter_map(|record| texts(&record, rows.first().map_or(0, Vec::len))).collect();
    assert_eq!(again, rows);
    assert_eq!(write(&again), written);
}

/// Bytes that come a few at a time.
struct Pieces<'a> {
    rest: &'a [u8],
    length: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let piece = &self.rest[..self.length.min(self.rest.len())];
        let read = Read::read(&mut &*piece, to)?;
        self.rest = &self.rest[read..];
        Ok(read)
    }
}
