//! Takes the pairs that the store before this one learned.

use std::{marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use broker::{Broker, Delivery, TraceParent};
use envelope::Publication;
use hd_messages::{Recoded, RecodedPatient};
use host::{Context, DeadLetter, Handle, Point, Station, Trouble, Verdict, Work, station};
use store::{Outcome, Passage};
use tokio::sync::Notify;
use topology::Arrow;

use crate::{Finding, Learning, Pair};

/// The code of an item that is no pair of pseudonyms.
pub const PSEUDONYM: &str = "PSEUDONYM";

/// Who learns, and from where.
pub struct Learner<M> {
    /// The service.
    pub service: &'static str,
    /// Time, chance and probes.
    pub context: Context,
    /// The broker of healthdata's zone.
    pub broker: Arc<dyn Broker>,
    /// The arrow from the store before.
    pub arrow: Arrow,
    /// What learns.
    pub store: Arc<dyn Learning>,
    /// Is notified when there is something to tell.
    pub wake: Arc<Notify>,
    /// The arrow's message.
    pub message: PhantomData<fn() -> M>,
}

impl<M: Recoded + Send + Sync + 'static> Learner<M> {
    /// The endless work of learning.
    pub fn work(self) -> Work {
        let station = Station::new(self.service, self.arrow.queue(None), Arc::clone(&self.broker), self.context.clone());
        station.work(Arc::new(self))
    }

    async fn take(&self, publication: &Publication<M>, trace: Option<TraceParent>) -> Result<(), Trouble> {
        let (mut pairs, mut good, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        for item in publication.data.items() {
            match read(item) {
                Some(pair) => {
                    pairs.push(pair);
                    good.push(item.id.uuid());
                }
                None => bad.push(item.clone()),
            }
        }
        let (queue, at) = (self.arrow.queue(None), self.context.clock.now());
        let passage = |queue: String, outcome, items| Passage {
            publication: publication.id.uuid(),
            step: self.arrow.step(),
            queue,
            at,
            outcome,
            items,
        };
        let dead = bad
            .iter()
            .map(|item| passage(queue.dead().to_string(), Outcome::DeadLettered(PSEUDONYM.to_owned()), vec![item.id.uuid()]));
        let passages: Vec<Passage> = dead.chain([passage(queue.to_string(), Outcome::Arrived, good)]).collect();
        self.context.reach(self.service, Point::BeforeCommit).await;
        let findings = self.store.learn(&pairs, at, &passages).await?;
        self.wake.notify_one();
        alarm(self.service, &findings);
        self.context.reach(self.service, Point::AfterCommit).await;
        for item in bad {
            let (incoming, source) = (publication.id, publication.source.clone());
            let dead = DeadLetter { incoming, item: item.id, source, code: PSEUDONYM, data: M::of(vec![item]) };
            dead.publish(&*self.broker, &self.arrow.dead_route(None), at, trace).await?;
        }
        Ok(())
    }
}

/// Says what was found, without saying of whom.
pub fn alarm(service: &str, findings: &[Finding]) {
    for finding in findings {
        tracing::error!(service, code = finding.refusal.code(), "ALARM: a pseudonym cannot be re-coded; it stays as it is");
    }
}

fn read(item: &RecodedPatient) -> Option<Pair> {
    let (old, new) = (item.old.parse().ok()?, item.new.parse().ok()?);
    Some(Pair { old: old.to_string(), new: new.to_string() })
}

#[async_trait]
impl<M: Recoded + Send + Sync + 'static> Handle for Learner<M> {
    type Error = Trouble;

    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Trouble> {
        let (publications, verdicts) = station::read_all::<M>(batch);
        for (publication, trace) in publications.iter().zip(station::places(batch, &verdicts)) {
            self.take(publication, trace).await?;
        }
        Ok(verdicts)
    }
}
