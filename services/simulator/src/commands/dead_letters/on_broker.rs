//! Dead letters of a RabbitMQ, read without any service: the command itself is the job.

use std::{io, pin::pin, sync::Arc, time::Duration};

use anyhow::Context as _;
use broker::{Broker, RabbitBroker};
use clock::{Clock, SystemClock};
use host::{Chance, process};
use store::Location;
use topology::{Naming, Nihdi};

use super::print::progress;
use crate::{
    audit::sweep,
    broker_choice::naming,
    installation::Zones,
    letters::{Filter, Job, Letter, Look, Meant, Office, Order, Standing},
    output,
};

/// Between two lines of progress.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// What names the queues.
pub(super) struct Way<'a> {
    pub(super) address: &'a str,
    pub(super) hospitals: &'a [Nihdi],
    pub(super) store: Option<&'a str>,
}

struct Open {
    office: Office,
    broker: Arc<RabbitBroker>,
}

const NO_QUEUE: &str = "find any queue of dead letters there: --org names hospitals, and --store the store of an installation whose queues stand under a prefix";

impl Way<'_> {
    async fn open(&self) -> anyhow::Result<Open> {
        let (naming, found) = match self.store {
            None => (Naming::default(), Vec::new()),
            Some(store) => {
                let location: Location = store.parse()?;
                (naming(&location).await?, sweep::hospitals(&location).await?)
            }
        };
        let hospitals = if self.hospitals.is_empty() { found } else { self.hospitals.to_vec() };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let broker = RabbitBroker::connect(self.address, naming, Arc::clone(&clock)).await.context("ask the broker")?;
        let broker = Arc::new(broker);
        let zones = Zones::all_on(&(Arc::clone(&broker) as Arc<dyn Broker>));
        Ok(Open { office: Office::new(&zones, &hospitals, clock), broker })
    }

    /// Looks at the letters that a filter takes.
    pub(super) async fn look(&self, filter: &Filter) -> anyhow::Result<Look> {
        let Open { office, broker } = self.open().await?;
        let look = office.look(filter).await;
        broker.close().await;
        let look = look.context("look at the dead letters")?;
        anyhow::ensure!(look.queues > 0, NO_QUEUE);
        Ok(look)
    }

    /// Takes letters away for good, each given to `note` first.
    pub(super) async fn discard(
        &self,
        meant: &Meant<'_>,
        note: &mut (dyn FnMut(&Letter) -> io::Result<()> + Send),
    ) -> anyhow::Result<u64> {
        let Open { office, broker } = self.open().await?;
        let gone = office.discard(meant, note).await;
        broker.close().await;
        gone.context("take dead letters away")
    }

    /// Puts letters back, until all are or somebody says stop.
    pub(super) async fn requeue(&self, order: Order) -> anyhow::Result<Standing> {
        let Open { office, broker } = self.open().await?;
        let id = uuid::Builder::from_custom_bytes(Chance::from_system().context("draw randomness")?.bytes()).into_uuid();
        let job = Job::new(id, order, office.now());
        let (mut work, mut stop) = (pin!(office.requeue(&job)), pin!(process::told_to_stop()));
        let (progress_line, mut is_stopped) = (output::Progress::default(), false);
        loop {
            tokio::select! {
                () = &mut work => break,
                () = &mut stop, if !is_stopped => {
                    is_stopped = true;
                    // It may have ended in this moment.
                    let _ = job.cancel();
                }
                () = clock::sleep(&SystemClock, SHOW_EVERY) => progress_line.show(&progress(&job.standing())),
            }
        }
        drop(progress_line);
        broker.close().await;
        let standing = job.standing();
        let is_nowhere = standing.total == 0 && standing.queues == 0 && !is_stopped && standing.problems.is_empty();
        anyhow::ensure!(!is_nowhere, NO_QUEUE);
        Ok(standing)
    }
}
