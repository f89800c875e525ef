//! For people, also on paper: one page that needs nothing beside itself.

mod timeline;

use std::fmt::Write as _;

use super::{counts, junit::escaped, shown, title};
use crate::{scenario::many::Done, simulation::Course};

const STYLE: &str = include_str!("html/style.css");

/// The page.
#[must_use]
pub fn report(all: &[Done]) -> String {
    let [well, failed, not_run] = counts(all);
    let beside = if not_run > 0 { format!(", {not_run} not run here") } else { String::new() };
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Scenarios: {well} as expected, {failed} not{beside}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>Scenarios</h1>\n\
         <p class=\"sum\">{well} as expected, <strong>{failed} not</strong>{beside}.</p>\n",
    );
    page.push_str(&overview(all));
    page.push_str(timeline::LEGEND);
    // What failed comes first: nobody turns pages to find it.
    let (ill, well): (Vec<_>, Vec<_>) = all.iter().enumerate().partition(|(_, done)| done.outcome.is_not_as_expected());
    for (number, done) in ill.into_iter().chain(well) {
        section(&mut page, number, done);
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn overview(all: &[Done]) -> String {
    let figures = |done: &Done| done.outcome.verdict.figures.named();
    let mut text = String::from("<table class=\"overview\">\n<thead><tr><th>scenario</th><th>seed</th>");
    for (name, _) in all.first().map(figures).unwrap_or_default() {
        // Writing to a text does not fail.
        let _ = write!(text, "<th class=\"figure\">{name}</th>");
    }
    text.push_str("<th>result</th></tr></thead>\n<tbody>\n");
    for (number, done) in all.iter().enumerate() {
        let (class, result) = result(done);
        let _ = write!(
            text,
            "<tr class=\"{class}\"><td><a href=\"#s{number}\">{}</a></td><td class=\"figure\">{}</td>",
            escaped(&done.job.file),
            done.outcome.seed
        );
        for (_, count) in figures(done) {
            let _ = write!(text, "<td class=\"figure{}\">{count}</td>", if count == 0 { " none" } else { "" });
        }
        let _ = writeln!(text, "<td>{result}</td></tr>");
    }
    text.push_str("</tbody>\n</table>\n");
    text
}

fn result(done: &Done) -> (&'static str, &'static str) {
    match (&done.outcome.not_run, done.outcome.is_as_expected()) {
        (Some(_), _) => ("skipped", "not run here"),
        (None, true) => ("well", "as expected"),
        (None, false) => ("ill", "✗ not as expected"),
    }
}

fn section(page: &mut String, number: usize, done: &Done) {
    let (scenario, outcome) = (&done.job.scenario, &done.outcome);
    let (class, result) = result(done);
    let _ = write!(
        page,
        "<section id=\"s{number}\" class=\"{class}\">\n<h2>{}</h2>\n<p class=\"file\">{}, seed {}, {} of the world's time in {} ms: <strong>{result}</strong></p>\n",
        escaped(&scenario.about),
        escaped(&done.job.file),
        outcome.seed,
        crate::scenario::words::span(whole_minutes(done)),
        outcome.elapsed.as_millis(),
    );
    if let Some(symptom) = &scenario.symptom {
        let _ = writeln!(page, "<p class=\"symptom\">What one sees: {}</p>", escaped(symptom));
    }
    if let Some(reason) = &outcome.not_run {
        let _ = writeln!(page, "<p>Not run here: {}</p>", escaped(reason));
    }
    if !outcome.failures.is_empty() {
        page.push_str("<ul class=\"failures\">\n");
        for failure in &outcome.failures {
            let _ = writeln!(page, "<li>{}</li>", escaped(failure));
        }
        page.push_str("</ul>\n");
    }
    for sentence in &outcome.unmet {
        let _ = writeln!(page, "<p class=\"symptom\">Note: {}.</p>", escaped(sentence));
    }
    if !outcome.verdict.dead_letters.is_empty() {
        let codes: Vec<&str> = outcome.verdict.dead_letters.iter().map(String::as_str).collect();
        let _ = writeln!(page, "<p>Dead letters: {}</p>", escaped(&codes.join(", ")));
    }
    let (courses, left_out) = shown(done, true);
    courses.into_iter().for_each(|course| of_course(page, done, course));
    if left_out > 0 {
        let _ = writeln!(page, "<p>And {left_out} registrations more.</p>");
    }
    page.push_str("</section>\n");
}

/// How long it took on virtual time, in seconds that are whole minutes.
fn whole_minutes(done: &Done) -> u32 {
    let (from, to) = done.outcome.between;
    u32::try_from(to.since(from).as_secs() / 60 * 60).unwrap_or(u32::MAX)
}

fn of_course(page: &mut String, done: &Done, course: &Course) {
    let class = if course.fared.is_well() { "well" } else { "ill" };
    let _ = writeln!(
        page,
        "<figure class=\"{class}\"><figcaption>{} <span>{}</span></figcaption>{}</figure>",
        escaped(&title(course)),
        course.fared.as_str(),
        timeline::drawn(done, course)
    );
}
