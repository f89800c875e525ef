//! Every route of every API over real HTTP, as everybody who may not and as those who may.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod attacks;
mod client;
mod dead_letters;
mod faults;
mod house;
mod http;
mod killed;
mod many;
mod stories;

use std::collections::BTreeSet;

use hd4dp::attachment::GivenFile;
use house::{HOSPITAL, House, OTHER_HOSPITAL, REGISTER};
use http::{Ask, Told};
use serde_json::{Value, json};
use topology::Arrow;
use uuid::Uuid;

/// What no answer may repeat: a national number in what is sent.
const CANARY: &str = "64031299906";
/// Stands for the number of a fault that is on.
const FAULT: &str = "number-of-a-fault";
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// An operation of a document.
#[derive(Debug, Clone)]
struct Operation {
    base: String,
    method: String,
    template: String,
    body: Value,
}

impl Operation {
    fn of(house: &House) -> Vec<Self> {
        let mut all = Vec::new();
        for (base, document) in &house.documents {
            for (template, item) in document["paths"].as_object().unwrap() {
                for method in METHODS.into_iter().filter(|method| item.get(*method).is_some()) {
                    let (method, template) = (method.to_owned(), template.clone());
                    all.push(Self { base: base.clone(), body: item[&method].clone(), method, template });
                }
            }
        }
        all
    }

    fn route(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.template)
    }

    fn roles(&self) -> BTreeSet<&str> {
        self.body["x-roles"].as_array().unwrap().iter().map(|role| role.as_str().unwrap()).collect()
    }

    fn has_header(&self, name: &str) -> bool {
        self.body["parameters"].as_array().into_iter().flatten().any(|one| one["in"] == "header" && one["name"] == name)
    }

    fn takes(&self, media_type: &str) -> bool {
        self.body["requestBody"]["content"].get(media_type).is_some()
    }

    /// Where a caller of this API belongs.
    fn home(&self) -> &'static str {
        if self.base.starts_with("/hd4dp") { HOSPITAL } else { "healthdata" }
    }

    /// A caller who may.
    fn caller(&self, house: &House) -> String {
        house.token(self.roles().into_iter().next_back().unwrap(), self.home())
    }

    /// The answer is a problem with this code, and the document has it.
    fn refused(&self, told: &Told, code: &str) {
        let told_code = told.code();
        assert_eq!(told_code, code, "{self:?}: {}", String::from_utf8_lossy(&told.body));
        self.declared(told);
    }

    fn declared(&self, told: &Told) {
        let response = &self.body["responses"][told.status.to_string()];
        assert!(response.is_object(), "{} does not name {}: {}", self.route(), told.status, told.code());
        if told.status >= 400 {
            let codes = response["x-codes"].as_array().unwrap();
            assert!(codes.contains(&told.code().into()), "{} does not name {}", self.route(), told.code());
            assert_eq!(told.headers["content-type"], "application/problem+json");
            assert!(!String::from_utf8_lossy(&told.body).contains(CANARY), "{} repeats what it was sent", self.route());
        }
    }
}

/// What stands in the house, by the names of path parameters.
struct Things {
    registrations: Vec<Uuid>,
    with_file: Uuid,
    record: i64,
    untouched: [i64; 3],
    item: Uuid,
    letter: &'static str,
    jobs: [Uuid; 4],
}

const VCF: &[u8] = b"##fileformat=VCFv4.2\n#CHROM\tPOS\nchr7\t55191822\n";

impl Things {
    /// Reopens some registrations at the hospital, and sends one with a file.
    async fn prepare(house: &House) -> Self {
        let hd4dp = house.hd4dp();
        let listed = hd4dp.list(&hd4dp::store::Filter::default(), None, 100).await.unwrap();
        let registrations: Vec<Uuid> = listed.iter().map(|one| one.registration_id).collect();
        let with_file = registrations[0];
        for registration in &registrations[..5] {
            hd4dp.reopen(*registration, "test").await.unwrap();
            let form = hd4dp.form(*registration).await.unwrap();
            let name = format!("{}.vcf", form.get("vcf_identifier").unwrap());
            let file = GivenFile { column: "vcf_file".to_owned(), name, bytes: VCF.to_vec() };
            hd4dp.put_attachment(*registration, file, "test").await.unwrap();
        }
        hd4dp.submit_again(with_file, "test").await.unwrap();
        house.rest().await;
        let store = house.session.installation.hd4res.store();
        let record_of = async |registration| store.of_registration(registration).await.unwrap().unwrap();
        let record = record_of(with_file).await;
        // Of registrations that nothing else is tried on.
        let untouched = [record_of(registrations[6]).await, record_of(registrations[7]).await, record_of(registrations[5]).await];
        let item = hd4dp.registration(with_file).await.unwrap().unwrap().versions.last().unwrap().item_id;
        let letter = dead_letters::LETTER;
        dead_letters::set_aside(house, Arrow::ToHd, &[letter]).await;
        let jobs = dead_letters::slow_jobs(house).await;
        Self { registrations, with_file, record, untouched, item, letter, jobs }
    }

    /// The registration or record that a change is tried on: each its own.
    fn subject(&self, route: &str) -> String {
        let registration = |at: usize| self.registrations[at].to_string();
        match route {
            "PUT /registrations/{registration}" => registration(1),
            "POST /registrations/{registration}/submission" => registration(2),
            "DELETE /registrations/{registration}" => registration(3),
            "PUT /registrations/{registration}/attachments/{column}" => registration(4),
            "DELETE /registrations/{registration}/attachments/{column}" => registration(4),
            "POST /registrations/{registration}/reopening" => registration(5),
            _ => self.with_file.to_string(),
        }
    }

    fn record(&self, route: &str) -> i64 {
        match route {
            "POST /records/{record}/follow-up" => self.untouched[0],
            "POST /records/{record}/approval" => self.untouched[1],
            "POST /acts" => self.untouched[2],
            _ => self.record,
        }
    }

    /// The job that a change is tried on: each its own, and none has ended.
    fn job(&self, route: &str) -> Uuid {
        match route {
            "POST /dead-letters/jobs/{job}/pause" => self.jobs[0],
            "POST /dead-letters/jobs/{job}/resume" => self.jobs[1],
            "POST /dead-letters/jobs/{job}/cancel" => self.jobs[2],
            _ => self.jobs[3],
        }
    }

    fn path(&self, operation: &Operation) -> String {
        let route = operation.route();
        let path = operation.template.replace("{registration}", &self.subject(&route));
        let path = path.replace("{record}", &self.record(&route).to_string()).replace("{number}", "0");
        let path = path.replace("{register}", REGISTER).replace("{version}", "1").replace("{item}", &self.item.to_string());
        let path = path.replace("{column}", "vcf_file").replace("{upload}", "1").replace("{report}", "success");
        let path = path.replace("{publication}", self.letter).replace("{job}", &self.job(&route).to_string());
        let path = path.replace("{id}", &self.item.to_string());
        let path = path.replace("{fault}", FAULT);
        assert!(!path.contains('{'), "{path}");
        format!("{}{path}", operation.base)
    }

    /// A request that its caller may make, as it should be.
    async fn right(&self, house: &House, operation: &Operation, key: &str) -> Ask {
        let mut path = self.path(operation);
        if path.contains(FAULT) {
            path = path.replace(FAULT, &faults::switched_on(house).await.to_string());
        }
        let mut ask = Ask::new(&operation.method, &path).with("authorization", &operation.caller(house));
        if operation.has_header("Idempotency-Key") {
            ask = ask.with("idempotency-key", key);
        }
        if operation.has_header("If-Match") {
            let route = operation.route();
            let of = if operation.base == "/hd4res" {
                format!("/hd4res/records/{}", self.record(&route))
            } else {
                format!("{}/registrations/{}", operation.base, self.subject(&route))
            };
            let look = Ask::new("GET", &of).with("authorization", &operation.caller(house));
            ask = ask.with("if-match", &house.ask(&look).await.headers["etag"]);
        }
        self.with_body(house, operation, ask).await
    }

    async fn with_body(&self, house: &House, operation: &Operation, ask: Ask) -> Ask {
        let values = async |other: bool| {
            let form = house.hd4dp().form(self.registrations[1]).await.unwrap();
            let values = form.iter().filter(|(column, _)| *column != "vcf_file").map(|(column, value)| {
                let value = if other && column == "vcf_identifier" { "NEW-1" } else { value };
                json!({ "column": column, "value": value })
            });
            values.collect::<Vec<_>>()
        };
        match operation.route().as_str() {
            "POST /records/{record}/corrections" => ask
                .json(&json!({ "comments": [{ "column": "vcf_identifier", "text": "Is it right?" }, { "text": "All of it?" }] })),
            "POST /acts" => {
                let record = self.record("POST /acts");
                let row = &house.session.installation.hd4res.store().rows(&[record]).await.unwrap()[0];
                let seen = format!("{}-{}", row.version, row.status.as_str().to_ascii_lowercase().replace(' ', "-"));
                ask.json(&json!({ "act": "approval", "records": [{ "record": record, "seen": seen }] }))
            }
            "POST /faults" => ask.json(&json!({ "keep-fault": "duplicate", "on": "R4" })),
            "POST /records/{record}/follow-up" => ask.json(&json!({ "comments": [{ "text": "And now?" }] })),
            "POST /registers/{register}/prefill" => ask.json(&json!({ "national_number": CANARY })),
            "POST /registers/{register}/search" => ask.json(&json!({ "column": "vcf_identifier", "value": "none" })),
            "PUT /registers/{register}/upload-options" => ask.json(&json!({ "conflict_mode": "merge" })),
            "POST /registers/{register}/registrations" => ask.json(&json!({ "values": values(true).await, "submit": true })),
            "POST /registrations/{registration}/submission" => ask.json(&json!({ "answers": [] })),
            "PUT /registrations/{registration}" => ask.json(&json!({ "values": values(false).await })),
            "PUT /registrations/{registration}/attachments/{column}" => {
                let form = house.hd4dp().form(self.registrations[4]).await.unwrap();
                let name = format!("attachment; filename=\"{}.vcf\"", form.get("vcf_identifier").unwrap());
                ask.body(VCF).with("content-type", "application/octet-stream").with("content-disposition", &name)
            }
            // Nothing stands there.
            "POST /dead-letters/jobs" => ask.json(&json!({ "filter": { "queue": "dhw.in" } })),
            "POST /registers/{register}/uploads" => {
                let rows = std::fs::read(house.folder.path().join("rows.csv")).unwrap();
                ask.body(rows).with("content-type", "text/csv").with("content-disposition", "attachment; filename=\"r.csv\"")
            }
            route => {
                assert!(operation.body.get("requestBody").is_none(), "{route} has a body that this test does not know");
                ask
            }
        }
    }
}

/// Nobody, wrong roles, other organisations and other registers get nothing.
async fn who_may_not(house: &House, operation: &Operation, right: &Ask) {
    operation.refused(&house.ask(&right.clone().without("authorization")).await, "UNAUTHENTICATED");
    operation.refused(&house.ask(&right.clone().with("authorization", "Bearer precision_x")).await, "UNAUTHENTICATED");
    for role in web::Role::ALL.into_iter().filter(|role| !operation.roles().contains(role.as_str())) {
        let at = if role == web::Role::DataProvider { HOSPITAL } else { "healthdata" };
        let told = house.ask(&right.clone().with("authorization", &house.token(role.as_str(), at))).await;
        operation.refused(&told, "FORBIDDEN_ROLE");
    }
    for role in operation.roles() {
        if matches!(role, "data-provider" | "administrator") {
            let told = house.ask(&right.clone().with("authorization", &house.token(role, OTHER_HOSPITAL))).await;
            operation.refused(&told, "FOREIGN_ORGANISATION");
        }
        let other = house.token_of(&format!("{role} {} other", operation.home()));
        let told = house.ask(&right.clone().with("authorization", &other)).await;
        operation.declared(&told);
        let is_hidden = told.status == 404 || told.code() == "FOREIGN_REGISTER";
        let text = String::from_utf8_lossy(&told.body).into_owned();
        assert!(is_hidden || (told.status == 200 && !text.contains(REGISTER)), "{} as {role}: {text}", operation.route());
    }
}

/// What is wrong with the form of a request.
async fn what_is_wrong(house: &House, operation: &Operation, right: &Ask) {
    let fresh = |ask: Ask, name: &str| {
        let key = format!("{name}-{}-{}", operation.method, operation.template.replace(['/', '{', '}'], "-"));
        if ask.headers.contains_key("idempotency-key") { ask.with("idempotency-key", &key) } else { ask }
    };
    let path = format!("{}?shape={CANARY}", right.path);
    operation.refused(&house.ask(&right.clone().at(path)).await, "UNKNOWN_PARAMETER");
    if operation.has_header("Idempotency-Key") {
        operation.refused(&house.ask(&right.clone().without("idempotency-key")).await, "IDEMPOTENCY_KEY_MISSING");
        operation.refused(&house.ask(&right.clone().with("idempotency-key", "short")).await, "IDEMPOTENCY_KEY_INVALID");
    }
    if operation.has_header("If-Match") {
        operation.refused(&house.ask(&right.clone().without("if-match")).await, "VERSION_MISSING");
        operation.refused(&house.ask(&right.clone().with("if-match", "*")).await, "INVALID_VERSION");
        let of_another = if operation.base == "/hd4res" { "\"99-new\"" } else { "\"99-open-0\"" };
        let stale = fresh(right.clone().with("if-match", of_another), "stale");
        operation.refused(&house.ask(&stale).await, "STALE_VERSION");
    }
    if operation.takes("application/json") {
        let malformed = format!("{{\"{CANARY}");
        operation.refused(&house.ask(&fresh(right.clone().body(malformed), "malformed")).await, "NOT_JSON");
        let mut unknown: Value = serde_json::from_slice(&right.body).unwrap();
        unknown[CANARY] = 1.into();
        operation.refused(&house.ask(&fresh(right.clone().json(&unknown), "unknown")).await, "UNKNOWN_MEMBER");
    } else if operation.body.get("requestBody").is_none() {
        operation.refused(&house.ask(&right.clone().body("{}")).await, "UNEXPECTED_BODY");
    }
    if operation.takes("application/json") || operation.takes("text/csv") {
        let plain = fresh(right.clone().with("content-type", "text/plain"), "plain");
        operation.refused(&house.ask(&plain).await, "WRONG_MEDIA_TYPE");
    }
}

/// The right request is answered as the document says, and whatever is about a patient leaves its audit row.
async fn who_may(house: &House, operation: &Operation, right: &Ask) {
    let journal = house.journal(&operation.base);
    let before = journal.audit(0, 10_000).await.unwrap();
    let told = house.ask(right).await;
    assert!(told.status < 300, "{}: {} {}", operation.route(), told.status, String::from_utf8_lossy(&told.body));
    operation.declared(&told);
    let last = before.last().map_or(0, |(number, _)| *number);
    let rows = journal.audit(last, 10).await.unwrap();
    if operation.body["x-leaves-audit-row"] == true {
        assert_eq!(rows.len(), 1, "{}", operation.route());
        let row = &rows[0].1;
        assert_eq!(row.route, operation.route());
        let holder = right.headers["authorization"].clone();
        assert_eq!(house.token_of(&row.token), holder);
        assert!(!format!("{row:?}").contains("healthdata.1."), "{row:?}");
    } else {
        assert!(rows.is_empty(), "{}", operation.route());
    }
    let content = operation.body["responses"][told.status.to_string()]["content"].as_object().unwrap();
    let media_type = told.headers["content-type"].split(';').next().unwrap();
    assert!(content[media_type]["schema"].is_object(), "{} has no schema", operation.route());
    if operation.has_header("Idempotency-Key") {
        let again = house.ask(right).await;
        assert_eq!((again.status, &again.body), (told.status, &told.body), "{}", operation.route());
        assert_eq!(again.headers.get("idempotency-replayed").map(String::as_str), Some("true"));
        assert!(journal.audit(rows.last().unwrap().0, 10).await.unwrap().is_empty(), "done once, noted once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_it_should_and_leaves_its_trace() {
    let house = House::open_with_faults().await;
    let things = Things::prepare(&house).await;
    let operations = Operation::of(&house);
    assert!(operations.len() > 30, "{}", operations.len());
    for operation in &operations {
        let right = things.right(&house, operation, "walk-refused").await;
        who_may_not(&house, operation, &right).await;
        what_is_wrong(&house, operation, &right).await;
    }
    // What changes a thing comes behind what only looks at it.
    let (mut changes, looks): (Vec<_>, Vec<_>) = operations.iter().partition(|operation| operation.has_header("Idempotency-Key"));
    // A file submits what stands open.
    changes.sort_by_key(|operation| operation.takes("text/csv"));
    for (number, operation) in looks.into_iter().chain(changes).enumerate() {
        let right = things.right(&house, operation, &format!("walk-done-{number:04}")).await;
        who_may(&house, operation, &right).await;
    }
    house.close().await;
}

/// The documents and the routes are the same: what a document names answers, and what it does not name does not.
#[tokio::test(flavor = "multi_thread")]
async fn the_documents_are_what_answers() {
    let house = House::open_with_faults().await;
    for operation in Operation::of(&house) {
        let path = format!("{}{}", operation.base, operation.template.replace(['{', '}'], ""));
        for method in METHODS {
            let told = house.ask(&Ask::new(method, &path)).await;
            let is_named = house.documents[&operation.base]["paths"][&operation.template].get(method).is_some();
            let expected = if is_named { "UNAUTHENTICATED" } else { "WRONG_METHOD" };
            assert_eq!(told.code(), expected, "{method} {path}");
        }
        let body = &operation.body;
        assert!(!operation.roles().is_empty() && body["description"].is_string() | body["summary"].is_string(), "{path}");
    }
    for (base, document) in &house.documents {
        let served = house.ask(&Ask::new("get", &format!("{base}/openapi.json"))).await;
        assert_eq!(&served.json(), &**document);
        for path in ["health", "ready"] {
            assert_eq!(house.ask(&Ask::new("get", &format!("{base}/{path}"))).await.status, 200, "{base}/{path}");
        }
        let unknown = house.ask(&Ask::new("get", &format!("{base}/nothing/{CANARY}"))).await;
        assert_eq!((unknown.status, unknown.code().as_str()), (404, "UNKNOWN_ROUTE"));
    }
    house.close().await;
}
