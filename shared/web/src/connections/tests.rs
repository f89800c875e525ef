//! Callers that are slow, many, or in the way.

use std::net::SocketAddr;

use axum::routing::get;
use clock::OffsetClock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use super::*;

/// Bytes of an answer that no buffer of a connection holds.
const LARGE: usize = 64 * 1024 * 1024;

struct Served {
    address: SocketAddr,
    clock: Arc<OffsetClock>,
    /// Tells that a request to `/wait` is being worked on.
    begun: Arc<Notify>,
    /// Lets a request to `/wait` be answered.
    go_on: Arc<Notify>,
    stop: oneshot::Sender<()>,
    over: oneshot::Sender<()>,
    server: JoinHandle<bool>,
}

async fn served(connections: usize, turned_away: usize) -> Served {
    let (clock, go_on) = (Arc::new(OffsetClock::default()), Arc::new(Notify::new()));
    let begun = Arc::new(Notify::new());
    let (waiting, working) = (Arc::clone(&go_on), Arc::clone(&begun));
    let router = Router::new().route("/", get(async || "hello")).route("/large", get(async || vec![b'x'; LARGE])).route(
        "/wait",
        get(async move || {
            working.notify_one();
            waiting.notified().await;
            "done"
        }),
    );
    let listener = crate::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let ((stop, stopped), (over, is_over)) = (oneshot::channel(), oneshot::channel());
    let stopped = async { stopped.await.unwrap_or_default() }.boxed().shared();
    let (limits, ticking) = (Limits { connections, turned_away }, Arc::clone(&clock) as Arc<dyn Clock>);
    let over_at = async { is_over.await.unwrap_or_default() };
    let server = tokio::spawn(serve(listener, router, ticking, limits, stopped, over_at));
    Served { address, clock, begun, go_on, stop, over, server }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection that is surely among those that are served: it was answered on.
    async fn kept(&self) -> TcpStream {
        let mut stream = self.connect().await;
        assert!(asked(&mut stream, "/").await.starts_with("HTTP/1.1 200 "));
        stream
    }

    /// What still comes over a connection until the server closes it, while time passes in steps and `meanwhile` is sent in each.
    async fn until_closed(&self, stream: &mut TcpStream, meanwhile: &[u8]) -> Vec<u8> {
        let (mut reader, mut writer) = stream.split();
        let mut bytes = Vec::new();
        let mut read = std::pin::pin!(reader.read_to_end(&mut bytes));
        for _ in 0..100_000 {
            self.clock.jump(Duration::from_secs(1));
            // Whoever was closed on may notice when writing.
            let _ = writer.write_all(meanwhile).await;
            if futures_util::poll!(read.as_mut()).is_ready() {
                return bytes;
            }
            tokio::task::yield_now().await;
        }
        panic!("the server does not close the connection");
    }
}

/// Asks on a connection that may be kept, for an answer that comes in one piece.
async fn asked(stream: &mut TcpStream, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await.unwrap();
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let served = served(9, 9).await;
    for (begun, meanwhile) in [("", ""), ("GET / HT", ""), ("GET / HTTP/1.1\r\nx: ", "y"), ("GET / HTTP/1.1\r\n", "x: y\r\n")] {
        let mut stream = served.connect().await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        let told = served.until_closed(&mut stream, meanwhile.as_bytes()).await;
        assert!(!String::from_utf8_lossy(&told).contains("200"), "{begun:?}");
    }
    let mut kept = served.kept().await;
    assert_eq!(served.until_closed(&mut kept, b"").await, b"", "and no further request");
    served.kept().await;
}

#[tokio::test]
async fn a_head_beyond_measure_is_refused() {
    let served = served(9, 9).await;
    let mut stream = served.connect().await;
    let head = format!("GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "y".repeat(2 * HEAD_MAX));
    let _ = stream.write_all(head.as_bytes()).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    assert!(bytes.is_empty() || bytes.starts_with(b"HTTP/1.1 431 "), "{:?}", String::from_utf8_lossy(&bytes));
}

/// The answer is far larger than what the system keeps on the way, and nobody takes it.
#[tokio::test]
async fn an_answer_that_nobody_takes_costs_its_connection() {
    let served = served(1, 9).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut first = [0; 4096];
    stream.read_exact(&mut first).await.unwrap();
    let is_free = async || {
        let mut other = served.connect().await;
        asked(&mut other, "/").await.starts_with("HTTP/1.1 200 ")
    };
    assert!(!is_free().await);
    let mut tries = 0;
    while !is_free().await {
        tries += 1;
        assert!(tries < 10_000, "the place stays taken");
        served.clock.jump(Duration::from_secs(1));
    }
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < LARGE);
}

#[tokio::test]
async fn whoever_comes_beyond_measure_is_told_so_or_not_let_in() {
    let served = served(2, 1).await;
    let (first, _second) = (served.kept().await, served.kept().await);
    let mut third = served.connect().await;
    third.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut told = String::new();
    third.read_to_string(&mut told).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    for line in ["\"code\":\"BUSY\"", "retry-after: 5", "connection: close", "content-type: application/problem+json"] {
        assert!(told.contains(line), "{told}");
    }
    let fourth = served.connect().await;
    let mut fifth = served.connect().await;
    let mut bytes = Vec::new();
    // The fourth says nothing and is waited for, so the fifth is closed on.
    let _ = fifth.read_to_end(&mut bytes).await;
    assert!(bytes.is_empty());
    drop((first, fourth));
    let mut tries = 0;
    loop {
        let mut next = served.connect().await;
        let _ = next.write_all(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await;
        let mut bytes = Vec::new();
        let _ = next.read_to_end(&mut bytes).await;
        if bytes.starts_with(b"HTTP/1.1 200 ") {
            break;
        }
        tries += 1;
        assert!(tries < 10_000, "a place that was left stays taken");
    }
}

#[tokio::test]
async fn the_end_waits_for_answers_and_for_no_one_else() {
    let served = served(9, 9).await;
    let (mut idle, mut asking) = (served.kept().await, served.kept().await);
    asking.write_all(b"GET /wait HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    served.begun.notified().await;
    served.stop.send(()).unwrap();
    let mut bytes = Vec::new();
    assert_eq!(idle.read_to_end(&mut bytes).await.unwrap(), 0);
    served.go_on.notify_one();
    asking.read_to_end(&mut bytes).await.unwrap();
    assert!(String::from_utf8_lossy(&bytes).ends_with("done"));
    assert!(served.server.await.unwrap(), "all ended");
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let served = served(9, 9).await;
    let mut asking = served.kept().await;
    asking.write_all(b"GET /wait HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    served.begun.notified().await;
    served.stop.send(()).unwrap();
    served.over.send(()).unwrap();
    assert!(!served.server.await.unwrap(), "one was cut off");
    let mut bytes = Vec::new();
    let _ = asking.read_to_end(&mut bytes).await;
    assert!(bytes.is_empty());
}
