//! What the words of steps and expectations take.

use std::{ops::Range as Bytes, sync::Arc};

use super::super::{
    steps::{FAULTS, Given, KEY_PAIRS, Range, Takes},
    words::{self, Word},
};
use super::fields::{Place, Reader};
use crate::simulation::{Input, ROWS, ROWS_MAX, Register, RowName, Whose};

/// Polls of one step at most.
const COUNT_MAX: u64 = 10_000;

/// What was given for what a word takes.
pub(super) fn given(reader: &mut Reader<'_>, takes: Takes, place: Place<'_>) -> Option<Given> {
    let (span, cast) = (&place.span(), Arc::clone(&reader.cast));
    Some(match takes {
        Takes::Nothing => {
            let is_true = place.get_ref().as_bool() == Some(true);
            if !is_true {
                reader.complain(span, "the word stands alone, or is true");
            }
            is_true.then_some(Given::Nothing)?
        }
        Takes::Expectation => return None,
        Takes::Span => Given::Span(reader.span(place)?),
        Takes::Count => Given::Count(u16::try_from(reader.number(place, 1..=COUNT_MAX)?).ok()?),
        Takes::Rows => {
            let text = reader.text(place)?;
            Given::Rows(rows(reader, span, &text)?)
        }
        Takes::Registration => {
            let text = reader.text(place)?;
            Given::Registration(registration(reader, span, &text)?)
        }
        Takes::Hospital => one(reader, place, "hospital", &cast.places.hospitals).map(Given::Hospital)?,
        Takes::Service => one(reader, place, "service", &cast.places.services).map(Given::Service)?,
        Takes::Register => one(reader, place, "register", &words::REGISTERS).map(Given::Register)?,
        Takes::Step => one(reader, place, "step", &words::arrows()).map(Given::Step)?,
        Takes::Point => one(reader, place, "point", &words::POINTS).map(Given::Point)?,
        Takes::Fault => one(reader, place, "fault", &FAULTS).map(Given::Fault)?,
        Takes::KeyPair => one(reader, place, "key pair", &KEY_PAIRS).map(Given::KeyPair)?,
    })
}

pub(super) fn one<W: AsRef<str>, T: Copy>(reader: &mut Reader<'_>, place: Place<'_>, what: &str, words: &[(W, T)]) -> Option<T> {
    let text = reader.text(place)?;
    reader.one_of(&place.span(), what, &text, words)
}

/// A status, or the word for none.
pub(super) fn or_absent<T: Copy>(reader: &mut Reader<'_>, place: Place<'_>, what: &str, words: &[Word<T>]) -> Option<Option<T>> {
    let words: Vec<Word<Option<T>>> =
        words.iter().map(|(word, value)| (*word, Some(*value))).chain([(words::ABSENT, None)]).collect();
    one(reader, place, what, &words)
}

const ROWS_FORM: &str = "such as \"north local 0\", \"north local 0-3\", or \"all\"";

/// Rows: `all` for the first of every register of all hospitals; hospital, register and numbers; or an input, with numbers or whole.
pub(super) fn rows(reader: &mut Reader<'_>, span: &Bytes<usize>, text: &str) -> Option<Vec<Range>> {
    let cast = Arc::clone(&reader.cast);
    if text == words::ALL {
        let registers = |hospital| Register::ALL.map(|register| (hospital, register));
        let all = cast.places.hospitals.iter().flat_map(|(_, hospital)| registers(*hospital));
        let range = |(hospital, register)| Range { hospital, register, input: None, first: 0, count: ROWS };
        return Some(all.map(range).collect());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let (hospital, register, numbers) = match words.as_slice() {
        [hospital, register, numbers] => (hospital, register, numbers),
        [name, rest @ ..] if rest.len() < 2 && !cast.places.hospitals.iter().any(|(hospital, _)| hospital == name) => {
            return rows_of_input(reader, span, name, rest.first().copied());
        }
        _ => {
            reader.complain_with(span, format!("`{text}` names no rows"), ROWS_FORM);
            return None;
        }
    };
    let hospital = reader.one_of(span, "hospital", hospital, &cast.places.hospitals)?;
    let register = reader.one_of(span, "register", register, &words::REGISTERS)?;
    let (first, count) = self::numbers(reader, span, numbers, ROWS_MAX)?;
    Some(vec![Range { hospital, register, input: None, first, count }])
}

fn rows_of_input(reader: &mut Reader<'_>, span: &Bytes<usize>, name: &str, numbers: Option<&str>) -> Option<Vec<Range>> {
    let cast = Arc::clone(&reader.cast);
    let names: Vec<(&str, &Input)> = cast.inputs.iter().map(|input| (input.name.as_str(), input)).collect();
    let input = reader.one_of(span, "input", name, &names)?;
    let rows = u16::try_from(input.count()).ok()?;
    let (first, count) = match numbers {
        Some(numbers) => self::numbers(reader, span, numbers, rows)?,
        None => (0, rows),
    };
    Some(vec![Range { hospital: input.hospital, register: input.register, input: Some(input.name), first, count }])
}

/// A number, or the first and the last one, of so many rows: the first, and how many.
fn numbers(reader: &mut Reader<'_>, span: &Bytes<usize>, numbers: &str, rows: u16) -> Option<(u16, u16)> {
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) if first <= last && last < rows => Some((first, last - first + 1)),
        _ => {
            let help = format!("numbers from 0 to {}, such as \"0\" or \"0-3\"", rows.saturating_sub(1));
            reader.complain_with(span, format!("`{numbers}` are no rows"), help);
            None
        }
    }
}

fn registration(reader: &mut Reader<'_>, span: &Bytes<usize>, text: &str) -> Option<Whose> {
    if let Some((hospital, number)) = text.split_once(" #") {
        let hospital = reader.one_of(span, "hospital", hospital, &Arc::clone(&reader.cast).places.hospitals)?;
        let number = number.parse::<u8>().ok();
        if number.is_none() {
            reader.complain_with(span, format!("`{text}` names no registration"), "such as \"north #0\"");
        }
        return number.map(|number| Whose::Taken { hospital, number });
    }
    let ranges = rows(reader, span, text)?;
    match ranges.as_slice() {
        [Range { hospital, register, input, first, count: 1 }] => {
            Some(Whose::Row(RowName { hospital: *hospital, register: *register, input: *input, number: *first }))
        }
        _ => {
            reader.complain_with(span, "one registration at a time".to_owned(), "such as \"north local 0\", or \"north #0\"");
            None
        }
    }
}
