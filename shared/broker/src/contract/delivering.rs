use std::sync::{Arc, Mutex};

use topology::Arrow;

use super::{Bench, LIMITS, hospital, queue, route};
use crate::{BrokerError, Depth, Payload, Verdict};

pub(super) async fn prefetch_bounds_what_is_out(bench: Bench) {
    for number in 0..5 {
        bench.publish(number.to_string()).await;
    }
    let mut consumer = bench.consume(&queue(), 2).await;
    let first = bench.next(consumer.as_mut()).await;
    let second = bench.next(consumer.as_mut()).await;
    bench.expect_nothing(consumer.as_mut()).await;
    assert!(consumer.try_next().is_none(), "a third delivery is out");
    first.ack().expect("the connection stands");
    let third = bench.next(consumer.as_mut()).await;
    assert_eq!(third.payload, "2");
    bench.expect_nothing(consumer.as_mut()).await;
    second.ack().expect("the connection stands");
    third.ack().expect("the connection stands");
    for number in 3..5 {
        let delivery = bench.next(consumer.as_mut()).await;
        assert_eq!(delivery.payload, number.to_string());
        delivery.ack().expect("the connection stands");
    }
}

pub(super) async fn what_is_dropped_without_a_verdict_comes_back_marked(bench: Bench) {
    bench.publish("once more").await;
    let mut consumer = bench.consume(&queue(), 1).await;
    let first = bench.next(consumer.as_mut()).await;
    assert!(!first.redelivered, "a first delivery is not a redelivery");
    drop(first);
    let second = bench.next(consumer.as_mut()).await;
    assert_eq!(second.payload, "once more");
    assert!(second.redelivered, "the second delivery is a redelivery");
    second.requeue().expect("the connection stands");
    let third = bench.next(consumer.as_mut()).await;
    assert!(third.redelivered, "and so is the third");
    third.ack().expect("the connection stands");
    bench.expect_empty(&queue()).await;
}

pub(super) async fn what_comes_back_comes_first(bench: Bench) {
    for number in 0..6 {
        bench.publish(number.to_string()).await;
    }
    let mut consumer = bench.consume(&queue(), 3).await;
    let mut out = Vec::new();
    for _ in 0..3 {
        out.push(bench.next(consumer.as_mut()).await);
    }
    // In the order in which they were handed out, as a service that shuts down does.
    out.into_iter().for_each(drop);
    for number in 0..6 {
        let delivery = bench.next(consumer.as_mut()).await;
        assert_eq!(delivery.payload, number.to_string());
        assert_eq!(delivery.redelivered, number < 3, "publication {number}");
        delivery.ack().expect("the connection stands");
    }
}

/// More than a broker gives back in their order one by one, and as many acknowledged in between, one by one too.
pub(super) async fn what_is_left_comes_back_together_in_order(bench: Bench) {
    const MANY: usize = 300;
    for number in 0..MANY {
        bench.publish(number.to_string()).await;
    }
    let mut consumer = bench.consume(&queue(), 300).await;
    let mut out = Vec::new();
    for _ in 0..MANY {
        out.push(bench.next(consumer.as_mut()).await);
    }
    drop(consumer);
    for (number, delivery) in out.into_iter().enumerate() {
        if number % 2 == 0 {
            delivery.ack().expect("the connection stands");
        } else {
            drop(delivery.leaving());
        }
    }
    let left: Vec<usize> = (0..MANY).filter(|number| number % 2 != 0).collect();
    bench.expect_depth(&queue(), Depth { ready: left.len() as u64, unacked: 0 }).await;
    let mut consumer = bench.consume(&queue(), 100).await;
    for number in left {
        let delivery = bench.next(consumer.as_mut()).await;
        assert_eq!(delivery.payload, number.to_string());
        assert!(delivery.redelivered, "publication {number}");
        delivery.ack().expect("the connection stands");
    }
    bench.expect_empty(&queue()).await;
}

pub(super) async fn the_delivery_limit_ends_in_the_dead_letter_queue(bench: Bench) {
    bench.publish("poison").await;
    bench.publish("wholesome").await;
    let mut consumer = bench.consume(&queue(), 1).await;
    for attempt in 0..=LIMITS.delivery_limit {
        let delivery = bench.next(consumer.as_mut()).await;
        assert_eq!(delivery.payload, "poison", "attempt {attempt}");
        assert_eq!(delivery.redelivered, attempt > 0, "attempt {attempt}");
        drop(delivery);
    }
    let delivery = bench.next(consumer.as_mut()).await;
    assert_eq!(delivery.payload, "wholesome");
    delivery.ack().expect("the connection stands");
    bench.expect_depth(&queue().dead(), Depth { ready: 1, unacked: 0 }).await;
    let mut dead = bench.consume(&queue().dead(), 1).await;
    let letter = bench.next(dead.as_mut()).await;
    assert_eq!(letter.payload, "poison");
    letter.ack().expect("the connection stands");
    bench.expect_empty(&queue()).await;
}

pub(super) async fn a_rejected_delivery_is_a_dead_letter(bench: Bench) {
    for text in ["good", "unreadable", "also good"] {
        bench.publish(text).await;
    }
    let mut consumer = bench.consume(&queue(), 3).await;
    for _ in 0..3 {
        let delivery = bench.next(consumer.as_mut()).await;
        if delivery.payload == "unreadable" {
            delivery.reject().expect("the connection stands");
        } else {
            delivery.ack().expect("the connection stands");
        }
    }
    bench.expect_empty(&queue()).await;
    let mut dead = bench.consume(&queue().dead(), 10).await;
    let letter = bench.next(dead.as_mut()).await;
    assert_eq!(letter.payload, "unreadable");
    letter.ack().expect("the connection stands");
    bench.expect_nothing(dead.as_mut()).await;
    bench.expect_empty(&queue().dead()).await;
}

pub(super) async fn a_single_item_can_be_dead_lettered_by_route(bench: Bench) {
    let dead = Arrow::HandOver.dead_route(Some(&hospital()));
    bench.broker().publish(&dead, Payload::from_static(b"one item")).await.expect("the dead letter is confirmed");
    bench.expect_empty(&queue()).await;
    let mut consumer = bench.consume(&queue().dead(), 1).await;
    let letter = bench.next(consumer.as_mut()).await;
    assert_eq!(letter.payload, "one item");
    letter.ack().expect("the connection stands");
}

pub(super) async fn try_next_never_waits(bench: Bench) {
    let mut consumer = bench.consume(&queue(), 10).await;
    assert!(consumer.try_next().is_none(), "the queue is empty");
    for number in 0..3 {
        bench.publish(number.to_string()).await;
    }
    let first = bench.next(consumer.as_mut()).await;
    let mut rest = Vec::new();
    while rest.len() < 2 {
        match consumer.try_next() {
            Some(delivery) => rest.push(delivery),
            // Still on its way.
            None => rest.push(bench.next(consumer.as_mut()).await),
        }
    }
    assert_eq!(rest.iter().map(|delivery| delivery.payload.clone()).collect::<Vec<_>>(), ["1", "2"]);
    assert!(consumer.try_next().is_none(), "the queue is empty again");
    rest.push(first);
    rest.into_iter().for_each(|delivery| delivery.ack().expect("the connection stands"));
    bench.expect_empty(&queue()).await;
}

/// A service that backs off keeps its deliveries and does not call `next`; meanwhile the queue fills and no delivery limit is used up.
pub(super) async fn a_consumer_may_pause_and_go_on(bench: Bench) {
    let mut consumer = bench.consume(&queue(), 2).await;
    bench.publish("0").await;
    let held = bench.next(consumer.as_mut()).await;
    let clock = bench.subject.clock();
    for number in 1..50 {
        bench.publish(number.to_string()).await;
        if number % 10 == 0 {
            clock::sleep(clock.as_ref(), super::QUIET / 10).await;
        }
    }
    held.ack().expect("a pause does not end the connection");
    for number in 1..50 {
        let delivery = bench.next(consumer.as_mut()).await;
        assert_eq!(delivery.payload, number.to_string());
        assert!(!delivery.redelivered, "publication {number} was out only once");
        delivery.ack().expect("the connection stands");
    }
    bench.expect_empty(&queue()).await;
    bench.broker().publish(&route(), Payload::from_static(b"next day")).await.expect("the publication is confirmed");
    assert_eq!(bench.next(consumer.as_mut()).await.payload, "next day");
}

pub(super) async fn deliveries_outlive_their_consumer(bench: Bench) {
    for number in 0..10 {
        bench.publish(number.to_string()).await;
    }
    let mut consumer = bench.consume(&queue(), 5).await;
    let kept = bench.next(consumer.as_mut()).await;
    let given_back = bench.next(consumer.as_mut()).await;
    drop(consumer);
    let mut other = bench.consume(&queue(), 20).await;
    // What was sent ahead to the first consumer is here; what it gave out is not.
    let mut seen = Vec::new();
    for _ in 2..10 {
        let delivery = bench.next(other.as_mut()).await;
        seen.push(delivery.payload.clone());
        delivery.ack().expect("the connection stands");
    }
    seen.sort_unstable();
    assert_eq!(seen, ["2", "3", "4", "5", "6", "7", "8", "9"]);
    kept.ack().expect("its channel still stands");
    drop(given_back);
    let last = bench.next(other.as_mut()).await;
    assert_eq!(last.payload, "1");
    assert!(last.redelivered, "it was out before");
    last.ack().expect("the connection stands");
    bench.expect_empty(&queue()).await;
}

pub(super) async fn a_witness_hears_the_verdict(bench: Bench) {
    type Heard = (Verdict, Result<(), BrokerError>);
    let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
    bench.publish("one").await;
    let mut consumer = bench.consume(&queue(), 5).await;
    for verdict in [Verdict::Requeue, Verdict::Requeue, Verdict::Ack] {
        let to = Arc::clone(&heard);
        let listen = move |verdict, settled: &_| to.lock().expect("nobody panics").push((verdict, Clone::clone(settled)));
        let delivery = bench.next(consumer.as_mut()).await.witnessed(listen);
        assert_eq!(delivery.payload, "one");
        match verdict {
            Verdict::Ack => delivery.ack().expect("the connection stands"),
            // One that is dropped has a verdict too.
            _ => drop(delivery),
        }
    }
    bench.expect_empty(&queue()).await;
    let heard = heard.lock().expect("nobody panics").clone();
    assert_eq!(heard, [(Verdict::Requeue, Ok(())), (Verdict::Requeue, Ok(())), (Verdict::Ack, Ok(()))]);
}
