//! A hospital's HD4DP on a simulated clock, with the Local MAB register and its last days.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "each test file uses its part; a test fails by panicking")]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use broker::{EmbeddedBroker, EmbeddedOptions};
use clock::{Clock, SimulatedClock, SystemClock, Timestamp, timeout};
use dcd::{Definition, Definitions, Language};
use hd4dp::{
    Hd4dp, LifeError, Parts,
    form::Form,
    prepare::Secrets,
    store::{FeedbackKind, Hd4dpStore, MemoryStore, Received, Tally},
    upload::{CsvFile, UploadError, upload},
};
use host::{Chance, Context, NoProbe, Probe};
use identifying::{SharedHospitalKey, TagKey};
use population::Order;
use registration::{CodeKey, Comment};
use topology::Topology;
use uuid::Uuid;

pub(crate) const NIHDI: &str = "00000196";
pub(crate) const REGISTER: &str = "Precision_Local_MAB";

/// A process that starts again draws other ids than the one before.
static NEXT_SEED: AtomicU64 = AtomicU64::new(1);

pub(crate) struct Hospital {
    pub(crate) hd4dp: Arc<Hd4dp>,
    pub(crate) store: Arc<dyn Hd4dpStore>,
    pub(crate) broker: Arc<EmbeddedBroker>,
    pub(crate) clock: SimulatedClock,
    pub(crate) definition: Arc<Definition>,
    pub(crate) folder: tempfile::TempDir,
}

/// The built-in definitions; the last days of Local MAB's collection are the 10th, 20th and 30th of March 2027.
pub(crate) fn definitions(has_ends: bool) -> Arc<Definitions> {
    let built_in = Definitions::built_in().unwrap();
    if !has_ends {
        return Arc::new(built_in);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dcd/Precision_Local_MAB/1/definition.json");
    let mut json: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for (gate, day) in [("end_creation", "10"), ("end_submission", "20"), ("end_comments", "30")] {
        json["collection"][gate] = format!("2027-03-{day}").into();
    }
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join(REGISTER).join("1");
    fs::create_dir_all(&below).unwrap();
    fs::write(below.join("definition.json"), json.to_string()).unwrap();
    Arc::new(built_in.with_directory(folder.path()).unwrap())
}

/// A hospital's broker of its own, as a process of this number has it.
pub(crate) fn broker(clock: &Arc<dyn Clock>, incarnation: u128) -> Arc<EmbeddedBroker> {
    broker_with(clock, EmbeddedOptions::new(Uuid::from_u128(incarnation)))
}

pub(crate) fn broker_with(clock: &Arc<dyn Clock>, options: EmbeddedOptions) -> Arc<EmbeddedBroker> {
    let topology = Topology::for_hospitals(&[NIHDI.parse().unwrap()]);
    Arc::new(EmbeddedBroker::new(Arc::clone(clock), &topology, options))
}

/// What an HD4DP is made of: small publications, and a window that never closes.
pub(crate) fn parts(
    (clock, probe): (Arc<dyn Clock>, Arc<dyn Probe>),
    broker: Arc<EmbeddedBroker>,
    store: Arc<dyn Hd4dpStore>,
    definitions: Arc<Definitions>,
) -> Parts {
    let chance = Arc::new(Chance::seeded(NEXT_SEED.fetch_add(1, Ordering::Relaxed)));
    Parts {
        nihdi: NIHDI.parse().unwrap(),
        source: "hd4dp-00000196".parse().unwrap(),
        context: Context { clock, chance, probe },
        broker,
        store,
        definitions,
        secrets: Secrets {
            tag: TagKey::new([1; 32]),
            generated_id: SharedHospitalKey::new([2; 32]),
            code: CodeKey::new([3; 32]),
        },
        publication_size: 7,
        window: 1_000,
    }
}

/// A file of valid rows for a register.
pub(crate) fn file(folder: &std::path::Path, definition: &Arc<Definition>, count: u64) -> std::path::PathBuf {
    let path = folder.join("mab.csv");
    fs::write(&path, rows(definition, count)).unwrap();
    path
}

const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(&SystemClock, DEADLINE, what).await.unwrap()
}

/// Waits until an HD4DP on the broker with this number has sent what it found when it started.
pub(crate) async fn has_begun(store: &dyn Hd4dpStore, incarnation: u128) {
    in_time(async {
        while store.is_new_incarnation(Uuid::from_u128(incarnation)).await.unwrap() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

impl Hospital {
    pub(crate) async fn new() -> Self {
        Self::with(Arc::new(MemoryStore::default()), definitions(false), Arc::new(NoProbe)).await
    }

    pub(crate) async fn with_ends() -> Self {
        Self::with(Arc::new(MemoryStore::default()), definitions(true), Arc::new(NoProbe)).await
    }

    /// On the 1st of March 2027.
    pub(crate) async fn with(store: Arc<dyn Hd4dpStore>, definitions: Arc<Definitions>, probe: Arc<dyn Probe>) -> Self {
        let clock = SimulatedClock::new(noon(1));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let broker = broker(&shared, 1);
        let definition = definitions.get(REGISTER).unwrap();
        let hd4dp = Hd4dp::new(parts((shared, probe), Arc::clone(&broker), Arc::clone(&store), definitions)).await.unwrap();
        for work in hd4dp.works() {
            tokio::spawn(work.start());
        }
        Self { hd4dp, store, broker, clock, definition, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// A file of valid rows.
    pub(crate) fn rows(&self, count: u64) -> String {
        rows(&self.definition, count)
    }

    /// The values of one of the valid rows.
    pub(crate) fn form(&self, at: usize) -> Form {
        let text = self.rows(at as u64 + 1);
        let mut lines = text.lines().map(|line| line.split(';').map(str::to_owned));
        let header: Vec<String> = lines.next().unwrap().collect();
        header.into_iter().zip(lines.nth(at).unwrap()).collect()
    }

    /// Takes in a file with the default options; how many rows were accepted and rejected.
    pub(crate) async fn upload(&self, text: &str) -> (u64, u64) {
        let tally = self.try_upload(text).await.unwrap();
        (tally.accepted, tally.rejected)
    }

    pub(crate) async fn try_upload(&self, text: &str) -> Result<Tally, UploadError> {
        fs::write(self.path("mab.csv"), text).unwrap();
        let file = CsvFile::open(&self.path("mab.csv"), &self.definition, self.clock.now().date())?;
        let reports = self.path("reports");
        let id = upload(&self.hd4dp, &self.definition, file, &reports, Language::English, async |_| {}).await?;
        Ok(self.store.tally(id).await.unwrap())
    }

    /// Waits until what was written down is handed over.
    pub(crate) async fn handed_over(&self) {
        self.until_unsent(0).await;
    }

    /// Waits until so many registrations are written down and not handed over.
    pub(crate) async fn until_unsent(&self, count: usize) {
        let unsent = async || self.store.unanswered(Uuid::nil(), false, 100).await.unwrap().len();
        in_time(async {
            while unsent().await != count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// A researcher asks for corrections of a version.
    pub(crate) async fn asked(&self, registration_id: Uuid, version: u32) {
        let comments = vec![Comment { place: None, text: "please look".to_owned() }];
        let kind = FeedbackKind::CorrectionRequest;
        let request = Received { registration_id, version, number: u64::from(version) * 10, kind, comments };
        self.store.feedback(&[request], self.clock.now(), &[]).await.unwrap();
    }

    pub(crate) fn is_on(&self, day: u64) {
        self.clock.advance_to(noon(day));
    }
}

pub(crate) fn rows(definition: &Arc<Definition>, count: u64) -> String {
    let order = Order { definition, organisation: NIHDI, count, seed: 5, faulty_percent: 0 };
    let mut file = Vec::new();
    population::write(&order, &mut file).unwrap();
    String::from_utf8(file).unwrap()
}

/// The records of a CSV, its header first; cells may hold line breaks.
pub(crate) fn records(text: &[u8]) -> Vec<Vec<String>> {
    let mut reader = opencsv::Reader::new(text);
    let mut records = vec![reader.header().unwrap()];
    while let Some(record) = reader.next_record().unwrap() {
        let fields = record.body.unwrap();
        records.push((0..fields.len()).map(|column| fields.get_lossy(column).into_owned()).collect());
    }
    records
}

/// Of a day in March 2027.
pub(crate) fn noon(day: u64) -> Timestamp {
    format!("2027-03-{day:02}T12:00:00Z").parse().unwrap()
}

pub(crate) fn code<T>(outcome: Result<T, LifeError>) -> &'static str {
    match outcome {
        Err(error) => error.code().unwrap_or_else(|| panic!("{error}")),
        Ok(_) => panic!("it should be refused"),
    }
}
