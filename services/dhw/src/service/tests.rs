//! The station at `dhw.in` with an embedded broker on virtual time.

use std::{
    collections::VecDeque,
    sync::{Mutex, atomic::AtomicBool, atomic::Ordering::SeqCst},
    time::Duration,
};

use broker::{EmbeddedBroker, EmbeddedOptions, Fate, Faults, Payload};
use clock::{Clock, Timestamp, simulation::Executor, simulation::TaskId};
use futures_util::future::BoxFuture;
use host::{Chance, Probe};
use store::{Itinerary as _, Outcome};
use topology::{QueueName, Route, Topology};
use uuid::Uuid;

use envelope::PublicationId;

use super::*;
use crate::{
    sample::{Draft, advice, definitions},
    store::MemoryStore,
};

/// Holds the service for ever at one point, the first time it comes there.
struct HoldAt {
    point: Option<Point>,
    held: AtomicBool,
}

impl Probe for HoldAt {
    fn reach(&self, _service: &str, point: Point) -> Option<BoxFuture<'static, ()>> {
        let hold = self.point == Some(point) && !self.held.swap(true, SeqCst);
        if hold { Some(Box::pin(std::future::pending())) } else { None }
    }
}

struct Refusals(Mutex<VecDeque<Fate>>);

impl Faults for Refusals {
    fn on_publish(&mut self, route: &Route, _number: u64) -> Fate {
        if *route == Arrow::ToDhw.route(None) {
            return Fate::Deliver;
        }
        self.0.get_mut().unwrap().pop_front().unwrap_or(Fate::Deliver)
    }
}

struct Bench {
    executor: Executor,
    broker: Arc<EmbeddedBroker>,
    store: Arc<MemoryStore>,
    dhw: Arc<Dhw>,
    task: TaskId,
    sent: u128,
}

impl Bench {
    fn new() -> Self {
        Self::with(None, &[])
    }

    fn with(hold_at: Option<Point>, fates: &[Fate]) -> Self {
        let mut executor = Executor::new(7, Timestamp::from_micros(1_800_000_000_000_000));
        let clock: Arc<dyn Clock> = Arc::new(executor.clock());
        let faults: Box<dyn Faults> = Box::new(Refusals(Mutex::new(fates.iter().copied().collect())));
        let options = EmbeddedOptions { faults: Some(faults), ..EmbeddedOptions::new(Uuid::nil()) };
        let broker = Arc::new(EmbeddedBroker::new(Arc::clone(&clock), &Topology::for_hospitals(&[]), options));
        let definitions = definitions();
        let store = Arc::new(MemoryStore::new(Arc::new(Registers::new(&definitions))));
        let probe = Arc::new(HoldAt { point: hold_at, held: AtomicBool::new(false) });
        let context = Context { clock, chance: Arc::new(Chance::seeded(1)), probe };
        let dhw = Dhw::new(DhwParts {
            context,
            broker: Arc::clone(&broker) as Arc<dyn Broker>,
            store: Arc::clone(&store) as Arc<dyn DhwStore>,
            definitions,
        });
        let task = executor.spawn(dhw.works()[0].start());
        Self { executor, broker, store, dhw, task, sent: 0 }
    }

    fn restart(&mut self) {
        self.executor.kill(self.task);
        self.task = self.executor.spawn(self.dhw.works()[0].start());
        self.executor.settle();
    }

    fn publish(&mut self, payload: Payload) {
        let broker = Arc::clone(&self.broker);
        self.executor.block_on(async move { broker.publish(&Arrow::ToDhw.route(None), payload).await.unwrap() });
        self.executor.settle();
    }

    fn send(&mut self, items: Vec<ValidationItem>) {
        self.sent += 1;
        let id = PublicationId::from_uuid(Uuid::from_u128(self.sent));
        let time = self.executor.clock().now();
        let publication = Publication::new(id, "hd4res".parse().unwrap(), time, Validation { items });
        self.publish(publication.encode().unwrap());
    }

    fn taken<T: Send + 'static>(&mut self, queue: QueueName, what: impl Fn(&Delivery) -> T + Send + 'static) -> Vec<T> {
        let broker = Arc::clone(&self.broker);
        let taken = self.executor.block_on(async move {
            let mut consumer = broker.consume(&queue, 0).await.unwrap();
            let mut taken = Vec::new();
            while let Some(delivery) = consumer.try_next() {
                taken.push(what(&delivery));
                delivery.ack().unwrap();
            }
            taken
        });
        taken.unwrap()
    }

    fn payloads(&mut self, queue: QueueName) -> Vec<Payload> {
        self.taken(queue, |delivery| delivery.payload.clone())
    }

    fn places(&mut self, queue: QueueName) -> Vec<Option<TraceParent>> {
        self.taken(queue, |delivery| delivery.trace)
    }

    fn verdicts(&mut self) -> Vec<Publication<Verdict>> {
        let payloads = self.payloads(Arrow::Verdicts.queue(None));
        payloads.iter().map(|payload| Publication::decode(payload).unwrap()).collect()
    }

    /// The answers since the last call, each as item and the rules that were broken.
    fn answers(&mut self) -> Vec<(Uuid, bool, Vec<String>)> {
        let items = self.verdicts().into_iter().flat_map(|publication| publication.data.items);
        let rules = |item: &VerdictItem| item.findings.iter().filter_map(|finding| finding.rule.clone()).collect();
        items.map(|item| (item.id.uuid(), item.clean, rules(&item))).collect()
    }

    fn in_queue(&mut self) -> u64 {
        let broker = Arc::clone(&self.broker);
        let depth = self.executor.block_on(async move { broker.depth(&Arrow::ToDhw.queue(None)).await.unwrap() }).unwrap();
        depth.ready + depth.unacked
    }

    fn count(&mut self) -> u64 {
        let store = Arc::clone(&self.store);
        self.executor.block_on(async move { store.count().await.unwrap() }).unwrap()
    }

    fn outcomes(&mut self) -> Vec<(Outcome, usize)> {
        let store = Arc::clone(&self.store);
        let passages = self.executor.block_on(async move { store.passages(0, 100).await.unwrap() }).unwrap();
        passages.into_iter().map(|(_, passage)| (passage.outcome, passage.items.len())).collect()
    }
}

fn clean(draft: &Draft) -> (Uuid, bool, Vec<String>) {
    (draft.item_id(), true, Vec::new())
}

#[test]
fn registrations_are_validated_and_answered() {
    let mut bench = Bench::new();
    let (good, heavy) = (advice(1, "A-1"), advice(2, "A-2").with("weight", "301"));
    bench.send(vec![good.item(), heavy.item()]);
    let verdicts = bench.verdicts();
    assert_eq!(verdicts.len(), 1);
    assert_eq!(verdicts[0].id, PublicationId::from_uuid(Uuid::from_u128(1)).derived("verdict 0"));
    assert_eq!(verdicts[0].source.as_str(), "dhw");
    let items = &verdicts[0].data.items;
    assert_eq!((items[0].clean, items[0].findings.len()), (true, 0));
    assert_eq!((items[1].clean, items[1].findings[0].code.as_str()), (false, "V03"));
    assert_eq!(
        items[1].sender.parse().map(|code: pseudonymised::SenderCode| code.to_string()).ok(),
        Some(crate::sample::sender(1))
    );
    assert_eq!((bench.count(), bench.in_queue()), (2, 0));
    let figures = Figures { publications: 1, clean: 1, not_clean: 1, ..Figures::default() };
    assert_eq!(bench.dhw.metrics().figures(), figures);
}

#[test]
fn a_known_item_is_answered_again() {
    let mut bench = Bench::new();
    let heavy = advice(2, "A-2").with("weight", "301");
    bench.send(vec![heavy.item()]);
    bench.send(vec![heavy.item()]);
    let answer = (heavy.item_id(), false, vec!["A01".to_owned()]);
    assert_eq!(bench.answers(), [answer.clone(), answer]);
    assert_eq!(bench.count(), 1);
    assert_eq!(bench.outcomes(), [(Outcome::Validated, 1), (Outcome::Known, 1)]);
}

#[test]
fn an_older_version_that_comes_late_is_answered_and_not_kept() {
    let mut bench = Bench::new();
    let (first, second) = (advice(1, "A-1").with("weight", "301"), advice(1, "A-1").in_version(2));
    bench.send(vec![second.item()]);
    bench.send(vec![first.item()]);
    assert_eq!(bench.answers(), [clean(&second), clean(&first)]);
    assert_eq!(bench.count(), 1);
}

#[test]
fn a_bad_item_is_set_aside_and_the_rest_passes() {
    let mut bench = Bench::new();
    let (good, mut bad) = (advice(1, "A-1"), advice(2, "A-2").item());
    bad.content.0.truncate(5);
    bench.send(vec![bad.clone(), good.item()]);
    assert_eq!(bench.answers(), [clean(&good)]);
    let dead = bench.payloads(Arrow::ToDhw.queue(None).dead());
    let dead: Vec<Publication<Validation>> = dead.iter().map(|payload| Publication::decode(payload).unwrap()).collect();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].reason.as_ref().map(envelope::ReasonCode::as_str), Some("CONTENT"));
    assert_eq!((dead[0].source.as_str(), &dead[0].data.items), ("hd4res", &vec![bad]));
    assert_eq!(bench.outcomes(), [(Outcome::Validated, 1), (Outcome::DeadLettered("CONTENT".to_owned()), 1)]);
    assert_eq!(bench.in_queue(), 0);
}

/// In a batch of several, where one cannot be read.
#[test]
fn what_follows_from_a_publication_stands_in_its_trace() {
    let mut bench = Bench::new();
    bench.executor.kill(bench.task);
    let place = |number: u8| Some(TraceParent { trace: [number; 16], span: [number; 8], is_sampled: true });
    let route = Arrow::ToDhw.route(None);
    for number in 1..=3_u8 {
        let mut bad = advice(number.into(), "B").item();
        bad.content.0.truncate(5);
        let items = vec![bad, advice(u32::from(number) + 10, &format!("A-{number}")).item()];
        let id = PublicationId::from_uuid(Uuid::from_u128(number.into()));
        let publication = Publication::new(id, "hd4res".parse().unwrap(), bench.executor.clock().now(), Validation { items });
        let payload = if number == 2 { Payload::from_static(b"{}") } else { publication.encode().unwrap() };
        let (broker, route) = (Arc::clone(&bench.broker), route.clone());
        let publishing = async move { broker.publish_traced(&route, payload, place(number)).await.unwrap() };
        bench.executor.block_on(publishing).unwrap();
    }
    bench.restart();
    assert_eq!(bench.places(Arrow::Verdicts.queue(None)), [place(1), place(3)]);
    let mut dead = bench.places(Arrow::ToDhw.queue(None).dead());
    dead.sort_unstable_by_key(|place| place.map(|place| place.trace));
    assert_eq!(dead, [place(1), place(2), place(3)]);
}

#[test]
fn an_unreadable_publication_is_a_dead_letter_as_it_is() {
    let mut bench = Bench::new();
    bench.publish(Payload::from_static(b"{}"));
    assert_eq!(bench.payloads(Arrow::ToDhw.queue(None).dead()), [&b"{}"[..]]);
    assert_eq!((bench.in_queue(), bench.dhw.metrics().figures().unreadable), (0, 1));
}

/// The deliveries come back after a crash. What was durable is answered, what was not is done again; nothing is there twice.
#[test]
fn a_crash_loses_nothing_and_doubles_nothing() {
    for (point, answers) in [(Point::BeforeCommit, 1), (Point::AfterCommit, 1), (Point::BeforeAck, 2)] {
        let mut bench = Bench::with(Some(point), &[]);
        let heavy = advice(1, "A-1").with("weight", "301");
        bench.send(vec![heavy.item()]);
        assert_eq!(bench.count(), u64::from(point != Point::BeforeCommit), "{point:?}");
        bench.restart();
        assert_eq!((bench.count(), bench.in_queue()), (1, 0), "{point:?}");
        let verdicts = bench.verdicts();
        assert_eq!(verdicts.len(), answers, "{point:?}");
        assert!(verdicts.iter().all(|verdict| verdict.id == verdicts[0].id && verdict.data == verdicts[0].data), "{point:?}");
        assert!(!verdicts[0].data.items[0].clean);
    }
}

/// A broker that refuses for a while costs patience and nothing else: the batch is not decided again.
#[test]
fn what_the_broker_refuses_is_published_again() {
    for is_bad in [false, true] {
        let mut bench = Bench::with(None, &[Fate::Refuse, Fate::Refuse, Fate::Refuse]);
        let (good, mut bad) = (advice(1, "A-1"), advice(2, "A-2").item());
        bad.content.0.truncate(5);
        bench.send(std::iter::once(good.item()).chain(is_bad.then_some(bad)).collect());
        assert_eq!((bench.answers(), bench.in_queue()), (vec![], 1));
        let later = bench.executor.clock().now().plus(Duration::from_secs(5));
        bench.executor.run_until(later);
        assert_eq!(bench.answers(), [clean(&good)]);
        assert_eq!(bench.payloads(Arrow::ToDhw.queue(None).dead()).len(), usize::from(is_bad));
        assert_eq!(bench.in_queue(), 0);
        let dead = is_bad.then(|| (Outcome::DeadLettered("CONTENT".to_owned()), 1));
        assert_eq!(bench.outcomes(), std::iter::once((Outcome::Validated, 1)).chain(dead).collect::<Vec<_>>());
    }
}

#[test]
fn long_verdicts_go_in_several_publications() {
    let finding = hd_messages::VerdictFinding {
        rule: Some("R".repeat(1_000)),
        code: "V03".to_owned(),
        severity: hd_messages::VerdictSeverity::Error,
        column: None,
    };
    let draft = advice(1, "A-1").item();
    let item = VerdictItem { id: draft.id, sender: draft.sender, clean: false, findings: vec![finding; 500] };
    let parts = parts(std::iter::repeat_n(item, 20));
    assert!(parts.len() > 1);
    assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 20);
    for items in parts {
        let id = PublicationId::from_uuid(Uuid::nil());
        assert!(Publication::new(id, SOURCE.clone(), Timestamp::EPOCH, Verdict { items }).encode().is_ok());
    }
}
