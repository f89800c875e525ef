//! `precision incident`: what a service desk needs of one registration, in one file for a ticket.

mod facts;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use clock::{Clock, SystemClock};
use dcd::Definitions;
use sealing::keys::KeyDirectory;
use store::Location;
use topology::Nihdi;
use uuid::Uuid;

use self::facts::Facts;
use super::life::{Reach, reach::Way};
use crate::{
    cli::{Ended, hospital},
    course::Standing,
    incident::{self, FORM, Incident, KnownKey, Program, configuration, log, patient::PatientValues},
    output,
};

/// What `incident` takes.
#[derive(Debug, Args)]
pub struct IncidentArgs {
    /// The installation
    #[command(flatten)]
    pub reach: Reach,
    /// Folder of a run, as `run --out` or `demo --data` left it, with its `store`
    #[arg(long, value_name = "DIR", conflicts_with_all = ["store", "at"])]
    data: Option<PathBuf>,
    /// The registration, or one of its items
    #[arg(value_name = "ITEM")]
    item: Uuid,
    /// Whose view: hd4dp-NIHDI, ehbox-hco-NIHDI, ehealth-ttp, ehbox-hd, hd4res or dhw; over HTTP the one that the token opens
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The party's configuration; addresses go in without users and passwords, secrets do not
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// A log whose last 500 lines go in, but for those in which somebody stands
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The hospital; over HTTP with a secret that stands alone, which does not say
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Option<Nihdi>,
}

/// Runs the command.
///
/// # Errors
///
/// Nobody who was asked knows the item; what was given cannot be read; or the file would hold something of the patient, and was not written.
pub async fn incident(args: IncidentArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let facts = match &args.data {
        Some(data) => facts::on_store(&Location::from(&data.join("store")), &args, &definitions).await?,
        None => match args.reach.way(args.org)? {
            Way::Store(there) => facts::on_store(&there.store.parse()?, &args, &definitions).await?,
            Way::Http(plan) => facts::over_http(&plan, &args, &definitions).await?,
        },
    };
    let Facts { gathering, .. } = &facts;
    let patient = gathering.clone().finish(&definitions)?;
    let incident = put_together(&args, facts, &patient, &definitions)?;
    let name = args.output.file_name().context("write the file: it has no name")?.to_string_lossy().into_owned();
    incident::check_name(&name, &patient)?;
    let text = incident.checked(&patient)?;
    write(&args.output, &text).with_context(|| format!("write {}", args.output.display()))?;
    say(&args, &incident);
    Ok(Ended::Well)
}

fn put_together(
    args: &IncidentArgs,
    facts: Facts,
    patient: &PatientValues,
    definitions: &Definitions,
) -> anyhow::Result<Incident> {
    let mut left_out = facts.left_out;
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("read {}", path.display()));
    let configuration = match &args.config {
        Some(path) => Some(configuration::without_secrets(&String::from_utf8_lossy(&read(path)?))?),
        None => None,
    };
    let log = match &args.log {
        Some(path) => Some(log::last_lines(&String::from_utf8_lossy(&read(path)?), patient)),
        None => None,
    };
    let keys = match &facts.keys {
        Some(folder) => keys(folder)?,
        None => Vec::new(),
    };
    let mut note = |is_there: bool, what: &str| {
        if !is_there {
            left_out.push(what.to_owned());
        }
    };
    note(configuration.is_some(), "configuration: no --config was given");
    note(!facts.queues.is_empty(), "depths of queues: no broker was at hand");
    note(log.is_some(), "log: no --log was given");
    note(!keys.is_empty(), "ids of public keys: no keys were at hand");
    let trail = facts.trail;
    Ok(Incident {
        form: FORM,
        made_at: SystemClock.now().to_string(),
        program: Program { version: env!("CARGO_PKG_VERSION"), schema: facts.schema, store: facts.store },
        standing: Standing::of(&facts.party, &trail),
        registration: trail.registration_id,
        register: trail.register,
        items: trail.items,
        itinerary: trail.passages,
        history: facts.history,
        // The TTP knows no register, also not by name.
        definitions: if facts.party == ehealth_ttp::SERVICE { Vec::new() } else { incident::definitions(definitions) },
        party: facts.party,
        keys,
        configuration,
        queues: facts.queues,
        log,
        left_out,
    })
}

/// The ids of the keys that parties seal with; no private key is read.
fn keys(folder: &Path) -> anyhow::Result<Vec<KnownKey>> {
    let directory = KeyDirectory::open(folder)?;
    let public = directory.public()?;
    let mut known = Vec::new();
    for party in directory.parties()? {
        if let Ok(keys) = public.keys(party) {
            known.push(KnownKey { party: party.to_string(), id: keys.current().id().to_string() });
        }
    }
    Ok(known)
}

/// Half a file under the file's name would look like a whole one.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn say(args: &IncidentArgs, incident: &Incident) {
    let lines_left_out = incident.log.as_ref().map_or(0, |log| log.left_out);
    if args.reach.over.json {
        let said = serde_json::json!({
            "file": args.output.display().to_string(),
            "party": incident.party,
            "passages": incident.itinerary.len(),
            "log_lines_left_out": lines_left_out,
            "left_out": incident.left_out,
        });
        output::say(said.to_string());
        return;
    }
    output::say(format!("{}: {} passages of {}", args.output.display(), incident.itinerary.len(), incident.party));
    if lines_left_out > 0 {
        output::say(format!("{lines_left_out} lines of the log were left out, for somebody stands in them"));
    }
    incident.left_out.iter().for_each(|what| output::say(format!("not in it: {what}")));
}
