//! Tables and values of a document with their places, and the complaints about them.

use std::{
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::super::{places::Places, problem::Problem, words};
use crate::simulation::Input;

/// A value and where it stands.
pub(super) type Place<'a> = &'a Spanned<DeValue<'a>>;

/// Who and what steps may name.
pub(super) struct Cast {
    pub(super) places: Places,
    /// The inputs whose files could be read.
    pub(super) inputs: Vec<Input>,
}

/// Reads one text and gathers what is wrong with it.
pub(super) struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    /// Who and what steps may name.
    pub(super) cast: Arc<Cast>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, places: Places) -> Self {
        Self { text, problems: Vec::new(), cast: Arc::new(Cast { places, inputs: Vec::new() }) }
    }

    /// What was read, when nothing was wrong.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Vec<Problem>> {
        let mut problems = self.problems;
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }

    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        Problem::at(self.text, span, "").line
    }

    pub(super) fn complain(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.problems.push(Problem::at(self.text, span, message));
    }

    pub(super) fn complain_with(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::at(self.text, span, message).help(help));
    }

    /// Complains of a word that is none of these, and names the one that was probably meant.
    pub(super) fn unknown<'a>(
        &mut self,
        span: &Range<usize>,
        what: &str,
        given: &str,
        words: impl IntoIterator<Item = &'a str> + Clone,
    ) {
        let all = || words.clone().into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>();
        let help = match words::meant(given, words.clone()) {
            Some(word) => format!("did you mean `{word}`?"),
            None if all().is_empty() => "there is none".to_owned(),
            None => format!("there are {}", all().join(", ")),
        };
        self.complain_with(span, format!("unknown {what} `{given}`"), help);
    }

    /// The value of a word.
    pub(super) fn one_of<W: AsRef<str>, T: Copy>(
        &mut self,
        span: &Range<usize>,
        what: &str,
        given: &str,
        words: &[(W, T)],
    ) -> Option<T> {
        let found = words.iter().find(|(word, _)| word.as_ref().eq_ignore_ascii_case(given));
        if found.is_none() {
            self.unknown(span, what, given, words.iter().map(|(word, _)| word.as_ref()));
        }
        found.map(|(_, value)| *value)
    }

    fn expected(&mut self, place: Place<'_>, what: &str) {
        self.complain(&place.span(), format!("{what} was expected, not {}", place.get_ref().type_str()));
    }

    pub(super) fn text(&mut self, place: Place<'_>) -> Option<String> {
        let text = place.get_ref().as_str();
        if let Some(number) = place.get_ref().as_integer() {
            let help = format!("\"{}\"", number.as_str());
            self.complain_with(&place.span(), "a text in quotes was expected, not integer", help);
        } else if text.is_none() {
            self.expected(place, "a text in quotes");
        }
        text.map(str::to_owned)
    }

    pub(super) fn number(&mut self, place: Place<'_>, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(integer) = place.get_ref().as_integer() else {
            self.expected(place, "a whole number");
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.complain(&place.span(), format!("a number from {} to {} was expected", range.start(), range.end()));
        }
        number
    }

    /// Seconds.
    pub(super) fn span(&mut self, place: Place<'_>) -> Option<u32> {
        let text = self.text(place)?;
        let seconds = words::seconds(&text);
        if seconds.is_none() {
            self.complain_with(&place.span(), format!("`{text}` is no time"), "such as \"1 day 3 hours 5 minutes\"");
        }
        seconds
    }

    pub(super) fn array<'a>(&mut self, place: Place<'a>) -> Option<Vec<Place<'a>>> {
        let array = place.get_ref().as_array();
        if array.is_none() {
            self.expected(place, "a list in [ ]");
        }
        array.map(|array| array.iter().collect())
    }

    pub(super) fn table<'a>(&mut self, place: Place<'a>) -> Option<&'a DeTable<'a>> {
        let table = place.get_ref().as_table();
        if table.is_none() {
            self.expected(place, "a table");
        }
        table
    }
}

/// The members of a table.
pub(super) struct Fields<'a> {
    table: &'a DeTable<'a>,
}

impl<'a> Fields<'a> {
    /// Complains of members that `what` does not have.
    pub(super) fn of(reader: &mut Reader<'_>, table: &'a DeTable<'a>, known: &[&str], what: &str) -> Self {
        for key in table.keys().filter(|key| !known.contains(&&**key.get_ref())) {
            reader.unknown(&key.span(), &format!("member of {what}"), key.get_ref(), known.iter().copied());
        }
        Self { table }
    }

    pub(super) fn get(&self, name: &str) -> Option<Place<'a>> {
        self.table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
    }

    /// A member that must be there; complains at `span` when it is not.
    pub(super) fn needed(&self, reader: &mut Reader<'_>, span: &Range<usize>, name: &str) -> Option<Place<'a>> {
        let found = self.get(name);
        if found.is_none() {
            reader.complain(span, format!("`{name}` is missing"));
        }
        found
    }
}
