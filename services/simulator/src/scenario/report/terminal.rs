//! For a person at a terminal.

use std::fmt::Write as _;

use super::{counts, moment, shown, title};
use crate::{output::table, scenario::many::Done};

/// What failed and why, then a table of all, then one line.
#[must_use]
pub fn report(all: &[Done]) -> String {
    let mut text = String::new();
    for done in all.iter().filter(|done| done.outcome.is_not_as_expected()) {
        text.push_str(&failure(done));
        text.push('\n');
    }
    let heading = [
        "scenario",
        "seed",
        "attempted",
        "acknowledged",
        "delivered",
        "recovered",
        "lost",
        "unexpected",
        "duplicated",
        "time",
        "",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(all.iter().map(row));
    text.push_str(&table(&rows, &[1, 2, 3, 4, 5, 6, 7, 8, 9]));
    for (file, sentence) in unmet(all) {
        let _ = writeln!(text, "\nnote: {file}: {sentence}");
    }
    for (done, reason) in all.iter().filter_map(|done| Some((done, done.outcome.not_run.as_ref()?))) {
        let _ = write!(text, "\n{} is not run here: {reason}", done.job.file);
    }
    let [well, ill, not_run] = counts(all);
    let _ = write!(text, "\n{well} as expected, {ill} not");
    if not_run > 0 {
        let _ = write!(text, ", {not_run} not run here");
    }
    text
}

/// Faults that met nothing, each once for a file however many runs it had: as a rule they stand behind the step that they are meant for.
fn unmet(all: &[Done]) -> Vec<(&str, &str)> {
    let mut unmet = Vec::new();
    for done in all {
        unmet.extend(done.outcome.unmet.iter().map(|sentence| (done.job.file.as_str(), sentence.as_str())));
    }
    unmet.sort_unstable();
    unmet.dedup();
    unmet
}

fn row(done: &Done) -> Vec<String> {
    let (outcome, figures) = (&done.outcome, &done.outcome.verdict.figures);
    if outcome.not_run.is_some() {
        let mut row = vec![done.job.file.clone(), outcome.seed.to_string()];
        row.extend(vec!["-".to_owned(); 8]);
        row.push("not run here".to_owned());
        return row;
    }
    let counts = [
        figures.attempted,
        figures.acknowledged,
        figures.delivered,
        figures.recovered,
        figures.lost,
        figures.unexpected,
        figures.duplicated,
    ];
    let mut row = vec![done.job.file.clone(), outcome.seed.to_string()];
    row.extend(counts.map(|count| count.to_string()));
    row.push(format!("{} ms", outcome.elapsed.as_millis()));
    row.push(if outcome.is_as_expected() { "ok" } else { "NOT AS EXPECTED" }.to_owned());
    row
}

/// What failed, with the itineraries of the registrations that are not well.
#[must_use]
pub fn failure(done: &Done) -> String {
    let mut text = format!("{} with seed {}: {}\n", done.job.file, done.outcome.seed, done.job.scenario.about);
    for sentence in &done.outcome.failures {
        let _ = writeln!(text, "  {sentence}");
    }
    let (courses, left_out) = shown(done, false);
    for course in courses {
        let _ = writeln!(text, "  {} is {}", title(course), course.fared.as_str());
        for stop in &course.stops {
            let (at, step) = (moment(done, stop.at), stop.step);
            let _ = writeln!(text, "    {at}  {step:<6}  {:<20}  {}", stop.service, stop.outcome);
        }
    }
    if left_out > 0 {
        let _ = writeln!(text, "  and {left_out} more");
    }
    text
}
