//! Who saw what: a run with canaries gives no finding, and a leak of any kind in any place is found.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use clock::{Clock, SystemClock};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use dcd::Definitions;
use dhw::Registers;
use envelope::B64;
use hd4dp::store::LifeStore;
use sealing::{
    Part,
    keys::{KeyDirectory, Party},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use simulator::{
    audit::{
        Subject, audit,
        field::Kind,
        onlooker::{Medium, Onlooker},
        promise::Promise,
        publication::Recorded,
        report::{Evidence, Report, Seen, Standing},
        trial::{self, Ground, Trial},
    },
    broker_choice::BrokerChoice,
};
use store::{Database, InDatabase, Inspection, Location, Schema};
use tempfile::TempDir;

const HOSPITAL: &str = "00000196";
const OTHER: &str = "00000295";
const REGISTER: &str = "Precision_Local_MAB";

/// A run with canaries, and what passed in it.
struct Scene {
    folder: TempDir,
    location: Location,
    trial: Trial,
    definitions: Arc<Definitions>,
    files: Vec<(Onlooker, PathBuf)>,
}

/// What a hospital knows of one of its patients.
struct Patient {
    number: String,
    name: String,
    first_name: String,
    internal_id: String,
    comment: String,
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// One run for all tests; each works on a copy.
static FIRST: LazyLock<Scene> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let definitions = Arc::new(Definitions::built_in().unwrap());
    let location = Location::from(&folder.path().join("store"));
    let keys = folder.path().join("store").join("keys");
    let ground = Ground { data: folder.path(), location: &location, keys: &keys, broker: &BrokerChoice::Embedded, rows: 5 };
    let trial = trial::run(&ground, Arc::clone(&definitions)).unwrap();
    Scene { folder, location, trial, definitions, files: Vec::new() }
});

/// Copies files and folders with their modes: keys are read from folders of their own party's only.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(FIRST.folder.path(), folder.path());
        let location = Location::from(&folder.path().join("store"));
        let (trial, definitions) = (FIRST.trial.clone(), Arc::clone(&FIRST.definitions));
        Self { folder, location, trial, definitions, files: Vec::new() }
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn look(self) -> Report {
        let keys = self.path("store/keys");
        let subject = Subject {
            location: &self.location,
            data: Some(self.folder.path()),
            keys: Some(&keys),
            files: &self.files,
            publications: &self.trial.publications,
            missed: &[],
            planted: self.trial.planted,
            sample: 100,
            definitions: &self.definitions,
            now: SystemClock.now(),
        };
        in_runtime(audit(subject)).unwrap()
    }

    fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn publish(&mut self, queue: &str, document: &Value) {
        let payload = serde_json::to_vec(document).unwrap().into();
        self.trial.publications.push(Recorded { queue: queue.to_owned(), payload });
    }

    /// The patients of a hospital's first file of the register, those with a number.
    fn patients(&self, hospital: &str) -> Vec<Patient> {
        let mut patients = Vec::new();
        for entry in fs::read_dir(self.path("input").join(hospital)).unwrap() {
            patients.extend(patients_of(&entry.unwrap().path()));
        }
        assert!(patients.len() > 3);
        patients
    }

    async fn first_pseudonym(&self) -> String {
        let mut store = Inspection::open(&self.location, "hd4res").await.unwrap().unwrap();
        let mut found = String::new();
        let look = |row: store::FoundRow| {
            found = row
                .into_iter()
                .find(|(name, _)| name == "pseudonym")
                .map(|(_, value)| String::from_utf8(value).unwrap())
                .unwrap();
        };
        store.each_row("patient", look).await.unwrap();
        found
    }

    /// A value in the store of each party.
    async fn keep(&self, texts: &BTreeMap<&str, String>) {
        for (party, text) in texts {
            let database = match *party {
                "ehealth-ttp" => ehealth_ttp::store::SqlStore::open(&self.location).await.unwrap().database().clone(),
                "ehbox-hd" => ehbox_hd::store::SqlStore::open(&self.location).await.unwrap().database().clone(),
                "dhw" => {
                    let registers = Arc::new(Registers::new(&self.definitions));
                    dhw::SqlStore::open(&self.location, registers).await.unwrap().database().clone()
                }
                "hd4res" => hd4res::store::SqlStore::open(&self.location).await.unwrap().database().clone(),
                client if client.starts_with("ehbox-hco") => {
                    Database::open(&self.location, client, Schema { steps: &[] }).await.unwrap()
                }
                hd4dp => hd4dp::store::SqlStore::open(&self.location, &hd4dp["hd4dp-".len()..]).await.unwrap().database().clone(),
            };
            database.set("note", text).await.unwrap();
            database.close().await;
        }
    }
}

fn patients_of(path: &Path) -> Vec<Patient> {
    if path.extension().is_none_or(|extension| extension != "csv") {
        return Vec::new();
    }
    let mut reader = opencsv::Reader::new(File::open(path).unwrap());
    let header = reader.header().unwrap();
    let column = |name: &str| header.iter().position(|column| column == name);
    let Some(comment) = column("local_mab_comment") else { return Vec::new() };
    let mut patients = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        let fields = record.body.unwrap();
        let value = |at: usize| fields.get(at).unwrap_or_default().to_owned();
        let named = |name: &str| column(name).map(value).unwrap_or_default();
        let patient = Patient {
            number: named("patient_id"),
            name: named("patient_id|name"),
            first_name: named("patient_id|first_name"),
            internal_id: named("patient_id|internal_patient_id"),
            comment: value(comment),
        };
        if !patient.number.is_empty() {
            patients.push(patient);
        }
    }
    patients
}

fn of(report: &Report, promise: Promise) -> &[Evidence] {
    &report.promises.iter().find(|verdict| verdict.promise == promise).unwrap().evidence
}

#[track_caller]
fn finds(report: &Report, promise: Promise, onlooker: &str, medium: Medium, kind: Kind, place: &str) {
    let is_it = |one: &Evidence| {
        one.onlooker.to_string() == onlooker && one.medium == medium && one.field.kind == kind && one.place.contains(place)
    };
    let evidence = of(report, promise);
    assert!(evidence.iter().any(is_it), "{promise:?} at {onlooker}, {medium}, {kind}, {place}: {evidence:#?}");
}

#[test]
fn a_clean_run_gives_no_finding() {
    let report = Scene::new().look();
    for verdict in &report.promises {
        assert_eq!(verdict.standing, Standing::Holds, "{}: {} {:#?}", verdict.sentence, verdict.ground, verdict.evidence);
    }
    assert!(report.holds);
    assert!(report.fields.iter().all(|line| line.sights.values().all(|seen| *seen != Seen::Breach)));
    // Every kind of value went somewhere, or nothing would be proved of it.
    for kind in Kind::ALL {
        let (_, _, sights) = report.of_kind(kind).unwrap_or_else(|| panic!("no field is a {kind}"));
        assert!(sights.values().any(|seen| *seen >= Seen::Reduced), "{kind} was seen nowhere: {sights:?}");
    }
    assert!(report.ends.joined_over_hospitals > 0, "{:?}", report.ends);
    assert!(report.ends.same_at_ttp > 0 && report.ends.other_at_ttp == 0, "{:?}", report.ends);
}

/// What a recording holds is sealed, whoever reads it: everything that passed in the run is recorded, and its file is an operator's.
#[test]
fn no_recording_holds_anything_readable() {
    let mut scene = Scene::new();
    let path = scene.path("flow.recording");
    let hospitals = [HOSPITAL, OTHER].map(|text| text.parse().unwrap());
    let header = simulator::recording::recorder::header(&hospitals, Some(&scene.path("store/keys"))).unwrap();
    let writer = simulator::recording::Writer::create(&path, header, Arc::new(SystemClock)).unwrap();
    for one in &scene.trial.publications {
        writer.publication(&one.queue, &one.payload);
    }
    let patient = scene.patients(HOSPITAL).remove(0);
    // Something readable where only sealed documents may pass.
    assert_eq!(writer.publication("ttp.in", format!("{{\"note\":\"{}\"}}", patient.number).as_bytes()), None);
    let taken = writer.finish().unwrap();
    let steps: Vec<&str> = taken.steps.keys().copied().collect();
    assert_eq!((steps, taken.left_out), (vec!["4", "4 back", "5", "5 back"], 1));
    let operator = Onlooker::of(simulator::audit::onlooker::Role::Operator);
    scene.files.push((operator, path.clone()));
    // The documents as well, in case base64 in base64 hid something.
    let recording = simulator::recording::Recording::open(&path).unwrap();
    let documents = recording.entries().iter().map(|entry| recording.document(entry).unwrap().encode().unwrap());
    let documents = documents.collect::<Vec<_>>().concat();
    scene.write("documents.txt", &documents);
    scene.files.push((operator, scene.path("documents.txt")));
    let report = scene.look();
    assert!(report.holds, "{:#?}", report.promises);
    let mut scene = Scene::new();
    scene.write("documents.txt", [&documents[..], patient.number.as_bytes()].concat());
    scene.files.push((operator, scene.path("documents.txt")));
    assert!(!scene.look().holds, "it would have been found");
}

/// Values in the stores of everybody, in files, queues, dead letters, names; a content sealed for the wrong party; a value that was not reduced.
#[test]
fn a_leak_is_found_wherever_it_is() {
    let mut scene = Scene::new();
    let (own, others) = (scene.patients(HOSPITAL), scene.patients(OTHER));
    let patient = &own[0];
    let alien = others.iter().find(|other| own.iter().all(|one| one.number != other.number)).unwrap();
    let pseudonym = in_runtime(scene.first_pseudonym());
    in_runtime(scene.keep(&BTreeMap::from([
        ("ehealth-ttp", format!("{} of {}", patient.comment, patient.number)),
        ("ehbox-hd", patient.number.clone()),
        ("hd4res", patient.name.clone()),
        ("dhw", patient.first_name.clone()),
        ("ehbox-hco-00000196", patient.internal_id.clone()),
        ("hd4dp-00000196", format!("{pseudonym} {}", alien.number)),
    ])));
    scene.write("log/other.log", format!("INFO taken in {}", patient.number));
    scene.write("incidents/one.json", json!({ "comment": patient.comment }).to_string());
    scene.write("validation/more.csv", format!("who\n{}\n", patient.first_name));
    scene.write(&format!("store/backup-{}.txt", patient.number), "nothing");
    scene.write("figures.txt", "precision_registrations 5\n");
    scene.files.push((Onlooker::of(simulator::audit::onlooker::Role::Operator), scene.path("figures.txt")));
    scene.write("figures.txt", format!("precision_registrations{{patient=\"{}\"}} 5\n", patient.internal_id));
    scene.publish("hd4res.in", &json!({ "data": { "items": [{ "note": patient.number }] } }));
    scene.publish("ttp.in", &json!({ "source": patient.comment, "data": { "items": [] } }));
    scene.publish("hd.in.dead", &json!({ "reason": patient.name }));
    scene.publish(&format!("hd4dp.{}.out", patient.number), &json!({}));
    let passed_on = swapped_content(&scene);
    scene.publish("hd.in", &passed_on);
    let for_ttp = content_for_the_ttp(&scene);
    scene.publish("ttp.in", &for_ttp);
    let table = scene.path("researcher").join(format!("{REGISTER}.csv"));
    unreduce(&table);

    let report = scene.look();
    assert!(!report.holds);
    use Kind::{BirthDate, FirstName, FreeText, InternalId, Name, NationalNumber, Pseudonym};
    use Medium::{DeadLetter, Export, Opened, Queue, Record, Store};
    use Promise::{
        ContentUntouched, HealthdataWithoutIdentity, HospitalWithoutPseudonym, HospitalsApart, NothingInRecords, SealedAtEhealth,
        StaysInHd4dp, TtpKeepsNobody, TtpWithoutContent,
    };
    let setting = "table setting";
    finds(&report, TtpWithoutContent, "ehealth-ttp", Store, FreeText, setting);
    finds(&report, TtpWithoutContent, "ehealth-ttp", Store, FreeText, "ehealth-ttp.sqlite");
    finds(&report, TtpKeepsNobody, "ehealth-ttp", Store, NationalNumber, setting);
    finds(&report, HealthdataWithoutIdentity, "ehbox-hd", Store, NationalNumber, setting);
    finds(&report, HealthdataWithoutIdentity, "hd4res", Store, Name, setting);
    finds(&report, HealthdataWithoutIdentity, "dhw", Store, FirstName, setting);
    finds(&report, StaysInHd4dp, "ehbox-hco-00000196", Store, InternalId, setting);
    finds(&report, HospitalWithoutPseudonym, "hd4dp-00000196", Store, Pseudonym, setting);
    finds(&report, HospitalsApart, "hd4dp-00000196", Store, NationalNumber, setting);
    finds(&report, NothingInRecords, "operator", Record, NationalNumber, "log/other.log");
    finds(&report, NothingInRecords, "operator", Record, FreeText, "incidents/one.json");
    finds(&report, NothingInRecords, "operator", Record, InternalId, "figures.txt");
    finds(&report, HealthdataWithoutIdentity, "researcher", Export, FirstName, "validation/more.csv");
    finds(&report, NothingInRecords, "operator", Medium::Name, NationalNumber, "names of files");
    finds(&report, NothingInRecords, "operator", Medium::Name, NationalNumber, "names of queues");
    finds(&report, HealthdataWithoutIdentity, "hd-broker", Queue, NationalNumber, "hd4res.in");
    finds(&report, HealthdataWithoutIdentity, "hd4res", Queue, NationalNumber, "hd4res.in");
    finds(&report, TtpWithoutContent, "ehealth-broker", Queue, FreeText, "ttp.in");
    finds(&report, SealedAtEhealth, "ehealth-broker", DeadLetter, Name, "hd.in.dead");
    finds(&report, TtpWithoutContent, "ehealth-ttp", Opened, FreeText, "ttp.in, content");
    finds(&report, HealthdataWithoutIdentity, "researcher", Export, BirthDate, "year_of_birth");
    let untouched = report.promises.iter().find(|verdict| verdict.promise == ContentUntouched).unwrap();
    assert_eq!((untouched.standing, report.ends.other_at_ttp), (Standing::Broken, 1), "{}", untouched.ground);

    // The report tells where, and never what.
    let said = [report.html(), report.lines().join("\n"), serde_json::to_string(&report).unwrap()].concat();
    for value in
        [&patient.number, &patient.name, &patient.first_name, &patient.internal_id, &patient.comment, &alien.number, &pseudonym]
    {
        assert!(!said.contains(value.as_str()), "the report repeats a value");
    }
}

/// The first publication that the TTP passed on, with another sealed content.
fn swapped_content(scene: &Scene) -> Value {
    let sent = scene.trial.publications.iter().find(|one| one.queue == "hd.in").unwrap();
    let mut document: Value = serde_json::from_slice(&sent.payload).unwrap();
    let content = document.pointer_mut("/data/items/0/content").unwrap();
    *content = BASE64.encode(&[7; 64]).into();
    document
}

/// What a hospital would send that sealed a content for the TTP instead of healthdata, under healthdata's name.
fn content_for_the_ttp(scene: &Scene) -> Value {
    let keys = KeyDirectory::open(&scene.path("store/keys")).unwrap();
    let own = keys.messaging(Party::EhboxHco(HOSPITAL.parse().unwrap())).unwrap();
    let mut sealer = own.keyring.sealer(Part::Content, own.public.keys(Party::EhealthTtp).unwrap().current()).unwrap();
    let clear = scene.trial.publications.iter().find(|one| one.queue == "hd4dp.00000196.out").unwrap();
    let clear: Value = serde_json::from_slice(&clear.payload).unwrap();
    let item = &clear["data"]["items"][0];
    let id: uuid::Uuid = item["id"].as_str().unwrap().parse().unwrap();
    let content: B64 = serde_json::from_str(&item["content"].to_string()).unwrap();
    let sealed = sealer.seal(id.as_bytes(), &content).unwrap();
    let (_, enc) = sealer.encapsulation();
    let key = own.public.keys(Party::EhboxHd).unwrap().current().id().to_string();
    json!({ "data": {
        "content": { "key": key, "enc": BASE64.encode(&enc), "header": "" },
        "items": [{ "id": id.to_string(), "content": BASE64.encode(&sealed) }],
    } })
}

/// A full day in the place of a year.
fn unreduce(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let year = header.iter().position(|column| column == "patient_id|year_of_birth").unwrap();
    let mut writer = csv::Writer::from_path(path).unwrap();
    writer.write_record(&header).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        let cells =
            record.iter().enumerate().map(|(at, cell)| if at == year { format!("{cell}-02-29") } else { cell.to_owned() });
        writer.write_record(cells).unwrap();
    }
    writer.flush().unwrap();
}

/// The spellings are made here a second time, apart from the search.
#[test]
fn a_leak_is_found_however_it_is_written() {
    let scene = Scene::new();
    let patients = scene.patients(HOSPITAL);
    let (name, number) = (&patients[0].name, &patients[0].number);
    let utf16 = |order: fn(u16) -> [u8; 2]| name.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let escaped: String =
        name.chars().map(|sign| if sign.is_ascii() { sign.to_string() } else { format!("\\u{:04x}", u32::from(sign)) }).collect();
    let percent: String = name
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02x}") })
        .collect();
    let at = |offset: usize| BASE64.encode(&[&[1, 2, 3][..offset], name.as_bytes()].concat());
    let written: Vec<(&str, Vec<u8>)> = vec![
        ("plain", name.clone().into_bytes()),
        ("other case", name.to_uppercase().into_bytes()),
        ("other separators", name.replace(['\'', '-'], "_").into_bytes()),
        (
            "other separators",
            format!("{}.{}.{}-{}.{}", &number[..2], &number[2..4], &number[4..6], &number[6..9], &number[9..]).into(),
        ),
        ("other accents", name.replace('Ö', "O").into_bytes()),
        ("escaped", escaped.into_bytes()),
        ("URL-encoded", percent.into_bytes()),
        ("UTF-16", utf16(u16::to_le_bytes)),
        ("UTF-16", utf16(u16::to_be_bytes)),
        ("base64", at(0).into_bytes()),
        ("base64", at(1).into_bytes()),
        ("base64", at(2).into_bytes()),
        ("base64", BASE64URL_NOPAD.encode(name.as_bytes()).into_bytes()),
        ("hexadecimal", HEXLOWER.encode(name.as_bytes()).into_bytes()),
        ("hexadecimal", HEXUPPER.encode(number.as_bytes()).into_bytes()),
        ("number", number.parse::<u64>().unwrap().to_be_bytes().to_vec()),
        ("number", number.parse::<u64>().unwrap().to_le_bytes().to_vec()),
        ("SHA-256", Sha256::digest(number).to_vec()),
        ("SHA-256", HEXLOWER.encode(&Sha256::digest(name.to_lowercase())).into_bytes()),
        ("SHA-256", BASE64.encode(&Sha256::digest(number)).into_bytes()),
        ("UTF-16 in base64", BASE64.encode(&utf16(u16::to_le_bytes)).into_bytes()),
    ];
    for (at, (_, bytes)) in written.iter().enumerate() {
        scene.write(&format!("log/way-{at:02}.log"), [b"who=\"", bytes.as_slice(), b"\" end"].concat());
    }
    let report = scene.look();
    let evidence = of(&report, Promise::NothingInRecords);
    for (at, (way, _)) in written.iter().enumerate() {
        let place = format!("log/way-{at:02}.log");
        let ways: Vec<&str> = evidence.iter().filter(|one| one.place.contains(&place)).map(|one| one.written.as_str()).collect();
        assert!(ways.contains(way), "{place}, {way}: {ways:?}");
    }
}

/// A store of which nothing is known to leak still proves nothing when the search would not find what is there.
#[test]
fn a_store_without_registrations_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::from(folder.path());
    let definitions = Definitions::built_in().unwrap();
    let subject = Subject {
        location: &location,
        data: None,
        keys: None,
        files: &[],
        publications: &[],
        missed: &[],
        planted: simulator::audit::watch::WatchList::default(),
        sample: 10,
        definitions: &definitions,
        now: SystemClock.now(),
    };
    let error = in_runtime(audit(subject)).unwrap_err();
    assert!(error.to_string().contains("nothing") || error.to_string().contains("anything"), "{error}");
}

fn precision(scene: &Scene, arguments: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_precision"));
    command.args(arguments).current_dir(scene.folder.path()).output().unwrap()
}

/// A patient whose registration the hospital took in, and its id.
fn somebody(scene: &Scene) -> (String, Patient) {
    let patients = scene.patients(HOSPITAL);
    in_runtime(async {
        let store = hd4dp::store::SqlStore::open(&scene.location, HOSPITAL).await.unwrap();
        let now = SystemClock.now();
        for listed in store.list(&hd4dp::store::Filter::default(), None, 100, now).await.unwrap() {
            let view = store.registration(listed.registration_id, now).await.unwrap().unwrap();
            let is_his = |patient: &&Patient| view.cells.iter().any(|cell| cell.value == patient.comment);
            if let Some(patient) = patients.iter().position(|patient| is_his(&patient)) {
                store.database().close().await;
                return (listed.registration_id.to_string(), patients.into_iter().nth(patient).unwrap());
            }
        }
        panic!("no row was taken in");
    })
}

/// The incident files of every party hold nothing of anybody, and what a log or a configuration would bring into one stays out of it.
#[test]
fn incident_files_hold_nothing_of_the_patient() {
    let scene = Scene::new();
    let (registration, patient) = somebody(&scene);
    let Patient { number, name, first_name, internal_id, comment } = &patient;
    let spelled = format!("{}.{}.{}-{}.{}", &number[..2], &number[2..4], &number[4..6], &number[6..9], &number[9..]);
    let secrets = [number, name, first_name, internal_id, comment].map(String::as_str);
    let mut log = String::from("service started\n");
    for secret in secrets.iter().copied().chain([spelled.as_str(), &HEXLOWER.encode(name.as_bytes()), "64.03.12-999.06"]) {
        log.push_str(&format!("WARN something about {secret} here\n"));
    }
    log.push_str("service stopped\n");
    scene.write("service.log", &log);
    scene.write("service.toml", "broker = \"amqp://user:hunter2@rabbit/%2f\"\n[api]\ntokens = \"hunter2.toml\"\n");
    fs::create_dir_all(scene.path("incidents")).unwrap();
    let ehbox = format!("ehbox-hco-{HOSPITAL}");
    let hd4dp = format!("hd4dp-{HOSPITAL}");
    for party in [hd4dp.as_str(), &ehbox, "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"] {
        let file = format!("incidents/{party}.json");
        let place = ["--data", ".", "--party", party, "--log", "service.log", "--config", "service.toml", "-o", &file];
        let made = precision(&scene, &[&["incident", &registration][..], &place].concat());
        assert!(made.status.success(), "{party}: {made:?}");
        let text = fs::read_to_string(scene.path(&file)).unwrap();
        let incident: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&incident["party"], &incident["log"]["lines"]),
            (&party.into(), &json!(["service started", "service stopped"]))
        );
        assert_eq!(incident["log"]["left_out"], 8, "{party}");
        assert!(
            !incident["itinerary"].as_array().unwrap().is_empty() && incident["program"]["schema"].as_u64() > Some(0),
            "{text}"
        );
        assert!(!text.contains("hunter2") && !text.contains("healthdata.1."), "{text}");
        assert_eq!(text.contains(REGISTER), party != "ehealth-ttp", "the TTP knows no register: {text}");
        secrets.iter().for_each(|secret| assert!(!text.contains(secret)));
    }
    // The log itself is a breach.
    fs::remove_file(scene.path("service.log")).unwrap();
    let report = scene.look();
    assert!(report.holds, "{:#?}", report.lines());
}

/// A file that would hold a value of its patient is not written, and neither is one that is called after him.
#[test]
fn no_incident_is_written_with_the_patient_in_it() {
    let scene = Scene::new();
    let (registration, patient) = somebody(&scene);
    let call = |more: &[&str]| {
        let place = ["--data", ".", "--party", "hd4res"];
        precision(&scene, &[&["incident", &registration][..], &place, more].concat())
    };
    for (value, kind) in [(&patient.name, "name"), (&patient.number, "national number"), (&patient.comment, "free text")] {
        scene.write("bad.toml", format!("note = {value:?}\n"));
        let refused = call(&["--config", "bad.toml", "-o", "bad.json"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(said.contains(kind) && !said.contains(value.as_str()), "{said}");
        assert!(!scene.path("bad.json").exists());
    }
    let named = call(&["-o", &format!("{}.json", patient.internal_id)]);
    assert_eq!(named.status.code(), Some(2));
    assert!(
        fs::read_dir(scene.folder.path()).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().contains("7.json"))
    );
    let elsewhere = precision(&scene, &["incident", &registration, "--data", ".", "--party", "hd4dp-99999999", "-o", "x.json"]);
    assert_eq!(elsewhere.status.code(), Some(2));
    let unknown = "01234567-89ab-8def-8123-456789abcdef";
    assert_eq!(
        precision(&scene, &["incident", unknown, "--data", ".", "--party", "hd4res", "-o", "x.json"]).status.code(),
        Some(2)
    );
    assert!(!scene.path("x.json").exists());
}
