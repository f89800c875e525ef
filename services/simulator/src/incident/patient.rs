//! What must not be in a file about a registration: the values of its own patient, and whatever has the shape of somebody's number or pseudonym.

use std::{collections::BTreeSet, fmt};

use dcd::{Definition, Definitions, Kind as FieldKind};
use needle::{Form, Needle, Searcher, TooMany};
use registration::{Cell, Place};

use crate::audit::{
    background::background,
    field::{Field, Kind},
    harvest::windows,
};

/// Kinds of values that were found. They are named, never shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kinds(BTreeSet<Kind>);

impl Kinds {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what was found elsewhere.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "))
    }
}

/// The patient's values that are being gathered. They identify somebody, so there is no `Debug`.
#[derive(Default, Clone)]
pub struct Gathering {
    values: Vec<(Kind, Needle)>,
}

/// The patient's values, to look for. They identify somebody, so there is no `Debug`.
pub struct PatientValues {
    kinds: Vec<Kind>,
    searcher: Searcher,
    /// Which stand in the registers' own words, where they say nothing.
    common: BTreeSet<usize>,
}

/// Whether a number's or a pseudonym's shape stands in a text.
#[must_use]
pub fn shapes_in(text: &str) -> Kinds {
    let mut found = BTreeSet::new();
    if national_number::contains_number(text) {
        found.insert(Kind::NationalNumber);
    }
    if pseudonym_shape::contains_pseudonym(text) {
        found.insert(Kind::Pseudonym);
    }
    Kinds(found)
}

impl Gathering {
    /// Adds the values of a version.
    pub fn cells(&mut self, definition: &Definition, cells: &[Cell]) {
        for cell in cells {
            let Some(field) = Field::of(definition, cell.place.field) else { continue };
            let is_date = definition.field(cell.place.field).is_some_and(|field| field.kind() == FieldKind::Date);
            match (field.kind, is_date) {
                // A day of an examination is also a day on which something was sent.
                (Kind::Variable | Kind::Reduced, true) => {}
                (Kind::NationalNumber, _) => self.add(field.kind, cell.value.as_bytes(), Form::NationalNumber),
                (kind, true) => self.add(kind, cell.value.as_bytes(), Form::Date),
                (kind, false) => windows(cell.value.as_bytes()).for_each(|part| self.add(kind, part, Form::Text)),
            }
        }
        self.full_names(definition, cells);
    }

    /// Adds values as an answer over HTTP has them: days as dd/mm/yyyy or yyyy-mm-dd, an item's number within a list's column.
    pub fn columns<'a>(&mut self, definition: &Definition, values: impl Iterator<Item = (&'a str, &'a str)>) {
        let cells: Vec<Cell> = values.filter_map(|(column, value)| cell(definition, column, value)).collect();
        self.cells(definition, &cells);
    }

    /// Name and first name together are found also where each alone is too short.
    fn full_names(&mut self, definition: &Definition, cells: &[Cell]) {
        let patient = definition.patient();
        let of = |field: Option<u16>| cells.iter().find(|cell| Some(cell.place.field) == field).map(|cell| cell.value.as_str());
        if let (Some(name), Some(first)) = (of(patient.name), of(patient.first_name)) {
            for both in [format!("{name} {first}"), format!("{first} {name}"), format!("{name}, {first}")] {
                self.add(Kind::Name, both.as_bytes(), Form::Text);
            }
        }
    }

    /// Adds the patient's pseudonym.
    pub fn pseudonym(&mut self, pseudonym: &str) {
        self.add(Kind::Pseudonym, pseudonym.as_bytes(), Form::Text);
    }

    /// Adds a text that somebody wrote about the registration.
    pub fn text(&mut self, kind: Kind, text: &str) {
        windows(text.as_bytes()).for_each(|part| self.add(kind, part, Form::Text));
    }

    fn add(&mut self, kind: Kind, value: &[u8], form: Form) {
        self.values.extend(Needle::new(value, form).map(|needle| (kind, needle)));
    }

    /// Makes them ready to be looked for.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    pub fn finish(self, definitions: &Definitions) -> Result<PatientValues, TooMany> {
        let searcher = Searcher::new(self.values.iter().map(|(_, needle)| needle))?;
        let kinds: Vec<Kind> = self.values.iter().map(|(kind, _)| *kind).collect();
        // A code is a word like others: it counts in what others wrote only.
        let is_word = |kind: &Kind| matches!(kind, Kind::Variable | Kind::Reduced);
        let mut common: BTreeSet<usize> = (0..).zip(&kinds).filter(|(_, kind)| is_word(kind)).map(|(at, _)| at).collect();
        searcher.search(&background(definitions), |hit| {
            if kinds.get(hit.needle).is_some_and(|kind| !matches!(kind, Kind::NationalNumber | Kind::Pseudonym)) {
                common.insert(hit.needle);
            }
        });
        Ok(PatientValues { kinds, searcher, common })
    }
}

fn cell(definition: &Definition, column: &str, value: &str) -> Option<Cell> {
    let is_number = |part: &&str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let plain = column.split('|').filter(|part| !is_number(part)).collect::<Vec<_>>().join("|");
    let number = definition.field_no(column).or_else(|| definition.field_no(&plain))?;
    let is_date = definition.field(number).is_some_and(|field| field.kind() == FieldKind::Date);
    let value = match value.split('/').collect::<Vec<_>>().as_slice() {
        [day, month, year] if is_date => format!("{year}-{month:0>2}-{day:0>2}"),
        _ => value.to_owned(),
    };
    Some(Cell { place: Place::of(number), value })
}

impl PatientValues {
    /// The kinds of the patient's values that stand in a text, but for those that are words of the registers anyway.
    #[must_use]
    pub fn in_text(&self, text: &str) -> Kinds {
        self.found(text, |number| !self.common.contains(&number))
    }

    /// The same for a text that others wrote, where such a word is one too many.
    #[must_use]
    pub fn in_foreign_text(&self, text: &str) -> Kinds {
        self.found(text, |_| true)
    }

    fn found(&self, text: &str, counts: impl Fn(usize) -> bool) -> Kinds {
        let mut found = BTreeSet::new();
        self.searcher.search(text.as_bytes(), |hit| {
            if counts(hit.needle) {
                found.extend(self.kinds.get(hit.needle).copied());
            }
        });
        Kinds(found)
    }
}
