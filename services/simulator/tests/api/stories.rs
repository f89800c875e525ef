//! What people do over HTTP, from one side to the other.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    CANARY,
    house::{HOSPITAL, House, REGISTER, rows},
    http::{Ask, Told},
};

/// Somebody who asks.
pub(crate) struct Person<'a> {
    house: &'a House,
    pub(crate) token: String,
    base: String,
}

impl<'a> Person<'a> {
    pub(crate) fn new(house: &'a House, role: &str, base: &str) -> Self {
        let at = if base.starts_with("/hd4dp") { HOSPITAL } else { "healthdata" };
        Self { house, token: house.token(role, at), base: base.to_owned() }
    }

    pub(crate) fn at_hospital(house: &'a House) -> Self {
        Self::new(house, "data-provider", &format!("/hd4dp/{HOSPITAL}"))
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(method, &format!("{}{path}", self.base)).with("authorization", &self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Told {
        self.house.ask(&self.ask("get", path)).await
    }

    pub(crate) async fn change(&self, ask: Ask, key: &str, etag: Option<&str>) -> Told {
        let ask = ask.with("idempotency-key", key);
        self.house
            .ask(&match etag {
                Some(etag) => ask.with("if-match", etag),
                None => ask,
            })
            .await
    }
}

pub(crate) fn items(told: &Told) -> Vec<Value> {
    assert_eq!(told.status, 200, "{}", String::from_utf8_lossy(&told.body));
    told.json()["items"].as_array().unwrap().clone()
}

/// A registration of the hospital, and the number of its record.
async fn pair(hospital: &Person<'_>, researcher: &Person<'_>) -> (String, i64) {
    let registration = items(&hospital.get("/registrations").await)[0]["registration_id"].as_str().unwrap().to_owned();
    let records = items(&researcher.get(&format!("/records?register={REGISTER}")).await);
    let record = records.iter().find(|record| record["registration_id"] == registration.as_str()).unwrap();
    (registration, record["record"].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_goes_to_the_hospital_and_back() {
    let house = House::open().await;
    let (hospital, researcher) = (Person::at_hospital(&house), Person::new(&house, "researcher", "/hd4res"));
    let (registration, record) = pair(&hospital, &researcher).await;
    let (of_record, of_registration) = (format!("/records/{record}"), format!("/registrations/{registration}"));
    let seen = researcher.get(&of_record).await;
    assert!(seen.json()["values"].as_array().unwrap().len() > 10);
    let request = json!({ "comments": [{ "column": "vcf_identifier", "text": "Is it right?" }] });
    let ask = researcher.ask("post", &format!("{of_record}/corrections")).json(&request);
    let asked = researcher.change(ask, "correction-1", Some(&seen.headers["etag"])).await;
    assert_eq!((asked.status, &asked.json()["status"]), (200, &"sending-comments".into()));
    house.rest().await;

    let told = hospital.get(&of_registration).await;
    let body = told.json();
    assert_eq!(body["status"], "corrections-needed");
    assert_eq!(
        (&body["comments"][0]["text"], &body["comments"][0]["column"]),
        (&request["comments"][0]["text"], &"vcf_identifier".into())
    );
    let save = hospital.ask("put", &of_registration).json(&json!({ "values": body["values"] }));
    let saved = hospital.change(save, "saving-01", Some(&told.headers["etag"])).await;
    assert_eq!((saved.status, &saved.json()["status"]), (200, &"open".into()), "{:?}", String::from_utf8(saved.body.clone()));
    let submit =
        |answers: Value| hospital.ask("post", &format!("{of_registration}/submission")).json(&json!({ "answers": answers }));
    let nobody_asked = hospital.change(submit(json!([{ "text": "Yes." }])), "answer-0", Some(&saved.headers["etag"])).await;
    assert_eq!(nobody_asked.code(), "UNKNOWN_COMMENT");
    let telling = json!([{ "column": "vcf_identifier", "text": format!("It is {CANARY}.") }]);
    let telling = hospital.change(submit(telling), "answer-1", Some(&saved.headers["etag"])).await;
    assert_eq!(telling.code(), "VALIDATION_ERRORS");
    let submit = submit(json!([{ "column": "vcf_identifier", "text": "It is right." }]));
    let late = hospital.change(submit.clone(), "submitting-0", Some(&told.headers["etag"])).await;
    assert_eq!(late.code(), "STALE_VERSION", "it was saved meanwhile");
    let submitted = hospital.change(submit, "submitting-1", Some(&saved.headers["etag"])).await;
    assert_eq!(submitted.json()["version"], 2);
    house.rest().await;

    let approve = researcher.ask("post", &format!("{of_record}/approval"));
    let late = researcher.change(approve.clone(), "approval-0", Some(&asked.headers["etag"])).await;
    assert_eq!(late.code(), "STALE_VERSION", "a version came after the look");
    let seen = researcher.get(&of_record).await;
    assert_eq!((&seen.json()["status"], &seen.json()["is_validated"]), (&"new-correction".into(), &true.into()));
    let approved = researcher.change(approve, "approval-1", Some(&seen.headers["etag"])).await;
    assert_eq!(approved.json()["status"], "approved");
    house.rest().await;
    assert_eq!(hospital.get(&of_registration).await.json()["status"], "approved");
    let comments = researcher.get(&format!("{of_record}/comments")).await.json();
    let said: Vec<_> = comments.as_array().unwrap().iter().map(|one| (&one["author"], &one["text"])).collect();
    assert_eq!(said, [(&"researcher".into(), &"Is it right?".into()), (&"hospital".into(), &"It is right.".into())]);
    let progress = researcher.get("/progress").await.json();
    let of_register = progress.as_array().unwrap().iter().find(|one| one["register"] == REGISTER).unwrap();
    assert_eq!((&of_register["records"], &of_register["by_status"]["approved"]), (&8.into(), &1.into()));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_a_patient_does_not_pass_in_a_text() {
    let house = House::open().await;
    let (hospital, researcher) = (Person::at_hospital(&house), Person::new(&house, "researcher", "/hd4res"));
    let (_, record) = pair(&hospital, &researcher).await;
    let seen = researcher.get(&format!("/records/{record}")).await;
    let pseudonym = seen.json()["pseudonym"].as_str().unwrap().to_owned();
    for (number, text) in [format!("Is it {CANARY}?"), format!("As {pseudonym}?")].iter().enumerate() {
        let ask =
            researcher.ask("post", &format!("/records/{record}/follow-up")).json(&json!({ "comments": [{ "text": text }] }));
        let told = researcher.change(ask, &format!("forbidden-{number}"), Some(&seen.headers["etag"])).await;
        assert_eq!((told.status, told.code().as_str()), (422, "FORBIDDEN_TEXT"));
        assert!(!String::from_utf8_lossy(&told.body).contains(text.as_str()));
    }
    for (number, comment) in [json!({ "column": "nothing", "text": "?" }), json!({ "item": 1, "text": "?" })].iter().enumerate() {
        let ask = researcher.ask("post", &format!("/records/{record}/follow-up")).json(&json!({ "comments": [comment] }));
        let told = researcher.change(ask, &format!("no-column-{number}"), Some(&seen.headers["etag"])).await;
        assert_eq!(told.code(), "UNKNOWN_FIELD");
    }
    assert_eq!(researcher.get(&format!("/records/{record}")).await, seen, "nothing came of it");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_warehouse_gives_the_researchers_file_and_what_is_in_it() {
    let house = House::open().await;
    let (analyst, validator) = (Person::new(&house, "data-analyst", "/dhw"), Person::new(&house, "data-validator", "/dhw"));
    let dhw = &house.session.installation.dhw;
    let mut file = Vec::new();
    assert_eq!(dhw::researcher::export(&**dhw.store(), dhw.registers(), REGISTER, &mut file).await.unwrap(), 8);
    let exported = analyst.get(&format!("/registers/{REGISTER}/export.csv")).await;
    assert!(exported.body == file, "the bytes are those of the file");
    assert_eq!(exported.headers["content-type"], "text/csv; charset=utf-8");
    let audited = house.journal("/dhw").audit(0, 10).await.unwrap();
    assert_eq!((audited[0].1.count, audited[0].1.register.as_deref()), (8, Some(REGISTER)));

    let list = format!("/registers/{REGISTER}/1/registrations");
    let all = items(&validator.get(&list).await);
    assert_eq!(all.len(), 8);
    let definition = house.hd4dp().definitions().get(REGISTER).unwrap();
    let is_filterable = |value: &&Value| {
        let field = definition.field_no(value["column"].as_str().unwrap()).and_then(|number| definition.field(number));
        field.is_some_and(|field| field.is_filterable() && field.list().is_none()) && value["kind"] == "code"
    };
    let values = all[0]["values"].as_array().unwrap();
    let wanted = values.iter().find(is_filterable).unwrap();
    let (column, value) = (wanted["column"].as_str().unwrap(), wanted["value"].as_str().unwrap());
    let address = format!("{list}?column={}&value={value}", column.replace('|', "%7C"));
    let having = items(&analyst.get(&address).await);
    let expected: Vec<&Value> = all.iter().filter(|one| one["values"].as_array().unwrap().contains(wanted)).collect();
    assert_eq!(having.iter().collect::<Vec<_>>(), expected);
    assert_eq!(analyst.get(&format!("{list}?column=nothing&value=1")).await.code(), "UNKNOWN_FIELD");
    let figures = |told: Told| {
        let all = told.json().as_array().unwrap().clone();
        all.into_iter().find(|one| one["register"] == REGISTER).unwrap()
    };
    let (seen, checked) = (figures(analyst.get("/registers").await), figures(validator.get("/registers").await));
    assert_eq!((&seen["registrations"], seen["findings"].is_null(), checked["findings"].is_object()), (&8.into(), true, true));
    house.close().await;
}

/// Records that come between two pages shift none.
#[tokio::test(flavor = "multi_thread")]
async fn pages_stay_whole_while_more_comes_in() {
    let house = House::open().await;
    let researcher = Person::new(&house, "researcher", "/hd4res");
    let (mut seen, mut path) = (Vec::new(), "/records?limit=3".to_owned());
    loop {
        let told = researcher.get(&path).await;
        seen.extend(items(&told).iter().map(|one| one["record"].as_i64().unwrap()));
        if seen.len() == 3 {
            house.upload(12).await;
        }
        let next = told.json()["next"].as_str().map(str::to_owned);
        let Some(next) = next else { break };
        path = format!("/records?limit=3&cursor={next}");
        assert_eq!(researcher.get(&format!("{path}&status=new")).await.code(), "INVALID_CURSOR", "of another list");
    }
    let distinct: BTreeSet<i64> = seen.iter().copied().collect();
    assert_eq!((distinct.len(), seen.len()), (12, 12));
    assert!(seen.is_sorted());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_in_with_its_reports_or_is_told_why_not() {
    let house = House::open().await;
    let hospital = Person::at_hospital(&house);
    let upload = |bytes: Vec<u8>, query: &str| {
        let ask = hospital.ask("post", &format!("/registers/{REGISTER}/uploads{query}")).body(bytes);
        ask.with("content-type", "text/csv").with("content-disposition", "attachment; filename=\"mab.csv\"")
    };
    let faulty = std::fs::read(rows(house.folder.path(), "faulty.csv", 40, 50)).unwrap();
    let told = hospital.change(upload(faulty, "?autosubmit=false"), "upload-1", None).await;
    let taken = told.json();
    assert_eq!((told.status, &taken["attempted"], &taken["progress"]), (201, &40.into(), &"done".into()), "{taken}");
    let rejected = taken["rejected"].as_u64().unwrap();
    assert!(rejected > 5 && rejected < 40);
    let number = &taken["upload"];
    let view = hospital.get(&format!("/uploads/{number}")).await.json();
    assert_eq!((&view["file"], &view["way"], &view["rejected"]), (&"mab.csv".into(), &"api".into(), &rejected.into()));
    let report = hospital.get(&format!("/uploads/{number}/reports/error")).await;
    let mut reader = opencsv::Reader::new(report.body.as_slice());
    assert_eq!(reader.header().unwrap()[..2], ["line", "error"]);
    let mut lines = 0;
    while reader.next_record().unwrap().is_some() {
        lines += 1;
    }
    assert_eq!(lines, rejected);
    assert_eq!(hospital.get(&format!("/uploads/{number}/reports/other")).await.code(), "INVALID_PARAMETER");
    assert_eq!(hospital.get("/uploads/999/reports/error").await.code(), "UNKNOWN_UPLOAD");

    let wrong = hospital.change(upload(b"vcf_identifier;else\n1;2\n".to_vec(), ""), "upload-2", None).await;
    assert_eq!(wrong.code(), "FILE_REFUSED");
    assert_eq!(wrong.json()["findings"][0]["code"], "E01");
    let large = hospital.change(upload(vec![b'x'; 6 * 1024 * 1024 + 1], ""), "upload-3", None).await;
    assert_eq!((large.code().as_str(), &large.json()["findings"][0]["code"]), ("FILE_REFUSED", &"E12".into()));
    let huge = hospital.change(upload(vec![b'x'; 12 * 1024 * 1024 + 1], ""), "upload-4", None).await;
    assert_eq!((huge.status, huge.code().as_str()), (413, "TOO_LARGE"));
    let overview = items(&hospital.get("/uploads").await);
    let progress: Vec<&Value> = overview.iter().map(|one| &one["progress"]).collect();
    assert_eq!(progress, ["failed", "failed", "done", "done"]);
    house.close().await;
}

/// What was answered before an end is answered so after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_done_once_over_the_end_of_the_process() {
    let house = House::open().await;
    let (first, count) = create(&house, "creation-1").await;
    assert_eq!((first.status, count), (201, 9), "{}", String::from_utf8_lossy(&first.body));
    let house = House::open_in(house.close().await).await;
    let (again, count) = create(&house, "creation-1").await;
    assert_eq!((again.status, &again.body, count), (first.status, &first.body, 9));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let (other, count) = create(&house, "creation-2").await;
    assert_eq!((other.code().as_str(), count), ("UNIQUE_ID_TAKEN", 9), "another key is another wish");
    house.close().await;
}

async fn create(house: &House, key: &str) -> (Told, usize) {
    let hospital = Person::at_hospital(house);
    let listed = items(&hospital.get("/registrations?status=submitted").await);
    let registration = listed[0]["registration_id"].as_str().unwrap();
    let values = hospital.get(&format!("/registrations/{registration}")).await.json()["values"].clone();
    let values: Vec<Value> = values
        .as_array()
        .unwrap()
        .iter()
        .map(|value| {
            if value["column"] == "vcf_identifier" {
                json!({ "column": "vcf_identifier", "value": "STORY-1" })
            } else {
                value.clone()
            }
        })
        .collect();
    let ask = hospital.ask("post", &format!("/registers/{REGISTER}/registrations"));
    let told = hospital.change(ask.json(&json!({ "values": values, "submit": false })), key, None).await;
    (told, items(&hospital.get("/registrations").await).len())
}

/// `precision serve` answers until it is told to stop, and then ends well.
#[test]
fn serve_answers_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_precision")).args(arguments).current_dir(folder.path()).output().unwrap()
    };
    let made = run(&["token", "new", "--name", "study", "--role", "researcher", "--all-registers"]);
    let file = folder.path().join("tokens.toml");
    std::fs::write(&file, made.stdout).unwrap();
    let serve = ["serve", "--org", HOSPITAL, "--store", "store", "--port", "0", "--tokens", "tokens.toml"];
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let refused = run(&serve);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("chmod 600"));
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut served = Command::new(env!("CARGO_BIN_EXE_precision"));
    let mut served = served.args(serve).current_dir(folder.path()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(served.stderr.take().unwrap()).lines();
    let address: SocketAddr = lines
        .find_map(|line| line.unwrap().strip_prefix("APIs at http://").map(|address| address.parse().unwrap()))
        .expect("an address");
    let secret = String::from_utf8(made.stderr).unwrap();
    let secret = secret.split_whitespace().find(|word| word.starts_with("precision_")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = |path: &str| {
        let ask = Ask::new("get", path).with("authorization", &format!("Bearer {secret}"));
        runtime.block_on(ask.send(address)).status
    };
    assert_eq!([told("/hd4res/records"), told("/dhw/registers"), told(&format!("/hd4dp/{HOSPITAL}/ready"))], [200, 403, 200]);
    assert!(Command::new("kill").arg(served.id().to_string()).status().unwrap().success());
    assert!(served.wait().unwrap().success());
}
