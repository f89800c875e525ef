//! A process that is killed between a change and its answer: what is asked again with the same key is not done again (P-32).
//!
//! The process is a real one and ends by SIGKILL. Where it stands at that moment is no matter of luck: a trigger in its database holds the
//! transaction that keeps the answer, or the one of the effect, until the process is gone, and that transaction then with it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::test_server;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use web::{
    Caller, Role,
    token::{NewToken, Registers},
};

use crate::{
    house::{HOSPITAL, REGISTER, rows},
    http::{Ask, Told},
};

/// What the trigger waits for; any number that nobody else locks.
const HELD: i64 = 4_711;
/// Rounds of asking until something has come about; each asks the process or the database, so this is minutes.
const ROUNDS: usize = 20_000;

/// A process that serves the APIs, and its database.
struct Served {
    process: Child,
    address: SocketAddr,
}

impl Drop for Served {
    /// A test that fails leaves no process behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Place {
    folder: TempDir,
    store: String,
    database: PgConnection,
    provider: String,
    researcher: String,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = test_server::address().await.unwrap();
        let database = PgConnection::connect(&store).await.unwrap();
        let mut file = String::new();
        let mut token = |role: Role, organisation: Option<&str>| {
            let organisation = organisation.map(str::to_owned);
            let caller = Caller { name: role.to_string(), role, organisation, registers: Registers::All };
            let token = NewToken::draw(&caller, None).unwrap();
            file.push_str(&token.entry);
            format!("Bearer {}", token.secret)
        };
        let (provider, researcher) = (token(Role::DataProvider, Some(HOSPITAL)), token(Role::Researcher, None));
        let path = folder.path().join("tokens.toml");
        std::fs::write(&path, file).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Self { folder, store, database, provider, researcher }
    }

    fn serve(&self) -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_precision"));
        let serve =
            ["serve", "--org", HOSPITAL, "--keys", "keys", "--port", "0", "--tokens", "tokens.toml", "--store", &self.store];
        let mut process = command.args(serve).current_dir(self.folder.path()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines: std::io::Lines<BufReader<ChildStderr>> = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            said.push(line.clone());
            line.strip_prefix("APIs at http://").map(|address| address.parse().unwrap())
        });
        let address = address.unwrap_or_else(|| panic!("{said:?}"));
        // A pipe that nobody reads would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Served { process, address }
    }

    async fn sql(&mut self, text: String) {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut self.database).await.unwrap();
    }

    /// Lets no transaction of a table pass.
    async fn hold(&mut self, table: &str, event: &str) {
        self.sql(format!(
            "CREATE OR REPLACE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_advisory_xact_lock({HELD}); RETURN NEW; END $$;
            CREATE TRIGGER hold BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION public.hold();
            SELECT pg_advisory_lock({HELD})"
        ))
        .await;
    }

    /// Waits until so many transactions are held.
    async fn until_held(&mut self, transactions: i64) {
        const COUNT: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid::bigint = $1 AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        for _ in 0..ROUNDS {
            let held: i64 = sqlx::query_scalar(COUNT).bind(HELD).fetch_one(&mut self.database).await.unwrap();
            if held == transactions {
                return;
            }
        }
        panic!("{transactions} transactions do not come as far as that");
    }

    /// Ends the process at once, and with it the transactions that it was in.
    async fn kill(&mut self, mut served: Served, tables: &[&str]) {
        // On Unix this is SIGKILL.
        served.process.kill().unwrap();
        assert!(!served.process.wait().unwrap().success());
        // A server notices the end of a client when it next reads or writes, and these wait for something else.
        const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let mut left = 1;
        for _ in 0..ROUNDS {
            left = sqlx::query_scalar::<_, i64>(END).fetch_one(&mut self.database).await.unwrap();
            if left == 0 {
                break;
            }
        }
        assert_eq!(left, 0, "the process is gone and its connections are not");
        for table in tables {
            self.sql(format!("DROP TRIGGER hold ON {table}")).await;
        }
        self.sql("SELECT pg_advisory_unlock_all()".to_owned()).await;
    }

    fn at_hospital(&self, method: &str, path: &str, key: &str) -> Ask {
        let ask = Ask::new(method, &format!("/hd4dp/{HOSPITAL}{path}")).with("authorization", &self.provider);
        if key.is_empty() { ask } else { ask.with("idempotency-key", key) }
    }

    fn at_healthdata(&self, method: &str, path: &str) -> Ask {
        Ask::new(method, &format!("/hd4res{path}")).with("authorization", &self.researcher)
    }

    fn upload(&self, file: &Path, key: &str) -> Ask {
        let ask = self.at_hospital("post", &format!("/registers/{REGISTER}/uploads"), key);
        ask.body(std::fs::read(file).unwrap()).with("content-type", "text/csv")
    }
}

fn items(told: &Told) -> Vec<Value> {
    assert_eq!(told.status, 200, "{}", String::from_utf8_lossy(&told.body));
    told.json()["items"].as_array().unwrap().clone()
}

/// Asks in the background: the answer never comes.
fn asked_in_vain(served: &Served, ask: &Ask) -> JoinHandle<Vec<u8>> {
    let (ask, address) = (ask.clone(), served.address);
    tokio::spawn(async move { ask.exchange(address).await })
}

/// A record that has its verdict, with its ETag.
async fn validated(place: &Place, served: &Served) -> (String, String) {
    for _ in 0..ROUNDS {
        let listed = items(&place.at_healthdata("get", "/records").send(served.address).await);
        if let Some(record) = listed.iter().find(|record| record["is_validated"] == true && record["status"] == "new") {
            let path = format!("/records/{}", record["record"]);
            let etag = place.at_healthdata("get", &path).send(served.address).await.headers["etag"].clone();
            return (path, etag);
        }
    }
    panic!("nothing arrives at healthdata");
}

fn named(value: &Value, name: &str) -> Value {
    if value["column"] == "vcf_identifier" { json!({ "column": "vcf_identifier", "value": name }) } else { value.clone() }
}

const OF_HOSPITAL: &str = "hd4dp_00000196.request";
const OF_HD4RES: &str = "hd4res.request";

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_between_change_and_answer_does_it_once() {
    let mut place = Place::new().await;
    let file = rows(place.folder.path(), "rows.csv", 8, 0);
    let served = place.serve();
    let taken = place.upload(&file, "upload-0001").send(served.address).await;
    assert_eq!((taken.status, &taken.json()["rejected"]), (201, &0.into()), "{}", String::from_utf8_lossy(&taken.body));
    let (record, seen) = validated(&place, &served).await;

    // At healthdata the effect is known by its id, at the hospital the new registration by its own.
    let approve = place.at_healthdata("post", &format!("{record}/approval")).with("if-match", &seen);
    let approve = approve.with("idempotency-key", "approval-0001");
    let registration = items(&place.at_hospital("get", "/registrations", "").send(served.address).await)[0].clone();
    let path = format!("/registrations/{}", registration["registration_id"].as_str().unwrap());
    let values = place.at_hospital("get", &path, "").send(served.address).await.json()["values"].clone();
    let values: Vec<Value> = values.as_array().unwrap().iter().map(|value| named(value, "KILLED-1")).collect();
    let create = place.at_hospital("post", &format!("/registers/{REGISTER}/registrations"), "creation-0001");
    let create = create.json(&json!({ "values": values, "submit": false }));
    place.hold(OF_HD4RES, "UPDATE").await;
    place.hold(OF_HOSPITAL, "UPDATE").await;
    let asked = [asked_in_vain(&served, &approve), asked_in_vain(&served, &create)];
    place.until_held(2).await;
    place.kill(served, &[OF_HD4RES, OF_HOSPITAL]).await;
    let served = place.serve();
    let (approved, created) = (approve.send(served.address).await, create.send(served.address).await);
    assert_eq!((approved.status, &approved.json()["status"]), (200, &"approved".into()), "{approved:?}");
    assert_eq!((created.status, &created.json()["status"]), (201, &"open".into()), "{created:?}");
    let history = place.at_healthdata("get", &format!("{record}/history")).send(served.address).await;
    assert_eq!(history.json().as_array().unwrap().iter().filter(|line| line["status"] == "approved").count(), 1);
    assert_eq!(items(&place.at_hospital("get", "/registrations", "").send(served.address).await).len(), 9);
    for (ask, before) in [(&approve, &approved), (&create, &created)] {
        let again = ask.send(served.address).await;
        assert_eq!((again.status, &again.body), (before.status, &before.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
    }

    // What was looked at stands guard for a change that has no place for an id.
    let etag = place.at_hospital("get", &path, "").send(served.address).await.headers["etag"].clone();
    let reopen = place.at_hospital("post", &format!("{path}/reopening"), "reopening-0001").with("if-match", &etag);
    place.hold(OF_HOSPITAL, "UPDATE").await;
    let in_vain = asked_in_vain(&served, &reopen);
    place.until_held(1).await;
    place.kill(served, &[OF_HOSPITAL]).await;
    let served = place.serve();
    assert_eq!(reopen.send(served.address).await.code(), "STALE_VERSION");
    let shown = place.at_hospital("get", &path, "").send(served.address).await.json();
    assert_eq!((&shown["status"], shown["history"].as_array().unwrap().len()), (&"open".into(), 1), "{}", shown["history"]);

    // A file is known by the request that brought it.
    let upload = place.upload(&rows(place.folder.path(), "more.csv", 12, 0), "upload-0002");
    place.hold(OF_HOSPITAL, "UPDATE").await;
    let uploading = asked_in_vain(&served, &upload);
    place.until_held(1).await;
    place.kill(served, &[OF_HOSPITAL]).await;
    let served = place.serve();
    let taken = upload.send(served.address).await;
    assert_eq!((taken.status, &taken.json()["attempted"]), (201, &12.into()), "{taken:?}");
    assert_eq!(items(&place.at_hospital("get", "/uploads", "").send(served.address).await).len(), 2);
    assert_eq!(items(&place.at_hospital("get", "/registrations", "").send(served.address).await).len(), 13);

    for asked in asked.into_iter().chain([in_vain, uploading]) {
        assert!(asked.await.unwrap().is_empty(), "nobody answered");
    }
    place.kill(served, &[]).await;
}

/// The other side of the same promise: what was not done yet is done when it is asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_before_the_change_leaves_nothing_of_it() {
    let mut place = Place::new().await;
    let file = rows(place.folder.path(), "rows.csv", 4, 0);
    let served = place.serve();
    assert_eq!(place.upload(&file, "upload-0001").send(served.address).await.status, 201);
    let (record, seen) = validated(&place, &served).await;
    let approve = place.at_healthdata("post", &format!("{record}/approval")).with("if-match", &seen);
    let approve = approve.with("idempotency-key", "approval-0001");
    place.hold("hd4res.effect", "INSERT").await;
    let asked = asked_in_vain(&served, &approve);
    place.until_held(1).await;
    place.kill(served, &["hd4res.effect"]).await;
    assert!(asked.await.unwrap().is_empty());
    let served = place.serve();
    let untouched = place.at_healthdata("get", &record).send(served.address).await;
    assert_eq!((&untouched.json()["status"], &untouched.headers["etag"]), (&"new".into(), &seen));
    let approved = approve.send(served.address).await;
    assert_eq!((approved.status, &approved.json()["status"]), (200, &"approved".into()), "{approved:?}");
    place.kill(served, &[]).await;
}
