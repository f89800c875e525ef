//! What every broker does: one suite, run against the embedded broker and against RabbitMQ.
//!
//! A failure is a panic with a sentence. Each case has queues of its own. What brokers differ in is left open on purpose: when an acknowledgement takes
//! effect (soon), whether a publication that was sent ahead to a consumer counts as ready, how far a length limit is overshot.

#![expect(clippy::expect_used, reason = "a contract is a test: its failures are panics")]

mod connection;
mod delivering;
mod publishing;
mod slow;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::Clock;
use futures_util::future::BoxFuture;
use topology::{Arrow, Limits, Nihdi, QueueName, Route, Topology, Vhost};

use crate::{Broker, Consumer, Delivery, Depth, Payload};

pub use slow::SlowConfirms;

/// A broker under test, with queues that nobody else uses.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The broker.
    fn broker(&self) -> Arc<dyn Broker>;

    /// The clock that it runs on.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Breaks all its connections. They may be made again at once.
    async fn cut(&self);

    /// Removes the queues.
    async fn retire(&self);
}

/// One promise and the function that holds a broker to it.
pub struct Case {
    /// The promise in words.
    pub name: &'static str,
    run: fn(Bench) -> BoxFuture<'static, ()>,
}

macro_rules! cases {
    ($($function:path),* $(,)?) => {
        /// All promises.
        pub const CASES: &[Case] = &[$(Case { name: stringify!($function), run: |bench| Box::pin($function(bench)) }),*];
    };
}

cases![
    publishing::a_confirmed_publication_arrives_as_it_was,
    publishing::a_place_in_a_trace_arrives_with_its_publication,
    publishing::what_leads_to_no_queue_is_unroutable,
    publishing::among_many_each_publisher_hears_its_own_outcome,
    publishing::a_full_queue_refuses_and_loses_nothing,
    publishing::order_within_a_queue_is_kept,
    publishing::an_unknown_queue_is_named,
    publishing::large_and_empty_payloads_arrive,
    delivering::prefetch_bounds_what_is_out,
    delivering::what_is_dropped_without_a_verdict_comes_back_marked,
    delivering::what_comes_back_comes_first,
    delivering::what_is_left_comes_back_together_in_order,
    delivering::the_delivery_limit_ends_in_the_dead_letter_queue,
    delivering::a_rejected_delivery_is_a_dead_letter,
    delivering::a_single_item_can_be_dead_lettered_by_route,
    delivering::try_next_never_waits,
    delivering::a_consumer_may_pause_and_go_on,
    delivering::deliveries_outlive_their_consumer,
    delivering::a_witness_hears_the_verdict,
    connection::a_cut_connection_is_mended_and_nothing_is_lost,
    connection::a_publisher_goes_on_after_a_cut,
];

/// Holds one broker to one promise.
pub async fn check<F>(case: &Case, factory: impl FnOnce(Topology) -> F)
where
    F: Future<Output = Box<dyn Subject>>,
{
    let subject: Arc<dyn Subject> = factory(topology()).await.into();
    (case.run)(Bench { subject: Arc::clone(&subject) }).await;
    subject.retire().await;
}

/// Holds a broker to all of them, one after the other. The factory gives a broker with the topology's queues, empty.
pub async fn all<F>(factory: impl Fn(Topology) -> F)
where
    F: Future<Output = Box<dyn Subject>>,
{
    for case in CASES {
        tracing::info!(case = case.name, "contract");
        check(case, &factory).await;
    }
}

/// Small, so that a test reaches them.
const LIMITS: Limits = Limits { messages_max: 1000, bytes_max: 64 << 20, delivery_limit: 2 };

/// How long something must not happen before it counts as not happening.
const QUIET: Duration = Duration::from_millis(300);

/// How long something may take that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

fn hospital() -> Nihdi {
    "71000012".parse().expect("eight digits")
}

/// One hospital's zone: two arrows, each with its dead letters.
fn topology() -> Topology {
    Topology::for_hospitals(&[hospital()]).within(&Vhost::Hospital(hospital())).with_limits(LIMITS)
}

fn queue() -> QueueName {
    Arrow::HandOver.queue(Some(&hospital()))
}

fn route() -> Route {
    Arrow::HandOver.route(Some(&hospital()))
}

/// A broker under test and the sentences to test it with.
struct Bench {
    subject: Arc<dyn Subject>,
}

impl Bench {
    fn broker(&self) -> Arc<dyn Broker> {
        self.subject.broker()
    }

    async fn publish(&self, text: impl Into<Payload>) {
        self.broker().publish(&route(), text.into()).await.expect("the publication is confirmed");
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Box<dyn Consumer> {
        self.broker().consume(queue, prefetch).await.expect("the queue can be read")
    }

    /// The next delivery, which must come. A consumer may say once that its connection was lost.
    async fn next(&self, consumer: &mut dyn Consumer) -> Delivery {
        let clock = self.subject.clock();
        let trying = async {
            loop {
                match consumer.next().await {
                    Ok(delivery) => return delivery,
                    Err(error) => {
                        tracing::info!(%error, "the consumer is called again");
                        clock::sleep(clock.as_ref(), Duration::from_millis(20)).await;
                    }
                }
            }
        };
        clock::timeout(clock.as_ref(), PATIENCE, trying).await.expect("a delivery comes")
    }

    async fn expect_nothing(&self, consumer: &mut dyn Consumer) {
        let clock = self.subject.clock();
        let waiting = clock::timeout(clock.as_ref(), QUIET, consumer.next()).await;
        assert!(waiting.is_err(), "nothing should be delivered, but there was {waiting:?}");
    }

    /// Waits until the queue is as full as that: acknowledgements and dead letters take effect a moment later.
    async fn expect_depth(&self, queue: &QueueName, depth: Depth) {
        let clock = self.subject.clock();
        let mut last = None;
        let watching = async {
            loop {
                last = Some(self.broker().depth(queue).await);
                if last == Some(Ok(depth)) {
                    return;
                }
                clock::sleep(clock.as_ref(), Duration::from_millis(10)).await;
            }
        };
        let reached = clock::timeout(clock.as_ref(), PATIENCE, watching).await;
        assert!(reached.is_ok(), "{queue} should reach {depth:?}, but stays at {last:?}");
    }

    async fn expect_empty(&self, queue: &QueueName) {
        self.expect_depth(queue, Depth::default()).await;
    }
}
