//! The contract of `broker`, held against a real RabbitMQ, and what only a real one can do: fall silent, restart empty-handed, be full.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use broker::contract::{self, Subject};
use broker::{Broker, BrokerError, Payload, PublishError, RabbitBroker};
use clock::{OffsetClock, SystemClock};
use testkit::{Cable, CutByHand, Node, Rabbit, RabbitSubject};
use topology::{Actor, Arrow, Limits, Naming, Route, Topology, Vhost};

/// One test, since the broker that it may have to start lives as long as it does. A case that fails is the last one named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_keeps_the_contract() -> Result<()> {
    let rabbit = Rabbit::find().await?;
    for case in contract::CASES {
        println!("{}", case.name);
        let subject = |topology| async {
            Box::new(RabbitSubject::declare(rabbit.url(), topology).await.expect("the queues are declared")) as Box<dyn Subject>
        };
        contract::check(case, subject).await;
        println!("{}, behind a cable", case.name);
        let subject = |topology| async {
            Box::new(CutByHand::declare(rabbit.url(), topology).await.expect("the queues are declared")) as Box<dyn Subject>
        };
        contract::check(case, subject).await;
    }
    println!("a_silent_broker_fails_confirms_at_their_deadline");
    a_silent_broker_fails_confirms_at_their_deadline(&rabbit).await?;
    println!("returned_publications_find_their_publishers_under_load");
    returned_publications_find_their_publishers_under_load(&rabbit).await?;
    println!("who_leaves_the_broker_has_acknowledged");
    who_leaves_the_broker_has_acknowledged(&rabbit).await?;
    println!("what_is_missing_is_named");
    what_is_missing_is_named(&rabbit).await
}

/// RabbitMQ says of a queue that does not answer it in time that it is empty. A look at dead letters and a move to another broker rest on what it says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_too_busy_to_count_itself_is_not_empty() -> Result<()> {
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let topology = Topology::for_hospitals(&[]).within(&Vhost::Hd);
    let (naming, queue) = (Naming::prefixed(testkit::unique_prefix()), Arrow::ToDhw.queue(None));
    let broker = RabbitBroker::connect(&node.url("guest", "guest", "/"), naming.clone(), Arc::new(SystemClock)).await?;
    broker.declare(&topology).await?;
    for _ in 0..3 {
        broker.publish(&Arrow::ToDhw.route(None), Payload::from_static(b"there")).await?;
    }
    let make = |what: &str| {
        let resource = format!("rabbit_misc:r(<<\"/\">>, queue, <<\"{}\">>)", naming.queue(&queue));
        format!("{{ok, Q}} = rabbit_amqqueue:lookup({resource}), {{Leader, _}} = amqqueue:get_pid(Q), sys:{what}(Leader).")
    };
    node.control(&["eval", &make("suspend")]).await?;
    assert_eq!(broker.depth(&queue).await, Err(BrokerError::Unavailable));
    node.control(&["eval", &make("resume")]).await?;
    assert_eq!(broker.depth(&queue).await?.ready, 3);
    broker.close().await;
    Ok(())
}

/// The connection stands and nobody answers: no publisher waits for ever, and all goes on when the broker speaks again.
async fn a_silent_broker_fails_confirms_at_their_deadline(rabbit: &Rabbit) -> Result<()> {
    let topology = Topology::for_hospitals(&[]).within(&Vhost::Hd);
    let naming = Naming::prefixed(testkit::unique_prefix());
    let clock = OffsetClock::default();
    let cable = Cable::to(rabbit.url()).await?;
    let broker = Arc::new(RabbitBroker::connect(cable.url(), naming.clone(), Arc::new(clock.clone())).await?);
    broker.declare(&topology).await?;
    let route = Arrow::ToDhw.route(None);
    broker.publish(&route, Payload::from_static(b"before")).await?;

    cable.freeze(true);
    let publishing: Vec<_> = (0..20)
        .map(|_| {
            let (broker, route) = (Arc::clone(&broker), route.clone());
            tokio::spawn(async move { broker.publish(&route, Payload::from_static(b"into the silence")).await })
        })
        .collect();
    // A publisher waits for its confirm from the moment that its frames leave it.
    cable.holds_back(b"into the silence", publishing.len()).await?;
    assert!(publishing.iter().all(|publishing| !publishing.is_finished()), "a confirm came from nowhere");
    clock.jump(Duration::from_secs(31));
    for publishing in publishing {
        assert_eq!(publishing.await?, Err(PublishError::ConfirmLost));
    }

    cable.freeze(false);
    broker.publish(&route, Payload::from_static(b"after")).await?;
    broker.close().await;
    let broker = RabbitBroker::connect(rabbit.url(), naming, Arc::new(SystemClock)).await?;
    broker.delete(&topology).await?;
    broker.close().await;
    Ok(())
}

/// The client library hangs a returned message on any confirm of the same frame. Taken at its word, it gave about one wrong answer in ten thousand: an
/// unroutable publication reported as confirmed is a lost one.
async fn returned_publications_find_their_publishers_under_load(rabbit: &Rabbit) -> Result<()> {
    const PUBLICATIONS: usize = 60_000;
    const PUBLISHERS: usize = 800;
    let topology = Topology::for_hospitals(&[]).within(&Vhost::Hd).with_limits(Limits { messages_max: 100_000, ..Limits::WORK });
    let broker = RabbitBroker::connect(rabbit.url(), Naming::prefixed(testkit::unique_prefix()), Arc::new(SystemClock)).await?;
    let broker = Arc::new(broker);
    broker.declare(&topology).await?;
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let broker = Arc::clone(&broker);
            tokio::spawn(async move {
                let right = Arrow::ToDhw.route(None);
                let wrong = Route { routing_key: "nowhere".to_owned(), ..right.clone() };
                for number in (publisher..PUBLICATIONS).step_by(PUBLISHERS) {
                    let (route, expected) =
                        if number % 11 == 0 { (&wrong, Err(PublishError::Unroutable)) } else { (&right, Ok(())) };
                    let outcome = broker.publish(route, Payload::from_static(b"x")).await;
                    assert_eq!(outcome, expected, "publication {number}");
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await?;
    }
    let stored = (0..PUBLICATIONS).filter(|number| number % 11 != 0).count() as u64;
    assert_eq!(broker.depth(&Arrow::ToDhw.queue(None)).await?.ready, stored);
    broker.delete(&topology).await?;
    broker.close().await;
    Ok(())
}

/// RabbitMQ forgets acknowledgements that it has gathered when their channel closes; an orderly end must not outrun them.
async fn who_leaves_the_broker_has_acknowledged(rabbit: &Rabbit) -> Result<()> {
    const MANY: u16 = 600;
    let (topology, queue) = (Topology::for_hospitals(&[]).within(&Vhost::Hd), Arrow::ToDhw.queue(None));
    let naming = Naming::prefixed(testkit::unique_prefix());
    let connect = async || RabbitBroker::connect(rabbit.url(), naming.clone(), Arc::new(SystemClock)).await;
    let (leaving, staying) = (connect().await?, connect().await?);
    staying.declare(&topology).await?;
    for _ in 0..MANY {
        staying.publish(&Arrow::ToDhw.route(None), Payload::from_static(b"x")).await?;
    }
    let mut consumer = leaving.consume(&queue, MANY).await?;
    let mut taken = Vec::new();
    while taken.len() < usize::from(MANY) {
        taken.push(consumer.next().await?.leaving());
    }
    drop(consumer);
    // One by one, since others lie between them.
    for (number, delivery) in taken.into_iter().enumerate() {
        if number % 2 == 0 {
            delivery.ack()?;
        }
    }
    leaving.close().await;
    let is_back = async || Ok(staying.depth(&queue).await?.ready >= u64::from(MANY / 2));
    testkit::until("what was left is back", Duration::from_secs(30), is_back).await?;
    assert_eq!(staying.depth(&queue).await?.ready, u64::from(MANY / 2), "acknowledged publications came back");
    staying.delete(&topology).await?;
    staying.close().await;
    Ok(())
}

/// A service that starts before anyone has declared its queues can say what is missing, and the connection survives the question.
async fn what_is_missing_is_named(rabbit: &Rabbit) -> Result<()> {
    let prefix = testkit::unique_prefix();
    let broker = RabbitBroker::connect(rabbit.url(), Naming::prefixed(&prefix), Arc::new(SystemClock)).await?;
    let topology = Topology::for_hospitals(&[]).within(&Vhost::Hd);
    let needed = topology.used_by(&Actor::Dhw.user(None));
    let missing = broker.missing(&needed).await?;
    let names = [
        "exchange {}.step-7-back",
        "exchange {}.dead.dhw.in",
        "queue {}.dhw.in",
        "exchange {}.dead.dhw.recoded",
        "queue {}.dhw.recoded",
    ];
    let expected = names.map(|name| name.replace("{}", &prefix));
    assert_eq!(BTreeSet::from_iter(missing), BTreeSet::from(expected));
    broker.declare(&topology).await?;
    assert_eq!(broker.missing(&needed).await?, Vec::<String>::new());
    broker.delete(&topology).await?;
    broker.close().await;
    Ok(())
}
