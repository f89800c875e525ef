//! The commands about registrations over the APIs of a house: the same life and the same words as on its store, and an answer to all that
//! may be wrong on the way.

mod refused;
mod sealed;
mod traced;
mod weather;

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::Value;
use simulator::client::secrets;
use tokio::process::Command;
use web::Role;

use crate::{
    house::{HOSPITAL, House, REGISTER, rows},
    http::Ask,
};

/// Somebody at a terminal.
pub(super) struct Terminal {
    pub(super) at: Vec<String>,
    pub(super) secrets: PathBuf,
    folder: PathBuf,
    variable: Option<(&'static str, PathBuf)>,
    input: Option<PathBuf>,
}

/// The entry of a house's token in its holder's file.
pub(super) fn held(house: &House, role: Role, at: Option<&str>) -> String {
    let token = house.token(role.as_str(), at.unwrap_or("healthdata"));
    secrets::entry(role, at, token.strip_prefix("Bearer ").unwrap())
}

impl Terminal {
    /// With tokens of both sides.
    pub(super) fn new(house: &House) -> Self {
        let both = held(house, Role::DataProvider, Some(HOSPITAL)) + "\n" + &held(house, Role::Researcher, None);
        Self::with(house, "both", &both)
    }

    /// With a file of secrets of this content.
    pub(super) fn with(house: &House, name: &str, content: &str) -> Self {
        let folder = house.folder.path().to_path_buf();
        let secrets = folder.join(format!("{name}.secrets"));
        std::fs::write(&secrets, content).unwrap();
        std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self { at: vec![format!("http://{}", house.address)], secrets, folder, variable: None, input: None }
    }

    pub(super) fn at(mut self, addresses: &[String]) -> Self {
        self.at = addresses.to_vec();
        self
    }

    pub(super) fn with_variable(mut self, name: &'static str, path: &Path) -> Self {
        self.variable = Some((name, path.to_path_buf()));
        self
    }

    /// With a file on standard input.
    fn with_input(mut self, path: &Path) -> Self {
        self.input = Some(path.to_path_buf());
        self
    }

    pub(super) async fn run(&self, arguments: &[&str]) -> Output {
        let places = self.at.iter().flat_map(|address| ["--at", address]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_precision"));
        let command = command.args(arguments).args(places).arg("--token-file").arg(&self.secrets);
        let command = command.env("PRECISION_LOG", "trace").envs(self.variable.clone());
        if let Some(path) = &self.input {
            command.stdin(std::fs::File::open(path).unwrap());
        }
        let output = command.current_dir(&self.folder).kill_on_drop(true).output().await.unwrap();
        // With every log line shown, no stream has a secret.
        let held = std::fs::read_to_string(&self.secrets).unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        for secret in held.split(|c: char| c.is_whitespace() || c == '"').filter(|word| word.starts_with("precision_")) {
            assert!(!said.contains(secret), "{arguments:?} shows a secret");
        }
        output
    }

    /// What it prints as JSON when all is well.
    pub(super) async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The exit status, and what it says on standard error.
    pub(super) async fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments).await;
        let said = String::from_utf8(output.stderr).unwrap();
        let own = said.lines().filter(|line| line.starts_with("precision: "));
        (output.status.code().unwrap(), own.collect::<Vec<_>>().join("\n"))
    }
}

pub(super) fn registration(listing: &Value, at: usize) -> String {
    listing["registrations"][at]["registration"].as_str().unwrap().to_owned()
}

/// What both sides say of a registration, in short.
fn sides(both: &Value) -> (&str, &str, u64) {
    let (hospital, healthdata) = (&both["hospital"], &both["healthdata"]);
    let version = hospital["version"].as_u64().unwrap();
    (hospital["status"].as_str().unwrap(), healthdata["status"].as_str().unwrap(), version)
}

/// A whole life over HTTP; then the service ends, and the same commands say the same on its store.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_lives_over_http_and_its_store_says_the_same() {
    let house = House::open_in(tempfile::tempdir().unwrap()).await;
    let (terminal, file) = (Terminal::new(&house), rows(house.folder.path(), "three.csv", 3, 0));
    let submit = ["submit", "--dcd", REGISTER, "--file", file.to_str().unwrap(), "--reports", "reports"];
    let sent = terminal.json(&submit).await;
    assert_eq!((&sent["attempted"], &sent["accepted"], &sent["rejected"]), (&3.into(), &3.into(), &0.into()));
    let [one, two, three] = [0, 1, 2].map(|at| registration(&sent, at));
    assert_eq!(sides(&sent["registrations"][0]), ("Submitted", "New", 1));
    assert_eq!(sent["registrations"][0]["healthdata"]["validated"], true, "the command waits for the verdict");

    let asked = terminal.json(&["correct", &one, "--comment", "vcf_identifier=Is it right?", "--comment", "All of it?"]).await;
    assert_eq!(sides(&asked), ("Corrections needed", "Corrections requested", 1));
    assert_eq!(asked["hospital"]["comments"], asked["healthdata"]["comments"]);
    let answered = terminal.json(&["submit", &one, "--answer", "vcf_identifier=It is.", "--answer", "All."]).await;
    assert_eq!(sides(&answered), ("Submitted", "New correction", 2));
    let said: Vec<_> = answered["healthdata"]["comments"].as_array().unwrap().iter().map(|one| &one["is_answer"]).collect();
    assert_eq!(said, [false, false, true, true]);
    let approved = terminal.json(&["approve", &one]).await;
    assert_eq!(sides(&approved), ("Approved", "Approved", 2), "the command waits until the hospital knows");
    let further = terminal.json(&["correct", "--follow-up", &two, "--comment", "And now?"]).await;
    assert_eq!(sides(&further), ("Follow-up needed", "Follow-up needed", 1));
    assert_eq!(sides(&terminal.json(&["reopen", &three]).await), ("Open", "New", 1));
    assert_eq!(sides(&terminal.json(&["submit", &three]).await), ("Submitted", "New", 2));
    terminal.json(&["reopen", &three]).await;
    assert_eq!(sides(&terminal.json(&["delete", &three]).await), ("Deleted", "Deleted", 3));

    assert_eq!(terminal.json(&["download", "--dcd", REGISTER, "-o", "http.csv"]).await["registrations"], 2);
    let again = terminal.json(&["submit", "--dcd", REGISTER, "--file", "http.csv"]).await;
    assert_eq!((&again["accepted"], again["registrations"].as_array().unwrap().len()), (&2.into(), 2), "nothing changed");
    let (mut over_http, looks) = (Vec::new(), [vec!["list"], vec!["status", &one], vec!["status", &two], vec!["status", &three]]);
    for what in &looks {
        over_http.push((what, terminal.json(what).await, terminal.run(what).await.stdout));
    }
    let folder = house.close().await;
    let on_store = async |arguments: &[&str]| {
        let place = ["--store", "store", "--keys", "keys"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_precision"));
        let output = command.args(arguments).args(place).current_dir(folder.path()).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    for (what, document, lines) in over_http {
        let of_store: Value = serde_json::from_slice(&on_store(&[&what[..], &["--json"]].concat()).await).unwrap();
        assert_eq!(document, of_store, "{what:?}");
        assert_eq!(String::from_utf8(lines).unwrap(), String::from_utf8(on_store(what).await).unwrap());
    }
    on_store(&["download", "--dcd", REGISTER, "--org", HOSPITAL, "-o", "store.csv"]).await;
    let file = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(file("http.csv") == file("store.csv"), "the bytes are the same");
}

/// A file with faulty rows leaves the same reports as on a store, and the same exit status.
#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_file_leaves_the_reports_that_a_store_leaves() {
    let house = House::open_in(tempfile::tempdir().unwrap()).await;
    let (terminal, file) = (Terminal::new(&house), rows(house.folder.path(), "faulty.csv", 30, 40));
    let submit = ["submit", "--dcd", REGISTER, "--report-duplicates", "--file", file.to_str().unwrap(), "--reports"];
    let over_http = terminal.run(&[&submit[..], &["http", "--json"]].concat()).await;
    let taken: Value = serde_json::from_slice(&over_http.stdout).unwrap();
    let (accepted, rejected) = (taken["accepted"].as_u64().unwrap(), taken["rejected"].as_u64().unwrap());
    assert!(over_http.status.code() == Some(1) && rejected > 3 && accepted > 3 && accepted + rejected == 30, "{taken}");
    // Once more: now the rows equal what is stored, and stand behind the header of a report without others.
    terminal.run(&[&submit[..], &["http2"]].concat()).await;
    let folder = house.close().await;
    let on_store = |store: &str, reports: &str| {
        let place = ["--org", HOSPITAL, "--store", store, "--keys", "keys", "--by", "nurse"];
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_precision"));
        let output = command.args(submit).arg(reports).args(place).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    };
    on_store("other-store", "store");
    on_store("other-store", "store2");
    let report = |folder_of: &str, kind: &str| {
        std::fs::read_to_string(folder.path().join(folder_of).join(format!("faulty.{kind}.csv"))).unwrap()
    };
    for (http, store) in [("http", "store"), ("http2", "store2")] {
        assert_eq!(report(http, "success"), report(store, "success"));
        assert_eq!(report(http, "error"), report(store, "error"));
        assert!(report(http, "success").lines().count() > 4);
    }
}

/// As `submit --file - < rows.csv` in a container; its reports stand where the caller says, and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_come_from_standard_input() {
    let house = House::open_in(tempfile::tempdir().unwrap()).await;
    let file = rows(house.folder.path(), "faulty.csv", 30, 40);
    let terminal = Terminal::new(&house).with_input(&file);
    let submit = ["submit", "--dcd", REGISTER, "--file", "-"];
    let there = || std::fs::read_dir(house.folder.path()).unwrap().count();
    let before = there();
    let (status, said) = terminal.fails(&submit).await;
    assert!(status == 1 && said.contains("--reports names a folder"), "{status}: {said}");
    assert_eq!(there(), before, "a report was left where nobody asked for it");
    let with_reports = terminal.run(&[&submit[..], &["--reports", "reports", "--json"]].concat()).await;
    let taken: Value = serde_json::from_slice(&with_reports.stdout).unwrap();
    let report = |kind: &str| {
        let path = house.folder.path().join(format!("reports/input.{kind}.csv"));
        opencsv::Reader::new(std::fs::File::open(path).unwrap()).header().unwrap().len()
    };
    let columns = opencsv::Reader::new(std::fs::File::open(&file).unwrap()).header().unwrap().len();
    assert!(taken["rejected"].as_u64().unwrap() > 3, "{taken}");
    assert_eq!((report("success"), report("error")), (columns, columns + 2));
    let folder = house.close().await;
    let mut on_store = std::process::Command::new(env!("CARGO_BIN_EXE_precision"));
    let on_store =
        on_store.args(submit).args(["--org", HOSPITAL, "--store", "other"]).current_dir(folder.path()).output().unwrap();
    assert!(
        on_store.status.code() == Some(2) && String::from_utf8_lossy(&on_store.stderr).contains("standard input"),
        "{on_store:?}"
    );
}

/// A token of one side shows that side, and what the other one shows is left out rather than called missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_shows_its_side_only() {
    let house = House::open().await;
    let hospital = Terminal::with(&house, "hospital", &held(&house, Role::DataProvider, Some(HOSPITAL)));
    let research = Terminal::with(&house, "support", &held(&house, Role::Support, None));
    let (of_hospital, of_research) = (hospital.json(&["list"]).await, research.json(&["list"]).await);
    let first = registration(&of_hospital, 0);
    for (terminal, listing, there, left_out) in
        [(&hospital, &of_hospital, "hospital", "healthdata"), (&research, &of_research, "healthdata", "hospital")]
    {
        let listed = listing["registrations"].as_array().unwrap();
        assert_eq!(listed.len(), 8);
        assert!(listed.iter().all(|one| one[there].is_object() && one.get(left_out).is_none()), "{listing}");
        let status = terminal.json(&["status", &first]).await;
        assert_eq!(Some(&status), listed.iter().find(|one| one["registration"] == first.as_str()));
        let lines = String::from_utf8(terminal.run(&["list"]).await.stdout).unwrap();
        assert!(lines.lines().count() == 10 && lines.lines().skip(2).all(|line| line.contains("  -")), "{lines}");
    }
    let some = research.json(&["list", "--limit", "3", "--dcd", "precision_local_mab"]).await;
    assert_eq!(some["registrations"].as_array().unwrap(), &of_research["registrations"].as_array().unwrap()[..3]);
    let behind = hospital.json(&["list", "--limit", "2", "--after", &registration(&of_hospital, 2)]).await;
    assert_eq!(behind["registrations"].as_array().unwrap(), &of_hospital["registrations"].as_array().unwrap()[3..5]);

    // What both sides have in common of a registration is its id; it opens no register that the token does not extend to.
    let found = async |of: &str, more: &str| {
        let ask = Ask::new("get", &format!("/hd4res/records?registration={first}{more}"));
        let told = house.ask(&ask.with("authorization", &house.token_of(&format!("support healthdata {of}")))).await;
        told.json()["items"].as_array().unwrap().len()
    };
    assert_eq!([found("all", "").await, found("other", "").await, found("all", "&status=approved").await], [1, 0, 0]);
    let none = Ask::new("get", "/hd4res/records?registration=none").with("authorization", &house.token("support", "healthdata"));
    assert_eq!(house.ask(&none).await.code(), "INVALID_PARAMETER");

    // A secret alone does not say whose it is; the command and --org do.
    let secret = |role: &str, at: &str| house.token(role, at).strip_prefix("Bearer ").unwrap().to_owned();
    let alone = Terminal::with(&house, "alone", &secret("data-provider", HOSPITAL));
    assert_eq!(alone.json(&["list", "--org", HOSPITAL]).await, of_hospital);
    assert_eq!(alone.json(&["reopen", &first, "--org", HOSPITAL]).await["hospital"]["status"], "Open");
    let at_service = Terminal::with(&house, "alone", &secret("researcher", "healthdata"));
    let at_service = at_service.at(&[format!("http://{}/hd4res", house.address)]);
    assert_eq!(at_service.json(&["approve", &first]).await["healthdata"]["status"], "Approved", "a service's own address");
    house.close().await;
}
