//! Step 2: what a person enters by hand.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hospital;

use dcd::{Code, Finding};
use hd4dp::{
    LifeError,
    attachment::GivenFile,
    entry::{Created, NewRegistration},
    form::Form,
    status::{Event, State, Status},
    store::Filter,
};
use hospital::{Hospital, code};
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(77);
const VCF: &[u8] = b"##fileformat=VCFv4.2\n#CHROM\tPOS\n";

async fn create(hospital: &Hospital, form: Form, submit: bool) -> Result<Created, LifeError> {
    let definition = &hospital.definition;
    let new = NewRegistration { definition, registration_id: Some(ID), form, files: Vec::new(), submit, author: "ann" };
    hospital.hd4dp.create(new).await
}

fn with(mut form: Form, column: &str, value: &str) -> Form {
    form.set(column, value);
    form
}

fn vcf(form: &Form, bytes: &[u8]) -> GivenFile {
    let name = format!("{}.vcf", form.get("vcf_identifier").unwrap());
    GivenFile { column: "vcf_file".to_owned(), name, bytes: bytes.to_vec() }
}

fn codes(findings: &[Finding]) -> Vec<Code> {
    findings.iter().map(|finding| finding.code).collect()
}

async fn count(hospital: &Hospital) -> usize {
    hospital.hd4dp.list(&Filter::default(), None, 100).await.unwrap().len()
}

#[tokio::test]
async fn a_registration_is_created_once_and_submitted_at_once() {
    let hospital = Hospital::new().await;
    let first = create(&hospital, hospital.form(0), true).await.unwrap();
    assert_eq!((first.registration_id, first.is_new, first.version, first.state), (ID, true, 1, State::Sending));
    assert_eq!(hospital.hd4dp.waiting(), 1);
    hospital.handed_over().await;
    let again = create(&hospital, hospital.form(0), true).await.unwrap();
    assert_eq!((again.is_new, again.version, again.state.status()), (false, 1, Status::Submitted));
    assert_eq!((count(&hospital).await, hospital.hd4dp.waiting()), (1, 1));
    let view = hospital.hd4dp.registration(ID).await.unwrap().unwrap();
    assert_eq!((view.versions[0].author.as_deref(), view.history[0].event), (Some("ann"), Event::SubmittedByUser));
    // The id is that of a registration with another unique id; and the unique id is that of another registration.
    assert_eq!(code(create(&hospital, hospital.form(1), true).await), "ID_TAKEN");
    let definition = &hospital.definition;
    let form = hospital.form(0);
    let other = NewRegistration { definition, registration_id: None, form, files: Vec::new(), submit: false, author: "ann" };
    assert_eq!(code(hospital.hd4dp.create(other.clone()).await), "UNIQUE_ID_TAKEN");
    let created = hospital.hd4dp.create(NewRegistration { form: hospital.form(1), ..other }).await.unwrap();
    assert!(created.is_new && created.registration_id != ID);
    assert_eq!(count(&hospital).await, 2);
}

#[tokio::test]
async fn what_has_validation_errors_is_kept_and_submitted_when_it_has_none() {
    let hospital = Hospital::new().await;
    let faulty = || with(hospital.form(0), "ngs_panel", "");
    let Err(LifeError::Invalid { findings }) = create(&hospital, faulty(), true).await else { panic!("it has errors") };
    assert_eq!((codes(&findings), findings[0].column.as_deref()), (vec![Code::V01], Some("ngs_panel")));
    assert_eq!(count(&hospital).await, 0, "nothing of it is kept");
    let kept = create(&hospital, faulty(), false).await.unwrap();
    assert_eq!((kept.version, kept.state, codes(&kept.findings)), (0, State::Open, vec![Code::V01]));
    let Err(LifeError::Invalid { findings }) = hospital.hd4dp.submit_again(ID, "ann").await else { panic!("it has errors") };
    assert_eq!(codes(&findings), [Code::V01]);
    let saved = hospital.hd4dp.save(ID, faulty(), Vec::new(), "ann").await.unwrap();
    assert_eq!((saved.is_valid, codes(&saved.findings)), (false, vec![Code::V01]));
    // What cannot be read cannot be kept either, and the stored values stay.
    let unreadable = with(hospital.form(0), "local_mab_date", "yesterday");
    let Err(LifeError::Invalid { findings }) = hospital.hd4dp.save(ID, unreadable, Vec::new(), "ann").await else { panic!() };
    assert!(codes(&findings).contains(&Code::E04));
    assert_eq!(hospital.hd4dp.form(ID).await.unwrap().get("local_mab_date"), hospital.form(0).get("local_mab_date"));
    let saved = hospital.hd4dp.save(ID, hospital.form(0), Vec::new(), "ann").await.unwrap();
    assert!(saved.is_valid && saved.state == State::Open);
    assert_eq!(hospital.hd4dp.submit_again(ID, "ann").await.unwrap(), 1);
    assert_eq!(code(hospital.hd4dp.save(ID, hospital.form(0), Vec::new(), "ann").await), "WRONG_STATUS");
}

#[tokio::test]
async fn nothing_is_kept_that_could_not_be_found_again() {
    let hospital = Hospital::new().await;
    let nobody = with(with(hospital.form(0), "patient_id", ""), "patient_id|name", "");
    for form in [Form::default(), with(hospital.form(0), "vcf_identifier", ""), nobody] {
        assert_eq!(code(create(&hospital, form, false).await), "VALIDATION_ERRORS");
    }
    create(&hospital, hospital.form(0), false).await.unwrap();
    let other = with(hospital.form(0), "vcf_identifier", "OTHER-1");
    assert_eq!(code(hospital.hd4dp.save(ID, other, Vec::new(), "ann").await), "OTHER_UNIQUE_ID");
}

#[tokio::test]
async fn a_draft_gets_keeps_and_loses_its_files() {
    let hospital = Hospital::new().await;
    let form = hospital.form(0);
    create(&hospital, form.clone(), false).await.unwrap();
    let hd4dp = &hospital.hd4dp;
    assert_eq!(code(hd4dp.attachment(ID, "vcf_file").await), "UNKNOWN_ATTACHMENT");
    let saved = hd4dp.put_attachment(ID, vcf(&form, VCF), "ann").await.unwrap();
    assert!(saved.is_valid);
    assert_eq!(hd4dp.attachment(ID, "vcf_file").await.unwrap().bytes, VCF);
    // Saved with its name it stays, saved without it is gone.
    let named = hd4dp.form(ID).await.unwrap();
    assert_eq!(named.get("vcf_file"), Some(vcf(&form, VCF).name.as_str()));
    hd4dp.save(ID, with(named.clone(), "ngs_panel", "OTHER"), Vec::new(), "ann").await.unwrap();
    assert_eq!(hd4dp.attachment(ID, "vcf_file").await.unwrap().bytes, VCF);
    hd4dp.remove_attachment(ID, "vcf_file", "ann").await.unwrap();
    assert_eq!(code(hd4dp.attachment(ID, "vcf_file").await), "UNKNOWN_ATTACHMENT");
    assert_eq!(code(hd4dp.remove_attachment(ID, "vcf_file", "ann").await), "UNKNOWN_ATTACHMENT");
    // The register's rule about the name, a name that leads elsewhere, a content of another kind, a column for no file.
    let put = async |column: &str, name: &str, bytes: &[u8]| {
        let file = GivenFile { column: column.to_owned(), name: name.to_owned(), bytes: bytes.to_vec() };
        match hd4dp.put_attachment(ID, file, "ann").await {
            Err(LifeError::Invalid { findings }) => codes(&findings),
            Ok(saved) => codes(&saved.findings),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(put("vcf_file", "../OTHER.vcf", VCF).await, [Code::E36]);
    assert_eq!(put("vcf_file", "OTHER.vcf", b"\x89PNG\r\n\x1a\n").await, [Code::E35]);
    assert_eq!(put("ngs_panel", "OTHER.vcf", VCF).await, [Code::E01]);
    assert_eq!(put("nothing", "OTHER.vcf", VCF).await, [Code::E01]);
    assert_eq!(put("vcf_file", "OTHER.vcf", VCF).await, [Code::V03]);
    // What is submitted travels with its file, which the largest publication has room for.
    let mut large = VCF.to_vec();
    large.resize(6 * 1024 * 1024, b'.');
    assert!(hd4dp.put_attachment(ID, vcf(&form, &large), "ann").await.unwrap().is_valid);
    hd4dp.submit_again(ID, "ann").await.unwrap();
    hospital.handed_over().await;
    assert_eq!(code(hd4dp.remove_attachment(ID, "vcf_file", "ann").await), "WRONG_STATUS");
    assert_eq!(hd4dp.attachment(ID, "vcf_file").await.unwrap().bytes.len(), large.len());
}

#[tokio::test]
async fn the_last_days_of_a_collection_count_and_the_days_after_do_not() {
    let hospital = Hospital::with_ends().await;
    let hd4dp = &hospital.hd4dp;
    hospital.is_on(10);
    create(&hospital, hospital.form(0), false).await.unwrap();
    hospital.is_on(11);
    // The same wish once more creates nothing, so the day does not matter.
    assert!(!create(&hospital, hospital.form(0), false).await.unwrap().is_new);
    let definition = &hospital.definition;
    let form = hospital.form(1);
    let other = NewRegistration { definition, registration_id: None, form, files: Vec::new(), submit: false, author: "ann" };
    let refused = hd4dp.create(other).await;
    let Err(LifeError::Closed(closed)) = &refused else { panic!("it is closed") };
    assert_eq!(closed.finding.message(dcd::Language::English).rsplit_once(' ').unwrap().1, "10/03/2027");
    assert_eq!(code(refused), "CREATION_CLOSED");
    hospital.is_on(20);
    assert_eq!(hd4dp.submit_again(ID, "ann").await.unwrap(), 1);
    hospital.handed_over().await;
    hd4dp.reopen(ID, "ann").await.unwrap();
    hospital.is_on(21);
    assert_eq!(code(hd4dp.submit_again(ID, "ann").await), "SUBMISSION_CLOSED");
}

#[tokio::test]
async fn an_answer_to_a_researcher_has_its_own_last_day() {
    let hospital = Hospital::with_ends().await;
    let hd4dp = &hospital.hd4dp;
    create(&hospital, hospital.form(0), true).await.unwrap();
    hospital.handed_over().await;
    hospital.is_on(21);
    assert_eq!(code(hd4dp.reopen(ID, "ann").await), "SUBMISSION_CLOSED");
    hospital.asked(ID, 1).await;
    hospital.is_on(30);
    let saved = hd4dp.save(ID, with(hospital.form(0), "ngs_panel", "OTHER"), Vec::new(), "ann").await.unwrap();
    assert_eq!(saved.state, State::Open);
    assert_eq!(hd4dp.submit_again(ID, "ann").await.unwrap(), 2);
    hospital.handed_over().await;
    hospital.asked(ID, 2).await;
    hospital.is_on(31);
    assert_eq!(code(hd4dp.submit_again(ID, "ann").await), "COMMENTS_CLOSED");
    // A deletion is possible on every day.
    hd4dp.delete(ID, "ann").await.unwrap();
}

/// New rows, changed ones and answers have different last days; an equal row changes nothing on any day.
#[tokio::test]
async fn the_rows_of_a_file_have_the_same_last_days() {
    let hospital = Hospital::with_ends().await;
    let (old, new) = (hospital.rows(2), hospital.rows(3));
    let changed = old.replace(";TSO500;", ";OTHER;");
    assert_ne!(changed, old);
    assert_eq!(hospital.upload(&old).await, (2, 0));
    hospital.handed_over().await;
    hospital.is_on(11);
    assert_eq!(hospital.upload(&new).await, (2, 1));
    hospital.is_on(20);
    assert_eq!(hospital.upload(&changed).await, (2, 0));
    hospital.handed_over().await;
    hospital.is_on(21);
    assert_eq!(hospital.upload(&changed).await, (2, 0));
    let (accepted, rejected) = hospital.upload(&old).await;
    assert!(rejected > 0 && accepted + rejected == 2);
    for one in hospital.hd4dp.list(&Filter::default(), None, 9).await.unwrap() {
        hospital.asked(one.registration_id, one.version).await;
    }
    hospital.is_on(30);
    assert_eq!(hospital.upload(&old).await, (2, 0));
    hospital.handed_over().await;
    hospital.is_on(31);
    assert!(matches!(hospital.try_upload(&old).await, Err(hd4dp::upload::UploadError::Refused { .. })));
}

#[tokio::test]
async fn registrations_are_found_by_the_value_of_a_filterable_field() {
    let hospital = Hospital::new().await;
    let (hd4dp, definition) = (&hospital.hd4dp, &hospital.definition);
    hospital.upload(&hospital.rows(20)).await;
    let form = hospital.form(0);
    let (column, value) = ("local_mab_date", form.get("local_mab_date").unwrap());
    let vcf = form.get("vcf_identifier").unwrap();
    let found = hd4dp.find(definition, (column, value), None, 100).await.unwrap();
    let one = hd4dp.find(definition, ("vcf_identifier", vcf), None, 100).await.unwrap();
    assert!(one.len() == 1 && found.contains(&one[0]));
    let id = one[0].registration_id;
    // Page by page the same, and what changes is found by its new value only.
    let all = hd4dp.find(definition, ("patient_id|deceased", "FALSE"), None, 100).await.unwrap();
    let half = u32::try_from(all.len() / 2).unwrap();
    let first = hd4dp.find(definition, ("patient_id|deceased", "FALSE"), None, half).await.unwrap();
    let rest = hd4dp.find(definition, ("patient_id|deceased", "FALSE"), first.last().map(|one| one.registration_id), 100).await;
    assert_eq!([first, rest.unwrap()].concat(), all);
    hospital.handed_over().await;
    hd4dp.reopen(id, "ann").await.unwrap();
    hd4dp.save(id, with(form.clone(), "ngs_panel", "A panel of our own"), Vec::new(), "ann").await.unwrap();
    let by_panel = async |panel: &str| {
        let found = hd4dp.find(definition, ("ngs_panel", panel), None, 100).await.unwrap();
        found.iter().any(|one| one.registration_id == id)
    };
    assert!(by_panel("A panel of our own").await && !by_panel(form.get("ngs_panel").unwrap()).await);
    for column in ["patient_id", "local_mab_comment", "nothing"] {
        assert_eq!(code(hd4dp.find(definition, (column, "1"), None, 9).await), "NOT_FILTERABLE");
    }
}

/// What is known of a patient from one register is filled in for another one; what was entered last counts.
#[tokio::test]
async fn stable_data_are_filled_in_for_a_known_patient() {
    let hospital = Hospital::new().await;
    let hd4dp = &hospital.hd4dp;
    let treatment = hd4dp.definitions().get("Precision_Treatment").unwrap();
    let form = with(hospital.form(0), "patient_id|internal_patient_id", "INT-7");
    let number = form.get("patient_id").unwrap().to_owned();
    assert_eq!(hd4dp.prefill(&treatment, &number).await.unwrap().iter().collect::<Vec<_>>(), [("patient_id", number.as_str())]);
    create(&hospital, form.clone(), false).await.unwrap();
    let dotted = format!("{}.{}", &number[..6], &number[6..]);
    let known = hd4dp.prefill(&treatment, &dotted).await.unwrap();
    for column in ["patient_id", "patient_id|internal_patient_id", "patient_id|sex", "patient_id|place_of_residence"] {
        assert_eq!(known.get(column), form.get(column), "{column}");
    }
    assert!(known.iter().all(|(column, _)| column.starts_with("patient_id")), "nothing but stable fields");
    let mut other = with(hospital.form(1), "patient_id|internal_patient_id", "INT-9");
    for (column, value) in form.iter().filter(|(column, _)| *column != "patient_id|internal_patient_id") {
        if column.starts_with("patient_id") {
            other.set(column, value);
        }
    }
    let definition = &hospital.definition;
    let new = NewRegistration { definition, registration_id: None, form: other, files: Vec::new(), submit: false, author: "ann" };
    let other = hd4dp.create(new).await.unwrap().registration_id;
    hospital.is_on(2);
    hd4dp.save(ID, with(form, "patient_id|internal_patient_id", "INT-8"), Vec::new(), "ann").await.unwrap();
    assert_eq!(hd4dp.prefill(&treatment, &number).await.unwrap().get("patient_id|internal_patient_id"), Some("INT-8"));
    assert_eq!(code(hd4dp.prefill(&treatment, "64031299907").await), "NO_NATIONAL_NUMBER");
    let mut file = Vec::new();
    assert_eq!(hd4dp.download_stable(&treatment, &mut file).await.unwrap(), 1);
    let records = hospital::records(&file);
    let internal = records[0].iter().position(|column| column == "patient_id|internal_patient_id").unwrap();
    assert_eq!((records.len(), records[1][0].as_str(), records[1][internal].as_str()), (2, number.as_str(), "INT-8"));
    // A patient whose registrations are gone is not known any more.
    hd4dp.delete(ID, "ann").await.unwrap();
    assert_eq!(hd4dp.prefill(&treatment, &number).await.unwrap().get("patient_id|internal_patient_id"), Some("INT-9"));
    hd4dp.delete(other, "ann").await.unwrap();
    assert_eq!(hd4dp.prefill(&treatment, &number).await.unwrap().iter().count(), 1);
}

#[tokio::test]
async fn the_index_follows_by_itself_when_nothing_happens_for_a_while() {
    let hospital = Hospital::new().await;
    let is_behind = async || !hospital.store.changes(9).await.unwrap().is_empty();
    create(&hospital, hospital.form(0), false).await.unwrap();
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert!(is_behind().await, "two seconds have not passed");
    hospital.is_on(2);
    while is_behind().await {
        tokio::task::yield_now().await;
    }
}
