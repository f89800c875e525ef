//! What is expected, held against what is.

use std::collections::BTreeSet;

use super::{Expectation, Standing, Taken, words};
use crate::simulation::{Evidence, Name, RowName, Verdict, Violation, written};

/// What is not as it was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The sentence.
    pub sentence: String,
    /// The registrations that it is about: the name of their row, or of the figure that counts them.
    pub about: Option<String>,
}

impl Miss {
    fn new(sentence: String) -> Self {
        Self { sentence, about: None }
    }

    fn about(self, name: impl Into<String>) -> Self {
        Self { about: Some(name.into()), ..self }
    }
}

/// What is not so of an expectation.
///
/// # Errors
///
/// A [`Violation`] when a store cannot be asked.
pub fn misses(world: &Evidence, expectation: &Expectation) -> Result<Vec<Miss>, Violation> {
    let mut misses = Vec::new();
    let mut at_dhw = None;
    for (row, standing) in &expectation.rows {
        let at_dhw = match &mut at_dhw {
            Some(known) => known,
            none => none.insert(world.at_dhw()?),
        };
        let revision = world.row_itself(*row).and_then(|row| at_dhw.get(&row)).copied().unwrap_or(0);
        let itself = world.row_itself(*row).map_or_else(|| written(*row), written);
        let of_row = misses_of_row(world, *row, *standing, revision)?;
        misses.extend(of_row.into_iter().map(|sentence| Miss::new(sentence).about(itself.as_str())));
    }
    for (input, taken) in &expectation.inputs {
        misses.extend(misses_of_input(world, *input, taken)?.into_iter().map(Miss::new));
    }
    for (arrow, expected) in &expectation.publications {
        let count = world.published().iter().filter(|one| one.arrow == *arrow && !one.is_dead).count() as u64;
        if count != *expected {
            misses.push(Miss::new(format!("step {} has {count} publications, not {expected}", arrow.step())));
        }
    }
    if !expectation.verdict.is_empty() || expectation.dead_letters.is_some() {
        misses.extend(misses_of_verdict(&world.verdict()?, expectation));
    }
    Ok(misses)
}

fn misses_of_input(world: &Evidence, input: Name, taken: &Taken) -> Result<Vec<String>, Violation> {
    let Some(tally) = world.tally_of(input)? else { return Ok(vec![format!("input {input} was not uploaded")]) };
    let figures = [
        ("attempted", tally.attempted, taken.attempted),
        ("accepted", tally.accepted, taken.accepted),
        ("rejected", tally.rejected, taken.rejected),
        ("unchanged", tally.unchanged, taken.unchanged),
    ];
    let mut misses = Vec::new();
    for (name, figure, expected) in figures {
        if let Some(expected) = expected.filter(|expected| *expected != figure) {
            misses.push(format!("of input {input} {figure} rows are {name}, not {expected}"));
        }
    }
    let codes: BTreeSet<String> = world.codes_of(input)?.into_iter().map(str::to_owned).collect();
    if let Some(expected) = taken.codes.as_ref().filter(|expected| **expected != codes) {
        misses.push(format!("input {input} has rows with codes {}, not {}", list(&codes), list(expected)));
    }
    Ok(misses)
}

/// Codes as a sentence has them.
fn list(codes: &BTreeSet<String>) -> String {
    if codes.is_empty() { "none".to_owned() } else { Vec::from_iter(codes.iter().cloned()).join(", ") }
}

fn misses_of_verdict(verdict: &Verdict, expectation: &Expectation) -> Vec<Miss> {
    let mut misses = Vec::new();
    for (name, figure) in verdict.figures.named() {
        if let Some(expected) = expectation.verdict.get(name).filter(|expected| **expected != figure) {
            misses.push(Miss::new(format!("{figure} {name}, not {expected}")).about(name));
        }
    }
    let expected = expectation.dead_letters.as_ref().filter(|expected| **expected != verdict.dead_letters);
    let is = list(&verdict.dead_letters);
    misses.extend(expected.map(|expected| Miss::new(format!("dead letters: {is}, not {}", list(expected)))));
    misses
}

fn misses_of_row(world: &Evidence, row: RowName, standing: Standing, revision: u32) -> Result<Vec<String>, Violation> {
    let mut misses = Vec::new();
    let mut miss =
        |side: &str, is: String, expected: String| misses.push(format!("{} is {is} {side}, not {expected}", written(row)));
    // Nobody has a row that was rejected.
    let itself = world.row_itself(row);
    let (state, status) = itself.map_or(Ok((None, None)), |row| world.standing(row))?;
    if let Some(expected) = standing.hospital.filter(|expected| *expected != state) {
        let text = |state: Option<_>| state.map_or(words::ABSENT.to_owned(), |state: crate::simulation::State| state.to_string());
        miss("at its hospital", text(state), text(expected));
    }
    if let Some(expected) = standing.healthdata.filter(|expected| *expected != status) {
        let text = |status: Option<_>| {
            status.map_or(words::ABSENT.to_owned(), |status: crate::simulation::RecordStatus| status.to_string())
        };
        miss("at HD4RES", text(status), text(expected));
    }
    if let Some(expected) = standing.warehouse.filter(|expected| *expected != revision) {
        let text = |revision: u32| if revision == 0 { words::ABSENT.to_owned() } else { format!("in revision {revision}") };
        miss("in the data warehouse", text(revision), text(expected));
    }
    if let Some(expected) = standing.comments {
        let shown = itself.map_or(Ok(0), |row| world.comments_shown(row))? as u64;
        if shown != expected {
            misses.push(format!("{} shows {shown} comments at its hospital, not {expected}", written(row)));
        }
    }
    Ok(misses)
}
