//! The code tables of docs/WIRE.md, section 9, against what the code has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

type Codes = BTreeSet<String>;

/// The services that give codes to items. The simulator gives none.
const SERVICES: [&str; 6] = ["hd4dp", "ehbox-hco", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"];

fn read(path: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// The texts between two of `mark` that have the form of a code.
fn codes_between(text: &str, mark: char) -> Codes {
    let is_code = |text: &&str| {
        let letters = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        text.len() > 3 && text.starts_with(|first: char| first.is_ascii_uppercase()) && text.bytes().all(letters)
    };
    text.split(mark).skip(1).step_by(2).filter(is_code).map(str::to_owned).collect()
}

/// The codes that a source file writes down.
fn codes_in(path: &str) -> Codes {
    let source = read(path);
    let (code, _tests) = source.split_once("#[cfg(test)]").unwrap_or((&source, ""));
    let without_docs: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    codes_between(&without_docs.join("\n"), '"')
}

/// The rows of the table behind a line that begins with `heading`, cell by cell.
fn table(heading: &str) -> Vec<Vec<String>> {
    let wire = read("docs/WIRE.md");
    let rows = wire.lines().skip_while(|line| !line.starts_with(heading)).skip(1).skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn codes_of(rows: &[Vec<String>]) -> Codes {
    let all: Vec<String> = rows.iter().flat_map(|row| codes_between(&row[0], '`')).collect();
    let distinct: Codes = all.iter().cloned().collect();
    assert_eq!(all.len(), distinct.len(), "no code stands twice in a table");
    distinct
}

#[test]
fn refusals_of_documents_and_seals_are_documented() {
    assert_eq!(codes_of(&table("Refusals of a document")), codes_in("shared/envelope/src/error.rs"));
    assert_eq!(codes_of(&table("Refusals of a seal")), codes_in("shared/sealing/src/error.rs"));
}

#[test]
fn every_service_has_the_codes_that_the_table_gives_it() {
    let rows = table("Refusals of an item");
    assert!(codes_of(&rows).len() > 25);
    let mut documented: BTreeMap<&str, Codes> = SERVICES.map(|service| (service, Codes::new())).into();
    for row in &rows {
        for service in row[1].split(", ") {
            let of_service = documented.get_mut(service).unwrap_or_else(|| panic!("{service} is no service"));
            of_service.extend(codes_between(&row[0], '`'));
        }
    }
    for (service, documented) in documented {
        let mut codes = codes_in(&format!("services/{service}/src/error.rs"));
        if service == "ehealth-ttp" {
            codes.extend(codes_in("shared/envelope/src/sealed/return_part.rs"));
        }
        assert_eq!(codes, documented, "{service}");
    }
}

#[test]
fn every_service_with_errors_is_looked_at() {
    let services = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../services");
    let folders = fs::read_dir(services).unwrap().map(|entry| entry.unwrap());
    let with_errors = folders.filter(|entry| entry.path().join("src/error.rs").exists());
    let names: BTreeSet<String> = with_errors.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| SERVICES.contains(&name.as_str()) || name == "simulator"), "{names:?}");
}

/// A reason is at most 32 characters: what has none would leave a dead letter without its code.
#[test]
fn every_code_fits_a_reason() {
    let tables = ["Refusals of a document", "Refusals of a seal", "Refusals of an item"];
    for code in tables.iter().flat_map(|heading| codes_of(&table(heading))) {
        assert!(code.parse::<envelope::ReasonCode>().is_ok(), "{code}");
    }
}
