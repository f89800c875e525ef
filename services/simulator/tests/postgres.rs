//! The stores of an installation in PostgreSQL: the command line, and who may read what.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use simulator::{roles::roles_sql, stores};
use store::{AssertSqlSafe, Company, Database, Location, Schema, StoreError, StoreLock, postgres::schema_name, test_server};
use topology::Nihdi;

const REGISTER: &str = "Precision_Treatment";
const HOSPITAL: &str = "00000196";

fn precision(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_precision")).args(arguments).current_dir(folder).output().unwrap()
}

fn run(folder: &Path, out: &str, store: &str) -> (Option<i32>, Value) {
    let arguments =
        ["run", "--dcd", REGISTER, "--org", HOSPITAL, "--out", out, "--store", store, "--keys", "keys", "--json", "rows.csv"];
    let output = precision(folder, &arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}")))
}

async fn prepared() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let generate =
        ["generate", "--dcd", REGISTER, "--org", HOSPITAL, "--count", "300", "--seed", "7", "--faulty", "10", "-o", "rows.csv"];
    assert!(precision(folder.path(), &generate).status.success());
    (folder, test_server::address().await.unwrap())
}

#[tokio::test]
async fn a_run_into_a_database_leaves_what_one_into_a_folder_does_and_a_second_doubles_nothing() {
    let (folder, address) = prepared().await;
    let (in_files, in_database) = (run(folder.path(), "files", "files/store"), run(folder.path(), "database", &address));
    assert_eq!(in_files.0, in_database.0);
    for figure in
        ["attempted", "accepted", "rejected", "confirmed", "validated", "lost", "duplicated", "unexpected", "dead_lettered"]
    {
        assert_eq!(in_files.1[figure], in_database.1[figure], "{figure}");
    }
    let read = |out: &str| std::fs::read_to_string(folder.path().join(out)).unwrap();
    let researcher = format!("researcher/{REGISTER}.csv");
    assert_eq!(read(&format!("files/{researcher}")), read(&format!("database/{researcher}")));
    assert_eq!(read("files/validation/findings.csv"), read("database/validation/findings.csv"));
    let again = run(folder.path(), "again", &address);
    assert_eq!((again.0, &again.1["unchanged"]), (in_database.0, &in_database.1["accepted"]));
    assert_eq!(read(&format!("again/{researcher}")), read(&format!("database/{researcher}")));
    let listed = precision(folder.path(), &["list", "--store", &address, "--keys", "keys", "--json"]);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    assert!(String::from_utf8_lossy(&listed.stdout).contains(REGISTER));
}

#[tokio::test]
async fn what_keeps_a_database_from_being_used_is_said() {
    let (folder, address) = prepared().await;
    let refused = |arguments: &[&str]| {
        let output = precision(folder.path(), arguments);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let run = ["run", "--dcd", REGISTER, "--org", HOSPITAL, "--out", "out", "rows.csv", "--store"];
    let with = |more: &[&'static str], store: &str| {
        let arguments: Vec<&str> = run.iter().copied().chain([store]).chain(more.iter().copied()).collect();
        refused(&arguments)
    };
    let (code, said) = with(&[], &address);
    assert!(code == Some(2) && said.contains("--keys"), "{code:?} {said}");
    let (code, said) = with(&["--keys", "keys"], "postgres://someone:secret@127.0.0.1:1/nowhere");
    assert!(code == Some(2) && !said.contains("secret"), "{code:?} {said}");
    let (code, said) = with(&["--keys", "keys"], "postgres://someone:secret@host:port/nowhere");
    assert!(code == Some(2) && !said.contains("secret"), "{code:?} {said}");
    let _held = StoreLock::take(&address.parse().unwrap(), &["hd4res".to_owned()], Company::Alike).await.unwrap();
    let (code, said) = with(&["--keys", "keys"], &address);
    assert!(code == Some(2) && said.contains("lock the store hd4res: another process is working on it"), "{code:?} {said}");
}

fn as_role(address: &str, role: &str) -> Location {
    let (_, place) = address.split_once('@').unwrap();
    format!("postgres://{role}@{place}").parse().unwrap()
}

/// Whether the database says that the role may not.
async fn is_refused(database: &Database, statement: &str) -> bool {
    let mut transaction = database.write().await.unwrap();
    match transaction.query(AssertSqlSafe(statement)).execute().await {
        Err(StoreError::Refused { code, .. }) => code == "42501",
        _ => false,
    }
}

#[tokio::test]
async fn every_role_works_in_its_own_schema_and_is_refused_everywhere_else() {
    const SCHEMA: Schema = Schema { steps: &["CREATE TABLE kept (id INTEGER PRIMARY KEY, name TEXT)"] };
    let address = test_server::address().await.unwrap();
    let hospitals: Vec<Nihdi> = [HOSPITAL, "00000295"].iter().map(|text| text.parse().unwrap()).collect();
    let administrator =
        Database::open(address.parse::<Location>().unwrap(), "administrator", Schema { steps: &[] }).await.unwrap();
    for _ in 0..2 {
        let mut transaction = administrator.write().await.unwrap();
        transaction.define(&roles_sql(&stores::names(&hospitals))).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let names = stores::names(&hospitals);
    let mut databases = BTreeMap::new();
    for name in &names {
        let role = schema_name(name);
        let database = Database::open(as_role(&address, &role), name, SCHEMA).await.unwrap();
        database.set("language", "en").await.unwrap();
        databases.insert(role, (name, database));
    }
    for (role, (name, database)) in &databases {
        for other in databases.keys().filter(|other| *other != role) {
            for statement in [
                format!("SELECT * FROM {other}.setting"),
                format!("SELECT * FROM {other}.kept"),
                format!("INSERT INTO {other}.kept (name) VALUES ('x')"),
                format!("UPDATE {other}.setting SET value = 'nl'"),
                format!("DELETE FROM {other}.party_key"),
                format!("CREATE TABLE {other}.mine (id BIGINT)"),
                format!("SELECT {other}.hex('x')"),
                format!("DROP SCHEMA {other} CASCADE"),
                format!("SET ROLE {other}"),
            ] {
                assert!(is_refused(database, &statement).await, "{role}: {statement}");
            }
            let (elsewhere, _) = &databases[other];
            assert!(Database::open(as_role(&address, role), elsewhere, SCHEMA).await.is_err(), "{role} opens {elsewhere}");
        }
        for statement in [
            "CREATE TABLE public.mine (id BIGINT)",
            "CREATE SCHEMA mine",
            "CREATE ROLE mine",
            "CREATE TEMPORARY TABLE mine (id BIGINT)",
        ] {
            assert!(is_refused(database, statement).await, "{role}: {statement}");
        }
        assert!(database.holds("language", "en").await.unwrap(), "{name}");
    }
}
