//! The sample installation of deploy/ with every service as a process of its own: its configuration files, its keys and passwords made by its own
//! script, its users with the least permissions, on a RabbitMQ node of this test's own.
//!
//! A failure is a registration that is lost or doubled when a service is killed, a service that does not stop when told to, or one that starts
//! although it can read what is not its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clock::{SystemClock, timeout};
use dcd::Definitions;
use dhw::{DhwStore, Registers};
use hd4dp::store::{Hd4dpStore, UploadId};
use hd4res::store::Hd4resStore;
use live::{programs, repository};
use store::{Database, Location, Schema, postgres::schema_name, test_server};
use tempfile::TempDir;
use testkit::Node;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use uuid::Uuid;

const HOSPITALS: [&str; 2] = ["00000196", "00000295"];
/// Registrations of each hospital.
const ROWS: u64 = 100;
/// Small publications, so that a killed service has some behind it and some before it.
const PUBLICATION_SIZE: u64 = 5;
/// The processes share their processors with whatever else runs.
const DEADLINE: Duration = Duration::from_secs(180);

/// Registrations of each hospital in the test with two processes of a service.
const MANY_ROWS: u64 = 1500;
/// The services that work side by side on one store, each in its role's schema.
const SIDE_BY_SIDE: [&str; 2] = ["ehealth-ttp", "hd4res"];

/// One test, since the node that it starts lives as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_services_as_processes_lose_nothing_and_keep_apart() -> Result<()> {
    let programs = programs().await?;
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let installation = Installation::prepare(programs, &node).await?;
    let outcome = async {
        what_is_not_there_yet_is_waited_for(&installation, &node).await?;
        nothing_is_lost_when_a_service_is_killed(&installation, &node).await?;
        who_can_read_a_foreign_key_does_not_start(&installation).await?;
        other_keys_over_a_store_are_refused(&installation).await
    };
    outcome.await.with_context(|| installation.last_words())
}

/// Two TTPs and two HD4RES, each two on one PostgreSQL schema, of which one or the other is killed again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_a_service_on_one_store_lose_nothing_and_double_nothing() -> Result<()> {
    let programs = programs().await?;
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let mut installation = Installation::prepare(programs, &node).await?;
    installation.database = Some(database_with_roles().await?);
    let outcome = side_by_side(&installation, &node).await;
    outcome.with_context(|| installation.last_words())
}

async fn database_with_roles() -> Result<String> {
    let address = test_server::address().await?;
    let administrator = Database::open(address.parse::<Location>()?, "administrator", Schema { steps: &[] }).await?;
    let mut transaction = administrator.write().await?;
    transaction.define(&fs::read_to_string(repository().join("deploy/postgres.sql"))?).await?;
    transaction.commit().await?;
    administrator.close().await;
    Ok(address)
}

async fn side_by_side(installation: &Installation, node: &Node) -> Result<()> {
    let mut services = Vec::new();
    for name in ["ehbox-hco-00000196", "ehbox-hco-00000295", "ehbox-hd", "dhw"] {
        services.push(installation.start(name, &[]).await?);
    }
    let mut twins = Vec::new();
    for name in SIDE_BY_SIDE {
        twins.push(installation.start(name, &[]).await?);
        twins.push(installation.start(&format!("{name}{TWIN}"), &[]).await?);
    }
    for (nihdi, register) in HOSPITALS.iter().zip(["Precision_Local_MAB", "Precision_Treatment"]) {
        services.push(installation.upload_rows(nihdi, register, MANY_ROWS).await?);
    }
    let warehouse = installation.warehouse().await?;
    let all = 2 * MANY_ROWS;
    // In turn each of the four is killed and comes back, while the registrations pass.
    for round in 1..=8_u64 {
        let some = all * round / 10;
        until(&format!("{some} registrations reach the warehouse"), async || Ok(warehouse.count().await? >= some)).await?;
        let twin = twins.remove(0);
        let name = twin.name.clone();
        twin.kill().await?;
        twins.push(installation.start(&name, &[]).await?);
    }
    let mut items: Vec<Uuid> = Vec::new();
    for nihdi in HOSPITALS {
        let store = installation.hospital(nihdi).await?;
        let confirmed = async || Ok(store.tally(UploadId(1)).await?.confirmed == MANY_ROWS);
        until(&format!("all registrations of {nihdi} are confirmed"), confirmed).await?;
        let tally = store.tally(UploadId(1)).await?;
        ensure!((tally.attempted, tally.accepted, tally.rejected) == (MANY_ROWS, MANY_ROWS, 0), "{tally:?}");
        items.extend(store.uploaded(UploadId(1), None, u32::MAX).await?.iter().map(|item| item.item_id));
    }
    until("all registrations are validated", async || Ok(warehouse.validated(&items).await? == all)).await?;
    let research = hd4res::store::SqlStore::open(installation.role("hd4res")?.parse::<Location>()?).await?;
    until("HD4RES has all verdicts", async || Ok(research.validated(&items).await? == all)).await?;
    ensure!(
        research.held(&items).await? == all && research.records().await? == all,
        "HD4RES holds {} records",
        research.records().await?
    );
    ensure!(warehouse.count().await? == all, "the warehouse holds {} registrations", warehouse.count().await?);
    for service in services.into_iter().chain(twins) {
        service.stop().await?;
    }
    until("all queues are empty after an orderly end", async || Ok(left_behind(node).await?.is_empty())).await
}

/// Neither a broker that is away nor a queue that nobody has declared ends a service; both stand in its log.
async fn what_is_not_there_yet_is_waited_for(installation: &Installation, node: &Node) -> Result<()> {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    installation.mount_keys("dhw", &installation.secrets())?;
    let elsewhere = replaced(&installation.configuration("dhw")?, &installation.broker, &nobody)?;
    let service = installation.spawn("dhw", &elsewhere, &[])?;
    until("the warehouse waits for its broker", async || installation.said("dhw", "waiting for the broker")).await?;
    service.stop().await?;

    node.control(&["delete_queue", "--quiet", "-p", "hd", "dhw.in"]).await?;
    let service = installation.spawn("dhw", &installation.configuration("dhw")?, &[])?;
    until("the warehouse says what is missing", async || installation.said("dhw", "queue dhw.in")).await?;
    ensure!(!installation.said("dhw", "started")?, "it started without its queue");
    installation.declare(node).await?;
    until("the warehouse has started", async || installation.said("dhw", "started")).await?;
    service.stop().await
}

async fn nothing_is_lost_when_a_service_is_killed(installation: &Installation, node: &Node) -> Result<()> {
    let [first, second] = HOSPITALS;
    let mut services = Vec::new();
    for name in ["ehbox-hco-00000196", "ehbox-hco-00000295", "ehealth-ttp", "ehbox-hd", "dhw"] {
        services.push(installation.start(name, &[]).await?);
    }
    let research = installation.start("hd4res", &[]).await?;
    services.push(installation.upload(first, "Precision_Local_MAB").await?);
    let warehouse = installation.warehouse().await?;
    until("the first registration reaches the warehouse", async || Ok(warehouse.count().await? > 0)).await?;
    research.kill().await?;

    // All of the second hospital's registrations meet the gap.
    services.push(installation.upload(second, "Precision_Treatment").await?);
    until("the second hospital's file is taken in", async || installation.said(&format!("hd4dp-{second}"), "was taken in"))
        .await?;
    let waiting = installation.hospital(second).await?;
    ensure!(waiting.tally(UploadId(1)).await?.confirmed == 0, "a registration was confirmed by a service that is down");

    services.push(installation.start("hd4res", &[]).await?);
    let mut items: Vec<Uuid> = Vec::new();
    for nihdi in HOSPITALS {
        let store = installation.hospital(nihdi).await?;
        let confirmed = async || Ok(store.tally(UploadId(1)).await?.confirmed == ROWS);
        until(&format!("all registrations of {nihdi} are confirmed"), confirmed).await?;
        let tally = store.tally(UploadId(1)).await?;
        ensure!((tally.attempted, tally.accepted, tally.rejected) == (ROWS, ROWS, 0), "{tally:?}");
        items.extend(store.uploaded(UploadId(1), None, u32::MAX).await?.iter().map(|item| item.item_id));
    }
    until("all registrations are validated", async || Ok(warehouse.validated(&items).await? == 2 * ROWS)).await?;
    ensure!(warehouse.count().await? == 2 * ROWS, "the warehouse holds {} registrations", warehouse.count().await?);
    the_figures_are_right(installation).await?;
    for service in services {
        service.stop().await?;
    }
    until("all queues are empty after an orderly end", async || Ok(left_behind(node).await?.is_empty())).await
}

/// What each service counted of it, and nothing that looks like a national number.
async fn the_figures_are_right(installation: &Installation) -> Result<()> {
    let all = 2 * ROWS;
    let forwarded = |step: &str, queue: &str, items: u64| {
        format!("precision_items_total{{step=\"{step}\",queue=\"{queue}\",outcome=\"forwarded\",code=\"\"}} {items}")
    };
    let hospital = |nihdi: &str| {
        let queue = format!("hd4dp.{nihdi}.out");
        let sent = format!("precision_items_total{{step=\"3\",queue=\"{queue}\",outcome=\"sent\",code=\"\"}} {ROWS}");
        vec![
            sent,
            "precision_unanswered_registrations{state=\"sent\"} 0.0".to_owned(),
            "precision_oldest_unanswered_age_seconds 0.0".to_owned(),
        ]
    };
    let expected = [
        ("hd4dp-00000196", hospital("00000196")),
        ("hd4dp-00000295", hospital("00000295")),
        (
            "ehbox-hco-00000196",
            vec![forwarded("4", "ttp.in", ROWS), "precision_broker_reachable{vhost=\"ehealth\"} 1.0".to_owned()],
        ),
        ("ehealth-ttp", vec![forwarded("5", "hd.in", all), "precision_quota_limit 20000.0".to_owned()]),
        ("ehbox-hd", vec![forwarded("6", "hd4res.in", all), "precision_queue_dead_letters{queue=\"hd.in\"} 0.0".to_owned()]),
        ("hd4res", vec!["precision_ready 1".to_owned(), "precision_queue_publications{queue=\"hd4res.in\"} 0.0".to_owned()]),
        ("dhw", vec![format!("precision_items_total{{step=\"7\",queue=\"dhw.in\",outcome=\"validated\",code=\"\"}} {all}")]),
    ];
    for (name, lines) in expected {
        let text = installation.metrics(name).await?;
        for line in lines {
            ensure!(text.lines().any(|said| said == line), "{name} does not say `{line}`:\n{text}");
        }
        let longest = text.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max();
        ensure!(longest < Some(11), "{name} says a number of eleven digits:\n{text}");
    }
    Ok(())
}

/// Queues that hold anything, dead letters too.
async fn left_behind(node: &Node) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for vhost in ["hospital-00000196", "hospital-00000295", "ehealth", "hd"] {
        let said = node.control(&["list_queues", "--quiet", "--no-table-headers", "-p", vhost, "name", "messages"]).await?;
        left.extend(said.lines().filter(|line| !line.trim().is_empty() && !line.ends_with("\t0")).map(str::to_owned));
    }
    Ok(left)
}

async fn who_can_read_a_foreign_key_does_not_start(installation: &Installation) -> Result<()> {
    for name in ["hd4dp-00000196", "ehbox-hco-00000196", "ehealth-ttp", "ehbox-hd"] {
        let text = installation.configuration(name)?;
        let own = installation.folder(name).join("keys");
        let all = installation.secrets().join("keys");
        let text = replaced(&text, &own.to_string_lossy(), &all.to_string_lossy())?;
        installation.refuses_to_start(name, &text, "keep the parties apart").await?;
    }
    Ok(())
}

async fn other_keys_over_a_store_are_refused(installation: &Installation) -> Result<()> {
    let other = installation.folder.path().join("other");
    installation.make_secrets(&other).await?;
    for name in ["hd4dp-00000295", "ehbox-hco-00000295", "ehealth-ttp", "ehbox-hd"] {
        installation.mount_keys(name, &other)?;
        installation.refuses_to_start(name, &installation.configuration(name)?, "was written under other ones").await?;
    }
    Ok(())
}

async fn until(what: &str, reached: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    testkit::until(what, DEADLINE, reached).await
}

fn replaced(text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(text.contains(from), "the sample configuration does not contain {from}");
    Ok(text.replace(from, to))
}

/// The store of a sample configuration.
fn sample_store(text: &str) -> Result<&str> {
    let line = text.lines().find_map(|line| line.strip_prefix("store = ")).context("find the sample's store")?;
    Ok(line.trim_matches('"'))
}

/// What follows the name of a service's second process.
const TWIN: &str = "+";

/// The service that a process is of.
fn service_of(name: &str) -> &str {
    name.strip_suffix(TWIN).unwrap_or(name)
}

/// What the operator of the sample installation makes.
struct Installation {
    folder: TempDir,
    programs: PathBuf,
    broker: String,
    registers: Arc<Registers>,
    /// Where [`SIDE_BY_SIDE`] have their stores, as its administrator; in files of their own when there is none.
    database: Option<String>,
}

impl Installation {
    /// Makes keys and passwords, and the broker ready.
    async fn prepare(programs: PathBuf, node: &Node) -> Result<Self> {
        let url = node.url("user", "password", "vhost");
        let broker = url.split(['@', '/']).nth(3).context("find the node's port")?.to_owned();
        let registers = Arc::new(Registers::new(&Definitions::built_in()?));
        let installation = Self { folder: tempfile::tempdir()?, programs, broker, registers, database: None };
        installation.make_secrets(&installation.secrets()).await?;
        installation.declare(node).await?;
        Ok(installation)
    }

    fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }

    /// Loads what the broker loads when it starts: the topology, then the users' passwords.
    async fn declare(&self, node: &Node) -> Result<()> {
        node.import_definitions(&fs::read_to_string(repository().join("deploy/definitions.json"))?).await?;
        node.import_definitions(&fs::read_to_string(self.secrets().join("broker/20-users.json"))?).await
    }

    async fn make_secrets(&self, folder: &Path) -> Result<()> {
        let path = std::env::join_paths(
            std::iter::once(self.programs.clone()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )?;
        let mut making = Command::new("sh");
        making.arg(repository().join("deploy/make-secrets.sh")).arg(folder).args(HOSPITALS).env("PATH", path);
        ensure!(making.stdout(Stdio::null()).status().await?.success(), "make-secrets.sh failed");
        Ok(())
    }

    /// What a service finds as its own machine: its configuration, its keys, its store, its log.
    fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The service's own keys and the public ones, and nothing else.
    fn mount_keys(&self, name: &str, secrets: &Path) -> Result<()> {
        let keys = self.folder(name).join("keys");
        if keys.exists() {
            fs::remove_dir_all(&keys)?;
        }
        fs::create_dir_all(&keys)?;
        for mounted in ["public", service_of(name)] {
            std::os::unix::fs::symlink(secrets.join("keys").join(mounted), keys.join(mounted))?;
        }
        Ok(())
    }

    /// The sample configuration, with the paths and addresses of this machine.
    fn configuration(&self, name: &str) -> Result<String> {
        let service = service_of(name);
        let file = repository().join(format!("deploy/config/{service}.toml"));
        let mut text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let folder = self.folder(name);
        let secrets = self.secrets().join("services").join(service);
        let sample = sample_store(&text)?.to_owned();
        // A folder has no password; the roles of the test's database have none.
        text = text.lines().filter(|line| !line.starts_with("store_password_file")).map(|line| format!("{line}\n")).collect();
        let store = match &self.database {
            Some(_) if SIDE_BY_SIDE.contains(&service) => self.role(service)?,
            _ => folder.join("store").to_string_lossy().into_owned(),
        };
        text = replaced(&text, &sample, &store)?;
        text = text.replace("/var/lib/precision", &folder.join("files").to_string_lossy());
        text = replaced(&text, "/run/secrets", &secrets.to_string_lossy())?;
        // Each process has ports of its own.
        text = replaced(&text, "127.0.0.1:8090", "127.0.0.1:0")?.replace("0.0.0.0:8080", "127.0.0.1:0");
        text = text.replace("/etc/precision/keys", &folder.join("keys").to_string_lossy());
        for zone in ["hospital", "ehealth", "hd"] {
            text = text.replace(&format!("{zone}-broker:5672"), &self.broker);
        }
        text = text.replace("publication_size = 500", &format!("publication_size = {PUBLICATION_SIZE}"));
        Ok(text)
    }

    /// The address of the database, as the role of a service.
    fn role(&self, service: &str) -> Result<String> {
        let address = self.database.as_deref().context("find the database")?;
        let (_, place) = address.split_once('@').context("find the user in the database's address")?;
        Ok(format!("postgres://{}@{place}", schema_name(service)))
    }

    /// Starts a service and waits until it says that it has started.
    async fn start(&self, name: &str, arguments: &[String]) -> Result<Service> {
        if !self.folder(name).exists() {
            self.mount_keys(name, &self.secrets())?;
        }
        let _ = fs::remove_file(self.folder(name).join("log"));
        let service = self.spawn(name, &self.configuration(name)?, arguments)?;
        until(&format!("{name} has started"), async || self.said(name, "started")).await?;
        Ok(service)
    }

    fn spawn(&self, name: &str, configuration: &str, arguments: &[String]) -> Result<Service> {
        let folder = self.folder(name);
        let file = folder.join("service.toml");
        fs::write(&file, configuration)?;
        let log = File::options().create(true).append(true).open(folder.join("log"))?;
        let program = HOSPITALS.iter().find_map(|nihdi| name.strip_suffix(&format!("-{nihdi}"))).unwrap_or(service_of(name));
        let child = Command::new(self.programs.join(program))
            .arg("--config")
            .arg(&file)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("run {program}"))?;
        Ok(Service { name: name.to_owned(), child })
    }

    /// A hospital's HD4DP, with a file of generated registrations to take in.
    async fn upload(&self, nihdi: &str, register: &str) -> Result<Service> {
        self.upload_rows(nihdi, register, ROWS).await
    }

    async fn upload_rows(&self, nihdi: &str, register: &str, rows: u64) -> Result<Service> {
        let file = self.folder.path().join(format!("{nihdi}.csv"));
        let rows = rows.to_string();
        let mut generating = Command::new(self.programs.join("precision"));
        generating.args(["generate", "--dcd", register, "--org", nihdi, "--count", &rows, "--seed", "7", "--output"]).arg(&file);
        ensure!(generating.stderr(Stdio::null()).status().await?.success(), "precision generate failed");
        let named = format!("{register}={}", file.display());
        self.start(&format!("hd4dp-{nihdi}"), &["--upload".to_owned(), named]).await
    }

    /// What a running service counts.
    async fn metrics(&self, name: &str) -> Result<String> {
        let log = fs::read_to_string(self.folder(name).join("log"))?;
        let line = log.lines().rfind(|line| line.contains("says whether it is ready")).context("find where it says it")?;
        let line: serde_json::Value = serde_json::from_str(line)?;
        let mut stream = TcpStream::connect(line["fields"]["address"].as_str().context("find the address")?).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, text) = answer.split_once("\r\n\r\n").context("read the head of an answer")?;
        ensure!(head.contains(" 200 OK\r\n") && text.ends_with("# EOF\n"), "{name} answers {answer}");
        Ok(text.to_owned())
    }

    /// Whether a service has logged this.
    fn said(&self, name: &str, text: &str) -> Result<bool> {
        let log = self.folder(name).join("log");
        Ok(fs::read_to_string(&log).with_context(|| format!("read {}", log.display()))?.contains(text))
    }

    async fn refuses_to_start(&self, name: &str, configuration: &str, reason: &str) -> Result<()> {
        let _ = fs::remove_file(self.folder(name).join("log"));
        let mut service = self.spawn(name, configuration, &[])?;
        let status = service.ended().await?;
        ensure!(status.code() == Some(2), "{name} ended with {status}, expected 2");
        ensure!(self.said(name, reason)?, "{name} did not say `{reason}`");
        Ok(())
    }

    async fn hospital(&self, nihdi: &str) -> Result<hd4dp::store::SqlStore> {
        Ok(hd4dp::store::SqlStore::open(&self.folder(&format!("hd4dp-{nihdi}")).join("store"), nihdi).await?)
    }

    async fn warehouse(&self) -> Result<dhw::SqlStore> {
        Ok(dhw::SqlStore::open(&self.folder("dhw").join("store"), Arc::clone(&self.registers)).await?)
    }

    /// The last lines of every service's log.
    fn last_words(&self) -> String {
        let mut words = String::new();
        for entry in fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            let Ok(log) = fs::read_to_string(entry.path().join("log")) else { continue };
            let lines: Vec<_> = log.lines().collect();
            words.push_str(&format!(
                "\n{}:\n{}",
                entry.file_name().to_string_lossy(),
                lines[lines.len().saturating_sub(4)..].join("\n")
            ));
        }
        words
    }
}

/// A running service.
struct Service {
    name: String,
    child: Child,
}

impl Service {
    /// As the kernel does when memory runs out: no signal that could be heard.
    async fn kill(mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("kill {}", self.name))
    }

    /// As a container's runtime does; the service must end well, and soon.
    async fn stop(mut self) -> Result<()> {
        let id = self.child.id().with_context(|| format!("{} ended by itself", self.name))?;
        let telling = Command::new("kill").args(["-s", "TERM", &id.to_string()]).status().await?;
        ensure!(telling.success(), "{} cannot be told to stop", self.name);
        let status = self.ended().await?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    async fn ended(&mut self) -> Result<ExitStatus> {
        let ended = timeout(&SystemClock, DEADLINE, self.child.wait()).await;
        Ok(ended.map_err(|_| anyhow::anyhow!("{} does not end", self.name))??)
    }
}
