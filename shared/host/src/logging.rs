//! Logs go to standard error: ids, counts and codes, nothing of a patient.

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::filter_fn,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogForm {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging; `PRECISION_LOG` filters (`info`, `debug`, `ehealth_ttp=debug`), with `default` when it is not set.
pub fn start(form: LogForm, default: &str) {
    let filter = EnvFilter::try_from_env("PRECISION_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // A second start, as in tests, changes nothing.
    let _ = tracing::subscriber::set_global_default(subscriber(form, filter, std::io::stderr));
}

/// A log of every line that may be shown at all, written to `writer`: for whoever has to look through it.
pub fn everything<W>(writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    subscriber(LogForm::Text, EnvFilter::new("trace"), writer)
}

/// The AMQP client writes messages out with their payload, which in a hospital's zone is a patient's. No filter that somebody sets can
/// bring its lines back.
fn may_be_shown(target: &str) -> bool {
    let is_of = |crate_name: &&&str| {
        target == **crate_name || target.strip_prefix(**crate_name).is_some_and(|rest| rest.starts_with("::"))
    };
    !broker::LOG_TARGETS_WITH_PAYLOADS.iter().any(|name| is_of(&name))
}

fn subscriber<W>(form: LogForm, filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_target(false);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match form {
        LogForm::Text => Box::new(lines.compact()),
        LogForm::Json => Box::new(lines.json()),
    };
    Registry::default().with(lines.with_filter(filter_fn(|metadata| may_be_shown(metadata.target()))).with_filter(filter))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Whoever asks for everything gets our lines, and none of the client's that hold payloads.
    #[test]
    fn no_filter_brings_payloads_back() {
        for form in [LogForm::Text, LogForm::Json] {
            let page = Page::default();
            let writer = page.clone();
            let filter = EnvFilter::new("trace,lapin=trace,lapin::channel=trace,amq_protocol=trace");
            tracing::subscriber::with_default(subscriber(form, filter, move || writer.clone()), || {
                tracing::error!(target: "lapin", "payload 64031299906");
                tracing::error!(target: "lapin::channel", "payload 64031299906");
                tracing::error!(target: "amq_protocol::frame", "payload 64031299906");
                tracing::info!("ours");
            });
            let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
            assert!(text.contains("ours") && !text.contains("64031299906"), "{text}");
        }
    }
}
