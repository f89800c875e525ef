//! What holds of dead letters on every broker: one suite, run on the embedded broker and on RabbitMQ.
//!
//! A failure is a panic with a sentence.

#![expect(clippy::expect_used, reason = "a contract is a test: its failures are panics")]

use std::{io, num::NonZeroU32, sync::Arc, time::Duration};

use broker::{Broker, Payload, contract::Subject};
use clock::{Clock, Timestamp};
use envelope::{
    B64, IdBatch, Publication,
    sealed::{ContentSeal, Encapsulation, SealedItem, SealedSubmission},
};
use futures_util::future::{self, BoxFuture};
use topology::{Arrow, Nihdi, QueueName, Topology};
use uuid::Uuid;

use super::{DiscardError, Filter, Job, Letter, Meant, Office, Order, Place, State, Wanted, letter::fingerprint};
use crate::installation::Zones;

/// One promise and the function that holds a broker to it.
pub struct Case {
    /// The promise in words.
    pub name: &'static str,
    run: fn(Bench) -> BoxFuture<'static, ()>,
}

macro_rules! cases {
    ($($function:ident),* $(,)?) => {
        /// All promises.
        pub const CASES: &[Case] = &[$(Case { name: stringify!($function), run: |bench| Box::pin($function(bench)) }),*];
    };
}

cases![
    a_look_changes_nothing,
    every_letter_goes_back_to_its_own_queue,
    a_filter_leaves_the_others_in_their_places,
    a_letter_that_comes_straight_back_is_not_put_back_again,
    a_cancelled_job_loses_nothing,
    a_paused_job_holds_nothing,
    a_cut_connection_loses_nothing,
    what_is_discarded_is_written_down_and_the_rest_stays,
    what_cannot_be_written_down_stays,
];

/// Holds one broker to one promise. The factory gives a broker with the topology's queues, empty.
pub async fn check<F>(case: &Case, factory: impl FnOnce(Topology) -> F)
where
    F: Future<Output = Box<dyn Subject>>,
{
    let subject: Arc<dyn Subject> = factory(Topology::for_hospitals(&hospitals())).await.into();
    let zones = Zones::all_on(&subject.broker());
    let office = Arc::new(Office::new(&zones, &hospitals(), subject.clock()));
    (case.run)(Bench { subject: Arc::clone(&subject), office }).await;
    subject.retire().await;
}

/// How long something may take that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

fn hospitals() -> Vec<Nihdi> {
    ["71000012", "71000111"].map(|text| text.parse().expect("eight digits")).into()
}

const TTP: Place = Place { arrow: Arrow::ToTtp, nihdi: None };

/// A broker under test and the sentences to test it with.
struct Bench {
    subject: Arc<dyn Subject>,
    office: Arc<Office>,
}

/// A dead letter of step 4, as the TTP sets it aside.
fn letter(number: u8, reason: &str) -> Payload {
    let mut ids = IdBatch::new([number; 10]);
    let item = SealedItem { id: ids.next_item(), identity: B64(vec![number; 40]), content: B64(vec![number; 90]) };
    let data = SealedSubmission {
        identity: Encapsulation::new([1; 8], [2; 32]),
        content: ContentSeal::new([3; 8], [4; 32], vec![5; 24]),
        items: vec![item],
    };
    let source = "ehbox-hco-71000012".parse().expect("a party");
    let mut publication = Publication::new(ids.next_publication(), source, Timestamp::EPOCH, data);
    publication.reason = Some(reason.parse().expect("a code"));
    publication.encode().expect("it is small")
}

fn order(wanted: Wanted) -> Order {
    Order { filter: Filter::try_from(&wanted).expect("a filter"), wanted, per_minute: None }
}

impl Bench {
    fn broker(&self) -> Arc<dyn Broker> {
        self.subject.broker()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.subject.clock()
    }

    async fn set_aside(&self, place: Place, letters: &[Payload]) {
        for letter in letters {
            let route = place.arrow.dead_route(place.nihdi.as_ref());
            self.broker().publish(&route, letter.clone()).await.expect("the letter is confirmed");
        }
    }

    /// Everything that a queue holds in its order, once it holds so many.
    async fn take(&self, queue: &QueueName, count: usize) -> Vec<Payload> {
        let (broker, clock) = (self.broker(), self.clock());
        let taking = async {
            // A connection that was cut is made again at the next try.
            let mut consumer = loop {
                match broker.consume(queue, 0).await {
                    Ok(consumer) => break consumer,
                    Err(_) => clock::sleep(&*clock, Duration::from_millis(20)).await,
                }
            };
            let mut taken = Vec::new();
            while taken.len() < count {
                let Ok(delivery) = consumer.next().await else { continue };
                taken.push(delivery.payload.clone());
                delivery.ack().expect("the connection stands");
            }
            taken
        };
        clock::timeout(&*clock, PATIENCE, taking).await.expect("the letters come")
    }

    async fn expect_depth(&self, queue: &QueueName, ready: u64) {
        let (broker, clock) = (self.broker(), self.clock());
        let watching = async {
            while broker.depth(queue).await.ok().map(|depth| (depth.ready, depth.unacked)) != Some((ready, 0)) {
                clock::sleep(&*clock, Duration::from_millis(10)).await;
            }
        };
        let reached = clock::timeout(&*clock, PATIENCE, watching).await;
        assert!(reached.is_ok(), "{queue} should hold {ready}, and holds {:?}", broker.depth(queue).await);
    }

    fn job(&self, order: Order) -> Arc<Job> {
        Arc::new(Job::new(Uuid::from_u128(1), order, self.clock().now()))
    }

    async fn run(&self, order: Order) -> Arc<Job> {
        let job = self.job(order);
        self.office.requeue(&job).await;
        job
    }

    /// Waits until a job is so far.
    async fn until(&self, job: &Job, reached: impl Fn(&super::Standing) -> bool) {
        let clock = self.clock();
        let watching = async {
            while !reached(&job.standing()) {
                clock::sleep(&*clock, Duration::from_millis(5)).await;
            }
        };
        let outcome = clock::timeout(&*clock, PATIENCE, watching).await;
        assert!(outcome.is_ok(), "the job stays at {:?}", job.standing());
    }
}

async fn a_look_changes_nothing(bench: Bench) {
    let letters: Vec<Payload> = (1..=3).map(|number| letter(number, "QUOTA")).chain([Payload::from_static(b"none")]).collect();
    let at_hospital = Place { arrow: Arrow::ToHco, nihdi: Some(hospitals()[1]) };
    bench.set_aside(TTP, &letters).await;
    bench.set_aside(at_hospital, &[letter(9, "IDENTITY")]).await;
    for _ in 0..3 {
        let look = bench.office.look(&Filter::default()).await.expect("a look");
        let seen: Vec<_> = look.letters.iter().map(|letter| (letter.place, letter.fingerprint)).collect();
        let mut there: Vec<_> = letters.iter().map(|letter| (TTP, fingerprint(letter))).collect();
        // Another step's message there is one that the step's reader cannot read.
        there.push((at_hospital, fingerprint(&letter(9, "IDENTITY"))));
        assert_eq!(seen, there);
        assert_eq!(look.letters[0].reason.as_deref(), Some("QUOTA"));
        assert_eq!((look.letters[3].reason.as_deref(), look.letters[3].fault), (None, Some("NOT_JSON")));
        assert!(look.missed.is_empty() && look.queues == 17, "{:?}", look.missed);
    }
    bench.expect_depth(&TTP.dead(), 4).await;
    assert_eq!(bench.take(&TTP.dead(), 4).await, letters);
}

async fn every_letter_goes_back_to_its_own_queue(bench: Bench) {
    let places = Place::all(&hospitals());
    for (number, place) in (1..).zip(&places) {
        bench.set_aside(*place, &[letter(number, "DEFECT")]).await;
    }
    let job = bench.run(order(Wanted::default())).await;
    let (state, total, requeued) = (job.standing().state, job.standing().total, job.standing().requeued);
    assert_eq!((state, total, requeued), (State::Done, places.len() as u64, places.len() as u64), "{job:?}");
    for (number, place) in (1..).zip(&places) {
        assert_eq!(bench.take(&place.queue(), 1).await, [letter(number, "DEFECT")]);
        bench.expect_depth(&place.dead(), 0).await;
    }
}

/// What was put back, what stays, and the same two as they stood before; more letters than are taken at once, so that what goes back does so in parts.
async fn filtered(bench: &Bench) -> [Vec<Payload>; 4] {
    let of = |at: usize| letter(u8::try_from(at % 250).expect("small"), if at.is_multiple_of(100) { "QUOTA" } else { "DEFECT" });
    let letters: Vec<Payload> = (0..1_250).map(of).collect();
    bench.set_aside(TTP, &letters).await;
    let wanted = Wanted { reason: Some("QUOTA".to_owned()), step: Some("4".to_owned()), ..Wanted::default() };
    let job = bench.run(order(wanted)).await;
    assert_eq!((job.standing().state, job.standing().requeued), (State::Done, 13), "{job:?}");
    let (chosen, others): (Vec<_>, Vec<_>) = letters.into_iter().enumerate().partition(|(at, _)| at.is_multiple_of(100));
    let plain = |letters: Vec<(usize, Payload)>| letters.into_iter().map(|(_, letter)| letter).collect::<Vec<_>>();
    let back = bench.take(&TTP.queue(), 13).await;
    bench.expect_depth(&TTP.dead(), 1_237).await;
    [back, bench.take(&TTP.dead(), 1_237).await, plain(chosen), plain(others)]
}

async fn a_filter_leaves_the_others_in_their_places(bench: Bench) {
    let [back, left, chosen, others] = filtered(&bench).await;
    assert!(back == chosen, "what was put back is out of its order");
    assert!(left == others, "the others are out of their order");
}

/// The reader gives up on each letter at once, and it comes back as the same bytes.
async fn a_letter_that_comes_straight_back_is_not_put_back_again(bench: Bench) {
    let letters: Vec<Payload> = (1..=5).map(|number| letter(number, "DEFECT")).chain([letter(1, "DEFECT")]).collect();
    bench.set_aside(TTP, &letters).await;
    let broker = bench.broker();
    let rejecting = async {
        let mut consumer = broker.consume(&TTP.queue(), 10).await.expect("the queue can be read");
        loop {
            if let Ok(delivery) = consumer.next().await {
                delivery.reject().expect("the connection stands");
            }
        }
    };
    let working = Box::pin(bench.run(order(Wanted::default())));
    let job = match future::select(working, Box::pin(rejecting)).await {
        future::Either::Left((job, _)) => job,
        future::Either::Right(((), _)) => return,
    };
    let standing = job.standing();
    assert_eq!((standing.state, standing.total, standing.requeued, standing.left), (State::Done, 6, 6, 0));
}

async fn a_cancelled_job_loses_nothing(bench: Bench) {
    let letters: Vec<Payload> = (1..=9).map(|number| letter(number, "QUOTA")).collect();
    bench.set_aside(TTP, &letters).await;
    let slow = Order { per_minute: NonZeroU32::new(600), ..order(Wanted::default()) };
    let job = bench.job(slow);
    let cancelling = async {
        bench.until(&job, |standing| standing.requeued >= 2).await;
        job.cancel().expect("it goes on");
    };
    future::join(bench.office.requeue(&job), cancelling).await;
    let standing = job.standing();
    let back = usize::try_from(standing.requeued).expect("few");
    assert!(standing.state == State::Cancelled && (2..9).contains(&back), "{standing:?}");
    assert_eq!((standing.total, standing.left), (9, 9 - standing.requeued));
    assert!(job.resume().is_err() && job.pause().is_err() && job.cancel().is_ok());
    bench.expect_depth(&TTP.dead(), standing.left).await;
    let mut all = bench.take(&TTP.queue(), back).await;
    all.extend(bench.take(&TTP.dead(), 9 - back).await);
    assert_eq!(all, letters);
}

async fn a_paused_job_holds_nothing(bench: Bench) {
    let letters: Vec<Payload> = (1..=6).map(|number| letter(number, "QUOTA")).collect();
    bench.set_aside(TTP, &letters).await;
    let slow = Order { per_minute: NonZeroU32::new(600), ..order(Wanted::default()) };
    let job = bench.job(slow);
    let pausing = async {
        bench.until(&job, |standing| standing.requeued >= 1).await;
        // While it runs, a look sees all that is left.
        let look = bench.office.look(&Filter::default()).await.expect("a look");
        assert_eq!(look.letters.len() as u64 + job.standing().requeued, 6, "{:?}", job.standing());
        assert_eq!(job.pause().expect("it goes on").state, State::Paused);
        let look = bench.office.look(&Filter::default()).await.expect("a look");
        let standing = job.standing();
        assert_eq!((look.letters.len() as u64, standing.state), (standing.left, State::Paused));
        bench.expect_depth(&TTP.dead(), standing.left).await;
        assert_eq!(job.resume().expect("it waits").state, State::Running);
    };
    future::join(bench.office.requeue(&job), pausing).await;
    assert_eq!((job.standing().state, job.standing().requeued), (State::Done, 6), "{:?}", job.standing());
    assert_eq!(bench.take(&TTP.queue(), 6).await, letters);
    bench.expect_depth(&TTP.dead(), 0).await;
}

/// A letter whose acknowledgement was lost may stand on both queues; none stands on neither.
async fn a_cut_connection_loses_nothing(bench: Bench) {
    let letters: Vec<Payload> = (1..=40).map(|number| letter(number, "QUOTA")).collect();
    bench.set_aside(TTP, &letters).await;
    let job = bench.job(Order { per_minute: NonZeroU32::new(6_000), ..order(Wanted::default()) });
    let cutting = async {
        for reached in [5, 15, 25] {
            bench.until(&job, |standing| standing.requeued >= reached || standing.state.is_end()).await;
            bench.subject.cut().await;
        }
    };
    future::join(bench.office.requeue(&job), cutting).await;
    let standing = job.standing();
    assert!(standing.state == State::Done && standing.requeued == 40, "{standing:?}");
    // All at once: each reader that leaves some counts as a delivery of them, and a step's queue allows ten.
    let there = bench.broker().depth(&TTP.queue()).await.expect("the connection stands").ready;
    let back = bench.take(&TTP.queue(), usize::try_from(there).expect("few")).await;
    assert!(letters.iter().all(|letter| back.contains(letter)), "a letter stands on neither queue");
}

/// Those with one code; the others stand in their order, and what is more than was counted stays too.
async fn what_is_discarded_is_written_down_and_the_rest_stays(bench: Bench) {
    let letters: Vec<Payload> = (1..=9).map(|number| letter(number, if number % 3 == 0 { "QUOTA" } else { "DEFECT" })).collect();
    bench.set_aside(TTP, &letters).await;
    let filter = Filter::try_from(&Wanted { reason: Some("QUOTA".to_owned()), ..Wanted::default() }).expect("a filter");
    let mut noted = Vec::new();
    let mut note = |letter: &Letter| {
        noted.push(letter.publication);
        Ok(())
    };
    let meant = |count| Meant { filter: &filter, at: bench.clock().now(), count };
    assert_eq!(bench.office.discard(&meant(0), &mut note).await.expect("the broker is there"), 0);
    assert_eq!(bench.office.discard(&meant(2), &mut note).await.expect("the broker is there"), 2);
    bench.expect_depth(&TTP.dead(), 7).await;
    assert_eq!(bench.office.discard(&meant(9), &mut note).await.expect("the broker is there"), 1);
    let of = |at: usize| letters.get(at).and_then(|letter| Letter::read(TTP, letter).publication);
    assert_eq!(noted, [of(2), of(5), of(8)]);
    bench.expect_depth(&TTP.dead(), 6).await;
    bench.expect_depth(&TTP.queue(), 0).await;
    let others: Vec<Payload> = letters.into_iter().enumerate().filter(|(at, _)| at % 3 != 2).map(|(_, letter)| letter).collect();
    assert_eq!(bench.take(&TTP.dead(), 6).await, others);
}

async fn what_cannot_be_written_down_stays(bench: Bench) {
    let letters: Vec<Payload> = (1..=6).map(|number| letter(number, "QUOTA")).collect();
    bench.set_aside(TTP, &letters).await;
    let mut left = 2;
    let mut note = |_: &Letter| {
        left -= 1;
        if left < 0 { Err(io::Error::other("the disk is full")) } else { Ok(()) }
    };
    let meant = Meant { filter: &Filter::default(), at: bench.clock().now(), count: 6 };
    let refused = bench.office.discard(&meant, &mut note).await;
    assert!(matches!(refused, Err(DiscardError::Journal(_))), "{refused:?}");
    bench.expect_depth(&TTP.dead(), 4).await;
    assert_eq!(bench.take(&TTP.dead(), 4).await, letters.into_iter().skip(2).collect::<Vec<_>>());
}
