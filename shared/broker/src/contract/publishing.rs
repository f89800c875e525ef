use futures_util::future::join_all;
use topology::{Arrow, Route};

use super::{Bench, LIMITS, hospital, queue, route};
use crate::{BrokerError, Delivery, Depth, Payload, PublishError, TraceParent};

pub(super) async fn a_confirmed_publication_arrives_as_it_was(bench: Bench) {
    bench.publish("a publication").await;
    bench.expect_depth(&queue(), Depth { ready: 1, unacked: 0 }).await;
    let mut consumer = bench.consume(&queue(), 10).await;
    let delivery = bench.next(consumer.as_mut()).await;
    assert_eq!(delivery.payload, "a publication");
    assert!(!delivery.redelivered, "a first delivery is not a redelivery");
    bench.expect_depth(&queue(), Depth { ready: 0, unacked: 1 }).await;
    delivery.ack().expect("the connection stands");
    bench.expect_empty(&queue()).await;
}

/// Also when it comes again, and when it is a dead letter. The span may be another: who traces on the way adds its own to the trace.
pub(super) async fn a_place_in_a_trace_arrives_with_its_publication(bench: Bench) {
    let place = TraceParent { trace: [7; 16], span: [9; 8], is_sampled: true };
    let stands = |delivery: &Delivery| delivery.trace.is_some_and(|found| (found.trace, found.is_sampled) == (place.trace, true));
    bench.broker().publish_traced(&route(), "traced".into(), Some(place)).await.expect("the publication is confirmed");
    let mut consumer = bench.consume(&queue(), 10).await;
    let delivery = bench.next(consumer.as_mut()).await;
    assert!(delivery.payload == "traced" && stands(&delivery), "{:?}", delivery.trace);
    delivery.requeue().expect("the connection stands");
    let again = bench.next(consumer.as_mut()).await;
    assert!(again.redelivered && stands(&again), "{:?}", again.trace);
    again.reject().expect("the connection stands");
    let mut dead = bench.consume(&queue().dead(), 10).await;
    let letter = bench.next(dead.as_mut()).await;
    assert!(stands(&letter), "{:?}", letter.trace);
    letter.ack().expect("the connection stands");
}

pub(super) async fn what_leads_to_no_queue_is_unroutable(bench: Bench) {
    let no_queue = Route { routing_key: "nowhere".to_owned(), ..route() };
    let no_exchange = Route { exchange: "step-0".to_owned(), ..route() };
    for wrong in [no_queue, no_exchange] {
        let outcome = bench.broker().publish(&wrong, Payload::from_static(b"lost?")).await;
        assert_eq!(outcome, Err(PublishError::Unroutable), "{wrong}");
    }
    bench.publish("and the right route goes on working").await;
    bench.expect_depth(&queue(), Depth { ready: 1, unacked: 0 }).await;
}

/// Unroutable publications are returned among the confirms of others: nobody may get another's answer.
pub(super) async fn among_many_each_publisher_hears_its_own_outcome(bench: Bench) {
    let wrong = Route { routing_key: "nowhere".to_owned(), ..route() };
    let broker = bench.broker();
    let is_wrong = |number: u32| number % 7 == 3 || (200..230).contains(&number);
    let publishing = (0..600).map(|number| {
        let (broker, wrong) = (&broker, &wrong);
        async move {
            let payload = Payload::from(number.to_string());
            if is_wrong(number) { broker.publish(wrong, payload).await } else { broker.publish(&route(), payload).await }
        }
    });
    let outcomes = join_all(publishing).await;
    for (number, outcome) in (0..).zip(outcomes) {
        let expected = if is_wrong(number) { Err(PublishError::Unroutable) } else { Ok(()) };
        assert_eq!(outcome, expected, "publication {number}");
    }
    let stored = (0..600).filter(|number| !is_wrong(*number)).count() as u64;
    bench.expect_depth(&queue(), Depth { ready: stored, unacked: 0 }).await;
}

pub(super) async fn a_full_queue_refuses_and_loses_nothing(bench: Bench) {
    let mut accepted = 0;
    let refusal = loop {
        match bench.broker().publish(&route(), Payload::from(accepted.to_string())).await {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted <= 2 * LIMITS.messages_max, "the length limit does not hold");
    };
    assert_eq!(refusal, PublishError::Rejected);
    assert!(accepted >= LIMITS.messages_max, "refused after {accepted} only");
    let mut consumer = bench.consume(&queue(), 100).await;
    for number in 0..accepted {
        let delivery = bench.next(consumer.as_mut()).await;
        assert_eq!(delivery.payload, number.to_string());
        delivery.ack().expect("the connection stands");
    }
    bench.expect_empty(&queue()).await;
    bench.publish("there is room again").await;
    let delivery = bench.next(consumer.as_mut()).await;
    assert_eq!(delivery.payload, "there is room again");
}

pub(super) async fn order_within_a_queue_is_kept(bench: Bench) {
    let mut consumer = bench.consume(&queue(), 10).await;
    for number in 0..100 {
        bench.publish(number.to_string()).await;
    }
    for number in 0..100 {
        let delivery = bench.next(consumer.as_mut()).await;
        assert_eq!(delivery.payload, number.to_string());
        delivery.ack().expect("the connection stands");
    }
}

pub(super) async fn an_unknown_queue_is_named(bench: Bench) {
    // Of the other zones, which this broker does not have.
    let elsewhere = Arrow::ToTtp.queue(None);
    let expected = BrokerError::UnknownQueue(elsewhere.clone());
    assert_eq!(bench.broker().depth(&elsewhere).await, Err(expected.clone()));
    assert_eq!(bench.broker().consume(&elsewhere, 1).await.err(), Some(expected));
    // A hospital's arrow without the hospital.
    let nobodys = Arrow::HandOver.queue(None);
    assert_eq!(bench.broker().depth(&nobodys).await, Err(BrokerError::UnknownQueue(nobodys)));
    assert_ne!(Arrow::HandOver.queue(None), Arrow::HandOver.queue(Some(&hospital())));
}

pub(super) async fn large_and_empty_payloads_arrive(bench: Bench) {
    // The largest publication of the flow has 10,000,000 bytes.
    let large: Payload = (0..10_000_000_u32).map(|index| (index % 251) as u8).collect::<Vec<_>>().into();
    bench.publish(large.clone()).await;
    bench.publish(Payload::new()).await;
    let mut consumer = bench.consume(&queue(), 10).await;
    for expected in [large, Payload::new()] {
        let delivery = bench.next(consumer.as_mut()).await;
        assert!(delivery.payload == expected, "{} bytes became {}", expected.len(), delivery.payload.len());
        delivery.ack().expect("the connection stands");
    }
}
