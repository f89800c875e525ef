//! A file that is named when HD4DP starts, on a store that does not take it at first.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use broker::{EmbeddedBroker, EmbeddedOptions};
use clock::{Clock, SystemClock};
use dcd::{Definitions, Language};
use futures_util::future::BoxFuture;
use hd4dp::{
    Hd4dp, Parts,
    at_start::AtStart,
    config::Uploads,
    prepare::Secrets,
    store::{Backlog, Hd4dpStore, Sent, SqlStore},
    upload::{CsvFile, upload},
};
use host::{Chance, Context, Point, Probe};
use identifying::{SharedHospitalKey, TagKey};
use population::Order;
use registration::CodeKey;
use store::InDatabase;
use topology::Topology;

const HOSPITAL: &str = "00000196";
const REGISTER: &str = "Precision_Local_MAB";
const ROWS: u64 = 30;

/// How often anything was tried again.
#[derive(Default)]
struct Retries(AtomicU32);

impl Probe for Retries {
    fn reach(&self, _service: &str, _point: Point) -> Option<BoxFuture<'static, ()>> {
        None
    }

    fn retried(&self, work: &str) {
        if work == "hd4dp taking in files" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// HD4DP over a store, with a broker of its own.
async fn hospital(store: &Arc<SqlStore>, definitions: &Arc<Definitions>, retries: &Arc<Retries>) -> Arc<Hd4dp> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let topology = Topology::for_hospitals(&[HOSPITAL.parse().unwrap()]);
    let broker = EmbeddedBroker::new(Arc::clone(&clock), &topology, EmbeddedOptions::new(uuid::Uuid::from_u128(1)));
    let parts = Parts {
        nihdi: HOSPITAL.parse().unwrap(),
        source: "hd4dp-00000196".parse().unwrap(),
        context: Context { clock, chance: Arc::new(Chance::seeded(1)), probe: Arc::clone(retries) as _ },
        broker: Arc::new(broker),
        store: Arc::clone(store) as Arc<dyn Hd4dpStore>,
        definitions: Arc::clone(definitions),
        secrets: Secrets {
            tag: TagKey::new([1; 32]),
            generated_id: SharedHospitalKey::new([2; 32]),
            code: CodeKey::new([3; 32]),
        },
        publication_size: 7,
        window: 1_000,
    };
    Hd4dp::new(parts).await.unwrap()
}

/// So long a test waits for what is to come, on processors that do other things too.
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_waits_for_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqlStore::open(folder.path(), HOSPITAL).await.unwrap());
    let (clock, retries): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), Arc::new(Retries::default()));
    let definitions = Arc::new(Definitions::built_in().unwrap());
    let hd4dp = hospital(&store, &definitions, &retries).await;
    for work in hd4dp.works() {
        tokio::spawn(work.start());
    }
    let path = folder.path().join("mab.csv");
    let definition = definitions.get(REGISTER).unwrap();
    let order = Order { definition: &definition, organisation: HOSPITAL, count: ROWS, seed: 5, faulty_percent: 0 };
    let mut file = Vec::new();
    population::write(&order, &mut file).unwrap();
    fs::write(&path, file).unwrap();
    let uploads = Uploads { reports: folder.path().join("reports"), language: Language::English };
    let named = AtStart { upload: vec![format!("{REGISTER}={}", path.display()).parse().unwrap()], send_again_since: None };
    let files = named.open(&definitions, &uploads, clock.now().date()).unwrap();

    let define = async |sql: &str| {
        let mut transaction = store.database().write().await.unwrap();
        transaction.define(sql).await.unwrap();
        transaction.commit().await.unwrap();
    };
    define("ALTER TABLE outbox RENAME TO outbox_away").await;
    let taking_in = tokio::spawn(files.taking_in(&hd4dp, &uploads).start());
    until(async || retries.0.load(Ordering::SeqCst) > 0).await;
    define("ALTER TABLE outbox_away RENAME TO outbox").await;
    let in_hand = |Backlog { unsent, sent, .. }: Backlog| unsent + sent;
    until(async || store.backlog().await.map(in_hand).unwrap_or(0) >= ROWS).await;
    assert!(!taking_in.is_finished());
    taking_in.abort();
}

/// A registration whose definition is gone is due again at the hours of a resend, and not all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_again_does_not_keep_it_busy() {
    let folder = tempfile::tempdir().unwrap();
    let (store, retries) = (Arc::new(SqlStore::open(folder.path(), HOSPITAL).await.unwrap()), Arc::default());
    let definitions = Arc::new(Definitions::built_in().unwrap());
    let hd4dp = hospital(&store, &definitions, &retries).await;
    let definition = definitions.get(REGISTER).unwrap();
    let mut file = Vec::new();
    population::write(
        &Order { definition: &definition, organisation: HOSPITAL, count: 3, seed: 5, faulty_percent: 0 },
        &mut file,
    )
    .unwrap();
    let path = folder.path().join("mab.csv");
    fs::write(&path, file).unwrap();
    let now = SystemClock.now();
    let file = CsvFile::open(&path, &definition, now.date()).unwrap();
    upload(&hd4dp, &definition, file, folder.path(), Language::English, async |_| {}).await.unwrap();
    let sent: Vec<Sent> = (store.unanswered(uuid::Uuid::nil(), true, 10).await.unwrap().iter())
        .map(|version| Sent { registration_id: version.registration_id, version: version.version, next_send_at: Some(now) })
        .collect();
    assert_eq!(sent.len(), 3);
    store.sent(&sent, now, &[]).await.unwrap();

    let mut transaction = store.database().write().await.unwrap();
    transaction.define("UPDATE version SET dcd_version = 99").await.unwrap();
    transaction.commit().await.unwrap();
    let ended = clock::timeout(&SystemClock, DEADLINE, hd4dp.send_again_since(now)).await;
    ended.unwrap_or_else(|_| panic!("it never ends")).unwrap();
    let waiting = store.backlog().await.unwrap();
    assert_eq!((waiting.sent, waiting.unsent), (3, 0), "they stay in the outbox");
}

async fn until(reached: impl AsyncFn() -> bool) {
    let waiting = async {
        while !reached().await {
            clock::sleep(&SystemClock, Duration::from_millis(20)).await;
        }
    };
    clock::timeout(&SystemClock, DEADLINE, waiting).await.unwrap();
}
