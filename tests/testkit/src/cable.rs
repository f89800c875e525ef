use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use clock::{SystemClock, timeout};
use tokio::io::{Interest, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// For a client to write what it was given to publish.
const HOLD_DEADLINE: Duration = Duration::from_secs(60);

/// A cable between a client and a broker that a test can cut: it passes bytes on between a port of its own and the broker's.
pub struct Cable {
    url: String,
    listening: AbortHandle,
    frozen: watch::Sender<bool>,
    held: watch::Sender<Vec<u8>>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Cable {
    /// Lays a cable to the broker at this `amqp://` URL.
    ///
    /// # Errors
    ///
    /// When the URL names no host, or no port can be had.
    pub async fn to(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("amqp://").context("a cable needs an amqp:// URL")?;
        let (authority, path) =
            rest.split_once('/').map_or((rest, String::new()), |(authority, path)| (authority, format!("/{path}")));
        let (login, host) = authority.rsplit_once('@').map_or(("", authority), |(login, host)| (login, host));
        let broker = if host.contains(':') { host.to_owned() } else { format!("{host}:5672") };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let near = listener.local_addr()?;
        let separator = if login.is_empty() { "" } else { "@" };
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let (frozen, state) = watch::channel(false);
        let held = watch::Sender::default();
        let listening = tokio::spawn(listen(listener, broker, state, held.clone(), Arc::clone(&connections))).abort_handle();
        Ok(Self { url: format!("amqp://{login}{separator}{near}{path}"), listening, frozen, held, connections })
    }

    /// The broker's address through the cable.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops passing bytes on, or goes on with it: the connections stand, and nobody answers.
    pub fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }

    /// Waits until one of the frozen connections holds back `payload` so many times, among the first 64 KiB of its client.
    ///
    /// # Errors
    ///
    /// When it does not within a minute.
    pub async fn holds_back(&self, payload: &[u8], times: usize) -> Result<()> {
        let count = |held: &Vec<u8>| held.windows(payload.len()).filter(|bytes| *bytes == payload).count();
        let mut held = self.held.subscribe();
        timeout(&SystemClock, HOLD_DEADLINE, held.wait_for(|held| count(held) >= times)).await.context("hold them back")??;
        Ok(())
    }

    /// Breaks all connections, without a word of farewell. New ones go through.
    pub fn cut(&self) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

async fn listen(
    listener: TcpListener,
    broker: String,
    frozen: watch::Receiver<bool>,
    held: watch::Sender<Vec<u8>>,
    connections: Arc<Mutex<JoinSet<()>>>,
) {
    while let Ok((near, _)) = listener.accept().await {
        let (broker, frozen, held) = (broker.clone(), frozen.clone(), held.clone());
        // A connection that cannot be passed on ends, as it would at a broker that is gone.
        let connection = async move { drop(pass_on(near, broker, frozen, held).await) };
        connections.lock().unwrap_or_else(PoisonError::into_inner).spawn(connection);
    }
}

async fn pass_on(
    near: TcpStream,
    broker: String,
    mut frozen: watch::Receiver<bool>,
    held: watch::Sender<Vec<u8>>,
) -> io::Result<()> {
    let mut far = TcpStream::connect(broker).await?;
    // The socket a second time, to look at what waits in it while the first is lent out.
    let near = near.into_std()?;
    let (looking, waking) = (near.try_clone()?, TcpStream::from_std(near.try_clone()?)?);
    let mut near = TcpStream::from_std(near)?;
    let mut passing = pin!(copy_bidirectional(&mut near, &mut far));
    loop {
        tokio::select! {
            thawed = frozen.wait_for(|frozen| !frozen) => {
                if thawed.is_err() {
                    return Ok(());
                }
            }
            () = show(&looking, &waking, &held) => {}
        }
        held.send_replace(Vec::new());
        tokio::select! {
            // A connection that is frozen passes nothing on, not even what lies ready.
            biased;
            _ = frozen.changed() => {}
            _ = &mut passing => return Ok(()),
        }
    }
}

/// Shows what waits to be passed on, as often as more comes. Never done.
async fn show(looking: &std::net::TcpStream, waking: &TcpStream, held: &watch::Sender<Vec<u8>>) {
    let mut bytes = vec![0; 64 * 1024];
    let never: io::Result<()> = waking
        .async_io(Interest::READABLE, || {
            let length = looking.peek(&mut bytes)?;
            held.send_replace(bytes.get(..length).unwrap_or_default().to_vec());
            // What was there has been looked at: wake again for more.
            Err(io::ErrorKind::WouldBlock.into())
        })
        .await;
    if never.is_err() {
        std::future::pending().await
    }
}
