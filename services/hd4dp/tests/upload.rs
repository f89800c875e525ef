//! Steps 1 and 2 with real files: what becomes of each row, and what the hospital gets back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hospital;

use std::{fs, path::Path, sync::Arc};

use clock::{Clock, SystemClock};
use dcd::{Definition, Definitions, Language};
use hd4dp::{
    Hd4dp,
    download::download,
    options::{ConflictMaster, ConflictMode, How, UploadOptions, Validation},
    status::State,
    store::{Filter, Hd4dpStore, Listed, MemoryStore, Tally, UploadId},
    upload::{CsvFile, UploadError, upload, upload_with},
};
use host::{NoProbe, Probe};
use population::Order;

const HOSPITAL: &str = "00000196";
/// A required column outside the patient block, free enough for any panel.
const PANEL: &str = "ngs_panel";

struct Hospital {
    hd4dp: Arc<Hd4dp>,
    store: Arc<MemoryStore>,
    definition: Arc<Definition>,
    folder: tempfile::TempDir,
}

impl Hospital {
    async fn new() -> Self {
        Self::of("Precision_Local_MAB").await
    }

    async fn of(register: &str) -> Self {
        let definitions = Arc::new(Definitions::built_in().unwrap());
        let definition = definitions.get(register).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (broker, store) = (hospital::broker(&clock, 1), Arc::new(MemoryStore::default()));
        let context = (clock, Arc::new(NoProbe) as Arc<dyn Probe>);
        let hd4dp = Hd4dp::new(hospital::parts(context, broker, Arc::clone(&store) as _, definitions)).await.unwrap();
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

    async fn upload_with(&self, name: &str, text: impl AsRef<[u8]>, options: UploadOptions) -> Tally {
        fs::write(self.path(name), text).unwrap();
        let file = CsvFile::open(&self.path(name), &self.definition, SystemClock.now().date()).unwrap();
        let (folder, how) = (self.path("reports"), How::by_command(options, "ann"));
        let reports = (folder.as_path(), Language::English);
        self.tally(upload_with(&self.hd4dp, &self.definition, file, reports, &how, async |_| {}).await.unwrap()).await
    }

    fn report(&self, name: &str) -> Vec<Vec<String>> {
        rows(&self.path(&format!("reports/{name}.csv")))
    }

    /// The registrations in the order of their ids.
    async fn list(&self) -> Vec<Listed> {
        self.hd4dp.list(&Filter::default(), None, 100).await.unwrap()
    }

    /// Waits until what was written down is handed over.
    async fn handed_over(&self) {
        while self.list().await.iter().any(|one| one.state == State::Sending) {
            tokio::task::yield_now().await;
        }
    }

    async fn value(&self, id: uuid::Uuid, column: &str) -> Option<String> {
        let field = self.definition.field_no(column).unwrap();
        let view = self.hd4dp.registration(id).await.unwrap().unwrap();
        view.cells.iter().find(|cell| cell.place.field == field).map(|cell| cell.value.clone())
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

/// A file's text with one cell of its first row set.
fn with(text: &str, column: &str, value: &str) -> String {
    let mut lines: Vec<Vec<String>> = text.lines().map(|line| line.split(';').map(str::to_owned).collect()).collect();
    let at = lines[0].iter().position(|name| name == column).unwrap();
    value.clone_into(&mut lines[1][at]);
    lines.iter().map(|line| line.join(";") + "\n").collect()
}

/// A file's text with one cell of every row set.
fn with_all(text: &str, column: &str, value: &str) -> String {
    let (header, rows) = text.split_once('\n').unwrap();
    rows.lines().fold(format!("{header}\n"), |file, row| {
        let row = with(&format!("{header}\n{row}\n"), column, value);
        file + row.split_once('\n').unwrap().1
    })
}

fn modes(conflict_mode: ConflictMode, conflict_master: ConflictMaster) -> UploadOptions {
    UploadOptions { conflict_mode, conflict_master, ..UploadOptions::default() }
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

#[tokio::test]
async fn a_merge_fills_what_is_empty_and_the_master_decides_the_rest() {
    let hospital = Hospital::new().await;
    let text = String::from_utf8(hospital.generate(1, 0)).unwrap();
    let first = with(&with(&text, PANEL, "TSO500"), "local_mab_comment", "");
    hospital.upload("mab.csv", &first).await.unwrap();
    let id = hospital.list().await[0].registration_id;
    let second = with(&with(&text, PANEL, "OTHER"), "local_mab_comment", "looked at twice");
    let tally = hospital.upload_with("mab.csv", &second, modes(ConflictMode::Merge, ConflictMaster::Stored)).await;
    assert_eq!((tally.accepted, tally.unchanged), (1, 0));
    let report = hospital.report("mab.success");
    assert!(report[0][0] == "2" && report[0][1].starts_with("W02: "), "{:?}", &report[0][..2]);
    assert_eq!(hospital.value(id, PANEL).await.as_deref(), Some("TSO500"));
    assert_eq!(hospital.value(id, "local_mab_comment").await.as_deref(), Some("looked at twice"));
    assert_eq!(hospital.list().await[0].version, 2);

    // The same once more: the stored values win again, so nothing is new.
    let tally = hospital.upload_with("mab.csv", &second, modes(ConflictMode::Merge, ConflictMaster::Stored)).await;
    assert_eq!(tally.unchanged, 1);
    let third = with(&second, "local_mab_comment", "");
    let tally = hospital.upload_with("mab.csv", &third, modes(ConflictMode::Merge, ConflictMaster::New)).await;
    assert_eq!((tally.accepted, tally.unchanged), (1, 0));
    assert_eq!(hospital.value(id, PANEL).await.as_deref(), Some("OTHER"));
    assert_eq!(hospital.value(id, "local_mab_comment").await.as_deref(), Some("looked at twice"));
}

#[tokio::test]
async fn a_conflict_is_skipped_or_refused_when_the_mode_says_so() {
    let hospital = Hospital::new().await;
    let text = String::from_utf8(hospital.generate(2, 0)).unwrap();
    hospital.upload("mab.csv", with(&text, PANEL, "TSO500")).await.unwrap();
    let changed = with(&text, PANEL, "OTHER");
    let skip = UploadOptions { ignore_duplicates: false, ..modes(ConflictMode::Skip, ConflictMaster::New) };
    let tally = hospital.upload_with("mab.csv", &changed, skip).await;
    assert_eq!((tally.accepted, tally.unchanged, tally.rejected), (2, 2, 0));
    let codes: Vec<String> = hospital.report("mab.success").iter().map(|row| row[1][..3].to_owned()).collect();
    assert_eq!(codes, ["W02", "W01"]);
    let tally = hospital.upload_with("mab.csv", &changed, modes(ConflictMode::Fail, ConflictMaster::New)).await;
    assert_eq!((tally.accepted, tally.unchanged, tally.rejected), (1, 1, 1));
    let errors = hospital.report("mab.error");
    assert!(errors[0][1].starts_with("E31: a registration with this unique id"), "{}", errors[0][1]);
    assert!(hospital.list().await.iter().all(|one| one.version == 1));
}

#[tokio::test]
async fn without_autosubmit_rows_are_kept_until_somebody_submits_or_deletes_them() {
    let hospital = Hospital::new().await;
    let text = String::from_utf8(hospital.generate(2, 0)).unwrap();
    let keep = UploadOptions { autosubmit: false, ..UploadOptions::default() };
    let tally = hospital.upload_with("mab.csv", &text, keep).await;
    assert_eq!((tally.accepted, tally.kept, tally.unchanged), (2, 2, 0));
    assert_eq!(hospital.store.waiting().await.unwrap(), 0);
    let listed = hospital.list().await;
    assert!(listed.iter().all(|one| one.state == State::Open && one.version == 0));
    let tally = hospital.upload_with("mab.csv", &text, keep).await;
    assert_eq!((tally.kept, tally.unchanged), (0, 2));
    let tally = hospital.upload_with("mab.csv", with(&text, "local_mab_comment", "kept anew"), keep).await;
    assert_eq!((tally.kept, tally.unchanged), (1, 1));

    let (sent, gone) = (listed[0].registration_id, listed[1].registration_id);
    assert_eq!(hospital.hd4dp.submit_again(sent, "ann").await.unwrap(), 1);
    hospital.hd4dp.delete(gone, "ann").await.unwrap();
    assert!(hospital.hd4dp.registration(gone).await.unwrap().is_none());
    let view = hospital.hd4dp.registration(sent).await.unwrap().unwrap();
    assert_eq!((view.versions.len(), view.is_draft), (1, false));
    assert_eq!((hospital.store.waiting().await.unwrap(), hospital.hd4dp.waiting()), (1, 1));

    // What was submitted is opened by a row that is kept, and the deleted one is new again.
    hospital.handed_over().await;
    let tally = hospital.upload_with("mab.csv", with_all(&text, PANEL, "another"), keep).await;
    assert_eq!((tally.accepted, tally.rejected), (2, 0));
    assert!(hospital.list().await.iter().all(|one| one.state == State::Open));
    // With autosubmit the kept ones are sent.
    let upload = hospital.upload("mab.csv", &text).await.unwrap();
    assert_eq!(hospital.tally(upload).await.accepted, 2);
    assert!(hospital.list().await.iter().all(|one| one.version > 0 && one.state != State::Open));
}

#[tokio::test]
async fn rows_with_validation_errors_are_kept_and_submitted_only_when_corrected() {
    let hospital = Hospital::new().await;
    let text = String::from_utf8(hospital.generate(3, 0)).unwrap();
    let faulty = with(&text, PANEL, "");
    let save = UploadOptions { validation: Validation::SaveOnValidations, ..UploadOptions::default() };
    let tally = hospital.upload_with("mab.csv", &faulty, save).await;
    assert_eq!((tally.accepted, tally.kept, tally.rejected), (3, 1, 0));
    assert!(hospital.report("mab.success")[0][1].starts_with("V01 "));
    let listed = hospital.list().await;
    let open = listed.iter().find(|one| one.state == State::Open).unwrap().registration_id;
    let refused = hospital.hd4dp.submit_again(open, "ann").await.unwrap_err();
    assert!(refused.code() == Some("VALIDATION_ERRORS"));
    // What is no validation error, or leaves nobody to find the row by, is refused as ever.
    let tally = hospital.upload_with("mab.csv", with(&faulty, "vcf_identifier", ""), save).await;
    assert_eq!((tally.unchanged, tally.rejected), (2, 1));
    let upload = hospital.upload("mab.csv", &text).await.unwrap();
    assert_eq!((hospital.tally(upload).await.accepted, hospital.tally(upload).await.unchanged), (3, 2));
    assert_eq!(hospital.store.waiting().await.unwrap(), 3);
}

#[tokio::test]
async fn a_file_is_taken_in_whole_or_not_at_all() {
    let hospital = Hospital::new().await;
    let all = UploadOptions { validation: Validation::ValidateAll, ..UploadOptions::default() };
    let tally = hospital.upload_with("mab.csv", hospital.generate(40, 5), all).await;
    assert_eq!((tally.attempted, tally.accepted, tally.rejected), (40, 0, 40));
    let errors = hospital.report("mab.error");
    assert_eq!(errors.iter().filter(|row| row[1].starts_with("E33: other rows")).count(), 38);
    assert!(hospital.list().await.is_empty());
    let tally = hospital.upload_with("mab.csv", hospital.generate(40, 0), all).await;
    assert_eq!((tally.accepted, tally.rejected), (40, 0));
    // What the store refuses counts too.
    let text = String::from_utf8(hospital.generate(40, 0)).unwrap();
    let fail = UploadOptions { conflict_mode: ConflictMode::Fail, ..all };
    let tally = hospital.upload_with("mab.csv", with(&text, "local_mab_comment", "another one"), fail).await;
    assert_eq!((tally.accepted, tally.rejected), (0, 40));
}

#[tokio::test]
async fn a_download_is_uploaded_again_without_a_change() {
    for register in ["Precision_Local_MAB", "Precision_Central_MAB", "Precision_Treatment"] {
        let hospital = Hospital::of(register).await;
        let upload = hospital.upload("rows.csv", hospital.generate(300, 0)).await.unwrap();
        let accepted = hospital.tally(upload).await.accepted;
        assert_eq!(accepted, 300, "{register}");
        let mut file = Vec::new();
        let written = download(&hospital.hd4dp, &hospital.definition, &mut file).await.unwrap();
        let known = hospital.hd4dp.list(&Filter::default(), None, 1_000).await.unwrap().len() as u64;
        assert_eq!(written, known, "{register}");
        let again = hospital.upload("again.csv", &file).await.unwrap();
        let tally = hospital.tally(again).await;
        assert_eq!((tally.attempted, tally.unchanged, tally.rejected), (written, written, 0), "{register}");
    }
}
