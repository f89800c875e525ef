//! A tester's own part in the place of a service: the second TTP of tests/own_part, in Python, written from docs/WIRE.md alone.
//!
//! A failure means that docs/WIRE.md does not say enough, or that a service, the Python TTP or `precision conformance` reads it otherwise than
//! the others do.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use live::{programs, repository};
use serde_json::Value;
use tempfile::TempDir;
use testkit::{Rabbit, unique_prefix, until};
use tokio::process::{Child, Command};

const HOSPITALS: [&str; 2] = ["00000196", "00000295"];
/// Registrations of each hospital.
const ROWS: usize = 100;
/// The processes share their processors with whatever else runs.
const DEADLINE: Duration = Duration::from_secs(120);

/// A Python that has what the TTP needs: Debian's, since `python3` on the path may be another installation.
async fn python() -> Result<&'static str> {
    for python in ["/usr/bin/python3", "python3"] {
        let asking = Command::new(python).args(["-c", "import pika, cryptography"]).stderr(Stdio::null()).status();
        if asking.await.is_ok_and(|status| status.success()) {
            return Ok(python);
        }
    }
    anyhow::bail!(
        "the second TTP needs Python with pika and cryptography (Debian: apt-get install python3-pika python3-cryptography)"
    )
}

fn script(name: &str) -> PathBuf {
    repository().join("tests/own_part").join(name)
}

/// A part that runs until it is dropped.
struct Part(#[expect(dead_code, reason = "held, since dropping it ends the process")] Child);

impl Part {
    async fn python_ttp(broker: &str, prefix: &str, keys: &Path, log: &Path) -> Result<Self> {
        let mut command = Command::new(python().await?);
        command.arg(script("ttp.py")).args(["--broker", broker, "--prefix", prefix, "--keys"]).arg(keys);
        Self::start(command, log)
    }

    /// The TTP of this repository as a process of its own, which may see no keys but its own.
    fn rust_ttp(programs: &Path, broker: &str, prefix: &str, keys: &Path, folder: &Path) -> Result<Self> {
        let own = folder.join("own-keys");
        for name in ["public", "ehealth-ttp"] {
            copy_folder(&keys.join(name), &own.join(name))?;
        }
        let (url, password) = without_password(broker)?;
        let password_file = folder.join("password");
        fs::write(&password_file, password)?;
        let config = folder.join("ttp.toml");
        let (store, own, password_file) = (folder.join("ttp-store"), own.display(), password_file.display());
        let store = store.display();
        fs::write(
            &config,
            format!(
                "[common]\nstore = \"{store}\"\nkeys = \"{own}\"\n[broker.ehealth]\nurl = \"{url}\"\npassword_file = \
                 \"{password_file}\"\nprefix = \"{prefix}\"\n"
            ),
        )?;
        let mut command = Command::new(programs.join("ehealth-ttp"));
        command.arg("--config").arg(config);
        Self::start(command, &folder.join("ttp.log"))
    }

    fn start(mut command: Command, log: &Path) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log)?).kill_on_drop(true);
        Ok(Self(command.spawn().context("start the part")?))
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// `amqp://user@host…` and the password.
fn without_password(broker: &str) -> Result<(String, String)> {
    let (login, rest) = broker.strip_prefix("amqp://").and_then(|rest| rest.split_once('@')).context("find the broker's user")?;
    let (user, password) = login.split_once(':').context("find the broker's password")?;
    Ok((format!("amqp://{user}@{rest}"), password.to_owned()))
}

/// What the tests share: the programs, a broker, keys in a folder.
struct Bed {
    programs: PathBuf,
    rabbit: Rabbit,
    folder: TempDir,
}

impl Bed {
    async fn new() -> Result<Self> {
        let bed = Self { programs: programs().await?, rabbit: Rabbit::find().await?, folder: tempfile::tempdir()? };
        bed.precision(&["keys", "init", "keys", "--org", HOSPITALS[0], HOSPITALS[1]]).await?;
        Ok(bed)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(self.programs.join("precision"));
        Ok(command.args(arguments).current_dir(self.folder.path()).output().await?)
    }

    async fn precision(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments).await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        Ok(said)
    }

    /// Checks a part, and gives the exit status and the report.
    async fn conformance(&self, prefix: &str) -> Result<(Option<i32>, Value)> {
        let broker = self.rabbit.url();
        let arguments = [
            "conformance",
            "ehealth-ttp",
            "--broker",
            broker,
            "--keys",
            "keys",
            "--prefix",
            prefix,
            "--json",
            "--junit",
            "report.xml",
        ];
        let output = self.run(&arguments).await?;
        let report = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("read the report; {}", String::from_utf8_lossy(&output.stderr)))?;
        Ok((output.status.code(), report))
    }
}

/// The checks with this finding.
fn with_finding<'a>(report: &'a Value, finding: &str) -> Vec<&'a Value> {
    report["checks"].as_array().into_iter().flatten().filter(|check| check["finding"] == finding).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_ttp_reads_the_test_vectors() -> Result<()> {
    let output =
        Command::new(python().await?).arg(script("check_vectors.py")).env("PYTHONDONTWRITEBYTECODE", "1").output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(String::from_utf8_lossy(&output.stdout).contains("the vectors hold"), "it says nothing");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_ttp_passes_every_required_check() -> Result<()> {
    let (bed, prefix) = (Bed::new().await?, unique_prefix());
    let log = bed.path("ttp.log");
    let _part = Part::python_ttp(bed.rabbit.url(), &prefix, &bed.path("keys"), &log).await?;
    let (status, report) = bed.conformance(&prefix).await?;
    let failed = with_finding(&report, "failed");
    ensure!(failed.is_empty() && status == Some(0), "{failed:#?}\n{}", fs::read_to_string(&log)?);
    // It does not re-code, and need not.
    let not_offered: Vec<bool> = with_finding(&report, "not offered").iter().map(|check| check["required"] == true).collect();
    ensure!(not_offered == [false; 3] && report["not_reached"] == 0 && report["not_offered"] == 3, "{report:#}");
    ensure!(fs::read_to_string(bed.path("report.xml"))?.contains("failures=\"0\""), "the build server reads something else");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ttp_of_this_repository_passes_as_a_process_of_its_own() -> Result<()> {
    let (bed, prefix) = (Bed::new().await?, unique_prefix());
    let _part = Part::rust_ttp(&bed.programs, bed.rabbit.url(), &prefix, &bed.path("keys"), bed.folder.path())?;
    let (status, report) = bed.conformance(&prefix).await?;
    let log = fs::read_to_string(bed.path("ttp.log"))?;
    ensure!(status == Some(0) && report["conforms"] == true, "{:#?}\n{log}", with_finding(&report, "failed"));
    ensure!(report["not_reached"] == 0 && report["not_offered"] == 0, "{report:#}");
    Ok(())
}

/// Nobody reads the queues: the first check says so, and the exit status.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_is_not_there_does_not_conform() -> Result<()> {
    let (bed, prefix) = (Bed::new().await?, unique_prefix());
    let broker = bed.rabbit.url();
    let arguments = [
        "conformance",
        "ehealth-ttp",
        "--broker",
        broker,
        "--keys",
        "keys",
        "--prefix",
        &prefix,
        "--wait",
        "0",
        "--patience",
        "1",
    ];
    let output = bed.run(&arguments).await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.code() == Some(1), "{said}");
    ensure!(said.contains("FAIL") && said.contains("nothing came within 1 s on queue hd.in"), "{said}");
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(told.contains(&format!("nobody reads {prefix}.ttp.in, {prefix}.ttp.return")), "{told}");
    Ok(())
}

/// The whole route with the Python TTP in it: registrations of two hospitals, then one registration's whole life, with a correction
/// that goes back and forth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_works_with_the_python_ttp_in_it() -> Result<()> {
    let bed = Bed::new().await?;
    let log = bed.path("serve.log");
    for hospital in HOSPITALS {
        token(&bed, &["--name", &format!("desk {hospital}"), "--role", "data-provider", "--org", hospital], "secrets.toml")
            .await?;
    }
    token(&bed, &["--name", "study", "--role", "researcher"], "secrets.toml").await?;
    token(&bed, &["--name", "desk again", "--role", "data-provider", "--org", HOSPITALS[0]], "life.toml").await?;
    token(&bed, &["--name", "study again", "--role", "researcher"], "life.toml").await?;
    let mut serving = Command::new(bed.programs.join("precision"));
    serving.args(["serve", "--org", HOSPITALS[0], HOSPITALS[1], "--store", "store", "--keys", "keys", "--port", "0"]);
    serving.args(["--tokens", "tokens.toml", "--without", "ehealth-ttp", "--broker", bed.rabbit.url()]);
    serving.current_dir(bed.folder.path());
    let _serving = Part::start(serving, &log)?;
    let said = async || Ok(fs::read_to_string(&log)?.contains("APIs at "));
    until("the installation serves its APIs", DEADLINE, said)
        .await
        .with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
    let said = fs::read_to_string(&log)?;
    let after = |mark: &str| said.split_once(mark).and_then(|(_, rest)| rest.split_whitespace().next()).map(str::to_owned);
    let address = after("APIs at ").context("find the address")?;
    let queue = after("reads queue ").context("find the queue that the part must read")?;
    let prefix = queue.strip_suffix(".ttp.in").with_context(|| format!("find the prefix in {queue}"))?;
    ensure!(!bed.path("store/ehealth-ttp.sqlite").exists(), "a service that is left out has a store");

    let ttp_log = bed.path("ttp.log");
    let _part = Part::python_ttp(bed.rabbit.url(), prefix, &bed.path("keys"), &ttp_log).await?;
    let words = || fs::read_to_string(&ttp_log).unwrap_or_default();
    let reach = ["--at", &address, "--token-file", "secrets.toml", "--json"];
    for (number, hospital) in HOSPITALS.iter().enumerate() {
        let (file, seed, rows) = (format!("{hospital}.csv"), format!("{}", 40 + number), ROWS.to_string());
        let register = ["--dcd", "Precision_Local_MAB", "--org", hospital];
        bed.precision(&[&["generate", "--count", &rows, "--seed", &seed, "-o", &file], &register[..]].concat()).await?;
        let said =
            bed.precision(&[&["submit", "--file", &file], &register[..], &reach[..]].concat()).await.with_context(words)?;
        let submitted: Value = serde_json::from_str(&said)?;
        ensure!(submitted["accepted"] == ROWS, "{submitted:#}");
    }
    let clean = async || {
        let listed: Value = serde_json::from_str(&bed.precision(&[&["list", "--limit", "300"], &reach[..]].concat()).await?)?;
        let all = listed["registrations"].as_array().context("find the registrations")?.clone();
        ensure!(all.len() == 2 * ROWS, "{} registrations", all.len());
        let is_clean = |one: &&Value| {
            one["hospital"]["confirmation"] == "OK"
                && one["healthdata"]["validated"] == true
                && one["healthdata"]["status"] == "New"
        };
        Ok(all.iter().filter(is_clean).count() == 2 * ROWS)
    };
    until("all registrations are confirmed, validated and clean", DEADLINE, clean).await.with_context(words)?;

    let mut life = Command::new(repository().join("tests/life.sh"));
    life.arg(bed.programs.join("precision")).env("PRECISION_AT", &address).env("PRECISION_TOKEN_FILE", bed.path("life.toml"));
    let output = life.output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}{}{}", String::from_utf8_lossy(&output.stderr), words());
    ensure!(said.contains("1  Corrections needed  Corrections requested"), "{said}");
    ensure!(!words().contains("refused") && !words().contains("set aside"), "{}", words());
    Ok(())
}

/// A caller's token in the service's file, its secret in the caller's.
async fn token(bed: &Bed, whose: &[&str], secrets: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let entry = bed.precision(&[&["token", "new"], whose, &["--all-registers", "--keep", secrets]].concat()).await?;
    let mut file = File::options().create(true).append(true).mode(0o600).open(bed.path("tokens.toml"))?;
    std::io::Write::write_all(&mut file, entry.as_bytes())?;
    Ok(())
}
