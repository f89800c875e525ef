//! From text to a scenario, or to everything that is wrong with it.

mod fields;
mod premises;
mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use toml::de::{DeTable, DeValue};

use self::fields::{Fields, Place, Reader};
use super::{
    Act, Expectation, Scenario, Standing, Step, Taken,
    places::Places,
    problem::Problem,
    steps::{Read, STEPS, StepWord, Takes},
    words,
};
use crate::simulation::{Figures, Name, Op};

/// The seed of a scenario that names none.
pub const SEED: u64 = 1;

/// Reads a scenario whose inputs lie in the working folder.
///
/// # Errors
///
/// All that is wrong with it, by place.
pub fn read(text: &str) -> Result<Scenario, Vec<Problem>> {
    read_beside(text, Path::new(""))
}

/// Reads a scenario whose inputs lie in a folder, its own as a rule.
///
/// # Errors
///
/// All that is wrong with it, by place.
pub fn read_beside(text: &str, folder: &Path) -> Result<Scenario, Vec<Problem>> {
    let mut reader = Reader::new(text, Places::of_scenarios());
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reader.complain(&error.span().unwrap_or(0..0), format!("no TOML: {}", error.message().replace('\n', ", ")));
    }
    // What TOML makes of a broken document would only draw complaints about what is not there.
    let scenario = if errors.is_empty() { scenario(&mut reader, document.get_ref(), folder) } else { Scenario::default() };
    reader.finish(scenario)
}

/// Reads one step as a list of steps has it, `{ fault = "drop", on = "4" }` or `"calm"`, that names these hospitals and services.
///
/// # Errors
///
/// All that is wrong with it, by place.
pub fn read_step(text: &str, places: &Places) -> Result<Vec<Op>, Vec<Problem>> {
    let mut reader = Reader::new(text, places.clone());
    let ops = match DeValue::parse(text) {
        Ok(value) => match step(&mut reader, &value) {
            Some(Step { act: Act::Happens(ops), .. }) => ops,
            Some(Step { act: Act::Expects(_), .. }) => {
                reader.complain(&value.span(), "nothing happens in this step");
                Vec::new()
            }
            None => Vec::new(),
        },
        Err(error) => {
            reader.complain(&error.span().unwrap_or(0..0), format!("no TOML: {}", error.message().replace('\n', ", ")));
            Vec::new()
        }
    };
    reader.finish(ops)
}

const MEMBERS: [&str; 10] = ["about", "symptom", "seed", "quota", "rest", "fails-with", "hospitals", "inputs", "steps", "expect"];

fn scenario(reader: &mut Reader<'_>, table: &DeTable<'_>, folder: &Path) -> Scenario {
    let fields = Fields::of(reader, table, &MEMBERS, "a scenario");
    // Steps name hospitals and inputs, wherever in the file these stand.
    let premises = premises::premises(reader, &fields, folder);
    let about = fields.needed(reader, &(0..0), "about").and_then(|place| reader.text(place)).unwrap_or_default();
    let rest = fields.get("rest").and_then(|place| reader.span(place));
    let steps = fields.needed(reader, &(0..0), "steps").and_then(|place| reader.array(place)).unwrap_or_default();
    let steps: Vec<Step> = steps.into_iter().filter_map(|place| step(reader, place)).collect();
    Scenario {
        about,
        symptom: fields.get("symptom").and_then(|place| reader.text(place)),
        seed: fields.get("seed").and_then(|place| reader.number(place, 0..=i64::MAX.unsigned_abs())).unwrap_or(SEED),
        quota: fields
            .get("quota")
            .and_then(|place| reader.number(place, 1..=1_000_000))
            .and_then(|quota| u32::try_from(quota).ok()),
        rest_minutes: rest.map(|seconds| seconds.div_ceil(60)),
        fails_with: fields.get("fails-with").and_then(|place| invariant(reader, place)),
        premises,
        steps,
        expect: fields.get("expect").map(|place| expectation(reader, place)).unwrap_or_default(),
    }
}

fn invariant(reader: &mut Reader<'_>, place: Place<'_>) -> Option<String> {
    let text = reader.text(place)?;
    let is_number =
        text.strip_prefix("P-").is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()));
    if !is_number {
        reader.complain_with(
            &place.span(),
            format!("`{text}` is no invariant"),
            "P-24, as docs/ARCHITECTURE.md numbers them".to_owned(),
        );
    }
    is_number.then_some(text)
}

/// A step: a word alone, or a table with a word that begins a step.
fn step(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Step> {
    let line = reader.line(&place.span());
    match place.get_ref() {
        DeValue::String(word) => {
            let found = find_word(reader, &place.span(), word)?;
            if found.takes != Takes::Nothing {
                reader.complain_with(&place.span(), format!("`{word}` takes something"), format!("{{ {word} = … }}"));
                return None;
            }
            let read = Read { word: found.word, given: &super::steps::Given::Nothing, with: &[] };
            happens(reader, place, line, &read)
        }
        DeValue::Table(table) => step_table(reader, place, line, table),
        other => {
            reader.complain(&place.span(), format!("a step is a table or a word, not {}", other.type_str()));
            None
        }
    }
}

fn find_word(reader: &mut Reader<'_>, span: &std::ops::Range<usize>, given: &str) -> Option<&'static StepWord> {
    let found = STEPS.iter().find(|step| step.word == given);
    if found.is_none() {
        reader.unknown(span, "step", given, STEPS.iter().map(|step| step.word));
    }
    found
}

fn step_table(reader: &mut Reader<'_>, place: Place<'_>, line: usize, table: &DeTable<'_>) -> Option<Step> {
    let is_head = |key: &str| STEPS.iter().any(|step| step.word == key);
    let is_beside = |key: &str| STEPS.iter().flat_map(|step| step.with).any(|(word, _, _)| *word == key);
    let mut heads = table.iter().filter(|(key, _)| is_head(key.get_ref()));
    // A misspelt word is better than none.
    let head = heads.next().or_else(|| table.iter().find(|(key, _)| !is_beside(key.get_ref())));
    let Some((key, value)) = head else {
        let message = "the step has no word that says what happens";
        reader.complain_with(&place.span(), message, "such as { submit = \"north local 0\" }");
        return None;
    };
    let found = find_word(reader, &key.span(), key.get_ref())?;
    if let Some((second, _)) = heads.next() {
        reader.complain(&second.span(), format!("one step, one thing: `{}` stands beside `{}`", second.get_ref(), found.word));
        return None;
    }
    if found.takes == Takes::Expectation {
        let expects = expectation(reader, value);
        return Some(Step { line, act: Act::Expects(expects) });
    }
    let known: Vec<&str> = [found.word].into_iter().chain(found.with.iter().map(|(word, _, _)| *word)).collect();
    let fields = Fields::of(reader, table, &known, &format!("`{}`", found.word));
    let given = values::given(reader, found.takes, value)?;
    let mut with = Vec::new();
    for (word, takes, is_needed) in found.with {
        let field = if *is_needed { fields.needed(reader, &place.span(), word) } else { fields.get(word) };
        with.extend(field.and_then(|field| values::given(reader, *takes, field)).map(|given| (*word, given)));
    }
    if found.with.iter().any(|(word, _, is_needed)| *is_needed && !with.iter().any(|(known, _)| known == word)) {
        return None;
    }
    happens(reader, place, line, &Read { word: found.word, given: &given, with: &with })
}

fn happens(reader: &mut Reader<'_>, place: Place<'_>, line: usize, read: &Read<'_>) -> Option<Step> {
    match read.ops() {
        Ok(ops) => Some(Step { line, act: Act::Happens(ops) }),
        Err(sentence) => {
            reader.complain(&place.span(), sentence);
            None
        }
    }
}

fn expectation(reader: &mut Reader<'_>, place: Place<'_>) -> Expectation {
    let mut expects = Expectation { line: reader.line(&place.span()), ..Expectation::default() };
    let Some(table) = reader.table(place) else { return expects };
    let fields = Fields::of(reader, table, &["rows", "inputs", "verdict", "dead-letters", "publications"], "an expectation");
    for (key, value) in fields.get("rows").and_then(|place| reader.table(place)).into_iter().flatten() {
        let rows = values::rows(reader, &key.span(), key.get_ref()).unwrap_or_default();
        let standing = standing(reader, value);
        expects.rows.extend(rows.into_iter().flat_map(super::steps::Range::rows).map(|row| (row, standing)));
    }
    expects.inputs = fields.get("inputs").map(|place| inputs(reader, place)).unwrap_or_default();
    expects.verdict = verdict(reader, fields.get("verdict"));
    expects.dead_letters = fields.get("dead-letters").map(|place| codes(reader, place));
    for (key, value) in fields.get("publications").and_then(|place| reader.table(place)).into_iter().flatten() {
        let arrow = reader.one_of(&key.span(), "step", key.get_ref(), &words::arrows());
        let count = reader.number(value, 0..=u64::from(u32::MAX));
        expects.publications.extend(arrow.zip(count));
    }
    expects
}

fn codes(reader: &mut Reader<'_>, place: Place<'_>) -> BTreeSet<String> {
    let codes = reader.array(place).unwrap_or_default();
    codes.into_iter().filter_map(|place| reader.text(place)).collect()
}

fn inputs(reader: &mut Reader<'_>, place: Place<'_>) -> Vec<(Name, Taken)> {
    let cast = Arc::clone(&reader.cast);
    let names: Vec<(&str, Name)> = cast.inputs.iter().map(|input| (input.name.as_str(), input.name)).collect();
    let mut inputs = Vec::new();
    for (key, value) in reader.table(place).into_iter().flatten() {
        let name = reader.one_of(&key.span(), "input", key.get_ref(), &names);
        let Some(table) = reader.table(value) else { continue };
        let known = ["attempted", "accepted", "rejected", "unchanged", "codes"];
        let fields = Fields::of(reader, table, &known, "what became of an input");
        let mut number = |name| fields.get(name).and_then(|place| reader.number(place, 0..=u64::from(u16::MAX)));
        let taken = Taken {
            attempted: number("attempted"),
            accepted: number("accepted"),
            rejected: number("rejected"),
            unchanged: number("unchanged"),
            codes: fields.get("codes").map(|place| codes(reader, place)),
        };
        inputs.extend(name.map(|name| (name, taken)));
    }
    inputs
}

fn verdict(reader: &mut Reader<'_>, place: Option<Place<'_>>) -> BTreeMap<&'static str, u64> {
    let names = Figures::default().named().map(|(name, _)| (name, name));
    let mut verdict = BTreeMap::new();
    for (key, value) in place.and_then(|place| reader.table(place)).into_iter().flatten() {
        let name = reader.one_of(&key.span(), "figure", key.get_ref(), &names);
        verdict.extend(name.zip(reader.number(value, 0..=u64::from(u32::MAX))));
    }
    verdict
}

fn standing(reader: &mut Reader<'_>, place: Place<'_>) -> Standing {
    let Some(table) = reader.table(place) else { return Standing::default() };
    let fields = Fields::of(reader, table, &["hospital", "healthdata", "warehouse", "comments"], "where a registration stands");
    let small = 0..=u64::from(u16::MAX);
    Standing {
        hospital: fields
            .get("hospital")
            .and_then(|place| values::or_absent(reader, place, "status at a hospital", &words::STATES)),
        healthdata: fields
            .get("healthdata")
            .and_then(|place| values::or_absent(reader, place, "status at HD4RES", &words::record_statuses())),
        warehouse: fields
            .get("warehouse")
            .and_then(|place| reader.number(place, small.clone()))
            .and_then(|number| u32::try_from(number).ok()),
        comments: fields.get("comments").and_then(|place| reader.number(place, small)),
    }
}

#[cfg(test)]
mod tests;
