//! Every service is stopped and started again, one after the other, while registrations pass: as at an upgrade.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clock::{SystemClock, timeout};
use dhw::DhwStore;
use live::{
    installation::{HOSPITALS, Installation, until},
    programs,
};
use store::{FoundRow, Inspection, Location};
use testkit::Node;

/// Registrations of each hospital.
const ROWS: u64 = 3_000;
/// Whoever stops a container kills it after so long.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// One test, since the node that it starts lives as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_that_are_stopped_in_order_finish_what_they_are_at() -> Result<()> {
    let programs = programs().await?;
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let mut installation = Installation::prepare(programs, &node, 5).await?;
    installation.use_database(&["hd4dp", "ehbox-hco", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"]).await?;
    roll(&installation).await.with_context(|| installation.last_words())
}

async fn roll(installation: &Installation) -> Result<()> {
    let mut services = Vec::new();
    for name in ["ehbox-hco-00000196", "ehbox-hco-00000295", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"] {
        services.push(installation.start(name, &[]).await?);
    }
    for (nihdi, register) in HOSPITALS.iter().zip(["Precision_Local_MAB", "Precision_Treatment"]) {
        services.push(installation.upload(nihdi, register, ROWS).await?);
    }
    let warehouse = installation.warehouse().await?;
    for round in 1..=u64::try_from(services.len())? {
        let some = 2 * ROWS * round / 12;
        until(&format!("{some} registrations reach the warehouse"), async || Ok(warehouse.count().await? >= some)).await?;
        let service = services.remove(0);
        let name = service.name.clone();
        let stopped = timeout(&SystemClock, STOP_WITHIN, service.stop()).await;
        stopped.with_context(|| format!("{name} does not stop within {} s", STOP_WITHIN.as_secs()))??;
        services.push(installation.start(&name, &[]).await?);
    }
    installation.all_arrive(ROWS).await?;
    let names: Vec<String> = services.iter().map(|service| service.name.clone()).collect();
    for service in services {
        service.stop().await?;
    }
    for name in names {
        let (items, again) = passages(&installation.store(&name)?, &name).await?;
        ensure!(items > 0 && again.is_empty(), "{name} handled some of {items} items a second time: {again:?}");
    }
    Ok(())
}

/// How many items a service's itinerary has, and where one passed in the same way twice, or was known to have passed.
async fn passages(store: &Location, name: &str) -> Result<(usize, BTreeSet<String>)> {
    let mut inspection = Inspection::open(store, name).await?.with_context(|| format!("{name} has no store"))?;
    let (mut seen, mut again) = (BTreeSet::new(), BTreeSet::new());
    let look = |row: FoundRow| {
        let column = |name: &str| row.iter().find(|(column, _)| column == name).map_or(&[][..], |(_, value)| value);
        let text = |name: &str| String::from_utf8_lossy(column(name)).into_owned();
        let way = format!("{} {} {}", text("step"), text("queue"), text("outcome"));
        for item in column("items").chunks(16) {
            if !seen.insert((way.clone(), item.to_vec())) || text("outcome") == "known" {
                again.insert(way.clone());
            }
        }
    };
    inspection.each_row("itinerary", look).await?;
    inspection.close().await?;
    Ok((seen.len(), again))
}
