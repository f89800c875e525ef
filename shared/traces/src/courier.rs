//! Brings spans to a collector.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use clock::Clock;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;

use crate::TracesError;

/// Time for one request.
const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of an answer at most. A collector says how many spans it did not take, and why.
const ANSWER_MAX: usize = 64 * 1024;

/// The exporter has a thread of its own without a runtime, so requests run on that of the service.
pub(crate) struct Courier {
    service: String,
    runtime: Handle,
    clock: Arc<dyn Clock>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    is_away: AtomicBool,
    has_lost: Arc<AtomicBool>,
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Courier").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Courier {
    /// `has_lost` becomes true when the collector does not take something.
    pub(crate) fn new(
        service: String,
        is_sealed: bool,
        clock: Arc<dyn Clock>,
        has_lost: Arc<AtomicBool>,
    ) -> Result<Self, TracesError> {
        let tls = ClientConfig::builder();
        // Without TLS there is nobody to be believed, and no file of authorities that could be missing.
        let tls = if is_sealed {
            tls.with_native_roots().map_err(TracesError::NoAuthorities)?
        } else {
            tls.with_root_certificates(RootCertStore::empty())
        };
        let mut plain = HttpConnector::new();
        plain.set_connect_timeout(Some(DEADLINE));
        plain.enforce_http(false);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls.with_no_client_auth()).https_or_http().enable_http1();
        let mut builder = Client::builder(TokioExecutor::new());
        // A connection for each request, of which there is one in seconds: hyper-util may let one hang that was to go over a kept connection that ends.
        builder.pool_max_idle_per_host(0);
        let client = builder.build(connector.wrap_connector(plain));
        Ok(Self { service, runtime: Handle::current(), clock, client, is_away: AtomicBool::new(false), has_lost })
    }

    /// Complains once, not about every batch.
    fn note(&self, is_away: bool) {
        self.has_lost.fetch_or(is_away, Ordering::Relaxed);
        if self.is_away.swap(is_away, Ordering::Relaxed) == is_away {
            return;
        }
        if is_away {
            tracing::warn!(
                service = self.service,
                "the collector takes no traces; they are lost meanwhile, and the work goes on"
            );
        } else {
            tracing::info!(service = self.service, "the collector takes traces again");
        }
    }
}

#[async_trait]
impl HttpClient for Courier {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, clock) = (self.client.clone(), Arc::clone(&self.clock));
        let asking = self.runtime.spawn(async move {
            let ask = async {
                let (parts, body) = client.request(request.map(Full::new)).await?.into_parts();
                let body = Limited::new(body, ANSWER_MAX).collect().await?.to_bytes();
                Ok::<_, HttpError>(Response::from_parts(parts, body))
            };
            clock::timeout(&*clock, DEADLINE, ask).await?
        });
        let answer = asking.await.unwrap_or_else(|error| Err(error.into()));
        self.note(!answer.as_ref().is_ok_and(|answer| answer.status().is_success()));
        answer
    }
}
