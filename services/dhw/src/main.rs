//! Step 7 by itself: the validation environment on healthdata's data warehouse, with RabbitMQ as its broker.

use std::{process::ExitCode, sync::Arc};

use dcd::Definitions;
use dhw::{Dhw, DhwParts, Registers, SqlStore, api, config::Config, service::SERVICE};
use host::{StandAlone, Work, stand_alone};
use store::InDatabase;
use topology::Vhost;
use web::{Opening, SqlJournal};

fn main() -> ExitCode {
    stand_alone::main("The validation environment on healthdata's data warehouse (step 7)", start)
}

async fn start(config: &Config, alone: &StandAlone) -> anyhow::Result<Vec<Work>> {
    let built_in = Definitions::built_in()?;
    let definitions = config.common.definitions.iter().try_fold(built_in, |all, folder| all.with_directory(folder))?;
    let registers = Arc::new(Registers::new(&definitions));
    let store = SqlStore::open(alone.store(), registers).await?;
    alone.count(store.database());
    let journal = Arc::new(SqlJournal::new(store.database().clone()));
    let dhw = Dhw::new(DhwParts {
        context: alone.context.clone(),
        definitions: Arc::new(definitions),
        store: Arc::new(store),
        broker: alone.connect(Vhost::Hd, &config.broker.hd).await?,
    });
    if let Some(settings) = &config.api {
        let clock = Arc::clone(&alone.context.clock);
        let opening = Opening { service: SERVICE, organisation: None, journal, clock, traces: alone.traces() };
        let opened = settings.open(opening, |desk| api::api(Arc::clone(&dhw), desk).0).await?;
        alone.until_stopped(|stop| opened.serve(stop));
    }
    Ok(dhw.works().into_iter().chain([dhw.forgetting(config.common.itinerary_days)]).collect())
}
