//! Running one scenario.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use clock::{Clock, SystemClock, Timestamp};

use super::{
    Act, Scenario,
    expect::{self, Miss},
    steps::FAULTS,
    words,
};
use crate::simulation::{Arrow, Course, Fault, Laboratory, Op, Point, Service, Verdict, Violation, World, list};

/// How a scenario ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What it was run with.
    pub seed: u64,
    /// Why it was not run, when it was not: on a real broker some scenarios make no sense.
    pub not_run: Option<String>,
    /// What is not as it should be, a sentence each; nothing when all is as expected.
    pub failures: Vec<String>,
    /// The registrations that the failures are about: names of rows, and of figures that count them.
    pub not_as_expected: BTreeSet<String>,
    /// Faults and crashes of the scenario that met nothing before its end, as sentences.
    pub unmet: Vec<String>,
    /// What every invariant and store said at the end.
    pub verdict: Verdict,
    /// The world's time at the beginning and at the end.
    pub between: (Timestamp, Timestamp),
    /// How long it took.
    pub elapsed: Duration,
    /// What every party wrote down, one passage to a line.
    pub itinerary: String,
}

impl Outcome {
    /// Nothing has happened yet.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            not_run: None,
            failures: Vec::new(),
            not_as_expected: BTreeSet::new(),
            unmet: Vec::new(),
            verdict: Verdict::default(),
            between: (Timestamp::EPOCH, Timestamp::EPOCH),
            elapsed: Duration::ZERO,
            itinerary: String::new(),
        }
    }

    /// Notes what is not as it was expected at a moment.
    pub(crate) fn note(&mut self, when: &str, misses: Vec<Miss>) {
        for Miss { sentence, about } in misses {
            self.failures.push(format!("{when}: {sentence}"));
            self.not_as_expected.extend(about);
        }
    }

    /// Whether the failures are about this registration, or it is one that nobody wishes for.
    #[must_use]
    pub fn is_to_be_shown(&self, course: &Course) -> bool {
        let is_of_row = course.row.as_ref().is_some_and(|row| self.not_as_expected.contains(row));
        is_of_row || self.not_as_expected.contains(course.fared.as_str()) || !course.fared.is_well()
    }

    /// Whether it was run, and all is as expected.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.not_run.is_none() && self.failures.is_empty()
    }

    /// Whether it was run, and something is not as expected.
    #[must_use]
    pub fn is_not_as_expected(&self) -> bool {
        self.not_run.is_none() && !self.failures.is_empty()
    }
}

/// Runs a scenario in a new world, with its own seed or another one.
#[must_use]
pub fn run(laboratory: &Arc<Laboratory>, scenario: &Scenario, seed: Option<u64>) -> Outcome {
    let seed = seed.unwrap_or(scenario.seed);
    let begun = SystemClock.now();
    let mut outcome = Outcome::new(seed);
    let mut world = laboratory.of(scenario.premises.as_ref()).and_then(|laboratory| match scenario.quota {
        Some(quota) => World::with_quota(&laboratory, seed, quota),
        None => World::new(&laboratory, seed),
    });
    match &mut world {
        Ok(world) => {
            outcome.between.0 = world.now();
            let happened = catch_unwind(AssertUnwindSafe(|| live(world, scenario, &mut outcome)));
            let happened = happened.unwrap_or_else(|_| Err(Violation::of("P-24", "a service panicked")));
            judge(scenario, happened, &mut outcome.failures);
            let seen = catch_unwind(AssertUnwindSafe(|| Ok((world.verdict()?, world.itinerary()?))));
            match seen.unwrap_or_else(|_| Err(Violation::new("a store panicked"))) {
                Ok((verdict, itinerary)) => (outcome.verdict, outcome.itinerary) = (verdict, itinerary),
                // Whoever expects a leak finds one.
                Err(violation) if scenario.fails_with.as_deref() == violation.invariant() => {}
                Err(violation) => outcome.failures.push(violation.to_string()),
            }
            outcome.between.1 = world.now();
        }
        Err(violation) => outcome.failures.push(violation.to_string()),
    }
    outcome.elapsed = SystemClock.now().since(begun);
    outcome
}

/// Lets everything happen, up to rest, and gathers what was expected otherwise.
fn live(world: &mut World, scenario: &Scenario, outcome: &mut Outcome) -> Result<(), Violation> {
    for step in &scenario.steps {
        match &step.act {
            Act::Happens(ops) => world.run(ops.iter().copied()).map_err(|violation| violation.after(step.line))?,
            Act::Expects(expectation) => {
                let misses = expect::misses(world, expectation)?;
                outcome.note(&format!("line {}", step.line), misses);
            }
        }
    }
    // As with the lists of `explore`: what the last steps left to do happens before the faults end.
    world.apply(Op::Minutes(0))?;
    let (faults, crashes) = world.unmet();
    outcome.unmet = unmet(faults, crashes);
    world.come_to_rest_within(patience(scenario))?;
    let misses = expect::misses(world, &scenario.expect)?;
    outcome.note("at the end", misses);
    Ok(())
}

/// Faults and crashes that met nothing, as sentences, each once.
pub(crate) fn unmet(faults: Vec<(Arrow, Fault)>, crashes: Vec<(Service, Point)>) -> Vec<String> {
    let faults = faults.into_iter().map(|(arrow, fault)| {
        format!("`{}` on step {} met no publication", words::word_of(&FAULTS, &fault.without_time()), arrow.step())
    });
    let crashes = crashes.into_iter().map(|(service, point)| {
        format!("`{}` did not come to {}", words::service(service), words::word_of(&words::POINTS, &point))
    });
    let mut unmet: Vec<String> = faults.chain(crashes).collect();
    unmet.dedup();
    unmet
}

pub(crate) fn patience(scenario: &Scenario) -> Duration {
    match (scenario.rest_minutes, scenario.quota) {
        (Some(minutes), _) => Duration::from_secs(60 * u64::from(minutes)),
        // Who is over the quota of a day comes on another day.
        (None, Some(_)) => list::LONGEST,
        (None, None) => list::patience(&scenario.ops()),
    }
}

pub(crate) fn judge(scenario: &Scenario, happened: Result<(), Violation>, failures: &mut Vec<String>) {
    match (happened, &scenario.fails_with) {
        (Ok(()), None) => {}
        (Ok(()), Some(expected)) => failures.push(format!("{expected} should have broken, and nothing did")),
        (Err(violation), None) => failures.push(violation.to_string()),
        (Err(violation), Some(expected)) if violation.invariant() == Some(expected.as_str()) => {}
        (Err(violation), Some(expected)) => {
            failures.push(format!("{expected} should have broken, and another thing did: {violation}"))
        }
    }
}
