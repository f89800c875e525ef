//! Step 7 by itself: the validation environment on healthdata's data warehouse, with RabbitMQ as its broker.

use std::{process::ExitCode, sync::Arc};

use dcd::Definitions;
use dhw::{Dhw, DhwParts, Registers, SqlStore, config::Config};
use host::{StandAlone, Work, stand_alone};
use topology::Vhost;

fn main() -> ExitCode {
    stand_alone::main("The validation environment on healthdata's data warehouse (step 7)", start)
}

async fn start(config: &Config, alone: &StandAlone) -> anyhow::Result<Vec<Work>> {
    let built_in = Definitions::built_in()?;
    let definitions = config.common.definitions.iter().try_fold(built_in, |all, folder| all.with_directory(folder))?;
    let registers = Arc::new(Registers::new(&definitions));
    let dhw = Dhw::new(DhwParts {
        context: alone.context.clone(),
        definitions: Arc::new(definitions),
        store: Arc::new(SqlStore::open(alone.store(), registers).await?),
        broker: alone.connect(Vhost::Hd, &config.broker.hd).await?,
    });
    Ok(dhw.works())
}
