//! Many runs at once, over all cores.

use std::{
    num::NonZero,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    Scenario,
    run::{self, Outcome},
};
use crate::simulation::Laboratory;

/// A run that is to be done.
#[derive(Debug, Clone)]
pub struct Job {
    /// The file, as it was named.
    pub file: String,
    /// What it says.
    pub scenario: Arc<Scenario>,
    /// Another seed than its own.
    pub seed: Option<u64>,
}

/// A run that was done.
#[derive(Debug, Clone)]
pub struct Done {
    /// What was to be done.
    pub job: Job,
    /// How it ended.
    pub outcome: Outcome,
}

/// Does all jobs and says how each ended, in their order; `each` hears of each at once.
pub fn run_all(laboratory: &Arc<Laboratory>, jobs: &[Job], each: impl Fn(&Done) + Sync) -> Vec<Done> {
    let outcomes = over_all_cores(jobs.len(), |number| {
        let job = jobs.get(number)?;
        let done = Done { job: job.clone(), outcome: run::run(laboratory, &job.scenario, job.seed) };
        each(&done);
        Some(done)
    });
    outcomes.into_iter().flatten().collect()
}

/// Calls `work` with every number below `count`, on as many threads as there are cores, and gives the results in order.
pub fn over_all_cores<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(count)));
    let turn = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let result = work(number);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get).min(count) {
            scope.spawn(turn);
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once_and_told_in_order() {
        let calls = AtomicUsize::new(0);
        let results = over_all_cores(1_000, |number| {
            calls.fetch_add(1, Ordering::Relaxed);
            number * 2
        });
        assert_eq!(results, (0..1_000).map(|number| number * 2).collect::<Vec<_>>());
        assert_eq!(calls.into_inner(), 1_000);
        assert!(over_all_cores(0, |number| number).is_empty());
    }
}
