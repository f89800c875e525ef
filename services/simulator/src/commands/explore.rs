//! `explore`: random lists of operations, the invariants after each, and the shortest list that still fails.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use anyhow::Context as _;
use clap::Args;
use clock::{Clock, SystemClock};

use crate::{
    cli::Ended,
    output::{self, Progress},
    scenario::{many::over_all_cores, write},
    simulation::{
        Laboratory, Violation,
        list::{self, Failure},
    },
};

/// What can be typed behind `explore`.
#[derive(Debug, Clone, Args)]
pub struct ExploreArgs {
    /// Lists
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub count: u64,
    /// The seed of the first list; the next ones follow. Without it, the time: it is printed
    #[arg(long)]
    pub seed: Option<u64>,
    /// Where the shortest failing list is written, as a scenario for `replay`
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub keep: PathBuf,
    /// Runs each list twice, and checks that both give the same itinerary, byte for byte
    #[arg(long)]
    pub twice: bool,
}

/// Explores.
///
/// # Errors
///
/// When keys cannot be made, or the file cannot be written.
pub fn explore(args: &ExploreArgs) -> anyhow::Result<Ended> {
    let laboratory = Arc::new(Laboratory::new().context("make keys and rows")?);
    let begun = SystemClock.now();
    let first = args.seed.unwrap_or_else(|| begun.as_micros().unsigned_abs() / 1_000);
    let (has_failed, ran, progress) = (AtomicBool::new(false), AtomicU64::new(0), Progress::default());
    let one = |number: usize| {
        // One failure is enough to look at.
        if has_failed.load(Ordering::Relaxed) {
            return None;
        }
        let failure = try_seed(&laboratory, first.saturating_add(number as u64), args.twice).err();
        has_failed.fetch_or(failure.is_some(), Ordering::Relaxed);
        let ran = 1 + ran.fetch_add(1, Ordering::Relaxed);
        if ran.is_multiple_of(100) {
            progress.show(&format!("{ran} of {}", args.count));
        }
        failure
    };
    let failures = over_all_cores(usize::try_from(args.count).unwrap_or(usize::MAX), one);
    drop(progress);
    let (ran, seconds) = (ran.into_inner(), SystemClock.now().since(begun).as_secs_f64());
    let rate = ran as f64 / seconds.max(f64::EPSILON);
    let twice = if args.twice { ", each twice" } else { "" };
    output::say(format!("{ran} lists from seed {first} on{twice}, in {seconds:.1} s: {rate:.0} per second"));
    match failures.into_iter().flatten().next() {
        None => Ok(Ended::Well),
        Some(failure) => keep(&laboratory, failure, args),
    }
}

fn try_seed(laboratory: &Arc<Laboratory>, seed: u64, twice: bool) -> Result<(), Failure> {
    let ops = list::of_seed(seed);
    let itinerary = || -> Result<String, Failure> {
        let world = list::run(laboratory, seed, &ops)?;
        if !twice {
            return Ok(String::new());
        }
        world.itinerary().map_err(|violation| Failure { seed, ops: ops.clone(), violation })
    };
    let first = itinerary()?;
    if twice && first != itinerary()? {
        let violation = Violation::of("P-27", "one seed gave two itineraries");
        return Err(Failure { seed, ops, violation });
    }
    Ok(())
}

/// Shortens a failing list and writes it down.
fn keep(laboratory: &Arc<Laboratory>, failure: Failure, args: &ExploreArgs) -> anyhow::Result<Ended> {
    let (seed, length) = (failure.seed, failure.ops.len());
    output::say(format!("seed {seed} fails: {}", failure.violation));
    // What differs from run to run is no shorter for leaving something out.
    let least = if failure.violation.invariant() == Some("P-27") { failure } else { list::shrink(laboratory, failure) };
    let text = write::scenario(&format!("A list of seed {seed} that fails: {}", least.violation), seed, &least.ops);
    let path = args.keep.join(format!("seed-{seed}.toml"));
    write_down(&args.keep, &path, &text)?;
    let path = path.display();
    output::say(format!("{} of its {length} operations are enough; again with: precision replay {path}", least.ops.len()));
    Ok(Ended::NotAsExpected)
}

fn write_down(folder: &Path, path: &Path, text: &str) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
