//! `replay`: scenarios from files, many at once; or a recording.

mod answer;
mod recording;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use clock::SystemClock;
use dcd::Definitions;

pub use recording::RecordingArgs;

use crate::{
    cli::Ended,
    output::{self, Progress},
    proxy::Quality,
    real::{
        self,
        ground::{Address, Away, Control, Ground, Wanted},
    },
    scenario::{
        Scenario,
        many::{Done, Job, run_all},
        problem::Problem,
        read::read_beside,
        report,
    },
    simulation::Laboratory,
};

/// What can be typed behind `replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// Scenario files, and folders of them with all their folders; or one recording
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// Runs every scenario with this seed in place of its own
    #[arg(long)]
    pub seed: Option<u64>,
    /// Runs every scenario so many times, each time with the next seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub repeat: u64,
    /// Only scenarios whose file, `about` or `symptom` holds this text, in any case. Of a recording: item=ID, publication=ID, hospital=NIHDI, number=3..7,
    /// from=TIME, until=TIME; may be given several times
    #[arg(long, value_name = "TEXT|NAME=VALUE")]
    pub filter: Vec<String>,
    /// Runs them again whenever a file changes, until interrupted
    #[arg(long, conflicts_with_all = ["json", "junit", "html"])]
    pub watch: bool,
    /// Runs scenarios for real, one after the other, on a RabbitMQ whose user may declare queues: every service is a process, and what breaks is broken.
    /// Of a recording: the RabbitMQ of an installation that runs, with the virtual host of eHealth's zone
    #[arg(long, value_name = "embedded|amqp://…")]
    pub broker: Option<String>,
    /// What a shell stops that broker with; then it is stopped where a scenario says that it is away or restarts
    #[arg(long, value_name = "COMMAND", requires = "broker_start")]
    pub broker_stop: Option<String>,
    /// What a shell starts it with again
    #[arg(long, value_name = "COMMAND", requires = "broker_stop")]
    pub broker_start: Option<String>,
    /// How that broker is away when it is not stopped
    #[arg(long, value_enum, default_value_t, conflicts_with = "broker_stop")]
    pub away: Away,
    /// Milliseconds by which everything between a service and that broker is late, in each direction
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=2_000))]
    pub line_delay: u64,
    /// Bytes that pass between a service and that broker in a second, in each direction
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..))]
    pub line_rate: Option<u64>,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
    /// Writes JUnit's XML, for a build server
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Writes a page with a time line of every registration; it needs nothing beside itself
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// What a recording is replayed onto, and how
    #[command(flatten)]
    pub onto: RecordingArgs,
}

/// Where the runs of one call happen, and what they share.
enum Stage {
    Virtual(Arc<Laboratory>),
    Real(Box<Ground>),
}

impl Stage {
    async fn of(args: &ReplayArgs) -> anyhow::Result<Self> {
        let broker = args.broker.as_deref().unwrap_or("embedded");
        if broker == "embedded" {
            let is_real =
                args.broker_stop.is_some() || args.line_delay > 0 || args.line_rate.is_some() || args.away != Away::default();
            ensure!(!is_real, "do this to a broker: it is one inside the process, so name another one with --broker");
            return Ok(Self::Virtual(Arc::new(Laboratory::new().context("make keys and rows")?)));
        }
        // Not by the command line's own reader: it repeats what it cannot use, and there may be a password in it.
        let address: Address = broker.parse().map_err(anyhow::Error::msg).context("use what --broker names")?;
        let control = args.broker_stop.clone().zip(args.broker_start.clone()).map(|(stop, start)| Control { stop, start });
        let quality = Quality { delay: Duration::from_millis(args.line_delay), bytes_per_s: args.line_rate };
        let program = std::env::current_exe().context("find this program, which plays the services")?;
        let wanted = Wanted { address, control, away: args.away, quality, program };
        let ground = Ground::new(wanted)?;
        ground.open().await?;
        Ok(Self::Real(Box::new(ground)))
    }

    /// Whether Ctrl-C was pressed, where that does not end the process.
    fn is_interrupted(&self) -> bool {
        if let Self::Real(ground) = self { ground.is_interrupted() } else { false }
    }

    fn run(&self, jobs: &[Job], each: impl Fn(&Done) + Sync) -> Vec<Done> {
        match self {
            Self::Virtual(laboratory) => run_all(laboratory, jobs, each),
            // The thread waits for processes, so the runtime must know that it does.
            Self::Real(ground) => tokio::task::block_in_place(|| {
                let run = |job: &Job| {
                    let seed = job.seed.unwrap_or(job.scenario.seed);
                    let done = Done { job: job.clone(), outcome: real::run::run(ground, &job.scenario, seed) };
                    each(&done);
                    done
                };
                jobs.iter().map(run).collect()
            }),
        }
    }
}

/// Between two looks at the files of `--watch`.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Runs scenarios.
///
/// # Errors
///
/// Files that cannot be read or written, and everything that is wrong in them.
pub async fn replay(args: ReplayArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    if let Some(path) = recording::among(&args.paths)? {
        return recording::replay(&args, path, definitions).await;
    }
    if let Some(name) = args.onto.first() {
        bail!("use --{name}: it is for recordings, and these files are scenarios");
    }
    anyhow::ensure!(args.filter.len() <= 1, "filter scenarios by more than one text");
    let stage = Stage::of(&args).await?;
    if !args.watch {
        return once(&args, &stage, &sources(&args.paths)?);
    }
    let mut seen = None;
    loop {
        let now = sources(&args.paths)?;
        let now = (beside(&now), now);
        if seen.as_ref() != Some(&now) {
            match once(&args, &stage, &now.1) {
                Ok(_) => output::say("waiting for a file to change; Ctrl-C ends it"),
                Err(error) => output::complain(format!("{error:#}")),
            }
            seen = Some(now);
        }
        if stage.is_interrupted() {
            return Ok(Ended::NotAsExpected);
        }
        clock::sleep(&SystemClock, LOOK_EVERY).await;
    }
}

/// A file and its text.
type Source = (PathBuf, String);

fn sources(paths: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            gather(path, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        // TOML is text, and none begins like that.
        match String::from_utf8(bytes) {
            Ok(text) if !text.trim_start().starts_with('{') => Ok((path, text)),
            Ok(_) | Err(_) => bail!("read {}: it is neither a scenario nor a recording", path.display()),
        }
    };
    files.into_iter().map(read).collect()
}

/// The CSV files that lie beside scenarios: their inputs, when they have some. One that cannot be read is told by the scenario that names it.
fn beside(sources: &[Source]) -> Vec<(PathBuf, Vec<u8>)> {
    let folders: BTreeSet<&Path> = sources.iter().filter_map(|(path, _)| path.parent()).collect();
    let folders = folders.into_iter().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let entries = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    paths.sort();
    paths.into_iter().filter_map(|path| fs::read(&path).ok().map(|text| (path, text))).collect()
}

/// The scenarios below a folder, by name.
fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("look into {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    Ok(())
}

fn once(args: &ReplayArgs, stage: &Stage, sources: &[Source]) -> anyhow::Result<Ended> {
    let jobs = jobs(args, sources)?;
    if jobs.is_empty() {
        bail!(
            "find a scenario: there is none in these files{}",
            if !args.filter.is_empty() { " that the filter lets through" } else { "" }
        );
    }
    let (progress, count) = (Progress::default(), AtomicUsize::new(0));
    let done = stage.run(&jobs, |_| {
        let number = 1 + count.fetch_add(1, Ordering::Relaxed);
        progress.show(&format!("{number} of {}", jobs.len()));
    });
    drop(progress);
    write(args.junit.as_deref(), || report::junit::report(&done))?;
    write(args.html.as_deref(), || report::html::report(&done))?;
    output::say(if args.json { report::json::report(&done).to_string() } else { report::terminal::report(&done) });
    Ok(if report::is_well(&done) { Ended::Well } else { Ended::NotAsExpected })
}

fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, text()).with_context(|| format!("write {}", path.display()))
}

fn jobs(args: &ReplayArgs, sources: &[Source]) -> anyhow::Result<Vec<Job>> {
    let (mut jobs, mut wrong) = (Vec::new(), Vec::new());
    for (path, text) in sources {
        let file = path.display().to_string();
        match read_beside(text, path.parent().unwrap_or(Path::new(""))) {
            Ok(scenario) if is_wanted(args.filter.first().map(String::as_str), &file, &scenario) => {
                let scenario = Arc::new(scenario);
                let first = args.seed.unwrap_or(scenario.seed);
                let seeds = (0..args.repeat).map(|number| Some(first.saturating_add(number)));
                jobs.extend(seeds.map(|seed| Job { file: file.clone(), scenario: Arc::clone(&scenario), seed }));
            }
            Ok(_) => {}
            Err(problems) => wrong.extend(problems.into_iter().map(|problem: Problem| format!("{file}:{problem}"))),
        }
    }
    if wrong.is_empty() { Ok(jobs) } else { bail!("read the scenarios:\n{}", wrong.join("\n").trim_end()) }
}

fn is_wanted(filter: Option<&str>, file: &str, scenario: &Scenario) -> bool {
    let Some(filter) = filter.map(str::to_lowercase) else { return true };
    let texts = [file, &scenario.about, scenario.symptom.as_deref().unwrap_or_default()];
    texts.iter().any(|text| text.to_lowercase().contains(&filter))
}
