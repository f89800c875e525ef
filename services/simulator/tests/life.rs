//! The life of a registration as a script sees it, and the page that tables it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn a_shell_script_takes_a_registration_through_its_life() {
    assert_eq!(life("life.sh").len(), 11);
}

/// The same script, the same words, with services that run.
#[test]
fn the_same_script_does_it_over_http() {
    let on_store = life("life.sh").into_iter().filter(|line| !line.contains("rotates"));
    assert_eq!(life("life_http.sh"), on_store.collect::<Vec<_>>());
}

/// What the script says of a life, line by line.
fn life(script: &str) -> Vec<String> {
    let mut script = Command::new(root().join("tests").join(script));
    let output = script.arg(env!("CARGO_BIN_EXE_precision")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().last().map(|line| line.ends_with("3  Deleted  Deleted")), Some(true), "{said}");
    said.lines().map(str::to_owned).collect()
}

fn precision(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = Command::new(env!("CARGO_BIN_EXE_precision")).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// A hospital downloads its registrations, uploads the file again, and nothing has changed; another file is kept open until somebody submits it.
#[test]
fn a_downloaded_file_changes_nothing_and_a_kept_one_waits() {
    let folder = tempfile::tempdir().unwrap();
    let register = ["--dcd", "Precision_Treatment", "--org", "00000196"];
    let call = |command: &str, more: &[&str]| {
        let place: &[&str] = if command == "generate" { &[] } else { &["--store", "store", "--json"] };
        precision(folder.path(), &[&[command], &register[..], place, more].concat())
    };
    call("generate", &["--count", "40", "--seed", "2", "-o", "sent.csv"]);
    call("generate", &["--count", "1", "--seed", "3", "-o", "kept.csv"]);
    assert_eq!(call("submit", &["--file", "sent.csv"])["accepted"], 40);
    assert_eq!(call("download", &["-o", "again.csv"])["registrations"], 40);
    assert_eq!(call("submit", &["--file", "again.csv"])["accepted"], 40);
    call("submit", &["--file", "kept.csv", "--keep-open", "--by", "nurse"]);
    let listed = call("list", &[])["registrations"].as_array().unwrap().clone();
    let open: Vec<_> = listed.iter().filter(|one| one["hospital"]["status"] == "Open").collect();
    assert_eq!((listed.len(), open.len()), (41, 1));
    assert!(listed.iter().all(|one| one["hospital"]["version"].as_u64().unwrap() <= 1), "nothing changed");
    assert!(open[0]["healthdata"].is_null(), "it was not sent");
    let registration = open[0]["registration"].as_str().unwrap();
    let sent = precision(folder.path(), &["submit", "--store", "store", "--json", registration]);
    assert_eq!((&sent["hospital"]["confirmation"], &sent["healthdata"]["status"]), (&"OK".into(), &"New".into()));

    call("generate", &["--count", "1", "--seed", "9", "-o", "given-up.csv"]);
    call("submit", &["--file", "given-up.csv", "--keep-open"]);
    let listed = call("list", &[])["registrations"].as_array().unwrap().clone();
    let given_up = listed.iter().find(|one| one["hospital"]["status"] == "Open").unwrap()["registration"].as_str().unwrap();
    let gone = precision(folder.path(), &["delete", "--store", "store", "--json", given_up]);
    assert_eq!(
        (&gone["hospital"]["status"], &gone["hospital"]["version"], gone["healthdata"].is_null()),
        (&"Deleted".into(), &0.into(), true)
    );
    assert_eq!(call("list", &[])["registrations"].as_array().unwrap().len(), 41, "nothing is left of it");
}

/// docs/STATUSES.md is written from the tables that the services decide by.
#[test]
fn the_page_of_statuses_is_current() {
    let path = root().join("docs/STATUSES.md");
    let page = statuses();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), page, "run again with UPDATE_DOCS=1");
}

const HEAD: &str = "# Statuses

Written by a test from the tables that the services decide by. `stays`: the event is taken and changes nothing. `-`: it is refused, or cannot come about there.
Whether feedback is about the current version is asked before the table: other feedback is kept in the history and changes nothing.

## HD4DP, the hospital's side
";

fn statuses() -> String {
    let mut page = HEAD.to_owned();
    let hospital: Vec<_> = hd4dp::status::table()
        .into_iter()
        .map(|(from, event, next)| {
            let next = match next {
                hd4dp::status::Next::To(state) => state.to_string(),
                hd4dp::status::Next::Stays => "stays".to_owned(),
                hd4dp::status::Next::Refused => "-".to_owned(),
            };
            (from.to_string(), event.code().to_owned(), next)
        })
        .collect();
    table(&mut page, &hospital);
    page.push_str("\n## HD4RES, healthdata's side\n");
    let healthdata: Vec<_> = hd4res::status::table()
        .into_iter()
        .map(|(from, event, next)| {
            let next = match next {
                hd4res::status::Next::To(status) => status.to_string(),
                hd4res::status::Next::Stays => "stays".to_owned(),
                hd4res::status::Next::Refused => "-".to_owned(),
            };
            (from.to_string(), event.to_string(), next)
        })
        .collect();
    table(&mut page, &healthdata);
    page
}

/// A row per status, a column per event.
fn table(page: &mut String, entries: &[(String, String, String)]) {
    let mut events: Vec<&str> = Vec::new();
    let mut statuses: Vec<&str> = Vec::new();
    for (status, event, _) in entries {
        for (list, name) in [(&mut events, event), (&mut statuses, status)] {
            if !list.contains(&name.as_str()) {
                list.push(name);
            }
        }
    }
    let _ = writeln!(page, "\n| | {} |\n| --- |{}", events.join(" | "), " --- |".repeat(events.len()));
    for status in statuses {
        let of_status = entries.iter().filter(|(of, ..)| of == status).map(|(_, _, next)| next.as_str());
        let _ = writeln!(page, "| **{status}** | {} |", of_status.collect::<Vec<_>>().join(" | "));
    }
}
