//! Every service is stopped and started again, one after the other, while registrations pass: as at an upgrade.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clock::{SystemClock, timeout};
use dhw::DhwStore;
use hd4dp::store::{Hd4dpStore, UploadId};
use live::{
    installation::{HOSPITALS, Installation, until},
    programs,
};
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
    let mut handled_again = 0;
    for round in 1..=u64::try_from(services.len())? {
        let some = 2 * ROWS * round / 12;
        until(&format!("{some} registrations reach the warehouse"), async || Ok(warehouse.count().await? >= some)).await?;
        let service = services.remove(0);
        let name = service.name.clone();
        handled_again += doubles(&installation.metrics(&name).await?);
        let stopped = timeout(&SystemClock, STOP_WITHIN, service.stop()).await;
        stopped.with_context(|| format!("{name} does not stop within {} s", STOP_WITHIN.as_secs()))??;
        services.push(installation.start(&name, &[]).await?);
    }
    for nihdi in HOSPITALS {
        let store = installation.hospital(nihdi).await?;
        let confirmed = async || Ok(store.tally(UploadId(1)).await?.confirmed == ROWS);
        until(&format!("all registrations of {nihdi} are confirmed"), confirmed).await?;
    }
    until("all are validated", async || Ok(warehouse.count().await? == 2 * ROWS)).await?;
    for service in services {
        handled_again += doubles(&installation.metrics(&service.name).await?);
        service.stop().await?;
    }
    ensure!(handled_again == 0, "{handled_again} items were handled a second time");
    Ok(())
}

/// Items that came a second time, as a service counts them.
fn doubles(metrics: &str) -> u64 {
    let counted = metrics.lines().filter(|line| line.starts_with("precision_items_total") && line.contains("outcome=\"known\""));
    counted.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}
