//! From a cell's text to a value: one field, no other fields.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::catalogue::Code;
use crate::date;
use crate::field::{Field, Kind};
use crate::finding::Expected;
use crate::list::{CodeList, Membership};
use crate::number::{DECIMALS_MAX, Number, NumberFault};
use crate::row::Value;

/// In which form a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `dd/mm/yyyy` and a decimal comma.
    Hospital,
    /// ISO dates and a decimal point.
    Canonical,
}

/// Reads a text that is not empty. Calls `note` for what is wrong with it or worth a warning; after an error the value is invalid.
pub(crate) fn read<'a>(field: &Field, text: &'a str, form: Form, note: &mut impl FnMut(Code, Expected)) -> Value<'a> {
    match field.kind {
        Kind::Text | Kind::Multiline | Kind::Choice | Kind::MultiChoice | Kind::Attachment => read_text(field, text, note),
        Kind::Number => read_number(field, text, form, note),
        Kind::Date => {
            let date = if form == Form::Hospital { date::from_hospital(text) } else { date::from_canonical(text) };
            date.map_or_else(|| invalid(note, Code::E04, Expected::Nothing), Value::Date)
        }
        Kind::Boolean => match text {
            "TRUE" => Value::Boolean(true),
            "FALSE" => Value::Boolean(false),
            _ => invalid(note, Code::E07, Expected::Nothing),
        },
        Kind::PatientId => read_national_number(text).unwrap_or_else(|| invalid(note, Code::E10, Expected::Nothing)),
    }
}

fn invalid<'a>(note: &mut impl FnMut(Code, Expected), code: Code, expected: Expected) -> Value<'a> {
    note(code, expected);
    Value::Invalid
}

fn read_national_number(text: &str) -> Option<Value<'_>> {
    if national_number::is_valid(text) {
        return Some(Value::Text(Cow::Borrowed(text)));
    }
    let digits = national_number::strip_separators(text)?;
    national_number::is_valid(&digits).then_some(Value::Text(Cow::Owned(digits)))
}

fn read_number<'a>(field: &Field, text: &str, form: Form, note: &mut impl FnMut(Code, Expected)) -> Value<'a> {
    // A computed number may come with more decimals than it is kept with; the comparison rounds.
    let decimals = if field.is_computed() { DECIMALS_MAX } else { field.decimals };
    let number = match form {
        Form::Hospital => Number::from_hospital(text),
        Form::Canonical => Number::from_canonical(text).ok_or(NumberFault::Form),
    };
    let number = match number {
        Ok(number) if number.decimals() <= decimals => number,
        Ok(_) | Err(NumberFault::Precision) => return invalid(note, Code::E27, Expected::AtMost(u64::from(field.decimals))),
        Err(NumberFault::Form) => return invalid(note, Code::E05, Expected::Nothing),
    };
    if field.min.is_some_and(|min| number < min) || field.max.is_some_and(|max| number > max) {
        return invalid(note, Code::V04, Expected::Range { min: field.min, max: field.max });
    }
    Value::Number(number)
}

fn read_text<'a>(field: &Field, text: &'a str, note: &mut impl FnMut(Code, Expected)) -> Value<'a> {
    if field.kind != Kind::Choice && text.trim().is_empty() {
        return Value::Empty;
    }
    if !field.multiple {
        return if part_fits(field, text, note) { Value::Text(Cow::Borrowed(text)) } else { Value::Invalid };
    }
    let (mut fits, mut seen) = (true, HashSet::new());
    for part in text.split('|') {
        if part.trim().is_empty() {
            note(Code::E09, Expected::Nothing);
            return Value::Invalid;
        }
        if !seen.insert(part) {
            note(Code::E29, Expected::Nothing);
            return Value::Invalid;
        }
        fits = part_fits(field, part, note) && fits;
    }
    if fits { Value::Text(Cow::Borrowed(text)) } else { Value::Invalid }
}

/// Checks a text, or one of several joined by `|`.
fn part_fits(field: &Field, text: &str, note: &mut impl FnMut(Code, Expected)) -> bool {
    let Some(list) = &field.code_list else { return form_fits(field, text, note) };
    match list.membership(text) {
        Membership::Listed => reduces(field, text, note),
        Membership::Unknown if field.binding => {
            note(Code::E06, Expected::List(CodeList::shared_name(list)));
            false
        }
        Membership::Plausible | Membership::Unknown => {
            let fits = form_fits(field, text, note);
            if fits && field.binding {
                note(Code::W03, Expected::List(CodeList::shared_name(list)));
            }
            fits
        }
    }
}

/// Checks a text that no list vouches for.
fn form_fits(field: &Field, text: &str, note: &mut impl FnMut(Code, Expected)) -> bool {
    // Bytes bound characters from above, so the count is needed for long texts only.
    let max = field.max_length as usize;
    if text.len() > max && text.chars().count() > max {
        note(Code::E23, Expected::AtMost(u64::from(field.max_length)));
        return false;
    }
    let several_lines = field.kind == Kind::Multiline;
    let is_control =
        |byte: u8| (byte < 0x20 && !(several_lines && matches!(byte, b'\n' | b'\r')) && byte != b'\t') || byte == 0x7f;
    if text.bytes().any(is_control) {
        note(Code::E28, Expected::Nothing);
        return false;
    }
    if field.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
        note(Code::E25, field.form.clone().map_or(Expected::Nothing, Expected::Form));
        return false;
    }
    reduces(field, text, note)
}

/// A postal code that has no first two digits to keep could not travel: say so here, where the hospital can still correct it.
fn reduces(field: &Field, text: &str, note: &mut impl FnMut(Code, Expected)) -> bool {
    let four_digits = || text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if field.policy != Some(registration::Policy::PostalArea) || text == "999" || four_digits() {
        return true;
    }
    note(Code::E25, Expected::Form("\\d{4}|999".into()));
    false
}
