//! Steps 1 to 3 and back by themselves: the registration application of one hospital, with RabbitMQ as its broker.

use std::{process::ExitCode, sync::Arc};

use hd4dp::{Hd4dp, Parts, api, at_start::AtStart, config::Config, opening};
use host::{StandAlone, Work, stand_alone};
use sealing::keys::{KeyDirectory, Party};
use topology::Vhost;
use web::SqlJournal;

fn main() -> ExitCode {
    stand_alone::main_with("A hospital's registration application (steps 1 to 3 and back)", start)
}

async fn start(config: &Config, alone: &StandAlone, at_start: AtStart) -> anyhow::Result<Vec<Work>> {
    let keys = KeyDirectory::open_for(alone.keys()?, Party::Hd4dp(config.nihdi))?;
    let definitions = Arc::new(opening::definitions(config.common.definitions.as_deref())?);
    let files = at_start.open(&definitions, &config.uploads, alone.context.clock.now().date())?;
    let store = opening::store(alone.store(), config.nihdi, &keys.fingerprint(Party::Hd4dp(config.nihdi))?, &definitions).await?;
    let database = store::InDatabase::database(&store).clone();
    alone.count(&database);
    let parts = Parts {
        nihdi: config.nihdi,
        source: alone.source()?,
        context: alone.context.clone(),
        broker: alone.connect(Vhost::Hospital(config.nihdi), &config.broker.hospital).await?,
        store: Arc::new(store),
        definitions,
        secrets: opening::secrets(&keys.hospital_secrets(&config.nihdi)?),
        publication_size: config.sending.publication_size,
        window: config.sending.window,
    };
    let hd4dp = Hd4dp::new(parts).await?;
    alone.metrics().measure(hd4dp.measure());
    if let Some(settings) = &config.api {
        let opened = api::open(settings, &hd4dp, Arc::new(SqlJournal::new(database)), alone.traces()).await?;
        alone.until_stopped(|stop| opened.serve(stop));
    }
    Ok(files.works(&hd4dp, config))
}
