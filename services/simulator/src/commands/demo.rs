//! `precision demo`: sample data of two hospitals through all seven steps, and a report that shows what the route promises.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use clock::{Clock, SystemClock};
use dcd::{Definition, Definitions, Language};
use hd4dp::{
    store::UploadId,
    upload::{CsvFile, upload},
};
use population::Order;
use topology::Nihdi;

use super::{
    files,
    session::{Prepared, Session, Wanted, places},
    sight,
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

/// What `demo` takes.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Port of the web pages, once there are any
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Folder to work in; a temporary one unless told
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// End after the report instead of serving until Ctrl-C
    #[arg(long)]
    pub exit: bool,
}

const HOSPITALS: [&str; 2] = ["00000196", "00000295"];
const SEED: u64 = 2026;
/// Rows of a register, in the proportions in which a population's visits come to the boards and to treatment, so that the records of
/// one visit find each other.
const ROWS: [(&str, u64); 3] = [("Precision_Local_MAB", 120), ("Precision_Central_MAB", 55), ("Precision_Treatment", 70)];
/// Rows of a register that `--definitions` added.
const OTHER_ROWS: u64 = 60;
const FAULTY_PERCENT: u8 = 7;
const PATIENCE: Duration = Duration::from_secs(30);
/// Rejected rows that the report shows.
const SHOWN: usize = 6;

/// Runs the command.
///
/// # Errors
///
/// What keeps the demonstration from starting.
pub async fn demo(args: DemoArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let folder = match &args.data {
        Some(folder) => folder.clone(),
        None => tempfile::Builder::new().prefix("precision-demo-").tempdir()?.keep(),
    };
    let hospitals: Vec<Nihdi> = HOSPITALS.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let definitions = Arc::new(definitions);
    let folder_of_stores = folder.join("store");
    let (store, keys) = places(None, None, &folder_of_stores)?;
    let wanted = Wanted {
        hospitals: &hospitals,
        store: &store,
        keys: &keys,
        broker: &BrokerChoice::Embedded,
        definitions: Arc::clone(&definitions),
        tuning: Tuning { publication_size: 40, ..Tuning::default() },
        left_out: LeftOut::default(),
    };
    let samples = samples(&folder, &hospitals, &definitions)?;
    let prepared = Prepared::open(&wanted).await?;
    let broker = prepared.broker(&wanted).await?;
    let stores = prepared.stores().clone();
    let marks = tally::marks(&stores).await?;
    let session = prepared.start(wanted, broker).await?;
    let (uploads, elapsed) = send(&session, &samples, &folder).await?;
    let items = tally::items(&stores, &uploads).await?;
    let summary = tally::summary(&stores, &uploads, &items, &marks, elapsed).await?;
    let names: Vec<&str> = definitions.iter().map(|definition| definition.name()).collect();
    files::write(&folder, &names, Language::English, &stores, session.installation.registers(), &items, &summary).await?;
    report(&folder, &folder_of_stores, &samples, &names, &summary)?;
    if !args.exit {
        output::say("\nThe services go on running; Ctrl-C stops them.");
        host::process::told_to_stop().await;
    }
    session.close(true).await;
    Ok(if summary.has_failed() { Ended::Failed } else { Ended::Well })
}

/// A hospital's sample file of one register.
struct Sample {
    hospital: Nihdi,
    definition: Arc<Definition>,
    path: PathBuf,
}

fn samples(folder: &Path, hospitals: &[Nihdi], definitions: &Definitions) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for hospital in hospitals {
        let own = folder.join("input").join(hospital.as_str());
        std::fs::create_dir_all(&own)?;
        for definition in definitions.iter() {
            let path = own.join(format!("{}.csv", definition.name()));
            let mut file = BufWriter::new(File::create(&path)?);
            let order = Order {
                definition,
                organisation: hospital.as_str(),
                count: rows(definition.name()),
                seed: SEED,
                faulty_percent: FAULTY_PERCENT,
            };
            population::write(&order, &mut file).context("write the sample data")?;
            file.flush()?;
            samples.push(Sample { hospital: *hospital, definition: Arc::clone(definition), path });
        }
    }
    Ok(samples)
}

fn rows(register: &str) -> u64 {
    ROWS.iter().find(|(name, _)| *name == register).map_or(OTHER_ROWS, |(_, rows)| *rows)
}

async fn send(session: &Session, samples: &[Sample], folder: &Path) -> anyhow::Result<(Vec<(Nihdi, UploadId)>, Duration)> {
    let clock = &session.clock;
    let started = clock.now();
    let watch = Watch::over(&session.installation, clock);
    let mut uploads = Vec::new();
    for sample in samples {
        let hd4dp = session.installation.hd4dp.get(&sample.hospital).context("find the hospital")?;
        let file = CsvFile::open(&sample.path, &sample.definition, SystemClock.now().date())?;
        let reports = folder.join("reports").join(sample.hospital.as_str());
        let id = upload(hd4dp, &sample.definition, file, &reports, Language::English, async |_| watch.until_room().await).await?;
        uploads.push((sample.hospital, id));
    }
    watch.until_rest(PATIENCE).await?;
    Ok((uploads, clock.now().since(started)))
}

fn report(folder: &Path, store: &Path, samples: &[Sample], names: &[&str], summary: &Summary) -> anyhow::Result<()> {
    output::say("PRECISION: from the hospital to the researcher, without the researcher learning who the patient is");
    output::say(format!(
        "\n1. What went through\n\n  Two hospitals sent {} rows of {} registers: {} were accepted, {} rejected.",
        summary.attempted,
        names.len(),
        summary.accepted,
        summary.rejected
    ));
    output::say(format!(
        "  {} came back confirmed, {} were validated; lost {}, doubled {}. It took {} ms.\n",
        summary.confirmed, summary.validated, summary.lost, summary.duplicated, summary.elapsed_ms
    ));
    output::say(steps(summary).trim_end());
    output::say("\n2. What was rejected, and why\n");
    rejected(folder, samples)?.iter().for_each(output::say);
    output::say("\n3. One patient, two hospitals, one pseudonym\n");
    met(folder, samples, names)?.iter().for_each(output::say);
    output::say("\n4. Who could read what\n");
    let sight = sight::look(store, &folder.join("input"), &folder.join("researcher"), names)?;
    output::say(sight.table().trim_end());
    output::say(format!("\n  {}", sight.verdict()));
    output::say(format!("\n5. Where to look\n\n  {}", folder.display()));
    for (path, what) in FILES {
        output::say(format!("    {path:<24} {what}"));
    }
    Ok(())
}

const FILES: [(&str, &str); 6] = [
    ("input/", "what the hospitals sent"),
    ("reports/", "what they got back: success and error report of each file"),
    ("researcher/", "what the researcher works with, a file per register"),
    ("validation/findings.csv", "what the data warehouse found"),
    ("itinerary.jsonl", "where every registration was, and when"),
    ("summary.json", "the verdict"),
];

/// What each step means to somebody who sees it for the first time.
fn meaning(step: &str) -> &'static str {
    match step {
        "3" => "HD4DP to the hospital's messaging client",
        "4" => "sealed, to the eHealth TTP",
        "5" => "under a pseudonym, to healthdata",
        "6" => "opened and inspected, to HD4RES",
        "7" => "validated by the data warehouse",
        "7 back" => "verdicts, to HD4RES",
        "6 back" => "STATUS, to healthdata's messaging client",
        "5 back" => "sealed, to the TTP",
        "4 back" => "with the identity restored, to the hospital",
        "3 back" => "opened, to HD4DP: confirmation OK",
        _ => "",
    }
}

fn steps(summary: &Summary) -> String {
    let mut figures: BTreeMap<usize, (&str, u64, u64)> = BTreeMap::new();
    for step in &summary.steps {
        let place = store::itinerary::STEPS.iter().position(|known| *known == step.step).unwrap_or(usize::MAX);
        let sum = figures.entry(place).or_insert((step.step, 0, 0));
        (sum.1, sum.2) = (sum.1 + step.publications, sum.2 + step.registrations);
    }
    let mut rows = vec![["step", "what happens", "publications", "registrations"].map(str::to_owned).to_vec()];
    rows.extend(figures.values().map(|(step, publications, registrations)| {
        vec![(*step).to_owned(), meaning(step).to_owned(), publications.to_string(), registrations.to_string()]
    }));
    output::table(&rows, &[2, 3])
}

fn rejected(folder: &Path, samples: &[Sample]) -> anyhow::Result<Vec<String>> {
    let (mut lines, mut codes) = (Vec::new(), BTreeSet::new());
    let mut count = 0;
    for sample in samples {
        let name = format!("{}.error.csv", sample.definition.name());
        let path = folder.join("reports").join(sample.hospital.as_str()).join(name);
        let mut reader = opencsv::Reader::new(File::open(&path)?);
        reader.header()?;
        while let Some(record) = reader.next_record()? {
            count += 1;
            let Ok(fields) = &record.body else { continue };
            let (line, error) = (fields.get_lossy(0), fields.get_lossy(1));
            // One of each kind says more than many of one.
            let code = error.split(' ').next().unwrap_or_default().to_owned();
            if lines.len() < SHOWN && codes.insert(code) {
                lines.push(format!("  {} {} line {line}: {error}", sample.hospital, sample.definition.name()));
            }
        }
    }
    if count > lines.len() {
        lines.push(format!("  … and {} more, in reports/", count - lines.len()));
    }
    Ok(lines)
}

/// Pseudonyms under which healthdata holds records of both hospitals, told by the researcher's files alone.
fn met(folder: &Path, samples: &[Sample], names: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut seen: BTreeMap<String, (BTreeSet<String>, BTreeSet<&str>, u64)> = BTreeMap::new();
    for name in names {
        let mut reader = csv::Reader::from_path(folder.join("researcher").join(format!("{name}.csv")))?;
        let organisation =
            reader.headers()?.iter().position(|column| column == "installation_id").context("find the hospital")?;
        for record in reader.records() {
            let record = record?;
            let patient = seen.entry(record.get(0).unwrap_or_default().to_owned()).or_default();
            patient.0.insert(record.get(organisation).unwrap_or_default().to_owned());
            patient.1.insert(name);
            patient.2 += 1;
        }
    }
    let hospitals = samples.iter().map(|sample| sample.hospital).collect::<BTreeSet<_>>().len();
    let shared: Vec<_> = seen.iter().filter(|(_, patient)| patient.0.len() == hospitals).collect();
    let mut lines =
        vec![format!("  {} patients; {} of them are known to both hospitals. For instance:", seen.len(), shared.len())];
    let best = shared.iter().max_by_key(|(_, patient)| (patient.1.len(), patient.2));
    if let Some((pseudonym, (_, registers, records))) = best {
        let registers = registers.iter().copied().collect::<Vec<_>>().join(", ");
        lines.push(format!("  {pseudonym}: {records} records of both hospitals in {registers}"));
    }
    Ok(lines)
}
