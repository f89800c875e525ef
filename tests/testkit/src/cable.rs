use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// A cable between a client and a broker that a test can cut: it passes bytes on between a port of its own and the broker's.
pub struct Cable {
    url: String,
    listening: AbortHandle,
    frozen: watch::Sender<bool>,
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
        let listening = tokio::spawn(listen(listener, broker, state, Arc::clone(&connections))).abort_handle();
        Ok(Self { url: format!("amqp://{login}{separator}{near}{path}"), listening, frozen, connections })
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

async fn listen(listener: TcpListener, broker: String, frozen: watch::Receiver<bool>, connections: Arc<Mutex<JoinSet<()>>>) {
    while let Ok((near, _)) = listener.accept().await {
        let connection = pass_on(near, broker.clone(), frozen.clone());
        connections.lock().unwrap_or_else(PoisonError::into_inner).spawn(connection);
    }
}

async fn pass_on(mut near: TcpStream, broker: String, mut frozen: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(broker).await else { return };
    let mut passing = pin!(copy_bidirectional(&mut near, &mut far));
    loop {
        if frozen.wait_for(|frozen| !frozen).await.is_err() {
            return;
        }
        tokio::select! {
            _ = &mut passing => return,
            _ = frozen.changed() => {}
        }
    }
}
