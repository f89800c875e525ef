//! Step 7 by itself: the validation environment on healthdata's data warehouse, with RabbitMQ as its broker.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use broker::RabbitBroker;
use clap::Parser;
use clock::{Clock, SystemClock};
use dcd::Definitions;
use dhw::{Dhw, DhwParts, Registers, SqliteStore, config::Config};
use host::{Chance, Context, NoProbe, logging, process};
use topology::Naming;

/// The validation environment on healthdata's data warehouse (step 7).
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file (TOML)
    #[arg(long)]
    config: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Config { common, broker } = host::config::load(&Arguments::parse().config)?;
    logging::start(common.log, "info");
    let built_in = Definitions::built_in()?;
    let definitions = Arc::new(common.definitions.iter().try_fold(built_in, |all, folder| all.with_directory(folder))?);
    let _lock = store::StoreLock::take(&common.store)?;
    let store = Arc::new(SqliteStore::open(&common.store, Arc::new(Registers::new(&definitions))).await?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let naming = Naming { prefix: broker.prefix.clone() };
    let broker = RabbitBroker::connect(&broker.address()?, naming, Arc::clone(&clock)).await.context("connect to the broker")?;
    let chance = Arc::new(Chance::from_system().context("draw randomness")?);
    let context = Context { clock: Arc::clone(&clock), chance, probe: Arc::new(NoProbe) };
    let dhw = Dhw::new(DhwParts { context, broker: Arc::new(broker), store, definitions });
    process::supervise(dhw.works(), clock, process::told_to_stop()).await;
    Ok(())
}
