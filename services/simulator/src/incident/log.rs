//! Lines of a log that may go into a ticket.

use serde::Serialize;

use super::patient::{PatientValues, shapes_in};

/// Lines at most; the last ones.
const LINES_MAX: usize = 500;

/// The last lines of a log, but for those in which somebody stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLines {
    /// The lines.
    pub lines: Vec<String>,
    /// How many of the last lines were left out, for they hold a value of the patient, or what has the shape of a national number or a
    /// pseudonym.
    pub left_out: u64,
}

/// The last lines of `text` that may go into a ticket.
#[must_use]
pub fn last_lines(text: &str, patient: &PatientValues) -> LogLines {
    let all: Vec<&str> = text.lines().collect();
    let last = all.get(all.len().saturating_sub(LINES_MAX)..).unwrap_or_default();
    let is_clean = |line: &&str| shapes_in(line).is_empty() && patient.in_foreign_text(line).is_empty();
    let lines: Vec<String> = last.iter().copied().filter(|line| is_clean(line)).map(str::to_owned).collect();
    LogLines { left_out: (last.len() - lines.len()) as u64, lines }
}
