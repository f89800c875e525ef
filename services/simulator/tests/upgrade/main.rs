//! What earlier releases left behind, opened by this program.
//!
//! `tests/upgrade` of the repository has a folder for each release: the stores of all parties as SQL text, their keys, the files that were taken in, and what
//! the release itself said of it. A failure here is a store that an upgrade loses something of, a step of a schema that was edited after it was released, or
//! a later release's store that an earlier program opens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod make;
mod place;
mod schema;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use place::{Engine, HOSPITAL, LOCAL_BOARD, Place, TREATMENT};
use serde_json::{Value, json};

/// Has this release kept, in a folder of its own.
const KEEP: &str = "PRECISION_KEEP_RELEASE";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/upgrade")
}

/// The releases that are kept, by their folders.
pub(crate) fn releases() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut releases: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    releases.sort();
    assert!(releases.iter().any(|release| release.ends_with("0.1.0")), "{releases:?}");
    releases
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_release_left_in_files_goes_on() {
    for release in releases() {
        goes_on(&release, Engine::Sqlite).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_release_left_in_a_database_goes_on() {
    for release in releases() {
        goes_on(&release, Engine::Postgres).await;
    }
}

/// What is made of this program is as good as what is kept of earlier ones; and becomes one of those when it is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn this_release_can_be_kept_for_the_next() {
    let made = tempfile::tempdir().unwrap();
    make::files(made.path());
    for engine in Engine::ALL {
        make::make(made.path(), engine).await;
        goes_on(made.path(), engine).await;
    }
    if std::env::var_os(KEEP).is_some() {
        let kept = folder().join(env!("CARGO_PKG_VERSION"));
        assert!(!kept.exists(), "{} is kept already, and what is kept is never written again", kept.display());
        place::copy(made.path(), &kept);
    }
}

/// Opens what a release left, finds all of it, and goes on with it.
async fn goes_on(release: &Path, engine: Engine) {
    let place = Place::restored(release, engine).await;
    let kept = |name: &str| fs::read_to_string(release.join(engine.name()).join(name)).unwrap();
    let before: Value = serde_json::from_str(&kept("registrations.json")).unwrap();
    let before = before.as_array().unwrap();
    let traced: Value = serde_json::from_str(&kept("trace.json")).unwrap();
    let ids: Vec<&str> = before.iter().map(id).collect();
    assert_eq!(timeless(place.call("trace", &ids)), timeless(traced), "the itineraries of all parties");

    let listed = place.call("list", &["--limit", "1000"]);
    let now = listed["registrations"].as_array().unwrap();
    assert_eq!(now.iter().map(id).collect::<Vec<_>>(), ids);
    let mut unanswered = 0;
    for (was, is) in before.iter().zip(now) {
        if is_unanswered(was) {
            unanswered += 1;
            is_confirmed_now(was, is);
        } else {
            assert_eq!(was, is);
            assert_eq!(place.call("status", &[id(was)]), *was);
        }
    }
    assert_eq!(unanswered, 4, "two that were set aside, and two that nobody answered");

    what_is_known_is_unchanged(&place, &kept);
    a_life_goes_on(&place, before);
}

pub(crate) fn id(registration: &Value) -> &str {
    registration["registration"].as_str().unwrap()
}

/// What is told, without what time alone changes: 48 hours without an answer make a confirmation NOK.
fn timeless(told: Value) -> Value {
    match told {
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| match (name.as_str(), value.as_str()) {
                ("confirmation", Some("NOK")) => (name, json!("PENDING")),
                _ => (name, timeless(value)),
            };
            members.into_iter().map(member).collect()
        }
        Value::Array(values) => values.into_iter().map(timeless).collect(),
        value => value,
    }
}

fn is_unanswered(registration: &Value) -> bool {
    registration["hospital"]["status"] == "Submitted" && registration["hospital"]["confirmation"] != "OK"
}

/// The next program sends what has no answer as soon as it starts.
fn is_confirmed_now(was: &Value, is: &Value) {
    assert!(was["healthdata"].is_null(), "{was}");
    let (past, present) = (&was["hospital"], &is["hospital"]);
    assert_eq!((&present["confirmation"], &present["version"]), (&json!("OK"), &past["version"]));
    assert_eq!((&is["healthdata"]["status"], &is["healthdata"]["validated"]), (&json!("New"), &json!(true)));
    let [past, present] = [past, present].map(|side| side["history"].as_array().unwrap());
    assert_eq!(present[..past.len()], past[..]);
}

/// The same files again are no news, and researchers have what they had.
fn what_is_known_is_unchanged(place: &Place, kept: &impl Fn(&str) -> String) {
    for (register, file, rows) in [(TREATMENT, "treatment.csv", 6), (LOCAL_BOARD, "quiet.csv", 1), (LOCAL_BOARD, "late.csv", 2)] {
        let summary = place.run(register, HOSPITAL, file);
        assert_eq!((&summary["accepted"], &summary["unchanged"]), (&json!(rows), &json!(rows)), "{file}: {summary}");
        assert_eq!((&summary["lost"], &summary["pending"]), (&json!(0), &json!(0)), "{file}: {summary}");
    }
    let researcher = |register: &str| place.read(&format!("out/researcher/{register}.csv"));
    assert_eq!(researcher(TREATMENT), kept(&format!("researcher/{TREATMENT}.csv")));
    // Those that were unanswered have come.
    let (before, now) = (cells(&kept(&format!("researcher/{LOCAL_BOARD}.csv"))), cells(&researcher(LOCAL_BOARD)));
    let missing: Vec<_> = before.iter().filter(|row| !now.contains(row)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(now.len(), before.len() + 4);
}

/// The rows of a researcher's file, each with its cells by column. A longer list makes more columns, which stay empty in the rows of before.
fn cells(file: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let cells = columns.iter().zip(record.iter()).filter(|(_, value)| !value.is_empty());
        cells.map(|(column, value)| (column.to_owned(), value.to_owned())).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// What was half way at the hospital and at the researcher's comes to its end.
fn a_life_goes_on(place: &Place, before: &[Value]) {
    let with = |status: &str| id(before.iter().find(|one| one["hospital"]["status"] == status).expect(status));
    let sees = |said: &Value, version: u32, status: [&str; 2]| {
        let (hospital, healthdata) = (&said["hospital"], &said["healthdata"]);
        assert_eq!((&hospital["version"], &healthdata["version"]), (&json!(version), &json!(version)), "{said}");
        assert_eq!((&hospital["status"], &healthdata["status"]), (&json!(status[0]), &json!(status[1])), "{said}");
    };
    let asked = with("Corrections needed");
    sees(&place.call("submit", &[asked, "--answer", "It is right."]), 2, ["Submitted", "New correction"]);
    sees(&place.call("approve", &[asked]), 2, ["Approved", "Approved"]);
    let open = with("Open");
    sees(&place.call("submit", &[open]), 2, ["Submitted", "New"]);
    sees(&place.call("status", &[with("Approved")]), 2, ["Approved", "Approved"]);
    sees(&place.call("status", &[with("Deleted")]), 2, ["Deleted", "Deleted"]);
}
