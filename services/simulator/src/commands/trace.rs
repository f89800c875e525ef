//! `precision trace`: where a registration is and was, each step, both directions.
//!
//! On the stores of an installation it asks every party. With services that run it asks those that the caller's tokens open, each about its own
//! passages, and says who could not be asked. It starts no service and changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use clock::{Clock, SystemClock};
use dcd::Definitions;
use host::Backoff;
use serde::Serialize;
use store::{Company, Location, StoreLock};
use topology::Nihdi;
use uuid::Uuid;

use super::life::{Reach, reach::Way};
use crate::{
    cli::{Ended, hospital},
    client::{ClientError, Sides, SidesPlan, connection::Manner, itinerary, sides::Needs},
    course::{self, Traced, gather},
    output,
    own_part::LeftOut,
    stores::{Stores, names},
};

/// What `trace` takes.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// The installation
    #[command(flatten)]
    pub reach: Reach,
    /// Folder of a run, as `run --out` or `demo --data` left it, with its `store`
    #[arg(long, value_name = "DIR", conflicts_with_all = ["store", "at"])]
    data: Option<PathBuf>,
    /// Registrations or items, by their ids: as `list` shows them, or as they stand in itineraries, logs and dead letters
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<Uuid>,
    /// The hospital; over HTTP with a secret that stands alone, which does not say
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Option<Nihdi>,
    /// With services that run: go on showing what passes, until nothing of it is on its way or nothing passed for --timeout seconds
    #[arg(long, conflicts_with_all = ["store", "data"])]
    follow: bool,
}

/// What `--json` prints.
#[derive(Debug, Default, Serialize)]
struct Answer {
    traced: Vec<Traced>,
    /// Ids that no party that was asked knows.
    unknown: Vec<String>,
}

impl Answer {
    fn take(&mut self, id: Uuid, traced: Option<Traced>) {
        match traced {
            Some(traced) => self.traced.push(traced),
            None => self.unknown.push(id.to_string()),
        }
    }
}

/// Between two looks at most; each leaves an audit row at every service.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(2);

/// Runs the command.
///
/// # Errors
///
/// What keeps the installation from being opened or reached.
pub async fn trace(args: TraceArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    if let Some(data) = &args.data {
        return on_store(&Location::from(&data.join("store")), &args, &definitions).await;
    }
    match args.reach.way(args.org)? {
        Way::Store(there) => {
            anyhow::ensure!(!args.follow, "follow what no service moves: --follow needs --at");
            on_store(&there.store.parse()?, &args, &definitions).await
        }
        Way::Http(plan) => over_http(&plan, &args).await,
    }
}

async fn over_http(plan: &SidesPlan, args: &TraceArgs) -> anyhow::Result<Ended> {
    let warehouse = plan.open_warehouse().await?;
    let sides = match plan.open(Needs::Any).await {
        Err(ClientError::NoToken(_)) if warehouse.is_some() => Sides::default(),
        opened => opened?,
    };
    let mut answer = Answer::default();
    for id in &args.items {
        let look = async || {
            let gathered = itinerary::ask_all(&sides, warehouse.as_ref(), *id).await?;
            Ok::<_, ClientError>(course::put_together(*id, &gathered))
        };
        let mut traced = look().await?;
        let shown = args.follow && !args.reach.over.json;
        if let Some(first) = &mut traced
            && args.follow
        {
            follow(first, look, &plan.manner, shown).await?;
        }
        answer.take(*id, traced);
    }
    Ok(show(&answer, args))
}

/// Looks again until nothing of it is on its way, or nothing passed for as long as the patience is; what passes meanwhile is `shown` as it comes.
async fn follow(
    traced: &mut Traced,
    look: impl AsyncFn() -> Result<Option<Traced>, ClientError>,
    manner: &Manner,
    shown: bool,
) -> Result<(), ClientError> {
    let (mut backoff, mut since) = (Backoff::default(), manner.clock.now());
    let mut known: BTreeSet<String> = BTreeSet::new();
    loop {
        let fresh: Vec<String> = traced.passing().into_iter().filter(|line| known.insert(line.clone())).collect();
        if shown {
            fresh.iter().for_each(output::say);
        }
        if !fresh.is_empty() {
            (backoff, since) = (Backoff::default(), manner.clock.now());
        }
        if !traced.on_its_way || manner.clock.now().since(since) >= manner.patience {
            return Ok(());
        }
        clock::sleep(&*manner.clock, backoff.after_failure().min(LOOK_EVERY_MAX)).await;
        if let Some(later) = look().await? {
            *traced = later;
        }
    }
}

async fn on_store(location: &Location, args: &TraceArgs, definitions: &Definitions) -> anyhow::Result<Ended> {
    let (_lock, stores) = open(location, definitions).await?;
    let now = SystemClock.now();
    let mut answer = Answer::default();
    for id in &args.items {
        let gathered = gather::gather(&stores, *id, now).await?;
        answer.take(*id, course::put_together(*id, &gathered));
    }
    stores.close().await;
    Ok(show(&answer, args))
}

/// Opens the stores of an installation to look at them. Stores that are not there are not made.
///
/// # Errors
///
/// A store is missing, a service works on them, or they cannot be read.
pub async fn open(location: &Location, definitions: &Definitions) -> anyhow::Result<(StoreLock, Stores)> {
    let mut hospitals: Vec<Nihdi> =
        location.stores_of(hd4dp::SERVICE).await?.iter().filter_map(|number| number.parse().ok()).collect();
    hospitals.sort_unstable();
    anyhow::ensure!(!hospitals.is_empty(), "find a hospital in the store {location}");
    if let Location::Folder(folder) = location {
        for name in names(&hospitals) {
            let is_there = folder.join(format!("{name}.sqlite")).is_file();
            anyhow::ensure!(
                is_there,
                "find the store {name} in {location}: it takes the stores of all parties, or --at and tokens"
            );
        }
    }
    let lock = StoreLock::take(location, &names(&hospitals), Company::Alone).await?;
    let stores = Stores::open(location.clone(), &hospitals, definitions, &BTreeMap::new(), &LeftOut::default()).await?;
    Ok((lock, stores))
}

fn show(answer: &Answer, args: &TraceArgs) -> Ended {
    if args.reach.over.json {
        output::say(serde_json::to_string(answer).unwrap_or_default());
    } else if args.follow {
        // What passed was shown as it came.
        answer.traced.iter().for_each(|traced| output::say(format!("now: {}", traced.now)));
    } else {
        for (number, traced) in answer.traced.iter().enumerate() {
            if number > 0 {
                output::say("");
            }
            traced.lines().iter().for_each(output::say);
        }
    }
    for id in &answer.unknown {
        output::complain(format!("precision: no party that was asked knows {id}"));
    }
    if answer.unknown.is_empty() { Ended::Well } else { Ended::Usage }
}
