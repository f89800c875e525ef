//! TLS to the broker and the database, with the certificates that `deploy/make-certificates.sh` makes.
//!
//! A failure is a connection without TLS that somebody believes to have it, one to a server that nobody vouched for, or one that a zone's broker takes
//! from another zone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker::{Broker as _, BrokerError, Payload, RabbitBroker};
use clock::SystemClock;
use live::{programs, repository};
use store::{
    Database, Location, Schema,
    test_server::{TlsFiles, TlsServer},
};
use tempfile::TempDir;
use testkit::Node;
use tokio::process::Command;
use topology::{Arrow, Naming, Password, Topology};

const PASSWORD: &str = "for-this-test-only";
const DEADLINE: Duration = Duration::from_secs(60);

/// A folder with the certificates of two zones, of which the second one is a stranger in the first.
struct Zones {
    folder: TempDir,
}

impl Zones {
    fn make() -> Result<Self> {
        let zones = Self { folder: tempfile::tempdir()? };
        for zone in ["hd", "ehealth"] {
            // Not for the name localhost, which leads there too.
            let mut making = std::process::Command::new(repository().join("deploy/make-certificates.sh"));
            let made = making.arg(zones.path(zone)).args(["127.0.0.1", "dhw", "hd4res"]).output().context("openssl is needed")?;
            ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        Ok(zones)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.path(name)).with_context(|| name.to_owned())
    }

    /// The parameters of a broker's address.
    fn parameters(&self, authority: &str, own: Option<&str>) -> String {
        let mut parameters = format!("?cacertfile={}", self.path(authority).display());
        if let Some(own) = own {
            let own = self.path(own).display().to_string();
            parameters.push_str(&format!("&certfile={own}.pem&keyfile={own}.key"));
        }
        parameters
    }
}

async fn connect(url: &str) -> Result<RabbitBroker, BrokerError> {
    RabbitBroker::connect(url, Naming::default(), Arc::new(SystemClock)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_and_its_users_see_each_others_certificates() -> Result<()> {
    let zones = Zones::make()?;
    let node = node_of_hd(&zones).await?;
    let address =
        |host: &str, parameters: String| Ok::<_, anyhow::Error>(node.tls_url("dhw", PASSWORD, host, "hd")? + &parameters);
    let outcome = async |authority: &str, own: Option<&str>| {
        Ok::<_, anyhow::Error>(connect(&address("127.0.0.1", zones.parameters(authority, own))?).await)
    };
    let broker = outcome("hd/ca.pem", Some("hd/dhw")).await??;
    broker.depth(&Arrow::ToDhw.queue(None)).await?;
    let feedback = Payload::from_static(b"{}");
    broker.publish(&Arrow::Verdicts.route(None), feedback).await?;
    broker.close().await;

    ensure!(outcome("hd/ca.pem", None).await?.is_err(), "nobody shows nothing");
    ensure!(outcome("hd/ca.pem", Some("ehealth/dhw")).await?.is_err(), "nor another zone's certificate");
    let stranger = outcome("ehealth/ca.pem", Some("hd/dhw")).await?.err();
    ensure!(matches!(stranger, Some(BrokerError::Untrusted(_))), "a broker of another authority: {stranger:?}");
    let misnamed = connect(&address("localhost", zones.parameters("hd/ca.pem", Some("hd/dhw")))?).await.err();
    ensure!(matches!(misnamed, Some(BrokerError::Untrusted(_))), "a broker under another name: {misnamed:?}");
    // Without an authority the system's count, and they do not know the zone's.
    let unknown = connect(&address("127.0.0.1", String::new())?).await.err();
    ensure!(unknown.is_some_and(|error| !matches!(error, BrokerError::InvalidAddress)), "a broker that nobody vouches for");

    fs::set_permissions(zones.path("hd/dhw.key"), fs::Permissions::from_mode(0o644))?;
    let open = outcome("hd/ca.pem", Some("hd/dhw")).await?.err().context("a key that all may read is refused")?;
    ensure!(open.to_string().contains("dhw.key") && open.to_string().contains("chmod 600"), "{open}");
    Ok(())
}

async fn node_of_hd(zones: &Zones) -> Result<Node> {
    let node = Node::start_with_tls(&zones.path("hd"))
        .await
        .context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let topology = Topology::for_hospitals(&["71000012".parse()?]);
    node.import_definitions(&topology.definitions_json(|_| Some(Password::Clear(PASSWORD.to_owned())))).await?;
    Ok(node)
}

fn database(zones: &Zones) -> Result<TlsServer> {
    let (authority, certificate, key) = (zones.text("hd/ca.pem")?, zones.text("hd/server.pem")?, zones.text("hd/server.key")?);
    Ok(TlsServer::start(&TlsFiles { authority: &authority, certificate: &certificate, key: &key })?)
}

fn store_address(server: &TlsServer, host: &str, authority: &Path, own: &Path) -> String {
    let (authority, own) = (authority.display(), own.display());
    format!(
        "postgres://dhw@{host}:{}/precision?sslmode=verify-full&sslrootcert={authority}&sslcert={own}.pem&sslkey={own}.key",
        server.port()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_and_its_users_see_each_others_certificates() -> Result<()> {
    let zones = Zones::make()?;
    let server = database(&zones)?;
    server.administer("CREATE ROLE dhw LOGIN; ").await?;
    server.administer("CREATE DATABASE precision OWNER dhw").await?;
    let open = async |host: &str, authority: &str, own: &str| {
        let location: Location = store_address(&server, host, &zones.path(authority), &zones.path(own)).parse()?;
        Database::open(location, "dhw", Schema { steps: &[] }).await?.close().await;
        Ok::<_, anyhow::Error>(())
    };
    open("127.0.0.1", "hd/ca.pem", "hd/dhw").await?;
    gives_up_whom_it_does_not_hear(&store_address(&server, "127.0.0.1", &zones.path("hd/ca.pem"), &zones.path("hd/dhw"))).await?;
    for (host, authority, own) in [
        ("127.0.0.1", "ehealth/ca.pem", "hd/dhw"),
        ("127.0.0.1", "hd/ca.pem", "ehealth/dhw"),
        ("localhost", "hd/ca.pem", "hd/dhw"),
    ] {
        ensure!(open(host, authority, own).await.is_err(), "{own} at {host} under {authority}");
    }
    let plain: Location = format!("postgres://dhw@127.0.0.1:{}/precision?sslmode=disable", server.port()).parse()?;
    ensure!(Database::open(plain, "dhw", Schema { steps: &[] }).await.is_err(), "nobody comes without TLS");
    Ok(())
}

/// Over a socket in a folder, where the other tests have their database, these settings read 0.
async fn gives_up_whom_it_does_not_hear(address: &str) -> Result<()> {
    const ASKED: &str = "SELECT name || ' ' || setting FROM pg_settings WHERE name LIKE 'tcp%' ORDER BY name";
    let store = Database::open(address.parse::<Location>()?, "dhw", Schema { steps: &[] }).await?;
    let has: Vec<String> = store.query(ASKED).scalars().await?;
    let wants = ["tcp_keepalives_count 3", "tcp_keepalives_idle 60", "tcp_keepalives_interval 10", "tcp_user_timeout 90000"];
    ensure!(has == wants, "{has:?}");
    store.close().await;
    Ok(())
}

/// The warehouse as a process, whose configuration is its environment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_works_behind_tls_alone() -> Result<()> {
    let programs = programs().await?;
    let zones = Zones::make()?;
    let (node, server) = (node_of_hd(&zones).await?, database(&zones)?);
    server.administer("CREATE ROLE dhw LOGIN").await?;
    server.administer("CREATE DATABASE precision OWNER dhw").await?;
    let password = zones.path("password");
    fs::write(&password, PASSWORD)?;
    let health = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let broker = node.tls_url("dhw", PASSWORD, "127.0.0.1", "hd")?.replace(&format!(":{PASSWORD}@"), "@");
    let broker = broker + &zones.parameters("hd/ca.pem", Some("hd/dhw"));
    let store = store_address(&server, "127.0.0.1", &zones.path("hd/ca.pem"), &zones.path("hd/dhw"));
    let dhw = || {
        let mut command = Command::new(programs.join("dhw"));
        command.env("PRECISION_DHW__COMMON__STORE", &store).env("PRECISION_DHW__COMMON__HEALTH", &health);
        command.env("PRECISION_DHW__BROKER__HD__URL", &broker).env("PRECISION_DHW__BROKER__HD__PASSWORD_FILE", &password);
        command.kill_on_drop(true);
        command
    };
    let log = fs::File::create(zones.path("log"))?;
    let mut running = dhw().stdout(log.try_clone()?).stderr(log).spawn()?;
    let ready = async || Ok(dhw().arg("--health").output().await?.status.success());
    let came_up = testkit::until("the warehouse is ready", DEADLINE, ready).await;
    running.kill().await?;
    came_up.with_context(|| zones.text("log").unwrap_or_default())
}
