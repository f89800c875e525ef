//! The life of a registration as a script sees it, and the page that tables it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fmt::Write as _, fs, path::PathBuf, process::Command};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn a_shell_script_takes_a_registration_through_its_life() {
    let output = Command::new(root().join("tests/life.sh")).arg(env!("CARGO_BIN_EXE_precision")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().last().map(|line| line.ends_with("3  Deleted  Deleted")), Some(true), "{said}");
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
