//! One scenario on a real broker.

use std::time::Duration;

use clock::{Clock as _, SystemClock};

use super::{
    ground::Ground,
    made,
    world::{RealWorld, stuck},
};
use crate::{
    scenario::{
        Act, Expectation, Scenario,
        expect::{self, Miss},
        run::{Outcome, judge, patience, unmet},
    },
    simulation::{Op, Verdict, Violation},
};

/// What was expected and is not so is looked at again so often, after as many moments: processes share their processors with others.
const LOOKS: u32 = 4;
/// Between two of them.
const MOMENT: Duration = Duration::from_millis(700);

/// Runs a scenario, or says why it is not run here. For a thread that a runtime lets wait.
#[must_use]
pub fn run(ground: &Ground, scenario: &Scenario, seed: u64) -> Outcome {
    let begun = SystemClock.now();
    let mut outcome = Outcome::new(seed);
    let interrupted = ground.is_interrupted().then(|| "interrupted".to_owned());
    outcome.not_run = interrupted.or_else(|| made::reason_against(scenario));
    if outcome.not_run.is_none() {
        let runtime = tokio::runtime::Handle::current();
        match runtime.block_on(RealWorld::begin(ground, scenario.quota)) {
            Ok(world) => in_world(world, scenario, &mut outcome),
            Err(error) => outcome.failures.push(stuck(error).to_string()),
        }
    }
    outcome.elapsed = SystemClock.now().since(begun);
    outcome
}

fn in_world(mut world: RealWorld<'_>, scenario: &Scenario, outcome: &mut Outcome) {
    outcome.between.0 = world.evidence.now();
    let happened = live(&mut world, scenario, outcome);
    judge(scenario, happened, &mut outcome.failures);
    match seen(&mut world) {
        Ok((verdict, itinerary)) => (outcome.verdict, outcome.itinerary) = (verdict, itinerary),
        // Whoever expects a leak finds one.
        Err(violation) if violation.invariant().is_some() && scenario.fails_with.as_deref() == violation.invariant() => {}
        Err(violation) => outcome.failures.push(violation.to_string()),
    }
    outcome.between.1 = world.evidence.now();
    let ended = world.runtime.clone().block_on(world.end());
    if let Err(error) = ended {
        outcome.failures.push(stuck(error).to_string());
    }
}

fn seen(world: &mut RealWorld<'_>) -> Result<(Verdict, String), Violation> {
    world.know_stores()?;
    Ok((world.evidence.verdict()?, world.evidence.itinerary()?))
}

/// Lets everything happen, up to rest, and gathers what was expected otherwise.
fn live(world: &mut RealWorld<'_>, scenario: &Scenario, outcome: &mut Outcome) -> Result<(), Violation> {
    // Everybody is up before anything happens.
    world.apply(Op::Minutes(0))?;
    for step in &scenario.steps {
        match &step.act {
            Act::Happens(ops) => {
                ops.iter().try_for_each(|op| world.apply(*op)).map_err(|violation| violation.after(step.line))?;
            }
            Act::Expects(expectation) => {
                let misses = misses(world, expectation)?;
                outcome.note(&format!("line {}", step.line), misses);
            }
        }
    }
    world.apply(Op::Minutes(0))?;
    let (faults, crashes) = world.unmet();
    outcome.unmet = unmet(faults, crashes);
    world.come_to_rest_within(patience(scenario))?;
    let misses = misses(world, &scenario.expect)?;
    outcome.note("at the end", misses);
    Ok(())
}

fn misses(world: &mut RealWorld<'_>, expectation: &Expectation) -> Result<Vec<Miss>, Violation> {
    let mut looks = 0;
    loop {
        world.know_stores()?;
        world.look()?;
        let misses = expect::misses(&world.evidence, expectation)?;
        looks += 1;
        if misses.is_empty() || looks == LOOKS {
            return Ok(misses);
        }
        world.wait_a_moment(MOMENT)?;
    }
}
