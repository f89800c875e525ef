//! Writes what OpenCSV reads back unchanged.

use std::io::{self, Write};

/// Writes records; each is one `write` to the output, so give it a buffered one.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    record: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes to `output`.
    pub fn new(output: W) -> Self {
        Self { output, record: Vec::new() }
    }

    /// Writes one record and a line feed; the header is a record like any other.
    ///
    /// # Errors
    ///
    /// What the output's `write` answers.
    pub fn write_record<I>(&mut self, fields: I) -> io::Result<()>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.record.clear();
        let mut count = 0;
        for field in fields {
            if count > 0 {
                self.record.push(b';');
            }
            count += 1;
            write_field(&mut self.record, field.as_ref());
        }
        if self.record.is_empty() && count > 0 {
            // A record of one empty field must not look like a blank line.
            self.record.extend_from_slice(b"\"\"");
        }
        self.record.push(b'\n');
        self.output.write_all(&self.record)
    }

    /// Flushes the output.
    ///
    /// # Errors
    ///
    /// What the output's `flush` answers.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// Gives the output back.
    pub fn into_inner(self) -> W {
        self.output
    }
}

fn write_field(record: &mut Vec<u8>, field: &str) {
    if !needs_quotes(field) {
        record.extend_from_slice(field.as_bytes());
        return;
    }
    record.push(b'"');
    for byte in field.bytes() {
        if matches!(byte, b'"' | b'\\') {
            record.push(byte);
        }
        record.push(byte);
    }
    record.push(b'"');
}

fn needs_quotes(field: &str) -> bool {
    let blank_ended = field.starts_with(char::is_whitespace) || field.ends_with(char::is_whitespace);
    blank_ended
        // At the start of a file a reader takes it for the byte order mark.
        || field.starts_with('\u{feff}')
        || field
            .bytes()
            .any(|byte| matches!(byte, b';' | b'"' | b'\\' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reader;
    use proptest::prelude::*;

    fn written(records: &[Vec<String>]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for record in records {
            writer.write_record(record).unwrap();
        }
        writer.into_inner()
    }

    fn line(fields: &[&str]) -> String {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        String::from_utf8(written(&[fields])).unwrap()
    }

    #[test]
    fn quotes_what_needs_quotes_and_nothing_else() {
        assert_eq!(line(&["abc", "first; second", "123"]), "abc;\"first; second\";123\n");
        assert_eq!(line(&["", "a b", ""]), ";a b;\n");
        assert_eq!(line(&["C:\\temp", "say \"no\""]), "\"C:\\\\temp\";\"say \"\"no\"\"\"\n");
        assert_eq!(line(&[" a", "b ", "c\nd", "e\rf"]), "\" a\";\"b \";\"c\nd\";\"e\rf\"\n");
        assert_eq!(line(&["\u{feff}a"]), "\"\u{feff}a\"\n");
        assert_eq!(line(&[""]), "\"\"\n");
    }

    /// OpenCSV 5's `CSVParser` with `;`, `"` and `\`, written after its documented behaviour, character by character and
    /// without any tolerance: what is not well-formed is a failure.
    fn opencsv_model(text: &str) -> Vec<Vec<String>> {
        let mut records = Vec::new();
        let mut record = vec![String::new()];
        let (mut in_quotes, mut closed) = (false, false);
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let field = record.last_mut().unwrap();
            let next = characters.peek().copied();
            match character {
                '\\' => {
                    assert!(in_quotes && matches!(next, Some('\\' | '"')), "a lone backslash");
                    field.push(characters.next().unwrap());
                }
                '"' if in_quotes && next == Some('"') => field.push(characters.next().unwrap()),
                '"' if in_quotes => (in_quotes, closed) = (false, true),
                '"' => {
                    assert!(field.is_empty() && !closed, "a quote inside a field");
                    in_quotes = true;
                }
                ';' if !in_quotes => {
                    record.push(String::new());
                    closed = false;
                }
                '\n' if !in_quotes => {
                    records.push(std::mem::replace(&mut record, vec![String::new()]));
                    closed = false;
                }
                other => {
                    assert!(!closed && (in_quotes || other != '\r'), "text behind a closing quote");
                    field.push(other);
                }
            }
        }
        assert!(!in_quotes && record == [""], "the text ends inside a record");
        records
    }

    fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
        let field = prop_oneof!["[;\"\\\\\r\n a]{0,6}", "[a-zé漢\u{feff}]{0,5}", any::<String>(),];
        (1usize..5).prop_flat_map(move |columns| prop::collection::vec(prop::collection::vec(field.clone(), columns), 1..6))
    }

    proptest! {
        #[test]
        fn the_reader_reads_back_what_was_written(table in table()) {
            let bytes = written(&table);
            let mut reader = Reader::new(bytes.as_slice());
            let mut read = Vec::new();
            while let Some(record) = reader.next_record().unwrap() {
                let fields = record.body.unwrap();
                read.push(fields.iter().map(|field| field.unwrap().to_owned()).collect::<Vec<_>>());
            }
            prop_assert_eq!(&read, &table);
        }

        #[test]
        fn opencsv_reads_back_what_was_written(table in table()) {
            let text = String::from_utf8(written(&table)).unwrap();
            prop_assert_eq!(opencsv_model(&text), table);
        }
    }
}
