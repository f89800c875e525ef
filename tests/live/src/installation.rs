//! The sample installation of `deploy/` with every service as a process of its own: its configuration files, its keys and passwords made by its own
//! script, its users with the least permissions, on a RabbitMQ node of a test's own.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clock::{SystemClock, timeout};
use dcd::Definitions;
use dhw::{DhwStore as _, Registers};
use hd4dp::store::{Hd4dpStore as _, UploadStore as _};
use hd4res::store::Hd4resStore as _;
use store::{Database, Location, Schema, postgres::schema_name, test_server};
use tempfile::TempDir;
use testkit::Node;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::repository;

/// The hospitals of the sample.
pub const HOSPITALS: [&str; 2] = ["00000196", "00000295"];
/// So often a file is taken in at most.
const UPLOADS_MAX: u32 = 20;
/// The processes share their processors with whatever else runs.
const DEADLINE: Duration = Duration::from_secs(300);

/// A database with a role and a schema for each party.
struct Shared {
    /// Its address, as its administrator, by which services and the test come to it.
    address: String,
    /// The services that have their stores there; the others have files of their own.
    services: Vec<&'static str>,
}

/// As [`testkit::until`], with a limit for all.
///
/// # Errors
///
/// Those of `reached`; or that it did not come about.
pub async fn until(what: &str, reached: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    testkit::until(what, DEADLINE, reached).await
}

/// A text in which something stands in the place of something that must be there.
///
/// # Errors
///
/// When it is not.
pub fn replaced(text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(text.contains(from), "the sample configuration does not contain {from}");
    Ok(text.replace(from, to))
}

/// The store of a sample configuration.
fn sample_store(text: &str) -> Result<&str> {
    let line = text.lines().find_map(|line| line.strip_prefix("store = ")).context("find the sample's store")?;
    Ok(line.trim_matches('"'))
}

/// What follows the name of a service's second process.
pub const TWIN: &str = "+";

/// The service that a process is of.
fn service_of(name: &str) -> &str {
    name.strip_suffix(TWIN).unwrap_or(name)
}

/// What the operator of the sample installation makes.
pub struct Installation {
    folder: TempDir,
    programs: PathBuf,
    /// Host and port of the broker.
    pub broker: String,
    registers: Arc<Registers>,
    database: Option<Shared>,
    /// Services, by what their names begin with, and the collector that each sends its traces to.
    collectors: Vec<(&'static str, String)>,
    publication_size: u64,
}

impl Installation {
    /// Makes keys and passwords, and the broker ready, for publications of so many registrations.
    ///
    /// # Errors
    ///
    /// As the other methods: what could not be made, run or read.
    pub async fn prepare(programs: PathBuf, node: &Node, publication_size: u64) -> Result<Self> {
        let url = node.url("user", "password", "vhost");
        let broker = url.split(['@', '/']).nth(3).context("find the node's port")?.to_owned();
        let registers = Arc::new(Registers::new(&Definitions::built_in()?));
        let (folder, database, collectors) = (tempfile::tempdir()?, None, Vec::new());
        let installation = Self { folder, programs, broker, registers, database, collectors, publication_size };
        installation.make_secrets(&installation.secrets()).await?;
        installation.declare(node).await?;
        Ok(installation)
    }

    /// Gives these services their stores in a PostgreSQL of the test's own, as their parties' roles.
    pub async fn use_database(&mut self, services: &[&'static str]) -> Result<()> {
        self.use_database_at(test_server::address().await?, services).await
    }

    /// The same in an empty database at this address.
    pub async fn use_database_at(&mut self, address: String, services: &[&'static str]) -> Result<()> {
        let administrator = Database::open(address.parse::<Location>()?, "administrator", Schema { steps: &[] }).await?;
        let mut transaction = administrator.write().await?;
        transaction.define(&fs::read_to_string(repository().join("deploy/postgres.sql"))?).await?;
        transaction.commit().await?;
        administrator.close().await;
        self.database = Some(Shared { address, services: services.to_vec() });
        Ok(())
    }

    /// The services whose names begin so send their traces to this address from their next start on.
    pub fn send_traces(&mut self, services: &'static str, address: &str) {
        self.collectors.push((services, address.to_owned()));
    }

    /// Where everything is.
    pub fn top(&self) -> &Path {
        self.folder.path()
    }

    /// What `make-secrets.sh` made.
    pub fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }

    /// Loads what the broker loads when it starts: the topology, with the users' passwords.
    pub async fn declare(&self, node: &Node) -> Result<()> {
        node.import_definitions(&fs::read_to_string(self.secrets().join("broker/definitions.json"))?).await
    }

    /// Makes keys and passwords in a folder.
    pub async fn make_secrets(&self, folder: &Path) -> Result<()> {
        let path = std::env::join_paths(
            std::iter::once(self.programs.clone()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )?;
        let mut making = Command::new("sh");
        making.arg(repository().join("deploy/make-secrets.sh")).arg(folder).args(HOSPITALS).env("PATH", path);
        ensure!(making.stdout(Stdio::null()).status().await?.success(), "make-secrets.sh failed");
        Ok(())
    }

    /// What a service finds as its own machine: its configuration, its keys, its store, its log.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The service's own keys and the public ones, and nothing else.
    pub fn mount_keys(&self, name: &str, secrets: &Path) -> Result<()> {
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
    pub fn configuration(&self, name: &str) -> Result<String> {
        let service = service_of(name);
        let file = repository().join(format!("deploy/config/{service}.toml"));
        let mut text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let folder = self.folder(name);
        let secrets = self.secrets().join("services").join(service);
        let sample = sample_store(&text)?.to_owned();
        // A folder has no password; the roles of the test's database have none.
        text = text.lines().filter(|line| !line.starts_with("store_password_file")).map(|line| format!("{line}\n")).collect();
        let store = match self.in_database(service) {
            true => self.role(service)?,
            false => folder.join("store").to_string_lossy().into_owned(),
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
        if service.starts_with("hd4dp") {
            text = replaced(&text, "publication_size = 1000", &format!("publication_size = {}", self.publication_size))?;
        }
        if let Some((_, address)) = self.collectors.iter().find(|(start, _)| service.starts_with(start)) {
            text = replaced(&text, "# traces = \"http://collector:4318\"", &format!("traces = \"{address}\""))?;
        }
        Ok(text)
    }

    fn in_database(&self, service: &str) -> bool {
        self.database.as_ref().is_some_and(|shared| shared.services.iter().any(|known| service.starts_with(known)))
    }

    /// Where a service has its store.
    pub fn store(&self, service: &str) -> Result<Location> {
        if self.in_database(service) {
            Ok(self.role(service)?.parse()?)
        } else {
            Ok(Location::Folder(self.folder(service).join("store")))
        }
    }

    /// The address of the database, as the role of a service.
    pub fn role(&self, service: &str) -> Result<String> {
        let shared = self.database.as_ref().context("find the database")?;
        let (_, place) = shared.address.split_once('@').context("find the user in the database's address")?;
        Ok(format!("postgres://{}@{place}", schema_name(service)))
    }

    /// Starts a service and waits until it says that it has started.
    pub async fn start(&self, name: &str, arguments: &[String]) -> Result<Service> {
        if !self.folder(name).exists() {
            self.mount_keys(name, &self.secrets())?;
        }
        let _ = fs::remove_file(self.folder(name).join("log"));
        let service = self.spawn(name, &self.configuration(name)?, arguments)?;
        until(&format!("{name} has started"), async || self.said(name, "started")).await?;
        Ok(service)
    }

    /// Starts a service with this configuration.
    pub fn spawn(&self, name: &str, configuration: &str, arguments: &[String]) -> Result<Service> {
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

    /// A hospital's HD4DP, with a file of so many generated registrations to take in.
    pub async fn upload(&self, nihdi: &str, register: &str, rows: u64) -> Result<Service> {
        let file = self.folder.path().join(format!("{nihdi}.csv"));
        let rows = rows.to_string();
        let mut generating = Command::new(self.programs.join("precision"));
        generating.args(["generate", "--dcd", register, "--org", nihdi, "--count", &rows, "--seed", "7", "--output"]).arg(&file);
        ensure!(generating.stderr(Stdio::null()).status().await?.success(), "precision generate failed");
        let named = format!("{register}={}", file.display());
        self.start(&format!("hd4dp-{nihdi}"), &["--upload".to_owned(), named]).await
    }

    /// What a running service counts.
    pub async fn metrics(&self, name: &str) -> Result<String> {
        let (head, text) = self.look(name, "says whether it is ready", "/metrics").await?;
        ensure!(head.contains(" 200 OK\r\n") && text.ends_with("# EOF\n"), "{name} answers {head}");
        Ok(text)
    }

    /// What a running service answers at the address with which it logged `said`: head and body.
    pub async fn look(&self, name: &str, said: &str, path: &str) -> Result<(String, String)> {
        let log = fs::read_to_string(self.folder(name).join("log"))?;
        let line = log.lines().rfind(|line| line.contains(said)).context("find where it answers")?;
        let line: serde_json::Value = serde_json::from_str(line)?;
        let mut stream = TcpStream::connect(line["fields"]["address"].as_str().context("find the address")?).await?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("read the head of an answer")?;
        Ok((head.to_owned(), body.to_owned()))
    }

    /// Whether a service has logged this.
    pub fn said(&self, name: &str, text: &str) -> Result<bool> {
        Ok(self.times_said(name, text)? > 0)
    }

    /// How often a service has logged this since it was started.
    pub fn times_said(&self, name: &str, text: &str) -> Result<usize> {
        let log = self.folder(name).join("log");
        Ok(fs::read_to_string(&log).with_context(|| format!("read {}", log.display()))?.matches(text).count())
    }

    /// A service with this configuration ends, and says why.
    pub async fn refuses_to_start(&self, name: &str, configuration: &str, reason: &str) -> Result<()> {
        let _ = fs::remove_file(self.folder(name).join("log"));
        let mut service = self.spawn(name, configuration, &[])?;
        let status = service.ended().await?;
        ensure!(status.code() == Some(2), "{name} ended with {status}, expected 2");
        ensure!(self.said(name, reason)?, "{name} did not say `{reason}`");
        Ok(())
    }

    /// Waits until so many registrations of each hospital are confirmed to it, validated by the warehouse, and known to HD4RES with their verdicts; then each must be there once.
    pub async fn all_arrive(&self, rows: u64) -> Result<()> {
        let all = rows * u64::try_from(HOSPITALS.len())?;
        let (warehouse, mut items) = (self.warehouse().await?, Vec::new());
        for nihdi in HOSPITALS {
            let store = self.hospital(nihdi).await?;
            // A file that could not be taken in whole is taken in again. Numbers are left out: PostgreSQL's sequences go on at another place after a crash.
            let uploads = async || store.uploads(None, None, UPLOADS_MAX).await;
            let confirmed = async || {
                for upload in uploads().await? {
                    let tally = store.tally(upload.id).await?;
                    if (tally.attempted, tally.confirmed) == (rows, rows) {
                        return Ok(true);
                    }
                }
                Ok(false)
            };
            until(&format!("all registrations of {nihdi} are confirmed"), confirmed).await?;
            let mut of_hospital = BTreeSet::new();
            for upload in uploads().await? {
                of_hospital.extend(store.uploaded(upload.id, None, u32::MAX).await?.iter().map(|item| item.item_id));
            }
            items.extend(of_hospital);
        }
        until("all registrations are validated", async || Ok(warehouse.validated(&items).await? == all)).await?;
        let research = hd4res::store::SqlStore::open(self.store("hd4res")?).await?;
        until("HD4RES has all verdicts", async || Ok(research.validated(&items).await? == all)).await?;
        let (held, records, count) = (research.held(&items).await?, research.records().await?, warehouse.count().await?);
        ensure!(
            (held, records, count) == (all, all, all),
            "{held} items and {records} records at HD4RES, {count} in the warehouse, not {all}"
        );
        Ok(())
    }

    /// A hospital's store.
    pub async fn hospital(&self, nihdi: &str) -> Result<hd4dp::store::SqlStore> {
        Ok(hd4dp::store::SqlStore::open(self.store(&format!("hd4dp-{nihdi}"))?, nihdi).await?)
    }

    /// The warehouse's store.
    pub async fn warehouse(&self) -> Result<dhw::SqlStore> {
        Ok(dhw::SqlStore::open(self.store("dhw")?, Arc::clone(&self.registers)).await?)
    }

    /// The last lines of every service's log.
    pub fn last_words(&self) -> String {
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

/// What a process has in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub resident_bytes: u64,
    /// What is its own; the rest are pages of program files, which the system takes back when it needs them.
    pub own_bytes: u64,
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(f, "{:.1} MiB, {:.1} MiB of them its own", mib(self.resident_bytes), mib(self.own_bytes))
    }
}

/// A running service.
pub struct Service {
    /// Its name, or that of its twin.
    pub name: String,
    child: Child,
}

impl Service {
    /// Memory that it has now.
    pub fn memory(&self) -> Result<Memory> {
        let id = self.child.id().with_context(|| format!("{} ended by itself", self.name))?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("find the memory of a process")?;
            anyhow::Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
        };
        Ok(Memory { resident_bytes: bytes("VmRSS:")?, own_bytes: bytes("RssAnon:")? })
    }

    /// As the kernel does when memory runs out: no signal that could be heard.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("kill {}", self.name))
    }

    /// As a container's runtime does; the service must end well, and soon.
    pub async fn stop(mut self) -> Result<()> {
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
