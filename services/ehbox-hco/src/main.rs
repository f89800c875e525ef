//! Steps 3 to 4 and back by themselves: one hospital's messaging client, with RabbitMQ on both sides.

use std::{process::ExitCode, sync::Arc};

use ehbox_hco::{EhboxHco, Parts, config::Config};
use host::{StandAlone, Work, stand_alone, watch::LOOK_FOR_KEYS_EVERY};
use sealing::keys::{KeyDirectory, Party};
use store::{Database, Schema, SqlItinerary};
use topology::Vhost;

fn main() -> ExitCode {
    stand_alone::main("A hospital's eHBox messaging client (steps 3 to 4 and back)", start)
}

async fn start(config: &Config, alone: &StandAlone) -> anyhow::Result<Vec<Work>> {
    let party = Party::EhboxHco(config.nihdi);
    let keys = KeyDirectory::open_for(alone.keys()?, party)?;
    let database = Database::open(alone.store(), &alone.name(), Schema { steps: &[] }).await?;
    alone.count(&database);
    database.remember_key(&party.to_string(), &keys.fingerprint(party)?).await?;
    let client = EhboxHco::new(Parts {
        nihdi: config.nihdi,
        source: alone.source()?,
        context: alone.context.clone(),
        keys: Arc::new(keys.messaging_in_use(party)?),
        itinerary: Arc::new(SqlItinerary::new(database)),
        hospital: alone.connect(Vhost::Hospital(config.nihdi), &config.broker.hospital).await?,
        ehealth: alone.connect(Vhost::EHealth, &config.broker.ehealth).await?,
    });
    let mut works = client.works();
    works.extend([client.watching_keys(LOOK_FOR_KEYS_EVERY), client.forgetting(config.common.itinerary_days)]);
    Ok(works)
}
