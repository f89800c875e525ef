//! Steps 4 to 5 and back by themselves: the trusted third party, with RabbitMQ as its broker.

use std::{process::ExitCode, sync::Arc};

use ehealth_ttp::{EhealthTtp, Parts, config::Config, store::SqlStore};
use host::{StandAlone, Work, stand_alone, watch::LOOK_FOR_KEYS_EVERY};
use sealing::keys::{KeyDirectory, Party};
use store::InDatabase;
use topology::Vhost;

fn main() -> ExitCode {
    stand_alone::main("The trusted third party that pseudonymises (steps 4 to 5 and back)", start)
}

async fn start(config: &Config, alone: &StandAlone) -> anyhow::Result<Vec<Work>> {
    let party = Party::EhealthTtp;
    let keys = KeyDirectory::open_for(alone.keys()?, party)?;
    let store = SqlStore::open(alone.store()).await?;
    alone.count(store.database());
    store.database().remember_key(&party.to_string(), &keys.fingerprint(party)?).await?;
    let ttp = EhealthTtp::new(Parts {
        source: alone.source()?,
        context: alone.context.clone(),
        keys: Arc::new(keys.ttp_in_use()?),
        quota: Some(config.quota.patients_per_day),
        store: Arc::new(store),
        ehealth: alone.connect(Vhost::EHealth, &config.broker.ehealth).await?,
    })?;
    alone.metrics().measure(ttp.measure());
    let mut works = ttp.works();
    works.extend([ttp.watching_keys(LOOK_FOR_KEYS_EVERY), ttp.forgetting(config.common.itinerary_days)]);
    Ok(works)
}
