//! The fields of one record, in one buffer.

use std::borrow::Cow;
use std::fmt;

/// The unescaped fields of one record.
///
/// They hold what a hospital wrote about a patient, so `Debug` prints their number only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Fields {
    content: Content,
    /// Where each field ends in the content. The next one starts one byte later, behind a separator, so that a record
    /// without quotes is one copy of its line.
    ends: Vec<u32>,
}

/// A field that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read a field that is not UTF-8")]
pub struct NotUtf8;

/// Checked once per record; only a record with a bad byte is checked again field by field.
#[derive(Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Fields {
    /// How many fields the record has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the record has no field at all.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The field in the column `index`, counted from 0; empty where the record has no such field.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`] when this field is not UTF-8; the other fields of the record can still be read.
    pub fn get(&self, index: usize) -> Result<&str, NotUtf8> {
        let (start, end) = self.range(index);
        match &self.content {
            // Fields meet at ASCII separators, so the bounds always lie between characters.
            Content::Text(text) => Ok(text.get(start..end).unwrap_or_default()),
            Content::Bytes(bytes) => std::str::from_utf8(bytes.get(start..end).unwrap_or_default()).map_err(|_| NotUtf8),
        }
    }

    /// The field for a report to the hospital that wrote it: bytes that are not UTF-8 become U+FFFD.
    pub fn get_lossy(&self, index: usize) -> Cow<'_, str> {
        let (start, end) = self.range(index);
        match &self.content {
            Content::Text(text) => Cow::Borrowed(text.get(start..end).unwrap_or_default()),
            Content::Bytes(bytes) => String::from_utf8_lossy(bytes.get(start..end).unwrap_or_default()),
        }
    }

    /// All fields in the order of their columns.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<&str, NotUtf8>> {
        (0..self.len()).map(|index| self.get(index))
    }

    fn range(&self, index: usize) -> (usize, usize) {
        let Some(end) = self.ends.get(index) else {
            return (0, 0);
        };
        let start = match index.checked_sub(1) {
            Some(before) => self.ends[before] as usize + 1,
            None => 0,
        };
        (start, *end as usize)
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fields({})", self.len())
    }
}

/// Fields while they are read.
#[derive(Default)]
pub(crate) struct FieldsBuilder {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

/// Stands between two fields in the buffer.
const GAP: u8 = b';';

impl FieldsBuilder {
    pub(crate) fn with_columns(columns: usize) -> Self {
        Self { bytes: Vec::new(), ends: Vec::with_capacity(columns) }
    }

    /// Forgets what was read, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Takes a line that holds neither quotes nor backslashes.
    pub(crate) fn take_plain_line(&mut self, line: &[u8]) {
        self.clear();
        self.bytes.extend_from_slice(line);
        self.ends.extend(memchr::memchr_iter(GAP, line).map(offset));
        self.ends.push(offset(line.len()));
    }

    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    pub(crate) fn push(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(part);
    }

    pub(crate) fn push_byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Ends the field; another one follows.
    pub(crate) fn end_field(&mut self) {
        self.ends.push(offset(self.bytes.len()));
        self.bytes.push(GAP);
    }

    /// Ends the last field.
    pub(crate) fn end_record(&mut self) {
        self.ends.push(offset(self.bytes.len()));
    }

    pub(crate) fn finish(self) -> Fields {
        let content = match String::from_utf8(self.bytes) {
            Ok(text) => Content::Text(text),
            Err(not_text) => Content::Bytes(not_text.into_bytes()),
        };
        Fields { content, ends: self.ends }
    }
}

/// A record is at most [`crate::MAX_RECORD_BYTES`] long, far below 4 GiB.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &[u8]) -> Fields {
        let mut builder = FieldsBuilder::default();
        builder.take_plain_line(line);
        builder.finish()
    }

    #[test]
    fn a_bad_byte_spoils_its_own_field_only() {
        let fields = plain(b"caf\xc3\xa9;\xe9t\xe9;123");
        assert_eq!(fields.get(0), Ok("café"));
        assert_eq!(fields.get(1), Err(NotUtf8));
        assert_eq!(fields.get_lossy(1), "\u{fffd}t\u{fffd}");
        assert_eq!(fields.get(2), Ok("123"));
    }

    /// Two halves of a character on both sides of a separator are two bad fields, not one good text.
    #[test]
    fn a_character_cut_by_a_separator_is_bad_on_both_sides() {
        let fields = plain(b"\xc3;\xa9");
        assert_eq!(fields.get(0), Err(NotUtf8));
        assert_eq!(fields.get(1), Err(NotUtf8));
    }

    #[test]
    fn a_column_that_is_not_there_is_empty() {
        let fields = plain(b"a;b");
        assert_eq!(fields.get(2), Ok(""));
        assert_eq!(fields.len(), 2);
        assert!(!fields.is_empty());
        assert!(Fields::default().is_empty());
    }

    #[test]
    fn debug_prints_the_number_of_fields_only() {
        assert_eq!(format!("{:?}", plain(b"64031299906;Janssens")), "Fields(2)");
    }
}
