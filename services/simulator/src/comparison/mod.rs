//! Two runs held against each other: their figures, where their registrations were, how these stand at both sides, and what the researcher has.
//!
//! What differs by nature is not compared: times, speeds, ids that were drawn, how rows were cut into publications, and the order of rows. Keys
//! may differ: then pseudonyms do, and it is compared whether they tell the same patients apart.

pub mod courses;
pub mod side;
pub mod summary;
pub mod tables;

use serde::Serialize;

/// What is listed of one part at most; all of it is counted.
pub const LISTED_MAX: usize = 1_000;

/// How often something was, in words.
fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// What came of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Whether nothing differs.
    pub equal: bool,
    /// Whether both runs pseudonymised with the same keys; none when no file told.
    pub same_keys: Option<bool>,
    /// What was compared.
    pub parts: Vec<Part>,
    /// What was not, and why.
    pub not_compared: Vec<String>,
}

/// One part of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// How many rows, registrations or figures were compared.
    pub compared: u64,
    /// How many differences there are.
    pub differences: u64,
    /// The first of them.
    pub listed: Vec<Difference>,
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// Which row, registration or figure: a row of the researcher's by its pseudonym and unique id, a registration by its register and its ids in
    /// both runs.
    pub of: String,
    /// The column, or what of it.
    pub what: String,
    /// The value in the first run; none when it is not there.
    pub a: Option<String>,
    /// The value in the second run; none when it is not there.
    pub b: Option<String>,
}

impl Part {
    /// A part that nothing was compared of yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Notes a difference.
    pub fn note(&mut self, of: impl Into<String>, what: impl Into<String>, a: Option<String>, b: Option<String>) {
        self.differences += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(Difference { of: of.into(), what: what.into(), a, b });
        }
    }

    /// Notes two values, if they differ.
    pub fn hold(&mut self, of: &str, what: &str, a: &str, b: &str) {
        if a != b {
            self.note(of, what, Some(a.to_owned()), Some(b.to_owned()));
        }
    }
}

impl Comparison {
    /// Adds a part.
    pub fn add(&mut self, part: Part) {
        self.parts.push(part);
        self.equal = self.parts.iter().all(|part| part.differences == 0);
    }

    /// For people.
    #[must_use]
    pub fn lines(&self, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for part in &self.parts {
            let verdict = match part.differences {
                0 => "equal".to_owned(),
                1 => "1 difference".to_owned(),
                many => format!("{many} differences"),
            };
            lines.push(format!("{}: {} compared, {verdict}", part.name, part.compared));
            for Difference { of, what, a, b } in part.listed.iter().take(most) {
                let shown = |value: &Option<String>| value.as_ref().map_or_else(|| "-".to_owned(), |value| format!("{value:?}"));
                lines.push(format!("  {of}: {what}: {} | {}", shown(a), shown(b)));
            }
            let rest = part.differences.saturating_sub(most as u64);
            if rest > 0 {
                lines.push(format!("  and {rest} more"));
            }
        }
        if self.same_keys == Some(false) {
            lines.push("the runs have different keys: pseudonyms were compared by whom they tell apart".to_owned());
        }
        lines.extend(self.not_compared.iter().map(|what| format!("not compared: {what}")));
        lines.push(if self.equal { "equal" } else { "different" }.to_owned());
        lines
    }
}
