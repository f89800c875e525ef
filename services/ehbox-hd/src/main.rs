//! Steps 5 to 6 and back by themselves: healthdata's messaging client, with RabbitMQ on both sides.

use std::{process::ExitCode, sync::Arc};

use dcd::Definitions;
use ehbox_hd::{EhboxHd, Parts, config::Config, store::SqlStore};
use host::{StandAlone, Work, stand_alone, watch::LOOK_FOR_KEYS_EVERY};
use sealing::keys::{KeyDirectory, Party};
use store::InDatabase;
use topology::Vhost;

fn main() -> ExitCode {
    stand_alone::main("healthdata's eHBox messaging client (steps 5 to 6 and back)", start)
}

async fn start(config: &Config, alone: &StandAlone) -> anyhow::Result<Vec<Work>> {
    let party = Party::EhboxHd;
    let keys = KeyDirectory::open_for(alone.keys()?, party)?;
    let built_in = Definitions::built_in()?;
    let definitions = config.common.definitions.iter().try_fold(built_in, |all, folder| all.with_directory(folder))?;
    let store = SqlStore::open(alone.store()).await?;
    alone.count(store.database());
    store.database().remember_key(&party.to_string(), &keys.fingerprint(party)?).await?;
    let client = EhboxHd::new(Parts {
        source: alone.source()?,
        context: alone.context.clone(),
        keys: Arc::new(keys.messaging_in_use(party)?),
        definitions: Arc::new(definitions),
        store: Arc::new(store),
        ehealth: alone.connect(Vhost::EHealth, &config.broker.ehealth).await?,
        hd: alone.connect(Vhost::Hd, &config.broker.hd).await?,
    });
    let mut works = client.works();
    works.extend([client.watching_keys(LOOK_FOR_KEYS_EVERY), client.forgetting(config.common.itinerary_days)]);
    Ok(works)
}
