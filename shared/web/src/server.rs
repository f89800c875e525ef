//! Listening, and leaving in order.

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use clock::Clock;
use futures_util::FutureExt;
use serde::Deserialize;
use store::StoreError;
use tokio::net::TcpListener;
use traces::Traces;

use crate::{
    Desk, DeskParts, Journal, Site, Tokens,
    connections::{self, Limits},
    token::TokenError,
};

/// The section `[api]` of a service's configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address to listen at, as `127.0.0.1:8081`. There is no TLS here: what stands in front has it.
    pub address: SocketAddr,
    /// Path below which the routes stand, as `/hd4res`; none when they stand at the top.
    #[serde(default)]
    pub base_path: Option<String>,
    /// File with the tokens, which only its owner may read.
    pub tokens: PathBuf,
}

/// Why an API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The base path is none.
    #[error("serve below a path: it must look like /hd4res")]
    BasePath,
    /// The tokens cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address cannot be listened at.
    #[error("listen at {address}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl Settings {
    /// The path below which the routes stand; empty when they stand at the top.
    ///
    /// # Errors
    ///
    /// [`ServeError::BasePath`].
    pub fn base_path(&self) -> Result<&str, ServeError> {
        match self.base_path.as_deref() {
            None | Some("" | "/") => Ok(""),
            Some(path) if crate::api::is_base_path(path) => Ok(path),
            Some(_) => Err(ServeError::BasePath),
        }
    }
}

/// What an API of a service that stands alone is opened with, beside its settings.
pub struct Opening {
    /// The service's name in logs.
    pub service: &'static str,
    /// The hospital that it belongs to; none at healthdata.
    pub organisation: Option<String>,
    /// What the API remembers.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where answers are spans; nowhere when nothing is traced.
    pub traces: Option<Traces>,
}

/// An API that listens and does not answer yet.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    router: Router,
    clock: Arc<dyn Clock>,
}

impl Settings {
    /// Reads the tokens, opens the desk, puts the API together, and listens.
    ///
    /// # Errors
    ///
    /// [`ServeError`]: what an operator must mend.
    pub async fn open(&self, opening: Opening, api: impl FnOnce(Arc<Desk>) -> Router) -> Result<Listening, ServeError> {
        let Opening { service, organisation, journal, clock, traces } = opening;
        let base_path = self.base_path()?;
        let tokens = Arc::new(Tokens::load(&self.tokens)?);
        let desk = Desk::open(DeskParts { service, organisation, tokens, journal, clock: Arc::clone(&clock) }).await?;
        let router = Site::new().with(base_path, api(desk)).traced(traces).finish(Arc::clone(&clock));
        let listener = bind(self.address).await?;
        // Where the system chose the port, the settings do not say it.
        let address = listener.local_addr().unwrap_or(self.address);
        tracing::info!(service, %address, base_path, "listening");
        Ok(Listening { listener, router, clock })
    }
}

impl Listening {
    /// Answers until `stop` completes, as [`serve`] does.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        serve(self.listener, self.router, self.clock, stop).await;
    }
}

/// Begins to listen.
///
/// # Errors
///
/// [`ServeError::Address`].
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Address { address, source })
}

/// How long requests may go on after the end was announced.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `stop` completes, and then until the requests that are being worked on are answered, or the grace is over.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    clock: Arc<dyn Clock>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let stop = stop.boxed().shared();
    let announced = stop.clone();
    let grace = async {
        announced.await;
        clock::sleep(&*clock, GRACE).await;
    };
    if !connections::serve(listener, router, Arc::clone(&clock), Limits::default(), stop, grace).await {
        tracing::warn!("requests were cut off at the end");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths_are_checked() {
        let path = |base_path: Option<&str>| {
            let settings =
                Settings { address: ([127, 0, 0, 1], 0).into(), base_path: base_path.map(str::to_owned), tokens: PathBuf::new() };
            settings.base_path().map(str::to_owned).ok()
        };
        assert_eq!(path(None).as_deref(), Some(""));
        assert_eq!(path(Some("/hd4dp/00000196")).as_deref(), Some("/hd4dp/00000196"));
        for wrong in ["hd4res", "/hd4res/", "/{any}", "/a//b", "/a/../b", "/a b"] {
            assert_eq!(path(Some(wrong)), None, "{wrong}");
        }
    }
}
