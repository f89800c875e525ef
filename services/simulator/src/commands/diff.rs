//! `precision diff`: two runs held against each other.

use clap::Args;
use dcd::Definitions;
use registration::Policy;

use crate::{
    cli::Ended,
    comparison::{
        Comparison,
        courses::{self, Lives},
        side::{Side, Tables},
        summary,
        tables::{self, Pairs, Table},
    },
    output,
};

/// What `diff` takes.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Folder of a run, as `run --out` or `demo --data` left it; or stores: their folder, or the address of their PostgreSQL database
    #[arg(value_name = "A")]
    a: String,
    /// The other one
    #[arg(value_name = "B")]
    b: String,
    /// Differences of each part that are shown, at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    most: usize,
    /// Print the comparison as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
///
/// One of the two is neither a run nor stores, or cannot be read.
pub async fn diff(args: DiffArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let (a, b) = (Side::find(&args.a).await?, Side::find(&args.b).await?);
    let mut comparison = Comparison { equal: true, ..Comparison::default() };
    match (a.summary()?, b.summary()?) {
        (Some(of_a), Some(of_b)) => comparison.add(summary::compare(&of_a, &of_b)),
        _ => comparison.not_compared.push("figures: stores alone have none".to_owned()),
    }
    if let (Some(at_a), Some(at_b)) = (&a.store, &b.store) {
        let (lives_a, lives_b) = (Lives::read(at_a).await?, Lives::read(at_b).await?);
        for part in courses::compare((at_a, &lives_a), (at_b, &lives_b)).await? {
            comparison.add(part);
        }
    } else {
        let without = if a.store.is_none() { &a } else { &b };
        comparison
            .not_compared
            .push(format!("statuses and itineraries: {} has no store beside it; name the stores instead", without.name));
    }
    compare_tables(&mut comparison, &a.tables(&definitions).await?, &b.tables(&definitions).await?, &definitions);
    if args.json {
        output::say(serde_json::to_string(&comparison).unwrap_or_default());
    } else {
        comparison.lines(args.most).iter().for_each(output::say);
    }
    Ok(if comparison.equal { Ended::Well } else { Ended::Different })
}

fn compare_tables(comparison: &mut Comparison, a: &Tables, b: &Tables, definitions: &Definitions) {
    let (of_a, of_b) = (a.pseudonyms(), b.pseudonyms());
    // Pseudonyms of different keys have none in common, and two runs with none in common have different keys or different patients: then
    // there is nothing to be taken for equal by its pseudonym either.
    let same_keys = !of_a.is_disjoint(&of_b);
    comparison.same_keys = (!of_a.is_empty() && !of_b.is_empty()).then_some(same_keys);
    let mut pairs = Pairs::new(same_keys);
    let empty = Table::default();
    let mut registers: Vec<&String> = a.researcher.keys().chain(b.researcher.keys()).collect();
    // A register whose unique id has no patient in it says which pseudonyms belong together for those that have.
    registers.sort_by_key(|name| (has_patient(definitions, name), (*name).clone()));
    registers.dedup();
    for name in registers {
        let (one, other) = (a.researcher.get(name).unwrap_or(&empty), b.researcher.get(name).unwrap_or(&empty));
        let key = key(definitions, name);
        pairs.code(coded(definitions, name));
        comparison.add(tables::compare(&format!("researcher/{name}"), (one, other), &key, &mut pairs));
    }
    if a.findings.is_some() || b.findings.is_some() {
        let (one, other) = (a.findings.as_ref().unwrap_or(&empty), b.findings.as_ref().unwrap_or(&empty));
        comparison.add(tables::compare_findings(one, other, &pairs));
    }
}

/// The columns of a register's unique id, but for the patient.
fn key(definitions: &Definitions, register: &str) -> Vec<String> {
    let Some(definition) = definitions.get(register) else { return Vec::new() };
    let others = definition.unique_id().iter().filter(|field| **field != definition.patient().id);
    others.filter_map(|field| definition.field(*field)?.hd_column()).collect()
}

/// The columns whose values healthdata gets as codes.
fn coded(definitions: &Definitions, register: &str) -> Vec<String> {
    let Some(definition) = definitions.get(register) else { return Vec::new() };
    definition.fields().iter().filter(|field| field.policy() == Some(Policy::Code)).filter_map(dcd::Field::hd_column).collect()
}

fn has_patient(definitions: &Definitions, register: &str) -> bool {
    definitions.get(register).is_none_or(|definition| definition.unique_id().contains(&definition.patient().id))
}
