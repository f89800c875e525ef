//! Dead letters on a real RabbitMQ: the contract that the embedded broker keeps too, and the command that is its own job.

use std::{process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use broker::{Broker as _, Payload, RabbitBroker, contract::Subject};
use clock::SystemClock;
use serde_json::Value;
use simulator::letters::{Place, contract};
use testkit::{Rabbit, RabbitSubject, unique_prefix, until};
use tokio::process::{Child, Command};
use topology::{Naming, Nihdi, Topology};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_keeps_the_contract_of_dead_letters() -> Result<()> {
    let rabbit = Rabbit::find().await?;
    for case in contract::CASES {
        println!("{}", case.name);
        let subject = |topology| async {
            Box::new(RabbitSubject::declare(rabbit.url(), topology).await.expect("the queues are declared")) as Box<dyn Subject>
        };
        contract::check(case, subject).await;
    }
    Ok(())
}

/// The queues of an installation that no service runs on.
struct Quiet {
    rabbit: Rabbit,
    broker: RabbitBroker,
    topology: Topology,
    store: tempfile::TempDir,
    hospital: Nihdi,
}

impl Quiet {
    async fn declare() -> Result<Self> {
        let (rabbit, store, prefix) = (Rabbit::find().await?, tempfile::tempdir()?, unique_prefix());
        std::fs::write(store.path().join("installation"), &prefix)?;
        let hospital: Nihdi = "00000196".parse()?;
        let topology = Topology::for_hospitals(&[hospital]);
        let broker = RabbitBroker::connect(rabbit.url(), Naming::prefixed(prefix), Arc::new(SystemClock)).await?;
        broker.declare(&topology).await?;
        Ok(Self { rabbit, broker, topology, store, hospital })
    }

    async fn set_aside(&self, place: Place, count: u32) -> Result<()> {
        for number in 0..count {
            let route = place.arrow.dead_route(place.nihdi.as_ref());
            self.broker.publish(&route, Payload::from(format!("no publication, number {number}"))).await?;
        }
        Ok(())
    }

    /// How many letters stand in a place's queue, and in that of its dead letters.
    async fn depths(&self, place: Place) -> Result<(u64, u64)> {
        Ok((self.broker.depth(&place.queue()).await?.ready, self.broker.depth(&place.dead()).await?.ready))
    }

    async fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(live::programs().await?.join("precision"));
        command.arg("dead-letters").args(arguments).args(["--json", "--broker", self.rabbit.url()]);
        command.args(["--org", self.hospital.as_str()]).arg("--store").arg(self.store.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }

    async fn json(&self, arguments: &[&str]) -> Result<(Value, Option<i32>)> {
        self.ended(self.command(arguments).await?.spawn()?).await
    }

    async fn ended(&self, child: Child) -> Result<(Value, Option<i32>)> {
        let output = child.wait_with_output().await?;
        let said = String::from_utf8_lossy(&output.stdout);
        let answer = serde_json::from_str(&said).with_context(|| format!("{said}{}", String::from_utf8_lossy(&output.stderr)))?;
        Ok((answer, output.status.code()))
    }

    async fn retire(self) -> Result<()> {
        self.broker.delete(&self.topology).await?;
        self.broker.close().await;
        Ok(())
    }
}

const TTP: Place = Place { arrow: topology::Arrow::ToTtp, nihdi: None };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_lists_and_puts_back() -> Result<()> {
    let quiet = Quiet::declare().await?;
    let at_hospital = Place { arrow: topology::Arrow::HandOver, nihdi: Some(quiet.hospital) };
    quiet.set_aside(TTP, 3).await?;
    quiet.set_aside(at_hospital, 2).await?;
    let (listed, status) = quiet.json(&["list"]).await?;
    let queues: Vec<&str> =
        listed["dead_letters"].as_array().into_iter().flatten().filter_map(|one| one["queue"].as_str()).collect();
    let (of_hospital, of_ttp) = ("hd4dp.00000196.out.dead", "ttp.in.dead");
    ensure!(queues == [of_hospital, of_hospital, of_ttp, of_ttp, of_ttp] && status == Some(0), "{listed}");
    ensure!(listed["dead_letters"][0]["reason"] == "NOT_JSON" && listed["missed"] == serde_json::json!([]), "{listed}");
    let (some, status) = quiet.json(&["requeue", "--step", "4", "--reason", "NOT_JSON"]).await?;
    ensure!((&some["state"], &some["requeued"], status) == (&"done".into(), &3.into(), Some(0)), "{some}");
    ensure!(quiet.depths(TTP).await? == (3, 0) && quiet.depths(at_hospital).await? == (0, 2), "{some}");
    let (all, status) = quiet.json(&["requeue", "--all"]).await?;
    ensure!((&all["total"], &all["requeued"], status) == (&2.into(), &2.into(), Some(0)), "{all}");
    ensure!(quiet.depths(at_hospital).await? == (2, 0), "{all}");
    let (none, status) = quiet.json(&["requeue", "018f3c2e-0000-8000-8000-000000000001"]).await?;
    ensure!(none["error"].as_str().is_some_and(|error| error.contains("UNKNOWN_DEAD_LETTER")) && status == Some(2), "{none}");
    quiet.retire().await
}

/// What Ctrl-C and Ctrl-Z of a terminal send.
async fn signal(child: &Child, name: &str) -> Result<()> {
    let pid = child.id().context("it has ended")?.to_string();
    ensure!(Command::new("kill").args([name, &pid]).status().await?.success(), "the signal is not sent");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_interrupted_ends_in_order_and_one_that_is_killed_loses_nothing() -> Result<()> {
    let quiet = Quiet::declare().await?;
    quiet.set_aside(TTP, 50).await?;
    let slow = quiet.command(&["requeue", "--all", "--per-minute", "600"]).await?.spawn()?;
    until("some are back", Duration::from_secs(20), async || Ok(quiet.depths(TTP).await?.0 >= 2)).await?;
    signal(&slow, "-INT").await?;
    let (cancelled, status) = quiet.ended(slow).await?;
    ensure!(cancelled["state"] == "cancelled" && status == Some(3), "{cancelled}");
    let (back, left) = (cancelled["requeued"].as_u64().unwrap_or(0), cancelled["left"].as_u64().unwrap_or(0));
    let all_there = async || Ok(quiet.depths(TTP).await? == (back, left));
    until("each letter stands in one queue", Duration::from_secs(20), all_there).await?;
    ensure!(back + left == 50, "{cancelled}");

    let mut killed = quiet.command(&["requeue", "--all", "--per-minute", "600"]).await?.spawn()?;
    until("some more are back", Duration::from_secs(20), async || Ok(quiet.depths(TTP).await?.0 >= back + 2)).await?;
    // Stopped as by Ctrl-Z, it holds nothing up for long, and goes on where it was.
    signal(&killed, "-STOP").await?;
    let stopped_at = quiet.depths(TTP).await?.0;
    signal(&killed, "-CONT").await?;
    until("it goes on", Duration::from_secs(20), async || Ok(quiet.depths(TTP).await?.0 > stopped_at)).await?;
    killed.kill().await?;
    let nothing_lost = async || Ok(quiet.depths(TTP).await?.0 + quiet.depths(TTP).await?.1 >= 50);
    until("what it had in hand is back", Duration::from_secs(20), nothing_lost).await?;
    let (rest, status) = quiet.json(&["requeue", "--all"]).await?;
    ensure!(rest["state"] == "done" && status == Some(0), "{rest}");
    let (back, left) = quiet.depths(TTP).await?;
    // At most the letter that was in hand stands there twice.
    ensure!((50..=51).contains(&back) && left == 0, "{back} are back and {left} are left");
    quiet.retire().await
}

/// A letter that the command can read, set aside at a time.
async fn set_aside_at(quiet: &Quiet, number: u32, time: &str) -> Result<()> {
    let id = format!("018f3c2e-0000-8000-8000-00000000000{number}");
    let letter = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"dhw","type":"be.healthdata.precision.verdict.v1","time":"{time}","reason":"UNKNOWN_ITEM","data":{{"items":[{{"id":"{id}","sender":"SIS7SYKGYBXUNBQKM","clean":true,"findings":[]}}]}}}}"#
    );
    Ok(quiet.broker.publish(&VERDICTS.arrow.dead_route(None), Payload::from(letter)).await?)
}

const VERDICTS: Place = Place { arrow: topology::Arrow::Verdicts, nihdi: None };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_are_discarded_by_count_and_written_down() -> Result<()> {
    let quiet = Quiet::declare().await?;
    for number in 1..=3 {
        set_aside_at(&quiet, number, "2020-01-01T00:00:00.000000Z").await?;
    }
    set_aside_at(&quiet, 4, "2999-01-01T00:00:00.000000Z").await?;
    // Nobody can tell its age.
    quiet.set_aside(VERDICTS, 1).await?;
    let journal = quiet.store.path().join("discarded.jsonl").display().to_string();
    // One place is looked at, since each takes its time.
    let discard = async |more: &[&str]| quiet.json(&[&["discard", "--step", "7 back"], more].concat()).await;
    let refused = async |more: &[&str], why: &str| {
        let (said, status) = discard(more).await?;
        ensure!(said["error"].as_str().is_some_and(|error| error.contains(why)) && status == Some(2), "{said}");
        ensure!(quiet.depths(VERDICTS).await? == (0, 5), "{more:?} took something away");
        Ok(())
    };
    refused(&["--older-than", "10d"], "younger than 11 days").await?;
    refused(&["018f3c2e-0000-8000-8000-0000000000ff"], "UNKNOWN_DEAD_LETTER").await?;
    refused(&["018f3c2e-0000-8000-8000-000000000004"], "younger than 11 days").await?;
    let sure = |count: &'static str| ["--older-than", "11d", "--confirm", count, "--by", "A. Peeters", "--journal", &*journal];
    refused(&sure("2"), "3 are meant now").await?;
    refused(&["--older-than", "11d", "--confirm", "3", "--by", "A", "--journal", "/nowhere/journal"], "open the journal").await?;
    let (shown, status) = discard(&["--older-than", "11d"]).await?;
    ensure!((&shown["letters"], &shown["discarded"], status) == (&3.into(), &0.into(), Some(0)), "{shown}");
    ensure!(quiet.depths(VERDICTS).await? == (0, 5), "{shown}");

    let (gone, status) = discard(&sure("3")).await?;
    ensure!((&gone["letters"], &gone["discarded"], status) == (&3.into(), &3.into(), Some(0)), "{gone}");
    until("the others stand there", Duration::from_secs(20), async || Ok(quiet.depths(VERDICTS).await? == (0, 2))).await?;
    let written = std::fs::read_to_string(&journal)?;
    let lines: Vec<Value> = written.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for (number, line) in (1..).zip(&lines) {
        let id = format!("018f3c2e-0000-8000-8000-00000000000{number}");
        ensure!(line["letter"]["publication"] == id.as_str() && line["items"] == serde_json::json!([id]), "{line}");
        ensure!(line["by"] == "A. Peeters" && line["letter"]["reason"] == "UNKNOWN_ITEM", "{line}");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&journal)?.permissions());
    ensure!(lines.len() == 3 && mode & 0o777 == 0o600, "{written}");
    quiet.retire().await
}
