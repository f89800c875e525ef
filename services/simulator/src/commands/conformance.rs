//! `precision conformance`: plays the neighbours of a tester's own part, and says what it gets wrong.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use broker::{Broker, RabbitBroker};
use clap::Args;
use clock::{Clock, SystemClock};
use dcd::Definitions;
use host::Chance;
use sealing::keys::KeyDirectory;
use topology::{Arrow, Naming, Nihdi, QueueName, Topology};

use crate::{
    broker_choice::BrokerChoice,
    cli::{Ended, hospital},
    conformance::{self, check::Protocol, keys::NeighbourKeys, neighbours::Ground, report},
    output,
    own_part::{Service, instructions},
};

/// What `conformance` takes.
#[derive(Debug, Args)]
pub struct ConformanceArgs {
    /// The part: ehealth-ttp, ehbox-hco, ehbox-hd, hd4res, dhw, hd4dp; a hospital's also with its number, as ehbox-hco-00000196
    pub part: Service,
    /// Address of the RabbitMQ that the part is connected to
    #[arg(long, value_name = "amqp://…")]
    pub broker: BrokerChoice,
    /// Folder of the keys, as `precision keys init` makes it; of the part only its public key is used
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// The hospitals' NIHDI numbers, all that have keys by default; the first is the one whose part is looked at
    #[arg(long, value_name = "NIHDI", num_args = 1.., value_parser = hospital)]
    pub org: Vec<Nihdi>,
    /// Prefix of exchanges and queues; they are made, and deleted at the end, when there are none under it
    #[arg(long, value_name = "NAME")]
    pub prefix: Option<String>,
    /// Seconds that each answer of the part may take
    #[arg(long, value_name = "S", default_value_t = 5)]
    pub patience: u64,
    /// Seconds to wait until the part reads its queues
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub wait: u64,
    /// Throw away what stands in the queues from before
    #[arg(long)]
    pub drain: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
    /// Write a report for build servers
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// The hospitals of a run, the part's own first.
fn hospitals(args: &ConformanceArgs) -> anyhow::Result<Vec<Nihdi>> {
    let directory = KeyDirectory::open(&args.keys).context("find the keys; `precision keys init DIR --org NIHDI…` makes them")?;
    let public = directory.public()?;
    let mut hospitals = if args.org.is_empty() { public.hospitals().copied().collect() } else { args.org.clone() };
    if let Some(own) = args.part.hospital {
        hospitals.retain(|other| *other != own);
        hospitals.insert(0, own);
    }
    if let Some(unknown) = hospitals.iter().find(|one| !public.hospitals().any(|known| known == *one)) {
        anyhow::bail!("find the keys of hospital {unknown} in {}", args.keys.display());
    }
    let needed = if args.part.actor.per_hospital() { 1 } else { 2 };
    anyhow::ensure!(
        hospitals.len() >= needed,
        "check {}: it takes the keys of {needed} hospitals, and there are those of {} in {}",
        args.part.actor,
        hospitals.len(),
        args.keys.display()
    );
    Ok(hospitals)
}

/// The queues of a run, on their broker.
struct Stand {
    broker: Arc<RabbitBroker>,
    topology: Topology,
    naming: Naming,
    /// Whether this run made them.
    is_own: bool,
}

impl Stand {
    async fn open(args: &ConformanceArgs, hospitals: &[Nihdi], clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let BrokerChoice::Rabbit(address) = &args.broker else {
            anyhow::bail!("check a part on the embedded broker: nothing from outside reaches it; give the address of a RabbitMQ");
        };
        let naming = Naming::prefixed(args.prefix.clone().unwrap_or_else(|| format!("conformance-{}", args.part.actor)));
        let broker = Arc::new(RabbitBroker::connect(address, naming.clone(), Arc::clone(clock)).await?);
        let topology = Topology::for_hospitals(hospitals);
        let is_own = broker.missing(&topology).await?.len() == topology.queues().len() + topology.exchanges().len();
        broker.declare(&topology).await?;
        Ok(Self { broker, topology, naming, is_own })
    }

    /// Looks that nobody else reads what the neighbours must get, and that nothing of anybody's would be read away.
    async fn refuse_company(&self, args: &ConformanceArgs) -> anyhow::Result<()> {
        let inputs: Vec<Arrow> = Arrow::ALL.into_iter().filter(|arrow| arrow.to() == args.part.actor).collect();
        for queue in self.topology.queues() {
            let is_input = inputs.contains(&queue.arrow) && queue.dead.is_some();
            let (name, spelled) = (&queue.name, self.naming.queue(&queue.name));
            let readers = self.broker.readers(name).await?;
            anyhow::ensure!(
                is_input || readers == 0,
                "play the neighbours of {}: somebody reads {spelled}; stop the services there, or name another --prefix",
                args.part.actor
            );
            let depth = self.broker.depth(name).await?;
            anyhow::ensure!(
                args.drain || depth.ready == 0,
                "play the neighbours of {}: {spelled} holds {} publications; name another --prefix, or throw them away with --drain",
                args.part.actor,
                depth.ready
            );
            if depth.ready > 0 && !is_input {
                self.drain(name).await?;
            }
        }
        Ok(())
    }

    async fn drain(&self, queue: &QueueName) -> anyhow::Result<()> {
        let mut consumer = self.broker.consume(queue, 0).await?;
        while self.broker.depth(queue).await?.ready > 0 {
            consumer.next().await?.ack()?;
        }
        while let Some(delivery) = consumer.try_next() {
            delivery.ack()?;
        }
        Ok(())
    }

    /// Waits until the part reads its queues; gives those that nobody reads by then.
    async fn until_read(&self, args: &ConformanceArgs, own: Option<&Nihdi>, clock: &dyn Clock) -> anyhow::Result<Vec<String>> {
        let until = clock.now().plus(Duration::from_secs(args.wait));
        loop {
            let mut unread = Vec::new();
            for arrow in conformance::reads(args.part.actor) {
                let queue = arrow.queue(own);
                if self.broker.readers(&queue).await? == 0 {
                    unread.push(self.naming.queue(&queue));
                }
            }
            if unread.is_empty() || clock.now() >= until {
                return Ok(unread);
            }
            clock::sleep(clock, LOOK_EVERY).await;
        }
    }

    async fn close(self) {
        if self.is_own
            && let Err(error) = self.broker.delete(&self.topology).await
        {
            output::complain(format!(
                "the queues under {} could not be deleted: {error}",
                self.naming.prefix.unwrap_or_default()
            ));
        }
        self.broker.close().await;
    }
}

/// Between two looks whether the part reads.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs the command.
///
/// # Errors
///
/// Wrong usage, a broker that is away, keys that are not at hand.
pub async fn conformance(args: ConformanceArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let hospitals = hospitals(&args)?;
    let keys = NeighbourKeys::open(&args.keys, args.part.actor, &hospitals)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let stand = Stand::open(&args, &hospitals, &clock).await?;
    let ground = Ground {
        broker: Arc::clone(&stand.broker) as Arc<dyn Broker>,
        clock: Arc::clone(&clock),
        chance: Arc::new(Chance::from_system().context("draw randomness")?),
        keys,
        definitions: Arc::new(definitions),
        hospitals: hospitals.clone(),
        patience: Duration::from_secs(args.patience.max(1)),
    };
    let outcome = tokio::select! {
        outcome = drive(&args, &stand, ground) => outcome,
        () = host::process::told_to_stop() => Err(anyhow::anyhow!("go on: it was told to stop")),
    };
    stand.close().await;
    let protocol = outcome?;
    if let Some(path) = &args.junit {
        std::fs::write(path, report::junit(&protocol)).with_context(|| format!("write {}", path.display()))?;
    }
    output::say(if args.json { report::json(&protocol).to_string() } else { report::terminal(&protocol) });
    Ok(if protocol.conforms() { Ended::Well } else { Ended::Broken })
}

async fn drive(args: &ConformanceArgs, stand: &Stand, ground: Ground) -> anyhow::Result<Protocol> {
    let (actor, clock) = (args.part.actor, Arc::clone(&ground.clock));
    let own = ground.hospitals.first().filter(|_| actor.per_hospital()).copied();
    stand.refuse_company(args).await?;
    let user = actor.user(own.as_ref());
    output::complain(instructions(&user, &ground.hospitals, &stand.naming, &args.keys));
    let unread = stand.until_read(args, own.as_ref(), &*clock).await?;
    if !unread.is_empty() {
        output::complain(format!("nobody reads {} after {} s; going on", unread.join(", "), args.wait));
    }
    conformance::run(actor, ground).await
}
