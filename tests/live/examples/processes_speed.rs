//! What it costs that the services are processes of their own: registrations per second of the sample installation on RabbitMQ and PostgreSQL, against one process
//! on the same RabbitMQ; and how soon each service is ready, and how much memory it takes when idle.
//!
//! `cargo run --release -p live --example processes_speed -- [registrations] [rounds] [publication size]`. RabbitMQ and PostgreSQL are started for it, as they are installed on this machine, and write what they
//! confirm to the disk: `TMPDIR` should be on one. Each round measures the one and the other. More than 20,000 patients would be held back by the TTP's quota of a day.
#![allow(clippy::print_stdout, reason = "a measurement, run by hand")]

use anyhow::{Context, Result, ensure};
use clock::{Clock as _, SystemClock, Timestamp};
use dhw::DhwStore;
use hd4dp::store::{Hd4dpStore, UploadId};
use live::{
    installation::{HOSPITALS, Installation, Service, until},
    programs,
};
use serde_json::Value;
use store::test_server::OwnServer;
use testkit::Node;
use tokio::process::Command;

/// Along the route, of one hospital.
const SERVICES: [&str; 6] = ["dhw", "hd4res", "ehbox-hd", "ehealth-ttp", "ehbox-hco-00000196", "hd4dp-00000196"];
/// As the sample has it, and the one process.
const PUBLICATION_SIZE: u64 = 1_000;
/// What a service logs when it is ready.
const STARTED: &str = "\"started\"";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |default| arguments.next().map_or(Ok(default), |text| text.parse());
    let (count, rounds, publication_size): (u64, u64, u64) = (argument(20_000)?, argument(2)?, argument(PUBLICATION_SIZE)?);
    let server = OwnServer::start(true)?;
    for round in 1..=rounds {
        let node = Node::start().await?;
        let alone = one_process(&node, count).await?;
        println!("round {round}: one process {alone:.0}/s");
        let mut installation = Installation::prepare(programs().await?, &node, publication_size).await?;
        installation
            .use_database_at(server.address().await?, &["hd4dp", "ehbox-hco", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"])
            .await?;
        let apart = processes(&installation, count).await.with_context(|| installation.last_words())?;
        println!("round {round}: processes {apart:.0}/s, {:.2} of one process", apart / alone);
    }
    Ok(())
}

/// `precision bench` on this RabbitMQ, its stores in SQLite.
async fn one_process(node: &Node, count: u64) -> Result<f64> {
    let mut bench = Command::new(programs().await?.join("precision"));
    bench.args(["bench", "--json", "--count", &count.to_string(), "--broker", &node.url("guest", "guest", "/")]);
    let output = bench.output().await?;
    ensure!(output.status.success(), "precision bench: {}", String::from_utf8_lossy(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout)?;
    figures["registrations_per_s"].as_f64().context("find the rate")
}

/// When a service was ready for the last time, as it says itself.
fn started_at(installation: &Installation, name: &str) -> Result<Timestamp> {
    let log = std::fs::read_to_string(installation.folder(name).join("log"))?;
    let line: Value = serde_json::from_str(log.lines().rfind(|line| line.contains(STARTED)).context("find when it started")?)?;
    Ok(line["timestamp"].as_str().context("find the time of a line")?.parse()?)
}

async fn processes(installation: &Installation, count: u64) -> Result<f64> {
    let mut services: Vec<Service> = Vec::new();
    // The first start makes the store.
    for name in SERVICES {
        installation.start(name, &[]).await?.stop().await?;
        let start = SystemClock.now();
        let service = installation.spawn(name, &installation.configuration(name)?, &[])?;
        until("it has started again", async || Ok(installation.times_said(name, STARTED)? == 2)).await?;
        println!("{name}: ready after {} ms", started_at(installation, name)?.since(start).as_millis());
        services.push(service);
    }
    for service in &services {
        let mut before = None;
        until("its memory stands still", async || {
            let now = Some(service.memory()?);
            Ok(std::mem::replace(&mut before, now) == now)
        })
        .await?;
        println!("{}: {} when idle", service.name, service.memory()?);
    }
    // HD4DP takes a file in when it starts.
    services.pop().context("find HD4DP")?.stop().await?;
    services.push(installation.upload(HOSPITALS[0], "Precision_Local_MAB", count).await?);
    let start = started_at(installation, SERVICES[5])?;
    let (hospital, warehouse) = (installation.hospital(HOSPITALS[0]).await?, installation.warehouse().await?);
    // To count what the hospital has been answered takes 30 ms of the database; that is asked when little can be missing.
    let is_all_there = async || Ok(warehouse.count().await? == count && hospital.tally(UploadId(1)).await?.confirmed == count);
    until("all are confirmed and validated", is_all_there).await?;
    let elapsed = SystemClock.now().since(start);
    for service in services {
        println!("{}: {} after {count}", service.name, service.memory()?);
        service.stop().await?;
    }
    Ok(count as f64 / elapsed.as_secs_f64())
}
