//! Logs go to standard error: ids, counts and codes, nothing of a patient.

use tracing_subscriber::{EnvFilter, fmt};

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
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second start, as in tests, changes nothing.
    let _ = match form {
        LogForm::Text => builder.compact().try_init(),
        LogForm::Json => builder.json().try_init(),
    };
}
