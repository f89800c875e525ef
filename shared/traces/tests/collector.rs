//! What a collector gets, over HTTP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use clock::{SystemClock, Timestamp};
use testkit::Collector;
use topology::Zone;
use traces::{Answered, Borders, Owner, Traces};

/// However slow the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

fn owner() -> Owner {
    Owner { service: "hd4dp-00000196".to_owned(), version: "0.0.0", home: Zone::Hospital }
}

fn traces(address: &str, share: f64) -> Traces {
    let collector = traces::Collector::new(address, share).unwrap();
    Traces::new(&owner(), &collector, Borders::Closed, Arc::new(SystemClock)).unwrap()
}

fn answer(traces: &Traces) {
    let (took, at) = (Duration::from_millis(1), Timestamp::EPOCH.plus(Duration::from_secs(1)));
    traces.answered(&Answered { method: "GET", route: Some("/records"), status: 200, code: None, took, at });
}

#[tokio::test]
async fn the_last_spans_arrive_before_the_end_and_say_whose_they_are() {
    let collector = Collector::start().await.unwrap();
    let traces = traces(collector.address(), 1.0);
    (0..3).for_each(|_| answer(&traces));
    assert!(traces.close(PATIENCE).await, "the collector took everything");
    let spans = collector.spans().unwrap();
    let told: Vec<_> = spans.iter().map(|span| (span.service.as_str(), span.zone.as_str(), span.name.as_str())).collect();
    assert_eq!(told, [("hd4dp-00000196", "hospital", "GET /records"); 3]);
}

#[tokio::test]
async fn a_collector_gets_no_more_than_its_share() {
    let collector = Collector::start().await.unwrap();
    let (none, half) = (traces(collector.address(), 0.0), traces(collector.address(), 0.5));
    (0..500).for_each(|_| answer(&none));
    assert!(none.close(PATIENCE).await);
    assert_eq!(collector.spans().unwrap(), []);
    (0..500).for_each(|_| answer(&half));
    assert!(half.close(PATIENCE).await);
    let kept = collector.spans().unwrap().len();
    // Of 500 fair coins, further off than once in 10^18 runs.
    assert!((150..350).contains(&kept), "{kept} of 500");
}

#[tokio::test]
async fn who_is_not_there_or_takes_something_else_is_noticed() {
    let collector = Collector::start().await.unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [format!("http://{nobody}"), format!("{}/elsewhere", collector.address())] {
        let traces = traces(&address, 1.0);
        answer(&traces);
        assert!(!traces.close(PATIENCE).await, "{address}");
    }
    assert!(collector.taken().is_empty());
}
