//! What is done when HD4DP starts, on a store that does not take it at first, or has what cannot be sent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hospital;

use std::{sync::Arc, time::Duration};

use clock::{Clock, SystemClock, timeout};
use dcd::Language;
use futures_util::future::BoxFuture;
use hd4dp::{
    Hd4dp,
    at_start::AtStart,
    config::Uploads,
    store::{Backlog, Hd4dpStore, Sent, SqlStore},
    upload::{CsvFile, upload},
};
use hospital::REGISTER;
use host::{NoProbe, Point, Probe};
use store::InDatabase;
use tokio::sync::watch;
use uuid::Uuid;

const ROWS: u64 = 30;
/// So long a test waits for what is to come, on processors that do other things too.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often taking in files was tried again.
#[derive(Default)]
struct Retries(watch::Sender<u32>);

impl Probe for Retries {
    fn reach(&self, _service: &str, _point: Point) -> Option<BoxFuture<'static, ()>> {
        None
    }

    fn retried(&self, work: &str) {
        if work == "hd4dp taking in files" {
            self.0.send_modify(|times| *times += 1);
        }
    }
}

/// A hospital over a store in a file, whose tables a test may change.
struct OnFile {
    folder: tempfile::TempDir,
    store: Arc<SqlStore>,
    hd4dp: Arc<Hd4dp>,
}

impl OnFile {
    async fn new(probe: Arc<dyn Probe>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqlStore::open(folder.path(), hospital::NIHDI).await.unwrap());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let broker = hospital::broker(&clock, 1);
        let parts = hospital::parts((clock, probe), broker, Arc::clone(&store) as _, hospital::definitions(false));
        Self { folder, store, hd4dp: Hd4dp::new(parts).await.unwrap() }
    }

    async fn define(&self, sql: &str) {
        let mut transaction = self.store.database().write().await.unwrap();
        transaction.define(sql).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn backlog(&self) -> Backlog {
        self.store.backlog().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_waits_for_its_store() {
    let retries = Arc::new(Retries::default());
    let hospital = OnFile::new(Arc::clone(&retries) as _).await;
    for work in hospital.hd4dp.works() {
        tokio::spawn(work.start());
    }
    let definitions = hospital.hd4dp.definitions();
    let path = hospital::file(hospital.folder.path(), &definitions.get(REGISTER).unwrap(), ROWS);
    let uploads = Uploads { reports: hospital.folder.path().join("reports"), language: Language::English };
    let named = AtStart { upload: vec![format!("{REGISTER}={}", path.display()).parse().unwrap()], send_again_since: None };
    let files = named.open(definitions, &uploads, SystemClock.now().date()).unwrap();

    hospital.define("ALTER TABLE outbox RENAME TO outbox_away").await;
    let coming_back = async {
        retries.0.subscribe().wait_for(|times| *times > 0).await.unwrap();
        hospital.define("ALTER TABLE outbox_away RENAME TO outbox").await;
    };
    let taking_in = files.take_in(&hospital.hd4dp, &uploads);
    timeout(&SystemClock, DEADLINE, async { tokio::join!(taking_in, coming_back) }).await.unwrap();
    let Backlog { unsent, sent, .. } = hospital.backlog().await;
    assert_eq!(unsent + sent, ROWS);
}

/// A registration whose definition is gone is due again at the hours of a resend, and not all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_again_does_not_keep_it_busy() {
    let hospital = OnFile::new(Arc::new(NoProbe)).await;
    let (hd4dp, store) = (&hospital.hd4dp, &hospital.store);
    let definition = hd4dp.definitions().get(REGISTER).unwrap();
    let now = SystemClock.now();
    let file = CsvFile::open(&hospital::file(hospital.folder.path(), &definition, 3), &definition, now.date()).unwrap();
    upload(hd4dp, &definition, file, hospital.folder.path(), Language::English, async |_| {}).await.unwrap();
    let sent: Vec<Sent> = (store.unanswered(Uuid::nil(), true, 10).await.unwrap().iter())
        .map(|version| Sent { registration_id: version.registration_id, version: version.version, next_send_at: Some(now) })
        .collect();
    assert_eq!(sent.len(), 3);
    store.sent(&sent, now, &[]).await.unwrap();

    hospital.define("UPDATE version SET dcd_version = 99").await;
    let ended = timeout(&SystemClock, DEADLINE, hd4dp.send_again_since(now)).await;
    ended.unwrap_or_else(|_| panic!("it never ends")).unwrap();
    let waiting = hospital.backlog().await;
    assert_eq!((waiting.sent, waiting.unsent), (3, 0), "they stay in the outbox");
}
