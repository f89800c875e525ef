//! OpenTelemetry traces that end at the border of a zone.
//!
//! A service is traced where publications come in and go out, and at its API: [`Traces::broker`] stands in front of a broker. Between two services of one zone the place
//! in a trace travels beside the publication (the header `traceparent`), so that one trace shows how it was sent, read and sent on. Where a
//! publication passes to another zone nothing is put beside it, and nothing that another zone puts there is read: each zone's collector shows what happens in that
//! zone, and no id in it leads to another's. Only who runs all zones in one process may link what one did to what the other did ([`Borders::Linked`]).
//!
//! What a span tells is named here, in one place: names of queues and routes, ids of publications, sizes, times, outcomes. Nothing of what is published or answered.

mod broker;
mod collector;
mod courier;
mod span;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clock::Clock;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider, TracerProviderBuilder},
};
use topology::Zone;

pub use collector::{Collector, CollectorError};
pub use span::Answered;

use courier::Courier;

/// What becomes of a trace at the border of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Borders {
    /// It ends there, and nothing tells of what is behind.
    Closed,
    /// It ends there too; the first span behind has a link to the last before. For who runs all zones in one process.
    Linked,
}

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The certificates of this machine's authorities cannot be read.
    #[error("find the certificates of this machine's authorities (SSL_CERT_FILE names others)")]
    NoAuthorities(#[source] std::io::Error),
    /// The exporter cannot be put together: an environment variable `OTEL_…` that is none.
    #[error("send traces")]
    Exporter(#[from] ExporterBuildError),
}

/// The traces of one service. Clones share them.
#[derive(Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    borders: Borders,
    has_lost: Arc<AtomicBool>,
}

impl std::fmt::Debug for Traces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traces").field("borders", &self.borders).finish_non_exhaustive()
    }
}

/// Whose traces they are.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The service's name, as its user on brokers has it: `hd4dp-00000196`.
    pub service: String,
    /// Its release.
    pub version: &'static str,
    /// The zone that it is at home in.
    pub home: Zone,
}

/// What the end of a process gives the collector to take the spans that wait.
pub const LAST_WITHIN: Duration = Duration::from_secs(1);

impl Traces {
    /// Traces that are sent to the collector of the service's zone, in batches and beside the work. What the collector does not take is lost, and the work goes on. Needs
    /// a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`TracesError`].
    pub fn new(owner: &Owner, collector: &Collector, borders: Borders, clock: Arc<dyn Clock>) -> Result<Self, TracesError> {
        let has_lost: Arc<AtomicBool> = Arc::default();
        let courier = Courier::new(owner.service.clone(), collector.is_sealed(), clock, Arc::clone(&has_lost))?;
        let exporter = SpanExporter::builder().with_http().with_http_client(courier).with_endpoint(collector.spans());
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter.build()?);
        Ok(Self { has_lost, ..Self::of(owner, provider, collector.share(), borders) })
    }

    fn of(owner: &Owner, provider: TracerProviderBuilder, share: f64, borders: Borders) -> Self {
        let zone = KeyValue::new(span::ZONE, owner.home.as_str());
        let release = [KeyValue::new("service.namespace", "precision"), KeyValue::new("service.version", owner.version), zone];
        let resource = Resource::builder().with_attributes(release).with_service_name(owner.service.clone()).build();
        // Who begins a trace in a zone decides whether it is kept; the others follow.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
        let provider = provider.with_resource(resource).with_sampler(sampler).build();
        let tracer = provider.tracer("precision");
        Self { provider, tracer, borders, has_lost: Arc::default() }
    }

    /// The broker of a zone as the traced service sees it.
    #[must_use]
    pub fn broker(&self, broker: Arc<dyn ::broker::Broker>, zone: Zone) -> Arc<dyn ::broker::Broker> {
        Arc::new(broker::Traced::new(broker, self.clone(), zone))
    }

    /// Sends what waits, within this time or not at all, and ends. Returns whether the collector took all that it was sent since the start.
    pub async fn close(&self, within: Duration) -> bool {
        let provider = self.provider.clone();
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(within)).await;
        matches!(ended, Ok(Ok(()))) && !self.has_lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
