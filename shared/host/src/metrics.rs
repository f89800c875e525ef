//! What a service that stands alone counts: for Prometheus at `/metrics` beside `/ready`, in the text format of OpenMetrics 1.0, and in one document at `/bulletin`.
//!
//! Labels name steps, queues, outcomes, codes and hospitals, and never anything of a patient. What happened is counted since the process began; how things stand is looked at when
//! somebody asks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use async_trait::async_trait;
use broker::{Broker as _, BrokerError, RabbitBroker};
use clock::{Clock, Timestamp};
use futures_util::future::{self, BoxFuture};
use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use store::{StoreError, Tally};
use topology::{QueueName, Vhost};

use crate::{
    Point, Probe,
    bulletin::{self, Bulletin},
    health::{BROKER_DEADLINE, Health},
};

/// Time for a store to be measured: with that of a broker, within the time of an answer.
const STORE_DEADLINE: Duration = Duration::from_secs(1);

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type OneGauge = Gauge<f64, AtomicU64>;
type Gauges = Family<Labels, OneGauge>;

/// A figure that one service alone can give.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name, without `precision_`: words with `_`, and the unit at the end.
    pub name: &'static str,
    /// What it says, in one line without a full stop.
    pub help: &'static str,
    /// What it is of; figures of one name have the same labels.
    pub labels: Labels,
    /// The figure.
    pub value: f64,
}

impl Figure {
    /// A figure of the whole service.
    #[must_use]
    pub fn new(name: &'static str, help: &'static str, value: f64) -> Self {
        Self { name, help, labels: Vec::new(), value }
    }
}

/// Looks how things stand at a service.
#[async_trait]
pub trait Measure: Send + Sync {
    /// The figures at this moment.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then these figures are left out.
    async fn measure(&self) -> Result<Vec<Figure>, StoreError>;
}

/// The queues that a service reads on one broker.
#[derive(Clone)]
struct Reads {
    vhost: Vhost,
    broker: Arc<RabbitBroker>,
    queues: Vec<QueueName>,
}

/// What was seen of them.
struct Looked {
    vhost: Vhost,
    /// Each with the publications that wait on it, and its dead letters.
    queues: Vec<(QueueName, u64, u64)>,
    /// Whether the broker answers.
    is_reachable: bool,
}

impl Reads {
    async fn look(&self, clock: &dyn Clock) -> Looked {
        let mut queues = Vec::with_capacity(self.queues.len());
        let looking = async {
            for queue in &self.queues {
                match (self.broker.depth(queue).await, self.broker.depth(&queue.dead()).await) {
                    (Ok(waiting), Ok(letters)) => queues.push((queue.clone(), waiting.ready, letters.ready)),
                    (Err(error), _) | (_, Err(error)) if is_away(&error) => return false,
                    // It answers, and not about this queue.
                    _ => {}
                }
            }
            true
        };
        let is_reachable = clock::timeout(clock, BROKER_DEADLINE, looking).await.unwrap_or(false);
        Looked { vhost: self.vhost, queues, is_reachable }
    }
}

const fn is_away(error: &BrokerError) -> bool {
    matches!(error, BrokerError::Unavailable | BrokerError::ConnectionLost)
}

fn queues(registry: &mut Registry, looked: Vec<Looked>) {
    let (reachable, waiting, dead) = (Gauges::default(), Gauges::default(), Gauges::default());
    for Looked { vhost, queues, is_reachable } in looked {
        reachable.get_or_create(&vec![("vhost", vhost.to_string())]).set(f64::from(u8::from(is_reachable)));
        for (queue, publications, letters) in queues {
            let labels = vec![("queue", queue.to_string())];
            waiting.get_or_create(&labels).set(publications as f64);
            dead.get_or_create(&labels).set(letters as f64);
        }
    }
    registry.register("broker_reachable", "Whether the broker of a zone answers", reachable);
    registry.register("queue_publications", "Publications that wait on a queue that this service reads", waiting);
    registry.register("queue_dead_letters", "Dead letters of a queue that this service reads", dead);
}

/// What a service counts and looks at.
#[derive(Default)]
pub struct Metrics {
    /// The service, and when its process began.
    who: Option<(String, Timestamp)>,
    tally: Mutex<Option<Arc<Tally>>>,
    measure: Mutex<Option<Arc<dyn Measure>>>,
    reads: Mutex<Vec<Reads>>,
    retries: Arc<Retries>,
}

/// How everything stands at one moment.
struct Gathered {
    missing: Vec<String>,
    looked: Vec<Looked>,
    passed: Vec<bulletin::Passed>,
    retries: BTreeMap<String, u64>,
    /// None when the store did not say.
    figures: Option<Vec<Figure>>,
}

impl Metrics {
    /// Those of a service whose process began now.
    pub fn of(service: String, now: Timestamp) -> Self {
        Self { who: Some((service, now)), ..Self::default() }
    }

    /// Counts what passes through the service's store.
    pub fn tally(&self, tally: &Arc<Tally>) {
        *lock(&self.tally) = Some(Arc::clone(tally));
    }

    /// Looks at the service's own figures.
    pub fn measure(&self, measure: Arc<dyn Measure>) {
        *lock(&self.measure) = Some(measure);
    }

    /// Looks at the queues that the service reads in a zone.
    pub fn reads(&self, vhost: Vhost, broker: &Arc<RabbitBroker>, queues: Vec<QueueName>) {
        lock(&self.reads).push(Reads { vhost, broker: Arc::clone(broker), queues });
    }

    /// Where the service says that something is tried again.
    #[must_use]
    pub fn retries(&self) -> Arc<Retries> {
        Arc::clone(&self.retries)
    }

    /// Looks at everything. All brokers are asked at once, so that one that is away holds the answer up no longer than it must.
    async fn gather(&self, health: &Health, clock: &dyn Clock) -> Gathered {
        let reads = lock(&self.reads).clone();
        let (missing, looked) =
            future::join(health.missing(clock), future::join_all(reads.iter().map(|reads| reads.look(clock)))).await;
        let counts = lock(&self.tally).as_ref().map(|tally| tally.counts()).unwrap_or_default();
        let passed = counts.into_iter().map(|(kind, count)| bulletin::Passed::of(kind, count)).collect();
        Gathered { missing, looked, passed, retries: self.retries.counts(), figures: self.figures(clock).await }
    }

    async fn figures(&self, clock: &dyn Clock) -> Option<Vec<Figure>> {
        let measure = lock(&self.measure).clone();
        let Some(measure) = measure else { return Some(Vec::new()) };
        match clock::timeout(clock, STORE_DEADLINE, measure.measure()).await {
            Ok(Ok(figures)) => Some(figures),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the store cannot be measured");
                None
            }
            Err(clock::Elapsed) => {
                tracing::warn!("the store was not measured in time");
                None
            }
        }
    }

    /// Everything as one document.
    pub async fn bulletin(&self, health: &Health, clock: &dyn Clock) -> Bulletin {
        let Gathered { missing, looked, passed, retries, figures } = self.gather(health, clock).await;
        let (service, began) = self.who.clone().unwrap_or_else(|| (String::new(), clock.now()));
        let mut queues = Vec::new();
        for Looked { queues: seen, .. } in looked {
            queues.extend(seen.into_iter().map(|(queue, publications, dead_letters)| bulletin::Queue {
                queue: queue.to_string(),
                publications,
                dead_letters,
            }));
        }
        Bulletin {
            service,
            version: bulletin::VERSION.to_owned(),
            up_seconds: clock.now().since(began).as_secs(),
            missing,
            queues,
            passed,
            retries: retries.into_values().sum(),
            figures: figures.map(|figures| figures.into_iter().map(bulletin::Measured::from).collect()),
        }
    }

    /// Everything as text.
    pub async fn text(&self, health: &Health, clock: &dyn Clock) -> String {
        let Gathered { missing, looked, passed: counts, retries: again, figures } = self.gather(health, clock).await;
        let mut registry = Registry::with_prefix("precision");
        if let Some((service, began)) = &self.who {
            let info = Gauges::default();
            info.get_or_create(&vec![("service", service.clone()), ("version", bulletin::VERSION.to_owned())]).set(1.0);
            registry.register("service_info", "Which service this is, and of which version", info);
            let start = OneGauge::default();
            start.set(began.as_micros() as f64 / 1e6);
            registry.register("start_time_seconds", "When its process began, in seconds since 1970", start);
        }
        let ready = Gauge::<i64>::default();
        ready.set(missing.is_empty().into());
        registry.register("ready", "Whether the service has started, holds its store and speaks with its brokers", ready);
        passed(&mut registry, counts, again);
        queues(&mut registry, looked);
        measured(&mut registry, figures.unwrap_or_default());
        let mut text = String::new();
        // Only a writer can fail, and a string does not.
        let _ = text::encode(&mut text, &registry);
        text
    }
}

fn passed(registry: &mut Registry, counts: Vec<bulletin::Passed>, again: BTreeMap<String, u64>) {
    let (publications, items, retries) = (Counters::default(), Counters::default(), Counters::default());
    for passed in counts {
        let labels = vec![("step", passed.step), ("queue", passed.queue), ("outcome", passed.outcome), ("code", passed.code)];
        publications.get_or_create(&labels).inc_by(passed.publications);
        items.get_or_create(&labels).inc_by(passed.items);
    }
    for (work, count) in again {
        retries.get_or_create(&vec![("work", work)]).inc_by(count);
    }
    registry.register("publications", "Publications that passed, by step, queue and outcome", publications);
    registry.register("items", "Items that passed, by step, queue and outcome", items);
    registry.register("retries", "Attempts that failed and were made again after a pause", retries);
}

fn measured(registry: &mut Registry, figures: Vec<Figure>) {
    let mut families: BTreeMap<&str, (&str, Gauges)> = BTreeMap::new();
    for Figure { name, help, labels, value } in figures {
        if labels.is_empty() {
            let gauge = OneGauge::default();
            gauge.set(value);
            registry.register(name, help, gauge);
        } else {
            families.entry(name).or_insert_with(|| (help, Gauges::default())).1.get_or_create(&labels).set(value);
        }
    }
    for (name, (help, family)) in families {
        registry.register(name, help, family);
    }
}

/// How often each work had to try again.
#[derive(Debug, Default)]
pub struct Retries(Mutex<BTreeMap<String, u64>>);

impl Retries {
    fn counts(&self) -> BTreeMap<String, u64> {
        lock(&self.0).clone()
    }
}

impl Probe for Retries {
    fn reach(&self, _service: &str, _point: Point) -> Option<BoxFuture<'static, ()>> {
        None
    }

    fn retried(&self, work: &str) {
        *lock(&self.0).entry(work.to_owned()).or_default() += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use clock::{SystemClock, Timestamp};
    use store::{Database, Itinerary as _, Outcome, Passage, Schema, SqlItinerary};

    use super::*;

    struct Quota;

    #[async_trait]
    impl Measure for Quota {
        async fn measure(&self) -> Result<Vec<Figure>, StoreError> {
            let of = |sender: &str, value| Figure {
                labels: vec![("sender", sender.to_owned())],
                ..Figure::new("quota_patients", "Patients asked for today", value)
            };
            let limit = Figure::new("quota_limit", "Patients that may be asked for", 20.0);
            Ok(vec![limit, of("ehbox-hco-00000196", 12.0), of("ehbox-hco-00000295", 0.0)])
        }
    }

    #[tokio::test]
    async fn what_passed_and_how_things_stand_is_said_in_openmetrics() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "party", Schema { steps: &[] }).await.unwrap();
        let metrics = Metrics::of("ehealth-ttp".to_owned(), SystemClock.now());
        metrics.tally(database.tally());
        metrics.measure(Arc::new(Quota));
        let passage = |outcome| Passage {
            publication: uuid::Uuid::from_u128(1),
            step: "4",
            queue: "ttp.in".to_owned(),
            at: Timestamp::from_micros(1),
            outcome,
            items: vec![uuid::Uuid::from_u128(2), uuid::Uuid::from_u128(3)],
        };
        let passages = [passage(Outcome::Forwarded), passage(Outcome::DeadLettered("QUOTA".to_owned()))];
        SqlItinerary::new(database).record(&passages).await.unwrap();
        metrics.retries().retried("ttp.in");
        metrics.retries().retried("ttp.in");
        let health = Health::default();
        health.store(true);
        health.started();
        let text = metrics.text(&health, &SystemClock).await;
        let expected = [
            "precision_ready 1",
            "precision_items_total{step=\"4\",queue=\"ttp.in\",outcome=\"forwarded\",code=\"\"} 2",
            "precision_publications_total{step=\"4\",queue=\"ttp.in\",outcome=\"dead-lettered\",code=\"QUOTA\"} 1",
            "precision_retries_total{work=\"ttp.in\"} 2",
            "precision_quota_patients{sender=\"ehbox-hco-00000196\"} 12.0",
            "precision_quota_limit 20.0",
            "# TYPE precision_publications counter",
        ];
        for line in expected {
            assert!(text.lines().any(|said| said == line), "{line} is missing in\n{text}");
        }
        let info = format!("precision_service_info{{service=\"ehealth-ttp\",version=\"{}\"}} 1.0", bulletin::VERSION);
        assert!(text.lines().any(|said| said == info), "{info} is missing in\n{text}");
        assert!(text.ends_with("# EOF\n") && text.contains("\nprecision_start_time_seconds "), "{text}");

        // The same in one document, as it is read on the other side.
        let bulletin = metrics.bulletin(&health, &SystemClock).await;
        assert_eq!(serde_json::from_str::<Bulletin>(&serde_json::to_string(&bulletin).unwrap()).unwrap(), bulletin);
        assert_eq!((bulletin.service.as_str(), bulletin.missing.as_slice(), bulletin.retries), ("ehealth-ttp", &[][..], 2));
        let passed: Vec<_> =
            bulletin.passed.iter().map(|passed| (passed.outcome.as_str(), passed.code.as_str(), passed.items)).collect();
        assert_eq!(passed, [("forwarded", "", 2), ("dead-lettered", "QUOTA", 2)]);
        assert_eq!(bulletin.figure("quota_limit", &[]), Some(20.0));
        assert_eq!(bulletin.figure("quota_patients", &[("sender", "ehbox-hco-00000196")]), Some(12.0));
        assert_eq!(bulletin.figure("quota_patients", &[("sender", "nobody")]), None);
    }
}
