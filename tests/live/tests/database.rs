//! What a PostgreSQL meets in its life, under all services of an installation while registrations pass: nothing is lost, nothing is doubled, and no service has to be
//! started again by hand.

use anyhow::{Context, Result, ensure};
use dhw::DhwStore;
use live::{
    installation::{HOSPITALS, Installation, until},
    programs,
};
use store::test_server::{OwnServer, Turn};
use testkit::Node;

/// Registrations of each hospital.
const ROWS: u64 = 2_000;
/// What happens to the server, and what ends it. In between every service notices.
const TROUBLES: [(&str, Turn, Turn); 3] = [
    ("stopped", Turn::Stop, Turn::Start),
    ("killed", Turn::Kill, Turn::Start),
    ("it stands still, with all connections", Turn::Pause, Turn::Resume),
];

/// One test, since the node that it starts lives as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_in_trouble_loses_nothing() -> Result<()> {
    let programs = programs().await?;
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let mut server = OwnServer::start(false)?;
    let mut installation = Installation::prepare(programs, &node, 5).await?;
    let services = ["hd4dp", "ehbox-hco", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"];
    installation.use_database_at(server.address().await?, &services).await?;
    under_troubles(&installation, &mut server).await.with_context(|| installation.last_words())
}

async fn under_troubles(installation: &Installation, server: &mut OwnServer) -> Result<()> {
    let mut services = Vec::new();
    for name in ["ehbox-hco-00000196", "ehbox-hco-00000295", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"] {
        services.push(installation.start(name, &[]).await?);
    }
    for (nihdi, register) in HOSPITALS.iter().zip(["Precision_Local_MAB", "Precision_Treatment"]) {
        services.push(installation.upload(nihdi, register, ROWS).await?);
    }
    for (number, (what, begins, ends)) in (1_usize..).zip(TROUBLES) {
        let warehouse = installation.warehouse().await?;
        let some = 2 * ROWS * u64::try_from(number)? / 8;
        until(&format!("{some} registrations reach the warehouse"), async || Ok(warehouse.count().await? >= some)).await?;
        let before = warehouse.count().await?;
        ensure!(before < 2 * ROWS, "all had arrived before it was {what}");
        drop(warehouse);
        server.turn(begins)?;
        for service in &services {
            until(&format!("{} says that its store does not answer, {what}", service.name), async || {
                Ok(installation.times_said(&service.name, "the store does not answer")? >= number)
            })
            .await?;
        }
        server.turn(ends)?;
        let warehouse = installation.warehouse().await?;
        until(&format!("more registrations reach the warehouse after it was {what}"), async || {
            Ok(warehouse.count().await? > before)
        })
        .await?;
    }
    installation.all_arrive(ROWS).await?;
    for service in services {
        service.stop().await?;
    }
    Ok(())
}
