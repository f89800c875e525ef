//! The format of scenarios as JSON Schema, for editors: `tests/scenarios/schema.json` is written from it.

use serde_json::{Map, Value, json};

use super::{
    steps::{FAULTS, KEY_PAIRS, STEPS, StepWord, Takes},
    words::{self, Word},
};
use crate::simulation::{
    Figures, Name,
    input::{HOSPITALS_MAX, INPUT_ROWS_MAX},
};

/// The schema.
#[must_use]
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of `precision replay`",
        "description": "What happens on the route from hospital to researcher, and what must come of it. docs/SCENARIOS.md explains it.",
        "type": "object",
        "required": ["about", "steps"],
        "additionalProperties": false,
        "properties": {
            "about": { "type": "string", "description": "What it shows, in one sentence." },
            "symptom": { "type": "string", "description": "What an operator or tester sees when this happens." },
            "seed": { "type": "integer", "minimum": 0, "description": "What schedule, ids and faults follow from." },
            "quota": { "type": "integer", "minimum": 1, "maximum": 1_000_000, "description": "Distinct patients per hospital and day at the TTP." },
            "rest": takes(Takes::Span),
            "fails-with": { "type": "string", "pattern": "^P-[0-9]+$", "description": "The invariant that must break." },
            "hospitals": hospitals(),
            "inputs": inputs(),
            "steps": { "type": "array", "items": step() },
            "expect": expectation(),
        },
        "$defs": { "rows": rows() },
    })
}

fn words_of<T>(words: &[Word<T>]) -> Vec<&'static str> {
    words.iter().map(|(word, _)| *word).collect()
}

/// Rows as they are named, one or several: of a register, or of an input.
fn rows() -> Value {
    let (name, registers) = (Name::PATTERN, words_of(&words::REGISTERS).join("|"));
    let of_register = format!("{name} +({registers}) +[0-9]{{1,3}}(-[0-9]{{1,3}})?");
    let of_input = format!("{name}( +[0-9]{{1,4}}(-[0-9]{{1,4}})?)?");
    json!({ "type": "string", "pattern": format!("^(?!all +)({of_register}|{of_input})$") })
}

fn hospitals() -> Value {
    json!({
        "description": "Other hospitals than `north` and `south`: their names, and numbers that are issued to nobody.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": HOSPITALS_MAX,
        "propertyNames": { "pattern": format!("^{}$", Name::PATTERN) },
        "additionalProperties": { "type": "string", "pattern": "^0[0-9]{7}$" },
    })
}

fn inputs() -> Value {
    let whose = || [("hospital", takes(Takes::Hospital)), ("register", json!({ "enum": words_of(&words::REGISTERS) }))];
    let form = |required: &str, own: Vec<(&str, Value)>| {
        let properties = whose().into_iter().chain(own).map(|(name, value)| (name.to_owned(), value));
        json!({
            "type": "object",
            "properties": properties.collect::<Map<String, Value>>(),
            "required": ["hospital", "register", required],
            "additionalProperties": false,
        })
    };
    let file = ("file", json!({ "type": "string", "description": "A file beside the scenario, as the hospital uploads it." }));
    let made = vec![
        (
            "count",
            json!({ "type": "integer", "minimum": 1, "maximum": INPUT_ROWS_MAX, "description": "How many rows are made." }),
        ),
        ("seed", json!({ "type": "integer", "minimum": 0, "description": "The population that they are of." })),
        (
            "faulty",
            json!({ "type": "integer", "minimum": 0, "maximum": 100, "description": "Of a hundred rows so many with a fault." }),
        ),
    ];
    json!({
        "description": "Files that hospitals upload, by name.",
        "type": "object",
        "propertyNames": { "pattern": format!("^{}$", Name::PATTERN) },
        "additionalProperties": { "oneOf": [form("file", vec![file]), form("count", made)] },
    })
}

fn takes(takes: Takes) -> Value {
    let (name, registers) = (Name::PATTERN, words_of(&words::REGISTERS).join("|"));
    match takes {
        Takes::Nothing => json!({ "const": true }),
        Takes::Rows => json!({ "$ref": "#/$defs/rows" }),
        Takes::Registration => {
            let of = format!("({registers}) +[0-9]{{1,3}}|[0-9]{{1,4}}|#[0-9]{{1,3}}");
            json!({ "type": "string", "pattern": format!("^(?!all +){name} +({of})$") })
        }
        Takes::Hospital => or_pattern(&words_of(&words::HOSPITALS), name),
        Takes::Service => or_pattern(&words_of(&words::SERVICES), &format!("({}|{}) {name}", hd4dp::SERVICE, ehbox_hco::SERVICE)),
        Takes::Register => json!({ "enum": words_of(&words::REGISTERS) }),
        Takes::Step => json!({ "enum": words_of(&words::arrows()) }),
        Takes::Point => json!({ "enum": words_of(&words::POINTS) }),
        Takes::Span => {
            json!({ "type": "string", "pattern": "^[0-9]+ (second|minute|hour|day)s?( [0-9]+ (second|minute|hour|day)s?)*$" })
        }
        Takes::Count => json!({ "type": "integer", "minimum": 1, "maximum": 10_000 }),
        Takes::Fault => json!({ "enum": words_of(&FAULTS) }),
        Takes::KeyPair => json!({ "enum": words_of(&KEY_PAIRS) }),
        Takes::Expectation => expectation(),
    }
}

/// Words that an editor offers, and others of their form: a scenario may name other hospitals.
fn or_pattern(words: &[&str], pattern: &str) -> Value {
    json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": format!("^{pattern}$") }] })
}

fn step() -> Value {
    let alone: Vec<&str> = STEPS.iter().filter(|step| step.takes == Takes::Nothing).map(|step| step.word).collect();
    let mut forms = vec![json!({ "enum": alone })];
    forms.extend(STEPS.iter().map(table));
    json!({ "oneOf": forms })
}

fn table(step: &StepWord) -> Value {
    let mut properties = Map::new();
    properties.insert(step.word.to_owned(), takes(step.takes));
    let mut required = vec![step.word];
    for (word, of, is_needed) in step.with {
        properties.insert((*word).to_owned(), takes(*of));
        if *is_needed {
            required.push(word);
        }
    }
    json!({ "description": step.about, "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn expectation() -> Value {
    let or_absent = |words: Vec<&'static str>| json!({ "enum": words.into_iter().chain([words::ABSENT]).collect::<Vec<_>>() });
    let count = json!({ "type": "integer", "minimum": 0 });
    let figures = Figures::default().named().map(|(name, _)| (name.to_owned(), count.clone()));
    let arrows = words_of(&words::arrows()).into_iter().map(|step| (step.to_owned(), count.clone()));
    json!({
        "description": "What must be so.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "rows": {
                "description": "Where registrations stand, by row.",
                "type": "object",
                "propertyNames": { "$ref": "#/$defs/rows" },
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "hospital": or_absent(words_of(&words::STATES)),
                        "healthdata": or_absent(words_of(&words::record_statuses())),
                        "warehouse": count,
                        "comments": count,
                    },
                },
            },
            "inputs": {
                "description": "What became of inputs when they were last uploaded.",
                "type": "object",
                "propertyNames": { "pattern": format!("^{}$", Name::PATTERN) },
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "attempted": count,
                        "accepted": count,
                        "rejected": count,
                        "unchanged": count,
                        "codes": { "description": "All codes by which validation rejects rows of it.", "type": "array", "items": { "type": "string" } },
                    },
                },
            },
            "verdict": {
                "description": "Figures of the verdict.",
                "type": "object",
                "additionalProperties": false,
                "properties": figures.into_iter().collect::<Map<String, Value>>(),
            },
            "dead-letters": { "description": "The codes of all dead letters.", "type": "array", "items": { "type": "string" } },
            "publications": {
                "description": "Publications on a step so far, dead letters apart.",
                "type": "object",
                "additionalProperties": false,
                "properties": arrows.collect::<Map<String, Value>>(),
            },
        },
    })
}
