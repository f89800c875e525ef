use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::until;

/// Nine seconds were measured on two idle cores; tests share theirs.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// Debian's `/usr/sbin/rabbitmq-server` runs only as root or rabbitmq. What it wraps runs as anybody, so that is looked for first.
const DIRECTORIES: &[&str] = &["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/usr/local/sbin", "/usr/local/bin"];

/// A RabbitMQ node of one test's own: own ports, own name, own home, own data, no plugins. Stops when it is dropped.
pub struct Node {
    server: Child,
    /// The start script and the node that it runs in the background share this process group.
    group: u32,
    _port_mapper: Option<Child>,
    port: u16,
    tls_port: Option<u16>,
    programs: PathBuf,
    environment: Vec<(&'static str, OsString)>,
    home: TempDir,
}

/// How a node differs from one that stands alone and speaks plainly.
#[derive(Default)]
pub(crate) struct Plan<'a> {
    /// The folder of its certificates, when it speaks TLS besides.
    pub(crate) certificates: Option<&'a Path>,
    /// The cluster that it is to join.
    pub(crate) family: Option<Family<'a>>,
}

/// What the nodes of a cluster share.
#[derive(Clone, Copy)]
pub(crate) struct Family<'a> {
    /// The port of their port mapper.
    pub(crate) mapper: u16,
    /// Their common secret.
    pub(crate) cookie: &'a str,
}

impl Node {
    /// Starts a node and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// When RabbitMQ is not installed or does not come up; the text says which, with the node's own last words.
    pub async fn start() -> Result<Self> {
        Self::start_with(Plan::default()).await
    }

    /// The same, which speaks TLS besides, to those who show a certificate: with `ca.pem`, `server.pem` and `server.key` of a folder.
    ///
    /// # Errors
    ///
    /// As [`Node::start`].
    pub async fn start_with_tls(certificates: &Path) -> Result<Self> {
        Self::start_with(Plan { certificates: Some(certificates), family: None }).await
    }

    pub(crate) async fn start_with(plan: Plan<'_>) -> Result<Self> {
        let programs = programs().context("rabbitmq-server is not installed")?;
        let home = tempfile::Builder::new().prefix("precision-rabbitmq-").tempdir()?;
        let [port, distribution, own_mapper, tls_port] = free_ports()?;
        let mapper = plan.family.map_or(own_mapper, |family| family.mapper);
        let config = home.path().join("rabbitmq.conf");
        let mut settings = format!("listeners.tcp.default = 127.0.0.1:{port}\n");
        if let Some(folder) = plan.certificates {
            let folder = folder.display();
            settings.push_str(&format!(
                "listeners.ssl.default = 127.0.0.1:{tls_port}\nssl_options.cacertfile = {folder}/ca.pem\nssl_options.certfile = {folder}/server.pem\n\
                 ssl_options.keyfile = {folder}/server.key\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n"
            ));
        }
        if let Some(family) = plan.family {
            // Who cannot see most of the others stops to serve, and comes back by itself.
            settings.push_str("cluster_partition_handling = pause_minority\n");
            let cookie = home.path().join(".erlang.cookie");
            std::fs::write(&cookie, family.cookie)?;
            std::fs::set_permissions(&cookie, std::os::unix::fs::PermissionsExt::from_mode(0o400))?;
        }
        std::fs::write(&config, settings)?;
        std::fs::write(home.path().join("enabled_plugins"), "[].\n")?;
        std::fs::write(home.path().join("env.conf"), "")?;
        let path = |name: &str| home.path().join(name).into_os_string();
        let environment: Vec<(&'static str, OsString)> = vec![
            ("HOME", home.path().into()),
            ("RABBITMQ_NODENAME", format!("precision-{}-{port}@localhost", std::process::id()).into()),
            ("RABBITMQ_NODE_PORT", port.to_string().into()),
            ("RABBITMQ_DIST_PORT", distribution.to_string().into()),
            ("ERL_EPMD_PORT", mapper.to_string().into()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            ("RABBITMQ_MNESIA_BASE", path("data")),
            ("RABBITMQ_LOG_BASE", path("log")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
            ("RABBITMQ_CONFIG_FILE", config.into_os_string()),
            ("RABBITMQ_CONF_ENV_FILE", path("env.conf")),
            ("RABBITMQ_PID_FILE", path("pid")),
            // Nodes of a cluster miss each other after five seconds instead of a minute.
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel net_ticktime 5".into()),
        ];
        let port_mapper = if plan.family.is_none() { port_mapper(mapper) } else { None };
        let (server, group) = serve(&programs, &environment, home.path())?;
        let tls_port = plan.certificates.map(|_| tls_port);
        let mut node = Self { server, group, _port_mapper: port_mapper, port, tls_port, programs, environment, home };
        node.wait_until_up().await?;
        Ok(node)
    }

    /// Where it takes connections.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its name among nodes.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.environment.iter().find(|(name, _)| *name == "RABBITMQ_NODENAME");
        name.map_or_else(String::new, |(_, value)| value.to_string_lossy().into_owned())
    }

    /// Kills it, as the end of its power would.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        self.signal("KILL");
        self.server.wait().await?;
        Ok(())
    }

    /// Starts it again over what it left behind, and waits until it takes connections.
    ///
    /// # Errors
    ///
    /// As [`Node::start`].
    pub async fn restart(&mut self) -> Result<()> {
        (self.server, self.group) = serve(&self.programs, &self.environment, self.home.path())?;
        self.wait_until_up().await
    }

    /// What tells one life of RabbitMQ on this node from the next; an error while it does not serve.
    ///
    /// # Errors
    ///
    /// As [`Node::control`].
    pub async fn life(&self) -> Result<String> {
        self.control(&["eval", "true = rabbit:is_running(), whereis(rabbit_sup)."]).await
    }

    /// Stops its time, or lets it go on: to everybody else it is cut off meanwhile.
    pub fn pause(&self, paused: bool) {
        self.signal(if paused { "STOP" } else { "CONT" });
    }

    /// Killing the start script alone would leave the node behind, so its whole group gets the signal.
    fn signal(&self, name: &str) {
        let signalling = format!("kill -s {name} -- -{}", self.group);
        let _ = std::process::Command::new("sh").args(["-c", &signalling]).stderr(Stdio::null()).status();
    }

    /// The address of a virtual host of this node.
    #[must_use]
    pub fn url(&self, user: &str, password: &str, vhost: &str) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{}/{}", self.port, vhost.replace('/', "%2f"))
    }

    /// The same through TLS: for a host name, up to the parameters.
    ///
    /// # Errors
    ///
    /// When it does not speak TLS.
    pub fn tls_url(&self, user: &str, password: &str, host: &str, vhost: &str) -> Result<String> {
        let port = self.tls_port.context("this node does not speak TLS")?;
        Ok(format!("amqps://{user}:{password}@{host}:{port}/{}", vhost.replace('/', "%2f")))
    }

    /// Runs `rabbitmqctl` against this node.
    ///
    /// # Errors
    ///
    /// When it fails, with what it said.
    pub async fn control(&self, arguments: &[&str]) -> Result<String> {
        let mut controlling = Command::new(self.programs.join("rabbitmqctl"));
        let output =
            quiet(&mut controlling).envs(self.environment.clone()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = output.output().await.context("rabbitmqctl cannot be run")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "rabbitmqctl {} failed: {said}{}",
            arguments.first().unwrap_or(&""),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(said)
    }

    /// Loads a definitions file.
    ///
    /// # Errors
    ///
    /// As [`Node::control`].
    pub async fn import_definitions(&self, definitions: &str) -> Result<()> {
        let file = self.home.path().join("definitions.json");
        std::fs::write(&file, definitions)?;
        let file = file.to_str().context("the temporary directory has an odd name")?;
        self.control(&["import_definitions", file]).await.map(drop)
    }

    /// The port opens last, when everything else of the node runs.
    async fn wait_until_up(&mut self) -> Result<()> {
        let address = ("127.0.0.1", self.port);
        let server = &mut self.server;
        let is_up = async || {
            if let Some(status) = server.try_wait()? {
                bail!("the node ended with {status}");
            }
            Ok(TcpStream::connect(address).await.is_ok())
        };
        until("the node comes up", START_DEADLINE, is_up)
            .await
            .with_context(|| format!("rabbitmq-server did not start; it said: {}", last_words(self.home.path())))
    }
}

impl Drop for Node {
    /// The files go after it.
    fn drop(&mut self) {
        self.signal("KILL");
    }
}

/// A port mapper. Started here, so that it ends with the test; otherwise a node leaves one behind as a daemon.
pub(crate) fn port_mapper(port: u16) -> Option<Child> {
    let mut mapping = Command::new("epmd");
    quiet(&mut mapping).env("ERL_EPMD_PORT", port.to_string()).env("ERL_EPMD_ADDRESS", "127.0.0.1").spawn().ok()
}

/// Starts the server, in a process group of its own.
fn serve(programs: &Path, environment: &[(&'static str, OsString)], home: &Path) -> Result<(Child, u32)> {
    let output = std::fs::File::create(home.join("output"))?;
    let mut serving = Command::new(programs.join("rabbitmq-server"));
    let server = quiet(&mut serving).envs(environment.iter().cloned()).stdout(output.try_clone()?).stderr(output);
    let server = server.process_group(0).spawn().context("rabbitmq-server cannot be run")?;
    let group = server.id().context("rabbitmq-server ended at once")?;
    Ok((server, group))
}

fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    DIRECTORIES
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .find(|directory| directory.join("rabbitmq-server").is_file())
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true)
}

/// Ports that were free a moment ago, all held at once so that they differ.
pub(crate) fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let (mut ports, mut listeners) = ([0; COUNT], Vec::new());
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

fn last_words(home: &Path) -> String {
    let output = std::fs::read_to_string(home.join("output")).unwrap_or_default();
    let lines: Vec<_> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join(" / ")
}
