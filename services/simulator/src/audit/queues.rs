//! What stands on the queues of a running RabbitMQ: dead letters, and what waits.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use broker::{Broker, BrokerError, Delivery, RabbitBroker};
use clock::{Clock, SystemClock};
use store::Location;
use topology::{Arrow, Nihdi, Queue, Topology};

use super::publication::Recorded;
use crate::broker_choice::naming;

/// Publications of a queue that are looked at, at most.
const TAKEN_MAX: u16 = 1_000;
/// Bytes of a queue's publications that are held at once, at most.
const BYTES_MAX: usize = 128 << 20;
/// How long a queue that says it holds something may keep it back.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was taken from the queues.
#[derive(Debug, Default)]
pub struct Waiting {
    /// The publications.
    pub publications: Vec<Recorded>,
    /// Queues that were asked.
    pub queues: usize,
    /// What could not be looked at, and why.
    pub missed: Vec<String>,
}

/// Reads the queues of dead letters and, when `also_working` says so, what waits on the others. All of it is given back; each reading counts as one
/// of a publication's deliveries, of which a working queue allows ten.
///
/// # Errors
///
/// A broker that is away or refuses.
pub async fn waiting(address: &str, location: &Location, hospitals: &[Nihdi], also_working: bool) -> anyhow::Result<Waiting> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let naming = naming(location).await?;
    let broker = RabbitBroker::connect(address, naming, Arc::clone(&clock)).await.context("ask the broker")?;
    let mut waiting = Waiting::default();
    for queue in Topology::for_hospitals(hospitals).queues() {
        if queue.dead.is_none() || also_working {
            take(&broker, &*clock, queue, &mut waiting).await?;
        }
    }
    if !also_working {
        waiting.missed.push("what waits on working queues: --working-queues was not given".to_owned());
    }
    broker.close().await;
    Ok(waiting)
}

/// How much is ready and out on each queue that a party reads or has dead letters behind, by the queue's name; queues that are not there are left out.
///
/// # Errors
///
/// A broker that is away or refuses.
pub async fn depths(
    address: &str,
    location: &Location,
    hospitals: &[Nihdi],
    party: &str,
) -> anyhow::Result<Vec<(String, u64, u64)>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let broker = RabbitBroker::connect(address, naming(location).await?, clock).await.context("ask the broker")?;
    let mut depths = Vec::new();
    for arrow in Arrow::ALL {
        let readers = hospitals.iter().map(Some).filter(|_| arrow.per_hospital()).chain((!arrow.per_hospital()).then_some(None));
        for nihdi in readers.filter(|nihdi| reads(arrow, *nihdi, party)) {
            let queue = arrow.queue(nihdi);
            for name in [queue.dead(), queue] {
                match broker.depth(&name).await {
                    Ok(depth) => depths.push((name.to_string(), depth.ready, depth.unacked)),
                    Err(BrokerError::UnknownQueue(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    broker.close().await;
    depths.sort();
    Ok(depths)
}

/// Whether the party `hd4dp-00000196` reads an arrow's queue.
fn reads(arrow: Arrow, nihdi: Option<&Nihdi>, party: &str) -> bool {
    let actor = arrow.to();
    match nihdi {
        Some(nihdi) if actor.per_hospital() => party == format!("{actor}-{nihdi}"),
        _ => party == actor.as_str(),
    }
}

async fn take(broker: &RabbitBroker, clock: &dyn Clock, queue: &Queue, waiting: &mut Waiting) -> anyhow::Result<()> {
    let ready = match broker.depth(&queue.name).await {
        Ok(depth) => depth.ready,
        Err(BrokerError::UnknownQueue(_)) => {
            waiting.missed.push(format!("queue {}: it is not there", queue.name));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    waiting.queues += 1;
    let wanted = u16::try_from(ready).unwrap_or(u16::MAX).min(TAKEN_MAX);
    if wanted == 0 {
        return Ok(());
    }
    let mut consumer = broker.consume(&queue.name, wanted).await?;
    let (mut taken, mut bytes): (Vec<Delivery>, usize) = (Vec::new(), 0);
    while taken.len() < usize::from(wanted) && bytes < BYTES_MAX {
        // Somebody else may have taken it.
        let Some(delivery) = clock::timeout(clock, PATIENCE, consumer.next()).await.ok() else { break };
        let delivery = delivery?;
        bytes += delivery.payload.len();
        waiting.publications.push(Recorded { queue: queue.name.to_string(), payload: delivery.payload.clone() });
        taken.push(delivery);
    }
    if (taken.len() as u64) < ready {
        waiting.missed.push(format!("{} of {ready} publications on queue {}", ready - taken.len() as u64, queue.name));
    }
    drop(consumer);
    for delivery in taken {
        delivery.requeue()?;
    }
    Ok(())
}
