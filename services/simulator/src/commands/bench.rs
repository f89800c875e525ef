//! `precision bench`: measures the flow on generated registrations.

mod corrections;
mod patients;
mod recoding;
mod tracing;

use std::{fs::File, io::BufWriter, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use dcd::{Definition, Definitions, Language};
use hd4dp::{
    Hd4dp,
    upload::{CsvFile, upload},
};
use population::Order;
use serde::Serialize;
use topology::Nihdi;

use self::{corrections::Corrections, recoding::Recoding, tracing::Tracing};
use super::{
    find,
    run::lines,
    session::{Prepared, Session, Wanted, places},
};
use crate::{
    broker_choice::BrokerChoice,
    cli::Ended,
    flow::Watch,
    installation::Tuning,
    output,
    own_part::LeftOut,
    tally::{self, Summary},
};

/// What `bench` takes.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// `embedded`, or the address of a RabbitMQ
    #[arg(long, default_value = "embedded", value_name = "embedded|amqp://…")]
    pub broker: BrokerChoice,
    /// Address of an empty PostgreSQL database for the stores, which stay in it; SQLite files in a temporary folder by default
    #[arg(long, value_name = "postgres://…")]
    pub store: Option<String>,
    /// Registrations
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub count: u64,
    /// Give every registration a patient of its own, without a national number: there are few fictitious ones
    #[arg(long)]
    pub own_patients: bool,
    /// Correct every registration afterwards, there and back
    #[arg(long)]
    pub corrections: bool,
    /// Afterwards begin a new epoch, and measure how long healthdata takes to re-code everything
    #[arg(long)]
    pub recode: bool,
    /// Afterwards trace some registrations among all
    #[arg(long)]
    pub trace: bool,
    /// Print the figures as one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// What `--json` prints: the summary of the run and some figures more.
#[derive(Debug, Serialize)]
struct Figures {
    #[serde(flatten)]
    summary: Summary,
    peak_memory_bytes: u64,
    latency_ms: Latency,
    #[serde(skip_serializing_if = "Option::is_none")]
    corrections: Option<Corrections>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recoding: Option<Recoding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracing: Option<Tracing>,
}

/// How long a single registration takes from its submission until its confirmation is OK, on an idle installation.
#[derive(Debug, Serialize)]
struct Latency {
    p50: f64,
    p95: f64,
    p99: f64,
}

const HOSPITAL: &str = "00000196";
const REGISTER: &str = "Precision_Local_MAB";
const SEED: u64 = 1;
/// Single registrations that are timed.
const SINGLE: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the command.
///
/// # Errors
///
/// What keeps the flow from starting.
pub async fn bench(args: BenchArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let definition = find(&definitions, REGISTER)?;
    let folder = tempfile::Builder::new().prefix("precision-bench-").tempdir()?;
    let hospital: Nihdi = HOSPITAL.parse()?;
    let keys = folder.path().join("keys");
    let (store, keys) = places(args.store.as_deref(), Some(&keys), &folder.path().join("store"))?;
    let definitions = Arc::new(definitions);
    let hospitals = [hospital];
    let wanted = || Wanted {
        hospitals: &hospitals,
        store: &store,
        keys: &keys,
        broker: &args.broker,
        definitions: Arc::clone(&definitions),
        tuning: Tuning::default(),
        left_out: LeftOut::default(),
    };
    let many = if args.own_patients {
        patients::file(folder.path(), &definition, args.count)?
    } else {
        generated(folder.path(), "many.csv", &definition, args.count, SEED)?
    };
    let single = generated(folder.path(), "single.csv", &definition, SINGLE, SEED + 1)?;
    let prepared = Prepared::open(&wanted()).await?;
    let broker = prepared.broker(&wanted()).await?;
    let stores = prepared.stores().clone();
    let session = prepared.start(wanted(), broker).await?;
    let hd4dp = session.installation.hd4dp.get(&hospital).context("find the hospital")?;
    let watch = Watch::over(&session.installation, &session.clock);
    let marks = tally::marks(&stores).await?;
    let started = session.clock.now();
    let file = CsvFile::open(&many, &definition, started.date())?;
    let id = upload(hd4dp, &definition, file, folder.path(), Language::English, async |_| watch.until_room().await).await?;
    watch.until_rest(PATIENCE).await?;
    let elapsed = session.clock.now().since(started);
    let uploads = [(hospital, id)];
    let items = tally::items(&stores, &uploads).await?;
    let summary = tally::summary(&stores, &uploads, &items, &marks, elapsed).await?;
    // Before the single registrations, which are not corrected.
    let corrections = match args.corrections {
        true => Some(Corrections::measure(&session, hospital, &definition, &many).await?),
        false => None,
    };
    let latency_ms = latency(hd4dp, &definition, &single, &session).await?;
    let tracing = match args.trace {
        true => Some(Tracing::measure(&stores, hospital, &items, &*session.clock).await?),
        false => None,
    };
    let has_failed = summary.has_failed();
    session.close(true).await;
    let peak_memory_bytes = peak_memory_bytes();
    let recoding = match args.recode {
        true => Some(Recoding::measure(wanted()).await?),
        false => None,
    };
    print(&args, Figures { summary, peak_memory_bytes, latency_ms, corrections, recoding, tracing })?;
    Ok(if has_failed { Ended::Failed } else { Ended::Well })
}

fn generated(
    folder: &Path,
    name: &str,
    definition: &Arc<Definition>,
    count: u64,
    seed: u64,
) -> anyhow::Result<std::path::PathBuf> {
    let path = folder.join(name);
    let mut file = BufWriter::new(File::create(&path)?);
    let order = Order { definition, organisation: HOSPITAL, count, seed, faulty_percent: 0 };
    population::write(&order, &mut file)?;
    Ok(path)
}

/// Submits single registrations one after the other, each when the one before is confirmed.
async fn latency(hd4dp: &Hd4dp, definition: &Arc<Definition>, path: &Path, session: &Session) -> anyhow::Result<Latency> {
    let clock = &session.clock;
    let today = clock.now().date();
    let mut file = CsvFile::open(path, definition, today)?;
    let upload = hd4dp.store().begin_upload("single.csv", definition.name(), clock.now()).await?;
    let mut waits = Vec::new();
    while let Some(row) = file.next_row(HOSPITAL, today)? {
        let started = clock.now();
        let accepted = hd4dp::AcceptedRow { cells: row.cells, attachments: Vec::new() };
        hd4dp.submit(upload, definition, vec![accepted], 1, 0).await?;
        hd4dp.answered().await;
        waits.push(clock.now().since(started).as_secs_f64() * 1_000.0);
    }
    waits.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        waits.get(((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    Ok(Latency { p50: at(0.50), p95: at(0.95), p99: at(0.99) })
}

/// The most memory that this process ever had, from the operating system; 0 where it does not tell.
fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = peak.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    kib * 1024
}

fn print(args: &BenchArgs, figures: Figures) -> anyhow::Result<()> {
    if args.json {
        output::say(serde_json::to_string(&figures)?);
        return Ok(());
    }
    lines(&figures.summary).into_iter().for_each(output::say);
    output::say(format!("peak memory {} MiB", figures.peak_memory_bytes >> 20));
    let latency = &figures.latency_ms;
    output::say(format!(
        "one registration, submit to OK: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
        latency.p50, latency.p95, latency.p99
    ));
    figures.corrections.iter().for_each(|corrections| output::say(corrections.line()));
    figures.recoding.iter().for_each(|recoding| output::say(recoding.line()));
    figures.tracing.iter().for_each(|tracing| output::say(tracing.line()));
    Ok(())
}
