//! What each fault does to a real publication, on an embedded broker and virtual time.

use std::{sync::Arc, time::Duration};

use broker::{Broker, EmbeddedBroker, EmbeddedOptions, Payload, PublishError, TraceParent};
use clock::{Clock, Timestamp, simulation::Executor};
use envelope::{B64, Publication};
use futures_util::FutureExt;
use hd_messages::OutgoingFeedback;
use registration::{Comment, Feedback};
use topology::{Arrow, QueueName, Route, Topology};
use uuid::Uuid;

use super::*;
use crate::{
    installation::Zones,
    scenario::steps::FAULTS,
    simulation::{Fault, Hospital, Laboratory, Op, Register, Service, World},
};

/// A world in which something was published on every arrow.
fn world() -> World {
    let laboratory = Arc::new(Laboratory::new().unwrap());
    let mut world = World::new(&laboratory, 1).unwrap();
    for hospital in [Hospital::South, Hospital::North] {
        world.run([Op::Submit { hospital, register: Register::Local, first: 0, count: 3 }, Op::Minutes(60)]).unwrap();
    }
    world
}

/// Lines to a new embedded broker, with the time that passes there.
struct Bench {
    executor: Executor,
    lines: Arc<Lines>,
    end: Arc<dyn Broker>,
}

impl Bench {
    fn of(world: &World) -> Self {
        let mut executor = Executor::new(1, Timestamp::EPOCH);
        let clock: Arc<dyn Clock> = Arc::new(executor.clock());
        let hospitals = Hospital::ALL.map(|hospital| hospital.number().parse().unwrap());
        let topology = Topology::for_hospitals(&hospitals);
        let end: Arc<dyn Broker> =
            Arc::new(EmbeddedBroker::new(Arc::clone(&clock), &topology, EmbeddedOptions::new(Uuid::from_u128(1))));
        let lines = Lines::to(&Zones::all_on(&end), &clock, world.keys());
        let handing_out = Arc::clone(&lines);
        executor.spawn(async move { handing_out.hand_out().await });
        Self { executor, lines, end }
    }

    fn line(&self, service: Option<Service>) -> Arc<dyn Broker> {
        self.lines.of(service).ehealth
    }

    fn publish(&mut self, route: &Route, payload: &Payload) -> Result<(), PublishError> {
        let (line, route, payload) = (self.line(None), route.clone(), payload.clone());
        self.executor.block_on(async move { line.publish(&route, payload).await }).unwrap()
    }

    /// What stands on a queue after so long.
    fn take(&mut self, queue: &QueueName, after: Duration) -> Vec<Payload> {
        let (end, queue, clock) = (Arc::clone(&self.end), queue.clone(), self.executor.clock());
        let read = async move {
            clock::sleep(&clock, after).await;
            let mut consumer = end.consume(&queue, 0).await.unwrap();
            let mut found = Vec::new();
            while let Some(delivery) = consumer.next().now_or_never() {
                let delivery = delivery.unwrap();
                found.push(delivery.payload.clone());
                delivery.ack().unwrap();
            }
            found
        };
        self.executor.block_on(read).unwrap()
    }

    fn outcomes(&self) -> Vec<(&'static str, Outcome)> {
        self.lines.strikes.after(0, usize::MAX).into_iter().map(|strike| (strike.fault, strike.outcome)).collect()
    }
}

/// The queue of a route.
fn queue_of(arrow: Arrow, route: &Route) -> QueueName {
    let queues = Hospital::ALL.map(|hospital| arrow.queue(Some(&hospital.number().parse().unwrap())));
    queues.into_iter().find(|queue| queue.as_str() == route.routing_key).unwrap()
}

/// What a publisher hears, what is on the queue at once and what two hours later; whether it is as it was.
struct Expected {
    heard: Result<(), PublishError>,
    at_once: usize,
    later: usize,
    is_same: bool,
}

/// Exhaustive, so that a new fault needs its line.
fn expected(fault: Fault) -> Expected {
    let once = Expected { heard: Ok(()), at_once: 1, later: 0, is_same: true };
    match fault {
        Fault::Lose => Expected { at_once: 0, ..once },
        Fault::Duplicate => Expected { at_once: 2, ..once },
        Fault::Delay { .. } | Fault::Reorder => Expected { at_once: 0, later: 1, ..once },
        Fault::ConfirmLost => Expected { heard: Err(PublishError::ConfirmLost), ..once },
        Fault::Refuse => Expected { heard: Err(PublishError::Rejected), at_once: 0, ..once },
        Fault::Poison => once,
        Fault::Corrupt
        | Fault::Truncate
        | Fault::Tamper
        | Fault::ForgeSender
        | Fault::ForeignItems
        | Fault::SwapPatients
        | Fault::SwapHandles
        | Fault::PseudonymInComment
        | Fault::InventFeedback => Expected { is_same: false, ..once },
    }
}

/// A STATUS of healthdata's, made a request for corrections.
fn as_request(payload: &Payload) -> Payload {
    let mut publication = Publication::<OutgoingFeedback>::decode(payload).unwrap();
    for item in &mut publication.data.items {
        let head = *Feedback::decode(&item.feedback).unwrap().head();
        let comments = vec![Comment { place: None, text: "Is it right?".to_owned() }];
        item.feedback = B64(Feedback::CorrectionRequest { head, comments }.encode());
    }
    publication.encode().unwrap()
}

#[test]
fn every_fault_of_the_vocabulary_strikes_as_its_page_says() {
    let world = world();
    for (word, fault) in FAULTS {
        let fault = if let Fault::Delay { .. } = fault { Fault::Delay { seconds: 3600 } } else { fault };
        let arrows = Arrow::ALL.into_iter().filter(|arrow| fault.befalls(*arrow));
        let tried: Vec<_> = arrows.filter_map(|arrow| Some((arrow, world.first_published(arrow)?))).collect();
        assert!(!tried.is_empty(), "{word} is tried on no step");
        for (arrow, (route, payload)) in tried {
            let payload = if fault == Fault::PseudonymInComment { as_request(&payload) } else { payload };
            let mut bench = Bench::of(&world);
            if fault == Fault::ForeignItems {
                // Somebody else's that came before.
                let other = Hospital::ALL.map(|one| Arrow::HandOver.route(Some(&one.number().parse().unwrap())));
                let other = other.into_iter().find(|other| *other != route).unwrap();
                let of_other = world.first_published_on(Arrow::HandOver, &other).unwrap();
                bench.publish(&other, &of_other).unwrap();
            }
            bench.lines.board.put(Op::Once { arrow, fault }, Some(1), Timestamp::EPOCH);
            let Expected { heard, at_once, later, is_same } = expected(fault);
            let step = arrow.step();
            assert_eq!(bench.publish(&route, &payload), heard, "{word} on {step}");
            let queue = queue_of(arrow, &route);
            let found = bench.take(&queue, Duration::ZERO);
            assert_eq!(found.len(), at_once, "{word} on {step}, at once");
            let found = if found.is_empty() { bench.take(&queue, Duration::from_secs(7200)) } else { found };
            assert_eq!(found.len(), at_once + later, "{word} on {step}, later");
            assert!(found.iter().all(|one| (*one == payload) == is_same), "{word} on {step} changes what it should");
            assert_eq!(bench.outcomes(), [(word, Outcome::Struck)], "{word} on {step}");
            assert!(bench.lines.board.all().is_empty(), "{word} is used up");
            assert_eq!(bench.publish(&route, &payload), Ok(()), "the next one meets nothing");
            assert_eq!(bench.take(&queue, Duration::ZERO), [payload]);
        }
    }
}

/// What finds nothing to change lets the publication pass, and says so.
#[test]
fn a_fault_that_finds_nothing_to_change_says_so() {
    let world = world();
    let (route, payload) = world.first_published(Arrow::FeedbackOut).unwrap();
    let mut bench = Bench::of(&world);
    let arrow = Arrow::FeedbackOut;
    bench.lines.board.put(Op::Once { arrow, fault: Fault::PseudonymInComment }, Some(1), Timestamp::EPOCH);
    bench.publish(&route, &payload).unwrap();
    assert_eq!(bench.take(&arrow.queue(None), Duration::ZERO), [payload]);
    assert_eq!(bench.outcomes(), [("pseudonym-in-comment", Outcome::Nothing)]);
}

#[test]
fn what_comes_behind_overtakes_and_depth_counts_what_is_held_back() {
    let world = world();
    let (route, first) = world.first_published(Arrow::ToTtp).unwrap();
    let (_, second) = world.first_published(Arrow::ToHd).unwrap();
    let (mut bench, arrow, queue) = (Bench::of(&world), Arrow::ToTtp, Arrow::ToTtp.queue(None));
    bench.lines.board.put(Op::Once { arrow, fault: Fault::Reorder }, Some(1), Timestamp::EPOCH);
    bench.publish(&route, &first).unwrap();
    bench.publish(&route, &second).unwrap();
    let (line, of) = (bench.line(None), queue.clone());
    assert_eq!(bench.executor.block_on(async move { line.depth(&of).await }).unwrap().unwrap().ready, 2);
    assert_eq!(bench.take(&queue, Duration::from_secs(2)), [second, first]);
}

#[test]
fn what_meets_no_fault_keeps_its_place_in_a_trace() {
    let world = world();
    let (route, payload) = world.first_published(Arrow::ToTtp).unwrap();
    let mut bench = Bench::of(&world);
    let (line, place) = (bench.line(None), TraceParent { trace: [7; 16], span: [9; 8], is_sampled: true });
    let passing = async move {
        line.publish_traced(&route, payload, Some(place)).await.unwrap();
        line.consume(&Arrow::ToTtp.queue(None), 1).await.unwrap().next().await.unwrap().trace
    };
    assert_eq!(bench.executor.block_on(passing).unwrap(), Some(place));
}

/// What is held back while the broker is away comes when it is back, and nothing meets a fault that never left.
#[test]
fn a_broker_that_is_away_takes_nothing_and_loses_nothing() {
    let world = world();
    let (route, payload) = world.first_published(Arrow::ToTtp).unwrap();
    let (mut bench, arrow, queue) = (Bench::of(&world), Arrow::ToTtp, Arrow::ToTtp.queue(None));
    bench.lines.board.put(Op::Once { arrow, fault: Fault::Delay { seconds: 60 } }, Some(1), Timestamp::EPOCH);
    bench.publish(&route, &payload).unwrap();
    bench.lines.board.put(Op::Keep { arrow, fault: Fault::Lose }, None, Timestamp::EPOCH);
    bench.lines.go_away(true);
    assert_eq!(bench.publish(&route, &payload), Err(PublishError::Unavailable));
    assert!(bench.take(&queue, Duration::from_secs(600)).is_empty());
    assert_eq!(bench.outcomes(), [("delay", Outcome::Struck)]);
    bench.lines.go_away(false);
    assert_eq!(bench.take(&queue, Duration::from_secs(5)), [payload]);
}

#[test]
fn whoever_reads_poison_dies_and_the_operator_does_not() {
    let world = world();
    let (route, payload) = world.first_published(Arrow::ToTtp).unwrap();
    let (mut bench, arrow, queue) = (Bench::of(&world), Arrow::ToTtp, Arrow::ToTtp.queue(None));
    bench.lines.board.put(Op::Once { arrow, fault: Fault::Poison }, Some(1), Timestamp::EPOCH);
    bench.publish(&route, &payload).unwrap();
    let (own, operators, lines) = (bench.line(Some(Service::EhealthTtp)), bench.line(None), Arc::clone(&bench.lines));
    let dies = async move {
        let mut consumer = own.consume(&queue, 1).await.unwrap();
        {
            let read = futures_util::future::select(consumer.next(), Box::pin(lines.next_caught())).await;
            assert!(matches!(read, futures_util::future::Either::Right((Service::EhealthTtp, _))));
        }
        drop(consumer);
        operators.consume(&queue, 1).await.unwrap().next().await.unwrap().redelivered
    };
    assert_eq!(bench.executor.block_on(dies), Some(true));
}

#[test]
fn a_slow_service_waits_before_each_delivery() {
    let world = world();
    let (route, payload) = world.first_published(Arrow::ToTtp).unwrap();
    let (mut bench, queue) = (Bench::of(&world), Arrow::ToTtp.queue(None));
    bench.lines.board.put(Op::Slow { service: Service::EhealthTtp, seconds: 90 }, None, Timestamp::EPOCH);
    bench.publish(&route, &payload).unwrap();
    let (own, clock) = (bench.line(Some(Service::EhealthTtp)), bench.executor.clock());
    let reads = async move {
        own.consume(&queue, 1).await.unwrap().next().await.unwrap().ack().unwrap();
        clock.now()
    };
    assert_eq!(bench.executor.block_on(reads), Some(Timestamp::EPOCH.plus(Duration::from_secs(90))));
}
