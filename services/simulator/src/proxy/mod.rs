//! A line between a client and a broker on which things go wrong for real: it is cut, refused, silent, late or narrow, and it understands enough
//! of AMQP to befall one publication, its confirm, or one delivery.
//!
//! It passes on what it reads between a port of its own and the broker's. Without TLS only, since it must read what passes.

mod confirms;
mod connection;
mod frame;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use clock::{Clock, Timestamp};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

/// A publication on its way to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passing {
    /// The exchange's name on the broker.
    pub exchange: String,
    /// Its routing key.
    pub routing_key: String,
    /// Its bytes.
    pub body: Bytes,
}

/// What becomes of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Pass,
    /// It goes on with other bytes.
    Change(Bytes),
    /// It goes on twice; its publisher hears of one.
    Twice,
    /// It goes no further, and its publisher is told that the broker has it.
    Swallow,
    /// It goes no further, and its publisher is told that the broker refuses it.
    Refuse,
    /// It goes on; when its confirm comes back, the connection is cut instead.
    LoseConfirm,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handing {
    /// The client gets it.
    Now,
    /// The client gets it then, and later ones of its channel not before.
    At(Timestamp),
    /// The client never gets it.
    Never,
}

/// Looks at what passes, and decides what becomes of it.
pub trait Watcher: Send + Sync + 'static {
    /// A client publishes.
    fn publishes(&self, publication: &Passing) -> Fate;
    /// A client is about to be handed a delivery.
    fn is_handed(&self, body: &Bytes) -> Handing;
}

/// Lets everything pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWatcher;

impl Watcher for NoWatcher {
    fn publishes(&self, _publication: &Passing) -> Fate {
        Fate::Pass
    }

    fn is_handed(&self, _body: &Bytes) -> Handing {
        Handing::Now
    }
}

/// What the line does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It passes them on.
    #[default]
    Open,
    /// It ends those that there are, and every new one at once.
    Refusing,
    /// It takes every byte and passes none on: each side believes that the other one is there. When it opens again, they break.
    Silent,
}

/// How good the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// How much later everything arrives, in each direction.
    pub delay: Duration,
    /// Bytes that pass in a second in each direction at most; `None` for no bound.
    pub bytes_per_s: Option<u64>,
}

/// How connections end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum End {
    /// As when a process closes its socket.
    #[default]
    Farewell,
    /// As when a host has forgotten the connection.
    Reset,
}

/// What all connections of a line share.
struct Shared {
    broker: String,
    watcher: Arc<dyn Watcher>,
    /// The clock that deliveries are held back by.
    clock: Arc<dyn Clock>,
    mode: watch::Sender<Mode>,
    quality: watch::Sender<Quality>,
    /// Counts cuts, and says how the last one was.
    cuts: watch::Sender<(u64, End)>,
    /// Frames that passed, but for heartbeats.
    frames: AtomicU64,
    connections: AtomicU64,
}

/// A line to one broker. Its connections end when it is dropped.
pub struct Proxy {
    near: SocketAddr,
    shared: Arc<Shared>,
    listening: AbortHandle,
}

impl Proxy {
    /// Lays a line to the broker at `broker`, a host and port.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn to(broker: impl Into<String>, watcher: Arc<dyn Watcher>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let near = listener.local_addr()?;
        let shared = Arc::new(Shared {
            broker: broker.into(),
            watcher,
            clock,
            mode: watch::Sender::default(),
            quality: watch::Sender::default(),
            cuts: watch::Sender::default(),
            frames: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let listening = tokio::spawn(listen(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { near, shared, listening })
    }

    /// The end that clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.near
    }

    /// Changes what it does with connections.
    pub fn set(&self, mode: Mode) {
        if *self.shared.mode.borrow() == Mode::Silent && mode != Mode::Silent {
            self.reset();
        }
        self.shared.mode.send_replace(mode);
        if mode == Mode::Refusing {
            self.reset();
        }
    }

    /// Changes how good it is.
    pub fn set_quality(&self, quality: Quality) {
        self.shared.quality.send_replace(quality);
    }

    /// Ends all connections in good order. New ones go through.
    pub fn cut(&self) {
        self.end(End::Farewell);
    }

    /// Breaks all connections without a farewell. New ones go through.
    pub fn reset(&self) {
        self.end(End::Reset);
    }

    fn end(&self, end: End) {
        self.shared.cuts.send_modify(|(count, how)| {
            *count += 1;
            *how = end;
        });
    }

    /// Frames that passed so far: who sees no more of them knows that nobody says anything.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.shared.frames.load(Ordering::Relaxed)
    }

    /// Connections that stand.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((near, _)) = listener.accept().await {
        if *shared.mode.borrow() == Mode::Refusing {
            // Closed without a farewell; whether the system could do so changes nothing.
            let _ = near.set_zero_linger();
            continue;
        }
        let cuts = shared.cuts.subscribe();
        tokio::spawn(serve(near, Arc::clone(&shared), cuts));
    }
}

/// One connection, until either side or the line ends it.
async fn serve(near: TcpStream, shared: Arc<Shared>, cuts: watch::Receiver<(u64, End)>) {
    shared.connections.fetch_add(1, Ordering::Relaxed);
    connection::pass_on(near, Arc::clone(&shared), cuts).await;
    shared.connections.fetch_sub(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
