//! The warehouse at work: receives publications, settles them in one transaction, answers with verdicts, acknowledges.

use std::{
    marker::PhantomData,
    sync::{Arc, LazyLock},
};

use async_trait::async_trait;
use broker::{Broker, Delivery, TraceParent};
use dcd::Definitions;
use envelope::{ItemId, Message, Publication, Source};
use hd_messages::{RecodedRows, Validation, ValidationItem, Verdict, VerdictItem};
use host::{Backoff, Context, DeadLetter, Disposition, Handle, Point, Retention, Settled, Station, Trouble, Work, station};
use recoding::{Learning, learn::Learner};
use topology::Arrow;

use crate::{
    decide::Answer,
    metrics::{Figures, Metrics},
    registers::Registers,
    store::{Arrived, Batch, DhwStore},
    validate,
};

/// The service's name in logs and probes, and on its envelopes.
pub const SERVICE: &str = "dhw";

#[expect(clippy::expect_used, reason = "a constant that the tests read")]
static SOURCE: LazyLock<Source> = LazyLock::new(|| SERVICE.parse().expect("a party's name"));

/// Characters of a publication of verdicts, roughly; far below what an envelope takes.
const VERDICTS_SIZE: usize = 4_000_000;

/// What the warehouse works with.
pub struct DhwParts {
    /// Time, chance and probes.
    pub context: Context,
    /// The broker of healthdata's zone.
    pub broker: Arc<dyn Broker>,
    /// What it remembers.
    pub store: Arc<dyn DhwStore>,
    /// The registers' definitions, the same that the store was opened with.
    pub definitions: Arc<Definitions>,
}

/// The validation environment.
pub struct Dhw {
    context: Context,
    broker: Arc<dyn Broker>,
    store: Arc<dyn DhwStore>,
    registers: Registers,
    metrics: Metrics,
}

impl Dhw {
    /// The warehouse from its parts.
    #[must_use]
    pub fn new(parts: DhwParts) -> Arc<Self> {
        let DhwParts { context, broker, store, definitions } = parts;
        Arc::new(Self { context, broker, store, registers: Registers::new(&definitions), metrics: Metrics::default() })
    }

    /// What runs as long as the service does: the station at `dhw.in`, and the one that learns of re-coded patients.
    pub fn works(self: &Arc<Self>) -> Vec<Work> {
        let queue = Arrow::ToDhw.queue(None);
        let station = Station::new(SERVICE, queue, Arc::clone(&self.broker), self.context.clone());
        let learner = Learner::<RecodedRows> {
            service: SERVICE,
            context: self.context.clone(),
            broker: Arc::clone(&self.broker),
            arrow: Arrow::RecodedToDhw,
            store: Arc::clone(&self.store) as Arc<dyn Learning>,
            wake: Arc::default(),
            message: PhantomData,
        };
        vec![station.work(Arc::new(Step7(Arc::clone(self)))), learner.work()]
    }

    /// Work that forgets what passed more than so many days ago.
    #[must_use]
    pub fn forgetting(&self, days: u32) -> Work {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.context.clock));
        Retention { service: SERVICE, itinerary: store, days, settled: Settled::AtOnce, clock }.work()
    }

    /// What it remembers.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn DhwStore> {
        &self.store
    }

    /// The registers that it knows.
    #[must_use]
    pub const fn registers(&self) -> &Registers {
        &self.registers
    }

    /// What it did.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Validates each registration of the publications by itself, and sets aside what is none.
    fn read(&self, publications: &[Publication<Validation>]) -> (Batch, Vec<DeadLetter<Validation>>) {
        let now = self.context.clock.now();
        let (mut batch, mut dead) = (Batch::default(), Vec::new());
        for publication in publications {
            let mut arrived = Arrived { id: publication.id.uuid(), at: now, registrations: 0, dead: Vec::new() };
            for item in &publication.data.items {
                match validate::read(item, &self.registers, now.date()) {
                    Ok(registration) => {
                        batch.registrations.push(registration);
                        arrived.registrations += 1;
                    }
                    Err(error) => {
                        tracing::warn!(item = %item.id, %error, "an item cannot be validated");
                        // No other disposition is ever given; an item without a reason to live on is dead.
                        let code = if let Disposition::DeadLetter(code) = error.disposition() { code } else { "CONTENT" };
                        arrived.dead.push((item.id.uuid(), code));
                        dead.push(dead_letter(publication, item, code));
                    }
                }
            }
            batch.publications.push(arrived);
        }
        (batch, dead)
    }

    /// Publishes until it is confirmed. The effect is durable, so only this is repeated: deciding the batch a second time would find
    /// its items known, and the itinerary would tell of a redelivery that never was.
    async fn publish(&self, publication: &Publication<Verdict>, trace: Option<TraceParent>) -> Result<(), Trouble> {
        let payload = publication.encode()?;
        let route = Arrow::Verdicts.route(None);
        let mut backoff = Backoff::default();
        while let Err(error) = self.broker.publish_traced(&route, payload.clone(), trace).await {
            self.pause(&mut backoff, &error.into()).await;
        }
        Ok(())
    }

    async fn set_aside(&self, letter: DeadLetter<Validation>, trace: Option<TraceParent>) {
        let mut backoff = Backoff::default();
        let route = Arrow::ToDhw.dead_route(None);
        loop {
            let DeadLetter { incoming, item, source, code, data } = &letter;
            let again = DeadLetter { incoming: *incoming, item: *item, source: source.clone(), code, data: data.clone() };
            match again.publish(&*self.broker, &route, self.context.clock.now(), trace).await {
                Ok(()) => return,
                Err(trouble) => self.pause(&mut backoff, &trouble).await,
            }
        }
    }

    async fn pause(&self, backoff: &mut Backoff, trouble: &Trouble) {
        self.context.probe.retried(SERVICE);
        let wait = backoff.after_failure();
        let reason = station::reasons(trouble);
        tracing::warn!(
            service = SERVICE,
            failures = backoff.failures(),
            wait_ms = wait.as_millis(),
            "failed to {reason}; trying again"
        );
        clock::sleep(&*self.context.clock, wait).await;
    }
}

/// Step 7: the station at `dhw.in`.
struct Step7(Arc<Dhw>);

#[async_trait]
impl Handle for Step7 {
    type Error = Trouble;

    async fn handle(&self, deliveries: &[Delivery]) -> Result<Vec<host::Verdict>, Trouble> {
        let dhw = &*self.0;
        let (publications, verdicts) = station::read_all::<Validation>(deliveries);
        let (mut batch, dead) = dhw.read(&publications);
        dhw.context.reach(SERVICE, Point::BeforeCommit).await;
        let answers = dhw.store.settle(&mut batch).await?;
        dhw.context.reach(SERVICE, Point::AfterCommit).await;

        let clean = answers.iter().filter(|answer| answer.clean).count() as u64;
        let figures = Figures {
            publications: publications.len() as u64,
            clean,
            not_clean: answers.len() as u64 - clean,
            dead_letters: dead.len() as u64,
            unreadable: (verdicts.len() - publications.len()) as u64,
        };
        let places: Vec<_> = station::places(deliveries, &verdicts).collect();
        for letter in dead {
            let came_in = publications.iter().zip(&places).find(|(publication, _)| publication.id == letter.incoming);
            dhw.set_aside(letter, came_in.and_then(|(_, trace)| *trace)).await;
        }
        for (of_publication, trace) in answered(dhw, &publications, &batch, answers).iter().zip(places) {
            for publication in of_publication {
                dhw.publish(publication, trace).await?;
            }
        }
        dhw.metrics.add(figures);
        Ok(verdicts)
    }
}

fn dead_letter(publication: &Publication<Validation>, item: &ValidationItem, code: &'static str) -> DeadLetter<Validation> {
    let source = publication.source.clone();
    DeadLetter { incoming: publication.id, item: item.id, source, code, data: Validation { items: vec![item.clone()] } }
}

/// The publications that answer a settled batch: for each incoming publication one, or several when its verdicts are long. Their ids follow
/// from the incoming one's, so that a redelivery gives the same.
fn answered(
    dhw: &Dhw,
    publications: &[Publication<Validation>],
    batch: &Batch,
    answers: Vec<Answer>,
) -> Vec<Vec<Publication<Verdict>>> {
    let now = dhw.context.clock.now();
    let mut answers = batch.registrations.iter().zip(answers).map(|(registration, Answer { clean, findings })| VerdictItem {
        id: ItemId::from_uuid(registration.item),
        sender: envelope::Text::unchecked(registration.member.sender.clone()),
        clean,
        findings,
    });
    let of_publication = |(incoming, arrived): (&Publication<Validation>, &Arrived)| {
        let parts = parts(answers.by_ref().take(arrived.registrations)).into_iter().enumerate();
        let publications = parts.map(|(part, items)| {
            let id = incoming.id.derived(&format!("verdict {part}"));
            Publication::new(id, SOURCE.clone(), now, Verdict { items })
        });
        publications.collect()
    };
    publications.iter().zip(&batch.publications).map(of_publication).collect()
}

/// Verdicts in portions that a publication has room for.
fn parts(items: impl Iterator<Item = VerdictItem>) -> Vec<Vec<VerdictItem>> {
    let mut parts: Vec<Vec<VerdictItem>> = Vec::new();
    let mut size = 0;
    for item in items {
        let one = Verdict { items: vec![item] };
        size += one.size_max();
        if parts.is_empty() || size > VERDICTS_SIZE {
            parts.push(Vec::new());
            size = one.size_max();
        }
        if let Some(last) = parts.last_mut() {
            last.extend(one.items);
        }
    }
    parts
}

#[cfg(test)]
mod tests;
