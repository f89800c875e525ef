//! What an operator starts from, held against the programs and against itself: sample configurations, docker-compose.yml, Dockerfile, the broker's
//! definitions, and the script that makes keys and passwords.
//!
//! A failure is a sample that would not start, or one that shows a service more than its zone. tests/compose.sh brings all of it up.

mod compose;
mod sample;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::BASE64;
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::postgres::schema_name;
use topology::{Nihdi, Password, Topology, Vhost};

use compose::{Compose, Service};
use sample::{Sample, commented_setting};

/// The hospitals of the samples.
const HOSPITALS: [&str; 2] = ["00000196", "00000295"];

/// Services of docker-compose.yml that are none of the six. Each zone has a database, and each hospital a desk.
const BROKER: &str = "broker";
const SETUP: &str = "setup";
const STUDY: &str = "study";
const OPERATOR: &str = "operator";

/// What follows a zone's name in that of the network over which its APIs are published.
const EDGE: &str = "-edge";

const HEALTHY: &str = "service_healthy";

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
    let expected: Value = serde_json::from_str(&topology()?.definitions_json(|_| Some(Password::Later)))?;
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

/// Whoever looks at all zones stands in none, and has nothing of anybody's.
#[test]
fn who_shows_how_all_stand_is_in_no_zone() -> Result<()> {
    let compose = Compose::read()?;
    let operator = compose.service(OPERATOR)?;
    assert_eq!((operator.networks().len(), operator.network_mode.as_deref()), (0, Some("none")));
    ensure!(operator.volumes.is_empty(), "it mounts {:?}", operator.volumes);
    assert_eq!(operator.profiles, ["callers"]);
    Ok(())
}

#[test]
fn every_party_is_a_service_of_docker_compose_and_runs_its_own_program() -> Result<()> {
    let (compose, programs) = (Compose::read()?, programs()?);
    let mut expected: BTreeSet<String> = topology()?.users().iter().map(ToString::to_string).collect();
    expected.extend([BROKER, SETUP, STUDY, OPERATOR].map(str::to_owned));
    expected.extend(topology()?.vhosts().iter().map(database_of));
    expected.extend(HOSPITALS.map(|nihdi| format!("desk-{nihdi}")));
    assert_eq!(compose.services.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for sample in Sample::all()? {
        let (name, service) = (&sample.name, compose.service(&sample.name)?);
        let (program, file) = service.program().with_context(|| name.clone())?;
        assert_eq!(program, sample.user.actor().as_str(), "{name}");
        ensure!(programs.contains(program), "no crate builds {program}");
        assert_eq!((service.image.as_str(), service.user.as_deref()), ("precision", None), "{name}");
        let needed = BTreeMap::from([(BROKER.to_owned(), HEALTHY), (database_of(&sample.zone()), HEALTHY)]);
        assert_eq!(service.needs()?, needed, "{name}");
        let asking = ["CMD", program, "--config", file, "--health"];
        assert_eq!(service.asks()?, asking, "{name}");
        ensure!(
            sample.common.health.is_some_and(|address| address.ip().is_loopback()),
            "{name} does not say whether it is ready"
        );
    }
    for name in topology()?.vhosts().iter().map(database_of).chain([BROKER.to_owned()]) {
        let service = compose.service(&name)?;
        assert_eq!(service.needs()?, BTreeMap::from([(SETUP.to_owned(), "service_completed_successfully")]), "{name}");
        service.asks().with_context(|| format!("nobody would know when {name} is healthy"))?;
    }
    Ok(())
}

/// Nobody but root may write into an image or gain rights; only what makes the secrets and Debian's own servers starts as root.
#[test]
fn what_runs_our_image_has_no_rights() -> Result<()> {
    let compose = Compose::read()?;
    for (name, service) in compose.services.iter().filter(|(name, service)| service.image == "precision" && *name != SETUP) {
        ensure!(service.read_only, "{name} may write into its image");
        assert_eq!(
            (service.cap_drop.as_slice(), service.security_opt.as_slice()),
            (&["ALL".to_owned()][..], &["no-new-privileges:true".to_owned()][..]),
            "{name}"
        );
        ensure!(service.user.is_none(), "{name} runs as somebody special");
    }
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
        let networks = compose.service(&sample.name)?.networks().into_iter().filter(|name| !name.ends_with(EDGE));
        assert_eq!(networks.map(str::to_owned).collect::<BTreeSet<_>>(), zones, "the networks of {}", sample.name);
    }
    let zones: BTreeSet<String> = topology.vhosts().iter().map(ToString::to_string).collect();
    for (name, network) in &compose.networks {
        if network.internal {
            ensure!(zones.contains(name), "{name} is nobody's zone");
        } else {
            let zone = name.strip_suffix(EDGE).with_context(|| format!("the zone {name} reaches out"))?;
            ensure!(zones.contains(zone), "{name} is the edge of no zone");
            assert_eq!(
                network.driver_opts.get("com.docker.network.bridge.enable_ip_masquerade").map(String::as_str),
                Some("false")
            );
        }
    }
    ensure!(zones.iter().all(|zone| compose.networks.contains_key(zone)), "a zone has no network");
    let broker = compose.service(BROKER)?.networks().into_iter().map(str::to_owned);
    assert_eq!(broker.collect::<BTreeSet<_>>(), zones);
    for vhost in topology.vhosts() {
        assert_eq!(compose.service(&database_of(&vhost))?.networks(), BTreeSet::from([vhost.to_string().as_str()]));
    }
    let setup = compose.service(SETUP)?;
    assert_eq!((setup.networks().len(), setup.network_mode.as_deref()), (0, Some("none")));
    Ok(())
}

/// An API is reached on this machine only, over the edge of its zone, and by a caller that stands beside it with a token of its own.
#[test]
fn an_api_is_published_on_this_machine_only_and_has_its_callers() -> Result<()> {
    let (compose, mut published) = (Compose::read()?, BTreeSet::new());
    for sample in Sample::all()? {
        let (name, service) = (&sample.name, compose.service(&sample.name)?);
        let edge = format!("{}{EDGE}", sample.zone());
        assert_eq!(service.networks().contains(edge.as_str()), sample.has_api, "{name}");
        assert_eq!(service.ports.len(), usize::from(sample.has_api), "{name}");
        for port in &service.ports {
            let variable = name.replace('-', "_").to_uppercase();
            let number = port.strip_prefix(&format!("127.0.0.1:${{PORT_{variable}-"));
            let number = number.and_then(|rest| rest.strip_suffix("}:8080")).with_context(|| format!("{name}: {port}"))?;
            ensure!(published.insert(number.parse::<u16>()?), "two services at {number}");
        }
    }
    let parties: BTreeSet<String> = topology()?.users().iter().map(ToString::to_string).collect();
    for (name, service) in &compose.services {
        ensure!(service.ports.is_empty() || parties.contains(name), "{name} opens a zone to the outside");
    }
    let desks = HOSPITALS.map(|nihdi| (format!("desk-{nihdi}"), format!("hd4dp-{nihdi}"), format!("/hd4dp/{nihdi}")));
    for (caller, beside, path) in desks.into_iter().chain([(STUDY.to_owned(), "hd4res".to_owned(), "/hd4res".to_owned())]) {
        let service = compose.service(&caller)?;
        assert_eq!((service.networks().len(), service.network_mode.clone()), (0, Some(format!("service:{beside}"))), "{caller}");
        assert_eq!(
            (service.profiles.as_slice(), service.entrypoint.as_slice()),
            (&["callers".to_owned()][..], &["precision".to_owned()][..])
        );
        assert_eq!(service.volumes, [format!("{SECRETS}/callers/{caller}:/run/secrets:ro")], "{caller}");
        assert_eq!(service.environment.get("PRECISION_AT"), Some(&format!("http://127.0.0.1:8080{path}")), "{caller}");
        assert_eq!(service.needs()?, BTreeMap::from([(beside, HEALTHY)]), "{caller}");
    }
    Ok(())
}

#[test]
fn every_address_leads_to_the_zones_own_as_the_services_own_user() -> Result<()> {
    let compose = Compose::read()?;
    for sample in Sample::all()? {
        let name = &sample.name;
        for (vhost, broker) in &sample.brokers {
            let zone = vhost.to_string();
            assert_eq!(broker.url, format!("amqp://{name}@{}:5672/{zone}", compose.name_in(BROKER, &zone)?));
            assert_eq!(broker.password_file.as_deref(), Some(Path::new("/run/secrets/broker")), "{name}");
        }
        let (zone, role) = (sample.zone(), schema_name(name));
        let database = compose.name_in(&database_of(&zone), &zone.to_string())?;
        assert_eq!(sample.common.store, format!("postgres://{role}@{database}:5432/precision"), "{name}");
        assert_eq!(sample.common.store_password_file.as_deref(), Some(Path::new("/run/secrets/database")), "{name}");
    }
    Ok(())
}

/// Its configuration, its secrets, its own keys and the public ones, and what HD4DP leaves for the hospital; nothing of anybody else.
#[test]
fn a_service_mounts_what_is_its_own_and_nothing_else() -> Result<()> {
    let compose = Compose::read()?;
    let mut named: BTreeSet<String> = topology()?.vhosts().iter().map(database_of).chain([BROKER.to_owned()]).collect();
    for sample in Sample::all()? {
        let (name, service) = (&sample.name, compose.service(&sample.name)?);
        let (_, file) = service.program()?;
        let secrets = format!("{SECRETS}/services/{name}:/run/secrets:ro");
        let mut expected = BTreeSet::from([secrets, format!("./{}:{file}:ro", Sample::path(name))]);
        if let Some(keys) = &sample.common.keys {
            let mount = |folder: &str| format!("{SECRETS}/keys/{folder}:{}/{folder}:ro", keys.display());
            expected.extend([mount("public"), mount(name)]);
        }
        for left in &sample.leaves {
            ensure!(left.starts_with("/var/lib/precision"), "{name}: {} is gone with the container", left.display());
            expected.insert(format!("{name}:/var/lib/precision"));
            named.insert(name.clone());
        }
        assert_eq!(service.volumes.iter().cloned().collect::<BTreeSet<_>>(), expected, "{name}");
    }
    for vhost in topology()?.vhosts() {
        let (name, secrets) = (database_of(&vhost), format!("{SECRETS}/databases/{vhost}"));
        let cluster = compose.service(&name)?.environment.get("PGDATA").context("where the cluster is")?;
        ensure!(cluster.starts_with("/var/lib/postgresql/data/"), "{name}: the data are gone with the container");
        let data = format!("{name}:/var/lib/postgresql/data");
        let expected = [data, format!("{secrets}:/run/secrets:ro"), format!("{secrets}/init:/docker-entrypoint-initdb.d:ro")];
        assert_eq!(compose.service(&name)?.volumes, expected, "{name}");
    }
    assert_eq!(compose.volumes.keys().cloned().collect::<BTreeSet<_>>(), named);
    for source in compose.mounted().filter(|source| source.starts_with('.') && !source.starts_with(SECRETS)) {
        ensure!(repository().join(source).exists(), "{source} does not exist");
    }
    // A folder that is not there yet is made when it is mounted, and filled by the setup; for a file, a folder would be made too.
    for source in compose.mounted().filter(|source| source.starts_with(SECRETS)) {
        ensure!(Path::new(source).extension().is_none(), "{source} is mounted as a file");
    }
    Ok(())
}

#[test]
fn no_file_of_the_installation_holds_a_password() -> Result<()> {
    let compose = Compose::read()?;
    for (name, service) in &compose.services {
        // Everybody sees it who may inspect a container.
        let told: Vec<&str> = service.environment.keys().map(String::as_str).collect();
        let expected = ["PGDATA", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE", "PRECISION_AT", "PRECISION_TOKEN_FILE"];
        ensure!(told.iter().all(|variable| expected.contains(variable)), "{name} is told {told:?}");
    }
    for path in ["docker-compose.yml", "deploy/rabbitmq.conf", "deploy/Dockerfile"] {
        let text = read(path)?;
        ensure!(!text.contains("amqp://") && !text.contains("postgres://"), "{path} holds an address");
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let is_file = line.trim_start().starts_with("POSTGRES_PASSWORD_FILE: /run/secrets/");
            ensure!(is_file || !line.to_lowercase().contains("pass"), "{path}: {line}");
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

/// Read at every start of the broker, and by an operator into a running one. In two files, users and then their passwords, the first would take
/// away what the second gives, and whoever logs in between is refused.
#[test]
fn the_broker_loads_the_topology_and_the_passwords_from_one_file() -> Result<()> {
    let settings = read("deploy/rabbitmq.conf")?;
    let folder =
        settings.lines().find_map(|line| line.strip_prefix("load_definitions = ")).context("no definitions are loaded")?;
    let compose = Compose::read()?;
    let mounts = &compose.service(BROKER)?.volumes;
    for mount in [format!("{SECRETS}/broker:{folder}:ro"), "./deploy/rabbitmq.conf:/etc/rabbitmq/rabbitmq.conf:ro".to_owned()] {
        ensure!(mounts.contains(&mount), "the broker has no {mount}");
    }
    let secrets = tempfile::tempdir()?;
    let broker = secrets.path().join("broker");
    // What an earlier release left there has passwords as they are typed.
    fs::create_dir_all(&broker)?;
    for old in ["10-topology.json", "20-users.json"] {
        fs::write(broker.join(old), "{}")?;
    }
    make_secrets(secrets.path())?;
    let names = fs::read_dir(&broker)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    assert_eq!(names.collect::<Result<Vec<_>>>()?, ["definitions.json"]);
    let mut loaded: Value = serde_json::from_slice(&fs::read(broker.join("definitions.json"))?)?;
    for user in loaded["users"].as_array_mut().into_iter().flatten() {
        ensure!(user["password_hash"].take() != "", "{} has no password", user["name"]);
        user["password_hash"] = Value::from("");
    }
    assert_eq!(loaded, serde_json::from_str::<Value>(&read("deploy/definitions.json")?)?);
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
    assert_eq!(first("FROM"), ["rust:1.95-slim-trixie", "debian:trixie-slim"]);
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
    // A caller's image is there, since the service beside it runs.
    let is_built = |service: &Service| service.image == "precision" && service.profiles.is_empty();
    for (name, service) in Compose::read()?.services.iter().filter(|(_, service)| is_built(service)) {
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
    let mut count = 0;
    for path in compose.mounted().filter_map(|path| path.strip_prefix(SECRETS)) {
        let is_filled = fs::read_dir(made.join(path.trim_start_matches('/'))).is_ok_and(|mut files| files.next().is_some());
        ensure!(is_filled, "{path} is mounted and not made");
        count += 1;
    }
    ensure!(count > compose.services.len(), "no mounted secret was found");
    for sample in Sample::all()? {
        let given = made.join("services").join(&sample.name);
        ensure!(given.join("tokens.toml").exists() == sample.has_api, "the tokens of {}", sample.name);
        check_passwords(&made, &sample)?;
    }

    let everything = |folder: &Path| -> Result<BTreeMap<PathBuf, Vec<u8>>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.clone(), fs::read(&path)?);
                }
            }
        }
        Ok(files)
    };
    let before = everything(&made)?;
    make_secrets(&made)?;
    ensure!(everything(&made)? == before, "a second call changed something");

    // What an interrupted call, or an operator, took away is made again, and known where it must be.
    let gone = ["services/hd4res/broker", "services/hd4res/database", "services/hd4res/tokens.toml", "broker/definitions.json"];
    for file in gone {
        fs::remove_file(made.join(file))?;
    }
    make_secrets(&made)?;
    let after = everything(&made)?;
    ensure!(gone.iter().all(|file| after.get(&made.join(file)) != before.get(&made.join(file))), "an old secret came back");
    let changed: BTreeSet<&str> = after
        .iter()
        .filter(|(path, bytes)| before.get(*path) != Some(bytes))
        .filter_map(|(path, _)| path.strip_prefix(&made).ok()?.to_str())
        .collect();
    let expected = gone.into_iter().chain(["callers/study/caller.toml", "databases/hd/init/roles.sql"]);
    assert_eq!(changed, expected.collect());
    check_passwords(&made, &Sample::all()?.into_iter().find(|sample| sample.name == "hd4res").context("hd4res")?)
}

/// A service's passwords are long, and broker and database know them.
fn check_passwords(made: &Path, sample: &Sample) -> Result<()> {
    let name = &sample.name;
    let password = |file: &str| fs::read_to_string(made.join("services").join(name).join(file));
    let (broker, database) = (password("broker")?, password("database")?);
    ensure!(broker.len() == 48 && database.len() == 48 && broker != database, "the passwords of {name} are short");
    let definitions: Value = serde_json::from_slice(&fs::read(made.join("broker/definitions.json"))?)?;
    let user = definitions["users"].as_array().into_iter().flatten().find(|user| user["name"] == name.as_str());
    let hash = user.context("a user")?["password_hash"].as_str().context("a hash")?;
    let bytes = BASE64.decode(hash.as_bytes())?;
    let (salt, hashed) = bytes.split_at(4);
    ensure!(Sha256::new().chain_update(salt).chain_update(&broker).finalize()[..] == *hashed, "the broker does not know {name}");
    let roles = fs::read_to_string(made.join(format!("databases/{}/init/roles.sql", sample.zone())))?;
    let line = format!("ALTER ROLE {} PASSWORD '{database}';", schema_name(name));
    ensure!(roles.lines().any(|there| there == line), "the database does not know {name}");
    let elsewhere = topology()?
        .vhosts()
        .iter()
        .filter(|zone| **zone != sample.zone())
        .map(|zone| Ok(fs::read_to_string(made.join(format!("databases/{zone}/init/roles.sql")))?.contains(&schema_name(name))))
        .collect::<Result<Vec<bool>>>()?;
    ensure!(!elsewhere.contains(&true), "{name} is known in another zone");
    Ok(())
}

/// The name of a zone's database in docker-compose.yml.
fn database_of(zone: &Vhost) -> String {
    format!("database-{zone}")
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
