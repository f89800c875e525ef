//! What somebody sends who means no good, or whose program is broken: each is answered with a code, repeats nothing, and changes nothing.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    CANARY, VCF,
    house::{HOSPITAL, House, OTHER_REGISTER, REGISTER},
    http::{Ask, Told},
    stories::{Person, items},
};

/// Sends a head and a body as they are, and reads what comes until the connection is closed.
async fn raw(house: &House, head: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    // Who refuses early may close before it has read everything.
    let _ = stream.write_all(&[head.replace('\n', "\r\n").as_bytes(), body].concat()).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{head}");
    bytes
}

fn status(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).lines().next().unwrap_or_default().to_owned()
}

fn told(answer: &[u8]) -> (u16, String) {
    let told = Told::read(answer);
    (told.status, told.code())
}

fn coded(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_lead_nowhere_are_refused() {
    let house = House::open().await;
    let researcher = house.token("researcher", "healthdata");
    let get = async |path: &str| {
        let told = house.ask(&Ask::new("get", path).with("authorization", &researcher)).await;
        assert!(!String::from_utf8_lossy(&told.body).contains(CANARY), "{path}");
        (told.status, told.code())
    };
    let unknown = coded(404, "UNKNOWN_ROUTE");
    for path in [
        "/",
        "//hd4res/records",
        "/hd4res//records",
        "/hd4res/records/",
        "/hd4res/",
        "/hd4res",
        "/hd4res/./records",
        "/dhw/../hd4res/records",
        "/dhw/%2e%2e/hd4res/records",
        "/hd4res%2Frecords",
        "/hd4res/Records",
        "/hd4res/records/1/comments/",
        "/hd4dp/64031299906/registers",
        "/hd4res/records;v=1",
        "/%00",
        "*",
    ] {
        assert_eq!(get(path).await, unknown, "{path}");
    }
    let (invalid, cursor) = (coded(400, "INVALID_PARAMETER"), coded(400, "INVALID_CURSOR"));
    for (path, expected) in [
        ("/records/64031299906", coded(404, "UNKNOWN_RECORD")),
        ("/records/99999999999999999999", invalid.clone()),
        ("/records/-1", coded(404, "UNKNOWN_RECORD")),
        ("/records/%ff", invalid.clone()),
        ("/records/1%00", invalid.clone()),
        ("/records/..%2f1", invalid.clone()),
        ("/records/1/attachments/-1", invalid.clone()),
        ("/records?limit=", invalid.clone()),
        ("/records?limit", invalid.clone()),
        ("/records?limit=1e2", invalid.clone()),
        ("/records?limit=4294967296", invalid.clone()),
        ("/records?register=%00", invalid.clone()),
        ("/records?register=a%00b", invalid.clone()),
        ("/records?status=new&status=new", invalid.clone()),
        ("/records?status=New", invalid.clone()),
        ("/records?li%6Dit=1", coded(400, "UNKNOWN_PARAMETER")),
        ("/records?64031299906", coded(400, "UNKNOWN_PARAMETER")),
        ("/records?limit=1;64031299906=1", invalid),
        ("/records?cursor=", cursor.clone()),
        ("/records?cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", cursor.clone()),
        ("/records?cursor=%F0%9F%98%80", cursor),
    ] {
        assert_eq!(get(&format!("/hd4res{path}")).await, expected, "{path}");
    }
    // A cursor is of use where it comes from: not for another list of the same API, and not for another API.
    let page = house.ask(&Ask::new("get", "/hd4res/records?limit=1").with("authorization", &researcher)).await;
    let next = page.json()["next"].as_str().unwrap().to_owned();
    let administrator = house.token("administrator", "healthdata");
    for path in [format!("/hd4res/audit?cursor={next}"), format!("/dhw/audit?cursor={next}")] {
        let told = house.ask(&Ask::new("get", &path).with("authorization", &administrator)).await;
        assert_eq!((told.status, told.code()), coded(400, "INVALID_CURSOR"), "{path}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_an_address_does_not_take_are_refused_with_those_that_it_takes() {
    let house = House::open().await;
    for (method, path, allowed) in [
        ("POST", "/hd4res/records", "GET,HEAD"),
        ("GET", "/hd4res/records/1/approval", "POST"),
        ("HEAD", "/hd4res/records/1/approval", "POST"),
        ("OPTIONS", "/hd4res/records", "GET,HEAD"),
        ("TRACE", "/hd4res/records", "GET,HEAD"),
        ("PATCH", "/hd4res/openapi.json", "GET,HEAD"),
        (CANARY, "/hd4res/records", "GET,HEAD"),
    ] {
        let told = house.ask(&Ask::new(method, path)).await;
        assert_eq!(told.status, 405, "{method} {path}");
        assert_eq!(told.headers.get("allow").map(String::as_str), Some(allowed), "{method} {path}");
        assert_eq!(told.code(), if method == "HEAD" { "" } else { "WRONG_METHOD" }, "{method} {path}");
    }
    // A registration takes several methods.
    let registration = format!("/hd4dp/{HOSPITAL}/registrations/x");
    let told = house.ask(&Ask::new("POST", &registration)).await;
    let mut allowed: Vec<&str> = told.headers["allow"].split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PUT"]);
    // A look without a body is a look: the same head, and its audit row.
    let look = Ask::new("head", "/hd4res/records").with("authorization", &house.token("support", "healthdata"));
    let told = house.ask(&look).await;
    assert_eq!((told.status, told.headers["content-type"].as_str(), told.body.len()), (200, "application/json", 0));
    assert_eq!(house.journal("/hd4res").audit(0, 10).await.unwrap().len(), 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_say_two_things_say_nothing() {
    let house = House::open().await;
    let (researcher, support) = (house.token("researcher", "healthdata"), house.token("support", "healthdata"));
    let look = |more: &str| format!("GET /hd4res/records/1 HTTP/1.1\nhost: test\nconnection: close\n{more}\n");
    for more in [
        format!("authorization: {researcher}\nauthorization: {support}\n"),
        format!("authorization: {researcher}\nauthorization: {researcher}\n"),
        format!("authorization: {researcher}, {support}\n"),
        format!("authorization: {}\n", researcher.replace("Bearer", "Basic")),
        format!("authorization: Bearer {}\n", CANARY),
    ] {
        assert_eq!(told(&raw(&house, &look(&more), b"").await), coded(401, "UNAUTHENTICATED"), "{more}");
    }
    let change = |path: &str, more: &str, length: usize| {
        let length = format!("content-length: {length}\n");
        format!(
            "POST /hd4res/records/1/{path} HTTP/1.1\nhost: test\nconnection: close\nauthorization: {researcher}\n{length}{more}\n"
        )
    };
    for (more, expected) in [
        ("idempotency-key: change-0001\nif-match: \"1-new\"\nif-match: \"2-new\"\n", coded(400, "INVALID_VERSION")),
        ("idempotency-key: change-0001\nif-match: \"1-new\", \"2-new\"\n", coded(400, "INVALID_VERSION")),
        ("idempotency-key: change-0001\nif-match: \"99999999999-new\"\n", coded(400, "INVALID_VERSION")),
        ("idempotency-key: change-0002\nif-match: \"1-64031299906\"\n", coded(400, "INVALID_VERSION")),
        (
            "idempotency-key: change-0001\nidempotency-key: change-0001\nif-match: \"1-new\"\n",
            coded(400, "IDEMPOTENCY_KEY_INVALID"),
        ),
        ("idempotency-key: change \u{e9} 1\nif-match: \"1-new\"\n", coded(400, "IDEMPOTENCY_KEY_INVALID")),
    ] {
        assert_eq!(told(&raw(&house, &change("approval", more, 0), b"").await), expected, "{more}");
    }
    let body = json!({ "comments": [{ "text": "?" }] }).to_string();
    for kind in [
        "",
        "content-type: text/plain\n",
        "content-type: application/x-www-form-urlencoded\n",
        "content-type: application/json\ncontent-type: application/json\n",
        "content-type: application/json, text/plain\n",
        "content-type: application/json\ncontent-encoding: gzip\n",
        "content-type: application/json\ncontent-encoding: identity, deflate\n",
    ] {
        let more = format!("idempotency-key: change-0001\nif-match: \"1-new\"\n{kind}");
        let head = change("follow-up", &more, body.len());
        assert_eq!(told(&raw(&house, &head, body.as_bytes()).await), coded(415, "WRONG_MEDIA_TYPE"), "{kind}");
    }
    // Two lengths are how requests are smuggled past whatever stands in front.
    for lengths in
        ["content-length: 0\ncontent-length: 5\n", "content-length: -1\n", "content-length: 5x\n", "content-length: 1,2\n"]
    {
        let head = format!("POST /hd4res/records/1/approval HTTP/1.1\nhost: test\nconnection: close\n{lengths}\n");
        assert_eq!(status(&raw(&house, &head, b"").await), "HTTP/1.1 400 Bad Request", "{lengths}");
    }
    for head in [
        "GET /hd4res/records\n\n",
        "GET  /hd4res/records HTTP/1.1\n\n",
        "GET /hd4res/records HTTP/9.9\n\n",
        "G\0T /hd4res/records HTTP/1.1\n\n",
        "GET /hd4res/records HTTP/1.1\nx\0: y\n\n",
        "GET /hd4res/records HTTP/1.1\nno colon\n\n",
    ] {
        assert!(status(&raw(&house, head, b"").await).starts_with("HTTP/1.1 400 "), "{head:?}");
    }
    assert!(house.journal("/hd4res").audit(0, 10).await.unwrap().is_empty());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_documents_are_refused() {
    let house = House::open().await;
    let researcher = house.token("researcher", "healthdata");
    let seen = house.ask(&Ask::new("get", "/hd4res/records/1").with("authorization", &researcher)).await;
    let (not_json, invalid) = (coded(400, "NOT_JSON"), coded(400, "INVALID_MEMBER"));
    let text = |text: &str| format!("{{\"comments\":[{{\"text\":\"{text}\"}}]}}").into_bytes();
    let cases: Vec<(Vec<u8>, (u16, String))> = vec![
        (Vec::new(), not_json.clone()),
        (b"null".to_vec(), invalid.clone()),
        (b"\xff\xfe{}".to_vec(), not_json.clone()),
        (b"{\"comments\":[{\"text\":\"\xff\"}]}".to_vec(), not_json.clone()),
        (text("\\u0000"), invalid.clone()),
        (text("a\\u0000b"), invalid.clone()),
        (text("\\ud800"), not_json.clone()),
        (format!("{{\"comments\":{}", "[".repeat(60_000)).into_bytes(), invalid.clone()),
        (format!("{{\"comments\":[{}", "{\"text\":".repeat(7_000)).into_bytes(), invalid.clone()),
        (b"{\"comments\":[{\"item\":70000,\"text\":\"?\"}]}".to_vec(), invalid.clone()),
        (b"{\"comments\":[{\"item\":1e999,\"text\":\"?\"}]}".to_vec(), not_json.clone()),
        (b"{\"comments\":[],\"comments\":[{\"text\":\"?\"}]}".to_vec(), invalid.clone()),
        (b"{\"comments\":[{\"text\":\"?\",\"text\":\"!\"}]}".to_vec(), invalid),
        (b"{\"comments\":[{\"text\":\"?\"}]}{}".to_vec(), not_json.clone()),
        (b"{\"comments\":[{\"text\":\"?\"}]} \x1f".to_vec(), not_json),
        (b"{\"comments\":[{\"text\":\"?\",\"64031299906\":1}]}".to_vec(), coded(400, "UNKNOWN_MEMBER")),
        (text(&"x".repeat(65 * 1024)), coded(413, "TOO_LARGE")),
    ];
    for (number, (body, expected)) in cases.into_iter().enumerate() {
        let ask = Ask::new("post", "/hd4res/records/1/follow-up").with("authorization", &researcher);
        let ask = ask.with("idempotency-key", &format!("body-{number:04}")).with("if-match", &seen.headers["etag"]);
        let begin = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let told = house.ask(&ask.body(body).with("content-type", "application/json")).await;
        assert_eq!((told.status, told.code()), expected, "{begin}");
        assert!(!String::from_utf8_lossy(&told.body).contains(CANARY));
    }
    // A body in pieces without a length is measured as it comes.
    let head = format!(
        "POST /hd4res/records/1/follow-up HTTP/1.1\nhost: test\nconnection: close\nauthorization: {researcher}\nidempotency-key: body-9999
if-match: {}\ncontent-type: application/json\ntransfer-encoding: chunked\n\n",
        seen.headers["etag"]
    );
    let piece = [b"4000\r\n".as_slice(), &[b' '; 0x4000], b"\r\n"].concat();
    assert_eq!(told(&raw(&house, &head, &piece.repeat(5)).await), coded(413, "TOO_LARGE"));
    let again = house.ask(&Ask::new("get", "/hd4res/records/1").with("authorization", &researcher)).await;
    assert_eq!(again, seen, "nothing came of it");
    house.close().await;
}

/// At the hospital: names of columns and files are the caller's words too.
#[tokio::test(flavor = "multi_thread")]
async fn files_and_columns_are_what_they_should_be() {
    let house = House::open().await;
    let provider = house.token("data-provider", HOSPITAL);
    let at = |method: &str, path: &str| Ask::new(method, &format!("/hd4dp/{HOSPITAL}{path}")).with("authorization", &provider);
    let listed = house.ask(&at("get", "/registrations")).await.json();
    let path = format!("/registrations/{}", listed["items"][0]["registration_id"].as_str().unwrap());
    let etag = house.ask(&at("get", &path)).await.headers["etag"].clone();
    let reopen = at("post", &format!("{path}/reopening")).with("idempotency-key", "reopening-1").with("if-match", &etag);
    let etag = house.ask(&reopen).await.headers["etag"].clone();
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0";
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
    let put = |key: &str, disposition: &str, bytes: &[u8]| {
        let ask = at("put", &format!("{path}/attachments/vcf_file")).with("idempotency-key", key).with("if-match", &etag);
        ask.body(bytes).with("content-type", "application/octet-stream").with("content-disposition", disposition)
    };
    let named = |name: &str| format!("attachment; filename=\"{name}\"");
    for (number, (name, bytes)) in
        [("a.vcf", &zip[..]), ("a.vcf", gzip), ("a.zip", zip), ("../a.vcf", VCF), ("64031299906.exe", VCF), ("a\\b.vcf", VCF)]
            .into_iter()
            .enumerate()
    {
        let told = house.ask(&put(&format!("attachment-{number}"), &named(name), bytes)).await;
        assert_eq!((told.status, told.code()), coded(422, "VALIDATION_ERRORS"), "{name}");
        assert!(!String::from_utf8_lossy(&told.body).contains(CANARY), "{name}");
    }
    for (number, disposition) in ["", "attachment", "attachment; filename=\"\"", "attachment; name=\"a.vcf\""].iter().enumerate()
    {
        let told = house.ask(&put(&format!("nameless-{number}"), disposition, VCF)).await;
        assert_eq!((told.status, told.code()), coded(400, "INVALID_PARAMETER"), "{disposition}");
    }
    // The same key for a file of another name is another request.
    let identifier = house.hd4dp().form(path.rsplit('/').next().unwrap().parse().unwrap()).await.unwrap();
    let name = format!("{}.vcf", identifier.get("vcf_identifier").unwrap());
    let taken = house.ask(&put("attachment-ok", &named(&name), VCF)).await;
    assert_eq!(taken.status, 200, "{}", String::from_utf8_lossy(&taken.body));
    let other = house.ask(&put("attachment-ok", &named("other.vcf"), VCF)).await;
    assert_eq!((other.status, other.code()), coded(422, "IDEMPOTENCY_KEY_REUSED"));
    // A file without a header has a patient's number where columns should be named.
    let headless = format!("{CANARY};INT-1;Jansen\n{CANARY};INT-2;Peeters\n");
    let upload = at("post", &format!("/registers/{REGISTER}/uploads")).with("idempotency-key", "headless-1");
    let told = house.ask(&upload.body(headless).with("content-type", "text/csv")).await;
    assert_eq!((told.status, told.code()), coded(422, "FILE_REFUSED"));
    assert!(!String::from_utf8_lossy(&told.body).contains(CANARY), "{}", String::from_utf8_lossy(&told.body));
    let create = at("post", &format!("/registers/{REGISTER}/registrations")).with("idempotency-key", "creation-1");
    let body = json!({ "values": [{ "column": CANARY, "value": "1" }], "submit": false });
    let told = house.ask(&create.json(&body)).await;
    assert_eq!((told.status, told.code()), coded(422, "VALIDATION_ERRORS"));
    assert!(!String::from_utf8_lossy(&told.body).contains(CANARY), "{}", String::from_utf8_lossy(&told.body));
    // Nobody relies on a condition that is not looked at.
    let options = at("put", &format!("/registers/{REGISTER}/upload-options")).with("idempotency-key", "options-1");
    let told = house.ask(&options.json(&json!({})).with("if-match", "\"1\"")).await;
    assert_eq!((told.status, told.code()), coded(400, "INVALID_VERSION"));
    house.close().await;
}

/// A file of tokens has names of registers in any case; what a token sees is the same, and everything once.
#[tokio::test(flavor = "multi_thread")]
async fn a_tokens_registers_are_known_in_any_case() {
    let house = House::open().await;
    for (role, base, list) in [
        ("data-provider", format!("/hd4dp/{}", HOSPITAL), "/registrations"),
        ("data-provider", format!("/hd4dp/{}", HOSPITAL), "/uploads"),
        ("researcher", "/hd4res".to_owned(), "/records"),
    ] {
        let mut person = Person::new(&house, role, &base);
        let all = items(&person.get(list).await);
        assert!(!all.is_empty());
        let lower = items(&person.get(&format!("{list}?register={}", REGISTER.to_ascii_lowercase())).await);
        assert_eq!(lower, all, "{base}{list}");
        person.token = house.token_for(
            role,
            &base,
            [REGISTER.to_ascii_lowercase(), REGISTER.to_ascii_uppercase(), OTHER_REGISTER.to_owned()],
        );
        assert_eq!(items(&person.get(list).await), all, "{base}{list}");
    }
    house.close().await;
}
