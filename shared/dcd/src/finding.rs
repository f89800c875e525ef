//! Findings: what is wrong where, and what was expected instead. Never what a cell holds.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;

use crate::catalogue::Code;
use crate::number::Number;
use crate::text::{Language, LocalText};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The row (or, at level file, the file) is rejected.
    Error,
    /// The row passes.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// The file: nothing of it is taken.
    File,
    /// One row.
    Row,
    /// One field of one row.
    Field,
}

impl Level {
    /// `file`, `row` or `field`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Row => "row",
            Self::Field => "field",
        }
    }
}

/// What was expected, as far as the code alone does not say it. Comes from definitions, never from a file's cells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Expected {
    /// The code says it all.
    #[default]
    Nothing,
    /// A code of this list.
    List(Arc<str>),
    /// At most so many characters, bytes, items or decimals.
    AtMost(u64),
    /// A number between two bounds, both included.
    Range {
        /// The lowest.
        min: Option<Number>,
        /// The highest.
        max: Option<Number>,
    },
    /// So many fields as the header has.
    Fields {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A file of one of these kinds.
    File {
        /// The largest size.
        max_bytes: u64,
        /// The extensions, without the point.
        extensions: Arc<[String]>,
    },
    /// A value of this form (a regular expression).
    Form(Arc<str>),
    /// A day in a period, both ends included.
    Period {
        /// First day.
        from: Date,
        /// Last day; none while it is open.
        until: Option<Date>,
    },
    /// What a rule of the definition says.
    Rule(Arc<LocalText>),
}

/// One finding.
///
/// Nothing in it comes from a cell: the column is a technical name, the rest comes from the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Physical line of the row's first character, from 1; none for findings in a header or in a registration that is no row.
    pub line: Option<u64>,
    /// Column as the file writes it; none when the finding is about the row or the file.
    pub column: Option<String>,
    /// What it is.
    pub code: Code,
    /// The severity of its code.
    pub severity: Severity,
    /// Id of the definition's rule that made it.
    pub rule: Option<String>,
    /// What was expected.
    pub expected: Expected,
    /// What the definition adds for this field.
    pub advice: Option<Arc<LocalText>>,
}

impl Finding {
    /// A finding about a whole file or row.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self { line: None, column: None, code, severity: code.severity(), rule: None, expected: Expected::Nothing, advice: None }
    }

    /// The finding in a column.
    #[must_use]
    pub fn in_column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// The finding at a line.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The finding with what was expected.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.expected = expected;
        self
    }

    /// The finding of a definition's rule.
    #[must_use]
    pub fn by_rule(mut self, id: impl Into<String>, text: Arc<LocalText>) -> Self {
        self.rule = Some(id.into());
        self.expected = Expected::Rule(text);
        self
    }

    /// What was expected, as a sentence without code and column.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        let mut text = fill(self.code.template(language), &self.expected, language);
        if let Some(advice) = &self.advice {
            text.push_str(" (");
            text.push_str(advice.get(language));
            text.push(')');
        }
        text
    }

    /// Code, column and message in one line, as error reports hold it.
    #[must_use]
    pub fn report_text(&self, language: Language) -> String {
        match &self.column {
            Some(column) => format!("{} {column}: {}", self.code, self.message(language)),
            None => format!("{}: {}", self.code, self.message(language)),
        }
    }
}

fn fill(template: &str, expected: &Expected, language: Language) -> String {
    match expected {
        Expected::Nothing => template.to_owned(),
        Expected::List(name) => template.replace("{list}", name),
        Expected::AtMost(max) => template.replace("{max}", &max.to_string()),
        Expected::Range { min, max } => template.replace("{range}", &range(*min, *max, language)),
        Expected::Fields { found, expected } => {
            template.replace("{found}", &found.to_string()).replace("{expected}", &expected.to_string())
        }
        Expected::File { max_bytes, extensions } => {
            template.replace("{max}", &max_bytes.to_string()).replace("{extensions}", &extensions.join(", "))
        }
        Expected::Form(form) => template.replace("{form}", form),
        Expected::Period { from, until } => template.replace("{period}", &period(*from, *until, language)),
        Expected::Rule(text) if template.contains("{rule}") => template.replace("{rule}", text.get(language)),
        // A rule whose meaning has a code of its own keeps its own, more exact text.
        Expected::Rule(text) => text.get(language).to_owned(),
    }
}

fn range(min: Option<Number>, max: Option<Number>, language: Language) -> String {
    let (min, max) = (min.map(Number::hospital_form), max.map(Number::hospital_form));
    match (min, max, language) {
        (Some(min), Some(max), Language::English) => format!("from {min} to {max}"),
        (Some(min), Some(max), Language::Dutch) => format!("van {min} tot en met {max}"),
        (Some(min), Some(max), Language::French) => format!("de {min} à {max}"),
        (Some(min), None, Language::English) => format!("of at least {min}"),
        (Some(min), None, Language::Dutch) => format!("van ten minste {min}"),
        (Some(min), None, Language::French) => format!("d'au moins {min}"),
        (None, Some(max), Language::English) => format!("of at most {max}"),
        (None, Some(max), Language::Dutch) => format!("van ten hoogste {max}"),
        (None, Some(max), Language::French) => format!("d'au plus {max}"),
        (None, None, _) => String::new(),
    }
}

fn period(from: Date, until: Option<Date>, language: Language) -> String {
    let from = crate::date::hospital_form(from);
    match (until.map(crate::date::hospital_form), language) {
        (None, Language::English) => format!("from {from}"),
        (None, Language::Dutch) => format!("vanaf {from}"),
        (None, Language::French) => format!("à partir du {from}"),
        (Some(until), Language::English) => format!("from {from} to {until}"),
        (Some(until), Language::Dutch) => format!("van {from} tot en met {until}"),
        (Some(until), Language::French) => format!("du {from} au {until}"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn messages_fill_in_what_was_expected() {
        let message = |code, expected| Finding::new(code).expecting(expected).message(Language::English);
        assert_eq!(message(Code::E06, Expected::List("SEX".into())), "a code of the list SEX is expected");
        let half = Number::from_canonical("0.5");
        assert_eq!(message(Code::V04, Expected::Range { min: half, max: None }), "a number of at least 0,5 is expected");
        let period = Expected::Period { from: date(2021, 6, 16), until: None };
        assert!(message(Code::E13, period).ends_with("from 16/06/2021"));
    }

    #[test]
    fn a_rule_speaks_for_itself() {
        let text = Arc::new(LocalText::new("one", "two", "three"));
        assert_eq!(Finding::new(Code::V03).by_rule("L01", text.clone()).message(Language::Dutch), "two");
        let finding = Finding::new(Code::V02).in_column("d").by_rule("L02", text);
        assert_eq!(finding.report_text(Language::French), "V02 d: three");
        assert_eq!(finding.rule.as_deref(), Some("L02"));
    }

    #[test]
    fn the_severity_is_the_codes() {
        assert_eq!(Finding::new(Code::E01).severity, Severity::Error);
        assert_eq!(Finding::new(Code::V01).severity, Severity::Error);
        assert_eq!(Finding::new(Code::W01).severity, Severity::Warning);
    }
}
