//! Steps 6 to 7 and back by themselves: the research application, with RabbitMQ as its broker.

use std::{process::ExitCode, sync::Arc};

use dcd::Definitions;
use hd4res::{Hd4res, Parts, SERVICE, api, at_start::AtStart, config::Config, store::SqlStore};
use host::{StandAlone, Work, stand_alone};
use store::InDatabase;
use topology::Vhost;
use web::{Opening, SqlJournal};

fn main() -> ExitCode {
    stand_alone::main_with("The research application (steps 6 to 7 and back)", start)
}

async fn start(config: &Config, alone: &StandAlone, at_start: AtStart) -> anyhow::Result<Vec<Work>> {
    let built_in = Definitions::built_in()?;
    let definitions = config.common.definitions.iter().try_fold(built_in, |all, folder| all.with_directory(folder))?;
    let store = SqlStore::open(alone.store()).await?;
    alone.count(store.database());
    let journal = Arc::new(SqlJournal::new(store.database().clone()));
    let hd4res = Hd4res::new(Parts {
        source: alone.source()?,
        context: alone.context.clone(),
        definitions: Arc::new(definitions),
        store: Arc::new(store),
        hd: alone.connect(Vhost::Hd, &config.broker.hd).await?,
    });
    if let Some(settings) = &config.api {
        let clock = Arc::clone(&alone.context.clock);
        let opening = Opening { service: SERVICE, organisation: None, journal, clock, traces: alone.traces() };
        let opened = settings.open(opening, |desk| api::api(Arc::clone(&hd4res), desk).0).await?;
        alone.until_stopped(|stop| opened.serve(stop));
    }
    Ok(at_start.works(&hd4res, config.common.itinerary_days))
}
