//! The ways in which a value may stand somewhere.

use std::collections::BTreeSet;

use data_encoding::{BASE64, BASE64URL, HEXLOWER};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::{Encoding, Form, Needle, SHORTEST};

/// One way of writing a value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spelling {
    /// The way.
    pub encoding: Encoding,
    /// What then stands there.
    pub bytes: Vec<u8>,
    /// Whether its letters may be of either case.
    pub any_case: bool,
    /// What may not stand beside it.
    pub apart: Apart,
    /// What must stand beside it, if anything of its kind does.
    pub edges: Edges,
}

/// Of a spelling in base64, its first and last bits: they share a sign with what stands beside the value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Edges {
    /// Bits of the sign before it, of its lower end.
    pub before: Bits,
    /// Bits of the sign behind it, of its upper end.
    pub after: Bits,
}

/// Some of the six bits of a sign.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bits {
    mask: u8,
    value: u8,
}

impl Bits {
    fn of(sign: Option<&u8>, mask: u8) -> Self {
        let value = sign.and_then(|sign| sextet(*sign)).unwrap_or_default() & mask;
        Self { mask, value }
    }

    /// Whether a sign has these bits. What is no sign of base64 is the end of what was cut out of something, and tells nothing.
    pub fn may_stand_in(self, sign: Option<&u8>) -> bool {
        sign.and_then(|sign| sextet(*sign)).is_none_or(|bits| bits & self.mask == self.value)
    }
}

/// The six bits of a sign of either alphabet.
const fn sextet(sign: u8) -> Option<u8> {
    Some(match sign {
        b'A'..=b'Z' => sign - b'A',
        b'a'..=b'z' => sign - b'a' + 26,
        b'0'..=b'9' => sign - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// What may not stand beside a spelling that occurs by chance within longer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Apart {
    /// Anything may.
    FromNothing,
    /// A digit may not: it would be another number or day.
    FromDigits,
    /// Neither a letter nor a digit: it would be another word.
    FromWords,
}

/// Plain texts below this length occur by chance within other words.
const BOUNDED_BELOW: usize = 8;
/// Digits below this count occur by chance within longer numbers.
const DIGITS_BOUNDED_BELOW: usize = 11;
/// Signs of base64 that are not there by chance.
const BASE64_MIN: usize = 8;
/// Bytes of a hash that are looked for: as good as the whole, and found where one was cut off.
const HASH_BYTES: usize = 12;
/// Bytes of a value up to which its hash is worth looking for; nobody hashes a page to hide a name.
const HASHED_MAX: usize = 128;

/// Every way in which a needle is looked for.
#[must_use]
pub fn spellings(needle: &Needle) -> Vec<Spelling> {
    let mut all = BTreeSet::new();
    let value = needle.reveal();
    let Ok(text) = std::str::from_utf8(value) else {
        of_bytes(value, &mut all);
        return all.into_iter().collect();
    };
    let ways = match needle.form() {
        Form::Text => separated(text),
        Form::NationalNumber => numbered(text),
        Form::Date => dated(text),
        Form::Bytes => Vec::new(),
    };
    if needle.form() == Form::Bytes {
        of_bytes(value, &mut all);
        return all.into_iter().collect();
    }
    let mut texts = BTreeSet::new();
    of_text(Encoding::Plain, text, &mut texts);
    ways.iter().for_each(|way| of_text(Encoding::Separators, way, &mut texts));
    accented(text).iter().for_each(|way| of_text(Encoding::Accents, way, &mut texts));
    if needle.form() == Form::Date {
        // The second of a month stands within the twelfth.
        texts = texts.into_iter().map(|spelling| Spelling { apart: spelling.apart.max(Apart::FromDigits), ..spelling }).collect();
    }
    all.append(&mut texts);
    if needle.form() == Form::NationalNumber {
        in_bytes(text, &mut all);
    }
    hashes(text, &mut all);
    if needle.form() != Form::Text {
        ways.iter().for_each(|way| hashes(way, &mut all));
    }
    all.into_iter().collect()
}

fn add(encoding: Encoding, bytes: impl Into<Vec<u8>>, any_case: bool, all: &mut BTreeSet<Spelling>) {
    add_between(encoding, bytes, any_case, Edges::default(), all);
}

fn add_between(encoding: Encoding, bytes: impl Into<Vec<u8>>, any_case: bool, edges: Edges, all: &mut BTreeSet<Spelling>) {
    let bytes = bytes.into();
    if bytes.len() < SHORTEST {
        return;
    }
    let is_number = bytes.iter().all(u8::is_ascii_digit) && bytes.len() < DIGITS_BOUNDED_BELOW;
    let is_text = matches!(
        encoding,
        Encoding::Plain | Encoding::OtherCase | Encoding::Separators | Encoding::Accents | Encoding::Escaped | Encoding::Url
    );
    let apart = match (is_number, bytes.len() < BOUNDED_BELOW) {
        _ if !is_text => Apart::FromNothing,
        (true, _) => Apart::FromDigits,
        (false, true) => Apart::FromWords,
        (false, false) => Apart::FromNothing,
    };
    // Under its plainest name only.
    let is_other = |known: &Spelling| known.bytes != bytes || known.any_case != any_case || known.edges != edges;
    if all.iter().all(is_other) {
        all.insert(Spelling { encoding, bytes, any_case, apart, edges });
    }
}

/// A value that is no text: as it is, in base64 and in hexadecimal digits.
fn of_bytes(value: &[u8], all: &mut BTreeSet<Spelling>) {
    add(Encoding::Plain, value, false, all);
    add(Encoding::Hex, HEXLOWER.encode(value), true, all);
    base64(Encoding::Base64, value, all);
}

/// A text in everything that texts are written in.
fn of_text(encoding: Encoding, text: &str, all: &mut BTreeSet<Spelling>) {
    for cased in cases(text) {
        // The search takes both cases of ASCII by itself.
        if cased == text || !text.is_ascii() {
            let is_other = cased != text && encoding == Encoding::Plain;
            add(if is_other { Encoding::OtherCase } else { encoding }, cased.as_str(), true, all);
            for escaped in escaped(&cased) {
                add(Encoding::Escaped, escaped, true, all);
            }
            for url in percent_encoded(&cased) {
                add(Encoding::Url, url, true, all);
            }
            for utf16 in
                [u16::to_le_bytes, u16::to_be_bytes].map(|bytes| cased.encode_utf16().flat_map(bytes).collect::<Vec<_>>())
            {
                add(Encoding::Utf16, utf16, true, all);
            }
        }
        add(Encoding::Hex, HEXLOWER.encode(cased.as_bytes()), true, all);
        base64(Encoding::Base64, cased.as_bytes(), all);
    }
}

/// As it is, in small letters and in capitals.
fn cases(text: &str) -> BTreeSet<String> {
    BTreeSet::from([text.to_owned(), text.to_lowercase(), text.to_uppercase()])
}

/// Of the sign before a value that begins so many bytes behind a boundary, the bits that are the value's.
const LOWER: [u8; 3] = [0, 0b00_1111, 0b00_0011];
/// Of the sign behind a value that ends so many bytes behind a boundary, the bits that are the value's.
const UPPER: [u8; 3] = [0, 0b11_0000, 0b11_1100];

/// The signs of base64 that depend on nothing but `bytes`, wherever in a longer text they stand, and the bits of `bytes` in the signs beside them.
fn base64(encoding: Encoding, bytes: &[u8], all: &mut BTreeSet<Spelling>) {
    for (offset, lower) in LOWER.into_iter().enumerate() {
        let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(bytes.iter().copied()).collect();
        let (first, end) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
        for alphabet in [BASE64, BASE64URL] {
            let text = alphabet.encode(&padded);
            if let Some(own) = text.get(first..end).filter(|own| own.len() >= BASE64_MIN) {
                let signs = text.as_bytes();
                let edges = Edges {
                    before: Bits::of(first.checked_sub(1).and_then(|at| signs.get(at)), lower),
                    after: Bits::of(signs.get(end), UPPER.get(padded.len() % 3).copied().unwrap_or_default()),
                };
                add_between(encoding, own, false, edges, all);
            }
        }
    }
}

/// The words of a text joined in other ways.
fn separated(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.len() < 2 {
        return Vec::new();
    }
    ["", " ", "-", "_", ".", ",", ", ", ";", "|", "/", "\t", "\",\"", "\";\""].map(|separator| words.join(separator)).into()
}

/// The ways in which people write a national number of 11 digits.
fn numbered(digits: &str) -> Vec<String> {
    let part = |range| digits.get(range).unwrap_or_default();
    let [year, month, day, counter, check] = [part(0..2), part(2..4), part(4..6), part(6..9), part(9..11)];
    vec![
        format!("{year}.{month}.{day}-{counter}.{check}"),
        format!("{year}.{month}.{day} {counter}.{check}"),
        format!("{year}.{month}.{day}-{counter}-{check}"),
        format!("{year}.{month}.{day}.{counter}.{check}"),
        format!("{year} {month} {day} {counter} {check}"),
        format!("{year}-{month}-{day}-{counter}-{check}"),
        format!("{year}/{month}/{day}-{counter}.{check}"),
        format!("{year}/{month}/{day}-{counter}/{check}"),
        format!("{year}{month}{day}-{counter}-{check}"),
        format!("{year}{month}{day}-{counter}{check}"),
        format!("{year}{month}{day}-{counter}.{check}"),
        format!("{year}{month}{day} {counter} {check}"),
        format!("{year}{month}{day} {counter}{check}"),
        format!("{year}{month}{day}.{counter}.{check}"),
        format!("{year}{month}{day}_{counter}_{check}"),
    ]
}

/// The ways in which a day is written, of `2024-02-29`.
fn dated(day: &str) -> Vec<String> {
    let mut parts = day.split('-');
    let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) else { return Vec::new() };
    let short = |part: &str| part.trim_start_matches('0').to_owned();
    let mut ways = vec![format!("{year}{month}{day}"), format!("{day}{month}{year}")];
    for separator in ["/", "-", ".", " "] {
        ways.push([year, month, day].join(separator));
        ways.push([day, month, year].join(separator));
        ways.push([short(day), short(month), year.to_owned()].join(separator));
    }
    ways
}

/// The text without accents, and with accents as characters of their own.
fn accented(text: &str) -> Vec<String> {
    if text.is_ascii() {
        return Vec::new();
    }
    let apart: String = text.nfd().collect();
    let without = apart.chars().filter(|sign| !is_combining_mark(*sign)).collect();
    vec![apart, text.nfc().collect(), without]
}

/// As JSON, SQL, C and HTML escape it; nothing when there is nothing to escape.
fn escaped(text: &str) -> Vec<String> {
    let of = |escape: &dyn Fn(char) -> String| text.chars().map(escape).collect::<String>();
    let utf16 = |sign: char| {
        let mut units = [0; 2];
        sign.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>()
    };
    let json = of(&|sign| match sign {
        '"' | '\\' => format!("\\{sign}"),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        sign if sign.is_ascii() && !sign.is_ascii_control() => sign.to_string(),
        sign => utf16(sign),
    });
    let quoted = of(&|sign| if matches!(sign, '"' | '\\') { format!("\\{sign}") } else { sign.to_string() });
    let doubled = of(&|sign| if matches!(sign, '"' | '\'' | '\\') { format!("{sign}{sign}") } else { sign.to_string() });
    let html = of(&|sign| match sign {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        sign => sign.to_string(),
    });
    let numbered = of(&|sign| if sign.is_ascii() { sign.to_string() } else { format!("&#{};", u32::from(sign)) });
    [json, quoted, doubled, html, numbered].into_iter().filter(|way| way != text).collect()
}

/// Percent-encoded: all but what an address may hold (RFC 3986), also with `+` for a blank, and all but letters and digits; nothing when there is
/// nothing to encode.
fn percent_encoded(text: &str) -> Vec<String> {
    let encoded = |free: &[u8]| -> String {
        let is_free = |byte: u8| byte.is_ascii_alphanumeric() || free.contains(&byte);
        text.bytes().map(|byte| if is_free(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
    };
    let (usual, strict) = (encoded(b"-._~"), encoded(b""));
    [usual.replace("%20", "+"), usual, strict].into_iter().filter(|way| way != text).collect()
}

/// Digits as the number that they are.
fn in_bytes(digits: &str, all: &mut BTreeSet<Spelling>) {
    let Ok(number) = digits.parse::<u64>() else { return };
    let mut leb128 = Vec::new();
    let mut rest = number;
    while rest >= 0x80 {
        leb128.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    leb128.push((rest & 0x7f) as u8);
    for bytes in [number.to_be_bytes().to_vec(), number.to_le_bytes().to_vec(), leb128] {
        add(Encoding::Number, bytes, false, all);
    }
}

/// Hashes without a key: whoever has one can find the value by trying.
fn hashes(text: &str, all: &mut BTreeSet<Spelling>) {
    if text.len() > HASHED_MAX {
        return;
    }
    for cased in cases(text) {
        let hashes: [(Encoding, Vec<u8>); 3] = [
            (Encoding::Sha256, Sha256::digest(cased.as_bytes()).to_vec()),
            (Encoding::Sha1, Sha1::digest(cased.as_bytes()).to_vec()),
            (Encoding::Md5, Md5::digest(cased.as_bytes()).to_vec()),
        ];
        for (encoding, hash) in hashes {
            let Some(start) = hash.get(..HASH_BYTES) else { continue };
            add(encoding, start, false, all);
            add(encoding, HEXLOWER.encode(start), true, all);
            base64(encoding, start, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_a_number_are_written_as_people_do() {
        assert!(dated("1964-03-02").contains(&"2/3/1964".to_owned()));
        assert!(dated("1964-03-02").contains(&"02-03-1964".to_owned()));
        assert!(numbered("64031299906").contains(&"64.03.12-999.06".to_owned()));
    }

    #[test]
    fn what_is_short_stands_alone_or_is_not_looked_for() {
        let of = |value: &str| spellings(&Needle::new(value, Form::Text).unwrap());
        let plain = |value: &str| of(value).into_iter().find(|spelling| spelling.encoding == Encoding::Plain).unwrap();
        assert_eq!([plain("Peeters").apart, plain("Vandenberghe").apart], [Apart::FromWords, Apart::FromNothing]);
        assert_eq!([plain("1234567890").apart, plain("12345678901").apart], [Apart::FromDigits, Apart::FromNothing]);
        assert!(Needle::new("Maes", Form::Text).is_none());
        assert!(of("de Wit").iter().all(|spelling| spelling.bytes != b"deWit"), "five letters stand everywhere");
    }
}
