//! Scenarios: what testers write down, as files that anybody can run again.
//!
//! A scenario is a list of operations of a [`crate::simulation::World`] with what is expected of it, written in TOML. docs/SCENARIOS.md is its page.
//!
//! - [`words`], [`steps`], [`places`]: the vocabulary, one table for reader, writer and schema.
//! - [`read`], [`problem`]: from text to a scenario, or to all that is wrong with it.
//! - [`mod@write`]: from a list of operations to text; [`schema`], [`page`]: the format for editors, and for readers.
//! - [`run`], [`expect`]: what happened, held against what was expected.
//! - [`many`]: many at once, over all cores.
//! - [`report`]: how it ended, for a terminal, for programs, for paper.

pub mod expect;
pub mod many;
pub mod page;
pub mod places;
pub mod problem;
pub mod read;
pub mod report;
pub mod run;
pub mod schema;
pub mod steps;
pub mod words;
pub mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use topology::Arrow;

use crate::simulation::{Name, Op, Premises, RecordStatus, RowName, State};

/// A scenario.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scenario {
    /// What it shows, in one sentence.
    pub about: String,
    /// What an operator or tester sees when this happens.
    pub symptom: Option<String>,
    /// What schedule, ids and faults follow from.
    pub seed: u64,
    /// Distinct patients per hospital and day at the TTP.
    pub quota: Option<u32>,
    /// How long it may take at the end until nothing is left to do, in minutes; by default as long as its faults may take.
    pub rest_minutes: Option<u32>,
    /// The invariant that must break: the scenario shows that it is noticed.
    pub fails_with: Option<String>,
    /// Its hospitals and inputs, when it names any.
    pub premises: Option<Arc<Premises>>,
    /// What happens.
    pub steps: Vec<Step>,
    /// What must be so at the end.
    pub expect: Expectation,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it stands in the file.
    pub line: usize,
    /// What it is.
    pub act: Act,
}

/// What a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Something happens.
    Happens(Vec<Op>),
    /// Something must be so.
    Expects(Expectation),
}

/// What must be so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expectation {
    /// Where it stands in the file.
    pub line: usize,
    /// Where registrations stand.
    pub rows: Vec<(RowName, Standing)>,
    /// What became of inputs when they were last uploaded.
    pub inputs: Vec<(Name, Taken)>,
    /// Figures of the verdict, by name.
    pub verdict: BTreeMap<&'static str, u64>,
    /// The codes of all dead letters, when it says so.
    pub dead_letters: Option<BTreeSet<String>>,
    /// How many publications were sent on arrows so far.
    pub publications: BTreeMap<Arrow, u64>,
}

/// Where a registration stands, as far as a scenario says so. The inner `None` stands for "not there".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// At its hospital.
    pub hospital: Option<Option<State>>,
    /// At HD4RES.
    pub healthdata: Option<Option<RecordStatus>>,
    /// The revision of its row in the data warehouse; 0 when it is not there.
    pub warehouse: Option<u32>,
    /// How many comments of a researcher its hospital is shown.
    pub comments: Option<u64>,
}

/// What became of the rows of an input, as far as a scenario says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// How many rows were read.
    pub attempted: Option<u64>,
    /// How many were taken in, those that changed nothing among them.
    pub accepted: Option<u64>,
    /// How many were rejected.
    pub rejected: Option<u64>,
    /// How many were as the hospital had them already.
    pub unchanged: Option<u64>,
    /// All codes by which validation rejects rows of it.
    pub codes: Option<BTreeSet<String>>,
}

impl Scenario {
    /// All that happens.
    #[must_use]
    pub fn ops(&self) -> Vec<Op> {
        let of = |step: &Step| if let Act::Happens(ops) = &step.act { ops.clone() } else { Vec::new() };
        self.steps.iter().flat_map(of).collect()
    }
}
