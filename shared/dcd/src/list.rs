//! Code lists: CSV files with a few lines about themselves in front.

use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;

use crate::error::DefinitionError;
use crate::text::{Language, LocalText};

/// The codes that a field may hold.
#[derive(Debug)]
pub struct CodeList {
    name: Arc<str>,
    source: String,
    date: String,
    complete: bool,
    pattern: Option<Regex>,
    codes: Vec<ListedCode>,
    index: HashMap<Box<str>, usize>,
}

/// A code and its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCode {
    /// The code, as cells hold it.
    pub code: String,
    /// What it means.
    pub label: LocalText,
}

/// What a list says of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// The list holds it.
    Listed,
    /// The list does not hold it, but the list is incomplete and the code has its form.
    Plausible,
    /// It is no code of this list.
    Unknown,
}

impl CodeList {
    /// Reads a list: lines `# source:`, `# date:`, `# complete: yes|no` and, for an incomplete list, `# pattern:`; then RFC 4180 with the
    /// header `code,en,nl,fr`.
    ///
    /// # Errors
    /// [`DefinitionError::List`] with the file and the line.
    pub fn read(name: &str, file: &str, text: &str) -> Result<Self, DefinitionError> {
        let fault = |line: u64, reason: &str| DefinitionError::List { file: file.to_owned(), line, reason: reason.to_owned() };
        let text = text.trim_start_matches('\u{feff}');
        let mut about = HashMap::new();
        let mut rest = text;
        let mut about_lines = 0;
        while let Some(remark) = rest.strip_prefix('#') {
            let (line, after) = remark.split_once('\n').unwrap_or((remark, ""));
            about_lines += 1;
            let Some((key, value)) = line.split_once(':') else {
                return Err(fault(about_lines, "a line in front is `# key: value`"));
            };
            about.insert(key.trim(), value.trim());
            rest = after;
        }
        let said = |key: &str| {
            let missing = || fault(1, &format!("the line `# {key}: …` is missing"));
            about.get(key).filter(|value| !value.is_empty()).map(|value| (*value).to_owned()).ok_or_else(missing)
        };
        let complete = match said("complete")?.as_str() {
            "yes" => true,
            "no" => false,
            _ => return Err(fault(1, "complete is yes or no")),
        };
        let pattern = match about.get("pattern") {
            None if complete => None,
            None => return Err(fault(1, "an incomplete list needs the line `# pattern: …`")),
            Some(_) if complete => return Err(fault(1, "only an incomplete list has a pattern")),
            Some(pattern) => Some(anchored(pattern).map_err(|_| fault(1, "the pattern is no regular expression"))?),
        };
        let codes = read_rows(rest, about_lines, &fault)?;
        let index = codes.iter().enumerate().map(|(at, listed)| (listed.code.as_str().into(), at)).collect::<HashMap<_, _>>();
        if index.len() != codes.len() {
            return Err(fault(about_lines + 1, "a code occurs twice"));
        }
        Ok(Self { name: name.into(), source: said("source")?, date: said("date")?, complete, pattern, codes, index })
    }

    /// The name that definitions refer to.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Where the codes come from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// As of when.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// Whether the list holds every code there is.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// The form of codes beyond an incomplete list, as an anchored regular expression.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_ref().map(Regex::as_str)
    }

    /// The codes in the list's order.
    #[must_use]
    pub fn codes(&self) -> &[ListedCode] {
        &self.codes
    }

    /// The label of a code.
    #[must_use]
    pub fn label(&self, code: &str, language: Language) -> Option<&str> {
        self.index.get(code).and_then(|at| self.codes.get(*at)).map(|listed| listed.label.get(language))
    }

    /// Whether a text is a code of the list.
    #[must_use]
    pub fn membership(&self, code: &str) -> Membership {
        if self.holds(code) {
            Membership::Listed
        } else if self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(code)) {
            Membership::Plausible
        } else {
            Membership::Unknown
        }
    }

    fn holds(&self, code: &str) -> bool {
        // Most lists are short, and comparing a few short texts costs less than hashing one.
        const SHORT: usize = 8;
        if self.codes.len() <= SHORT {
            self.codes.iter().any(|listed| listed.code == code)
        } else {
            self.index.contains_key(code)
        }
    }
}

fn read_rows(
    text: &str,
    lines_before: u64,
    fault: &impl Fn(u64, &str) -> DefinitionError,
) -> Result<Vec<ListedCode>, DefinitionError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| fault(lines_before + 1, &error.to_string()))?;
    if header.iter().ne(["code", "en", "nl", "fr"]) {
        return Err(fault(lines_before + 1, "the header is `code,en,nl,fr`"));
    }
    let mut codes = Vec::new();
    for record in reader.records() {
        let record =
            record.map_err(|error| fault(lines_before + error.position().map_or(1, csv::Position::line), &error.to_string()))?;
        let line = lines_before + record.position().map_or(1, csv::Position::line);
        let [code, en, nl, fr] = [0, 1, 2, 3].map(|column| record.get(column).unwrap_or_default());
        let label = LocalText::new(en, nl, fr);
        if code.is_empty() || code.contains('|') || code.trim() != code {
            return Err(fault(line, "a code is not empty, has no | and no spaces around it"));
        }
        if label.has_gap() {
            return Err(fault(line, "a label is missing"));
        }
        codes.push(ListedCode { code: code.to_owned(), label });
    }
    if codes.is_empty() { Err(fault(lines_before + 1, "a list has at least one code")) } else { Ok(codes) }
}

/// A regular expression that must fit the whole text.
pub(crate) fn anchored(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "# source: ours\n# date: 2026-11-21\n# complete: no\n# pattern: [A-Z]\\d\n\
                        code,en,nl,fr\nA1,\"one, first\",een,un\nA2,two,twee,deux\n";

    fn read(text: &str) -> Result<CodeList, String> {
        CodeList::read("TEST", "lists/TEST.csv", text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_knows_its_codes_and_their_labels() {
        let list = read(OPEN).unwrap();
        assert_eq!(list.label("A1", Language::English), Some("one, first"));
        assert_eq!(list.label("A2", Language::French), Some("deux"));
        assert_eq!(list.membership("A1"), Membership::Listed);
        assert_eq!(list.membership("Z9"), Membership::Plausible);
        assert_eq!(list.membership("Z99"), Membership::Unknown);
        assert!(!list.is_complete());
    }

    #[test]
    fn long_lists_answer_as_short_ones() {
        let rows: String = (0..100).map(|code| format!("{code},a,b,c\n")).collect();
        let list = read(&format!("# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\n{rows}")).unwrap();
        assert_eq!(list.membership("99"), Membership::Listed);
        assert_eq!(list.membership("100"), Membership::Unknown);
    }

    #[test]
    fn faults_name_file_and_line() {
        for (from, to, line) in [
            ("# source: ours\n", "", "line 1"),
            ("complete: no", "complete: maybe", "line 1"),
            ("# pattern: [A-Z]\\d\n", "", "line 1"),
            ("[A-Z]\\d", "[A-Z", "line 1"),
            ("code,en,nl,fr", "code,en,fr,nl", "line 5"),
            ("twee", " ", "line 7"),
            ("A2,two,", "A2,", "line 7"),
            ("A2", "A|2", "line 7"),
            ("A2", "A1", "line 5"),
        ] {
            let error = read(&OPEN.replace(from, to)).unwrap_err();
            assert!(error.contains("lists/TEST.csv") && error.contains(line), "{from}: {error}");
        }
    }
}
