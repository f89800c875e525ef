//! What is wrong in a scenario file, and where.

use std::{fmt, ops::Range};

/// A mistake in a file: where, what, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The line, and how many characters of it are meant.
    excerpt: (String, usize),
}

impl Problem {
    /// A mistake at a place of `text`, given in bytes.
    #[must_use]
    pub fn at(text: &str, span: &Range<usize>, message: impl Into<String>) -> Self {
        let start = (0..=span.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (before, rest) = text.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        let meant = rest.get(..span.len()).and_then(|meant| meant.lines().next()).unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
            help: None,
            excerpt: (line.to_owned(), meant.chars().count().max(1)),
        }
    }

    /// The same with a word of help.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, width) = &self.excerpt;
        let number = self.line.to_string();
        let blank = " ".repeat(number.len());
        writeln!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        writeln!(f, "{blank} |\n{number} | {line}\n{blank} | {}{}", " ".repeat(self.column - 1), "^".repeat(*width))?;
        self.help.as_ref().map_or(Ok(()), |help| writeln!(f, "{blank} = {help}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_column_of_characters() {
        let text = "first = 1\nsécond = 22\n";
        let at = text.find("22").unwrap();
        let problem = Problem::at(text, &(at..at + 2), "too many").help("1 is enough");
        assert_eq!((problem.line, problem.column), (2, 10));
        let expected = "2:10: too many\n  |\n2 | sécond = 22\n  |          ^^\n  = 1 is enough\n";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn a_place_behind_the_end_or_inside_a_letter_is_no_panic() {
        for text in ["", "é", "a\n"] {
            for at in 0..5 {
                assert!(Problem::at(text, &(at..at + 3), "x").line > 0);
            }
        }
    }
}
