//! What is noted of a sending.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hospital;

use std::sync::Arc;

use broker::contract::SlowConfirms;
use clock::{Clock, SimulatedClock};
use dcd::Language;
use hd4dp::{
    Hd4dp,
    store::{Hd4dpStore, MemoryStore},
    upload::{CsvFile, upload},
};
use host::NoProbe;
use store::Outcome;
use uuid::Uuid;

use hospital::{REGISTER, broker_with, definitions, file, has_begun, in_time, noon, parts};

/// Its reader may have passed it on before the confirm is heard; told by their times, it would have been passed on before it was sent.
#[tokio::test]
async fn a_sending_is_noted_as_of_when_it_was_sent() {
    let clock = SimulatedClock::new(noon(1));
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let (store, definitions) = (Arc::new(MemoryStore::default()) as Arc<dyn Hd4dpStore>, definitions(false));
    let definition = definitions.get(REGISTER).unwrap();
    let confirms = SlowConfirms::new(clock.clone());
    let broker = broker_with(&shared, confirms.options(Uuid::from_u128(1)));
    let hd4dp = Hd4dp::new(parts((shared, Arc::new(NoProbe)), broker, Arc::clone(&store), definitions)).await.unwrap();
    for work in hd4dp.works() {
        tokio::spawn(work.start());
    }
    has_begun(&*store, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let rows = CsvFile::open(&file(folder.path(), &definition, 1), &definition, clock.now().date()).unwrap();
    upload(&hd4dp, &definition, rows, folder.path(), Language::English, async |_| {}).await.unwrap();
    let passages = async || store.passages(0, 10).await.unwrap();
    let is_noted = async {
        while passages().await.is_empty() {
            // It waits before it tries again.
            if let (1, Some(alarm)) = (confirms.attempts().len(), clock.next_alarm()) {
                clock.advance_to(alarm);
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(is_noted).await;
    let sent: Vec<_> = passages().await.into_iter().map(|(_, passage)| (passage.outcome, passage.at)).collect();
    let attempts = confirms.attempts();
    assert_eq!((sent.as_slice(), attempts.len()), ([(Outcome::Sent, attempts[1])].as_slice(), 2));
    assert_eq!(clock.now(), attempts[1].plus(SlowConfirms::AFTER));
}
