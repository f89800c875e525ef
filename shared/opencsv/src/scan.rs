//! Finds and unescapes one record at the start of a piece of input.

use crate::fields::FieldsBuilder;
use memchr::memchr2;

/// What stands at the start of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of the record, without the line break that ends it; at most the limit.
    pub(crate) length: usize,
    pub(crate) end: End,
    /// Where the quote stands that is to blame, if one is: it never closes, or text follows where it closes.
    pub(crate) culprit: Option<usize>,
    /// The culprit closes on a later line, where a field starts: that quote was meant to open.
    pub(crate) closes_at_an_opening: bool,
    /// A line break stands inside quotes.
    pub(crate) spans_lines: bool,
    /// A quote stands inside a field that did not open with one.
    pub(crate) stray_quote: bool,
}

impl Shape {
    fn faultless(length: usize, end: End) -> Self {
        Self { length, end, culprit: None, closes_at_an_opening: false, spans_lines: false, stray_quote: false }
    }
}

/// How a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At a line break of so many bytes.
    LineBreak(usize),
    /// At the end of the file, outside quotes.
    File,
    /// At the end of the file, inside quotes.
    FileInQuotes,
    /// It is longer than the limit, and outside quotes there.
    Limit,
    /// It is longer than the limit, and inside quotes there.
    LimitInQuotes,
}

/// The input ends before the record does, and more of it may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NeedMore;

/// Reads the record at the start of `input` into `fields`. `whole` says that nothing follows the input.
///
/// At most `limit` bytes are looked at, and a few more to see how the record ends.
pub(crate) fn scan(input: &[u8], whole: bool, limit: usize, fields: &mut FieldsBuilder) -> Result<Shape, NeedMore> {
    let window = &input[..input.len().min(limit + 1)];
    let line_end = memchr2(b'\n', b'\r', window);
    let line = &window[..line_end.unwrap_or(window.len())];
    if line.len() <= limit && memchr2(b'"', b'\\', line).is_none() {
        let end = match line_end {
            Some(at) => End::LineBreak(line_break(input, at, whole)?),
            None if whole => End::File,
            None => return Err(NeedMore),
        };
        fields.take_plain_line(line);
        return Ok(Shape {
            length: line.len(),
            end,
            culprit: None,
            closes_at_an_opening: false,
            spans_lines: false,
            stray_quote: false,
        });
    }
    fields.clear();
    fields.reserve(line.len());
    // Clipped, so that a record at the limit looks the same however much of the file is at hand.
    let clipped = input.len() > limit + 2;
    let input = &input[..input.len().min(limit + 2)];
    let whole = whole && !clipped;
    Scanner { input, whole, clipped, limit, at: 0, shape: Shape::faultless(0, End::File), fields }.record()
}

/// The bytes of the line break at `at`: 1 for LF and CR, 2 for CRLF.
pub(crate) fn line_break(input: &[u8], at: usize, whole: bool) -> Result<usize, NeedMore> {
    match (input.get(at), input.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Ok(2),
        (Some(b'\r'), None) if !whole => Err(NeedMore),
        _ => Ok(1),
    }
}

/// A record with quotes or backslashes, byte by byte.
struct Scanner<'a> {
    input: &'a [u8],
    whole: bool,
    /// More follows, but the record is too long for it.
    clipped: bool,
    limit: usize,
    at: usize,
    shape: Shape,
    fields: &'a mut FieldsBuilder,
}

impl Scanner<'_> {
    fn record(mut self) -> Result<Shape, NeedMore> {
        match self.fields_to_the_end() {
            Ok(end) => Ok(self.end_record(end)),
            Err(NeedMore) if self.clipped => Ok(self.end_record(End::Limit)),
            Err(NeedMore) => Err(NeedMore),
        }
    }

    fn fields_to_the_end(&mut self) -> Result<End, NeedMore> {
        loop {
            if self.opens_with_quote()
                && let Some(end) = self.quoted()?
            {
                return Ok(end);
            }
            if let Some(end) = self.unquoted()? {
                return Ok(end);
            }
        }
    }

    /// Passes over blanks in front of an opening quote, if one follows. Other blanks belong to the field.
    fn opens_with_quote(&mut self) -> bool {
        let quote = self.at + blanks(&self.input[self.at..]);
        let opens = quote <= self.limit && self.input.get(quote) == Some(&b'"');
        if opens {
            self.at = quote;
        }
        opens
    }

    /// Reads from an opening quote to behind its closing one; gives the record's end when it ends inside.
    fn quoted(&mut self) -> Result<Option<End>, NeedMore> {
        let opening = self.at;
        self.at += 1;
        loop {
            let rest = &self.input[self.at..];
            let length = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            self.fields.push(&rest[..length]);
            self.shape.spans_lines |= memchr2(b'\n', b'\r', &rest[..length]).is_some();
            self.at += length;
            if self.at > self.limit || (length == rest.len() && self.whole) {
                self.shape.culprit = self.shape.culprit.or(Some(opening));
                return Ok(Some(if self.at > self.limit { End::LimitInQuotes } else { End::FileInQuotes }));
            }
            let here = self.peek().ok_or(NeedMore)?;
            let next = self.next_byte()?;
            match (here, next) {
                (b'"', Some(b'"')) | (b'\\', Some(b'"' | b'\\')) => self.escaped(next),
                (b'\\', _) => self.at += 1,
                _ => break,
            }
        }
        self.at += 1;
        let blanks = blanks(&self.input[self.at..]);
        let follows = self.input.get(self.at + blanks);
        match follows {
            Some(b';' | b'\n' | b'\r') => self.at += blanks,
            None if self.whole => self.at += blanks,
            None => return Err(NeedMore),
            Some(_) if self.shape.culprit.is_none() => {
                self.shape.culprit = Some(opening);
                self.shape.closes_at_an_opening = starts_a_later_field(&self.input[opening + 1..self.at - 1]);
            }
            Some(_) => {}
        }
        Ok(None)
    }

    /// Reads what stands outside quotes up to the end of the field; gives the record's end when it ends there.
    fn unquoted(&mut self) -> Result<Option<End>, NeedMore> {
        loop {
            let rest = &self.input[self.at..];
            let length = rest.iter().position(|byte| SPECIAL[usize::from(*byte)]).unwrap_or(rest.len());
            self.fields.push(&rest[..length]);
            self.at += length;
            if self.at > self.limit {
                return Ok(Some(End::Limit));
            }
            match self.peek() {
                Some(b';') => {
                    self.fields.end_field();
                    self.at += 1;
                    return Ok(None);
                }
                Some(b'\n' | b'\r') => {
                    let bytes = line_break(self.input, self.at, self.whole)?;
                    return Ok(Some(End::LineBreak(bytes)));
                }
                Some(b'\\') => match self.next_byte()? {
                    next @ Some(b'"' | b'\\') => self.escaped(next),
                    _ => self.at += 1,
                },
                Some(other) => {
                    self.shape.stray_quote = true;
                    self.fields.push_byte(other);
                    self.at += 1;
                }
                None if self.whole => return Ok(Some(End::File)),
                None => return Err(NeedMore),
            }
        }
    }

    fn end_record(self, end: End) -> Shape {
        self.fields.end_record();
        Shape { length: self.at.min(self.limit), end, ..self.shape }
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    /// The byte behind the current one; `None` only where the file ends.
    fn next_byte(&self) -> Result<Option<u8>, NeedMore> {
        match self.input.get(self.at + 1) {
            Some(byte) => Ok(Some(*byte)),
            None if self.whole => Ok(None),
            None => Err(NeedMore),
        }
    }

    fn escaped(&mut self, byte: Option<u8>) {
        self.fields.push(byte.as_slice());
        self.at += 2;
    }
}

/// Whether a field of a later line starts behind `quoted`, the text between two quotes.
fn starts_a_later_field(quoted: &[u8]) -> bool {
    let last = quoted.iter().rfind(|byte| !matches!(byte, b' ' | b'\t'));
    matches!(last, Some(b';' | b'\n' | b'\r')) && memchr2(b'\n', b'\r', quoted).is_some()
}

/// How many blanks the input starts with.
pub(crate) fn blanks(input: &[u8]) -> usize {
    input.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(input.len())
}

/// The bytes that mean something in a field without quotes.
static SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    special[b';' as usize] = true;
    special[b'"' as usize] = true;
    special[b'\\' as usize] = true;
    special[b'\n' as usize] = true;
    special[b'\r' as usize] = true;
    special
};
