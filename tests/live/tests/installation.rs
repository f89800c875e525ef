//! The sample installation of deploy/ with every service as a process of its own: its configuration files, its keys and passwords made by its own
//! script, its users with the least permissions, on a RabbitMQ node of this test's own.
//!
//! A failure is a registration that is lost or doubled when a service is killed, a service that does not stop when told to, or one that starts
//! although it can read what is not its own.

use std::{pin::pin, sync::Arc};

use anyhow::{Context, Result, ensure};
use broker::{BrokerError, RabbitBroker};
use clock::SystemClock;
use dhw::DhwStore;
use hd4dp::store::{Hd4dpStore, UploadId};
use hd4res::store::Hd4resStore;
use live::{
    installation::{HOSPITALS, Installation, TWIN, replaced, until},
    programs,
};
use store::{Database, Schema};
use testkit::Node;
use tokio::select;
use topology::Naming;
use uuid::Uuid;

/// Registrations of each hospital.
const ROWS: u64 = 100;
/// Small publications, so that a killed service has some behind it and some before it.
const PUBLICATION_SIZE: u64 = 5;

/// Registrations of each hospital in the test with two processes of a service.
const MANY_ROWS: u64 = 1500;
/// The services that work side by side on one store, each in its role's schema.
const SIDE_BY_SIDE: [&str; 2] = ["ehealth-ttp", "hd4res"];

/// One test, since the node that it starts lives as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_services_as_processes_lose_nothing_and_keep_apart() -> Result<()> {
    let programs = programs().await?;
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let installation = Installation::prepare(programs, &node, PUBLICATION_SIZE).await?;
    let outcome = async {
        nobody_is_refused_while_definitions_are_loaded(&installation, &node).await?;
        what_is_not_there_yet_is_waited_for(&installation, &node).await?;
        nothing_is_lost_when_a_service_is_killed(&installation, &node).await?;
        what_healthdata_forgot_comes_again(&installation, &node).await?;
        who_can_read_a_foreign_key_does_not_start(&installation).await?;
        other_keys_over_a_store_are_refused(&installation).await?;
        a_store_that_a_later_release_opened_is_refused(&installation).await
    };
    outcome.await.with_context(|| installation.last_words())
}

/// Two TTPs and two HD4RES, each two on one PostgreSQL schema, of which one or the other is killed again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_a_service_on_one_store_lose_nothing_and_double_nothing() -> Result<()> {
    let programs = programs().await?;
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let mut installation = Installation::prepare(programs, &node, PUBLICATION_SIZE).await?;
    installation.use_database(&SIDE_BY_SIDE).await?;
    let outcome = side_by_side(&installation, &node).await;
    outcome.with_context(|| installation.last_words())
}

async fn side_by_side(installation: &Installation, node: &Node) -> Result<()> {
    let mut services = Vec::new();
    for name in ["ehbox-hco-00000196", "ehbox-hco-00000295", "ehbox-hd", "dhw"] {
        services.push(installation.start(name, &[]).await?);
    }
    let mut twins = Vec::new();
    for name in SIDE_BY_SIDE {
        twins.push(installation.start(name, &[]).await?);
        twins.push(installation.start(&format!("{name}{TWIN}"), &[]).await?);
    }
    for (nihdi, register) in HOSPITALS.iter().zip(["Precision_Local_MAB", "Precision_Treatment"]) {
        services.push(installation.upload(nihdi, register, MANY_ROWS).await?);
    }
    let warehouse = installation.warehouse().await?;
    let all = 2 * MANY_ROWS;
    // In turn each of the four is killed and comes back, while the registrations pass.
    for round in 1..=8_u64 {
        let some = all * round / 10;
        until(&format!("{some} registrations reach the warehouse"), async || Ok(warehouse.count().await? >= some)).await?;
        let twin = twins.remove(0);
        let name = twin.name.clone();
        twin.kill().await?;
        twins.push(installation.start(&name, &[]).await?);
    }
    installation.all_arrive(MANY_ROWS).await?;
    for service in services.into_iter().chain(twins) {
        service.stop().await?;
    }
    until("all queues are empty after an orderly end", async || Ok(left_behind(node).await?.is_empty())).await
}

/// A running broker loads its definitions when a hospital is added.
async fn nobody_is_refused_while_definitions_are_loaded(installation: &Installation, node: &Node) -> Result<()> {
    let password = std::fs::read_to_string(installation.secrets().join("services/dhw/broker"))?;
    let address = node.url("dhw", &password, "hd");
    let log_in = async || RabbitBroker::connect(&address, Naming::default(), Arc::new(SystemClock)).await;
    let mut loading = pin!(installation.declare(node));
    let mut entered = 0;
    loop {
        let attempt = select! {
            loaded = &mut loading => {
                loaded?;
                ensure!(entered > 0, "nobody logged in while definitions were loaded");
                return Ok(());
            }
            attempt = log_in() => attempt,
        };
        match attempt {
            Ok(broker) => {
                entered += 1;
                broker.close().await;
            }
            // It may be slow.
            Err(BrokerError::Unavailable) => {}
            Err(error) => return Err(error).context("log in while definitions are loaded"),
        }
    }
}

/// Neither a broker that is away nor a queue that nobody has declared ends a service; both stand in its log.
async fn what_is_not_there_yet_is_waited_for(installation: &Installation, node: &Node) -> Result<()> {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    installation.mount_keys("dhw", &installation.secrets())?;
    let elsewhere = replaced(&installation.configuration("dhw")?, &installation.broker, &nobody)?;
    let service = installation.spawn("dhw", &elsewhere, &[])?;
    until("the warehouse waits for its broker", async || installation.said("dhw", "waiting for the broker")).await?;
    service.stop().await?;

    node.control(&["delete_queue", "--quiet", "-p", "hd", "dhw.in"]).await?;
    let service = installation.spawn("dhw", &installation.configuration("dhw")?, &[])?;
    until("the warehouse says what is missing", async || installation.said("dhw", "queue dhw.in")).await?;
    ensure!(!installation.said("dhw", "started")?, "it started without its queue");
    installation.declare(node).await?;
    until("the warehouse has started", async || installation.said("dhw", "started")).await?;
    service.stop().await
}

async fn nothing_is_lost_when_a_service_is_killed(installation: &Installation, node: &Node) -> Result<()> {
    let [first, second] = HOSPITALS;
    let mut services = Vec::new();
    for name in ["ehbox-hco-00000196", "ehbox-hco-00000295", "ehealth-ttp", "ehbox-hd", "dhw"] {
        services.push(installation.start(name, &[]).await?);
    }
    let research = installation.start("hd4res", &[]).await?;
    services.push(installation.upload(first, "Precision_Local_MAB", ROWS).await?);
    let warehouse = installation.warehouse().await?;
    until("the first registration reaches the warehouse", async || Ok(warehouse.count().await? > 0)).await?;
    research.kill().await?;

    // All of the second hospital's registrations meet the gap.
    services.push(installation.upload(second, "Precision_Treatment", ROWS).await?);
    until("the second hospital's file is taken in", async || installation.said(&format!("hd4dp-{second}"), "was taken in"))
        .await?;
    let waiting = installation.hospital(second).await?;
    ensure!(waiting.tally(UploadId(1)).await?.confirmed == 0, "a registration was confirmed by a service that is down");

    services.push(installation.start("hd4res", &[]).await?);
    let mut items: Vec<Uuid> = Vec::new();
    for nihdi in HOSPITALS {
        let store = installation.hospital(nihdi).await?;
        let confirmed = async || Ok(store.tally(UploadId(1)).await?.confirmed == ROWS);
        until(&format!("all registrations of {nihdi} are confirmed"), confirmed).await?;
        let tally = store.tally(UploadId(1)).await?;
        ensure!((tally.attempted, tally.accepted, tally.rejected) == (ROWS, ROWS, 0), "{tally:?}");
        items.extend(store.uploaded(UploadId(1), None, u32::MAX).await?.iter().map(|item| item.item_id));
    }
    until("all registrations are validated", async || Ok(warehouse.validated(&items).await? == 2 * ROWS)).await?;
    ensure!(warehouse.count().await? == 2 * ROWS, "the warehouse holds {} registrations", warehouse.count().await?);
    the_figures_are_right(installation).await?;
    for service in services {
        service.stop().await?;
    }
    until("all queues are empty after an orderly end", async || Ok(left_behind(node).await?.is_empty())).await
}

/// First the data warehouse's store is gone, and HD4RES hands everything over again; then HD4RES's, and the hospitals send everything again.
async fn what_healthdata_forgot_comes_again(installation: &Installation, node: &Node) -> Result<()> {
    let again = |option: &str| option.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (forgetful, asked, option) in [
        ("dhw", vec!["hd4res"], "--validate-again"),
        ("hd4res", vec!["hd4dp-00000196", "hd4dp-00000295"], "--send-again-since 2020-01-01"),
    ] {
        let lost = installation.folder(forgetful).join("store");
        std::fs::remove_dir_all(&lost).with_context(|| format!("lose {}", lost.display()))?;
        let mut services = Vec::new();
        for name in ["ehbox-hco-00000196", "ehbox-hco-00000295", "ehealth-ttp", "ehbox-hd", "dhw"] {
            services.push(installation.start(name, &[]).await?);
        }
        for name in ["hd4res", "hd4dp-00000196", "hd4dp-00000295"] {
            let options = if asked.contains(&name) { again(option) } else { Vec::new() };
            services.push(installation.start(name, &options).await?);
        }
        let (warehouse, research) =
            (installation.warehouse().await?, hd4res::store::SqlStore::open(installation.store("hd4res")?).await?);
        let is_back = async || Ok((warehouse.count().await?, research.records().await?) == (2 * ROWS, 2 * ROWS));
        until(&format!("what {forgetful} forgot is back"), is_back).await?;
        let confirmed =
            async || Ok(installation.hospital(HOSPITALS[0]).await?.backlog().await? == hd4dp::store::Backlog::default());
        until("the hospital has its answers", confirmed).await?;
        for service in services {
            service.stop().await?;
        }
        until("all queues are empty", async || Ok(left_behind(node).await?.is_empty())).await?;
    }
    Ok(())
}

/// What each service counted of it, and nothing that looks like a national number.
async fn the_figures_are_right(installation: &Installation) -> Result<()> {
    let all = 2 * ROWS;
    let forwarded = |step: &str, queue: &str, items: u64| {
        format!("precision_items_total{{step=\"{step}\",queue=\"{queue}\",outcome=\"forwarded\",code=\"\"}} {items}")
    };
    let hospital = |nihdi: &str| {
        let queue = format!("hd4dp.{nihdi}.out");
        let sent = format!("precision_items_total{{step=\"3\",queue=\"{queue}\",outcome=\"sent\",code=\"\"}} {ROWS}");
        vec![
            sent,
            "precision_unanswered_registrations{state=\"sent\"} 0.0".to_owned(),
            "precision_oldest_unanswered_age_seconds 0.0".to_owned(),
        ]
    };
    let expected = [
        ("hd4dp-00000196", hospital("00000196")),
        ("hd4dp-00000295", hospital("00000295")),
        (
            "ehbox-hco-00000196",
            vec![forwarded("4", "ttp.in", ROWS), "precision_broker_reachable{vhost=\"ehealth\"} 1.0".to_owned()],
        ),
        ("ehealth-ttp", vec![forwarded("5", "hd.in", all), "precision_quota_limit 20000.0".to_owned()]),
        ("ehbox-hd", vec![forwarded("6", "hd4res.in", all), "precision_queue_dead_letters{queue=\"hd.in\"} 0.0".to_owned()]),
        ("hd4res", vec!["precision_ready 1".to_owned(), "precision_queue_publications{queue=\"hd4res.in\"} 0.0".to_owned()]),
        ("dhw", vec![format!("precision_items_total{{step=\"7\",queue=\"dhw.in\",outcome=\"validated\",code=\"\"}} {all}")]),
    ];
    for (name, lines) in expected {
        let text = installation.metrics(name).await?;
        for line in lines {
            ensure!(text.lines().any(|said| said == line), "{name} does not say `{line}`:\n{text}");
        }
        let longest = text.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max();
        ensure!(longest < Some(11), "{name} says a number of eleven digits:\n{text}");
    }
    Ok(())
}

/// Queues that hold anything, dead letters too.
async fn left_behind(node: &Node) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for vhost in ["hospital-00000196", "hospital-00000295", "ehealth", "hd"] {
        let said = node.control(&["list_queues", "--quiet", "--no-table-headers", "-p", vhost, "name", "messages"]).await?;
        left.extend(said.lines().filter(|line| !line.trim().is_empty() && !line.ends_with("\t0")).map(str::to_owned));
    }
    Ok(left)
}

async fn who_can_read_a_foreign_key_does_not_start(installation: &Installation) -> Result<()> {
    for name in ["hd4dp-00000196", "ehbox-hco-00000196", "ehealth-ttp", "ehbox-hd"] {
        let text = installation.configuration(name)?;
        let own = installation.folder(name).join("keys");
        let all = installation.secrets().join("keys");
        let text = replaced(&text, &own.to_string_lossy(), &all.to_string_lossy())?;
        installation.refuses_to_start(name, &text, "keep the parties apart").await?;
    }
    Ok(())
}

async fn other_keys_over_a_store_are_refused(installation: &Installation) -> Result<()> {
    let other = installation.top().join("other");
    installation.make_secrets(&other).await?;
    for name in ["hd4dp-00000295", "ehbox-hco-00000295", "ehealth-ttp", "ehbox-hd"] {
        installation.mount_keys(name, &other)?;
        installation.refuses_to_start(name, &installation.configuration(name)?, "was written under other ones").await?;
    }
    Ok(())
}

async fn a_store_that_a_later_release_opened_is_refused(installation: &Installation) -> Result<()> {
    for (name, schema) in [
        ("hd4dp-00000196", hd4dp::store::SqlStore::SCHEMA),
        ("ehbox-hco-00000196", Schema { steps: &[] }),
        ("ehealth-ttp", ehealth_ttp::store::SqlStore::SCHEMA),
        ("ehbox-hd", ehbox_hd::store::SqlStore::SCHEMA),
        ("hd4res", hd4res::store::SqlStore::SCHEMA),
        ("dhw", dhw::SqlStore::SCHEMA),
    ] {
        let later = Schema { steps: Vec::leak([schema.steps, &["CREATE TABLE further (id INTEGER PRIMARY KEY)"]].concat()) };
        Database::open(installation.store(name)?, name, later).await?.close().await;
        let reason =
            format!("it has schema {}, and this program knows no later one than schema {}", later.number(), schema.number());
        installation.refuses_to_start(name, &installation.configuration(name)?, &reason).await?;
    }
    Ok(())
}
