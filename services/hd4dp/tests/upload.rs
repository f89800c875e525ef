//! Steps 1 and 2 with real files: what becomes of each row, and what the hospital gets back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::Path, sync::Arc};

use broker::{EmbeddedBroker, EmbeddedOptions};
use clock::{Clock, SystemClock};
use dcd::{Definition, Definitions, Language};
use hd4dp::{
    Hd4dp, Parts,
    prepare::Secrets,
    store::{Hd4dpStore, MemoryStore, Tally, UploadId},
    upload::{CsvFile, UploadError, upload},
};
use host::{Chance, Context, NoProbe};
use identifying::{SharedHospitalKey, TagKey};
use population::Order;
use registration::CodeKey;
use topology::Topology;

const HOSPITAL: &str = "00000196";

struct Hospital {
    hd4dp: Arc<Hd4dp>,
    store: Arc<MemoryStore>,
    definition: Arc<Definition>,
    folder: tempfile::TempDir,
}

impl Hospital {
    async fn new() -> Self {
        let definitions = Arc::new(Definitions::built_in().unwrap());
        let definition = definitions.get("Precision_Local_MAB").unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let topology = Topology::for_hospitals(&[HOSPITAL.parse().unwrap()]);
        let broker = EmbeddedBroker::new(Arc::clone(&clock), &topology, EmbeddedOptions::new(uuid::Uuid::from_u128(1)));
        let store = Arc::new(MemoryStore::default());
        let hd4dp = Hd4dp::new(Parts {
            nihdi: HOSPITAL.parse().unwrap(),
            source: "hd4dp-00000196".parse().unwrap(),
            context: Context { clock, chance: Arc::new(Chance::seeded(1)), probe: Arc::new(NoProbe) },
            broker: Arc::new(broker),
            store: Arc::clone(&store) as Arc<dyn Hd4dpStore>,
            definitions,
            secrets: Secrets {
                tag: TagKey::new([1; 32]),
                generated_id: SharedHospitalKey::new([2; 32]),
                code: CodeKey::new([3; 32]),
            },
            publication_size: 7,
            window: 1_000,
        })
        .await
        .unwrap();
        for work in hd4dp.works() {
            tokio::spawn(work.start());
        }
        Self { hd4dp, store, definition, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Bytes, since one kind of fault is a row that is not UTF-8.
    fn generate(&self, count: u64, faulty_percent: u8) -> Vec<u8> {
        let order = Order { definition: &self.definition, organisation: HOSPITAL, count, seed: 5, faulty_percent };
        let mut file = Vec::new();
        population::write(&order, &mut file).unwrap();
        file
    }

    async fn upload(&self, name: &str, text: impl AsRef<[u8]>) -> Result<UploadId, UploadError> {
        fs::write(self.path(name), text).unwrap();
        let file = CsvFile::open(&self.path(name), &self.definition, SystemClock.now().date())?;
        upload(&self.hd4dp, &self.definition, file, &self.path("reports"), Language::English, async |_| {}).await
    }

    async fn tally(&self, upload: UploadId) -> Tally {
        self.store.tally(upload).await.unwrap()
    }
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let mut reader = opencsv::Reader::new(fs::File::open(path).unwrap());
    reader.header().unwrap();
    let mut rows = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        let fields = record.body.unwrap();
        rows.push((0..fields.len()).map(|column| fields.get(column).unwrap().to_owned()).collect());
    }
    rows
}

#[tokio::test]
async fn every_row_is_taken_in_or_stands_in_the_error_report() {
    let hospital = Hospital::new().await;
    let upload = hospital.upload("mab.csv", hospital.generate(200, 20)).await.unwrap();
    let tally = hospital.tally(upload).await;
    assert_eq!((tally.attempted, tally.accepted, tally.rejected), (200, 160, 40));
    assert_eq!(rows(&hospital.path("reports/mab.success.csv")).len(), 160);
    let errors = rows(&hospital.path("reports/mab.error.csv"));
    assert_eq!(errors.len(), 40);
    assert!(errors.iter().all(|row| row[0].parse::<u64>().unwrap() > 1 && row[1].starts_with(['E', 'V'])));
    assert_eq!(hospital.store.waiting().await.unwrap(), 160);
}

#[tokio::test]
async fn the_same_rows_again_change_nothing_and_a_changed_one_is_a_new_version() {
    let hospital = Hospital::new().await;
    let text = String::from_utf8(hospital.generate(20, 0)).unwrap();
    hospital.upload("mab.csv", &text).await.unwrap();
    let again = hospital.upload("mab.csv", &text).await.unwrap();
    let tally = hospital.tally(again).await;
    assert_eq!((tally.accepted, tally.unchanged), (20, 20));
    let changed = text.replacen(";TSO500;", ";OTHER;", 1);
    assert_ne!(changed, text, "the sample holds the panel");
    let upload = hospital.upload("mab.csv", &changed).await.unwrap();
    let tally = hospital.tally(upload).await;
    assert_eq!((tally.accepted, tally.unchanged), (20, 19));
    let items = hospital.store.uploaded(upload, None, 100).await.unwrap();
    assert_eq!(items.iter().filter(|item| item.version == 2).count(), 1);
}

#[tokio::test]
async fn a_file_of_another_register_is_refused_whole() {
    let hospital = Hospital::new().await;
    let Err(UploadError::Refused { findings, .. }) = hospital.upload("mab.csv", "a;b\n1;2\n").await else {
        panic!("the file should be refused");
    };
    assert!(!findings.is_empty());
    assert_eq!(hospital.store.waiting().await.unwrap(), 0);
}

#[tokio::test]
async fn an_attachment_is_taken_from_beside_the_file_and_from_nowhere_else() {
    let hospital = Hospital::new().await;
    let text = String::from_utf8(hospital.generate(3, 0)).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let header: Vec<&str> = lines[0].split(';').collect();
    let column = header.iter().position(|column| *column == "vcf_file").unwrap();
    let identifier = header.iter().position(|column| *column == "vcf_identifier").unwrap();
    let mut names = Vec::new();
    for (row, line) in lines.iter_mut().enumerate().skip(1) {
        let mut fields: Vec<String> = line.split(';').map(str::to_owned).collect();
        let plain = format!("{}.vcf", fields[identifier]);
        fields[column] = if row == 2 { format!("../{plain}") } else { plain.clone() };
        names.push(plain);
        *line = fields.join(";");
    }
    fs::write(hospital.path(&names[0]), "##fileformat=VCFv4.2\n").unwrap();
    // The second one lies where only a path could reach it, the third one nowhere.
    fs::write(hospital.path("outside.vcf"), "x").unwrap();
    let upload = hospital.upload("mab.csv", &lines.join("\n")).await.unwrap();
    let tally = hospital.tally(upload).await;
    assert_eq!((tally.accepted, tally.rejected), (1, 2));
    let errors = rows(&hospital.path("reports/mab.error.csv"));
    assert!(errors.iter().all(|row| row[1].contains("vcf_file")), "each error names its column");
    let kept = hospital.store.unanswered(uuid::Uuid::nil(), true, 10).await.unwrap();
    assert_eq!(kept[0].attachments[0].bytes, b"##fileformat=VCFv4.2\n");
}

/// Neither id tells which row of the file came first.
#[tokio::test]
async fn ids_do_not_follow_the_order_of_the_rows() {
    let hospital = Hospital::new().await;
    hospital.upload("mab.csv", hospital.generate(7, 0)).await.unwrap();
    let in_order_of_ids = hospital.store.unanswered(uuid::Uuid::nil(), true, 100).await.unwrap();
    let cells: Vec<_> = in_order_of_ids.iter().map(|one| hd4dp::row::decode(&one.cells).unwrap()).collect();
    let field = hospital.definition.field_no("vcf_identifier").unwrap();
    let value = |cells: &Vec<registration::Cell>| cells.iter().find(|cell| cell.place.field == field).unwrap().value.clone();
    let by_registration: Vec<String> = cells.iter().map(value).collect();
    let mut by_item: Vec<_> = in_order_of_ids.iter().map(|one| one.item_id).zip(by_registration.clone()).collect();
    by_item.sort();
    let by_item: Vec<String> = by_item.into_iter().map(|(_, identifier)| identifier).collect();
    assert_eq!(by_registration.len(), 7);
    assert!(!by_registration.is_sorted(), "registration ids tell the order");
    assert!(!by_item.is_sorted(), "item ids tell the order");
}
