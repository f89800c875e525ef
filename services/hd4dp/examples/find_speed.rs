//! How long a page of the overview takes among many registrations: filtered by the value of a field, and by status.
//!
//! `cargo run --release -p hd4dp --example find_speed -- [registrations] [folder|postgres://…]`. The store is a SQLite file in the folder (a temporary
//! one when left out) or a schema of an empty PostgreSQL database, filled through the service itself, whose messaging client is a reader that answers
//! nothing. With 0 registrations, a store that an earlier call filled is asked.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement, run by hand")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use broker::{Broker, EmbeddedBroker, EmbeddedOptions};
use clock::{Clock, SystemClock};
use dcd::{Definition, Definitions, Language};
use hd4dp::{
    Hd4dp, Parts,
    prepare::Secrets,
    status::Status,
    store::{Filter, SqlStore},
    upload::{CsvFile, upload},
};
use host::{Chance, Context, NoProbe};
use identifying::{SharedHospitalKey, TagKey};
use population::Order;
use registration::CodeKey;
use store::Location;
use topology::{Arrow, Nihdi, Topology};
use uuid::Uuid;

const NIHDI: &str = "00000196";
/// Registrations of one file.
const FILE: u64 = 20_000;
/// Registrations of one page.
const PAGE: u32 = 100;
/// Questions of one kind.
const QUESTIONS: usize = 200;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(1_000_000, |count| count.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let store: Location = arguments.next().map_or_else(|| temporary.path().into(), |place| place.parse().unwrap());
    let folder = temporary.path();
    let hd4dp = hospital(&store).await;
    let definition = hd4dp.definitions().get("Precision_Local_MAB").unwrap();
    if count > 0 {
        let filled = fill(&hd4dp, &definition, count, folder).await;
        println!("{count} registrations taken in: {:.0}/s", count as f64 / filled.as_secs_f64());
        let start = Instant::now();
        hd4dp.catch_up().await.unwrap();
        println!("indexed: {:.0}/s", count as f64 / start.elapsed().as_secs_f64());
    }
    for (column, value) in &values(&definition) {
        measure(&format!("{column} = a value"), async |after| {
            let page = hd4dp.find(&definition, (column, value), after, PAGE).await.unwrap();
            (page.len(), page.last().map(|last| last.registration_id))
        })
        .await;
    }
    for status in [Status::Submitted, Status::Sending, Status::Open] {
        measure(&format!("status {status}"), async |after| {
            let filter = Filter { dcd: None, status: Some(status) };
            let page = hd4dp.list(&filter, after, PAGE).await.unwrap();
            (page.len(), page.last().map(|last| last.registration_id))
        })
        .await;
    }
}

async fn hospital(store: &Location) -> Arc<Hd4dp> {
    let nihdi: Nihdi = NIHDI.parse().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let options = EmbeddedOptions::new(Uuid::from_u128(1));
    let broker: Arc<dyn Broker> = Arc::new(EmbeddedBroker::new(Arc::clone(&clock), &Topology::for_hospitals(&[nihdi]), options));
    let mut reader = broker.consume(&Arrow::HandOver.queue(Some(&nihdi)), 10).await.unwrap();
    tokio::spawn(async move {
        while let Ok(delivery) = reader.next().await {
            delivery.ack().unwrap();
        }
    });
    let hd4dp = Hd4dp::new(Parts {
        nihdi,
        source: "hd4dp-00000196".parse().unwrap(),
        context: Context { clock, chance: Arc::new(Chance::from_system().unwrap()), probe: Arc::new(NoProbe) },
        broker,
        store: Arc::new(SqlStore::open(store, NIHDI).await.unwrap()),
        definitions: Arc::new(Definitions::built_in().unwrap()),
        secrets: Secrets {
            tag: TagKey::new([1; 32]),
            generated_id: SharedHospitalKey::new([2; 32]),
            code: CodeKey::new([3; 32]),
        },
        publication_size: 1_000,
        window: u64::MAX,
    })
    .await
    .unwrap();
    for work in hd4dp.works() {
        tokio::spawn(work.start());
    }
    hd4dp
}

/// Takes in files until there are `count` registrations more; how long that took.
async fn fill(hd4dp: &Hd4dp, definition: &Arc<Definition>, count: u64, folder: &Path) -> Duration {
    let mut taking = Duration::ZERO;
    for seed in 0..count.div_ceil(FILE) {
        let path = folder.join("rows.csv");
        std::fs::write(&path, rows(definition, FILE.min(count - seed * FILE), seed)).unwrap();
        let start = Instant::now();
        let csv = CsvFile::open(&path, definition, SystemClock.now().date()).unwrap();
        upload(hd4dp, definition, csv, folder, Language::English, async |_| {}).await.unwrap();
        taking += start.elapsed();
    }
    taking
}

fn rows(definition: &Arc<Definition>, count: u64, seed: u64) -> Vec<u8> {
    let mut file = Vec::new();
    population::write(&Order { definition, organisation: NIHDI, count, seed, faulty_percent: 0 }, &mut file).unwrap();
    file
}

/// Values to ask for: a frequent one, a seldom one, and one of a single registration.
fn values(definition: &Arc<Definition>) -> Vec<(&'static str, String)> {
    let file = rows(definition, 1, 0);
    let mut reader = opencsv::Reader::new(file.as_slice());
    let header = reader.header().unwrap();
    let row = reader.next_record().unwrap().unwrap().body.unwrap();
    let value = |column: &'static str| {
        let at = header.iter().position(|name| name == column).unwrap();
        (column, row.get(at).unwrap().to_owned())
    };
    ["stage", "local_mab_date", "vcf_identifier"].map(value).to_vec()
}

/// Asks for page after page, from the start again at the end, and prints how long the answers took.
async fn measure(what: &str, ask: impl AsyncFn(Option<Uuid>) -> (usize, Option<Uuid>)) {
    let (mut after, mut times, mut found) = (None, Vec::with_capacity(QUESTIONS), 0);
    for _ in 0..QUESTIONS {
        let start = Instant::now();
        let (count, last) = ask(after).await;
        times.push(start.elapsed());
        found += count;
        after = last.filter(|_| count == PAGE as usize);
    }
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1_000.0;
    println!("{what}: p50 {:.1} ms, p95 {:.1} ms, {} on a page", at(50), at(95), found / QUESTIONS);
}
