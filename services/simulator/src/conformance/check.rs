//! The checks of a part, and what came of each.

use std::collections::BTreeMap;

/// Whether a part must pass a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Every part of that name must.
    Required,
    /// Only if the part does at all what is checked.
    Optional,
}

/// One thing that docs/WIRE.md says of a part and that can be seen from outside.
#[derive(Debug, Clone)]
pub struct Check {
    /// What the check is called in reports that programs read.
    pub name: String,
    /// The section of docs/WIRE.md that it is from.
    pub section: &'static str,
    /// What should be so, as a sentence.
    pub expected: String,
    /// Whether the part must pass it.
    pub need: Need,
}

/// Checks that a part must pass, from rows of name, section and expectation.
#[must_use]
pub fn required(rows: &[(&str, &'static str, &str)]) -> Vec<Check> {
    let check = |(name, section, expected): &(&str, &'static str, &str)| Check {
        name: (*name).to_owned(),
        section,
        expected: (*expected).to_owned(),
        need: Need::Required,
    };
    rows.iter().map(check).collect()
}

/// The same checks for parts that do what is checked.
#[must_use]
pub fn optional(rows: &[(&str, &'static str, &str)]) -> Vec<Check> {
    required(rows).into_iter().map(|check| Check { need: Need::Optional, ..check }).collect()
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed {
        /// What was sent.
        sent: String,
        /// What came.
        came: String,
    },
    /// What it is about never came, or the part does not do it.
    NotReached,
}

/// How many checks ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// It is as it should be.
    pub passed: usize,
    /// It is not.
    pub failed: usize,
    /// What a required check is about never came.
    pub not_reached: usize,
    /// The part does not do what it need not do.
    pub not_offered: usize,
}

/// The checks of one part, in their order, and what has come of them so far.
#[derive(Debug)]
pub struct Protocol {
    part: String,
    checks: Vec<Check>,
    findings: BTreeMap<String, Finding>,
}

impl Protocol {
    /// A protocol in which nothing has been reached.
    #[must_use]
    pub fn new(part: impl Into<String>, checks: Vec<Check>) -> Self {
        Self { part: part.into(), checks, findings: BTreeMap::new() }
    }

    /// The part.
    #[must_use]
    pub fn part(&self) -> &str {
        &self.part
    }

    /// Writes down what came of a check. What has failed once stays so, whatever comes later.
    pub fn judge(&mut self, name: &str, sent: &str, came: Result<(), String>) {
        let finding = match came {
            Ok(()) => Finding::Passed,
            Err(came) => Finding::Failed { sent: sent.to_owned(), came },
        };
        let known = self.findings.entry(name.to_owned()).or_insert(Finding::NotReached);
        if !matches!(known, Finding::Failed { .. }) {
            *known = finding;
        }
    }

    /// Whether the check failed.
    #[must_use]
    pub fn has_failed(&self, name: &str) -> bool {
        matches!(self.findings.get(name), Some(Finding::Failed { .. }))
    }

    /// Every check with its number and what came of it.
    pub fn rows(&self) -> impl Iterator<Item = (usize, &Check, &Finding)> {
        let finding = |check: &Check| self.findings.get(&check.name).unwrap_or(&Finding::NotReached);
        self.checks.iter().enumerate().map(move |(place, check)| (place + 1, check, finding(check)))
    }

    /// Findings on checks that the part does not have; a defect of this program.
    #[must_use]
    pub fn unknown(&self) -> Vec<&str> {
        let known = |name: &&str| self.checks.iter().any(|check| check.name == **name);
        self.findings.keys().map(String::as_str).filter(|name| !known(name)).collect()
    }

    /// Whether the part keeps the contract: all that it must do was reached and passed, and nothing that it need not do failed.
    #[must_use]
    pub fn conforms(&self) -> bool {
        self.rows().all(|(_, check, finding)| match (check.need, finding) {
            (_, Finding::Passed) | (Need::Optional, Finding::NotReached) => true,
            (_, Finding::Failed { .. }) | (Need::Required, Finding::NotReached) => false,
        })
    }

    /// How many checks ended how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, check, finding) in self.rows() {
            let count = match (finding, check.need) {
                (Finding::Passed, _) => &mut counts.passed,
                (Finding::Failed { .. }, _) => &mut counts.failed,
                (Finding::NotReached, Need::Required) => &mut counts.not_reached,
                (Finding::NotReached, Need::Optional) => &mut counts.not_offered,
            };
            *count += 1;
        }
        counts
    }
}

/// `Ok` when so; else what came instead.
///
/// # Errors
///
/// What came.
pub fn hold(is_so: bool, came: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(came()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol() -> Protocol {
        let mut checks = required(&[("a", "1", "it is a"), ("b", "2", "it is b")]);
        checks.extend(optional(&[("c", "3", "it is c")]));
        Protocol::new("part", checks)
    }

    #[test]
    fn a_part_conforms_when_all_that_it_must_do_is_seen_to_be_right() {
        let mut protocol = protocol();
        protocol.judge("a", "", Ok(()));
        assert!(!protocol.conforms(), "b was not reached");
        protocol.judge("b", "", Ok(()));
        assert!(protocol.conforms(), "c is left to the part");
        assert_eq!(protocol.counts(), Counts { passed: 2, not_offered: 1, ..Counts::default() });
        protocol.judge("c", "one", Err("two".to_owned()));
        assert!(!protocol.conforms(), "what it does, it must do right");
    }

    #[test]
    fn what_failed_once_has_failed() {
        let mut protocol = protocol();
        protocol.judge("a", "one", Err("two".to_owned()));
        protocol.judge("a", "one", Ok(()));
        assert!(protocol.has_failed("a"));
        assert_eq!(protocol.rows().map(|(number, ..)| number).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_finding_without_a_check_is_noticed() {
        let mut protocol = protocol();
        protocol.judge("z", "", Ok(()));
        assert_eq!(protocol.unknown(), ["z"]);
    }
}
