//! `record` and `replay`: a recorded flow has its effect once, wherever and however often it is replayed.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

use dcd::Definitions;
use serde_json::Value;
use tempfile::TempDir;

use super::{HOSPITAL, REGISTER, generate, precision, run};

/// A run of 12 rows in publications of 4, recorded.
fn recorded() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "12", "0");
    let run = run(folder.path(), "out", &["mab.csv", "--record", "flow.recording", "--publication-size", "4"]);
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    folder
}

fn replay(folder: &Path, store: &str, more: &[&str]) -> (Option<i32>, Value) {
    let output = precision(folder, &[&["replay", "flow.recording", "--store", store, "--json"], more].concat());
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code(), answer)
}

fn list(folder: &Path, more: &[&str]) -> Vec<Value> {
    let output = precision(folder, &[&["replay", "flow.recording", "--dry-run", "--json"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["state"], "complete");
    answer["publications"].as_array().unwrap().clone()
}

/// Empty stores with the same keys.
fn fresh(folder: &Path, store: &str) {
    copy(&folder.join("store/keys"), &folder.join(store).join("keys"));
}

/// With the modes, since keys are looked at.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}

/// What the researcher has of a store, and how many registrations the hospital sees as confirmed.
fn held(folder: &Path, store: &str) -> (String, u64) {
    let store = folder.join(store);
    let definitions = Definitions::built_in().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let hospital = HOSPITAL.parse().unwrap();
        let stores = simulator::stores::Stores::open(&store, &[hospital], &definitions, &BTreeMap::new(), &Default::default())
            .await
            .unwrap();
        let registers = dhw::Registers::new(&definitions);
        let path = store.join("researcher.csv");
        let file = fs::File::create(&path).unwrap();
        dhw::researcher::export(&*stores.dhw, &registers, REGISTER, file).await.unwrap();
        // Of empty stores nothing was uploaded.
        let tally = stores.hospitals[&hospital].hd4dp.tally(hd4dp::store::UploadId(1)).await;
        stores.close().await;
        (fs::read_to_string(path).unwrap(), tally.map_or(0, |tally| tally.confirmed))
    })
}

fn ledger(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("flow.recording.replays.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Nothing is new to services that know it; whatever is pressed again is not sent again.
#[test]
fn a_replay_onto_the_same_store_has_no_effect_and_pressed_twice_is_none() {
    let folder = recorded();
    let folder = folder.path();
    let before = held(folder, "store");
    let all = list(folder, &[]);
    let steps: Vec<&str> = all.iter().map(|one| one["step"].as_str().unwrap()).collect();
    for step in ["4", "5", "5 back", "4 back"] {
        assert_eq!(steps.iter().filter(|one| **one == step).count(), 3, "{steps:?}");
    }
    let (status, answer) = replay(folder, "store", &[]);
    assert_eq!((status, &answer["replayed"], &answer["selected"]), (Some(0), &12.into(), &12.into()), "{answer}");
    let effect = &answer["effect"];
    assert_eq!((&effect["arrived"], &effect["duplicated"]), (&0.into(), &0.into()), "{effect}");
    assert_eq!(effect["redelivered"], 24, "twelve by step 4 and twelve by step 5: {effect}");
    assert_eq!((&effect["unclaimed_answers"], &effect["dead_lettered"]), (&0.into(), &serde_json::json!({})), "{effect}");
    assert_eq!(held(folder, "store"), before);
    let (status, twice) = replay(folder, "store", &[]);
    assert_eq!((status, &twice["replayed"], &twice["replay"]), (Some(0), &0.into(), &answer["replay"]));
    assert!(twice["was_replayed_at"].is_string() && twice["effect"].is_null(), "{twice}");
    let (_, again) = replay(folder, "store", &["--again"]);
    assert_eq!((&again["replayed"], &again["round"]), (&12.into(), &2.into()), "{again}");
    assert_ne!(again["replay"], answer["replay"]);
    // Every replayed publication is linked to its original, under an id of its own.
    let links: Vec<Value> = ledger(folder).into_iter().filter(|line| line["kind"] == "replayed").collect();
    let ids = |name: &str| links.iter().map(|line| line[name].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let originals: Vec<&str> = all.iter().map(|one| one["publication"].as_str().unwrap()).collect();
    assert_eq!(ids("original"), [originals.clone(), originals].concat());
    let mut replayed = ids("replayed");
    replayed.sort_unstable();
    replayed.dedup();
    assert_eq!(replayed.len(), 24);
    // A run behind it counts its own alone.
    let run = run(folder, "out2", &["mab.csv"]);
    let summary: Value = serde_json::from_slice(&run.stdout).unwrap();
    for (figure, value) in
        [("accepted", 12), ("confirmed", 12), ("unchanged", 12), ("redelivered", 0), ("unexpected", 0), ("pending", 0)]
    {
        assert_eq!(summary[figure], value, "{figure}: {summary}");
    }
}

/// The same keys over empty stores: everything has its effect, once, though step 5 stands in the recording as well.
#[test]
fn a_replay_onto_empty_stores_brings_the_researcher_the_same() {
    let folder = recorded();
    let folder = folder.path();
    fresh(folder, "copy");
    let (status, answer) = replay(folder, "copy", &[]);
    let effect = &answer["effect"];
    assert_eq!((status, &effect["arrived"], &effect["duplicated"]), (Some(0), &12.into(), &0.into()), "{answer}");
    assert!(effect["unclaimed_answers"].as_u64().unwrap() >= 12, "the hospital sent none of it: {effect}");
    let rows = held(folder, "copy").0;
    assert!(rows.lines().count() == 13 && rows == held(folder, "store").0, "{rows}");
    let (_, other) = replay(folder, "store", &[]);
    assert_eq!((&other["replayed"], &other["effect"]["arrived"]), (&12.into(), &0.into()), "another installation: {other}");
}

#[test]
fn a_step_a_publication_an_item_go_alone() {
    let folder = recorded();
    let folder = folder.path();
    let step = list(folder, &["--step", "4"]);
    assert_eq!(step.len(), 3);
    let second = step[1]["publication"].as_str().unwrap();
    let one = list(folder, &["--filter", &format!("publication={second}")]);
    assert_eq!(one.len(), 1);
    let number = one[0]["number"].as_u64().unwrap();
    assert_eq!(list(folder, &["--step", "4", "--filter", &format!("number={number}..")]).len(), 2);
    assert_eq!(
        list(folder, &["--filter", &format!("hospital={HOSPITAL}")]).len(),
        12,
        "also those between the TTP and healthdata"
    );
    assert!(list(folder, &["--filter", "hospital=00000295"]).is_empty() && list(folder, &["--filter", "from=9h"]).is_empty());
    fresh(folder, "copy");
    let (status, answer) = replay(folder, "copy", &["--step", "4", "--filter", &format!("publication={second}")]);
    assert_eq!((status, &answer["effect"]["arrived"]), (Some(0), &4.into()), "{answer}");
    // The publication of four is cut down to the one item that is meant.
    let recording = simulator::recording::Recording::open(&folder.join("flow.recording")).unwrap();
    let first = recording.entries().iter().find(|entry| entry.arrow.step() == "4").unwrap();
    let item = format!("item={}", first.items[0]);
    assert!(list(folder, &["--step", "4", "--filter", &item]).iter().all(|one| one["items"] == 1));
    let (status, answer) = replay(folder, "copy", &["--step", "4", "--filter", &item]);
    assert_eq!((status, &answer["effect"]["arrived"]), (Some(0), &1.into()), "{answer}");
    let (status, answer) = replay(folder, "copy", &["--filter", "number=1000"]);
    assert!(status == Some(2) && answer["error"].as_str().unwrap().contains("none that is meant"), "{answer}");
}

/// Services judge what was edited by their own rules.
#[test]
fn an_edit_is_taken_or_refused_by_the_services_and_takes_keys() {
    let folder = recorded();
    let folder = folder.path();
    let first = list(folder, &["--step", "4"])[0]["number"].as_u64().unwrap();
    let only = ["--filter".to_owned(), format!("number={first}")];
    let edit = |store: &str, more: &[&str]| {
        let only: Vec<&str> = only.iter().map(String::as_str).collect();
        replay(folder, store, &[&only, more].concat())
    };
    let comment = ["--edit", "content.local_mab_comment=\"changed for a test\""];
    fresh(folder, "copy");
    let (status, answer) = edit("copy", &comment);
    assert_eq!((status, &answer["effect"]["arrived"]), (Some(0), &4.into()), "{answer}");
    assert_eq!(held(folder, "copy").0.matches("changed for a test").count(), 4);
    // What healthdata knows under another content is refused; as another item in a later version it is taken.
    let (status, answer) = edit("store", &comment);
    assert_eq!((status, &answer["effect"]["dead_lettered"]["ITEM_REUSED"]), (Some(3), &4.into()), "{answer}");
    let before = held(folder, "store");
    let (status, answer) = edit("store", &[&comment[..], &["--edit", "version=2", "--new-item"]].concat());
    assert_eq!((status, &answer["effect"]["arrived"]), (Some(0), &4.into()), "{answer}");
    let after = held(folder, "store");
    assert_eq!((after.0.matches("changed for a test").count(), after.1), (4, before.1), "the hospital's figures stay");
    // A patient without the tag that belongs to him would be found out; the tag is made anew, and so a new patient is taken.
    let (status, answer) = edit("copy", &["--edit", "identity=64031299906", "--edit", "version=2", "--new-item"]);
    assert_eq!(status, Some(0), "{answer}");
    let (_, answer) = edit("copy", &["--edit", "content.patient_id|name=Janssens", "--edit", "version=3", "--new-item"]);
    assert_eq!(answer["effect"]["dead_lettered"]["POLICY"], 4, "{answer}");
    for line in fs::read_to_string(folder.join("flow.recording.replays.jsonl")).unwrap().lines() {
        assert!(!line.contains("64031299906") && !line.contains("changed") && !line.contains("Janssens"), "{line}");
    }
    fs::remove_dir_all(folder.join("copy/keys/ehealth-ttp")).unwrap();
    let keys = ["--keys", "copy/keys"];
    let (status, answer) = edit("store", &[&comment[..], &keys[..], &["--edit", "version=4"]].concat());
    let said = answer["error"].as_str().unwrap();
    assert!(status == Some(2) && said.contains("the private key of ehealth-ttp"), "{said}");
    let (status, answer) = replay(folder, "store", &["--step", "4 back", "--edit", "version=2"]);
    assert!(status == Some(2) && answer["error"].as_str().unwrap().contains("only steps 4 and 5"), "{answer}");
}

/// Killed while it waits for its second publication: the first is not sent again, the others are.
#[test]
fn a_replay_that_was_killed_goes_on_behind_what_it_had_sent() {
    let folder = recorded();
    let folder = folder.path();
    fresh(folder, "copy");
    let slow = ["replay", "flow.recording", "--store", "copy", "--step", "4", "--pace", "x0.000001"];
    let mut first = Command::new(env!("CARGO_BIN_EXE_precision"))
        .args(slow)
        .current_dir(folder)
        .env("PRECISION_LOG", "info,simulator=debug")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(first.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("replayed a publication")));
    let second: Output = precision(folder, &["replay", "flow.recording", "--store", "copy", "--step", "4", "--json"]);
    let said = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(second.status.code() == Some(2) && said.contains("another process replays it"), "{said}");
    first.kill().unwrap();
    first.wait().unwrap();
    let sent = ledger(folder).iter().filter(|line| line["kind"] == "replayed").count() as u64;
    assert_eq!(sent, 1);
    let (status, answer) = replay(folder, "copy", &["--step", "4"]);
    assert_eq!((status, &answer["before"], &answer["replayed"]), (Some(0), &1.into(), &2.into()), "{answer}");
    assert_eq!((&answer["effect"]["arrived"], &answer["effect"]["redelivered"]), (&8.into(), &0.into()), "{answer}");
    let numbers: Vec<Value> =
        ledger(folder).into_iter().filter(|line| line["kind"] == "replayed").map(|line| line["number"].clone()).collect();
    let expected: Vec<Value> = list(folder, &["--step", "4"]).into_iter().map(|one| one["number"].clone()).collect();
    assert_eq!(numbers, expected);
    assert_eq!(held(folder, "copy").0, held(folder, "store").0);
}

#[test]
fn what_is_no_recording_or_fits_nothing_is_said_with_exit_status_2() {
    let folder = recorded();
    let folder = folder.path();
    let refused = |arguments: &[&str], words: &str| {
        let output = precision(folder, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(words), "{arguments:?}: {said}");
    };
    fs::write(folder.join("neither"), [0xff, 0xfe, 0]).unwrap();
    fs::write(folder.join("one.toml"), super::SCENARIO).unwrap();
    refused(&["replay", "neither"], "neither a scenario nor a recording");
    refused(&["replay", "flow.recording", "one.toml"], "a recording goes alone");
    refused(&["replay", "flow.recording"], "--store names its stores");
    refused(&["replay", "flow.recording", "--seed", "1", "--store", "store"], "it is for scenarios");
    refused(&["replay", "one.toml", "--step", "4"], "it is for recordings");
    refused(&["replay", "flow.recording", "--store", "store", "--filter", "stage=III"], "expected item=ID");
    refused(&["replay", "flow.recording", "--store", "store", "--step", "3"], "travels clear");
    refused(&["replay", "flow.recording", "--store", "nowhere"], "keys");
    assert!(!folder.join("nowhere").exists(), "nothing was made");
    generate(folder, "other.csv", "1", "0");
    assert!(precision(folder, &["keys", "init", "others", "--org", HOSPITAL]).status.success());
    refused(&["replay", "flow.recording", "--store", "elsewhere", "--keys", "others"], "which is not in others");
    refused(&["record", "--broker", "embedded", "--org", HOSPITAL, "-o", "x"], "--record FILE");
    let run = run(folder, "out3", &["other.csv", "--record", "flow.recording"]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.code() == Some(2) && said.contains("begin the recording"), "{said}");
}

/// A damaged recording is used as far as it is whole, and says so.
#[test]
fn a_damaged_recording_is_replayed_as_far_as_it_is_whole() {
    let folder = recorded();
    let folder = folder.path();
    let path = folder.join("flow.recording");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(&path, [lines[..5].concat(), lines[5].replacen("\"number\":5", "\"number\":6", 1)].concat()).unwrap();
    let (status, answer) = replay(folder, "store", &[]);
    assert_eq!((status, &answer["replayed"]), (Some(0), &4.into()), "{answer}");
    assert!(answer["state"].as_str().unwrap().starts_with("damaged in line 6"), "{answer}");
}
