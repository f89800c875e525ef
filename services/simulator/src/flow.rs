//! Running an installation in this process until its flow has come to rest.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use broker::{Broker, BrokerError};
use clock::Clock;
use futures_util::future::BoxFuture;
use hd4dp::Hd4dp;
use hd4res::Hd4res;
use host::{Work, supervise};
use store::StoreError;
use tokio::{sync::oneshot, task::JoinHandle};
use topology::{Arrow, Nihdi, QueueName};
use uuid::Uuid;

use crate::{
    installation::{Installation, queues},
    stores::Stores,
};

/// A running installation; its services stop when this is stopped or dropped.
pub struct Running {
    stop: oneshot::Sender<()>,
    services: JoinHandle<()>,
}

impl Running {
    /// Starts every service of `installation` on the current tokio runtime.
    pub fn start(installation: &mut Installation, clock: &Arc<dyn Clock>) -> Self {
        Self::of(std::mem::take(&mut installation.works).into_iter().map(|(_, work)| work).collect(), clock)
    }

    /// Starts these works on the current tokio runtime.
    #[must_use]
    pub fn of(works: Vec<Work>, clock: &Arc<dyn Clock>) -> Self {
        let clock = Arc::clone(clock);
        Self::until_told(|stop| supervise(works, clock, stop))
    }

    /// Starts work that goes on until what it is given completes.
    pub fn until_told<F: Future<Output = ()> + Send + 'static>(work: impl FnOnce(BoxFuture<'static, ()>) -> F) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let services = tokio::spawn(work(Box::pin(async move {
            // A dropped sender stops the services as well.
            let _ = stopped.await;
        })));
        Self { stop, services }
    }

    /// Stops every service and waits for their end.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.services.await;
    }
}

/// How a flow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing is on its way any more: all queues are empty and nothing waits to be sent.
    AtRest,
    /// Nothing moved for the time that was given.
    Stuck,
}

/// Watches a flow from outside: whether anything is on its way, and whether anything moves.
pub struct Watch {
    hd4dp: BTreeMap<Nihdi, Arc<Hd4dp>>,
    hd4res: Arc<Hd4res>,
    stores: Stores,
    /// The broker of the hospitals' zones.
    hospital: Arc<dyn Broker>,
    queues: Vec<(QueueName, Arc<dyn Broker>)>,
    clock: Arc<dyn Clock>,
}

/// Between two looks while registrations wait for answers. Looking costs a few queries and locks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Watch {
    /// Watches an installation.
    #[must_use]
    pub fn over(installation: &Installation, clock: &Arc<dyn Clock>) -> Self {
        let hospitals: Vec<Nihdi> = installation.hd4dp.keys().copied().collect();
        Self {
            hd4dp: installation.hd4dp.clone(),
            hd4res: Arc::clone(&installation.hd4res),
            stores: installation.stores.clone(),
            hospital: Arc::clone(&installation.zones.hospital),
            queues: queues(&installation.zones, hospitals),
            clock: Arc::clone(clock),
        }
    }

    /// Waits until the flow is at rest, or nothing moved for `patience`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when a store cannot be asked.
    pub async fn until_rest(&self, patience: Duration) -> Result<Ending, StoreError> {
        let (mut last, mut since) = (None, self.clock.now());
        loop {
            let seen = self.look().await?;
            if seen == Some(Sight::default()) {
                return Ok(Ending::AtRest);
            }
            let now = self.clock.now();
            if seen.is_none() || seen == last {
                if now.since(since) >= patience {
                    return Ok(Ending::Stuck);
                }
            } else {
                (last, since) = (seen, now);
            }
            clock::sleep(&*self.clock, LOOK_EVERY).await;
        }
    }

    /// What a rotation has left to do: pseudonyms to ask for, and pairs that some store was not told.
    async fn to_recode(&self) -> Result<u64, StoreError> {
        let left = self.stores.ehbox_hd.to_recode(1).await?.len();
        let untold = self.stores.ehbox_hd.untold(1).await?.len() + self.stores.hd4res.untold(1).await?.len();
        if left + untold == 0 {
            return Ok(0);
        }
        // It moves as long as more is re-coded anywhere; never 0.
        Ok(1 + self.stores.ehbox_hd.recoded().await? + self.stores.hd4res.recoded().await? + self.stores.dhw.recoded().await?)
    }

    /// What is on its way, looked for in the order of the flow: what moves on meanwhile is met again further on. `None` when a broker
    /// cannot be asked.
    async fn look(&self) -> Result<Option<Sight>, StoreError> {
        let mut sight = Sight::default();
        for hd4dp in self.hd4dp.values() {
            // What an earlier broker had is sent again, which a process that has just begun may not have come to.
            let all = hd4dp.store().is_new_incarnation(self.hospital.incarnation()).await?;
            sight.unsent += u64::from(!hd4dp.store().unanswered(Uuid::nil(), all, 1).await?.is_empty());
            sight.unsent += hd4dp.receipts_waiting();
        }
        sight.to_recode = self.to_recode().await?;
        let feedback_out = Arrow::FeedbackOut.queue(None);
        for (queue, broker) in &self.queues {
            if *queue == feedback_out {
                sight.unsent += self.hd4res.outbox().due(self.clock.now(), 1).await?.len() as u64;
            }
            match broker.depth(queue).await {
                Ok(depth) => sight.publications.push(depth.ready + depth.unacked),
                Err(BrokerError::UnknownQueue(_)) => {}
                Err(_) => return Ok(None),
            }
        }
        if sight.unsent == 0 && sight.to_recode == 0 && sight.publications.iter().all(|count| *count == 0) {
            return Ok(Some(Sight::default()));
        }
        for hd4dp in self.hd4dp.values() {
            sight.waiting += hd4dp.waiting();
        }
        Ok(Some(sight))
    }
}

impl Watch {
    /// Waits while the data warehouse has much before it. Hospitals stop reading when too many registrations wait for their STATUS, but
    /// HD4RES gives that before the warehouse has validated: what piles up there, no window holds back, and an embedded broker keeps it
    /// in memory. Does not wait for long for a warehouse that stands still.
    pub async fn until_room(&self) {
        let queue = Arrow::ToDhw.queue(None);
        let Some((queue, broker)) = self.queues.iter().find(|(name, _)| *name == queue) else { return };
        let until = self.clock.now().plus(ROOM_PATIENCE);
        while broker.depth(queue).await.is_ok_and(|depth| depth.ready + depth.unacked > BEFORE_DHW_MAX)
            && self.clock.now() < until
        {
            clock::sleep(&*self.clock, LOOK_EVERY).await;
        }
    }
}

/// Publications before the data warehouse, above which no further rows are read.
const BEFORE_DHW_MAX: u64 = 4;
/// How long reading waits for the data warehouse at most.
const ROOM_PATIENCE: Duration = Duration::from_secs(5);

/// What is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Sight {
    unsent: u64,
    to_recode: u64,
    publications: Vec<u64>,
    waiting: u64,
}

impl Watch {
    /// Completes when nothing moved for `patience`: to be held against work that should go on.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when a store cannot be asked.
    pub async fn until_stuck(&self, patience: Duration) -> Result<Ending, StoreError> {
        let (mut last, mut since) = (None, self.clock.now());
        loop {
            clock::sleep(&*self.clock, LOOK_SELDOM).await;
            let seen = self.look().await?;
            let now = self.clock.now();
            let is_busy = seen == Some(Sight::default()) || (seen.is_some() && seen != last);
            if is_busy {
                (last, since) = (seen, now);
            } else if now.since(since) >= patience {
                return Ok(Ending::Stuck);
            }
        }
    }
}

/// Between two looks while rows are still being read.
const LOOK_SELDOM: Duration = Duration::from_millis(500);
