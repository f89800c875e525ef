//! For the build server: JUnit's XML, as Jenkins and GitLab read it.

use std::fmt::Write as _;

use super::{counts, terminal};
use crate::scenario::many::Done;

/// One test suite, a test case for each run.
#[must_use]
pub fn report(all: &[Done]) -> String {
    let [_, failed, skipped] = counts(all);
    let seconds: f64 = all.iter().map(|done| done.outcome.elapsed.as_secs_f64()).sum();
    let counts =
        format!("tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" time=\"{seconds:.3}\"", all.len());
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"precision replay\" {counts}>\n"
    );
    for done in all {
        case(&mut xml, done);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn case(xml: &mut String, done: &Done) {
    let (outcome, file) = (&done.outcome, escaped(&done.job.file));
    let name = format!("{} (seed {})", escaped(&done.job.scenario.about), outcome.seed);
    let class = escaped(&class(&done.job.file));
    // Writing to a text does not fail.
    let _ = writeln!(
        xml,
        "    <testcase classname=\"{class}\" name=\"{name}\" file=\"{file}\" time=\"{:.3}\">",
        outcome.elapsed.as_secs_f64()
    );
    if let Some(reason) = &outcome.not_run {
        let _ = writeln!(xml, "      <skipped message=\"not run here: {}\"/>\n    </testcase>", escaped(reason));
        return;
    }
    if !outcome.is_as_expected() {
        let message = escaped(&outcome.failures.join("; "));
        let text = escaped(&terminal::failure(done));
        let _ = writeln!(xml, "      <failure message=\"{message}\" type=\"not as expected\">{text}</failure>");
    }
    let _ = writeln!(xml, "      <system-out>{}</system-out>\n    </testcase>", escaped(&said(done)));
}

/// What build servers group by: folders and file, with points between them and none elsewhere.
fn class(file: &str) -> String {
    let file = file.strip_suffix(".toml").unwrap_or(file);
    let parts = file.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | ".."));
    parts.map(|part| part.replace('.', "_")).collect::<Vec<_>>().join(".")
}

/// What a person wants to know of a case that opens it.
fn said(done: &Done) -> String {
    let figures = done.outcome.verdict.figures.named().map(|(name, count)| format!("{name} {count}"));
    let symptom = done.job.scenario.symptom.iter().map(|symptom| format!("What one sees: {symptom}\n"));
    let unmet = done.outcome.unmet.iter().map(|sentence| format!("Note: {sentence}\n"));
    let text: String = symptom.chain(unmet).collect();
    format!("{text}Verdict: {}\n", figures.join(", "))
}

/// A text as XML 1.0 may hold it, in elements and attributes. What it cannot hold at all becomes U+FFFD.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}
