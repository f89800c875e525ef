use super::*;
use crate::Writer;
use proptest::prelude::*;

/// What a reader makes of a file: line and fields, or line and the fault's name.
type Seen = Vec<(u64, Result<Vec<String>, String>)>;

/// Hands out a few bytes at a time.
struct Trickle<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.step.min(self.bytes.len()).min(into.len());
        let (now, later) = self.bytes.split_at(count);
        into[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

fn texts(fields: &Fields) -> Vec<String> {
    (0..fields.len()).map(|column| fields.get_lossy(column).into_owned()).collect()
}

fn drain<R: Read>(mut reader: Reader<R>) -> Seen {
    let mut seen = Seen::new();
    while let Some(record) = reader.next_record().unwrap() {
        let body = match &record.body {
            Ok(fields) => Ok(texts(fields)),
            Err(RecordFault::OpenQuote { .. }) => Err("open quote".to_owned()),
            Err(RecordFault::FieldCount { found, .. }) => Err(format!("{found} fields")),
            Err(RecordFault::TooLong) => Err("too long".to_owned()),
        };
        seen.push((record.line, body));
    }
    seen
}

/// Everything behind the header of `text`.
fn rows(text: &str) -> Seen {
    let mut reader = Reader::new(text.as_bytes());
    reader.header().unwrap();
    drain(reader)
}

fn row(line: u64, fields: &[&str]) -> (u64, Result<Vec<String>, String>) {
    (line, Ok(fields.iter().map(|field| (*field).to_owned()).collect()))
}

fn fault(line: u64, name: &str) -> (u64, Result<Vec<String>, String>) {
    (line, Err(name.to_owned()))
}

/// The three examples of the published upload guide.
#[test]
fn reads_the_examples_of_the_upload_guide() {
    let text = concat!(
        "a;b;c\n",
        "abc;\"first; second\";123\n",
        "abc;\"quote1: \\\", quote2: \"\"\";123\n",
        "abc;\"first\\\\tsecond\";123\n",
    );
    assert_eq!(
        rows(text),
        [
            row(2, &["abc", "first; second", "123"]),
            row(3, &["abc", "quote1: \", quote2: \"", "123"]),
            row(4, &["abc", "first\\tsecond", "123"]),
        ]
    );
}

#[test]
fn unescapes_with_and_without_quotes_as_opencsv_does() {
    let text = concat!("a;b\n", "\"C:\\temp\";C:\\temp\n", "\"x\\\\y\";x\\\\y\n", "x\\\"y;\\\"\n", "\\;\\\n",);
    assert_eq!(
        rows(text),
        [row(2, &["C:temp", "C:temp"]), row(3, &["x\\y", "x\\y"]), row(4, &["x\"y", "\""]), row(5, &["", ""]),]
    );
}

#[test]
fn blanks_around_quotes_do_not_count_and_others_do() {
    let text = "a;b;c\n \t\"x;y\" ; z ;\"\" \n";
    assert_eq!(rows(text), [row(2, &["x;y", " z ", ""])]);
}

#[test]
fn a_quote_in_the_middle_of_an_unquoted_field_is_a_character() {
    assert_eq!(rows("a;b\n5\" nails;x\"\n"), [row(2, &["5\" nails", "x\""])]);
}

/// Lines are physical ones, whatever ends them and however many are blank or inside quotes.
#[test]
fn counts_physical_lines_with_every_line_break() {
    let text = "\n  \r\na;b\r\n1;2\r3;4\n\n\r\n\r\t\n\"5\r\n\n\r6\";7\r\n8;9";
    let mut reader = Reader::new(text.as_bytes());
    assert_eq!(reader.header().unwrap(), ["a", "b"]);
    assert_eq!(drain(reader), [row(4, &["1", "2"]), row(5, &["3", "4"]), row(10, &["5\r\n\n\r6", "7"]), row(14, &["8", "9"]),]);
}

#[test]
fn skips_a_byte_order_mark_at_the_start_only() {
    let text = "\u{feff}\"a\";b\n\u{feff}1;2\n";
    let mut reader = Reader::new(text.as_bytes());
    assert_eq!(reader.header().unwrap(), ["a", "b"]);
    assert_eq!(drain(reader), [row(2, &["\u{feff}1", "2"])]);
    assert!(matches!(Reader::new("\u{feff}".as_bytes()).header(), Err(HeaderError::Empty)));
}

#[test]
fn a_wrong_number_of_fields_keeps_the_fields() {
    let mut reader = Reader::new("a;b;c\n1;2\n1;2;3;4\n".as_bytes());
    reader.header().unwrap();
    for (found, kept) in [(2, vec!["1", "2"]), (4, vec!["1", "2", "3", "4"])] {
        let body = reader.next_record().unwrap().unwrap().body.unwrap_err();
        assert!(matches!(&body, RecordFault::FieldCount { found: f, expected: 3, .. } if *f == found));
        assert_eq!(texts(body.fields().unwrap()), kept);
    }
}

#[test]
fn refuses_what_is_no_header() {
    let refused = |bytes: &[u8]| Reader::new(bytes).header().unwrap_err();
    assert!(matches!(refused(b""), HeaderError::Empty));
    assert!(matches!(refused(b"\n \r\n"), HeaderError::Empty));
    assert!(matches!(refused(b"a;\xe9\n"), HeaderError::NotUtf8));
    assert!(matches!(refused(b"\xff\xfea\0;\0b\0\n\0"), HeaderError::NotUtf8));
    assert!(matches!(refused(b"a\0;\0b\0\n\0"), HeaderError::NotUtf8));
    assert!(matches!(refused(b"a,b\n1,2\n"), HeaderError::Separator));
    assert!(matches!(refused(b"a\tb\n1\t2\n"), HeaderError::Separator));
    assert!(matches!(refused(b"a;\"b\n1;2\n"), HeaderError::Unreadable));
}

#[test]
fn an_open_quote_in_the_last_row_costs_that_row() {
    assert_eq!(rows("a;b;c\n1;2;3\n4;\"5;6\n"), [row(2, &["1", "2", "3"]), fault(3, "open quote")]);
    assert_eq!(rows("a;b\n1;\"\n"), [fault(2, "open quote")]);
    assert_eq!(rows("a;b\n1;\"x\\\""), [fault(2, "open quote")]);
}

#[test]
fn an_open_quote_before_plain_rows_costs_its_row() {
    assert_eq!(
        rows("a;b;c\n1;2;3\n4;\"5;6\n7;8;9\n10;11;12\n"),
        [row(2, &["1", "2", "3"]), fault(3, "open quote"), row(4, &["7", "8", "9"]), row(5, &["10", "11", "12"]),]
    );
}

/// The next quote closes the forgotten one, so what was quoted stands outside quotes from there on.
#[test]
fn an_open_quote_before_quoted_rows_costs_its_row() {
    assert_eq!(
        rows("a;b;c\n1;\"2;3\n4;\"5;5\";6\n7;\"8\n8\";9\n"),
        [fault(2, "open quote"), row(3, &["4", "5;5", "6"]), row(4, &["7", "8\n8", "9"]),]
    );
    assert_eq!(
        rows("a;b;c\r\n1;2;\"3\r\n\"\";\"5\";6\r\n7;\";\";9\r\n"),
        [fault(2, "open quote"), row(3, &["", "5", "6"]), row(4, &["7", ";", "9"]),]
    );
}

#[test]
fn open_quotes_in_rows_one_after_another_cost_their_rows() {
    assert_eq!(
        rows("a;b;c\n1;\"2;3\n4;\"5;6\n7;\"8;9\n10;11;12\n13;\"14;15\n"),
        [
            fault(2, "open quote"),
            fault(3, "open quote"),
            fault(4, "open quote"),
            row(5, &["10", "11", "12"]),
            fault(6, "open quote"),
        ]
    );
}

/// The row ends with the line of the quote that was forgotten, not with its own first line.
#[test]
fn an_open_quote_behind_a_field_of_several_lines_costs_one_row() {
    assert_eq!(rows("a;b;c\n1;\"2\n2\";\"3\n4;\"5\";6\n"), [fault(2, "open quote"), row(4, &["4", "5", "6"])]);
}

#[test]
fn the_fields_before_an_open_quote_are_kept() {
    let mut reader = Reader::new("a;b;c\r\n1;\"2;3\r\n4;5;6\r\n".as_bytes());
    reader.header().unwrap();
    let fault = reader.next_record().unwrap().unwrap().body.unwrap_err();
    assert_eq!(texts(fault.fields().unwrap()), ["1", "2;3"]);
}

#[test]
fn text_behind_a_closing_quote_costs_its_row() {
    assert_eq!(
        rows("a;b\n\"x\"y;2\n3;4\n\"x\" \"y\";5\n"),
        [fault(2, "open quote"), row(3, &["3", "4"]), fault(4, "open quote")]
    );
}

/// Lines of a text may look like rows; a record with the right number of fields is never torn.
#[test]
fn a_field_of_several_lines_is_not_torn() {
    assert_eq!(
        rows("a;b;c\n1;\"first\nx;y;z\n\nlast\";3\n4;5;6\n"),
        [row(2, &["1", "first\nx;y;z\n\nlast", "3"]), row(6, &["4", "5", "6"]),]
    );
}

/// Its own lines are no rows, so the record is one row with one fault.
#[test]
fn a_record_of_several_lines_with_a_field_too_many_stays_one_record() {
    assert_eq!(rows("a;b;c\n1;\"first\nlast\";3;4\n5;6;7\n"), [fault(2, "4 fields"), row(4, &["5", "6", "7"])]);
}

#[test]
fn one_column_files_work_too() {
    assert_eq!(
        rows("a\n1\n\"\"\n\"2\n3\"\n\"4\n5\n"),
        [row(2, &["1"]), row(3, &[""]), row(4, &["2\n3"]), fault(6, "open quote"), row(7, &["5"]),]
    );
}

fn limited(text: &str, limit: usize, step: usize) -> Seen {
    let trickle = Trickle { bytes: text.as_bytes(), step };
    let mut reader = Reader::with_limit(trickle, limit);
    reader.header().unwrap();
    drain(reader)
}

#[test]
fn a_record_beyond_the_limit_costs_that_record() {
    let exact = "x".repeat(18);
    let beyond = "x".repeat(19);
    let text = format!("a;b\n1;{exact}\r\n2;{beyond}\r\n\r\n3;{beyond}{exact}\n4;\"{beyond}\"\n5;6\n");
    for step in [1, 2, 7, 1000] {
        assert_eq!(
            limited(&text, 20, step),
            [row(2, &["1", &exact]), fault(3, "too long"), fault(5, "too long"), fault(6, "too long"), row(7, &["5", "6"]),],
            "step {step}"
        );
    }
}

/// Wherever the limit falls: in the text, on the closing quote, among the blanks behind it.
#[test]
fn a_record_around_the_limit_is_whole_or_too_long() {
    for length in 0..12 {
        let value = "x".repeat(length);
        let text = format!("a;b\n1;\"{value}\"   \n4;5\n");
        let first = if length <= 3 { row(2, &["1", &value]) } else { fault(2, "too long") };
        for step in [1, 3, 1000] {
            assert_eq!(limited(&text, 10, step), [first.clone(), row(3, &["4", "5"])], "length {length}, step {step}");
        }
    }
}

#[test]
fn a_quote_open_beyond_the_limit_costs_its_row() {
    let text = format!("a;b\n1;\"2\n{}7;8\n", "3;4\n".repeat(20));
    let mut expected = vec![fault(2, "open quote")];
    expected.extend((3..23).map(|line| row(line, &["3", "4"])));
    expected.push(row(23, &["7", "8"]));
    for step in [1, 5, 1000] {
        assert_eq!(limited(&text, 24, step), expected, "step {step}");
    }
}

/// No line of it is a row, so all of it is one record, up to the next row.
#[test]
fn a_long_text_in_quotes_is_one_record_beyond_the_limit() {
    let text = format!("a;b\r\n1;\"2\r\n{}7;8\r\n", "prose\r\n".repeat(20));
    for step in [1, 5, 1000] {
        assert_eq!(limited(&text, 24, step), [fault(2, "too long"), row(23, &["7", "8"])], "step {step}");
    }
}

#[test]
fn an_endless_line_does_not_fill_the_memory() {
    let closed_at_the_limit = format!("1;\"{}\"", "x".repeat(MAX_RECORD_BYTES - 4));
    for (start, byte) in [("1;", b' '), ("1;", b'x'), ("1;", b'"'), (&closed_at_the_limit, b' ')] {
        let endless = start.as_bytes().chain(io::repeat(byte).take(20 << 20));
        let mut reader = Reader::new(b"a;b\n".chain(endless));
        reader.header().unwrap();
        let record = reader.next_record().unwrap().unwrap();
        assert_eq!(record.body, Err(RecordFault::TooLong));
        assert!(reader.next_record().unwrap().is_none());
        assert!(reader.buffer.len() <= 4 << 20, "{} bytes", reader.buffer.len());
    }
}

#[test]
fn an_error_of_the_input_is_handed_on() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let mut reader = Reader::new("a;b\n1;2\n3".as_bytes().chain(Broken));
    reader.header().unwrap();
    assert!(reader.next_record().unwrap().is_some());
    assert_eq!(reader.next_record().unwrap_err().to_string(), "gone");
}

#[test]
fn debug_and_errors_print_nothing_of_a_record() {
    let mut reader = Reader::new("a;b\n64031299906;x\n64031299906\n64031299906;\"\n".as_bytes());
    reader.header().unwrap();
    while let Some(record) = reader.next_record().unwrap() {
        let mut text = format!("{record:?}");
        if let Err(fault) = &record.body {
            text.push_str(&fault.to_string());
        }
        assert!(!text.contains("6403129"), "{text}");
    }
}

/// Rows as the writer makes them; a quoted field starts with a letter, as a text does.
fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    let field = prop_oneof![Just(String::new()), "[a-z0-9]{1,6}", "[a-zé][a-z;\"\\\\\n ]{0,12}[a-z]",];
    (3usize..6).prop_flat_map(move |columns| prop::collection::vec(prop::collection::vec(field.clone(), columns), 1..8))
}

proptest! {
    /// Whatever a file holds, it is read without panic, to its end, and in the same way however its bytes arrive.
    #[test]
    fn reads_alike_however_the_bytes_arrive(
        text in "[ab;\"\\\\\r\n ]{0,60}",
        step in 1usize..9,
        limit in 8usize..40,
    ) {
        let text = format!("a;b\n{text}");
        let all = limited(&text, limit, usize::MAX);
        prop_assert_eq!(&limited(&text, limit, step), &all);
        prop_assert!(all.is_sorted_by(|one, next| one.0 < next.0 || text.contains('\r')));
    }

    /// Forget the closing quote of one field, in a row of one line: all other rows are read as they were.
    #[test]
    fn an_open_quote_costs_one_row(table in table(), at in any::<prop::sample::Index>(), column in any::<prop::sample::Index>()) {
        let at = at.index(table.len());
        let column = column.index(table[at].len());
        let mut table = table;
        for field in &mut table[at] {
            field.retain(|character| character != '\n');
        }
        let mut writer = Writer::new(Vec::new());
        writer.write_record((0..table[0].len()).map(|column| format!("c{column}"))).unwrap();
        let mut line = 1;
        let mut expected = Seen::new();
        for (number, fields) in table.iter().enumerate() {
            line += 1;
            if number == at {
                let mut broken = writer.into_inner();
                for (number, field) in fields.iter().enumerate() {
                    let mut one = Writer::new(Vec::new());
                    one.write_record([field]).unwrap();
                    let mut bytes = one.into_inner();
                    bytes.pop();
                    if number == column {
                        bytes = format!("\"x{}", field.replace(['\\', '"'], "")).into_bytes();
                    } else if field.is_empty() {
                        bytes.clear();
                    }
                    broken.extend_from_slice(&bytes);
                    broken.push(if number + 1 == fields.len() { b'\n' } else { b';' });
                }
                writer = Writer::new(broken);
            } else {
                writer.write_record(fields).unwrap();
                expected.push((line, Ok(fields.clone())));
                line += fields.iter().map(|field| field.matches('\n').count() as u64).sum::<u64>();
            }
        }
        let text = String::from_utf8(writer.into_inner()).unwrap();
        let (read, faults): (Seen, Seen) = rows(&text).into_iter().partition(|(_, body)| body.is_ok());
        prop_assert_eq!(&read, &expected, "{}", text);
        prop_assert_eq!(faults.len(), 1, "{}", text);
    }
}
