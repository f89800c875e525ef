//! What is noted of a sending.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hospital;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Depth, EmbeddedBroker, Payload, PublishError};
use clock::{Clock, SimulatedClock, SystemClock, Timestamp, timeout};
use dcd::Language;
use hd4dp::{
    Hd4dp, Parts,
    store::{Hd4dpStore, MemoryStore},
    upload::{CsvFile, upload},
};
use host::NoProbe;
use store::Outcome;
use topology::{QueueName, Route};
use uuid::Uuid;

use hospital::{REGISTER, broker, definitions, file, noon, parts};

/// A broker whose confirms take their time. The first is lost.
struct Slow {
    broker: Arc<EmbeddedBroker>,
    clock: SimulatedClock,
    asked: Mutex<Vec<Timestamp>>,
}

impl Slow {
    fn asked(&self) -> Vec<Timestamp> {
        self.asked.lock().unwrap().clone()
    }
}

const CONFIRMED_AFTER: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(60);

#[async_trait]
impl Broker for Slow {
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError> {
        self.asked.lock().unwrap().push(self.clock.now());
        let outcome =
            if self.asked().len() == 1 { Err(PublishError::ConfirmLost) } else { self.broker.publish(route, payload).await };
        self.clock.advance_to(self.clock.now().plus(CONFIRMED_AFTER));
        outcome
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        self.broker.consume(queue, prefetch).await
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError> {
        self.broker.depth(queue).await
    }

    fn incarnation(&self) -> Uuid {
        self.broker.incarnation()
    }
}

/// Its reader may have passed it on before the confirm is heard; told by their times, it would have been passed on before it was sent.
#[tokio::test]
async fn a_sending_is_noted_as_of_when_it_was_sent() {
    let clock = SimulatedClock::new(noon(1));
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let (store, definitions) = (Arc::new(MemoryStore::default()) as Arc<dyn Hd4dpStore>, definitions(false));
    let (inner, definition) = (broker(&shared, 1), definitions.get(REGISTER).unwrap());
    let made = parts((shared, Arc::new(NoProbe)), Arc::clone(&inner), Arc::clone(&store), definitions);
    let slow = Arc::new(Slow { broker: inner, clock: clock.clone(), asked: Mutex::default() });
    let hd4dp = Hd4dp::new(Parts { broker: Arc::clone(&slow) as Arc<dyn Broker>, ..made }).await.unwrap();
    for work in hd4dp.works() {
        tokio::spawn(work.start());
    }
    // What it finds when it starts, it sends by itself.
    let has_begun = async {
        while store.is_new_incarnation(Uuid::from_u128(1)).await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    timeout(&SystemClock, DEADLINE, has_begun).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rows = CsvFile::open(&file(folder.path(), &definition, 1), &definition, clock.now().date()).unwrap();
    upload(&hd4dp, &definition, rows, folder.path(), Language::English, async |_| {}).await.unwrap();
    let passages = async || store.passages(0, 10).await.unwrap();
    let is_noted = async {
        while passages().await.is_empty() {
            // It waits before it tries again.
            if let (1, Some(alarm)) = (slow.asked().len(), clock.next_alarm()) {
                clock.advance_to(alarm);
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(&SystemClock, DEADLINE, is_noted).await.unwrap();
    let sent: Vec<_> = passages().await.into_iter().map(|(_, passage)| (passage.outcome, passage.at)).collect();
    let asked = slow.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(sent, [(Outcome::Sent, asked[1])]);
    assert!(asked[1] > asked[0] && clock.now() == asked[1].plus(CONFIRMED_AFTER));
}
