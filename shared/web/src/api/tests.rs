//! The guard and its surroundings, on an API of a counter.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use clock::OffsetClock;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use topology::Zone;
use tower::ServiceExt;
use traces::{Borders, Owner};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::*;
use crate::{
    Call, Caller, DeskParts, Journal, Json, Language, MemoryJournal, PageOf, Path, Query, Role, Tokens, Trace,
    token::{NewToken, Registers},
};

/// A counter that remembers under which effects it was raised.
#[derive(Default)]
struct Counter {
    count: AtomicU64,
    effects: std::sync::Mutex<Vec<[u8; 16]>>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Step {
    by: u64,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    cursor: Option<String>,
    limit: Option<u32>,
}

#[utoipa::path(get, path = "/numbers", params(Wanted), responses((status = 200, body = PageOf<u64>)))]
async fn numbers(call: Call, Query(wanted): Query<Wanted>) -> Result<Reply, Problem> {
    let asked = call.asked::<u64>(&(), wanted.cursor.as_deref(), wanted.limit)?;
    let first = asked.after.map_or(0, |last| last + 1);
    let rows: Vec<u64> = (first..10).take(asked.limit as usize + 1).collect();
    let page = call.page(&(), asked.limit, rows, |number| *number, |number| number)?;
    let trace = Trace::of_all(page.items.iter().map(|number| ("Numbers", number.to_string())));
    Ok(Reply::json(&page)?.traced(trace))
}

#[utoipa::path(get, path = "/numbers/{number}", params(("number" = u64, Path)), responses((status = 200, body = u64)))]
async fn number(State(counter): State<Arc<Counter>>, Path(number): Path<u64>) -> Result<Reply, Problem> {
    match number {
        // Somebody else's clock would have to move for this to end.
        1 => std::future::pending().await,
        2 => panic!("as a defect would"),
        3 => Reply::json(&counter.count.load(Ordering::SeqCst)),
        _ => Err(Code::UnknownRecord.into()),
    }
}

#[utoipa::path(post, path = "/steps", request_body = Step, responses((status = 201, body = u64)))]
async fn step(State(counter): State<Arc<Counter>>, call: Call, Json(step): Json<Step>) -> Result<Reply, Problem> {
    if step.by == 0 {
        return Err(Code::WrongStatus.into());
    }
    let effect = call.effect.ok_or(Code::Internal)?;
    let is_new = {
        let mut effects = counter.effects.lock().unwrap();
        let is_new = !effects.contains(&effect);
        effects.push(effect);
        is_new
    };
    if is_new {
        counter.count.fetch_add(step.by, Ordering::SeqCst);
    }
    if step.by == 13 && is_new {
        return Err(Code::StoreUnavailable.into());
    }
    let count = counter.count.load(Ordering::SeqCst);
    Ok(Reply::json(&count)?.status(StatusCode::CREATED).etag("1-open").traced(Trace::of("Steps", count)))
}

#[utoipa::path(delete, path = "/steps", responses((status = 200, body = u64)))]
async fn reset(State(counter): State<Arc<Counter>>, call: Call) -> Result<Reply, Problem> {
    if call.seen.as_deref() != Some("1-open") {
        return Err(Code::StaleVersion.into());
    }
    counter.count.store(0, Ordering::SeqCst);
    Ok(Reply::json(&0)?.traced(Trace::of("Steps", 0)))
}

struct Rig {
    site: Router,
    document: Arc<Value>,
    counter: Arc<Counter>,
    journal: Arc<MemoryJournal>,
    clock: Arc<OffsetClock>,
    secrets: Vec<(Role, String)>,
    desk: Arc<Desk>,
    tokens: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

async fn rig() -> Rig {
    traced_rig(None).await
}

async fn traced_rig(traces: Option<Traces>) -> Rig {
    let (mut secrets, mut file) = (Vec::new(), String::new());
    for (role, organisation) in [(Role::Researcher, None), (Role::Support, None), (Role::Administrator, None)] {
        let caller = Caller { name: role.to_string(), role, organisation, registers: Registers::All };
        let token = NewToken::draw(&caller, None).unwrap();
        file.push_str(&token.entry);
        secrets.push((role, token.secret));
    }
    let foreign = Some("00000196".to_owned());
    let caller = Caller { name: "hospital".into(), role: Role::Administrator, organisation: foreign, registers: Registers::All };
    let token = NewToken::draw(&caller, None).unwrap();
    file.push_str(&token.entry);
    secrets.push((Role::DataProvider, token.secret));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    std::fs::write(&path, file).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (journal, counter) = (Arc::new(MemoryJournal::default()), Arc::new(Counter::default()));
    let clock = Arc::new(OffsetClock::default());
    let parts = DeskParts {
        service: "counter",
        organisation: None,
        tokens: Arc::new(Tokens::load(&path).unwrap()),
        journal: Arc::clone(&journal) as Arc<dyn Journal>,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
    };
    let desk = Desk::open(parts).await.unwrap();
    const LOOK: &[Role] = &[Role::Researcher, Role::Support];
    const DO: &[Role] = &[Role::Researcher];
    let api = Api::new(Arc::clone(&desk), "Counter")
        .route(routes!(numbers), Access::view(LOOK).problems(&[Code::InvalidCursor]))
        .route(routes!(number), Access::view(LOOK).problems(&[Code::UnknownRecord]))
        .route(routes!(step), Access::change(DO).problems(&[Code::WrongStatus]).body_max(100))
        .route(routes!(reset), Access::change(DO).versioned())
        .with_audit();
    let (router, document) = api.finish(Arc::clone(&counter));
    let site = Site::new().with("/counter", router).traced(traces).finish(Arc::clone(&clock) as Arc<dyn Clock>);
    Rig { site, document, counter, journal, clock, secrets, desk, tokens: path, _folder: folder }
}

impl Rig {
    fn secret(&self, role: Role) -> String {
        let known = self.secrets.iter().find(|(of, _)| *of == role);
        known.map(|(_, secret)| format!("Bearer {secret}")).unwrap()
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, Value) {
        let response = self.site.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header("authorization", self.secret(Role::Researcher));
        let (status, _, body) = self.send(request.body(Body::empty()).unwrap()).await;
        (status, body)
    }

    async fn post(&self, key: &str, body: &str) -> (StatusCode, Value) {
        let request = self.change(key).body(Body::from(body.to_owned())).unwrap();
        let (status, _, body) = self.send(request).await;
        (status, body)
    }

    fn change(&self, key: &str) -> axum::http::request::Builder {
        Request::post("/counter/steps")
            .header("authorization", self.secret(Role::Researcher))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
    }

    async fn routes(&self) -> Vec<String> {
        self.journal.audit(0, 1_000).await.unwrap().into_iter().map(|(_, row)| row.route).collect()
    }
}

fn coded(status: u16, code: &str) -> (StatusCode, Value) {
    (StatusCode::from_u16(status).unwrap(), code.into())
}

fn code((status, body): (StatusCode, Value)) -> (StatusCode, Value) {
    (status, body["code"].clone())
}

/// Whatever a caller wrote where something of a patient could stand, the span has the pattern.
#[tokio::test]
async fn an_answer_is_a_span_by_the_pattern_of_its_route() {
    const NUMBER: &str = "64031299906";
    let collector = testkit::Collector::start().await.unwrap();
    let owner = Owner { service: "counter".to_owned(), version: "0.0.0", home: Zone::Hd };
    let to = collector.address().parse().unwrap();
    let traces = Traces::new(&owner, &to, Borders::Closed, Arc::new(OffsetClock::default())).unwrap();
    let rig = traced_rig(Some(traces.clone())).await;
    assert_eq!(code(rig.get(&format!("/counter/numbers/{NUMBER}")).await), coded(404, "UNKNOWN_RECORD"));
    assert_eq!(code(rig.get(&format!("/{NUMBER}?cursor={NUMBER}")).await), coded(404, "UNKNOWN_ROUTE"));
    let invented = Request::builder().method(NUMBER).uri("/counter/numbers").body(Body::empty()).unwrap();
    assert_eq!(rig.send(invented).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert!(traces.close(Duration::from_secs(60)).await);
    let spans = collector.spans().unwrap();
    let told = |span: &testkit::Span, name: &str| span.attributes.get(name).cloned();
    let told: Vec<_> = spans
        .iter()
        .map(|span| (span.name.as_str(), told(span, "http.response.status_code"), told(span, "error.type")))
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            ("GET /numbers/{number}", text("404"), text("UNKNOWN_RECORD")),
            ("GET", text("404"), text("UNKNOWN_ROUTE")),
            ("another method", text("405"), text("WRONG_METHOD")),
        ]
    );
    for bytes in collector.taken() {
        assert!(!bytes.windows(NUMBER.len()).any(|part| part == NUMBER.as_bytes()), "a caller's text is told");
    }
}

#[tokio::test]
async fn only_who_may_passes() {
    let rig = rig().await;
    let asked = async |authorization: Option<String>| {
        let mut request = Request::get("/counter/numbers");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let (status, _, body) = rig.send(request.body(Body::empty()).unwrap()).await;
        code((status, body))
    };
    assert_eq!(asked(None).await, coded(401, "UNAUTHENTICATED"));
    assert_eq!(asked(Some("Bearer precision_x".to_owned())).await, coded(401, "UNAUTHENTICATED"));
    assert_eq!(asked(Some(rig.secret(Role::Administrator))).await, coded(403, "FORBIDDEN_ROLE"));
    assert_eq!(asked(Some(rig.secret(Role::Support))).await.0, StatusCode::OK);
    // A hospital's administrator has the role, and belongs elsewhere.
    let request = Request::get("/counter/audit").header("authorization", rig.secret(Role::DataProvider));
    let (status, _, body) = rig.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(code((status, body)), coded(403, "FOREIGN_ORGANISATION"));
    assert_eq!(rig.routes().await, ["GET /numbers"], "who is refused sees nothing");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_a_problem_with_a_code() {
    let rig = rig().await;
    let cases = [
        ("/nowhere", 404, "UNKNOWN_ROUTE"),
        ("/counter/nowhere", 404, "UNKNOWN_ROUTE"),
        ("/counter/steps", 405, "WRONG_METHOD"),
        ("/counter/numbers?colour=red", 400, "UNKNOWN_PARAMETER"),
        ("/counter/numbers/7?limit=1", 400, "UNKNOWN_PARAMETER"),
        ("/counter/numbers?limit=0", 400, "INVALID_PARAMETER"),
        ("/counter/numbers?limit=1001", 400, "INVALID_PARAMETER"),
        ("/counter/numbers?limit=1&limit=2", 400, "INVALID_PARAMETER"),
        ("/counter/numbers?cursor=AAAA", 400, "INVALID_CURSOR"),
        ("/counter/numbers/seven", 400, "INVALID_PARAMETER"),
        ("/counter/numbers/7", 404, "UNKNOWN_RECORD"),
        ("/counter/numbers/2", 500, "INTERNAL"),
        ("/counter/numbers/3", 500, "INTERNAL"),
    ];
    for (path, status, expected) in cases {
        assert_eq!(code(rig.get(path).await), coded(status, expected), "{path}");
    }
    let bodies = [
        ("{\"by\":1", 400, "NOT_JSON"),
        ("{\"by\":1,\"64031299906\":2}", 400, "UNKNOWN_MEMBER"),
        ("{\"by\":\"64031299906\"}", 400, "INVALID_MEMBER"),
        ("{}", 400, "MISSING_MEMBER"),
        (&format!("{{\"by\":{}1}}", " ".repeat(100)), 413, "TOO_LARGE"),
        ("{\"by\":0}", 409, "WRONG_STATUS"),
    ];
    for (number, (body, status, expected)) in bodies.into_iter().enumerate() {
        let answer = rig.post(&format!("key-{number:04}"), body).await;
        assert!(!answer.1.to_string().contains("64031299906"));
        assert_eq!(code(answer), coded(status, expected), "{body}");
    }
    let mut plain = rig.change("key-plain").body(Body::from("{}")).unwrap();
    plain.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    let (status, _, body) = rig.send(plain).await;
    assert_eq!(code((status, body)), coded(415, "WRONG_MEDIA_TYPE"));
    let reset = Request::delete("/counter/steps").header("authorization", rig.secret(Role::Researcher));
    let reset = reset.header("idempotency-key", "key-reset").header("if-match", "\"1-open\"").body(Body::from("{}")).unwrap();
    let (status, _, body) = rig.send(reset).await;
    assert_eq!(code((status, body)), coded(400, "UNEXPECTED_BODY"));
    assert_eq!(rig.counter.count.load(Ordering::SeqCst), 0);
    assert!(rig.routes().await.is_empty());
}

#[tokio::test]
async fn problems_speak_the_callers_language() {
    let rig = rig().await;
    for (accepted, language) in [("nl-BE", Language::Dutch), ("fr", Language::French), ("de", Language::English)] {
        let request = Request::get("/counter/numbers").header("accept-language", accepted).body(Body::empty()).unwrap();
        let (_, headers, body) = rig.send(request).await;
        assert_eq!(body["title"], Code::Unauthenticated.text(language));
        assert_eq!(headers["content-language"], language.as_str());
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(headers["cache-control"], "no-store");
    }
}
#[tokio::test]
async fn a_change_happens_once_and_is_answered_as_before() {
    let rig = rig().await;
    let (first, again) = (rig.post("key-0001", "{\"by\":5}").await, rig.post("key-0001", "{\"by\":5}").await);
    assert_eq!((first.0, first.1.clone()), (StatusCode::CREATED, 5.into()));
    assert_eq!(first, again);
    let (_, headers, _) = rig.send(rig.change("key-0001").body(Body::from("{\"by\":5}")).unwrap()).await;
    assert_eq!((headers["idempotency-replayed"].as_bytes(), headers["etag"].as_bytes()), (&b"true"[..], &b"\"1-open\""[..]));
    assert_eq!(code(rig.post("key-0001", "{\"by\":6}").await), coded(422, "IDEMPOTENCY_KEY_REUSED"));
    let refused = rig.post("key-0002", "{\"by\":0}").await;
    assert_eq!(refused, rig.post("key-0002", "{\"by\":0}").await, "a refusal is an answer too");
    assert_eq!(rig.routes().await, ["POST /steps"], "what was done once is noted once");
    for wrong in ["short", "with blank", &"x".repeat(129)] {
        assert_eq!(code(rig.post(wrong, "{\"by\":1}").await), coded(400, "IDEMPOTENCY_KEY_INVALID"), "{wrong}");
    }
    let mut without = rig.change("key-0003").body(Body::from("{\"by\":1}")).unwrap();
    without.headers_mut().remove("idempotency-key");
    let (status, _, body) = rig.send(without).await;
    assert_eq!(code((status, body)), coded(400, "IDEMPOTENCY_KEY_MISSING"));
}

/// The effect is there and the answer is not, as after a crash between the two.
#[tokio::test]
async fn a_change_whose_answer_was_lost_is_not_done_again() {
    let rig = rig().await;
    assert_eq!(code(rig.post("key-0013", "{\"by\":13}").await), coded(503, "STORE_UNAVAILABLE"));
    assert_eq!(rig.post("key-0013", "{\"by\":13}").await, (StatusCode::CREATED, 13.into()));
    let effects = rig.counter.effects.lock().unwrap().clone();
    assert_eq!((effects.len(), effects[0]), (2, effects[1]));
}

#[tokio::test]
async fn a_request_that_is_worked_on_is_not_begun_twice() {
    let rig = rig().await;
    let key = crate::journal::RequestKey::new("researcher", "POST /steps", "key-0001");
    let desk = Arc::clone(&rig.desk);
    let working = desk.work_on(key).unwrap();
    assert_eq!(code(rig.post("key-0001", "{\"by\":5}").await), coded(409, "IN_PROGRESS"));
    drop(working);
    assert_eq!(rig.post("key-0001", "{\"by\":5}").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn what_was_looked_at_must_be_what_is_changed() {
    let rig = rig().await;
    let reset = async |number: u8, version: Option<&str>| {
        let mut request = Request::delete("/counter/steps")
            .header("authorization", rig.secret(Role::Researcher))
            .header("idempotency-key", format!("key-reset-{number}"));
        if let Some(version) = version {
            request = request.header("if-match", version);
        }
        let (status, _, body) = rig.send(request.body(Body::empty()).unwrap()).await;
        code((status, body))
    };
    assert_eq!(reset(1, None).await, coded(428, "VERSION_MISSING"));
    for (number, wrong) in ["*", "1-open", "\"\"", "W/\"1-open\"", "\"1-open\", \"2-open\""].into_iter().enumerate() {
        assert_eq!(reset(10 + number as u8, Some(wrong)).await, coded(400, "INVALID_VERSION"), "{wrong}");
    }
    assert_eq!(reset(2, Some("\"2-open\"")).await, coded(412, "STALE_VERSION"));
    assert_eq!(reset(3, Some("\"1-open\"")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    let rig = rig().await;
    let (mut seen, mut path) = (Vec::new(), "/counter/numbers?limit=3".to_owned());
    loop {
        let (status, page) = rig.get(&path).await;
        assert_eq!(status, StatusCode::OK);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item.as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/counter/numbers?limit=3&cursor={next}");
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
    let rows = rig.journal.audit(0, 9).await.unwrap();
    assert_eq!(rows.len(), 4, "a row per page");
    assert_eq!((rows[3].1.ids.as_slice(), rows[3].1.count), (&["9".to_owned()][..], 1));
    assert_eq!((rows[0].1.token.as_str(), rows[0].1.role.as_str()), ("researcher", "researcher"));
}

#[tokio::test]
async fn what_takes_too_long_is_given_up() {
    let rig = rig().await;
    let (clock, asked) = (Arc::clone(&rig.clock), rig.get("/counter/numbers/1"));
    let jump = async {
        // The request waits for its deadline before the clock moves.
        tokio::task::yield_now().await;
        clock.jump(Duration::from_secs(31));
    };
    let (answer, ()) = futures_util::join!(asked, jump);
    assert_eq!(code(answer), coded(503, "DEADLINE"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let rig = rig().await;
    let slow = futures_util::stream::once(async { Ok::<_, std::io::Error>(bytes::Bytes::from("{\"by\"")) });
    let slow = slow.chain(futures_util::stream::pending());
    let asked = rig.send(rig.change("key-0001").body(Body::from_stream(slow)).unwrap());
    let jump = async {
        tokio::task::yield_now().await;
        rig.clock.jump(Duration::from_secs(31));
    };
    let ((status, _, body), ()) = futures_util::join!(asked, jump);
    assert_eq!(code((status, body)), coded(408, "SLOW_REQUEST"));
    assert_eq!(rig.post("key-0001", "{\"by\":5}").await.0, StatusCode::CREATED, "the key was not used");
}

#[tokio::test]
async fn what_is_asked_beyond_measure_is_refused_at_once() {
    let rig = rig().await;
    let mut waiting = futures_util::stream::FuturesUnordered::new();
    waiting.extend((0..crate::desk::REQUESTS_MAX).map(|_| rig.get("/counter/numbers/1")));
    assert!(futures_util::poll!(waiting.next()).is_pending());
    for ask in [rig.get("/counter/numbers").await, rig.post("key-0001", "{\"by\":5}").await] {
        assert_eq!(code(ask), coded(503, "BUSY"));
    }
    assert_eq!(rig.get("/counter/ready").await.0, StatusCode::OK, "who watches over the service is answered");
    rig.clock.jump(Duration::from_secs(31));
    while let Some(answer) = waiting.next().await {
        assert_eq!(code(answer), coded(503, "DEADLINE"));
    }
    assert_eq!(rig.post("key-0001", "{\"by\":5}").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_the_next_request() {
    let rig = rig().await;
    assert_eq!(rig.get("/counter/numbers").await.0, StatusCode::OK);
    let file = std::fs::read_to_string(&rig.tokens).unwrap();
    let without = file.split("[[token]]").filter(|entry| !entry.contains("\"researcher\"")).collect::<Vec<_>>().join("[[token]]");
    assert!(without.len() < file.len());
    std::fs::write(&rig.tokens, without).unwrap();
    assert_eq!(code(rig.get("/counter/numbers").await), coded(401, "UNAUTHENTICATED"));
    std::fs::write(&rig.tokens, file).unwrap();
    assert_eq!(rig.get("/counter/numbers").await.0, StatusCode::OK);
}

#[tokio::test]
async fn administrators_read_who_saw_what() {
    let rig = rig().await;
    rig.get("/counter/numbers?limit=2").await;
    rig.post("key-0001", "{\"by\":5}").await;
    let request = Request::get("/counter/audit?limit=2").header("authorization", rig.secret(Role::Administrator));
    let (status, _, page) = rig.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    let routes: Vec<_> = page["items"].as_array().unwrap().iter().map(|row| row["route"].as_str().unwrap()).collect();
    assert_eq!(routes, ["GET /numbers", "POST /steps"]);
    assert_eq!(page["items"][0]["ids"], serde_json::json!(["0", "1"]));
    assert_eq!(rig.routes().await.last().unwrap(), "GET /audit");
}

#[tokio::test]
async fn the_document_names_roles_headers_and_problems_of_every_operation() {
    let rig = rig().await;
    let (_, served) = rig.get("/counter/openapi.json").await;
    assert_eq!(&served, &*rig.document);
    let step = &served["paths"]["/steps"]["post"];
    assert_eq!(step["x-roles"], serde_json::json!(["researcher"]));
    assert_eq!(step["responses"]["409"]["x-codes"], serde_json::json!(["IN_PROGRESS", "WRONG_STATUS"]));
    assert_eq!(step["parameters"][0]["name"], "Idempotency-Key");
    assert_eq!(served["paths"]["/steps"]["delete"]["parameters"][1]["name"], "If-Match");
    assert!(served["components"]["schemas"]["Problem"]["properties"]["code"].is_object());
    for (path, status) in [("/counter/health", 200), ("/counter/ready", 200)] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(rig.send(request).await.0, status, "{path}");
    }
}
