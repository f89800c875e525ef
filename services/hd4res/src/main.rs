//! Steps 6 to 7 and back by themselves: the research application, with RabbitMQ as its broker.

use std::{process::ExitCode, sync::Arc};

use dcd::Definitions;
use hd4res::{Hd4res, Parts, config::Config, store::SqlStore};
use host::{StandAlone, Work, stand_alone};
use topology::Vhost;

fn main() -> ExitCode {
    stand_alone::main("The research application (steps 6 to 7 and back)", start)
}

async fn start(config: &Config, alone: &StandAlone) -> anyhow::Result<Vec<Work>> {
    let built_in = Definitions::built_in()?;
    let definitions = config.common.definitions.iter().try_fold(built_in, |all, folder| all.with_directory(folder))?;
    let hd4res = Hd4res::new(Parts {
        source: alone.source()?,
        context: alone.context.clone(),
        definitions: Arc::new(definitions),
        store: Arc::new(SqlStore::open(alone.store()).await?),
        hd: alone.connect(Vhost::Hd, &config.broker.hd).await?,
    });
    Ok(hd4res.works())
}
