//! What stands before every route: who may pass, what a change needs, and that no answer goes out without its audit row.

use std::{io::Write, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    body::{self, Body},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    Access, AuditRow, Call, Caller, Code, Desk, Language, Problem, Trace,
    access::Kind,
    desk::InProgress,
    extract::FileBody,
    journal::{Answer, Begun, RequestKey},
    problem::MEDIA_TYPE,
};

/// What the guard of one route knows of it.
pub(crate) struct Gate {
    pub(crate) desk: Arc<Desk>,
    pub(crate) access: Access,
    /// Method and path, as the document has them.
    pub(crate) route: Arc<str>,
    /// The parameters behind the `?` that it takes.
    pub(crate) parameters: Vec<String>,
    /// The media types of the body that it takes; none when it takes no body.
    pub(crate) media_types: Vec<String>,
}

/// Whose request an answer belongs to, for the log.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) service: &'static str,
    pub(crate) route: Arc<str>,
    pub(crate) token: Option<String>,
}

/// Time for a body to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes of a kept answer at most.
const ANSWER_MAX: usize = 1024 * 1024;
/// Says that an answer was given before.
const REPLAYED: &str = "idempotency-replayed";

pub(crate) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let desk = &gate.desk;
    let mut served = Served { service: desk.parts.service, route: Arc::clone(&gate.route), token: None };
    let mut response = match gate.admit(request.headers()) {
        Ok(caller) => {
            served.token = Some(caller.name.clone());
            gate.pass(caller, request, next).await.unwrap_or_else(IntoResponse::into_response)
        }
        Err(code) => Problem::from(code).into_response(),
    };
    response.extensions_mut().insert(served);
    response
}

/// A header that is given once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<Result<&'a str, ()>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(if values.next().is_some() { Err(()) } else { first.to_str().map_err(|_| ()) })
}

impl Gate {
    /// Who calls, if they may.
    fn admit(&self, headers: &HeaderMap) -> Result<Caller, Code> {
        let parts = &self.desk.parts;
        let authorization = match single(headers, "authorization") {
            Some(Err(())) => return Err(Code::Unauthenticated),
            Some(Ok(text)) => Some(text),
            None => None,
        };
        let caller = parts.tokens.caller(authorization, self.desk.now())?;
        if !self.access.roles.contains(&caller.role) {
            return Err(Code::ForbiddenRole);
        }
        if caller.organisation != parts.organisation {
            return Err(Code::ForeignOrganisation);
        }
        Ok(caller)
    }

    async fn pass(self: &Arc<Self>, caller: Caller, request: Request, next: Next) -> Result<Response, Problem> {
        let (mut parts, body) = request.into_parts();
        self.check_parameters(&parts)?;
        self.check_media_type(&parts.headers)?;
        let seen = self.seen(&parts.headers)?;
        let place = self.desk.place().ok_or(Code::Busy)?;
        let key = self.key(&parts.headers)?;
        let Taken { body, file, hash } = self.read(&parts.headers, body).await?;
        if let Some(file) = file {
            parts.extensions.insert(FileBody(file));
        }
        let language = language(&parts.headers);
        let mut call =
            Call { caller, language, effect: None, seen, route: Arc::clone(&self.route), desk: Arc::clone(&self.desk) };
        let Some(key) = key else {
            parts.extensions.insert(call.clone());
            let shown = self.show(call, next.run(Request::from_parts(parts, Body::from(body))));
            let shown = clock::timeout(&*self.desk.parts.clock, self.access.deadline, AssertUnwindSafe(shown).catch_unwind());
            return shown.await.map_err(|_| Code::Deadline)?.map_err(|_| Code::Internal)?;
        };
        let template = self.route.as_ref();
        let key = RequestKey::new(&call.caller.name, template, key);
        let fingerprint = fingerprint(&parts, &hash);
        let working = self.desk.work_on(key).ok_or(Code::InProgress)?;
        match self.desk.parts.journal.begin(&key, &fingerprint, self.desk.now()).await? {
            Begun::Other => return Err(Code::KeyReused.into()),
            Begun::Answered(answer) => return Ok(replay(answer)),
            Begun::Open { since } => call.effect = Some(key.effect(since)),
        }
        parts.extensions.insert(call.clone());
        let done = next.run(Request::from_parts(parts, Body::from(body)));
        // A change goes on when the caller goes away: half of it must not be left to chance.
        let changed = tokio::spawn(Arc::clone(self).change(call, key, (working, place), done));
        let changed = clock::timeout(&*self.desk.parts.clock, self.access.deadline, changed);
        changed.await.map_err(|_| Code::Deadline)?.map_err(|_| Code::Internal)?
    }

    /// Refuses parameters that the route does not have: a handler without parameters would not notice.
    fn check_parameters(&self, parts: &Parts) -> Result<(), Code> {
        let mut names = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let is_known = |pair: &str| {
            let name = pair.split('=').next().unwrap_or_default();
            self.parameters.iter().any(|known| known == name)
        };
        match () {
            () if !names.all(is_known) => Err(Code::UnknownParameter),
            // No name and no value has it, and not every store takes it.
            () if parts.uri.path_and_query().is_some_and(|address| address.as_str().contains("%00")) => {
                Err(Code::InvalidParameter)
            }
            () => Ok(()),
        }
    }

    /// Refuses a body of another kind, and one that is packed: what it would become is not known before it is there.
    fn check_media_type(&self, headers: &HeaderMap) -> Result<(), Code> {
        if self.media_types.is_empty() {
            return Ok(());
        }
        let given = single(headers, "content-type").and_then(Result::ok).unwrap_or_default();
        let essence = given.split(';').next().unwrap_or_default().trim();
        let is_plain = match single(headers, "content-encoding") {
            None => true,
            Some(encoding) => encoding.is_ok_and(|encoding| encoding.eq_ignore_ascii_case("identity")),
        };
        let is_taken = self.media_types.iter().any(|media_type| media_type.eq_ignore_ascii_case(essence));
        if is_taken && is_plain { Ok(()) } else { Err(Code::WrongMediaType) }
    }

    fn seen(&self, headers: &HeaderMap) -> Result<Option<String>, Code> {
        if !self.access.is_versioned {
            // Whoever relies on it must not believe that it was heeded.
            let is_ignored = self.access.kind != Kind::Change || !headers.contains_key("if-match");
            return if is_ignored { Ok(None) } else { Err(Code::InvalidVersion) };
        }
        let tag = match single(headers, "if-match") {
            None => return Err(Code::VersionMissing),
            Some(tag) => tag.map_err(|()| Code::InvalidVersion)?.trim(),
        };
        let inner = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let is_version = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        inner.filter(is_version).map(|text| Some(text.to_owned())).ok_or(Code::InvalidVersion)
    }

    fn key<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, Code> {
        if self.access.kind != Kind::Change {
            return Ok(None);
        }
        match single(headers, "idempotency-key") {
            None => Err(Code::KeyMissing),
            Some(Ok(key)) if (8..=128).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(key)),
            Some(_) => Err(Code::KeyInvalid),
        }
    }

    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Taken, Code> {
        let takes_body = !self.media_types.is_empty();
        let (max, too_large) = if takes_body { (self.access.body_max, Code::TooLarge) } else { (0, Code::UnexpectedBody) };
        let announced = single(headers, "content-length").and_then(Result::ok).and_then(|text| text.parse::<usize>().ok());
        if announced.is_some_and(|length| length > max) {
            return Err(too_large);
        }
        let taken = take(Limited::new(body, max), self.access.is_file);
        let read = clock::timeout(&*self.desk.parts.clock, BODY_DEADLINE, taken).await;
        match read.map_err(|_| Code::SlowRequest)? {
            Ok(taken) => Ok(taken),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large),
            Err(error) if error.is::<std::io::Error>() => Err(Code::Internal),
            Err(_) => Err(Code::SlowRequest),
        }
    }

    /// Waits for an answer to a look, and keeps its audit row.
    async fn show(&self, call: Call, done: impl Future<Output = Response>) -> Result<Response, Problem> {
        let mut response = done.await;
        let row = self.audit_row(&call, &mut response)?;
        if row.is_some() {
            self.desk.parts.journal.conclude(row.as_ref(), None).await?;
        }
        Ok(response)
    }

    /// Waits for a change, and keeps its audit row and its answer.
    async fn change(
        self: Arc<Self>,
        call: Call,
        key: RequestKey,
        _working: (InProgress, OwnedSemaphorePermit),
        done: impl Future<Output = Response>,
    ) -> Result<Response, Problem> {
        let mut response = done.await;
        if response.status().is_server_error() {
            return Ok(response);
        }
        let row = self.audit_row(&call, &mut response)?;
        let (parts, body) = response.into_parts();
        let bytes = body::to_bytes(body, ANSWER_MAX).await.map_err(|_| Code::Internal)?;
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let answer = Answer {
            status: parts.status.as_u16(),
            media_type: text(header::CONTENT_TYPE),
            etag: text(header::ETAG),
            location: text(header::LOCATION),
            body: String::from_utf8(bytes.to_vec()).map_err(|_| Code::Internal)?,
        };
        self.desk.parts.journal.conclude(row.as_ref(), Some((&key, &answer))).await?;
        Ok(Response::from_parts(parts, Body::from(bytes)))
    }

    /// The row of an answer that shows or changed something. One that does not say what is withheld.
    fn audit_row(&self, call: &Call, response: &mut Response) -> Result<Option<AuditRow>, Code> {
        if self.access.kind == Kind::Figures || !response.status().is_success() {
            return Ok(None);
        }
        let Some(trace) = response.extensions_mut().remove::<Trace>() else {
            tracing::error!(service = self.desk.parts.service, route = %self.route, "an answer without trace is withheld");
            return Err(Code::Internal);
        };
        let Trace { register, ids, count } = trace;
        Ok(Some(AuditRow {
            at_micros: self.desk.now().as_micros(),
            token: call.caller.name.clone(),
            role: call.caller.role.as_str().to_owned(),
            route: self.route.as_ref().to_owned(),
            register,
            ids,
            count,
        }))
    }
}

/// A body that has arrived: in memory, or in a file.
struct Taken {
    body: Bytes,
    file: Option<Arc<NamedTempFile>>,
    hash: [u8; 32],
}

async fn take(mut body: Limited<Body>, is_file: bool) -> Result<Taken, Box<dyn std::error::Error + Send + Sync>> {
    let (mut hash, mut bytes) = (Sha256::new(), BytesMut::new());
    let mut file = if is_file { Some(NamedTempFile::new()?) } else { None };
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame?.into_data() else { continue };
        hash.update(&chunk);
        match &mut file {
            // A few kilobytes into the page cache: not worth another thread.
            Some(file) => file.write_all(&chunk)?,
            None => bytes.extend_from_slice(&chunk),
        }
    }
    Ok(Taken { body: bytes.freeze(), file: file.map(Arc::new), hash: hash.finalize().into() })
}

/// What the caller prefers to read.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).map_or(Language::English, Language::accepted)
}

/// What makes a request the same one again.
fn fingerprint(parts: &Parts, body: &[u8; 32]) -> [u8; 32] {
    let text = |name: &str| parts.headers.get(name).map_or(&b""[..], |value| value.as_bytes());
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    // The name of a file stands in a header of its own.
    let headers = ["if-match", "content-type", "content-disposition"].map(text);
    let pieces = [parts.method.as_str().as_bytes(), path.as_bytes(), body].into_iter().chain(headers);
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    hash.finalize().into()
}

/// The answer that was given before; a problem in the language of now.
fn replay(answer: Answer) -> Response {
    let problem = || {
        let document: crate::problem::ProblemDocument = serde_json::from_str(&answer.body).ok()?;
        let code = Code::ALL.iter().find(|code| code.as_str() == document.code)?;
        Some(Problem { code: *code, pointer: document.pointer, findings: document.findings }.into_response())
    };
    let is_problem = answer.media_type.as_deref() == Some(MEDIA_TYPE);
    let mut response = match if is_problem { problem() } else { None } {
        Some(response) => response,
        None => {
            let mut response = Response::new(Body::from(answer.body));
            *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
            let headers =
                [(header::CONTENT_TYPE, answer.media_type), (header::ETAG, answer.etag), (header::LOCATION, answer.location)];
            for (name, value) in headers {
                if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
    };
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
