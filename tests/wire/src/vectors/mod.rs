//! The test vectors in docs/vectors: whole publications with all keys and randomness fixed.
//!
//! `make` writes them and a test compares byte for byte; with `PRECISION_WRITE_VECTORS` set it writes the files instead. Whoever
//! changes them changes the wire format: every client in another language has to follow.

mod by_hand;
mod fixed;
mod format;
mod make;
mod openers;
mod releases;
mod services;

use std::{fs, path::PathBuf};

use format::{Keys, Publication};
use serde::de::DeserializeOwned;

/// The publications that there are vectors of: file and number of items.
const PUBLICATIONS: [(&str, usize); 2] = [("one-item.json", 1), ("three-items.json", 3)];

const KEYS: &str = "keys.json";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors").join(name)
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let text = fs::read_to_string(path(name)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read_publications() -> Vec<Publication> {
    PUBLICATIONS.map(|(name, _)| read(name)).into()
}

fn read_keys() -> Keys {
    read(KEYS)
}

#[test]
fn the_vectors_are_what_is_written_today() {
    let files = PUBLICATIONS.map(|(name, items)| (name, serde_json::to_string_pretty(&make::publication(items)).unwrap()));
    let keys = (KEYS, serde_json::to_string_pretty(&make::keys()).unwrap());
    for (name, text) in files.into_iter().chain([keys]) {
        let text = text + "\n";
        if std::env::var_os("PRECISION_WRITE_VECTORS").is_some() {
            fs::write(path(name), &text).unwrap();
        }
        assert!(fs::read_to_string(path(name)).is_ok_and(|found| found == text), "docs/vectors/{name} is another one");
    }
}

#[test]
fn there_is_no_other_file_among_them() {
    let mut names: Vec<_> =
        fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["keys.json", "one-item.json", "three-items.json"]);
}
