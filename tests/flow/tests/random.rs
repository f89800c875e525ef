//! A thousand random lists. `FLOW_SEED` runs the list of one seed, `FLOW_LISTS` so many, from that seed or from 0 on.

use std::{
    env,
    num::NonZero,
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use flow::laboratory;
use simulator::simulation::{Violation, list, list::Failure};

fn number(variable: &str) -> Result<Option<u64>, Violation> {
    let number = |text: String| text.parse().map_err(|_| Violation::new(format!("{variable} holds no number")));
    env::var(variable).ok().map(number).transpose()
}

fn seeds() -> Result<Range<u64>, Violation> {
    let (first, count) = (number("FLOW_SEED")?, number("FLOW_LISTS")?);
    let count = count.unwrap_or(if first.is_some() { 1 } else { 1_000 });
    let first = first.unwrap_or(0);
    Ok(first..first.saturating_add(count))
}

/// Seeds that were seen to fail are lists in `reproduction`; here they may become other lists when the generator changes.
#[test]
fn a_thousand_random_lists_come_to_rest() -> Result<(), Violation> {
    let (laboratory, seeds) = (laboratory()?, seeds()?);
    let (next, failures) = (AtomicU64::new(seeds.start), Mutex::new(Vec::<Failure>::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            // One failure is enough to look at.
            if seed >= seeds.end || !failures.lock().unwrap().is_empty() {
                return;
            }
            if let Err(failure) = list::run(&laboratory, seed, &list::of_seed(seed)) {
                failures.lock().unwrap().push(failure);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    let shortest = failures.into_iter().next().map(|failure| (failure.seed, list::shrink(&laboratory, failure)));
    match shortest {
        Some((seed, failure)) => Err(Violation::new(format!("FLOW_SEED={seed} fails; what is left of its list: {failure:?}"))),
        None => Ok(()),
    }
}
