//! Finds numbers in free text.

use crate::parts_of;

/// Whether a number stands anywhere in the text.
///
/// What counts: exactly 11 digits that are not part of a longer run of digits, with separators between the parts of a
/// number only, whose date is plausible (BIS months and unknown parts included) and whose check digits are right. About one
/// in 400 of the texts that hold some other number of 11 digits is caught as well.
pub fn contains_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + DIGITS <= bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        if let Some((digits, rest)) = digits_in_shape(&text[at..])
            && !rest.starts_with(|next: char| next.is_ascii_digit())
            && parts_of(&digits).is_some_and(|parts| parts.has_plausible_date())
        {
            return true;
        }
        at += bytes[at..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    }
    false
}

/// How many digits a number has.
const DIGITS: usize = 11;

/// Takes 11 digits from the front of the text, with at most one separator between each two parts, and gives the rest.
pub(crate) fn digits_in_shape(text: &str) -> Option<([u8; DIGITS], &str)> {
    let mut digits = [0; DIGITS];
    let mut rest = text;
    for (index, place) in digits.iter_mut().enumerate() {
        if matches!(index, 2 | 4 | 6 | 9) {
            rest = rest.strip_prefix(is_separator).unwrap_or(rest);
        }
        let digit = *rest.as_bytes().first()?;
        if !digit.is_ascii_digit() {
            return None;
        }
        *place = digit;
        rest = &rest[1..];
    }
    Some((digits, rest))
}

/// The typed separators, and what word processors make of them.
fn is_separator(character: char) -> bool {
    matches!(character, '.' | '-' | '/' | ' ' | '\u{a0}' | '\u{202f}' | '\u{2011}' | '\u{2013}')
}
