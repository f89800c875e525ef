//! The command line as a user meets it: files, exit statuses, and nothing of a patient in what it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

const REGISTER: &str = "Precision_Local_MAB";
const HOSPITAL: &str = "00000196";

fn precision(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_precision"))
        .args(arguments)
        .current_dir(folder)
        .env("PRECISION_LOG", "trace")
        .output()
        .unwrap()
}

fn generate(folder: &Path, name: &str, rows: &str, faulty: &str) {
    let made = precision(
        folder,
        &["generate", "--dcd", REGISTER, "--org", HOSPITAL, "--count", rows, "--seed", "4", "--faulty", faulty, "-o", name],
    );
    assert!(made.status.success(), "{made:?}");
}

fn run(folder: &Path, out: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["run", "--dcd", REGISTER, "--org", HOSPITAL, "--out", out, "--store", "store", "--json"];
    arguments.extend_from_slice(more);
    precision(folder, &arguments)
}

/// What must show nowhere outside the hospital: numbers, names and internal ids of a file, those long enough not to occur by chance.
fn identifiers(path: &Path) -> BTreeSet<String> {
    let mut reader = opencsv::Reader::new(fs::File::open(path).unwrap());
    let header = reader.header().unwrap();
    let columns = ["patient_id", "patient_id|name", "patient_id|first_name", "patient_id|internal_patient_id"];
    let places: Vec<usize> = columns.iter().filter_map(|column| header.iter().position(|name| name == column)).collect();
    let mut found = BTreeSet::new();
    while let Some(record) = reader.next_record().unwrap() {
        let Ok(fields) = record.body else { continue };
        let values = places.iter().filter_map(|place| fields.get(*place).ok());
        found.extend(values.filter(|value| value.len() > 7).map(str::to_owned));
    }
    found
}

/// With every log line shown, and faults of every kind in the rows, neither stream names a patient; nor does anything that stands
/// outside the hospital's own files.
#[test]
fn nothing_of_a_patient_in_logs_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "300", "30");
    let identifiers = identifiers(&folder.path().join("mab.csv"));
    assert!(identifiers.len() > 300);
    let check = precision(folder.path(), &["check", "--dcd", REGISTER, "--json", "mab.csv"]);
    let run = run(folder.path(), "out", &["mab.csv"]);
    assert_eq!((check.status.code(), run.status.code()), (Some(1), Some(1)));
    let mut said = [check.stdout, check.stderr, run.stdout, run.stderr].concat();
    assert!(String::from_utf8_lossy(&said).contains("DEBUG"), "the log is shown in full");
    for file in ["itinerary.jsonl", "summary.json", "validation/findings.csv", &format!("researcher/{REGISTER}.csv")] {
        said.extend(fs::read(folder.path().join("out").join(file)).unwrap());
    }
    let said = String::from_utf8_lossy(&said);
    let leaks = identifiers.iter().filter(|identifier| said.contains(identifier.as_str())).count();
    assert_eq!(leaks, 0, "{leaks} identifiers leak");
}

#[test]
fn a_second_run_of_the_same_file_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "120", "0");
    let summary = |output: &Output| serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    let first = run(folder.path(), "out", &["mab.csv"]);
    let second = run(folder.path(), "out2", &["mab.csv"]);
    for (output, unchanged) in [(&first, 0), (&second, 120)] {
        let summary = summary(output);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for (figure, value) in
            [("accepted", 120), ("confirmed", 120), ("validated", 120), ("pending", 0), ("unchanged", unchanged)]
        {
            assert_eq!(summary[figure], value, "{figure}");
        }
    }
    let rows = |out: &str| fs::read(folder.path().join(out).join("researcher").join(format!("{REGISTER}.csv"))).unwrap();
    assert_eq!(rows("out"), rows("out2"));
}

#[test]
fn what_cannot_be_used_is_said_with_exit_status_2() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "5", "0");
    fs::write(folder.path().join("comma.csv"), "patient_id,patient_id|sex\n1,2\n").unwrap();
    let both = run(folder.path(), "out", &["mab.csv", "comma.csv"]);
    assert_eq!(both.status.code(), Some(2));
    assert!(serde_json::from_slice::<serde_json::Value>(&both.stdout).unwrap()["error"].is_string());
    assert!(!folder.path().join("out/reports").exists(), "nothing of the good file was sent");
    let unknown = precision(folder.path(), &["run", "--dcd", "No_Such_Register", "--org", HOSPITAL, "--out", "o", "mab.csv"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains(REGISTER), "the answer names the registers that there are");
}

#[test]
fn other_keys_over_the_same_store_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "5", "0");
    assert_eq!(run(folder.path(), "out", &["mab.csv"]).status.code(), Some(0));
    let other = run(folder.path(), "out", &["--keys", "other", "mab.csv"]);
    assert_eq!(other.status.code(), Some(2), "{other:?}");
}

/// A new register is files, not code: a made-up one goes through all seven steps.
#[test]
fn a_made_up_register_is_added_by_files() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("definitions/Made_Up/1");
    fs::create_dir_all(&home).unwrap();
    let label = r#"{"en":"x","nl":"x","fr":"x"}"#;
    let field = |text: &str| format!(r#"{{{text}, "label": {label}}}"#);
    let patient = [
        field(r#""name":"internal_patient_id","type":"text","max_length":50,"hd":"never""#),
        field(r#""name":"generated","type":"boolean","hd":"as_is""#),
        field(r#""name":"name","type":"text","max_length":100,"hd":"never""#),
        field(r#""name":"first_name","type":"text","max_length":100,"hd":"never""#),
        field(r#""name":"date_of_birth","type":"date","required":true,"default_from_ssin":"date_of_birth","hd":"year","hd_name":"year_of_birth""#),
        field(r#""name":"sex","type":"choice","list":"SEX","required":true,"default_from_ssin":"sex","hd":"as_is""#),
    ]
    .join(",");
    let fields = [
        field(&format!(r#""name":"patient_id","type":"patient_id","required":true,"hd":"pseudonym","fields":[{patient}]"#)),
        field(r#""name":"case_number","type":"text","required":true,"max_length":20,"hd":"as_is""#),
        field(r#""name":"score","type":"number","min":0,"max":10,"decimals":1,"hd":"as_is""#),
    ]
    .join(",");
    let definition = format!(
        r#"{{"name":"Made_Up","version":1,"project":"HDBP0000","title":{label},
            "collection":{{"start":"2020-01-01","end_creation":null,"end_submission":null,"end_comments":null}},
            "approval":"manual","unique_id":["case_number"],"attachments":{{"max_bytes":1,"sum_bytes":1,"extensions":["txt"]}},
            "sections":[{{"label":{label},"fields":[{fields}]}}],"rules":[],"across":[]}}"#
    );
    fs::write(home.join("definition.json"), definition).unwrap();
    fs::write(folder.path().join("cases.csv"), "patient_id;case_number;score\n64031299906;A-1;7,5\n64031200035;A-2;11\n")
        .unwrap();
    let run = precision(
        folder.path(),
        &["--definitions", "definitions", "run", "--dcd", "made_up", "--org", HOSPITAL, "--out", "out", "--json", "cases.csv"],
    );
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    let rows = fs::read_to_string(folder.path().join("out/researcher/Made_Up.csv")).unwrap();
    assert!(rows.contains("A-1,7.5") && !rows.contains("A-2"), "{rows}");
    let errors = fs::read_to_string(folder.path().join("out/reports/cases.error.csv")).unwrap();
    assert!(errors.contains("V04 score"), "{errors}");
}

/// The entry goes into a file, the secret to whoever will call, and neither says the other's.
#[test]
fn a_new_token_is_an_entry_and_a_secret() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let mut entries = Vec::new();
    for (name, more) in [("study", ["--role", "researcher", "--all-registers"]), ("help", ["--role", "support", "--register=A"])]
    {
        let made = precision(folder.path(), &[&["token", "new", "--name", name], &more[..]].concat());
        assert!(made.status.success(), "{made:?}");
        let said = String::from_utf8(made.stderr).unwrap();
        let secret = said.split_whitespace().find(|word| word.starts_with("precision_")).unwrap();
        assert!(!String::from_utf8_lossy(&made.stdout).contains(secret));
        entries.push((format!("Bearer {secret}"), made.stdout));
    }
    fs::write(&file, entries.iter().flat_map(|(_, entry)| entry.clone()).collect::<Vec<u8>>()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let tokens = web::Tokens::load(&file).unwrap();
    let names: Vec<_> =
        entries.iter().map(|(secret, _)| tokens.caller(Some(secret), clock::Timestamp::EPOCH).unwrap().name.as_str()).collect();
    assert_eq!(names, ["study", "help"]);
    let refused = precision(folder.path(), &["token", "new", "--name", "x", "--role", "data-provider", "--all-registers"]);
    assert_eq!(refused.status.code(), Some(2));
}
