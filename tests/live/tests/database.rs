//! What a PostgreSQL meets in its life, under all services of an installation while registrations pass: nothing is lost, nothing is doubled, and no service has to be
//! started again by hand.

use anyhow::{Context, Result, ensure};
use dhw::DhwStore;
use live::{
    installation::{HOSPITALS, Installation, Service, until},
    programs,
};
use store::test_server::{OwnServer, Turn};
use testkit::{Cable, Node};

/// Registrations of each hospital: so many that some are on their way still when the last trouble begins, for between two of them every service notices that the
/// server is back, which it looks for every two seconds; and fewer than the patients that the TTP takes from a hospital on one day.
const ROWS: u64 = 15_000;
/// What happens. Every service notices it, and its end. What costs most time comes first, when nobody waits for the rest yet.
const TROUBLES: [(&str, Trouble); 4] = [
    ("all connections fell silent", Trouble::Silence),
    ("the server was stopped", Trouble::Server(Turn::Stop, Turn::Start)),
    ("the server was killed", Trouble::Server(Turn::Kill, Turn::Start)),
    ("the server stood still, with all connections", Trouble::Server(Turn::Pause, Turn::Resume)),
];

enum Trouble {
    /// What begins it, and what ends it.
    Server(Turn, Turn),
    /// As when a firewall forgets them: neither side hears of it, and the server keeps what they hold.
    Silence,
}

/// One test, since the node that it starts lives as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_in_trouble_loses_nothing() -> Result<()> {
    let programs = programs().await?;
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let mut server = OwnServer::start(false)?;
    let cable = Cable::to_postgres(&server.address().await?).await?;
    let mut installation = Installation::prepare(programs, &node, 5).await?;
    let services = ["hd4dp", "ehbox-hco", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"];
    installation.use_database_at(cable.url().to_owned(), &services).await?;
    under_troubles(&installation, &mut server, &cable).await.with_context(|| installation.last_words())
}

async fn under_troubles(installation: &Installation, server: &mut OwnServer, cable: &Cable) -> Result<()> {
    let mut services = Vec::new();
    for name in ["ehbox-hco-00000196", "ehbox-hco-00000295", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"] {
        services.push(installation.start(name, &[]).await?);
    }
    for (nihdi, register) in HOSPITALS.iter().zip(["Precision_Local_MAB", "Precision_Treatment"]) {
        services.push(installation.upload(nihdi, register, ROWS).await?);
    }
    let all_say = async |text: &str, times: usize| {
        for Service { name, .. } in &services {
            until(&format!("{name} says {times} times: {text}"), async || Ok(installation.times_said(name, text)? >= times))
                .await?;
        }
        anyhow::Ok(())
    };
    for (number, (what, trouble)) in (1_usize..).zip(TROUBLES) {
        let warehouse = installation.warehouse().await?;
        let some = (warehouse.count().await? + ROWS / 100).min(2 * ROWS);
        until(&format!("{some} registrations reach the warehouse"), async || Ok(warehouse.count().await? >= some)).await?;
        let before = warehouse.count().await?;
        ensure!(before < 2 * ROWS, "all had arrived before {what}");
        drop(warehouse);
        match trouble {
            Trouble::Server(begins, ends) => {
                server.turn(begins)?;
                all_say("the store does not answer", number).await?;
                server.turn(ends)?;
            }
            Trouble::Silence => {
                cable.silence();
                all_say("the store does not answer", number).await?;
            }
        }
        let warehouse = installation.warehouse().await?;
        until(&format!("more registrations reach the warehouse after {what}"), async || Ok(warehouse.count().await? > before))
            .await?;
        all_say("holds its store again", number).await?;
    }
    installation.all_arrive(ROWS).await?;
    for service in services {
        service.stop().await?;
    }
    Ok(())
}
