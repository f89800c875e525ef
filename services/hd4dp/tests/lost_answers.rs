//! A store does what it is asked to and its answer gets lost, or whoever asked goes away before it is through.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hospital;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use broker::Broker;
use envelope::Publication;
use futures_util::{FutureExt, future::BoxFuture};
use hco_messages::Submission;
use hd4dp::{entry::NewRegistration, store::MemoryStore};
use host::{NoProbe, Point, Probe};
use tokio::sync::oneshot;
use topology::Arrow;
use uuid::Uuid;

use hospital::{Hospital, NIHDI, definitions, has_begun, in_time};

/// Whoever passes the next point behind a commit stays there until the other end says so, or for ever.
#[derive(Default)]
struct Held(Mutex<Option<oneshot::Receiver<()>>>);

impl Held {
    fn hold(&self) -> oneshot::Sender<()> {
        let (go, hold) = oneshot::channel();
        *self.0.lock().unwrap() = Some(hold);
        go
    }
}

impl Probe for Held {
    fn reach(&self, _service: &str, point: Point) -> Option<BoxFuture<'static, ()>> {
        let hold = self.0.lock().unwrap().take_if(|_| point == Point::AfterCommit)?;
        Some(hold.map(drop).boxed())
    }
}

impl Hospital {
    /// The rows of a file, each as a file of its own.
    fn files(&self, count: u64) -> Vec<String> {
        let text = self.rows(count);
        let mut lines = text.lines();
        let header = lines.next().unwrap();
        lines.map(|line| format!("{header}\n{line}\n")).collect()
    }

    /// Every item that was handed over, as often as it was.
    async fn items(&self) -> Vec<Uuid> {
        let queue = Arrow::HandOver.queue(Some(&NIHDI.parse().unwrap()));
        let publications = self.broker.depth(&queue).await.unwrap().ready;
        let mut consumer = self.broker.consume(&queue, 1).await.unwrap();
        let mut items = Vec::new();
        for _ in 0..publications {
            let delivery = in_time(consumer.next()).await.unwrap();
            items.extend(
                Publication::<Submission>::decode(&delivery.payload).unwrap().data.items.iter().map(|item| item.id.uuid()),
            );
            delivery.ack().unwrap();
        }
        items
    }

    async fn counts(&self) -> (u64, u64) {
        (self.hd4dp.waiting(), self.store.waiting().await.unwrap())
    }
}

async fn hospital(probe: Arc<dyn Probe>) -> (Arc<MemoryStore>, Hospital) {
    let store = Arc::new(MemoryStore::default());
    let hospital = Hospital::with(Arc::clone(&store) as _, definitions(false), probe).await;
    has_begun(&*store, 1).await;
    (store, hospital)
}

#[tokio::test]
async fn what_was_written_down_without_anybody_hearing_so_is_handed_over() {
    let (store, hospital) = hospital(Arc::new(NoProbe)).await;
    let text = hospital.rows(3);
    store.lost_answers.lose(1);
    hospital.try_upload(&text).await.unwrap_err();
    hospital.handed_over().await;
    assert_eq!(hospital.counts().await, (3, 3));
    // Who tries again changes nothing.
    assert_eq!(hospital.upload(&text).await, (3, 0));
    assert_eq!((hospital.counts().await, hospital.items().await.len()), ((3, 3), 3));
}

#[tokio::test]
async fn what_is_entered_by_hand_and_not_heard_of_is_handed_over() {
    let (store, hospital) = hospital(Arc::new(NoProbe)).await;
    let id = Uuid::from_u128(1);
    store.lost_answers.lose(1);
    let create = || {
        let (definition, form) = (&hospital.definition, hospital.form(0));
        let new = NewRegistration { definition, registration_id: Some(id), form, files: Vec::new(), submit: true, author: "ann" };
        hospital.hd4dp.create(new)
    };
    create().await.unwrap_err();
    hospital.handed_over().await;
    assert_eq!(hospital.counts().await, (1, 1));
    assert!(!create().await.unwrap().is_new);
    hospital.asked(id, 1).await;
    store.lost_answers.lose(1);
    assert_eq!(hospital.hd4dp.delete(id, "ann").await.unwrap_err().code(), None, "nothing is wrong with it");
    hospital.handed_over().await;
    assert_eq!((hospital.counts().await, hospital.items().await.len()), ((1, 1), 2));
}

#[tokio::test]
async fn what_its_caller_left_behind_is_handed_over() {
    let held = Arc::new(Held::default());
    let (_, hospital) = hospital(Arc::clone(&held) as _).await;
    let _never = held.hold();
    let text = hospital.rows(3);
    tokio::select! {
        biased;
        _ = hospital.try_upload(&text) => panic!("it is held"),
        () = hospital.until_unsent(3) => {}
    }
    hospital.handed_over().await;
    assert_eq!((hospital.counts().await, hospital.items().await.len()), ((3, 3), 3));
}

/// As at the start of a process, which looks for what the one before left behind while files are read.
#[tokio::test]
async fn what_somebody_is_about_to_hand_over_goes_once() {
    let held = Arc::new(Held::default());
    let (store, hospital) = hospital(Arc::clone(&held) as _).await;
    let go = held.hold();
    let files = hospital.files(2);
    let first = hospital.try_upload(&files[0]);
    let second = async {
        hospital.until_unsent(1).await;
        store.lost_answers.lose(1);
        hospital.try_upload(&files[1]).await.unwrap_err();
        hospital.until_unsent(1).await;
        go.send(()).unwrap();
    };
    let (first, ()) = in_time(futures_util::future::join(first, second)).await;
    assert_eq!(first.unwrap().accepted, 1);
    hospital.handed_over().await;
    let items = hospital.items().await;
    assert_eq!((items.len(), items.iter().collect::<BTreeSet<_>>().len()), (2, 2));
}
