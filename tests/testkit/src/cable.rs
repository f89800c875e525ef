use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use clock::{SystemClock, timeout};
use tokio::io::{AsyncRead, AsyncWrite, Interest, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// For a client to write what it was given to publish.
const HOLD_DEADLINE: Duration = Duration::from_secs(60);

/// A cable between a client and a server that a test can cut: it passes bytes on between a port of its own and the server's.
pub struct Cable {
    url: String,
    listening: AbortHandle,
    state: watch::Sender<State>,
    held: watch::Sender<Vec<u8>>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

/// Where a cable leads.
#[derive(Clone)]
enum Server {
    Port(String),
    Socket(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    is_frozen: bool,
    /// How often the connections that there were have fallen silent.
    silences: u64,
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
        let separator = if login.is_empty() { "" } else { "@" };
        Self::lay(Server::Port(broker), |near| format!("amqp://{login}{separator}{near}{path}")).await
    }

    /// Lays a cable to the PostgreSQL at an address like `postgres://role@localhost/database?host=/folder/of/its/socket`.
    ///
    /// # Errors
    ///
    /// When the address does not look so, or no port can be had.
    pub async fn to_postgres(address: &str) -> Result<Self> {
        const FORM: &str = "a cable to PostgreSQL needs an address with the folder of a socket";
        let (rest, folder) = address.split_once("?host=").context(FORM)?;
        let (role, database) = rest.split_once("@localhost/").context(FORM)?;
        let socket = PathBuf::from(folder).join(".s.PGSQL.5432");
        Self::lay(Server::Socket(socket), |near| format!("{role}@{near}/{database}?sslmode=disable")).await
    }

    async fn lay(server: Server, url: impl FnOnce(SocketAddr) -> String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = url(listener.local_addr()?);
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let (state, held) = (watch::Sender::default(), watch::Sender::default());
        let listening = listen(listener, server, state.clone(), held.clone(), Arc::clone(&connections));
        Ok(Self { url, listening: tokio::spawn(listening).abort_handle(), state, held, connections })
    }

    /// The server's address through the cable.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops passing bytes on, or goes on with it: the connections stand, and nobody answers.
    pub fn freeze(&self, frozen: bool) {
        self.state.send_modify(|state| state.is_frozen = frozen);
    }

    /// Lets the connections that there are fall silent for good: they stand, and nobody answers. New ones go through.
    pub fn silence(&self) {
        self.state.send_modify(|state| state.silences += 1);
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
    server: Server,
    state: watch::Sender<State>,
    held: watch::Sender<Vec<u8>>,
    connections: Arc<Mutex<JoinSet<()>>>,
) {
    while let Ok((near, _)) = listener.accept().await {
        let (server, state, held) = (server.clone(), state.subscribe(), held.clone());
        // A connection that cannot be passed on ends, as it would at a server that is gone.
        let connection = async move {
            drop(match server {
                Server::Port(port) => async { pass_on(near, TcpStream::connect(port).await?, state, held).await }.await,
                Server::Socket(path) => async { pass_on(near, UnixStream::connect(path).await?, state, held).await }.await,
            });
        };
        connections.lock().unwrap_or_else(PoisonError::into_inner).spawn(connection);
    }
}

async fn pass_on(
    near: TcpStream,
    mut far: impl AsyncRead + AsyncWrite + Unpin,
    mut state: watch::Receiver<State>,
    held: watch::Sender<Vec<u8>>,
) -> io::Result<()> {
    let passes = State { is_frozen: false, ..*state.borrow() };
    // What an end says must not wait for more: it says no more before it has its answer.
    near.set_nodelay(true)?;
    // The socket a second time, to look at what waits in it while the first is lent out.
    let near = near.into_std()?;
    let (looking, waking) = (near.try_clone()?, TcpStream::from_std(near.try_clone()?)?);
    let mut near = TcpStream::from_std(near)?;
    let mut passing = pin!(copy_bidirectional(&mut near, &mut far));
    loop {
        tokio::select! {
            thawed = state.wait_for(|state| *state == passes) => {
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
            _ = state.changed() => {}
            _ = &mut passing => return Ok(()),
        }
    }
}

/// Shows what waits to be passed on, as often as more comes. Never done.
async fn show(looking: &std::net::TcpStream, waking: &TcpStream, held: &watch::Sender<Vec<u8>>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(ready) = waking.ready(Interest::READABLE).await {
        let shown: io::Result<()> = waking.try_io(Interest::READABLE, || {
            let length = looking.peek(&mut bytes)?;
            held.send_replace(bytes.get(..length).unwrap_or_default().to_vec());
            // What was there has been looked at: wake again for more.
            Err(io::ErrorKind::WouldBlock.into())
        });
        drop(shown);
        // Nothing comes after the end, which would wake for ever.
        if ready.is_read_closed() {
            break;
        }
    }
    std::future::pending().await
}
