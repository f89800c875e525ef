//! A recording of a flow over a real RabbitMQ, and its replay onto an installation that runs there.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use broker::{Broker as _, RabbitBroker};
use clock::{SystemClock, timeout};
use simulator::recording::Recording;
use testkit::{Rabbit, unique_prefix, until};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};
use topology::{Arrow, Naming, Nihdi, Topology};

const HOSPITAL: &str = "00000196";
const DEADLINE: Duration = Duration::from_secs(60);

/// Starts a command and waits for a line that it says on standard error.
async fn start(program: &Path, folder: &Path, arguments: &[&str], line: &str) -> Result<Child> {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("hear it")?).lines();
    let said = async {
        while let Some(said) = lines.next_line().await? {
            if said.contains(line) {
                return Ok(true);
            }
        }
        anyhow::Ok(false)
    };
    ensure!(timeout(&SystemClock, DEADLINE, said).await.context("wait for it")??, "it ended without saying {line}");
    // Whoever still speaks must be heard, or it would wait for ever.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(child)
}

async fn call(program: &Path, folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).current_dir(folder).output().await?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

/// The flow goes on as if nobody listened; what was heard has no second effect when it comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_is_tapped_and_replayed_onto_services_that_run() -> Result<()> {
    let precision = live::programs().await?.join("precision");
    let rabbit = Rabbit::find().await?;
    let temporary = tempfile::tempdir()?;
    let folder = temporary.path();
    // The queues stand before the flow does, so that the tap can be beside them.
    let prefix = unique_prefix();
    std::fs::create_dir(folder.join("store"))?;
    std::fs::write(folder.join("store/installation"), format!("{prefix}\n"))?;
    let hospital: Nihdi = HOSPITAL.parse()?;
    let topology = Topology::for_hospitals(&[hospital]);
    let broker = RabbitBroker::connect(rabbit.url(), Naming::prefixed(prefix), Arc::new(SystemClock)).await?;
    broker.declare(&topology).await?;
    let outcome = record_and_replay(&precision, folder, rabbit.url(), &broker).await;
    broker.delete(&topology).await?;
    broker.close().await;
    outcome
}

async fn record_and_replay(precision: &Path, folder: &Path, url: &str, broker: &RabbitBroker) -> Result<()> {
    let store = ["--broker", url, "--store", "store"];
    let register = ["--dcd", "Precision_Local_MAB", "--org", HOSPITAL];
    call(precision, folder, &[&["generate", "--count", "20", "--seed", "1", "-o", "mab.csv"], &register[..]].concat()).await?;
    // Four steps with four publications of five registrations each.
    let record = [&["record", "--org", HOSPITAL, "-o", "live.recording", "--count", "16", "--json"], &store[..]].concat();
    let recorder = start(precision, folder, &record, "recording into").await?;
    let run = [&["run", "--out", "out", "--publication-size", "5", "--json", "mab.csv"], &store[..], &register[..]].concat();
    let summary = call(precision, folder, &run).await?;
    ensure!(summary.contains("\"confirmed\":20") && summary.contains("\"redelivered\":0"), "{summary}");
    let ended = timeout(&SystemClock, DEADLINE, recorder.wait_with_output()).await.context("wait for the recorder")??;
    ensure!(ended.status.success(), "the recorder ended with {}", ended.status);
    let recording = Recording::open(&folder.join("live.recording"))?;
    ensure!(recording.entries().len() == 16, "{} publications", recording.entries().len());
    // A clean run deletes its queues; services that go on declare them again.
    let mut services = start(precision, folder, &[&["serve", "--org", HOSPITAL], &store[..]].concat(), "serving").await?;
    let replay = [&["replay", "live.recording", "--json"], &store[..]].concat();
    let first = call(precision, folder, &replay).await?;
    ensure!(first.contains("\"replayed\":16"), "{first}");
    let second = call(precision, folder, &replay).await?;
    ensure!(second.contains("\"replayed\":0") && second.contains("\"was_replayed_at\":\"2"), "{second}");
    for arrow in [Arrow::ToTtp, Arrow::ToHd, Arrow::ToHd4res, Arrow::ToTtpBack] {
        let is_empty = async || Ok(broker.depth(&arrow.queue(None)).await?.ready == 0);
        until("everything was taken", DEADLINE, is_empty).await?;
    }
    services.kill().await?;
    // The figures are those of before, and nothing of it is new.
    let again =
        call(precision, folder, &[&["run", "--out", "out2", "--json", "mab.csv"], &store[..], &register[..]].concat()).await?;
    ensure!(
        again.contains("\"confirmed\":20") && again.contains("\"unchanged\":20") && again.contains("\"unexpected\":0"),
        "{again}"
    );
    Ok(())
}

/// What was replayed says so beside its payload, for whoever looks at a queue; the tap takes nothing from anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tap_takes_nothing_and_is_refused_without_queues() -> Result<()> {
    let rabbit = Rabbit::find().await?;
    let broker = RabbitBroker::connect(rabbit.url(), Naming::prefixed(unique_prefix()), Arc::new(SystemClock)).await?;
    let topology = Topology::for_hospitals(&[]);
    let routes = [(Arrow::ToTtp.queue(None), Arrow::ToTtp.route(None))];
    let refused = broker.tap(&routes, uuid::Uuid::from_u128(1)).await.err();
    ensure!(refused == Some(broker::BrokerError::UnknownQueue(Arrow::ToTtp.queue(None))), "{refused:?}");
    broker.declare(&topology).await?;
    let outcome = async {
        let mut tap = broker.tap(&routes, uuid::Uuid::from_u128(1)).await?;
        let payload = broker::Payload::from_static(b"{}");
        let headers = [("precision-replay", "one".to_owned()), ("precision-replay-of", "two".to_owned())];
        broker.publish_with(&Arrow::ToTtp.route(None), payload.clone(), &headers).await?;
        let tapped = timeout(&SystemClock, DEADLINE, tap.next()).await.context("hear it")??;
        ensure!((tapped.routing_key.as_str(), &tapped.payload) == ("ttp.in", &payload), "{tapped:?}");
        let mut reader = broker.consume(&Arrow::ToTtp.queue(None), 1).await?;
        let delivery = timeout(&SystemClock, DEADLINE, reader.next()).await.context("read it")??;
        ensure!(delivery.payload == payload, "another payload");
        delivery.ack()?;
        tap.close().await;
        anyhow::Ok(())
    };
    let outcome = outcome.await;
    broker.delete(&topology).await?;
    broker.close().await;
    outcome
}
