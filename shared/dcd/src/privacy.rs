//! The search for identifiers in texts that reach healthdata as they are: national numbers, and the row's own internal number, full date
//! of birth, and name with first name.

use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use registration::{Cell, Place};

use crate::{Code, Definition, row::Row};

/// Shorter internal numbers would be found in any text.
const INTERNAL_ID_LETTERS_MIN: usize = 4;

/// What a row's texts may not hold, ready for the search.
pub(crate) struct Identifiers {
    internal_id: Option<String>,
    /// Name and first name; only both together identify.
    names: Option<(String, String)>,
    birth: Option<Date>,
}

impl Identifiers {
    pub(crate) fn of(row: &Row<'_>) -> Self {
        let patient = &row.definition.patient;
        let folded = |field: Option<u16>, letters_min: usize| folded_name(row.value(field?, 0).text()?, letters_min);
        Self {
            internal_id: folded(patient.internal_id, INTERNAL_ID_LETTERS_MIN),
            names: folded(patient.name, 2).zip(folded(patient.first_name, 2)),
            birth: patient.date_of_birth.and_then(|field| row.value(field, 0).date()),
        }
    }

    /// Those of a registration's canonical values.
    fn of_cells(definition: &Definition, cells: &[Cell]) -> Self {
        let patient = &definition.patient;
        let value = |field: Option<u16>| {
            let place = Place::of(field?);
            cells.iter().find(|cell| cell.place == place).map(|cell| cell.value.as_str())
        };
        let folded = |field: Option<u16>, letters_min: usize| folded_name(value(field)?, letters_min);
        Self {
            internal_id: folded(patient.internal_id, INTERNAL_ID_LETTERS_MIN),
            names: folded(patient.name, 2).zip(folded(patient.first_name, 2)),
            birth: value(patient.date_of_birth).and_then(|date| date.parse().ok()),
        }
    }

    /// Whether the text holds one of them. `folded` is room to work in, kept from text to text.
    pub(crate) fn appear_in(&self, text: &str, folded: &mut String) -> bool {
        if self.birth.is_some_and(|birth| mentions(text, birth)) {
            return true;
        }
        if self.internal_id.is_none() && self.names.is_none() {
            return false;
        }
        fold_into(text, folded);
        let holds = |wanted: &String| folded.contains(wanted.as_str());
        self.internal_id.as_ref().is_some_and(holds)
            || self.names.as_ref().is_some_and(|(name, first_name)| holds(name) && holds(first_name))
    }
}

impl Definition {
    /// What a text says of the patient of these canonical values that must not reach healthdata: a national number (E17), or the
    /// internal id, birth date or name (E21).
    #[must_use]
    pub fn identifies(&self, cells: &[Cell], text: &str) -> Option<Code> {
        if national_number::contains_number(text) {
            return Some(Code::E17);
        }
        Identifiers::of_cells(self, cells).appear_in(text, &mut String::new()).then_some(Code::E21)
    }
}

/// A name or id to look for; none that is too short to be found in a text on purpose.
fn folded_name(text: &str, letters_min: usize) -> Option<String> {
    let folded = fold(text);
    (folded.chars().filter(|letter| *letter != ' ').count() >= letters_min).then_some(folded)
}

/// Letters and digits in lower case without accents; everything else becomes one space; a space at both ends, so that a search finds
/// whole words only.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + 2);
    fold_into(text, &mut folded);
    folded
}

fn fold_into(text: &str, folded: &mut String) {
    folded.clear();
    folded.push(' ');
    let mut after_space = true;
    let mut push = |letter: char, folded: &mut String| {
        let is_space = !letter.is_alphanumeric();
        match (is_space, letter.is_ascii()) {
            (false, true) => folded.push(letter.to_ascii_lowercase()),
            (false, false) => folded.extend(letter.to_lowercase()),
            (true, _) if !after_space => folded.push(' '),
            (true, _) => {}
        }
        after_space = is_space;
    };
    // Every row has such texts, nearly all of them ASCII, which needs no decomposition.
    if text.is_ascii() {
        text.bytes().for_each(|byte| push(char::from(byte), folded));
    } else {
        text.nfkd().filter(|letter| !is_combining_mark(*letter)).for_each(|letter| push(letter, folded));
    }
    push(' ', folded);
}

/// Whether the text holds the date: day, month, year or year, month, day with one separator between them, or eight digits in a row.
fn mentions(text: &str, date: Date) -> bool {
    if text.bytes().filter(u8::is_ascii_digit).count() < 4 {
        return false;
    }
    let runs = digit_runs(text);
    let year = i64::from(date.year());
    let (month, day) = (i64::from(date.month()), i64::from(date.day()));
    let in_one = runs.iter().any(|run| {
        run.digits.len() == 8
            && (run.value() == day * 1_000_000 + month * 10_000 + year || run.value() == year * 10_000 + month * 100 + day)
    });
    in_one
        || runs.windows(3).any(|three| {
            let [a, b, c] = three else { return false };
            let (first, second) = (separator(text, a.end, b.start), separator(text, b.end, c.start));
            let joined = first.is_some() && second.is_some();
            // Three short numbers with spaces between them are more often counts than a date.
            let is_marked = first != Some("") && second != Some("");
            let is_year = |run: &Run<'_>| match run.digits.len() {
                4 => run.value() == year,
                2 => is_marked && run.value() == year % 100,
                _ => false,
            };
            let is_part = |run: &Run<'_>, value: i64| run.digits.len() <= 2 && run.value() == value;
            joined && is_part(b, month) && ((is_part(a, day) && is_year(c)) || (is_year(a) && is_part(c, day)))
        })
}

struct Run<'a> {
    start: usize,
    end: usize,
    digits: &'a str,
}

impl Run<'_> {
    fn value(&self) -> i64 {
        self.digits.parse().unwrap_or(-1)
    }
}

fn digit_runs(text: &str) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let mut start = None;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        match (byte.is_ascii_digit(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                runs.push(Run { start: from, end: at, digits: text.get(from..at).unwrap_or_default() });
                start = None;
            }
            _ => {}
        }
    }
    runs
}

/// What joins two numbers of a date: one of `/ . -` with or without spaces around it, or spaces alone (then it is empty).
fn separator(text: &str, from: usize, to: usize) -> Option<&str> {
    let between = text.get(from..to).filter(|between| (1..=5).contains(&between.len()))?;
    let mark = between.trim_matches(' ');
    matches!(mark, "" | "/" | "." | "-").then_some(mark)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn identifiers() -> Identifiers {
        Identifiers {
            internal_id: Some(fold("PAT-4711")),
            names: Some((fold("Van den Berghe"), fold("Zoë"))),
            birth: Some(date(1964, 3, 12)),
        }
    }

    #[test]
    fn a_text_beside_the_row_is_held_against_its_values() {
        let definition = crate::Definitions::built_in().unwrap().get("Precision_Local_MAB").unwrap();
        let patient = definition.patient();
        let cell = |field: Option<u16>, value: &str| Cell { place: Place::of(field.unwrap()), value: value.to_owned() };
        let cells = [
            cell(patient.internal_id, "PAT-4711"),
            cell(patient.name, "Peeters"),
            cell(patient.first_name, "Zoë"),
            cell(patient.date_of_birth, "1964-03-12"),
        ];
        for (text, found) in [
            ("it is right", None),
            ("Peeters", None),
            ("zoe peeters", Some(Code::E21)),
            ("see pat 4711", Some(Code::E21)),
            ("born 12/03/1964", Some(Code::E21)),
            ("64031299906", Some(Code::E17)),
        ] {
            assert_eq!(definition.identifies(&cells, text), found, "{text}");
        }
        assert_eq!(definition.identifies(&[], "zoe peeters"), None);
    }

    #[test]
    fn the_rows_own_identifiers_are_found_however_they_are_written() {
        for text in [
            "file PAT-4711.",
            "pat 4711",
            "ZOE VAN DEN BERGHE",
            "Van den Berghe (Zoé)",
            "born 12/03/1964",
            "born 12-3-1964",
            "12. 03. 1964",
            "1964-03-12",
            "*19640312*",
            "12031964",
            "12/03/64",
            "12 03 1964",
        ] {
            assert!(identifiers().appear_in(text, &mut String::new()), "{text}");
        }
    }

    #[test]
    fn what_only_resembles_them_is_left_alone() {
        for text in [
            "PAT-47110",
            "Zoë",
            "Van den Berghe",
            "Zoëtje Van den Bergher",
            "12/03/2024",
            "in 1964",
            "12/04/1964",
            "112/03/1964",
            "312031964",
            "c.1964G>A",
            "12 3 64",
            "",
        ] {
            assert!(!identifiers().appear_in(text, &mut String::new()), "{text}");
        }
    }

    #[test]
    fn other_scripts_are_kept() {
        let russian = Identifiers { internal_id: None, names: Some((fold("Иванова"), fold("Анна"))), birth: None };
        assert!(russian.appear_in("пациентка анна иванова", &mut String::new()));
        assert!(!russian.appear_in("пациентка Анна", &mut String::new()));
    }
}
