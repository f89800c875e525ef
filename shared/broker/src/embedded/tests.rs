use std::collections::VecDeque;
use std::time::Duration;

use clock::simulation::Executor;
use clock::{SystemClock, Timestamp};
use topology::{Arrow, Limits, Vhost};

use super::*;

const LIMITS: Limits = Limits { messages_max: 4, bytes_max: 100, delivery_limit: 2 };

fn topology() -> Topology {
    Topology::for_hospitals(&[]).within(&Vhost::Hd).with_limits(LIMITS)
}

struct Listed(VecDeque<Fate>);

impl Faults for Listed {
    fn on_publish(&mut self, _: &Route, _: u64) -> Fate {
        self.0.pop_front().unwrap_or(Fate::Deliver)
    }
}

fn broker_with(clock: Arc<dyn Clock>, fates: &[Fate]) -> EmbeddedBroker {
    let faults: Box<dyn Faults> = Box::new(Listed(fates.iter().copied().collect()));
    let options = EmbeddedOptions { faults: Some(faults), ..EmbeddedOptions::new(Uuid::nil()) };
    EmbeddedBroker::new(clock, &topology(), options)
}

fn route() -> Route {
    Arrow::ToDhw.route(None)
}

fn queue() -> QueueName {
    Arrow::ToDhw.queue(None)
}

fn drain(consumer: &mut dyn Consumer) -> Vec<Payload> {
    std::iter::from_fn(|| consumer.try_next())
        .map(|delivery| {
            let payload = delivery.payload.clone();
            delivery.ack().unwrap();
            payload
        })
        .collect()
}

#[tokio::test]
async fn each_fault_does_what_its_name_says() {
    let broker = broker_with(Arc::new(SystemClock), &[Fate::Lose, Fate::Duplicate, Fate::ConfirmLost, Fate::Refuse]);
    let outcomes = [
        broker.publish(&route(), Payload::from_static(b"lost")).await,
        broker.publish(&route(), Payload::from_static(b"twice")).await,
        broker.publish(&route(), Payload::from_static(b"unsure")).await,
        broker.publish(&route(), Payload::from_static(b"refused")).await,
    ];
    assert_eq!(outcomes, [Ok(()), Ok(()), Err(PublishError::ConfirmLost), Err(PublishError::Rejected)]);
    let mut consumer = broker.consume(&queue(), 0).await.unwrap();
    assert_eq!(drain(consumer.as_mut()), [&b"twice"[..], b"twice", b"unsure"]);
}

/// The delayed publication is overtaken, arrives when it is due, and the clock needs no runtime for it.
#[test]
fn a_delayed_publication_is_overtaken() {
    let start = Timestamp::from_micros(0);
    let mut executor = Executor::new(1, start);
    let clock = executor.clock();
    let broker = broker_with(Arc::new(clock.clone()), &[Fate::Delay(Duration::from_secs(60))]);
    let seen = executor.block_on(async move {
        broker.publish(&route(), Payload::from_static(b"first")).await.unwrap();
        broker.publish(&route(), Payload::from_static(b"second")).await.unwrap();
        assert_eq!(broker.depth(&queue()).await.unwrap().ready, 2);
        let mut consumer = broker.consume(&queue(), 1).await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..2 {
            let delivery = consumer.next().await.unwrap();
            seen.push((delivery.payload.clone(), clock.now().since(start)));
            delivery.ack().unwrap();
        }
        seen
    });
    let expected = [(Payload::from_static(b"second"), Duration::ZERO), (Payload::from_static(b"first"), Duration::from_secs(60))];
    assert_eq!(seen.unwrap(), expected);
}

#[tokio::test]
async fn bytes_have_a_limit_too() {
    let options = EmbeddedOptions { queue_bytes_max: Some(10), ..EmbeddedOptions::new(Uuid::nil()) };
    let broker = EmbeddedBroker::new(Arc::new(SystemClock), &topology(), options);
    broker.publish(&route(), Payload::from_static(b"123456")).await.unwrap();
    assert_eq!(broker.publish(&route(), Payload::from_static(b"12345")).await, Err(PublishError::Rejected));
    broker.publish(&route(), Payload::from_static(b"1234")).await.unwrap();
    let mut consumer = broker.consume(&queue(), 0).await.unwrap();
    assert_eq!(drain(consumer.as_mut()).len(), 2);
    broker.publish(&route(), Payload::from_static(b"1234567890")).await.unwrap();
}

/// The bytes that come out are the bytes that went in, not a copy.
#[tokio::test]
async fn payloads_are_shared_not_copied() {
    let broker = broker_with(Arc::new(SystemClock), &[]);
    let payload = Payload::from(vec![7; 64]);
    broker.publish(&route(), payload.clone()).await.unwrap();
    let mut consumer = broker.consume(&queue(), 1).await.unwrap();
    assert_eq!(consumer.next().await.unwrap().payload.as_ptr(), payload.as_ptr());
}

/// A publisher that is killed while it waits for its confirm has published all the same: what an outbox must live with.
#[test]
fn a_publisher_that_dies_waiting_has_published() {
    let mut executor = Executor::new(1, Timestamp::from_micros(0));
    let broker = Arc::new(broker_with(Arc::new(executor.clock()), &[]));
    let publisher = Arc::clone(&broker);
    let mut dying = Box::pin(async move { publisher.publish(&route(), Payload::from_static(b"x")).await });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(dying.as_mut().poll(&mut context).is_pending());
    drop(dying);
    let ready = executor.block_on(async move { broker.depth(&queue()).await.unwrap().ready });
    assert_eq!(ready, Some(1));
}

/// Two readers of one queue get every publication once between them, whoever is woken.
#[test]
fn two_readers_share_a_queue() {
    for seed in 0..20 {
        let mut executor = Executor::new(seed, Timestamp::from_micros(0));
        let options = EmbeddedOptions::new(Uuid::nil());
        let topology = Topology::for_hospitals(&[]);
        let broker = Arc::new(EmbeddedBroker::new(Arc::new(executor.clock()), &topology, options));
        let seen = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..2 {
            let (broker, seen) = (Arc::clone(&broker), Arc::clone(&seen));
            executor.spawn(async move {
                let mut consumer = broker.consume(&queue(), 1).await.unwrap();
                while let Ok(delivery) = consumer.next().await {
                    seen.lock().unwrap().push(delivery.payload[0]);
                    one_turn().await;
                    delivery.ack().unwrap();
                }
            });
        }
        executor.spawn(async move {
            for number in 0..100 {
                broker.publish(&route(), Payload::from(vec![number])).await.unwrap();
            }
        });
        executor.settle();
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<u8>>(), "seed {seed}");
    }
}

#[test]
fn debug_shows_no_payload() {
    let mut executor = Executor::new(1, Timestamp::from_micros(0));
    let broker = broker_with(Arc::new(executor.clock()), &[]);
    let text = executor.block_on(async move {
        broker.publish(&route(), Payload::from_static(b"85073003328")).await.unwrap();
        let delivery = broker.consume(&queue(), 1).await.unwrap().next().await.unwrap();
        format!("{delivery:?} {broker:?}")
    });
    assert!(!text.unwrap().contains("85073003328"));
}

/// The embedded broker as the contract sees it.
struct Embedded {
    broker: Arc<EmbeddedBroker>,
    clock: Arc<dyn Clock>,
}

impl Embedded {
    fn boxed(clock: Arc<dyn Clock>, topology: &Topology) -> Box<dyn crate::contract::Subject> {
        let broker = EmbeddedBroker::new(Arc::clone(&clock), topology, EmbeddedOptions::new(Uuid::nil()));
        Box::new(Self { broker: Arc::new(broker), clock })
    }
}

#[async_trait]
impl crate::contract::Subject for Embedded {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.broker) as Arc<dyn Broker>
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    async fn cut(&self) {
        self.broker.cut();
    }

    async fn retire(&self) {}
}

/// On virtual time, without any runtime.
#[test]
fn keeps_the_contract_in_a_simulation() {
    for seed in 0..3 {
        let mut executor = Executor::new(seed, Timestamp::from_micros(0));
        let clock = executor.clock();
        let ended = executor.block_on(crate::contract::all(move |topology| {
            let clock: Arc<dyn Clock> = Arc::new(clock.clone());
            async move { Embedded::boxed(clock, &topology) }
        }));
        assert_eq!(ended, Some(()), "a case waits for something that never comes, seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_on_tokio() {
    crate::contract::all(|topology| async move { Embedded::boxed(Arc::new(SystemClock), &topology) }).await;
}
