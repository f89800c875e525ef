use std::collections::BTreeSet;
use std::time::Duration;

use super::{Bench, PATIENCE, queue, route};
use crate::{Payload, PublishError};

pub(super) async fn a_cut_connection_is_mended_and_nothing_is_lost(bench: Bench) {
    for number in 0..5 {
        bench.publish(number.to_string()).await;
    }
    let mut consumer = bench.consume(&queue(), 2).await;
    let acked = bench.next(consumer.as_mut()).await;
    acked.ack().expect("the connection stands");
    let out = bench.next(consumer.as_mut()).await;
    assert_eq!(out.payload, "1");
    bench.subject.cut().await;
    // The same consumer, called again. What was out comes back marked; the one that was acknowledged may or may not, but marked if it does.
    let mut seen = BTreeSet::new();
    while seen.len() < 4 {
        let delivery = bench.next(consumer.as_mut()).await;
        if delivery.payload == "1" || delivery.payload == "0" {
            assert!(delivery.redelivered, "it was out before the cut");
        }
        if delivery.payload != "0" {
            seen.insert(delivery.payload.clone());
        }
        delivery.ack().expect("the new connection stands");
    }
    // Too late, and no harm: the verdict belongs to a connection that is gone.
    let _ = out.ack();
    bench.expect_empty(&queue()).await;
    bench.expect_empty(&queue().dead()).await;
}

pub(super) async fn a_publisher_goes_on_after_a_cut(bench: Bench) {
    bench.publish("before").await;
    bench.subject.cut().await;
    let clock = bench.subject.clock();
    let trying = async {
        loop {
            match bench.broker().publish(&route(), Payload::from_static(b"after")).await {
                Ok(()) => return,
                Err(PublishError::ConfirmLost | PublishError::Unavailable) => {
                    clock::sleep(clock.as_ref(), Duration::from_millis(20)).await;
                }
                Err(error) => assert_eq!(error, PublishError::Unavailable, "a cut connection is no other fault"),
            }
        }
    };
    clock::timeout(clock.as_ref(), PATIENCE, trying).await.expect("publishing works again");
    let mut consumer = bench.consume(&queue(), 10).await;
    let delivery = bench.next(consumer.as_mut()).await;
    assert_eq!(delivery.payload, "before");
    delivery.ack().expect("the connection stands");
    let delivery = bench.next(consumer.as_mut()).await;
    assert_eq!(delivery.payload, "after");
    delivery.ack().expect("the connection stands");
}
