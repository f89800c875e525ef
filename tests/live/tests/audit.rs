//! What an audit sees of a real RabbitMQ, and what it leaves behind there: nothing.

mod letters;

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use broker::{Broker as _, Payload, RabbitBroker};
use clock::SystemClock;
use simulator::audit::queues;
use store::{Location, test_server};
use testkit::{Rabbit, until};
use tokio::process::Command;
use topology::{Arrow, Naming, Nihdi, Topology};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_are_looked_at_and_stay() -> Result<()> {
    let rabbit = Rabbit::find().await?;
    let folder = tempfile::tempdir()?;
    let id = format!("precision-audit-{}", std::process::id());
    std::fs::write(folder.path().join("installation"), &id)?;
    let (hospital, location): (Nihdi, Location) = ("00000196".parse()?, folder.path().into());
    let topology = Topology::for_hospitals(&[hospital]);
    let broker = RabbitBroker::connect(rabbit.url(), Naming::prefixed(id), Arc::new(SystemClock)).await?;
    broker.declare(&topology).await?;
    let looked = look_again_and_again(&broker, rabbit.url(), &location, hospital).await;
    broker.delete(&topology).await?;
    broker.close().await;
    looked
}

async fn look_again_and_again(broker: &RabbitBroker, address: &str, location: &Location, hospital: Nihdi) -> Result<()> {
    let letter = Payload::from_static(b"{\"reason\":\"QUOTA\"}");
    let (dead, dead_at_hospital) = (Arrow::ToHd.dead_route(None), Arrow::HandOver.dead_route(Some(&hospital)));
    for route in [&dead, &dead_at_hospital, &Arrow::ToTtp.route(None)] {
        broker.publish(route, letter.clone()).await?;
    }
    for (also_working, expected) in [(false, 2), (true, 3), (false, 2)] {
        let waiting = queues::waiting(address, location, &[hospital], also_working).await?;
        let mut queues: Vec<&str> = waiting.publications.iter().map(|one| one.queue.as_str()).collect();
        queues.sort_unstable();
        ensure!(queues == ["hd.in.dead", "hd4dp.00000196.out.dead", "ttp.in"][..expected], "{queues:?}, {:?}", waiting.missed);
        ensure!(waiting.publications.iter().all(|one| one.payload == letter), "another payload");
        for queue in [Arrow::ToHd.queue(None).dead(), Arrow::HandOver.queue(Some(&hospital)).dead(), Arrow::ToTtp.queue(None)] {
            let is_back = async || Ok(broker.depth(&queue).await?.ready == 1);
            until("what was looked at is back", Duration::from_secs(10), is_back).await?;
        }
    }
    Ok(())
}

/// The whole route with canaries over RabbitMQ, the stores in PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promises_hold_over_rabbitmq_and_postgresql() -> Result<()> {
    let precision = live::programs().await?.join("precision");
    let (rabbit, stores) = (Rabbit::find().await?, test_server::address().await?);
    let folder = tempfile::tempdir()?;
    let page = folder.path().join("audit.html");
    let output = Command::new(precision)
        .args(["audit", "--run", "--rows", "4", "--broker", rabbit.url(), "--store", &stores])
        .arg("--data")
        .arg(folder.path().join("run"))
        .arg("--html")
        .arg(&page)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(said.trim_end().ends_with("The promises hold in everything that was looked at."), "{said}");
    ensure!(said.contains("PostgreSQL"), "what is not seen of a database is said: {said}");
    ensure!(std::fs::read_to_string(page)?.contains("The promises hold"), "the page says something else");
    Ok(())
}
