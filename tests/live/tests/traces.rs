//! Traces of the real thing: processes on RabbitMQ that each send theirs to the collector of their zone, and all services in one process.
//!
//! A failure is a trace that goes over a border, one that is broken inside a zone, or a patient in what a collector was sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use lapin::{
    Connection, ConnectionProperties,
    options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use live::{
    installation::{HOSPITALS, Installation, Service},
    programs,
};
use testkit::{Collector, Node, Span};
use tokio::process::Command;
use topology::{Arrow, Nihdi, Zone};

/// Registrations of each hospital.
const ROWS: u64 = 20;
/// So that there are several publications.
const PUBLICATION_SIZE: u64 = 5;

/// The hospital whose collector is away. Its registrations pass all the same.
const WITHOUT_COLLECTOR: &str = HOSPITALS[1];

/// Services with an API, and what a caller may ask for there.
const APIS: [(&str, &str); 3] =
    [("hd4dp-00000196", "/hd4dp/00000196/registrations"), ("hd4res", "/hd4res/records"), ("dhw", "/dhw/registers")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_zone_has_its_own_traces_and_none_goes_over_a_border() -> Result<()> {
    let programs = programs().await?;
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let mut installation = Installation::prepare(programs, &node, PUBLICATION_SIZE).await?;
    let collectors = Collectors::start().await?;
    collectors.are_told_to(&mut installation)?;
    let outcome = as_processes(&installation, &node, &collectors).await;
    outcome.with_context(|| installation.last_words())
}

/// A collector for each zone.
struct Collectors {
    hospital: Collector,
    ehealth: Collector,
    hd: Collector,
}

impl Collectors {
    async fn start() -> Result<Self> {
        Ok(Self { hospital: Collector::start().await?, ehealth: Collector::start().await?, hd: Collector::start().await? })
    }

    fn are_told_to(&self, installation: &mut Installation) -> Result<()> {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        for service in ["hd4dp-00000295", "ehbox-hco-00000295"] {
            installation.send_traces(service, &format!("http://{nobody}"));
        }
        for service in ["hd4dp-00000196", "ehbox-hco-00000196"] {
            installation.send_traces(service, self.hospital.address());
        }
        installation.send_traces("ehealth-ttp", self.ehealth.address());
        for service in ["ehbox-hd", "hd4res", "dhw"] {
            installation.send_traces(service, self.hd.address());
        }
        Ok(())
    }

    fn all(&self) -> [(Zone, &Collector); 3] {
        [(Zone::Hospital, &self.hospital), (Zone::EHealth, &self.ehealth), (Zone::Hd, &self.hd)]
    }
}

async fn as_processes(installation: &Installation, node: &Node, collectors: &Collectors) -> Result<()> {
    let listening = Listening::at_the_border(node).await?;
    let mut services: Vec<Service> = Vec::new();
    for name in ["ehbox-hco-00000196", "ehbox-hco-00000295", "ehealth-ttp", "ehbox-hd", "dhw", "hd4res"] {
        services.push(installation.start(name, &[]).await?);
    }
    for (nihdi, register) in HOSPITALS.iter().zip(["Precision_Local_MAB", "Precision_Treatment"]) {
        services.push(installation.upload(nihdi, register, ROWS).await?);
    }
    installation.all_arrive(ROWS).await?;
    for (name, path) in APIS {
        let (head, _) = installation.look(name, "\"listening\"", path).await?;
        ensure!(head.contains(" 401 "), "{name} lets everybody look: {head}");
    }
    // Whoever stops sends what it has.
    for service in services {
        service.stop().await?;
    }
    let headers = listening.headers().await?;
    ensure!(headers.len() >= 2 * 4 * 2, "only {} publications passed the border", headers.len());
    ensure!(headers.iter().all(Option::is_none), "something stands beside what passes the border: {headers:?}");
    let complaint = "the collector takes no traces";
    for service in ["hd4dp", "ehbox-hco"] {
        let times = installation.times_said(&format!("{service}-{WITHOUT_COLLECTOR}"), complaint)?;
        ensure!(times == 1, "{service} complained {times} times of its collector");
    }

    // Nothing that tells one of many apart is told in two zones.
    let (mut traces, mut publications): (BTreeMap<Vec<u8>, Zone>, BTreeMap<String, Zone>) = Default::default();
    for (zone, collector) in collectors.all() {
        let spans = collector.spans()?;
        ensure!(!spans.is_empty(), "the collector of {} was sent nothing", zone.as_str());
        ensure!(spans.iter().all(|span| span.zone == zone.as_str()), "spans of another zone are at {}", zone.as_str());
        ensure!(spans.iter().all(|span| span.links.is_empty()), "a span of {} has a link", zone.as_str());
        is_whole(&spans)?;
        for span in spans {
            let known = traces.insert(span.trace, zone);
            ensure!(known.is_none_or(|known| known == zone), "a trace goes over the border of {}", zone.as_str());
            let Some(publication) = span.attributes.get("messaging.message.id") else { continue };
            let known = publications.insert(publication.clone(), zone);
            ensure!(known.is_none_or(|known| known == zone), "a publication is told on both sides of {}", zone.as_str());
        }
        ensure!(zone == Zone::EHealth || publications.values().any(|of| *of == zone), "no publication is told of");
        tells_of_no_patient(collector, &[installation.top().join(format!("{}.csv", HOSPITALS[0]))])?;
    }
    for ((name, path), collector) in APIS.into_iter().zip([&collectors.hospital, &collectors.hd, &collectors.hd]) {
        let is_look = |span: &Span| span.service == name && path.ends_with(span.name.trim_start_matches("GET "));
        ensure!(collector.spans()?.iter().any(is_look), "{name} does not tell that it answered");
    }
    let hospital: Nihdi = HOSPITALS[0].parse()?;
    within_zones(&collectors.hospital.spans()?, &[Arrow::HandOver, Arrow::ToTtp], &hospital)?;
    within_zones(&collectors.hospital.spans()?, &[Arrow::ToHco, Arrow::ToHd4dp], &hospital)?;
    within_zones(&collectors.ehealth.spans()?, &[Arrow::ToTtp, Arrow::ToHd], &hospital)?;
    within_zones(&collectors.ehealth.spans()?, &[Arrow::ToTtpBack, Arrow::ToHco], &hospital)?;
    within_zones(&collectors.hd.spans()?, &[Arrow::ToHd, Arrow::ToHd4res, Arrow::ToDhw, Arrow::Verdicts], &hospital)?;
    within_zones(&collectors.hd.spans()?, &[Arrow::ToHd, Arrow::ToHd4res, Arrow::FeedbackOut, Arrow::ToTtpBack], &hospital)
}

/// Every span whose trace goes on has what it is part of beside it.
fn is_whole(spans: &[Span]) -> Result<()> {
    let ids: BTreeSet<(&[u8], &[u8])> = spans.iter().map(|span| (span.trace.as_slice(), span.id.as_slice())).collect();
    for span in spans.iter().filter(|span| !span.parent.is_empty()) {
        ensure!(ids.contains(&(&span.trace, &span.parent)), "{} is part of a span that nobody has", span.name);
    }
    Ok(())
}

/// These arrows follow each other in one trace: what is sent on the second is sent for what was read on the first, and so on. The trace begins with the first arrow's
/// sending, or with its reading where it comes from another zone; it ends with the last one's reading, or its sending.
fn within_zones(spans: &[Span], arrows: &[Arrow], hospital: &Nihdi) -> Result<()> {
    let names = arrows.iter().flat_map(|arrow| {
        let queue = arrow.queue(Some(hospital));
        [format!("send {queue}"), format!("process {queue}")]
    });
    let mut names: Vec<String> = names.collect();
    let ends = |arrow: Option<&Arrow>| arrow.is_some_and(|arrow| arrow.crosses_border());
    if ends(arrows.first()) {
        names.remove(0);
    }
    if ends(arrows.last()) {
        names.pop();
    }
    let by_id: BTreeMap<(&[u8], &[u8]), &Span> =
        spans.iter().map(|span| ((span.trace.as_slice(), span.id.as_slice()), span)).collect();
    let last = names.last().context("a way")?;
    let way_of = |span: &Span| {
        let mut way = vec![span.name.clone()];
        let mut parent = by_id.get(&(span.trace.as_slice(), span.parent.as_slice()));
        while let Some(span) = parent {
            way.insert(0, span.name.clone());
            parent = by_id.get(&(span.trace.as_slice(), span.parent.as_slice()));
        }
        way
    };
    let ways: BTreeSet<Vec<String>> = spans.iter().filter(|span| span.name == *last).map(way_of).collect();
    ensure!(ways.contains(&names), "nothing went {names:?}, but {ways:?}");
    Ok(())
}

/// No national number and no name of the files' patients is in what a collector was sent.
fn tells_of_no_patient(collector: &Collector, files: &[impl AsRef<Path>]) -> Result<()> {
    for file in files {
        let text = std::fs::read_to_string(file)?;
        let cells: BTreeSet<&str> = text.lines().skip(1).flat_map(|row| row.split(';')).filter(|cell| cell.len() >= 8).collect();
        let is_number = |cell: &&str| cell.len() == 11 && cell.bytes().all(|b| b.is_ascii_digit());
        ensure!(cells.iter().any(is_number), "{} has no national numbers", file.as_ref().display());
        for (bytes, cell) in collector.taken().iter().flat_map(|bytes| cells.iter().map(move |cell| (bytes, cell))) {
            ensure!(!bytes.windows(cell.len()).any(|part| part == cell.as_bytes()), "a collector was told a cell of a row");
        }
    }
    Ok(())
}

/// A queue beside those of eHealth's broker, which gets all that passes a border.
struct Listening {
    connection: Connection,
    queue: String,
}

impl Listening {
    async fn at_the_border(node: &Node) -> Result<Self> {
        node.control(&["add_user", "listener", "listener"]).await?;
        node.control(&["set_permissions", "-p", "ehealth", "listener", ".*", ".*", ".*"]).await?;
        let url = node.url("listener", "listener", "ehealth");
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?.name().as_str().to_owned();
        for arrow in Arrow::ALL.into_iter().filter(|arrow| arrow.crosses_border()) {
            for hospital in HOSPITALS {
                let route = arrow.route(Some(&hospital.parse()?));
                let (exchange, key) = (route.exchange.as_str().into(), route.routing_key.as_str().into());
                channel
                    .queue_bind(queue.as_str().into(), exchange, key, QueueBindOptions::default(), FieldTable::default())
                    .await?;
            }
        }
        Ok(Self { connection, queue })
    }

    /// The headers of all that passed.
    async fn headers(&self) -> Result<Vec<Option<FieldTable>>> {
        let channel = self.connection.create_channel().await?;
        let mut headers = Vec::new();
        while let Some(message) = channel.basic_get(self.queue.as_str().into(), BasicGetOptions { no_ack: true }).await? {
            headers.push(message.delivery.properties.headers().clone());
        }
        Ok(headers)
    }
}

/// Who runs all zones in one process may see what was before a border, by a link; its traces end there all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_links_what_is_behind_a_border_to_what_is_before_it() -> Result<()> {
    let precision = programs().await?.join("precision");
    let (temporary, collector) = (tempfile::tempdir()?, Collector::start().await?);
    let folder = temporary.path();
    let register = ["--dcd", "Precision_Local_MAB", "--org", HOSPITALS[0]];
    let generate = [&["generate", "--count", "20", "--seed", "1", "-o", "mab.csv"], &register[..]].concat();
    // Who listens to what passes leaves everything where it stands.
    let traces =
        ["--traces", collector.address(), "--record", "flow.recording", "--publication-size", "5", "--out", "out", "mab.csv"];
    for arguments in [generate, [&["run"], &register[..], &traces[..]].concat()] {
        let output = Command::new(&precision).args(&arguments).current_dir(folder).output().await?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    tells_of_no_patient(&collector, &[folder.join("mab.csv")])?;
    let spans = collector.spans()?;
    is_whole(&spans)?;
    let by_id: BTreeMap<(&[u8], &[u8]), &Span> =
        spans.iter().map(|span| ((span.trace.as_slice(), span.id.as_slice()), span)).collect();
    let mut zones: BTreeMap<&[u8], &str> = BTreeMap::new();
    for span in &spans {
        let known = zones.insert(&span.trace, &span.zone);
        ensure!(known.is_none_or(|known| known == span.zone), "a trace goes from {known:?} to {}", span.zone);
    }
    let hospital: Nihdi = HOSPITALS[0].parse()?;
    for arrow in [Arrow::ToTtp, Arrow::ToHd, Arrow::ToTtpBack, Arrow::ToHco] {
        let queue = arrow.queue(Some(&hospital));
        let behind: Vec<&Span> = spans.iter().filter(|span| span.name == format!("process {queue}")).collect();
        ensure!(behind.len() >= 4, "{} publications were read at {queue}", behind.len());
        for span in behind {
            let [(trace, id)] = span.links.as_slice() else { anyhow::bail!("{} has {} links", span.name, span.links.len()) };
            let before = by_id.get(&(trace.as_slice(), id.as_slice())).context("find what a link leads to")?;
            ensure!(
                before.name == format!("send {queue}") && before.zone != span.zone,
                "{} has a link to {}",
                span.name,
                before.name
            );
        }
    }
    ensure!(spans.iter().all(|span| span.links.is_empty() || span.parent.is_empty()), "a span inside a zone has a link");
    complains_of_its_collector(&precision, folder).await
}

/// The run is the same; who asked for traces hears that there are none, and nothing of what an address holds beyond the place.
async fn complains_of_its_collector(precision: &Path, folder: &Path) -> Result<()> {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?;
    for (address, status, words) in [
        (format!("http://{}", nobody.local_addr()?), 0, "did not take all traces"),
        ("http://user:secret@collector".to_owned(), 2, "understand the collector's address"),
    ] {
        let mut run = Command::new(precision);
        run.args([
            "run",
            "--dcd",
            "Precision_Local_MAB",
            "--org",
            HOSPITALS[0],
            "--out",
            "again",
            "--traces",
            &address,
            "mab.csv",
        ]);
        let output = run.current_dir(folder).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(status) && said.contains(words) && !said.contains("secret"), "{address}: {said}");
    }
    Ok(())
}
