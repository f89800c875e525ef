//! `precision run`: CSV files of one hospital through all seven steps.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use clock::{Clock, Timestamp};
use dcd::{Definition, Definitions, Finding, Language};
use hd4dp::{
    store::UploadId,
    upload::{CsvFile, UploadError, upload},
};
use topology::Nihdi;

use super::{
    files, find, record,
    session::{Prepared, Session, Wanted, places},
};
use crate::{
    broker_choice::{BrokerChoiceError, OpenBroker},
    cli::{Ended, Place, hospital, language},
    flow::{Ending, Watch},
    installation::Tuning,
    output::{self, Progress},
    own_part::LeftOut,
    tally::{self, Items, Summary},
};

/// What `run` takes.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Technical name of the register, in any case
    #[arg(long, value_name = "NAME")]
    pub dcd: String,
    /// The hospital's NIHDI number, 8 digits
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    pub org: Nihdi,
    /// Folder for reports, researcher files and the verdict
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Where the flow lives; the store is OUT/store by default
    #[command(flatten)]
    pub place: Place,
    /// Registrations of a publication at most
    #[arg(long, value_name = "N", default_value_t = Tuning::default().publication_size)]
    pub publication_size: usize,
    /// Seconds without any movement after which the run gives up
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub timeout: u64,
    /// Records what passes sealed into this file, which must not be there yet; `replay` takes it
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Sends OpenTelemetry traces of all services to this collector (OTLP over HTTP), as http://127.0.0.1:4318: a trace for each zone, linked at the borders
    #[arg(long, value_name = "URL")]
    pub traces: Option<String>,
    /// Language of findings: en, nl or fr
    #[arg(long, value_name = "en|nl|fr", default_value = "en", value_parser = language)]
    pub language: Language,
    /// Print the verdict as one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
    /// CSV files of the register
    #[arg(required = true, value_name = "FILE.csv")]
    pub files: Vec<PathBuf>,
}

/// Runs the command.
///
/// # Errors
///
/// Usage, configuration or header faults (exit 2).
pub async fn run(args: RunArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let definition = find(&definitions, &args.dcd)?;
    // Every header is looked at before the first row of any file is sent.
    let today = clock::SystemClock.now().date();
    let files = open_all(&args.files, &definition, today, args.language)?;
    let (store, keys) = places(args.place.store.as_deref(), args.place.keys.as_ref(), &args.out.join("store"))?;
    let wanted = Wanted {
        hospitals: &[args.org],
        store: &store,
        keys: &keys,
        broker: &args.place.broker,
        definitions: Arc::new(definitions),
        tuning: Tuning { publication_size: args.publication_size.max(1), ..Tuning::default() },
        left_out: LeftOut::default(),
    };
    let prepared = Prepared::open(&wanted).await?.traced(args.traces.as_deref(), &wanted)?;
    let patience = Duration::from_secs(args.timeout.max(1));
    let Some(mut broker) = patiently(&prepared, &wanted, patience).await? else {
        return broker_away(&args);
    };
    let recording = args.record.as_deref().map(|path| broker.record(path, &[args.org], &keys)).transpose()?;
    let stores = prepared.stores().clone();
    let marks = tally::marks(&stores).await?;
    let session = prepared.start(wanted, broker).await?;
    let outcome = send(&args, &definition, files, &session, patience).await;
    let (summary, items) = match &outcome {
        Ok(sent) => {
            let items = tally::items(&stores, &sent.uploads).await?;
            (tally::summary(&stores, &sent.uploads, &items, &marks, sent.elapsed).await?, items)
        }
        Err(_) => (empty(), Items::default()),
    };
    let is_clean = outcome.as_ref().is_ok_and(|sent| sent.ending == Ending::AtRest) && !summary.has_failed();
    let names = [definition.name()];
    // A session that ends closes the stores.
    let written = match &outcome {
        Ok(_) => {
            let registers = session.installation.registers();
            files::write(&args.out, &names, args.language, &stores, registers, &items, &summary).await
        }
        Err(_) => Ok(()),
    };
    session.close(is_clean).await;
    let recorded = recording.map_or(Ok(()), record::Recording::end);
    let sent = outcome?;
    written?;
    report(&args, &summary, sent.ending);
    recorded?;
    Ok(if summary.has_failed() || sent.ending == Ending::Stuck {
        Ended::Failed
    } else if summary.rejected > 0 {
        Ended::Rejected
    } else {
        Ended::Well
    })
}

/// What was sent, and how it ended.
struct Sent {
    uploads: Vec<(Nihdi, UploadId)>,
    elapsed: Duration,
    ending: Ending,
}

fn open_all(
    paths: &[PathBuf],
    definition: &Arc<Definition>,
    today: jiff::civil::Date,
    language: Language,
) -> anyhow::Result<Vec<CsvFile>> {
    let mut files = Vec::with_capacity(paths.len());
    let mut faults = Vec::new();
    for path in paths {
        match CsvFile::open(path, definition, today) {
            Ok(file) => files.push(file),
            Err(error) => faults.push(explain(&error, language)),
        }
    }
    anyhow::ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(files)
}

/// An upload's error with all its findings.
#[must_use]
pub fn explain(error: &UploadError, language: Language) -> String {
    let text = host::station::reasons(error);
    match error {
        UploadError::Refused { findings, .. } => {
            let findings = findings.iter().map(|finding: &Finding| finding.report_text(language)).collect::<Vec<_>>();
            format!("{text}: {}", findings.join(" | "))
        }
        UploadError::File { .. } | UploadError::Submit(_) => text,
    }
}

/// Asks for the broker until it is there, or the patience is over.
async fn patiently(prepared: &Prepared, wanted: &Wanted<'_>, patience: Duration) -> anyhow::Result<Option<OpenBroker>> {
    let clock = Arc::clone(prepared.clock());
    let until = clock.now().plus(patience);
    let mut backoff = host::Backoff::default();
    loop {
        match prepared.broker(wanted).await {
            Ok(broker) => return Ok(Some(broker)),
            Err(BrokerChoiceError::Broker(broker::BrokerError::Unavailable | broker::BrokerError::ConnectionLost)) => {
                if clock.now() >= until {
                    return Ok(None);
                }
                clock::sleep(&*clock, backoff.after_failure()).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn broker_away(args: &RunArgs) -> anyhow::Result<Ended> {
    let reason = format!("the broker did not answer within {} seconds; nothing was sent", args.timeout);
    if args.json {
        output::say(serde_json::json!({ "error": reason }).to_string());
    }
    output::complain(format!("precision: {reason}"));
    Ok(Ended::Failed)
}

async fn send(
    args: &RunArgs,
    definition: &Arc<Definition>,
    files: Vec<CsvFile>,
    session: &Session,
    patience: Duration,
) -> anyhow::Result<Sent> {
    let hd4dp = session.installation.hd4dp.get(&args.org).context("find the hospital")?;
    let clock = &session.clock;
    let started: Timestamp = clock.now();
    let progress = Progress::default();
    let watch = Watch::over(&session.installation, clock);
    let reports = args.out.join("reports");
    let mut uploads = Vec::with_capacity(files.len());
    for file in files {
        let taking = upload(hd4dp, definition, file, &reports, args.language, async |rows| {
            progress.show(&format!("{rows} rows read, {} registrations wait for their answer", hd4dp.waiting()));
            watch.until_room().await;
        });
        // The broker may go away for good while rows are still being read.
        tokio::select! {
            taken = taking => uploads.push((args.org, taken.map_err(|error| anyhow::anyhow!(explain(&error, args.language)))?)),
            ending = watch.until_stuck(patience) => {
                return Ok(Sent { uploads, elapsed: clock.now().since(started), ending: ending? });
            }
        }
    }
    progress.show("all rows read; waiting for the last answers");
    let ending = watch.until_rest(patience).await?;
    Ok(Sent { uploads, elapsed: clock.now().since(started), ending })
}

fn empty() -> Summary {
    Summary {
        attempted: 0,
        accepted: 0,
        rejected: 0,
        unchanged: 0,
        confirmed: 0,
        validated: 0,
        pending: 0,
        lost: 0,
        unexpected: 0,
        duplicated: 0,
        redelivered: 0,
        dead_lettered: 0,
        steps: Vec::new(),
        elapsed_ms: 0,
        registrations_per_s: 0.0,
    }
}

fn report(args: &RunArgs, summary: &Summary, ending: Ending) {
    if ending == Ending::Stuck {
        output::complain(format!("precision: nothing moved for {} seconds; gave up", args.timeout));
    }
    if args.json {
        output::say(serde_json::to_string(summary).unwrap_or_default());
        return;
    }
    for line in lines(summary) {
        output::say(line);
    }
    output::say(format!("files: {}", args.out.display()));
}

/// A summary for people.
#[must_use]
pub fn lines(summary: &Summary) -> Vec<String> {
    let mut rows = vec![["step", "queue", "publications", "registrations"].map(str::to_owned).to_vec()];
    for step in &summary.steps {
        rows.push(vec![step.step.to_owned(), step.queue.clone(), step.publications.to_string(), step.registrations.to_string()]);
    }
    let verdict = if summary.has_failed() { "the flow FAILED" } else { "nothing lost, nothing doubled" };
    vec![
        format!(
            "{} rows: {} accepted ({} unchanged), {} rejected",
            summary.attempted, summary.accepted, summary.unchanged, summary.rejected
        ),
        format!("{} confirmed, {} validated; {verdict}", summary.confirmed, summary.validated),
        format!(
            "pending {}, lost {}, unexpected {}, duplicated {}, redelivered {}, dead-lettered {}",
            summary.pending, summary.lost, summary.unexpected, summary.duplicated, summary.redelivered, summary.dead_lettered
        ),
        format!("{} ms, {} registrations/s", summary.elapsed_ms, summary.registrations_per_s),
        output::table(&rows, &[2, 3]).trim_end().to_owned(),
    ]
}
