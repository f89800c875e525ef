//! For programs.

use serde_json::{Value, json};

use super::{counts, shown};
use crate::scenario::many::Done;

/// One object: counts, and every run with its figures, its failures and the registrations that are not well.
#[must_use]
pub fn report(all: &[Done]) -> Value {
    let [well, ill, not_run] = counts(all);
    json!({
        "as_expected": well,
        "not_as_expected": ill,
        "not_run": not_run,
        "scenarios": all.iter().map(one).collect::<Vec<_>>(),
    })
}

fn one(done: &Done) -> Value {
    let (outcome, scenario) = (&done.outcome, &done.job.scenario);
    let (courses, left_out) = shown(done, false);
    json!({
        "file": done.job.file,
        "about": scenario.about,
        "symptom": scenario.symptom,
        "seed": outcome.seed,
        "is_as_expected": outcome.is_as_expected(),
        "not_run": outcome.not_run,
        "failures": outcome.failures,
        "unmet": outcome.unmet,
        "verdict": outcome.verdict.figures,
        "dead_letters": outcome.verdict.dead_letters,
        "registrations": courses,
        "registrations_left_out": left_out,
        "virtual_minutes": outcome.between.1.since(outcome.between.0).as_secs() / 60,
        "elapsed_ms": u64::try_from(outcome.elapsed.as_millis()).unwrap_or(u64::MAX),
    })
}
