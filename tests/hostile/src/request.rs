//! Requests to the APIs of all services.

mod house;

use std::cell::RefCell;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Request, Uri},
};
use serde_json::Value;
use tower::ServiceExt as _;

use self::house::{House, Operation};
use crate::{
    chosen, given,
    telling::{assert_column, assert_own_words},
};

thread_local! {
    /// Stands until a request has changed something in it.
    static HOUSE: RefCell<Option<House>> = const { RefCell::new(None) };
}

/// Bytes of an answer at most: nothing that stands in the house is larger.
const ANSWER_MAX: usize = 4 << 20;

/// A request: the first byte chooses its route, in the order of the APIs' documents. The bytes behind it are, each up to a line end, what stands behind the
/// question mark, in `If-Match` and in `Content-Disposition`; the rest is the body. Who asks is known and may.
///
/// Holds: no request is more than the service can answer; every answer is one that the API's document names; and a refusal says where and what was
/// expected in the words of the catalogues, and nothing of what was sent.
pub fn request(bytes: &[u8]) {
    HOUSE.with_borrow_mut(|house| {
        let open = house.take().unwrap_or_else(|| given(House::open(), "a house"));
        let has_changed = ask(&open, bytes);
        *house = Some(open).filter(|_| !has_changed);
    });
}

/// The routes, in the order by which requests choose them.
pub(crate) fn routes() -> Vec<String> {
    given(House::open(), "a house").operations.iter().map(Operation::route).collect()
}

/// Sends a request, and says whether it changed something.
fn ask(house: &House, bytes: &[u8]) -> bool {
    let (choice, rest) = chosen(bytes);
    let operation = &house.operations[usize::from(choice) % house.operations.len()];
    let Some(request) = request_of(house, operation, rest) else { return false };
    let (router, runtime) = (house.router.clone(), &house.runtime);
    let answered = runtime.block_on(async {
        let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
        let (parts, body) = response.into_parts();
        (parts, to_bytes(body, ANSWER_MAX).await)
    });
    let (parts, body) = answered;
    let body = given(body.ok(), "the end of an answer");
    let (route, status) = (operation.route(), parts.status);
    let declared = &operation.document["responses"][status.as_str()];
    assert!(declared.is_object(), "{route} does not name {status}: {}", String::from_utf8_lossy(&body));
    assert!(!status.is_server_error(), "{route} fails: {}", String::from_utf8_lossy(&body));
    let is_problem = parts.headers.get("content-type").is_some_and(|form| form == "application/problem+json");
    assert_eq!(is_problem, status.as_u16() >= 400, "{route} answers {status} in another form");
    if is_problem {
        assert_problem(&route, declared, &body);
    }
    status.is_success() && operation.is_change()
}

/// Three lines, and the body behind them. No request when what stands in a line can stand in none.
fn request_of(house: &House, operation: &Operation, bytes: &[u8]) -> Option<Request<Body>> {
    let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
    let [query, seen, disposition, body] = [(); 4].map(|()| lines.next().unwrap_or_default());
    let query = std::str::from_utf8(query).ok()?;
    let path = format!("{}{}{query}", operation.path, if query.is_empty() { "" } else { "?" });
    let uri: Uri = path.parse().ok()?;
    let mut request = Request::builder().method(operation.method.as_str()).uri(uri);
    request = request.header("authorization", given(house.token(operation), "somebody who may"));
    if operation.is_change() {
        request = request.header("idempotency-key", "a-key-of-this-request");
    }
    for (name, value) in [("if-match", seen), ("content-disposition", disposition)] {
        if !value.is_empty() {
            request = request.header(name, HeaderValue::from_bytes(value).ok()?);
        }
    }
    if let Some(media_type) = operation.media_type() {
        request = request.header("content-type", media_type);
    }
    request.body(Body::from(body.to_vec())).ok()
}

fn assert_problem(route: &str, declared: &Value, body: &[u8]) {
    let problem: Value = given(serde_json::from_slice(body).ok(), "the document of a problem");
    let codes = declared["x-codes"].as_array().map_or(&[][..], Vec::as_slice);
    assert!(codes.contains(&problem["code"]), "{route} does not name {problem}");
    assert_own_words(problem["title"].as_str().unwrap_or_default());
    let pointer = problem["pointer"].as_str().unwrap_or_default();
    pointer.split('/').for_each(assert_member);
    for finding in problem["findings"].as_array().into_iter().flatten() {
        assert_own_words(finding["message"].as_str().unwrap_or_default());
        assert_column(finding["column"].as_str().unwrap_or_default());
    }
}

/// A member's name or a place in a list.
fn assert_member(part: &str) {
    let is_number = part.bytes().all(|byte| byte.is_ascii_digit()) && part.len() <= 7;
    let is_name = part.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-')) && part.len() <= 24;
    assert!(is_number || is_name, "a problem points to {part:?}");
}
