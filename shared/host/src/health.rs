//! Whether a service that stands alone is ready: for the health checks of containers and for whoever operates it.
//!
//! Where `common.health` says, four addresses answer: `/health` that the process lives, `/ready` whether it has started, holds its store and
//! speaks with its brokers, with status 503 and what is missing when not, each in one line; `/metrics` what it counts, and `/bulletin` all of it in one
//! document. `SERVICE --health` asks whether it is ready, `precision status` for its bulletin. Nothing of a patient is known here.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use broker::RabbitBroker;
use clock::Clock;
use futures_util::future;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::Semaphore,
};
use topology::Vhost;

use crate::Metrics;

/// Time for a question and its answer; a broker may be asked meanwhile.
const ANSWER_DEADLINE: Duration = Duration::from_secs(8);
/// Time for a broker to be there; an attempt to reach it ends within it.
pub(crate) const BROKER_DEADLINE: Duration = Duration::from_secs(6);
/// Questions at once; who comes on top of them waits.
const AT_ONCE: usize = 8;
/// Bytes of a question's head that are looked at.
const HEAD_MAX: usize = 1024;

/// Bytes of an answer that are read: a bulletin has a few hundred for each step and queue.
const ANSWER_MAX: u64 = 1024 * 1024;

/// What the answers are.
const PLAIN: &str = "text/plain";
const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a service knows of its own state.
#[derive(Debug, Default)]
pub struct Health {
    has_started: AtomicBool,
    has_store: AtomicBool,
    brokers: Mutex<Vec<(Vhost, Arc<RabbitBroker>)>>,
}

impl Health {
    /// Notes that all of the service runs.
    pub fn started(&self) {
        self.has_started.store(true, Ordering::Relaxed);
    }

    /// Notes whether the store is held; says whether it was before.
    pub fn store(&self, is_held: bool) -> bool {
        self.has_store.swap(is_held, Ordering::Relaxed)
    }

    /// Notes a broker that the service works with.
    pub fn broker(&self, vhost: Vhost, broker: Arc<RabbitBroker>) {
        self.brokers.lock().unwrap_or_else(PoisonError::into_inner).push((vhost, broker));
    }

    /// The brokers, which are forgotten.
    pub fn take_brokers(&self) -> Vec<Arc<RabbitBroker>> {
        let brokers = std::mem::take(&mut *self.brokers.lock().unwrap_or_else(PoisonError::into_inner));
        brokers.into_iter().map(|(_, broker)| broker).collect()
    }

    /// What keeps the service from working; nothing when it is ready.
    pub async fn missing(&self, clock: &dyn Clock) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.has_store.load(Ordering::Relaxed) {
            missing.push("the store".to_owned());
        }
        if !self.has_started.load(Ordering::Relaxed) {
            missing.push("its start".to_owned());
        }
        let brokers = self.brokers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let asked = brokers.iter().map(async |(vhost, broker)| {
            let asking = async { broker.reach().await.is_ok().then_some(broker.is_blocked().await) };
            match clock::timeout(clock, BROKER_DEADLINE, asking).await {
                Ok(Some(false)) => None,
                Ok(Some(true)) => Some(format!("room on the broker of {vhost}")),
                Ok(None) | Err(clock::Elapsed) => Some(format!("the broker of {vhost}")),
            }
        });
        // At once: two that are away must not take twice the time of an answer.
        missing.extend(future::join_all(asked).await.into_iter().flatten());
        missing
    }
}

/// Answers who asks, until dropped.
pub async fn serve(listener: TcpListener, health: Arc<Health>, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) {
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let Ok((mut stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely.
            clock::sleep(&*clock, Duration::from_secs(1)).await;
            continue;
        };
        let (health, metrics, clock) = (Arc::clone(&health), Arc::clone(&metrics), Arc::clone(&clock));
        tokio::spawn(async move {
            let _seat = seat;
            let work = async {
                let answer = answer(&head(&mut stream).await?, &health, &metrics, &*clock).await;
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await
            };
            // Who goes away before the answer does not need it.
            let _ = clock::timeout(&*clock, ANSWER_DEADLINE, work).await;
        });
    }
}

/// The first line of a request, and what came with it.
async fn head(stream: &mut tokio::net::TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_MAX);
    while head.len() < HEAD_MAX && !head.windows(4).any(|end| end == b"\r\n\r\n") && stream.read_buf(&mut head).await? > 0 {}
    Ok(head)
}

/// What is answered to the head of a question, whatever it is.
pub async fn answer(head: &[u8], health: &Health, metrics: &Metrics, clock: &dyn Clock) -> String {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, form, text) = match line {
        b"GET /health HTTP/1.1" | b"GET /health HTTP/1.0" => ("200 OK", PLAIN, "alive\n".to_owned()),
        b"GET /ready HTTP/1.1" | b"GET /ready HTTP/1.0" => {
            let missing = health.missing(clock).await;
            if missing.is_empty() {
                ("200 OK", PLAIN, "ready\n".to_owned())
            } else {
                ("503 Service Unavailable", PLAIN, format!("not ready, missing: {}\n", missing.join(", ")))
            }
        }
        b"GET /metrics HTTP/1.1" | b"GET /metrics HTTP/1.0" => ("200 OK", OPEN_METRICS, metrics.text(health, clock).await),
        b"GET /bulletin HTTP/1.1" | b"GET /bulletin HTTP/1.0" => {
            ("200 OK", JSON, metrics.bulletin(health, clock).await.to_string())
        }
        _ => ("404 Not Found", PLAIN, "GET /health, /ready, /metrics or /bulletin\n".to_owned()),
    };
    let length = text.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {form}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}")
}

/// Asks the service at `address` whether it is ready: whether it is, and its words.
///
/// # Errors
///
/// Nobody answers there, or not as a service does.
pub fn ask(address: SocketAddr) -> anyhow::Result<(bool, String)> {
    get(&address.to_string(), "/ready").map(|(is_ready, text)| (is_ready, text.trim_end().to_owned()))
}

/// What the service at `address`, `HOST:PORT`, says at a path: whether with status 200, and its text.
pub(crate) fn get(address: &str, path: &str) -> anyhow::Result<(bool, String)> {
    let failed = || format!("ask the service at {address}");
    let mut places = address.to_socket_addrs().with_context(failed)?;
    let mut stream = loop {
        let place = places.next().context("find an address of that name").with_context(failed)?;
        match TcpStream::connect_timeout(&place, ANSWER_DEADLINE) {
            Ok(stream) => break stream,
            // A name may have an address of each kind, and the service one of them.
            Err(_) if places.len() > 0 => {}
            Err(error) => return Err(error).with_context(failed),
        }
    };
    stream.set_read_timeout(Some(ANSWER_DEADLINE)).with_context(failed)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).with_context(failed)?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer).with_context(failed)?;
    let (head, text) = answer.split_once("\r\n\r\n").context("understand the answer").with_context(failed)?;
    Ok((head.starts_with("HTTP/1.1 200 "), text.to_owned()))
}

#[cfg(test)]
mod tests {
    use clock::SystemClock;

    use super::*;

    async fn said(health: &Arc<Health>) -> (bool, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, Arc::clone(health), Arc::default(), Arc::new(SystemClock)));
        let said = tokio::task::spawn_blocking(move || ask(address)).await.unwrap().unwrap();
        serving.abort();
        said
    }

    #[tokio::test]
    async fn a_service_says_what_it_lacks_until_it_lacks_nothing() {
        let health = Arc::new(Health::default());
        assert_eq!(said(&health).await, (false, "not ready, missing: the store, its start".to_owned()));
        assert!(!health.store(true));
        health.started();
        assert_eq!(said(&health).await, (true, "ready".to_owned()));
        assert!(health.store(false));
        assert_eq!(said(&health).await, (false, "not ready, missing: the store".to_owned()));
    }

    #[tokio::test]
    async fn whatever_else_is_asked_is_answered_and_nothing_of_it_repeated() {
        let health = Health::default();
        let answer = async |head: &[u8]| answer(head, &health, &Metrics::default(), &SystemClock).await;
        assert!(answer(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
        let metrics = answer(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(
            metrics.contains("\r\nContent-Type: application/openmetrics-text;") && metrics.contains("\nprecision_ready 0\n"),
            "{metrics}"
        );
        let bulletin = answer(b"GET /bulletin HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(
            bulletin.contains("\r\nContent-Type: application/json\r\n") && bulletin.contains("\"missing\":[\"the store\""),
            "{bulletin}"
        );
        for other in
            [&b""[..], b"\xff\xfe", b"GET / HTTP/1.1\r\n\r\n", b"POST /ready HTTP/1.1\r\n\r\n", b"GET /ready?secret HTTP/1.1\r\n"]
        {
            let told = answer(other).await;
            assert!(told.starts_with("HTTP/1.1 404 ") && !told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn nobody_at_the_address_is_an_error() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(ask(free).unwrap_err().to_string().starts_with("ask the service at 127.0.0.1:"));
    }
}
