//! The vocabulary as the tables of docs/SCENARIOS.md.

use std::fmt::Write as _;

use super::{
    steps::{FAULTS, STEPS, StepWord, Takes, about_fault},
    words,
};

/// What a word takes, as it is written.
const fn form(takes: Takes) -> &'static str {
    match takes {
        Takes::Nothing => "",
        Takes::Rows => "ROWS",
        Takes::Registration => "ONE",
        Takes::Hospital => "HOSPITAL",
        Takes::Service => "SERVICE",
        Takes::Register => "REGISTER",
        Takes::Step => "STEP",
        Takes::Point => "POINT",
        Takes::Span => "TIME",
        Takes::Count => "NUMBER",
        Takes::Fault => "FAULT",
        Takes::KeyPair => "PAIR",
        Takes::Expectation => "EXPECTATION",
    }
}

/// Steps, faults and other words.
#[must_use]
pub fn vocabulary() -> String {
    let mut page = String::from("| step | what happens |\n| --- | --- |\n");
    for step in STEPS {
        // Writing to a text does not fail.
        let _ = writeln!(page, "| `{}` | {} |", written(step), step.about);
    }
    page.push_str("\n| fault | what becomes of the publication |\n| --- | --- |\n");
    for (word, fault) in FAULTS {
        let _ = writeln!(page, "| `{word}` | {} |", about_fault(fault));
    }
    let list = |words: Vec<&str>| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let _ = writeln!(page, "\n| word | is one of |\n| --- | --- |");
    let _ = writeln!(
        page,
        "| HOSPITAL | {}, or one that the scenario names |",
        list(words::HOSPITALS.iter().map(|(word, _)| *word).collect())
    );
    let _ = writeln!(page, "| SERVICE | {} |", list(words::SERVICES.iter().map(|(word, _)| *word).collect()));
    let _ = writeln!(page, "| REGISTER | {} |", list(words::REGISTERS.iter().map(|(word, _)| *word).collect()));
    let _ = writeln!(page, "| STEP | {} |", list(words::arrows().iter().map(|(word, _)| *word).collect()));
    let _ = writeln!(page, "| POINT | {} |", list(words::POINTS.iter().map(|(word, _)| *word).collect()));
    let _ = writeln!(page, "| `hospital` of a row | {}, `absent` |", list(words::STATES.iter().map(|(word, _)| *word).collect()));
    let statuses = words::record_statuses();
    let _ = writeln!(page, "| `healthdata` of a row | {}, `absent` |", list(statuses.iter().map(|(word, _)| *word).collect()));
    page
}

/// A word of a step with what it takes, as the page has it.
#[must_use]
pub fn written(step: &StepWord) -> String {
    if step.takes == Takes::Nothing {
        return format!("\"{}\"", step.word);
    }
    let mut text = format!("{{ {} = {}", step.word, form(step.takes));
    for (word, takes, is_needed) in step.with {
        let (open, close) = if *is_needed { ("", "") } else { ("[", "]") };
        let _ = write!(text, "{open}, {word} = {}{close}", form(*takes));
    }
    text.push_str(" }");
    text
}
