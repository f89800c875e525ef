//! `replay` of a recording: onto the services of this process, or onto an installation that runs on a RabbitMQ.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use broker::RabbitBroker;
use clap::Args;
use clock::{Clock, SystemClock};
use dcd::Definitions;
use host::Chance;
use sealing::{KeyId, keys::KeyDirectory};
use serde_json::json;
use store::Location;
use topology::Nihdi;

use super::{
    ReplayArgs,
    answer::{Told, list},
};
use crate::{
    audit::sweep,
    broker_choice::{BrokerChoice, installation_id},
    cli::Ended,
    commands::{
        record::naming,
        session::{Prepared, Wanted, places},
    },
    flow::{Ending, Watch},
    installation::Tuning,
    output::{self, Progress},
    own_part::LeftOut,
    real::ground::Away,
    recording::{
        Recording,
        edit::Edits,
        effect::Effect,
        ledger::Ledger,
        reader::{State, is_recording},
        replay::{Change, Pace, Plan, Target},
        reseal::Resealing,
        selection::{Condition, Selection, Step},
        target::{Embedded, Live},
    },
    tally,
};

/// What can be said of a recording's replay, beside what scenarios know.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Of a recording")]
pub struct RecordingArgs {
    /// Store of the installation to replay onto: its services run in this process. With --broker it only says under which prefix the queues stand
    #[arg(long, value_name = "DIR|postgres://…")]
    pub store: Option<String>,
    /// Folder of the installation's keys; `keys` in the store's folder by default
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// What stands in front of every exchange and queue of that RabbitMQ, when anything does
    #[arg(long, conflicts_with = "store")]
    pub prefix: Option<String>,
    /// Only these steps: 4, 5, `5 back`, `4 back`, R1, R2
    #[arg(long, value_name = "STEP")]
    pub step: Vec<Step>,
    /// Changes registrations of step 4 or 5 before they are replayed, with the private keys in --keys: content.COLUMN=VALUE, version=N,
    /// identity=NUMBER; @FILE in place of a value takes the file's first line. May be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    pub edit: Vec<String>,
    /// Makes other items of what is edited: a known item with another content is refused (ITEM_REUSED)
    #[arg(long, requires = "edit")]
    pub new_item: bool,
    /// How fast: original, fast, or x10 for ten times as fast as it was recorded; fast by default
    #[arg(long, value_name = "original|fast|xN")]
    pub pace: Option<Pace>,
    /// Lists what would be replayed, and sends nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replays once more what was replayed onto this installation before
    #[arg(long)]
    pub again: bool,
    /// Seconds for which nothing may move, or the broker may be away; 60 by default
    #[arg(long, value_name = "S")]
    pub timeout: Option<u64>,
}

impl RecordingArgs {
    /// The first option that was given.
    #[must_use]
    pub fn first(&self) -> Option<&'static str> {
        let given = [
            (self.store.is_some(), "store"),
            (self.keys.is_some(), "keys"),
            (self.prefix.is_some(), "prefix"),
            (!self.step.is_empty(), "step"),
            (!self.edit.is_empty(), "edit"),
            (self.new_item, "new-item"),
            (self.pace.is_some(), "pace"),
            (self.dry_run, "dry-run"),
            (self.again, "again"),
            (self.timeout.is_some(), "timeout"),
        ];
        given.into_iter().find_map(|(is_given, name)| is_given.then_some(name))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout.unwrap_or(60).max(1))
    }
}

/// The recording among the paths, if there is one.
///
/// # Errors
///
/// It is not alone, or a file cannot be read.
pub(super) fn among(paths: &[PathBuf]) -> anyhow::Result<Option<&Path>> {
    for path in paths.iter().filter(|path| !path.is_dir()) {
        if is_recording(path)? {
            anyhow::ensure!(paths.len() == 1, "replay {} together with other files: a recording goes alone", path.display());
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Replays a recording.
///
/// # Errors
///
/// Usage, a damaged recording or ledger, keys that do not fit (exit 2).
pub(super) async fn replay(args: &ReplayArgs, path: &Path, definitions: Definitions) -> anyhow::Result<Ended> {
    host::logging::start(host::logging::LogForm::Text, "error");
    let of_scenarios = [
        (args.seed.is_some(), "seed"),
        (args.repeat != 1, "repeat"),
        (args.watch, "watch"),
        (args.junit.is_some(), "junit"),
        (args.html.is_some(), "html"),
        (args.broker_stop.is_some(), "broker-stop"),
        (args.away != Away::default(), "away"),
        (args.line_delay > 0, "line-delay"),
        (args.line_rate.is_some(), "line-rate"),
    ];
    if let Some((_, name)) = of_scenarios.into_iter().find(|(is_given, _)| *is_given) {
        anyhow::bail!("use --{name}: it is for scenarios, and {} is a recording", path.display());
    }
    let recording = Recording::open(path)?;
    if !args.json {
        remark(&recording);
    }
    let conditions = args.filter.iter().map(|text| text.parse::<Condition>()).collect::<Result<Vec<_>, _>>();
    let conditions = conditions.map_err(|error| anyhow::anyhow!("filter the recording: {error}"))?;
    let selection = Selection::new(&args.onto.step, &conditions, recording.header().begun_at);
    let definitions = Arc::new(definitions);
    let resealing = resealing(&args.onto, &definitions)?;
    let plan = Plan {
        recording: &recording,
        selection: &selection,
        change: resealing.as_ref().map(|resealing| resealing as &dyn Change),
        pace: args.onto.pace.unwrap_or(Pace::Fast),
        again: args.onto.again,
    };
    plan.check()?;
    if args.onto.dry_run {
        return list(args, path, &recording, &selection);
    }
    anyhow::ensure!(
        selection.of(&recording).next().is_some(),
        "find a publication to replay: the recording has none that is meant"
    );
    // What does not parse repeats nothing: there may be a password in it.
    let broker = args.broker.as_deref().map(str::parse::<BrokerChoice>).transpose();
    let broker = broker.map_err(anyhow::Error::msg).context("use what --broker names")?;
    match (&broker, &args.onto.store) {
        (Some(BrokerChoice::Rabbit(address)), _) => live(args, path, &plan, address).await,
        (_, Some(store)) => embedded(args, path, &plan, store, definitions).await,
        (_, None) => anyhow::bail!(
            "find the installation: --store names its stores, or --broker the RabbitMQ on which it runs (--dry-run lists what would go)"
        ),
    }
}

/// The edits, if any are wanted, with the keys that are at hand.
fn resealing(onto: &RecordingArgs, definitions: &Arc<Definitions>) -> anyhow::Result<Option<Resealing>> {
    let edits = Edits::read(&onto.edit, onto.new_item)?;
    if edits.is_empty() {
        return Ok(None);
    }
    let keys = match (&onto.keys, &onto.store) {
        (Some(keys), _) => keys.clone(),
        (None, Some(store)) => places(Some(store), None, Path::new(""))?.1,
        (None, None) => anyhow::bail!("edit: --keys names the folder with the private keys that it takes"),
    };
    Ok(Some(Resealing::new(edits, KeyDirectory::open(&keys)?, Arc::clone(definitions))?))
}

/// What the reader should know of a recording that is not whole.
fn remark(recording: &Recording) {
    if *recording.state() != State::Complete {
        output::complain(format!("the recording is {}", recording.state()));
    }
    if recording.gaps() > 0 {
        output::complain(format!(
            "nobody listened {} times while it was recorded; what passed then is missing",
            recording.gaps()
        ));
    }
    if recording.left_out() > 0 {
        output::complain(format!(
            "{} publications were left out when it was recorded: they were no sealed documents",
            recording.left_out()
        ));
    }
}

fn show(progress: &Progress) -> impl FnMut(u64, u64) {
    move |number, of| progress.show(&format!("publication {number} of {of}"))
}

async fn live(args: &ReplayArgs, path: &Path, plan: &Plan<'_>, address: &str) -> anyhow::Result<Ended> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if let Some(keys) = &args.onto.keys {
        fits(plan, keys)?;
    }
    let naming = naming(args.onto.store.as_deref(), args.onto.prefix.as_deref()).await?;
    let name = naming.prefix.clone().unwrap_or_else(|| without_password(address));
    let mut ledger = Ledger::open(path)?;
    let broker = match RabbitBroker::connect(address, naming, Arc::clone(&clock)).await {
        Ok(broker) => broker,
        Err(error @ (broker::BrokerError::Unavailable | broker::BrokerError::ConnectionLost)) => {
            if args.json {
                output::say(json!({ "error": error.to_string() }).to_string());
            }
            output::complain(format!("precision: failed to replay: {error}; nothing was sent"));
            return Ok(Ended::Failed);
        }
        Err(error) => return Err(error.into()),
    };
    let target = Live { name, broker, clock: Arc::clone(&clock), patience: args.onto.patience() };
    let progress = Progress::default();
    let outcome = plan.run(&mut ledger, &target, &clock, show(&progress)).await;
    drop(progress);
    target.broker.close().await;
    Told { args, path, plan, onto: target.name() }.say(outcome, None)
}

/// An address without who logs in: host, port and virtual host.
fn without_password(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split('?').next().unwrap_or(rest).to_owned()
}

async fn embedded(
    args: &ReplayArgs,
    path: &Path,
    plan: &Plan<'_>,
    store: &str,
    definitions: Arc<Definitions>,
) -> anyhow::Result<Ended> {
    let (store, keys) = places(Some(store), args.onto.keys.as_ref(), Path::new(""))?;
    fits(plan, &keys)?;
    let hospitals = hospitals(plan.recording, &store, &keys).await?;
    let wanted = Wanted {
        hospitals: &hospitals,
        store: &store,
        keys: &keys,
        broker: &BrokerChoice::Embedded,
        definitions,
        tuning: Tuning::default(),
        left_out: LeftOut::default(),
    };
    let mut ledger = Ledger::open(path)?;
    let prepared = Prepared::open(&wanted).await?;
    let onto = name(&store).await?;
    let told = Told { args, path, plan, onto: &onto };
    if let Some(replayed) = plan.done_before(&ledger, &onto) {
        prepared.stores().close().await;
        return told.say(Ok(replayed), None);
    }
    let broker = prepared.broker(&wanted).await?;
    let session = prepared.start(wanted, broker).await?;
    let watch = Watch::over(&session.installation, &session.clock);
    let (patience, clock) = (args.onto.patience(), Arc::clone(&session.clock));
    let stores = session.installation.stores.clone();
    // What the installation has left to do itself is none of the replay's effect.
    let ending = watch.until_rest(patience).await?;
    let marks = tally::marks(&stores).await?;
    let target = Embedded {
        name: onto.clone(),
        broker: Arc::clone(&session.installation.zones.ehealth),
        watch,
        clock: Arc::clone(&clock),
        patience,
    };
    let progress = Progress::default();
    let outcome = match ending {
        Ending::AtRest => plan.run(&mut ledger, &target, &clock, show(&progress)).await,
        Ending::Stuck => {
            Err(anyhow::anyhow!("bring the installation to rest before the replay: nothing moved for {} s", patience.as_secs()))
        }
    };
    drop(progress);
    let effect = Effect::since(&stores, &marks).await;
    session.close(false).await;
    told.say(outcome, Some(&effect?))
}

/// Refuses when the installation's parties cannot open what is to be replayed.
fn fits(plan: &Plan<'_>, keys: &Path) -> anyhow::Result<()> {
    let public = KeyDirectory::open(keys)?.public()?;
    let mut missing = BTreeMap::new();
    for one in plan.selection.of(plan.recording) {
        for key in one.entry.keys.iter().filter(|key| public.by_id(KeyId(key.0)).is_none()) {
            missing.insert(key.to_string(), one.entry.number);
        }
    }
    let Some((key, number)) = missing.pop_first() else { return Ok(()) };
    let known = plan.recording.header().keys.iter().find(|(_, ids)| ids.contains(&key));
    let whose = known.map(|(party, _)| format!(", a key of {party}")).unwrap_or_default();
    anyhow::bail!(
        "open publication {number}: it was sealed for key {key}{whose}, which is not in {}; a recording is replayed onto the installation that it \
         was made of, or onto one with the same keys",
        keys.display()
    )
}

/// The hospitals of the recording and of the store. None may lack keys, since new ones would open nothing.
async fn hospitals(recording: &Recording, store: &Location, keys: &Path) -> anyhow::Result<Vec<Nihdi>> {
    let mut hospitals = sweep::hospitals(store).await?;
    hospitals.extend(&recording.header().hospitals);
    hospitals.sort_unstable();
    hospitals.dedup();
    let public = KeyDirectory::open(keys)?.public()?;
    let known: Vec<&Nihdi> = public.hospitals().collect();
    match hospitals.iter().find(|hospital| !known.contains(hospital)) {
        Some(hospital) => anyhow::bail!("find the keys of hospital {hospital} in {}", keys.display()),
        None => Ok(hospitals),
    }
}

/// What tells an installation in this process from others. A copy of a folder is another installation, and a folder that was moved as well.
async fn name(store: &Location) -> anyhow::Result<String> {
    let chance = Chance::from_system().context("draw randomness")?;
    let id = installation_id(store, &chance).await?;
    Ok(match store {
        Location::Folder(folder) => format!("{id} in {}", folder.canonicalize().context("find the store")?.display()),
        Location::Server(_) => id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_no_password() {
        assert_eq!(without_password("amqp://guest:se@cret@host:5672/%2f?heartbeat=1"), "host:5672/%2f");
        assert_eq!(without_password("amqps://host/ehealth"), "host/ehealth");
    }
}
