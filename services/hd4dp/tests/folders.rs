//! Folders with real files: what becomes of each file and row, wherever the process dies.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hospital;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use clock::Clock;
use dcd::Language;
use futures_util::future::BoxFuture;
use hd4dp::{
    folders::Folders,
    status::{State, Status},
    store::{Filter, Hd4dpStore, MemoryStore, Progress},
};
use hospital::{Hospital, NIHDI, REGISTER, definitions, records};
use host::{NoProbe, Point, Probe};
use proptest::prelude::*;

const INTERVAL: Duration = Duration::from_secs(60);

/// A hospital with an inbox that outlives its processes.
struct Inbox {
    hospital: Hospital,
    folders: Arc<Folders>,
    path: PathBuf,
}

impl Inbox {
    async fn new(root: &Path, kind: &str) -> Self {
        Self::with(root, kind, Arc::new(MemoryStore::default()), Arc::new(NoProbe)).await
    }

    async fn with(root: &Path, kind: &str, store: Arc<dyn Hd4dpStore>, probe: Arc<dyn Probe>) -> Self {
        let hospital = Hospital::with(store, definitions(false), probe).await;
        let folders = Folders::new(&hospital.hd4dp, root, INTERVAL, Language::English);
        Self { hospital, folders, path: root.join(NIHDI).join(REGISTER).join(kind) }
    }

    /// Two looks, an interval apart.
    async fn look(&self) {
        self.folders.look().await;
        self.wait();
        self.folders.look().await;
    }

    fn wait(&self) {
        let clock = &self.hospital.clock;
        clock.advance_to(clock.now().plus(INTERVAL));
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(&self.path).unwrap();
        fs::write(self.path.join(name), content).unwrap();
    }

    /// The files of a folder: what the name begins with, and the content.
    fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.path.join(folder)).unwrap();
        let mut files: Vec<_> = entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let stem = name.rsplitn(3, '.').last().unwrap_or_default().to_owned();
                (stem, fs::read(entry.path()).unwrap_or_default())
            })
            .collect();
        files.sort();
        files
    }

    /// How many files each folder of results has: SUCCESS, IGNORE, ERROR, ARCHIVE, ARCHIVE_ERROR.
    fn counts(&self) -> [usize; 5] {
        ["SUCCESS", "IGNORE", "ERROR", "ARCHIVE", "ARCHIVE_ERROR"].map(|folder| self.files(folder).len())
    }

    /// The rows of all files of a folder, without their headers and without the first `skip` columns.
    fn rows(&self, folder: &str, skip: usize) -> Vec<Vec<String>> {
        let of_file = |(_, content): (String, Vec<u8>)| {
            records(&content).into_iter().skip(1).map(|row| row[skip..].to_vec()).collect::<Vec<_>>()
        };
        self.files(folder).into_iter().flat_map(of_file).collect()
    }

    async fn states(&self) -> Vec<State> {
        self.hospital.hd4dp.list(&Filter::default(), None, 1_000).await.unwrap().iter().map(|one| one.state).collect()
    }
}

fn cells(text: &str) -> Vec<Vec<String>> {
    records(text.as_bytes()).into_iter().skip(1).collect()
}

#[tokio::test]
async fn a_valid_file_goes_to_success_and_archive_and_is_sent() {
    let root = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(root.path(), "fast-track").await;
    let text = inbox.hospital.rows(20);
    inbox.put("mab.CSV", &text);
    inbox.folders.look().await;
    assert_eq!((inbox.counts(), inbox.path.join("mab.CSV").exists()), ([0; 5], true), "one look is not enough");
    inbox.look().await;
    assert_eq!((inbox.counts(), inbox.path.join("mab.CSV").exists()), ([1, 0, 0, 1, 0], false));
    assert_eq!(records(&inbox.files("SUCCESS")[0].1), records(text.as_bytes()));
    assert_eq!(inbox.files("ARCHIVE"), [("mab".to_owned(), text.clone().into_bytes())]);
    assert!(inbox.states().await.iter().all(|state| state.status() != Status::Open));
    // The same name again, with one row more.
    inbox.put("mab.CSV", inbox.hospital.rows(21));
    inbox.look().await;
    assert_eq!(inbox.counts(), [2, 1, 0, 2, 0]);
    assert_eq!((inbox.rows("IGNORE", 0).len(), inbox.rows("SUCCESS", 0).len()), (20, 21));
    let upload = inbox.hospital.store.uploads(None, None, 1).await.unwrap().remove(0);
    assert_eq!((upload.file.as_str(), upload.way.code(), upload.attempted), ("mab.CSV", "FAST_TRACK", 21));
}

#[tokio::test]
async fn the_rows_of_a_partly_valid_file_go_where_they_belong() {
    let root = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(root.path(), "fast-track").await;
    let text = inbox.hospital.rows(4);
    let (first, rest) = text.split_at(text.match_indices('\n').nth(1).unwrap().0 + 1);
    inbox.put("first.csv", first);
    inbox.look().await;
    let faulty = format!("{first}{}", rest.replacen(";TSO500;", ";;", 1));
    inbox.put("second.csv", &faulty);
    inbox.look().await;
    assert_eq!(inbox.counts(), [2, 1, 1, 2, 0]);
    let header = &records(&inbox.files("ERROR")[0].1)[0];
    assert_eq!((header[0].as_str(), &header[1..]), ("error", &records(text.as_bytes())[0][..]));
    let reasons = &records(&inbox.files("ERROR")[0].1)[1][0];
    assert!(reasons.starts_with("V01 ngs_panel: "), "{reasons}");
    let mut told = [inbox.rows("SUCCESS", 0), inbox.rows("ERROR", 1)].concat();
    let mut expected = cells(&faulty);
    told.sort();
    expected.sort();
    assert_eq!(told, expected, "the row of the first file stands in its success only once");
    assert_eq!(inbox.rows("IGNORE", 0), cells(first));
}

#[tokio::test]
async fn the_rows_of_a_provisioning_file_wait_for_a_user() {
    let root = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(root.path(), "provisioning").await;
    inbox.put("mab.csv", inbox.hospital.rows(3));
    inbox.look().await;
    assert_eq!((inbox.counts(), inbox.states().await), ([1, 0, 0, 1, 0], vec![State::Open; 3]));
    // Both are merged, and what the new file says wins.
    let text = inbox.hospital.rows(3).replace(";TSO500;", ";OTHER;");
    inbox.put("mab.csv", &text);
    inbox.look().await;
    assert!(inbox.states().await.iter().all(|state| *state == State::Open));
    let id = inbox.hospital.hd4dp.list(&Filter::default(), None, 1).await.unwrap()[0].registration_id;
    let form = inbox.hospital.hd4dp.form(id).await.unwrap();
    assert_ne!(form.get("ngs_panel"), Some("TSO500"));
}

#[tokio::test]
async fn what_cannot_be_read_goes_to_archive_error() {
    let root = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(root.path(), "fast-track").await;
    let central = inbox.hospital.hd4dp.definitions().get("Precision_Central_MAB").unwrap();
    inbox.put("a-other-register.csv", hospital::rows(&central, 1));
    inbox.put("b-empty.csv", "");
    inbox.put("c-comma.csv", "a,b\n1,2\n");
    inbox.put("d-large.csv", vec![b'x'; 6 * 1024 * 1024 + 1]);
    inbox.put("e-binary.csv", [0xff, 0xfe, 0, 1]);
    inbox.look().await;
    assert_eq!(inbox.counts(), [0, 0, 0, 0, 5]);
    assert!(inbox.states().await.is_empty());
    let uploads = inbox.hospital.store.uploads(None, None, 9).await.unwrap();
    assert!(uploads.len() == 5 && uploads.iter().all(|upload| upload.progress == Progress::Failed));
}

#[tokio::test]
async fn only_complete_csv_files_of_a_register_are_taken() {
    let root = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(root.path(), "fast-track").await;
    let text = inbox.hospital.rows(1);
    inbox.folders.look().await;
    for name in ["a.csv.part", "a.tmp", ".a.csv", "a.vcf", "a"] {
        inbox.put(name, &text);
    }
    fs::create_dir(inbox.path.join("folder.csv")).unwrap();
    let misplaced = [
        root.path().join("a.csv"),
        root.path().join(NIHDI).join("a.csv"),
        inbox.path.join("folder.csv/a.csv"),
        root.path().join(NIHDI).join(REGISTER).join("a.csv"),
    ];
    for path in &misplaced {
        fs::write(path, &text).unwrap();
    }
    let other = root.path().join("00000295").join(REGISTER).join("fast-track");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("a.csv"), &text).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(root.path().join("a.csv"), inbox.path.join("link.csv")).unwrap();
    inbox.look().await;
    inbox.look().await;
    assert_eq!(inbox.counts(), [0; 5]);
    assert!(misplaced.iter().all(|path| path.exists()) && other.join("a.csv").exists());
    // A file that grows is waited for; a file that goes is forgotten.
    inbox.put("grows.csv", &text[..100]);
    inbox.put("goes.csv", &text);
    inbox.folders.look().await;
    inbox.put("grows.csv", &text);
    fs::remove_file(inbox.path.join("goes.csv")).unwrap();
    inbox.wait();
    inbox.folders.look().await;
    assert_eq!(inbox.counts(), [0; 5]);
    inbox.wait();
    inbox.folders.look().await;
    assert_eq!(inbox.counts(), [1, 0, 0, 1, 0]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_name_that_is_no_text_loses_nothing() {
    use std::os::unix::ffi::OsStrExt;
    let root = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(root.path(), "fast-track").await;
    let text = inbox.hospital.rows(2);
    inbox.folders.look().await;
    fs::write(inbox.path.join(std::ffi::OsStr::from_bytes(b"p\xe9.csv")), &text).unwrap();
    fs::write(inbox.path.join(format!("{}.csv", "x".repeat(251))), &text).unwrap();
    inbox.look().await;
    assert_eq!(inbox.counts(), [1, 1, 0, 2, 0]);
}

/// What the file system refuses is tried again at the next look.
#[tokio::test]
async fn a_file_waits_until_its_results_can_be_written() {
    let root = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(root.path(), "fast-track").await;
    inbox.folders.look().await;
    inbox.put("mab.csv", inbox.hospital.rows(2));
    fs::remove_dir(inbox.path.join("ARCHIVE")).unwrap();
    fs::write(inbox.path.join("ARCHIVE"), "no folder").unwrap();
    inbox.look().await;
    assert!(inbox.path.join("mab.csv").exists());
    fs::remove_file(inbox.path.join("ARCHIVE")).unwrap();
    inbox.look().await;
    assert_eq!((inbox.counts(), inbox.path.join("mab.csv").exists()), ([1, 0, 0, 1, 0], false));
}

/// Attachments lie beside the file where it arrived.
#[tokio::test]
async fn attachments_are_found_beside_the_file() {
    let root = tempfile::tempdir().unwrap();
    let inbox = Inbox::new(root.path(), "fast-track").await;
    let mut rows = records(inbox.hospital.rows(1).as_bytes());
    let at = |column: &str| rows[0].iter().position(|name| name == column).unwrap();
    let (identifier, file) = (at("vcf_identifier"), at("vcf_file"));
    let name = format!("{}.vcf", rows[1][identifier]);
    rows[1][file].clone_from(&name);
    let mut text = opencsv::Writer::new(Vec::new());
    rows.iter().for_each(|row| text.write_record(row).unwrap());
    inbox.put("mab.csv", text.into_inner());
    inbox.put(&name, "##fileformat=VCFv4.2\n");
    inbox.look().await;
    assert_eq!(inbox.counts(), [1, 0, 0, 1, 0]);
    let id = inbox.hospital.hd4dp.list(&Filter::default(), None, 1).await.unwrap()[0].registration_id;
    assert_eq!(inbox.hospital.hd4dp.attachment(id, "vcf_file").await.unwrap().name, name);
}

/// Lets the process die at the n-th point that it reaches, of its folders or of the rows that it takes in.
struct Crash(AtomicI64);

impl Probe for Crash {
    fn reach(&self, _service: &str, _point: Point) -> Option<BoxFuture<'static, ()>> {
        let is_it = self.0.fetch_sub(1, Ordering::Relaxed) == 1;
        is_it.then(|| Box::pin(std::future::pending()) as BoxFuture<'static, ()>)
    }
}

/// Looks as far as the process lives.
async fn look_until_dead(inbox: &Inbox) {
    tokio::select! {
        biased;
        () = inbox.look() => {}
        () = async { for _ in 0..400 { tokio::task::yield_now().await } } => {}
    }
}

/// Whatever was done when the process died, the next one ends it.
#[tokio::test]
async fn a_crash_at_any_step_is_completed() {
    let mut crashed = 0;
    for point in 1..40 {
        let root = tempfile::tempdir().unwrap();
        let store: Arc<dyn Hd4dpStore> = Arc::new(MemoryStore::default());
        let crash = Arc::new(Crash(AtomicI64::new(point)));
        let first = Inbox::with(root.path(), "provisioning", Arc::clone(&store), Arc::clone(&crash) as Arc<dyn Probe>).await;
        let text = first.hospital.rows(16).replacen(";TSO500;", ";;", 1);
        first.put("mab.csv", &text);
        look_until_dead(&first).await;
        if crash.0.load(Ordering::Relaxed) > 0 {
            break;
        }
        crashed += 1;
        let second = Inbox::with(root.path(), "provisioning", Arc::clone(&store), Arc::new(NoProbe)).await;
        second.look().await;
        assert_eq!(second.counts(), [1, 0, 1, 1, 0], "after {point}");
        let mut told = [second.rows("SUCCESS", 0), second.rows("ERROR", 1)].concat();
        let mut expected = cells(&text);
        told.sort();
        expected.sort();
        assert_eq!(told, expected, "after {point}");
        assert_eq!(second.states().await, vec![State::Open; 15]);
        assert!(fs::read_dir(second.path.join(".taken")).unwrap().next().is_none());
    }
    assert!(crashed >= 9, "{crashed}: the points between all steps were reached");
}

#[derive(Debug, Clone)]
enum Op {
    /// The next rows arrive in a file, and under a name that may be there already.
    Arrive {
        rows: usize,
        faulty: bool,
        name: u8,
    },
    Look,
    /// The process dies at this point of its next looks, and another one starts.
    Crash(i64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (1_usize..6, any::<bool>(), 0_u8..2).prop_map(|(rows, faulty, name)| Op::Arrive { rows, faulty, name }),
        Just(Op::Look),
        (1_i64..14).prop_map(Op::Crash),
    ]
}

/// Plays a list of operations, then looks until all is quiet. Gives back the rows that arrived, those of the result files, and how many
/// registrations there are.
async fn play(ops: &[Op]) -> (Vec<Vec<String>>, Vec<Vec<String>>, usize, usize) {
    let root = tempfile::tempdir().unwrap();
    let store: Arc<dyn Hd4dpStore> = Arc::new(MemoryStore::default());
    let mut inbox = Inbox::with(root.path(), "provisioning", Arc::clone(&store), Arc::new(NoProbe)).await;
    let all = records(inbox.hospital.rows(60).as_bytes());
    let panel = all[0].iter().position(|column| column == "ngs_panel").unwrap();
    let (mut next, mut arrived, mut valid) = (1, Vec::new(), 0);
    for op in ops {
        match op {
            Op::Arrive { rows, faulty, name } => {
                let path = inbox.path.join(format!("{name}.csv"));
                // Nobody overwrites a file that lies there.
                if path.exists() || next + rows > all.len() {
                    continue;
                }
                let mut file = opencsv::Writer::new(Vec::new());
                file.write_record(&all[0]).unwrap();
                for (at, row) in all[next..next + rows].iter().enumerate() {
                    let mut row = row.clone();
                    if *faulty && at == 0 {
                        row[panel].clear();
                    } else {
                        valid += 1;
                    }
                    file.write_record(&row).unwrap();
                    arrived.push(row);
                }
                next += rows;
                inbox.put(&format!("{name}.csv"), file.into_inner());
            }
            Op::Look => inbox.look().await,
            Op::Crash(point) => {
                let crash = Arc::new(Crash(AtomicI64::new(*point)));
                let dying = Inbox::with(root.path(), "provisioning", Arc::clone(&store), crash).await;
                look_until_dead(&dying).await;
                inbox = Inbox::with(root.path(), "provisioning", Arc::clone(&store), Arc::new(NoProbe)).await;
            }
        }
    }
    inbox.look().await;
    let mut told = [inbox.rows("SUCCESS", 0), inbox.rows("IGNORE", 0), inbox.rows("ERROR", 1)].concat();
    arrived.sort();
    told.sort();
    (arrived, told, valid, inbox.states().await.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_row_ends_in_one_result_file_and_in_the_store_once(ops in proptest::collection::vec(op(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (arrived, told, valid, there) = runtime.block_on(play(&ops));
        prop_assert_eq!(arrived, told);
        prop_assert_eq!(valid, there);
    }
}
