//! A PostgreSQL for tests: one server per test process, a database per test.
//!
//! The server is Debian's or whatever else lies in the usual folders, runs as an ordinary user, listens on a socket in a folder of its own
//! and on no port, and goes with the process that brought it. `PRECISION_TEST_POSTGRES` names another one to use, as a role that may make databases and roles.

use std::{
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use sqlx::{AssertSqlSafe, ConnectOptions, Executor, postgres::PgConnectOptions};

use crate::{Location, Server};

/// The variable that names a server to use.
const VARIABLE: &str = "PRECISION_TEST_POSTGRES";

/// Makes a server in a folder of its own and says where, then does what its standard input says, and ends with it, with the tests at the latest.
/// What is written to the disk need not survive a power cut, unless DURABLE says so. The server sorts as a dictionary does, as real ones do, and not by bytes.
const SCRIPT: &str = r#"
set -eu
folder=$(mktemp -d "${TMPDIR:-/tmp}/precision-postgres-XXXXXX")
trap 'rm -rf "$folder"' EXIT
# One that stands still would not hear that it is to stop, and outlive its folder.
end() { { signal_all -CONT || true; "$1/pg_ctl" -D "$folder/data" -m immediate stop || true; } >/dev/null 2>&1; }
listen="-c listen_addresses=''"
durability="-c fsync=off -c full_page_writes=off"
[ -z "${DURABLE-}" ] || durability=
# Over TCP with TLS alone, to those who show a certificate.
speak_tls() {
    umask 077
    printf '%s\n' "$TLS_AUTHORITY" >"$folder/data/ca.pem"
    printf '%s\n' "$TLS_CERTIFICATE" >"$folder/data/server.pem"
    printf '%s\n' "$TLS_KEY" >"$folder/data/server.key"
    printf '%s\n' 'local all all trust' 'hostssl all all 127.0.0.1/32 trust clientcert=verify-ca' >"$folder/data/pg_hba.conf"
    listen="-c listen_addresses=127.0.0.1 -c port=$TLS_PORT -c ssl=on -c ssl_ca_file=ca.pem -c ssl_cert_file=server.pem -c ssl_key_file=server.key"
}
start() { "$1/pg_ctl" -D "$folder/data" -l "$folder/log" -t 120 -w -o "$listen -k $folder -c max_connections=300 $durability" start; }
if ! { "$1/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C --locale-provider=icu --icu-locale=en -N &&
    { [ -z "${TLS_PORT-}" ] || speak_tls; } &&
    start "$1"; } >"$folder/output" 2>&1; then
    tail -n 5 "$folder/output" "$folder/log" 2>/dev/null | tr '\n' ' ' >&2
    exit 1
fi
postmaster() { head -n 1 "$folder/data/postmaster.pid"; }
# A process of a connection may end at any moment.
signal_all() { set -- "$1" "$(postmaster)" && kill "$@" && for child in $(cat "/proc/$2/task/$2/children"); do kill "$1" "$child" || true; done; }
echo "$folder"
while read -r word; do
    case $word in
        stop) "$1/pg_ctl" -D "$folder/data" -m fast -t 120 -w stop ;;
        kill) kill -KILL "$(postmaster)" ;;
        pause) signal_all -STOP ;;
        resume) signal_all -CONT ;;
        # What a killed one leaves behind goes soon, and until then nobody may start over it.
        start) for attempt in 1 2 3 4 5 6; do ! start "$1" || break; sleep 1; done; "$1/pg_ctl" -D "$folder/data" status ;;
        *) false ;;
    esac >>"$folder/output" 2>&1 && echo done || echo failed
done
end "$1"
"#;

/// Why there is no PostgreSQL to test against.
#[derive(Debug, Clone, thiserror::Error)]
#[error("bring a PostgreSQL for the tests: {0}")]
pub struct NoServer(String);

struct Running {
    options: PgConnectOptions,
    script: Option<Script>,
}

/// What serves, and does what it is told.
struct Script {
    child: Child,
    answers: BufReader<ChildStdout>,
}

/// What happens to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is stopped: connections are cut, open transactions undone.
    Stop,
    /// It is killed, as by the kernel when memory runs out.
    Kill,
    /// It stands still, with all its connections.
    Pause,
    /// It goes on after it stood still.
    Resume,
    /// It starts over what it had written.
    Start,
}

/// A server of its own that can be stopped and started. Goes when it is dropped.
pub struct OwnServer(Running);

impl OwnServer {
    /// Starts one. What it has written survives a power cut if it is to be `durable`, which costs time.
    ///
    /// # Errors
    ///
    /// [`NoServer`] says what to install.
    pub fn start(durable: bool) -> Result<Self, NoServer> {
        let durable = durable.then(|| ("DURABLE", "yes".to_owned()));
        Ok(Self(start(durable.as_slice())?))
    }

    /// The address of an empty database on it.
    ///
    /// # Errors
    ///
    /// [`NoServer`] with what it said.
    pub async fn address(&self) -> Result<String, NoServer> {
        Ok(address_of(&empty_database(&self.0).await?))
    }

    /// Lets this happen to it, and waits until it has.
    ///
    /// # Errors
    ///
    /// [`NoServer`], when it cannot be done.
    pub fn turn(&mut self, turn: Turn) -> Result<(), NoServer> {
        let word = match turn {
            Turn::Stop => "stop",
            Turn::Kill => "kill",
            Turn::Pause => "pause",
            Turn::Resume => "resume",
            Turn::Start => "start",
        };
        let failed = || NoServer(format!("{word} it"));
        let script = self.0.script.as_mut().ok_or_else(failed)?;
        let mut answer = String::new();
        let told = script.child.stdin.as_mut().map(|input| writeln!(input, "{word}"));
        told.ok_or_else(failed)?.and_then(|()| script.answers.read_line(&mut answer)).map_err(|_| failed())?;
        if answer.trim_end() == "done" { Ok(()) } else { Err(failed()) }
    }
}

/// A server of its own that speaks TLS alone over TCP, to those who show a certificate, on 127.0.0.1. Goes when it is dropped.
pub struct TlsServer {
    running: Running,
    port: u16,
}

/// What such a server has: PEM texts.
pub struct TlsFiles<'a> {
    /// The authority that clients' certificates must come from.
    pub authority: &'a str,
    /// Its certificate.
    pub certificate: &'a str,
    /// The private key.
    pub key: &'a str,
}

impl TlsServer {
    /// Starts one at a free port.
    ///
    /// # Errors
    ///
    /// [`NoServer`] says what to install.
    pub fn start(files: &TlsFiles<'_>) -> Result<Self, NoServer> {
        let no_port = |source: std::io::Error| NoServer(format!("find a free port: {source}"));
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(no_port)?.port();
        let tls = [
            ("TLS_PORT", port.to_string()),
            ("TLS_AUTHORITY", files.authority.to_owned()),
            ("TLS_CERTIFICATE", files.certificate.to_owned()),
            ("TLS_KEY", files.key.to_owned()),
        ];
        Ok(Self { running: start(&tls)?, port })
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL as its administrator, through its socket.
    ///
    /// # Errors
    ///
    /// [`NoServer`] with what it said.
    pub async fn administer(&self, sql: &str) -> Result<(), NoServer> {
        let failed = |source: sqlx::Error| NoServer(source.to_string());
        let mut connection = self.running.options.clone().port(self.port).connect().await.map_err(failed)?;
        connection.execute(AssertSqlSafe(sql.to_owned())).await.map(drop).map_err(failed)
    }
}

/// An empty database of the test's own.
///
/// # Errors
///
/// [`NoServer`] says what to install.
pub async fn database() -> Result<Location, NoServer> {
    Ok(Location::Server(Server::with(empty_database(shared()?).await?)))
}

/// The address of an empty database of the test's own, for programs.
///
/// # Errors
///
/// [`NoServer`], as [`database`].
pub async fn address() -> Result<String, NoServer> {
    Ok(address_of(&empty_database(shared()?).await?))
}

/// How many wait, in the database at this location, for locks that programs give a meaning to.
///
/// # Errors
///
/// [`NoServer`] with what it said, or when the location is a folder.
pub async fn waiting(location: &Location) -> Result<i64, NoServer> {
    const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let Location::Server(server) = location else { return Err(NoServer("look into its locks: a folder has none".to_owned())) };
    let failed = |source: sqlx::Error| NoServer(format!("look into its locks: {source}"));
    let mut connection = server.options.connect().await.map_err(failed)?;
    sqlx::query_scalar(WAITING).fetch_one(&mut connection).await.map_err(failed)
}

fn address_of(options: &PgConnectOptions) -> String {
    let (user, database) = (options.get_username(), options.get_database().unwrap_or_default());
    match options.get_socket() {
        Some(folder) => format!("postgres://{user}@localhost/{database}?host={}", folder.display()),
        None => options.to_url_lossy().to_string(),
    }
}

/// The one of this process.
fn shared() -> Result<&'static Running, NoServer> {
    static SERVER: OnceLock<Result<Running, NoServer>> = OnceLock::new();
    SERVER.get_or_init(running).as_ref().map_err(Clone::clone)
}

async fn empty_database(running: &Running) -> Result<PgConnectOptions, NoServer> {
    static DATABASES: AtomicU64 = AtomicU64::new(0);
    // Several test processes may share a server that was named.
    let (number, chance) = (DATABASES.fetch_add(1, Ordering::Relaxed), RandomState::new().hash_one(std::process::id()));
    let name = format!("precision_test_{chance:016x}_{number}");
    let refused = |source: sqlx::Error| NoServer(format!("make a database on it: {source}"));
    let mut connection = running.options.connect().await.map_err(refused)?;
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")))
        .await
        .map_err(refused)?;
    Ok(running.options.clone().database(&name))
}

fn running() -> Result<Running, NoServer> {
    if let Ok(address) = std::env::var(VARIABLE) {
        let options = address.parse().map_err(|_| NoServer(format!("{VARIABLE} is no postgres:// address")))?;
        return Ok(Running { options, script: None });
    }
    start(&[])
}

fn start(variables: &[(&str, String)]) -> Result<Running, NoServer> {
    let programs = programs().ok_or_else(not_installed)?;
    let failed = |source: std::io::Error| NoServer(format!("run its programs: {source}"));
    let mut script = ordinary_user();
    script
        .args(["sh", "-c", SCRIPT, "sh"])
        .arg(programs)
        .current_dir("/")
        .env_remove("PGOPTIONS")
        .envs(variables.iter().cloned());
    // What ends the tests from the keyboard must not reach the script, which cleans up behind them.
    std::os::unix::process::CommandExt::process_group(&mut script, 0);
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = script.spawn().map_err(failed)?;
    let mut folder = String::new();
    let output = child.stdout.take().ok_or_else(|| NoServer("run its programs".to_owned()))?;
    let mut answers = BufReader::new(output);
    answers.read_line(&mut folder).map_err(failed)?;
    let folder = folder.trim_end();
    if folder.is_empty() {
        let output = child.wait_with_output().map_err(failed)?;
        return Err(NoServer(format!("it did not start: {}", String::from_utf8_lossy(&output.stderr))));
    }
    let options = PgConnectOptions::new_without_pgpass().socket(folder).username("postgres").database("postgres");
    Ok(Running { options, script: Some(Script { child, answers }) })
}

pub(crate) fn not_installed() -> NoServer {
    NoServer(format!("it is not installed (Debian: apt-get install postgresql), and {VARIABLE} does not name one"))
}

/// The newest installed server's programs.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> =
        versions.filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin")))).collect();
    versions.sort();
    let elsewhere = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let newest_first = versions.into_iter().rev().map(|(_, programs)| programs);
    newest_first.chain(elsewhere).find(|programs| programs.join("initdb").is_file())
}

/// The server refuses to run as root.
fn ordinary_user() -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0);
    if !is_root {
        return Command::new("env");
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let has_postgres = users.lines().any(|line| line.starts_with("postgres:"));
    let mut command = Command::new("setpriv");
    command.args(["--reuid", if has_postgres { "postgres" } else { "nobody" }]);
    command.args(["--regid", if has_postgres { "postgres" } else { "nogroup" }, "--clear-groups"]);
    command
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clock::{SystemClock, timeout};

    use super::*;

    /// As it does when a test fails meanwhile.
    #[tokio::test]
    async fn a_server_that_stands_still_goes_when_it_is_dropped() {
        let mut server = OwnServer::start(false).unwrap();
        let mut connection = server.0.options.connect().await.unwrap();
        let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
        server.turn(Turn::Pause).unwrap();
        drop(server);
        let process = PathBuf::from(format!("/proc/{process}"));
        let gone = async {
            while process.exists() {
                tokio::task::yield_now().await;
            }
        };
        timeout(&SystemClock, Duration::from_secs(30), gone).await.unwrap();
    }
}
