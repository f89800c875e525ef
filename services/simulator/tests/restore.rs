//! A party's store is lost and comes back from a copy that is older than everybody else's: what holds then, party by party.
//!
//! A failure is something that is missing without anybody having said so in docs/OPERATIONS.md, or that comes back by another way than that page says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use simulator::stores::names;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use store::{Database, Location, Schema, kept, test_server};
use tempfile::TempDir;

const REGISTER: &str = "Precision_Local_MAB";
const HOSPITAL: &str = "00000196";

/// What both sides see of what was deleted.
const DELETED: [(u32, &str); 2] = [(2, "Deleted"), (2, "Deleted")];

/// An installation whose stores have all moved on since they were copied, but for the one that is restored.
struct Ground {
    folder: TempDir,
    /// Sent, confirmed and validated before the copy; after it a correction of the first was asked, and the third was deleted.
    before: Vec<String>,
    /// After it.
    after: Vec<String>,
}

impl Ground {
    async fn restored(party: &str) -> Self {
        let mut ground = Self { folder: tempfile::tempdir().unwrap(), before: Vec::new(), after: Vec::new() };
        for (seed, count, file) in [("21", "3", "before.csv"), ("22", "2", "after.csv"), ("23", "1", "later.csv")] {
            let made = ["generate", "--dcd", REGISTER, "--org", HOSPITAL, "--seed", seed, "--count", count, "-o", file];
            let made = Command::new(env!("CARGO_BIN_EXE_precision")).args(made).current_dir(ground.path()).output().unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        ground.before = ids(&ground.submit("before.csv"));
        ground.copy(&ground.path().join("copies")).await;
        ground.after = ids(&ground.submit("after.csv"));
        ground.call("correct", &[&ground.before[0], "--comment", "Please look again."]);
        for deed in ["reopen", "delete"] {
            ground.call(deed, &[&ground.before[2]]);
        }
        let store = ground.path().join("store");
        for beside in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(store.join(format!("{party}.sqlite{beside}")));
        }
        fs::copy(ground.path().join(format!("copies/{party}.sqlite")), store.join(format!("{party}.sqlite"))).unwrap();
        ground
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Copies every store as docs/OPERATIONS.md says.
    async fn copy(&self, to: &Path) {
        fs::create_dir(to).unwrap();
        for name in names(&[HOSPITAL.parse().unwrap()]) {
            copy_file(&self.path().join(format!("store/{name}.sqlite")), &to.join(format!("{name}.sqlite"))).await;
        }
    }

    fn try_call(&self, command: &str, more: &[&str]) -> (Option<i32>, Value) {
        let keys: &[&str] = if command == "trace" { &[] } else { &["--keys", "keys"] };
        let arguments = [&[command, "--store", "store", "--json"], keys, more].concat();
        let output = Command::new(env!("CARGO_BIN_EXE_precision")).args(&arguments).current_dir(self.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {said}")))
    }

    #[track_caller]
    fn call(&self, command: &str, more: &[&str]) -> Value {
        let (status, said) = self.try_call(command, more);
        assert_eq!(status, Some(0), "{command} {more:?}: {said}");
        said
    }

    #[track_caller]
    fn submit(&self, file: &str) -> Value {
        self.call("submit", &["--dcd", REGISTER, "--org", HOSPITAL, "--file", file])
    }

    /// Version and status at the hospital and at healthdata.
    #[track_caller]
    fn sees(&self, registration: &str) -> [(Value, Value); 2] {
        sides(&self.call("status", &[registration]))
    }

    /// Exit status and figures of a file that is taken through all steps; what researchers have then lies in `out`.
    fn run(&self, file: &str) -> (Option<i32>, Value) {
        self.try_call("run", &["--dcd", REGISTER, "--org", HOSPITAL, "--out", "out", file])
    }

    /// The rows that researchers have after a file that ends well.
    #[track_caller]
    fn rows(&self, file: &str) -> usize {
        let (status, summary) = self.run(file);
        assert_eq!(status, Some(0), "{summary}");
        fs::read_to_string(self.path().join(format!("out/researcher/{REGISTER}.csv"))).unwrap().lines().count() - 1
    }

    /// The parties that have a passage of a registration's first version.
    fn parties(&self, registration: &str) -> Vec<String> {
        let traced = self.call("trace", &[registration]).to_string();
        let all = names(&[HOSPITAL.parse().unwrap()]).into_iter();
        all.filter(|name| traced.contains(&format!("\"{name}\""))).collect()
    }

    /// What came after the copy is whole, everything goes on, and a further version of it passes.
    fn goes_on(&self) {
        assert_eq!(
            self.sees(&self.before[0]),
            [(json!(1), json!("Corrections needed")), (json!(1), json!("Corrections requested"))]
        );
        assert_eq!(self.sees(&self.after[0]), [(json!(1), json!("Submitted")), (json!(1), json!("New"))]);
        assert_eq!(ids(&self.submit("after.csv")), self.after, "unchanged");
        self.submit("later.csv");
        self.again(&self.after[0]);
        assert_eq!(self.sees(&self.before[2]), DELETED.map(|(version, status)| (json!(version), json!(status))));
        assert_eq!(self.rows("after.csv"), 5);
    }

    /// Opens a registration again and submits it as it is: a new version.
    #[track_caller]
    fn again(&self, registration: &str) {
        self.call("reopen", &[registration]);
        let [hospital, healthdata] = sides(&self.call("submit", &[registration]));
        assert_eq!((hospital.0, healthdata.0), (json!(2), json!(2)));
    }
}

/// A consistent copy, also while a service writes.
async fn copy_file(from: &Path, to: &Path) {
    let mut connection = SqliteConnectOptions::new().filename(from).connect().await.unwrap();
    sqlx::query(AssertSqlSafe(format!("VACUUM INTO '{}'", to.display()))).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn ids(said: &Value) -> Vec<String> {
    said["registrations"].as_array().unwrap().iter().map(|one| one["registration"].as_str().unwrap().to_owned()).collect()
}

fn sides(said: &Value) -> [(Value, Value); 2] {
    ["hospital", "healthdata"].map(|side| (said[side]["version"].clone(), said[side]["status"].clone()))
}

/// A party that only passes on has lost sight of what passed since, and nothing else.
#[tokio::test]
async fn a_messaging_client_or_the_ttp_misses_passages_alone() {
    for party in ["ehbox-hco-00000196", "ehealth-ttp", "ehbox-hd"] {
        let ground = Ground::restored(party).await;
        let others: Vec<String> = names(&[HOSPITAL.parse().unwrap()]).into_iter().filter(|name| name != party).collect();
        assert_eq!(ground.parties(&ground.after[0]), others, "{party}");
        assert_eq!(ground.parties(&ground.before[1]).len(), others.len() + 1, "{party}");
        ground.goes_on();
        assert_eq!(ground.parties(&ground.after[0]).len(), others.len() + 1, "its new version passed {party}");
    }
}

/// The hospital does not know what it sent since. The same rows are new to it; healthdata knows them by their unique id, and doubles nothing.
#[tokio::test]
async fn a_hospital_submits_again_what_its_store_forgot() {
    let ground = Ground::restored("hd4dp-00000196").await;
    let (status, _) = ground.try_call("status", &[&ground.after[0]]);
    assert_eq!(status, Some(2), "nobody at the hospital knows it");
    let again = ids(&ground.submit("after.csv"));
    assert!(again.iter().all(|id| !ground.after.contains(id)), "they have ids of their own");
    for registration in &again {
        assert_eq!(ground.sees(registration), [(json!(1), json!("Submitted")), (json!(1), json!("New"))]);
    }
    assert_eq!(ground.rows("after.csv"), 4, "and none twice");
    // What the researcher asked since has had its receipt and does not come again: both sides stand apart until he asks once more, or the hospital
    // sends another version.
    let first = &ground.before[0];
    assert_eq!(ground.sees(first), [(json!(1), json!("Submitted")), (json!(1), json!("Corrections requested"))]);
    ground.again(first);
    assert_eq!(ground.sees(first)[1], (json!(2), json!("New correction")));
    // What was deleted since is here again, and stays deleted there: nothing revives it.
    assert_eq!(ground.sees(&ground.before[2]), [(json!(1), json!("Submitted")), (json!(2), json!("Deleted"))]);
    for deed in ["reopen", "delete"] {
        ground.call(deed, &[&ground.before[2]]);
    }
    assert_eq!(ground.sees(&ground.before[2]), DELETED.map(|(version, status)| (json!(version), json!(status))));
}

/// HD4RES does not know what arrived since, and the hospital has its STATUS: it does not send by itself, and the same rows are unchanged. Told to, it sends all of
/// it once more.
#[tokio::test]
async fn what_hd4res_forgot_is_sent_again() {
    let ground = Ground::restored("hd4res").await;
    for registration in &ground.after {
        assert_eq!(ground.sees(registration), [(json!(1), json!("Submitted")), (Value::Null, Value::Null)]);
    }
    // Whoever runs the file sees that they are missing.
    let (status, summary) = ground.run("after.csv");
    assert_eq!((status, &summary["unchanged"], &summary["lost"]), (Some(3), &json!(2), &json!(2)), "{summary}");
    assert_eq!(ground.call("send-again", &["--to", "hd4res", "--since", "2999-01-01"])["sent_again"], 0);
    assert_eq!(ground.call("send-again", &["--to", "hd4res", "--since", "2020-01-01"])["sent_again"], 5);
    for registration in &ground.after {
        assert_eq!(ground.sees(registration), [(json!(1), json!("Submitted")), (json!(1), json!("New"))]);
    }
    assert_eq!(
        ground.sees(&ground.before[2]),
        DELETED.map(|(version, status)| (json!(version), json!(status))),
        "a deletion too"
    );
    ground.submit("later.csv");
    assert_eq!(ground.rows("after.csv"), 5);
    assert_eq!(ground.call("status", &[&ground.after[0]])["hospital"]["confirmation"], "OK");
}

/// What a researcher said since is not among what comes again, and its number is given once more: the hospital takes what comes under it for what it has. A new
/// version is free of that.
#[tokio::test]
async fn what_hd4res_forgot_to_have_asked_is_not_asked_under_the_same_number() {
    let ground = Ground::restored("hd4res").await;
    let first = &ground.before[0];
    let comments =
        |said: &Value| said["hospital"]["comments"].as_array().unwrap().iter().map(|one| one["text"].clone()).collect::<Vec<_>>();
    assert_eq!(ground.sees(first), [(json!(1), json!("Corrections needed")), (json!(1), json!("New"))]);
    let asked = ground.call("correct", &[first, "--comment", "Another question."]);
    assert_eq!(sides(&asked)[1].1, json!("Corrections requested"));
    assert_eq!(comments(&asked), ["Please look again."], "the hospital does not see it: what docs/OPERATIONS.md warns of");
    ground.call("submit", &[first, "--answer", "It is right."]);
    assert_eq!(ground.sees(first), [(json!(2), json!("Submitted")), (json!(2), json!("New correction"))]);
    assert_eq!(comments(&ground.call("correct", &[first, "--comment", "A third one."]))[0], "A third one.");
}

/// HD4RES has verdicts on what the warehouse forgot, and asks for none by itself. Told to, it hands everything over once more.
#[tokio::test]
async fn what_the_warehouse_forgot_is_validated_again() {
    let ground = Ground::restored("dhw").await;
    assert_eq!(ground.sees(&ground.after[0])[1], (json!(1), json!("New")));
    let (status, summary) = ground.run("after.csv");
    assert_eq!((status, &summary["lost"], &summary["pending"]), (Some(3), &json!(0), &json!(2)), "{summary}");
    assert_eq!(ground.call("send-again", &["--to", "dhw"])["sent_again"], 4);
    // What was deleted since is among them again: what docs/OPERATIONS.md warns of.
    assert_eq!(ground.rows("after.csv"), 5);
    assert_eq!(ground.sees(&ground.before[2]), DELETED.map(|(version, status)| (json!(version), json!(status))));
    let first = ground.sees(&ground.before[0]);
    assert_eq!(
        first,
        [(json!(1), json!("Corrections needed")), (json!(1), json!("Corrections requested"))],
        "no status is another"
    );
}

/// A copy that is made while a service writes holds what was committed, whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_whole_while_somebody_writes() {
    const SCHEMA: Schema = Schema { steps: &["CREATE TABLE pair (one INTEGER NOT NULL, other INTEGER NOT NULL)"] };
    let folder = tempfile::tempdir().unwrap();
    let file = (folder.path().join("party.sqlite"), Location::Folder(folder.path().into()));
    let (in_database, copies) = (test_server::database().await.unwrap(), [Location::Folder(folder.path().join("copies"))]);
    for location in [&file.1, &in_database] {
        let store = Database::open(location, "party", SCHEMA).await.unwrap();
        let writing = async |first: i64| {
            for number in first..first + 50 {
                let mut transaction = store.write().await.unwrap();
                for _ in 0..2 {
                    let insert = transaction.query("INSERT INTO pair (one, other) VALUES (?, ?)");
                    insert.bind(number).bind(-number).execute().await.unwrap();
                }
                transaction.commit().await.unwrap();
            }
        };
        writing(0).await;
        let copy = async {
            match location {
                Location::Folder(_) => {
                    fs::create_dir_all(folder.path().join("copies")).unwrap();
                    copy_file(&file.0, &folder.path().join("copies/party.sqlite")).await;
                    copies[0].clone()
                }
                Location::Server(_) => {
                    // As pg_dump of the schema writes it.
                    let text = kept::write_out(location, "party").await.unwrap();
                    let to = test_server::database().await.unwrap();
                    kept::put_back(&to, "party", &text).await.unwrap();
                    to
                }
            }
        };
        let (copy, ()) = tokio::join!(copy, writing(50));
        let restored = Database::open(&copy, "party", SCHEMA).await.unwrap();
        let found: Vec<i64> = restored.query("SELECT count(*) FROM pair GROUP BY one ORDER BY one").scalars().await.unwrap();
        assert!((50..=100).contains(&found.len()) && found.iter().all(|count| *count == 2), "{found:?}");
    }
}
