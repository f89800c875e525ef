//! `precision audit`: who saw what, proved by looking.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use clock::{Clock, SystemClock};
use dcd::Definitions;
use store::Location;

use crate::{
    audit::{
        Subject, audit as look,
        onlooker::Onlooker,
        queues,
        report::Report,
        sweep,
        trial::{self, Ground, Trial},
        watch::WatchList,
    },
    broker_choice::BrokerChoice,
    cli::Ended,
    output,
};

/// What `audit` takes.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Plant values that stand nowhere by chance, send them through the whole route, and look for them
    #[arg(long)]
    pub run: bool,
    /// Folder of a run, as `run --out` or `demo --data` left it; with --run the folder to work in, a temporary one unless told
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder of the stores, or the address of their PostgreSQL database; `store` in the run's folder by default
    #[arg(long, value_name = "DIR|postgres://…")]
    pub store: Option<String>,
    /// Folder of the keys, for what each party can open; `keys` in the store's folder by default
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// `embedded`, or the address of a RabbitMQ: with --run what carries the flow, else where dead letters are looked at
    #[arg(long, default_value = "embedded", value_name = "embedded|amqp://…")]
    pub broker: BrokerChoice,
    /// Look also at what waits on the broker's working queues; that counts as one of the ten deliveries of each publication
    #[arg(long, conflicts_with = "run")]
    pub working_queues: bool,
    /// A further file and who can see it, for instance operator=service.log. May be given several times
    #[arg(long = "file", value_name = "WHO=FILE", value_parser = seen_by)]
    pub files: Vec<(Onlooker, PathBuf)>,
    /// Registrations of each hospital whose values are looked for, at most
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub sample: usize,
    /// With --run: rows of each register at each hospital
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(4..=1000), requires = "run")]
    pub rows: u64,
    /// Write the report as a page that needs nothing else
    #[arg(long, value_name = "FILE.html")]
    pub html: Option<PathBuf>,
    /// Print the report as one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

fn seen_by(text: &str) -> Result<(Onlooker, PathBuf), String> {
    let (who, path) = text.split_once('=').ok_or("expected WHO=FILE, for instance operator=service.log")?;
    Ok((who.parse().map_err(|error| format!("{who}: {error}"))?, PathBuf::from(path)))
}

/// Runs the command.
///
/// # Errors
///
/// Usage, or what cannot be read although it is there (exit 2).
pub fn audit(args: &AuditArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let definitions = Arc::new(definitions);
    let temporary = match (&args.data, args.run) {
        (None, true) => Some(tempfile::Builder::new().prefix("precision-audit-").tempdir()?),
        _ => None,
    };
    let data = args.data.clone().or_else(|| temporary.as_ref().map(|folder| folder.path().to_path_buf()));
    let default = data.as_ref().map(|data| data.join("store"));
    let store = match (&args.store, &default) {
        (Some(store), _) => store.parse()?,
        (None, Some(folder)) => Location::from(folder),
        (None, None) => anyhow::bail!("find anything to look at: name --data, --store or --run"),
    };
    let keys = keys(args, &store, default.as_ref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut missed = Vec::new();
    let (publications, planted) = if args.run {
        let (data, keys) =
            (data.as_ref().context("find the run's folder")?, keys.as_ref().context("find the keys: --keys names their folder")?);
        let rows = usize::try_from(args.rows)?;
        let ground = Ground { data, location: &store, keys, broker: &args.broker, rows };
        let Trial { publications, planted } = trial::run(&ground, Arc::clone(&definitions))?;
        (publications, planted)
    } else if let BrokerChoice::Rabbit(address) = &args.broker {
        let hospitals = runtime.block_on(sweep::hospitals(&store))?;
        let waiting = runtime.block_on(queues::waiting(address, &store, &hospitals, args.working_queues))?;
        missed = waiting.missed;
        missed.push("publications that passed: nobody recorded them".to_owned());
        (waiting.publications, WatchList::default())
    } else {
        missed.push("publications: nobody recorded them, and an embedded broker's queues end with their process".to_owned());
        (Vec::new(), WatchList::default())
    };
    let keys = keys.filter(|keys| keys.is_dir());
    let subject = Subject {
        location: &store,
        data: data.as_deref(),
        keys: keys.as_deref(),
        files: &args.files,
        publications: &publications,
        missed: &missed,
        planted,
        sample: args.sample,
        definitions: &definitions,
        now: SystemClock.now(),
    };
    let report = runtime.block_on(look(subject))?;
    show(args, &report)?;
    Ok(if report.holds { Ended::Well } else { Ended::Broken })
}

/// The folder of the keys, if it is named or there.
fn keys(args: &AuditArgs, store: &Location, default: Option<&PathBuf>) -> Option<PathBuf> {
    let beside = match (store, default) {
        (Location::Folder(folder), _) => Some(folder.join("keys")),
        (Location::Server(_), Some(folder)) => Some(folder.join("keys")),
        (Location::Server(_), None) => None,
    };
    args.keys.clone().or(beside)
}

fn show(args: &AuditArgs, report: &Report) -> anyhow::Result<()> {
    if let Some(path) = &args.html {
        std::fs::write(path, report.html()).with_context(|| format!("write {}", path.display()))?;
    }
    if args.json {
        output::say(serde_json::to_string(report).context("write the report")?);
    } else {
        report.lines().iter().for_each(output::say);
    }
    Ok(())
}
