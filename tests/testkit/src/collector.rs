use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A collector of traces on this machine, which takes OTLP over HTTP and keeps all that it is sent.
pub struct Collector {
    address: String,
    taken: Arc<Mutex<Vec<Bytes>>>,
    server: JoinHandle<()>,
}

/// A span as a collector has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Whose it is.
    pub service: String,
    /// The zone that the service is at home in.
    pub zone: String,
    /// What it is called.
    pub name: String,
    /// Its trace.
    pub trace: Vec<u8>,
    /// Its own id.
    pub id: Vec<u8>,
    /// The span that it is part of; empty when there is none.
    pub parent: Vec<u8>,
    /// Trace and id of the spans that it has links to.
    pub links: Vec<(Vec<u8>, Vec<u8>)>,
    /// What else it tells.
    pub attributes: BTreeMap<String, String>,
}

impl Collector {
    /// Listens at a port of its own.
    ///
    /// # Errors
    ///
    /// When it cannot listen.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let taken: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let into = Arc::clone(&taken);
        let server = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let into = Arc::clone(&into);
                let answer = service_fn(move |request| answer(request, Arc::clone(&into)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(caller), answer));
            }
        });
        Ok(Self { address, taken, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// All that it was sent, byte by byte.
    #[must_use]
    pub fn taken(&self) -> Vec<Bytes> {
        lock(&self.taken).clone()
    }

    /// All spans that it was sent.
    ///
    /// # Errors
    ///
    /// It was sent something that is no OTLP, or spans without what every span here has.
    pub fn spans(&self) -> Result<Vec<Span>> {
        let mut spans = Vec::new();
        for request in self.taken() {
            for of_service in ExportTraceServiceRequest::decode(request)?.resource_spans {
                let owner = told(of_service.resource.unwrap_or_default().attributes);
                let of_owner = |name: &str| owner.get(name).cloned().with_context(|| format!("spans without {name}"));
                let (service, zone) = (of_owner("service.name")?, of_owner("precision.zone")?);
                for span in of_service.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                    ensure!(span.trace_id.len() == 16 && span.span_id.len() == 8, "{} has no ids", span.name);
                    spans.push(Span {
                        service: service.clone(),
                        zone: zone.clone(),
                        name: span.name,
                        trace: span.trace_id,
                        id: span.span_id,
                        parent: span.parent_span_id,
                        links: span.links.into_iter().map(|link| (link.trace_id, link.span_id)).collect(),
                        attributes: told(span.attributes),
                    });
                }
            }
        }
        Ok(spans)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(taken: &Mutex<Vec<Bytes>>) -> MutexGuard<'_, Vec<Bytes>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(request: Request<Incoming>, into: Arc<Mutex<Vec<Bytes>>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_spans = request.method() == hyper::Method::POST && request.uri().path() == "/v1/traces";
    let status = match request.into_body().collect().await {
        Ok(body) if is_spans => {
            lock(&into).push(body.to_bytes());
            hyper::StatusCode::OK
        }
        Ok(_) => hyper::StatusCode::NOT_FOUND,
        Err(_) => hyper::StatusCode::BAD_REQUEST,
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}

/// Attributes as texts.
fn told(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|pair| (pair.key, text(pair.value.and_then(|value| value.value)))).collect()
}
