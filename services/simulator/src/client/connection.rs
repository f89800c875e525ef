//! Requests to one address: each with a deadline, and asked again when the answer is lost.
//!
//! A look may be repeated freely. A change carries one `Idempotency-Key` over all of its attempts, so it happens once (adr/0016). Redirects
//! are not followed: a secret goes where its holder sent it, and nowhere else.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use clock::Clock;
use host::{Backoff, Chance};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    Address, ClientError,
    error::{BoxError, Found, Refused},
    secrets::Secret,
};

/// What every connection of a caller works with.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Idempotency keys are drawn from it; they are no secrets.
    pub chance: Arc<Chance>,
    /// How long an answer that was lost is asked for again.
    pub patience: Duration,
    /// Whether other machines are spoken to without TLS.
    pub is_plain_allowed: bool,
}

/// One address.
pub struct Connection {
    address: Address,
    wire: Wire,
    manner: Manner,
    /// Whether anything was heard from it: before that, an address is wrong rather than lost.
    is_reached: AtomicBool,
}

enum Wire {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Sealed(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Time for a connection, TLS not counted.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Time for an answer; above the services' own 30 seconds.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(40);
/// Time for what the services give 10 minutes: files that come or go.
pub const FILE_DEADLINE: Duration = Duration::from_secs(640);
/// Time between two pieces of a file.
const PIECE_DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of an answer at most; a page of lists or a report of 12 MB is below it.
const ANSWER_MAX: usize = 64 * 1024 * 1024;
/// Between two attempts at most.
const BETWEEN_MAX: Duration = Duration::from_secs(1);

/// What is asked.
#[derive(Clone)]
pub struct Ask<'a> {
    /// What for, after "failed to".
    pub what: &'static str,
    /// The method.
    pub method: Method,
    /// Path and parameters, below the address.
    pub path: String,
    /// The caller's secret; none for what everybody may ask.
    pub secret: Option<&'a Secret>,
    /// The ETag of what was looked at.
    pub seen: Option<&'a str>,
    /// The body with its media type.
    pub content: Option<(&'static str, Bytes)>,
    /// The body's file name.
    pub file_name: Option<String>,
    /// Time for one attempt.
    pub deadline: Duration,
}

impl<'a> Ask<'a> {
    /// A look at what stands at `path`.
    #[must_use]
    pub fn look(what: &'static str, path: String, secret: Option<&'a Secret>) -> Self {
        let (seen, content, file_name) = (None, None, None);
        Self { what, method: Method::GET, path, secret, seen, content, file_name, deadline: ANSWER_DEADLINE }
    }
}

/// An answer that is no problem.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its ETag, quotation marks and all.
    pub etag: Option<String>,
    /// Its body.
    pub body: Bytes,
}

/// How an attempt ended that brought no answer.
enum Broken {
    /// Nothing was sent.
    Unsent(BoxError),
    /// It was sent, or may have been.
    Lost(BoxError),
}

impl Connection {
    /// A connection to an address; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ClientError::Overheard`], [`ClientError::NoAuthorities`].
    pub fn new(address: Address, manner: Manner) -> Result<Self, ClientError> {
        if address.is_overheard() && !manner.is_plain_allowed {
            return Err(ClientError::Overheard(address));
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_DEADLINE));
        connector.enforce_http(!address.is_sealed());
        let mut builder = Client::builder(TokioExecutor::new());
        // A connection for each request. Where a kept one ends at a certain moment, as when its service is killed, hyper-util lets the request
        // that was to go over it wait for ever.
        builder.pool_max_idle_per_host(0);
        let wire = if address.is_sealed() {
            let tls = HttpsConnectorBuilder::new().with_native_roots().map_err(ClientError::NoAuthorities)?;
            Wire::Sealed(builder.build(tls.https_only().enable_http1().wrap_connector(connector)))
        } else {
            Wire::Plain(builder.build(connector))
        };
        Ok(Self { address, wire, manner, is_reached: AtomicBool::new(false) })
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// How its caller works.
    #[must_use]
    pub const fn manner(&self) -> &Manner {
        &self.manner
    }

    /// Asks for a look until it is answered or the patience is over.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn look(&self, ask: &Ask<'_>) -> Result<Told, ClientError> {
        self.persist(ask, None).await
    }

    /// Asks for a change until it is answered or the patience is over, always under the same key.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn change(&self, ask: &Ask<'_>) -> Result<Told, ClientError> {
        let key = uuid::Builder::from_custom_bytes(self.manner.chance.bytes()).into_uuid();
        self.persist(ask, Some(key)).await
    }

    async fn persist(&self, ask: &Ask<'_>, key: Option<Uuid>) -> Result<Told, ClientError> {
        let Manner { clock, patience, .. } = &self.manner;
        let until = clock.now().plus(*patience);
        let (mut backoff, mut may_be_done) = (Backoff::default(), false);
        loop {
            let source = match self.attempt(ask, key).await {
                Ok(answer) if !answer.asks_for_patience() => return self.read(ask, answer, may_be_done),
                Ok(answer) => answer.status.to_string().into(),
                Err(Broken::Unsent(source)) if !self.is_reached.load(Ordering::Relaxed) => {
                    return Err(ClientError::Unreachable { at: self.address.clone(), source });
                }
                Err(Broken::Unsent(source)) => source,
                Err(Broken::Lost(source)) => {
                    may_be_done = true;
                    source
                }
            };
            if clock.now() >= until {
                let so = if key.is_some() && may_be_done { MAY_BE_DONE } else { "" };
                let (at, seconds) = (self.address.clone(), patience.as_secs());
                return Err(ClientError::Lost { at, seconds, so, source });
            }
            clock::sleep(&**clock, backoff.after_failure().min(BETWEEN_MAX)).await;
        }
    }

    async fn attempt(&self, ask: &Ask<'_>, key: Option<Uuid>) -> Result<Answer, Broken> {
        let work = async {
            let response = self.send(ask, key).await?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(Broken::Lost)?.to_bytes();
            let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
            let media_type = text(header::CONTENT_TYPE).unwrap_or_default();
            Ok(Answer { status: parts.status, media_type, etag: text(header::ETAG), body })
        };
        let done = clock::timeout(&*self.manner.clock, ask.deadline, work).await;
        done.unwrap_or_else(|elapsed| Err(Broken::Lost(elapsed.into())))
    }

    async fn send(&self, ask: &Ask<'_>, key: Option<Uuid>) -> Result<Response<Incoming>, Broken> {
        let request = self.request(ask, key).map_err(|error| Broken::Unsent(error.into()))?;
        let response = match &self.wire {
            Wire::Plain(client) => client.request(request),
            Wire::Sealed(client) => client.request(request),
        };
        let response = response.await.map_err(|error| match error.is_connect() {
            true => Broken::Unsent(error.into()),
            false => Broken::Lost(error.into()),
        })?;
        self.is_reached.store(true, Ordering::Relaxed);
        Ok(response)
    }

    fn request(&self, ask: &Ask<'_>, key: Option<Uuid>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder().method(ask.method.clone()).uri(self.address.below(&ask.path));
        if let Some(secret) = ask.secret {
            let mut bearer = HeaderValue::try_from(secret.bearer())?;
            bearer.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, bearer);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key.simple().to_string());
        }
        if let Some(seen) = ask.seen {
            request = request.header(header::IF_MATCH, seen);
        }
        if let Some(name) = &ask.file_name {
            request = request.header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
        }
        let (media_type, body) = ask.content.clone().unzip();
        if let Some(media_type) = media_type {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        request.body(Full::new(body.unwrap_or_default()))
    }

    fn read(&self, ask: &Ask<'_>, answer: Answer, is_again: bool) -> Result<Told, ClientError> {
        if answer.status.is_success() {
            return Ok(Told { etag: answer.etag, body: answer.body });
        }
        let Some(Problem { title, code, findings }) = answer.problem() else {
            return Err(ClientError::NotOurs { at: self.address.clone(), said: answer.said() });
        };
        Err(Refused { what: ask.what, status: answer.status, code, title, findings, is_again }.into())
    }

    /// One request for what everybody may see, whatever the answer's status.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unreachable`].
    pub async fn probe(&self, path: &str) -> Result<Answer, ClientError> {
        let answer = self.attempt(&Ask::look("look around", path.to_owned(), None), None).await;
        answer.map_err(|broken| {
            let (Broken::Unsent(source) | Broken::Lost(source)) = broken;
            ClientError::Unreachable { at: self.address.clone(), source }
        })
    }

    /// Has a file sent, and gives each of its pieces to `take`. It is asked for once: half a file is none.
    ///
    /// # Errors
    ///
    /// [`ClientError`], or what `take` says.
    pub async fn download(&self, ask: &Ask<'_>, mut take: impl FnMut(&[u8]) -> std::io::Result<()>) -> anyhow::Result<()> {
        let clock = &*self.manner.clock;
        let lost = |source, deadline: Duration| {
            let (at, seconds) = (self.address.clone(), deadline.as_secs());
            ClientError::Lost { at, seconds, so: "", source }
        };
        let sent = clock::timeout(clock, ask.deadline, self.send(ask, None)).await;
        let sent = sent.unwrap_or_else(|elapsed| Err(Broken::Lost(elapsed.into())));
        let response = sent.map_err(|(Broken::Unsent(source) | Broken::Lost(source))| lost(source, ask.deadline))?;
        let (parts, mut body) = response.into_parts();
        if parts.status != StatusCode::OK {
            let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let media_type = media_type.unwrap_or_default().to_owned();
            let whole = clock::timeout(clock, ANSWER_DEADLINE, Limited::new(body, ANSWER_MAX).collect()).await;
            let whole = whole.map_err(|elapsed| lost(elapsed.into(), ANSWER_DEADLINE))?;
            let body = whole.map_err(|source| lost(source, ANSWER_DEADLINE))?.to_bytes();
            self.read(ask, Answer { status: parts.status, media_type, etag: None, body }, false)?;
            return Err(ClientError::Unreadable(self.address.clone()).into());
        }
        loop {
            let piece = clock::timeout(clock, PIECE_DEADLINE, body.frame()).await;
            match piece.map_err(|elapsed| lost(elapsed.into(), PIECE_DEADLINE))? {
                None => return Ok(()),
                Some(frame) => {
                    let frame = frame.map_err(|error| lost(error.into(), PIECE_DEADLINE))?;
                    if let Some(bytes) = frame.data_ref() {
                        take(bytes)?;
                    }
                }
            }
        }
    }

    /// A document of an answer.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unreadable`].
    pub fn document<T: DeserializeOwned>(&self, told: &Told) -> Result<T, ClientError> {
        serde_json::from_slice(&told.body).map_err(|_| ClientError::Unreadable(self.address.clone()))
    }
}

const MAY_BE_DONE: &str = "; it may have been done: `precision status` shows it";

/// An answer as it came.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    media_type: String,
    etag: Option<String>,
    /// Its body.
    pub body: Bytes,
}

/// What is read of a problem document. Members that a later release adds are none of our concern.
#[derive(Deserialize)]
struct Problem {
    title: String,
    code: String,
    #[serde(default)]
    findings: Vec<Found>,
}

impl Answer {
    /// The code of a problem; none of what is no problem document.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        self.problem().map(|problem| problem.code)
    }

    fn problem(&self) -> Option<Problem> {
        let is_problem = self.media_type.split(';').next().is_some_and(|essence| essence.trim() == web::problem::MEDIA_TYPE);
        is_problem.then(|| serde_json::from_slice(&self.body).ok()).flatten()
    }

    /// Status and media type, for a message.
    #[must_use]
    pub fn said(&self) -> String {
        let place = if self.status.is_redirection() { ", a redirect" } else { "" };
        match self.media_type.as_str() {
            "" => format!("{}{place}", self.status),
            media_type => format!("{}{place}, {media_type}", self.status),
        }
    }

    /// Whether the service asks to be asked again later.
    fn asks_for_patience(&self) -> bool {
        let is_busy = matches!(
            self.status,
            StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::BAD_GATEWAY
                | StatusCode::GATEWAY_TIMEOUT
        );
        is_busy || (self.status == StatusCode::CONFLICT && self.code().as_deref() == Some("IN_PROGRESS"))
    }
}

#[cfg(test)]
mod tests {
    use clock::SystemClock;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// More than any of the attempts takes by itself.
    const HARD: Duration = Duration::from_secs(30);

    /// A service that ends its connections at any moment, as one does that is killed again and again.
    async fn brittle() -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            let mut number = 0_u32;
            while let Ok((mut caller, _)) = listener.accept().await {
                number += 1;
                let (answers, how) = (number % 3, number % 5);
                tokio::spawn(async move {
                    let mut bytes = [0; 4096];
                    for _ in 0..answers {
                        if caller.read(&mut bytes).await.unwrap_or(0) == 0 {
                            return;
                        }
                        let _ = caller.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
                    }
                    match how {
                        0 => drop(caller.set_zero_linger()),
                        1 => drop(caller.read(&mut bytes).await),
                        2 => drop(caller.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await),
                        3 => drop(caller.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{").await),
                        _ => {}
                    }
                });
            }
        });
        address
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_answer_that_breaks_off_is_asked_for_again_at_once() {
        let chance = Arc::new(Chance::seeded(1));
        let manner = Manner { clock: Arc::new(SystemClock), chance, patience: Duration::from_secs(60), is_plain_allowed: false };
        let connection = Connection::new(brittle().await, manner).unwrap();
        for number in 0..10_000 {
            let ask = Ask::look("look", format!("/{number}"), None);
            let told = clock::timeout(&SystemClock, HARD, connection.attempt(&ask, None)).await;
            match told.unwrap_or_else(|_| panic!("{number} hangs")) {
                Ok(answer) => assert_eq!(answer.body, "{}"),
                Err(Broken::Unsent(_) | Broken::Lost(_)) => {}
            }
        }
    }
}
