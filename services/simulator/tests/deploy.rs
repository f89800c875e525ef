//! What an operator starts from, held against the programs and against itself: sample configurations, docker-compose.yml, Dockerfile, the broker's
//! definitions, and the script that makes keys and passwords.
//!
//! A failure is a sample that would not start, or one that shows a service more than its zone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use host::config::{BrokerSettings, Common};
use host::{Settings, stand_alone};
use serde::Deserialize;
use serde_json::Value;
use topology::{Actor, Nihdi, Topology, User, Vhost};

/// The hospitals of the samples.
const HOSPITALS: [&str; 2] = ["00000196", "00000295"];

/// Services of docker-compose.yml that are none of the six.
const BROKER: &str = "broker";
const SETUP: &str = "setup";

/// Folder that keys and passwords are made in.
const SECRETS: &str = "./deploy/secrets";

#[test]
fn every_party_has_a_sample_that_its_service_reads_and_there_is_no_other() -> Result<()> {
    let read: BTreeSet<String> = Sample::all()?.into_iter().map(|sample| format!("{}.toml", sample.name)).collect();
    let there: BTreeSet<String> = fs::read_dir(repository().join("deploy/config"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    assert_eq!(read, there);
    Ok(())
}

/// A misspelt setting must not be passed over, in whichever table it stands; and every setting that is commented out can be used.
#[test]
fn a_sample_takes_its_commented_settings_and_no_unknown_ones() -> Result<()> {
    for user in topology()?.users() {
        let text = read(&Sample::path(&user.to_string()))?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("service.toml");
        let all: Vec<&str> = text.lines().map(|line| commented_setting(line).unwrap_or(line)).collect();
        fs::write(&file, all.join("\n"))?;
        let sample = Sample::from(&user, &file).with_context(|| format!("{user} with all settings"))?;
        ensure!(sample.brokers.iter().any(|(_, broker)| broker.prefix.is_some()), "{user}: no commented setting was found");

        let tables = all.iter().enumerate().filter(|(_, line)| line.starts_with('[')).map(|(index, _)| index + 1);
        for place in std::iter::once(0).chain(tables) {
            let mut with_unknown = all.clone();
            with_unknown.insert(place, "shiny = 1");
            fs::write(&file, with_unknown.join("\n"))?;
            let Err(error) = Sample::from(&user, &file) else { bail!("{user} takes an unknown setting in line {}", place + 1) };
            ensure!(format!("{error:#}").contains("shiny"), "{user}: {error:#}");
        }
    }
    Ok(())
}

#[test]
fn the_hospitals_samples_differ_in_nothing_but_the_number() -> Result<()> {
    let [first, second] = HOSPITALS;
    for service in ["hd4dp", "ehbox-hco"] {
        let (one, other) = (Sample::path(&format!("{service}-{first}")), Sample::path(&format!("{service}-{second}")));
        assert_eq!(read(&one)?.replace(first, second), read(&other)?);
    }
    Ok(())
}

#[test]
fn the_brokers_definitions_are_those_of_the_topology() -> Result<()> {
    let expected: Value = serde_json::from_str(&topology()?.definitions_json(|_| None))?;
    let file: Value = serde_json::from_str(&read("deploy/definitions.json")?)?;
    ensure!(
        file == expected,
        "deploy/definitions.json is old: `precision topology definitions > deploy/definitions.json` makes it new"
    );
    let printed = Command::new(env!("CARGO_BIN_EXE_precision")).args(["topology", "definitions"]).output()?;
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout)?, expected);
    Ok(())
}

#[test]
fn the_databases_roles_are_those_of_the_parties() -> Result<()> {
    let printed = Command::new(env!("CARGO_BIN_EXE_precision")).args(["topology", "roles"]).output()?;
    ensure!(
        read("deploy/postgres.sql")? == String::from_utf8(printed.stdout)?,
        "deploy/postgres.sql is old: `precision topology roles > deploy/postgres.sql` makes it new"
    );
    Ok(())
}

#[test]
fn every_party_is_a_service_of_docker_compose_and_runs_its_own_program() -> Result<()> {
    let (compose, programs) = (Compose::read()?, programs()?);
    let mut expected: BTreeSet<String> = topology()?.users().iter().map(ToString::to_string).collect();
    expected.extend([BROKER.to_owned(), SETUP.to_owned()]);
    assert_eq!(compose.services.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for sample in Sample::all()? {
        let service = compose.service(&sample.name)?;
        let (program, _) = service.program().with_context(|| sample.name.clone())?;
        assert_eq!(program, sample.user.actor().as_str(), "{}", sample.name);
        ensure!(programs.contains(program), "no crate builds {program}");
        assert_eq!((service.image.as_str(), service.user.as_deref()), ("precision", None), "{}", sample.name);
        assert_eq!(service.depends_on[BROKER]["condition"], "service_healthy", "{}", sample.name);
    }
    ensure!(compose.service(BROKER)?.healthcheck.is_some(), "nobody would know when the broker is healthy");
    Ok(())
}

#[test]
fn a_service_is_attached_to_exactly_the_zones_that_it_may_see() -> Result<()> {
    let (compose, topology) = (Compose::read()?, topology()?);
    for sample in Sample::all()? {
        let permissions = topology.permissions().iter().filter(|own| *own.user() == sample.user);
        let zones: BTreeSet<String> = permissions.map(|own| own.vhost().to_string()).collect();
        let configured: BTreeSet<String> = sample.brokers.iter().map(|(vhost, _)| vhost.to_string()).collect();
        assert_eq!(configured, zones, "the brokers of {}", sample.name);
        let networks: BTreeSet<String> = compose.service(&sample.name)?.networks().into_iter().map(str::to_owned).collect();
        assert_eq!(networks, zones, "the networks of {}", sample.name);
    }
    let all: BTreeSet<String> = topology.vhosts().iter().map(ToString::to_string).collect();
    assert_eq!(compose.networks.keys().cloned().collect::<BTreeSet<_>>(), all);
    for (name, network) in &compose.networks {
        ensure!(network.internal, "the zone {name} reaches out");
    }
    let broker = compose.service(BROKER)?.networks().into_iter().map(str::to_owned);
    assert_eq!(broker.collect::<BTreeSet<_>>(), all);
    let setup = compose.service(SETUP)?;
    assert_eq!((setup.networks().len(), setup.network_mode.as_deref()), (0, Some("none")));
    for (name, service) in &compose.services {
        ensure!(service.ports.is_empty(), "{name} opens a zone to the outside");
    }
    Ok(())
}

#[test]
fn every_address_leads_to_the_zones_broker_as_the_services_own_user() -> Result<()> {
    let compose = Compose::read()?;
    for sample in Sample::all()? {
        let name = &sample.name;
        for (vhost, broker) in &sample.brokers {
            let zone = vhost.to_string();
            assert_eq!(broker.url, format!("amqp://{name}@{}:5672/{zone}", compose.broker_in(&zone)?));
            assert_eq!(broker.password_file, Some(Path::new("/run/secrets").join(name)), "{name}");
        }
        assert_eq!(compose.service(name)?.secrets, [name.as_str()]);
        let file = compose.secrets.get(name).map(|secret| secret.file.clone());
        assert_eq!(file, Some(format!("{SECRETS}/passwords/{name}")));
    }
    assert_eq!(compose.secrets.len(), topology()?.users().len());
    Ok(())
}

/// Its configuration, its store, its own keys and the public ones; nothing of anybody else.
#[test]
fn a_service_mounts_what_is_its_own_and_nothing_else() -> Result<()> {
    let compose = Compose::read()?;
    let mut named = BTreeSet::from([BROKER.to_owned()]);
    for sample in Sample::all()? {
        let (name, service) = (&sample.name, compose.service(&sample.name)?);
        let (_, file) = service.program()?;
        let store = &sample.common.store;
        let mut expected = BTreeSet::from([format!("{name}:{store}"), format!("./{}:{file}:ro", Sample::path(name))]);
        if let Some(keys) = &sample.common.keys {
            let mount = |folder: &str| format!("{SECRETS}/keys/{folder}:{}/{folder}:ro", keys.display());
            expected.extend([mount("public"), mount(name)]);
        }
        assert_eq!(service.volumes.iter().cloned().collect::<BTreeSet<_>>(), expected, "{name}");
        if let Some(reports) = &sample.reports {
            ensure!(reports.starts_with(&sample.common.store), "{name}: the reports are gone with the container");
        }
        named.insert(name.clone());
    }
    assert_eq!(compose.volumes.keys().cloned().collect::<BTreeSet<_>>(), named);
    for source in compose.mounted().filter(|source| source.starts_with('.') && !source.starts_with(SECRETS)) {
        ensure!(repository().join(source).exists(), "{source} does not exist");
    }
    Ok(())
}

#[test]
fn no_file_of_the_installation_holds_a_password() -> Result<()> {
    let compose = Compose::read()?;
    for (name, service) in &compose.services {
        ensure!(service.environment.is_none(), "{name} has an environment, which everybody sees who may inspect a container");
    }
    for path in ["docker-compose.yml", "deploy/rabbitmq.conf", "deploy/Dockerfile"] {
        let text = read(path)?;
        ensure!(!text.contains("amqp://"), "{path} holds an address");
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let is_path = line.contains("deploy/secrets/passwords/");
            ensure!(is_path || !line.to_lowercase().contains("pass"), "{path}: {line}");
        }
    }
    for sample in Sample::all()? {
        for (_, broker) in &sample.brokers {
            let user = broker.url.split("://").nth(1).and_then(|rest| rest.split('@').next());
            assert_eq!(user, Some(sample.name.as_str()), "an address of {} holds more than a user", sample.name);
        }
    }
    let definitions: Value = serde_json::from_str(&read("deploy/definitions.json")?)?;
    for user in definitions["users"].as_array().into_iter().flatten() {
        assert_eq!((user.get("password"), &user["password_hash"]), (None, &Value::from("")), "{}", user["name"]);
    }
    for (file, line) in [("deploy/.gitignore", "/secrets"), (".dockerignore", "deploy/secrets")] {
        ensure!(read(file)?.lines().any(|there| there == line), "{file} lets secrets through");
    }
    Ok(())
}

/// Read at every start of the broker: the topology first, then the passwords, which it would otherwise take away.
#[test]
fn the_broker_loads_the_topology_and_then_the_passwords() -> Result<()> {
    let settings = read("deploy/rabbitmq.conf")?;
    let folder =
        settings.lines().find_map(|line| line.strip_prefix("load_definitions = ")).context("no definitions are loaded")?;
    let compose = Compose::read()?;
    let mounts = &compose.service(BROKER)?.volumes;
    let mut loaded: Vec<(&str, &str)> = Vec::new();
    for mount in mounts {
        let (source, rest) = mount.split_once(':').context("a mount")?;
        if let Some(name) = rest.strip_suffix(":ro").and_then(|target| target.strip_prefix(&format!("{folder}/"))) {
            loaded.push((name, source));
        }
    }
    loaded.sort_unstable();
    let sources: Vec<&str> = loaded.iter().map(|(_, source)| *source).collect();
    assert_eq!(sources, ["./deploy/definitions.json", &format!("{SECRETS}/users.json")]);
    let has_settings = mounts.iter().any(|mount| mount == "./deploy/rabbitmq.conf:/etc/rabbitmq/rabbitmq.conf:ro");
    ensure!(has_settings, "the broker has no settings");
    Ok(())
}

#[test]
fn the_image_holds_every_program_and_runs_as_nobody_special() -> Result<()> {
    let text = read("deploy/Dockerfile")?.replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let instructions: Vec<(&str, Vec<&str>)> = lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.collect()))
        })
        .collect();
    let arguments = |wanted: &str| -> Vec<&[&str]> {
        instructions.iter().filter(|(instruction, _)| *instruction == wanted).map(|(_, words)| words.as_slice()).collect()
    };
    let first = |wanted: &str| arguments(wanted).iter().filter_map(|words| words.first().copied()).collect::<Vec<_>>();
    assert_eq!(first("FROM"), ["rust:1.95-slim-bookworm", "debian:bookworm-slim"]);
    assert_eq!(first("USER"), ["precision"]);
    let copies = arguments("COPY");
    let [_, sources @ .., target] = copies.iter().find(|words| words[0] == "--from=build").context("nothing is built")? else {
        bail!("nothing is copied from the build")
    };
    assert_eq!(*target, "/usr/local/bin/");
    let copied = sources.iter().map(|path| path.trim_start_matches("/src/target/release/").to_owned());
    assert_eq!(copied.collect::<BTreeSet<_>>(), programs()?);
    for buildkit in ["--mount", "--link", "--chmod", "<<"] {
        ensure!(!text.contains(buildkit), "{buildkit} needs BuildKit");
    }
    for (name, service) in Compose::read()?.services.iter().filter(|(_, service)| service.image == "precision") {
        let build = service.build.as_ref().with_context(|| format!("nobody builds the image of {name}"))?;
        assert_eq!((&build["context"], &build["dockerfile"]), (&Value::from("."), &Value::from("deploy/Dockerfile")), "{name}");
    }
    Ok(())
}

/// What the script makes is what docker-compose.yml mounts and what the broker knows; a second call changes nothing.
#[test]
fn the_setup_makes_every_secret_that_is_mounted_once() -> Result<()> {
    let compose = Compose::read()?;
    let setup = compose.service(SETUP)?;
    assert_eq!(setup.command, ["sh", "/make-secrets.sh", "/secrets", HOSPITALS[0], HOSPITALS[1]]);
    assert_eq!(setup.volumes, ["./deploy/make-secrets.sh:/make-secrets.sh:ro".to_owned(), format!("{SECRETS}:/secrets")]);

    let folder = tempfile::tempdir()?;
    let made = folder.path().join("secrets");
    make_secrets(&made)?;
    let files = compose.secrets.values().map(|secret| secret.file.as_str());
    let mut count = 0;
    for path in compose.mounted().chain(files).filter_map(|path| path.strip_prefix(SECRETS)) {
        ensure!(made.join(path.trim_start_matches('/')).exists(), "{path} is mounted and not made");
        count += 1;
    }
    ensure!(count > compose.secrets.len(), "no mounted secret was found");

    let users = fs::read_to_string(made.join("users.json"))?;
    let document: Value = serde_json::from_str(&users)?;
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for user in document["users"].as_array().into_iter().flatten() {
        known.insert(user["name"].as_str().context("a name")?, user["password"].as_str().context("a password")?);
    }
    for user in topology()?.users() {
        let password = fs::read_to_string(made.join("passwords").join(user.to_string()))?;
        ensure!(password.len() == 48, "the password of {user} is short");
        assert_eq!(known.remove(user.to_string().as_str()), Some(password.as_str()), "{user}");
    }
    ensure!(known.is_empty(), "the broker would know {:?} too", known.keys());

    let key = made.join("keys/ehealth-ttp/handle.key");
    let before = fs::read(&key)?;
    make_secrets(&made)?;
    ensure!(fs::read_to_string(made.join("users.json"))? == users && fs::read(&key)? == before, "a second call made new secrets");
    Ok(())
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(repository().join(path)).with_context(|| format!("read {path}"))
}

fn topology() -> Result<Topology> {
    let hospitals: Vec<Nihdi> = HOSPITALS.iter().map(|nihdi| nihdi.parse()).collect::<Result<_, _>>()?;
    Ok(Topology::for_hospitals(&hospitals))
}

/// Names of the programs that this repository builds.
fn programs() -> Result<BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(cargo).args(arguments).current_dir(repository()).output()?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let programs = targets.filter(|target| target["kind"] == serde_json::json!(["bin"]));
    Ok(programs.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect())
}

fn make_secrets(folder: &Path) -> Result<()> {
    let own = Path::new(env!("CARGO_BIN_EXE_precision")).parent().context("the program's folder")?.to_path_buf();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&others)))?;
    let mut making = Command::new("sh");
    making.arg(repository().join("deploy/make-secrets.sh")).arg(folder).args(HOSPITALS).env("PATH", path);
    let output = making.output()?;
    ensure!(output.status.success(), "make-secrets.sh failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The setting of a line such as `# prefix = "trial"`, or the table of one such as `# [api]`, and not a sentence.
fn commented_setting(line: &str) -> Option<&str> {
    let setting = line.strip_prefix("# ")?;
    if setting.starts_with('[') && setting.ends_with(']') {
        return Some(setting);
    }
    let (name, _) = setting.split_once(" = ")?;
    (!name.contains(' ')).then_some(setting)
}

/// A sample configuration, as far as all services have the same.
struct Sample {
    name: String,
    user: User,
    common: Common,
    brokers: Vec<(Vhost, BrokerSettings)>,
    reports: Option<PathBuf>,
}

impl Sample {
    fn path(name: &str) -> String {
        format!("deploy/config/{name}.toml")
    }

    fn all() -> Result<Vec<Self>> {
        let of = |user: &User| {
            let path = Self::path(&user.to_string());
            Self::from(user, &repository().join(&path)).context(path)
        };
        topology()?.users().iter().map(of).collect()
    }

    /// Reads a file with the type of the user's service.
    fn from(user: &User, path: &Path) -> Result<Self> {
        let (found, common, brokers, reports) = match user.actor() {
            Actor::Hd4dp => {
                let config: hd4dp::config::Config = stand_alone::load(path)?;
                check_api(config.api.as_ref(), &format!("/hd4dp/{}", config.nihdi))?;
                let broker = (Vhost::Hospital(config.nihdi), config.broker.hospital.clone());
                (user_of(&config), config.common, vec![broker], Some(config.uploads.reports))
            }
            Actor::EhboxHco => {
                let config: ehbox_hco::config::Config = stand_alone::load(path)?;
                let hospital = (Vhost::Hospital(config.nihdi), config.broker.hospital.clone());
                (user_of(&config), config.common, vec![hospital, (Vhost::EHealth, config.broker.ehealth)], None)
            }
            Actor::EhealthTtp => {
                let config: ehealth_ttp::config::Config = stand_alone::load(path)?;
                (user_of(&config), config.common, vec![(Vhost::EHealth, config.broker.ehealth)], None)
            }
            Actor::EhboxHd => {
                let config: ehbox_hd::config::Config = stand_alone::load(path)?;
                let ehealth = (Vhost::EHealth, config.broker.ehealth.clone());
                (user_of(&config), config.common, vec![ehealth, (Vhost::Hd, config.broker.hd)], None)
            }
            Actor::Hd4res => {
                let config: hd4res::config::Config = stand_alone::load(path)?;
                check_api(config.api.as_ref(), "/hd4res")?;
                (user_of(&config), config.common, vec![(Vhost::Hd, config.broker.hd)], None)
            }
            Actor::Dhw => {
                let config: dhw::config::Config = stand_alone::load(path)?;
                check_api(config.api.as_ref(), "/dhw")?;
                (user_of(&config), config.common, vec![(Vhost::Hd, config.broker.hd)], None)
            }
        };
        ensure!(found == *user, "it is {found}'s");
        Ok(Self { name: user.to_string(), user: found, common, brokers, reports })
    }
}

/// Where there is an API, nobody reaches it from outside without something in front, and its tokens are a secret of their own.
fn check_api(api: Option<&web::Settings>, base_path: &str) -> Result<()> {
    let Some(api) = api else { return Ok(()) };
    ensure!(api.address.ip().is_loopback(), "its API listens at {}", api.address);
    ensure!(api.base_path()? == base_path, "its API does not stand below {base_path}");
    ensure!(api.tokens.starts_with("/run/secrets"), "its tokens are no secret: {}", api.tokens.display());
    Ok(())
}

fn user_of<S: Settings>(settings: &S) -> User {
    S::ACTOR.user(settings.nihdi())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compose {
    #[serde(rename = "x-service")]
    _service: serde::de::IgnoredAny,
    services: BTreeMap<String, Service>,
    networks: BTreeMap<String, Network>,
    secrets: BTreeMap<String, Secret>,
    volumes: BTreeMap<String, Option<Value>>,
}

#[derive(Deserialize)]
struct Service {
    image: String,
    build: Option<Value>,
    #[serde(default)]
    command: Vec<String>,
    networks: Option<Networks>,
    network_mode: Option<String>,
    #[serde(default)]
    volumes: Vec<String>,
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
    user: Option<String>,
    environment: Option<Value>,
    healthcheck: Option<Value>,
    #[serde(default)]
    depends_on: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Networks {
    Plain(Vec<String>),
    WithAliases(BTreeMap<String, BTreeMap<String, Vec<String>>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    internal: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    file: String,
}

impl Compose {
    fn read() -> Result<Self> {
        serde_saphyr::from_str(&read("docker-compose.yml")?).context("understand docker-compose.yml")
    }

    fn service(&self, name: &str) -> Result<&Service> {
        self.services.get(name).with_context(|| format!("docker-compose.yml has no service {name}"))
    }

    /// What is mounted, of the machine's files and of the volumes.
    fn mounted(&self) -> impl Iterator<Item = &str> {
        self.services.values().flat_map(|service| &service.volumes).filter_map(|mount| mount.split(':').next())
    }

    /// The name by which the broker is known in a network.
    fn broker_in(&self, network: &str) -> Result<&str> {
        let Some(Networks::WithAliases(networks)) = &self.service(BROKER)?.networks else {
            bail!("the broker has no names in its networks");
        };
        let aliases = networks.get(network).and_then(|network| network.get("aliases"));
        let name = aliases.and_then(|aliases| aliases.first());
        name.map(String::as_str).with_context(|| format!("the broker has no name in {network}"))
    }
}

impl Service {
    fn networks(&self) -> BTreeSet<&str> {
        match &self.networks {
            None => BTreeSet::new(),
            Some(Networks::Plain(names)) => names.iter().map(String::as_str).collect(),
            Some(Networks::WithAliases(networks)) => networks.keys().map(String::as_str).collect(),
        }
    }

    /// The program and the configuration file that it is given.
    fn program(&self) -> Result<(&str, &str)> {
        match self.command.as_slice() {
            [program, option, file] if option == "--config" => Ok((program, file)),
            other => bail!("expected a program with --config and a file, found {other:?}"),
        }
    }
}
