//! Why something was not done at a running installation, and which exit status it has.

use std::fmt::Write as _;

use hyper::StatusCode;
use serde::Deserialize;

use super::{Address, address::AddressError, secrets::SecretsError};
use crate::cli::Ended;

/// Why a caller got no answer, or another one than wished for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No address is usable.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No secret is usable.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The address is neither this machine's nor TLS.
    #[error("speak to {0} in clear, where others could read the secret and the answers: use https://, or say --plain-http")]
    Overheard(Address),
    /// This machine knows no authority that certificates could be checked by.
    #[error("find the certificates of this machine's authorities (SSL_CERT_FILE names others)")]
    NoAuthorities(#[source] std::io::Error),
    /// Nothing answers there.
    #[error("reach {at}")]
    Unreachable {
        /// The address.
        at: Address,
        /// What the operating system or TLS said.
        source: BoxError,
    },
    /// Something answers that is none of the APIs.
    #[error("find the APIs at {at}: what answers there is something else ({said})")]
    NotOurs {
        /// The address.
        at: Address,
        /// Its status and media type.
        said: String,
    },
    /// The address is another service's.
    #[error("do this at {at}: that is {found}, and {wanted} is needed")]
    OtherService {
        /// The address.
        at: Address,
        /// The service that is there.
        found: String,
        /// The service that is needed.
        wanted: &'static str,
    },
    /// The installation has no such service.
    #[error("find {wanted} at {at}")]
    NoService {
        /// The address.
        at: Address,
        /// The service that is needed, of a hospital with its number.
        wanted: String,
    },
    /// Several addresses could be meant.
    #[error("choose among several addresses of {0}: say in the file of secrets which one each token is for (at = \"…\")")]
    Ambiguous(&'static str),
    /// None of the tokens is for this.
    #[error("{0}")]
    NoToken(&'static str),
    /// healthdata has no record of the registration.
    #[error("find the record (UNKNOWN_RECORD)")]
    UnknownRecord,
    /// The service said why not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The answer was lost as often as it was asked for, or the service kept asking for patience.
    #[error("hear from {at} within {seconds} seconds{so}")]
    Lost {
        /// The address.
        at: Address,
        /// How long was waited.
        seconds: u64,
        /// What that means.
        so: &'static str,
        /// What happened last.
        source: BoxError,
    },
    /// The answer is of a form that is not known.
    #[error("understand the answer of {0}: it may be another release's")]
    Unreadable(Address),
}

/// An error of whatever did the work.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl ClientError {
    /// The exit status: wrong usage and refusals, or a failure on the way.
    #[must_use]
    pub fn ended(&self) -> Ended {
        match self {
            Self::Lost { .. } => Ended::Failed,
            Self::Refused(refused) if refused.status.is_server_error() => Ended::Failed,
            _ => Ended::Usage,
        }
    }

    /// Whether the service that was looked for is at none of the addresses, while they answer.
    #[must_use]
    pub const fn is_elsewhere(&self) -> bool {
        matches!(self, Self::OtherService { .. } | Self::NoService { .. })
    }

    /// Whether it is a refusal with this code.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused(refused) if refused.code == code)
    }
}

/// A problem document: what a service says when it does not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", self.text())]
pub struct Refused {
    /// What was asked for, after "failed to".
    pub what: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// The catalogue's code.
    pub code: String,
    /// What is wrong, in words.
    pub title: String,
    /// What is wrong with values; no finding repeats one.
    pub findings: Vec<Found>,
    /// Whether it was asked for before and that answer was lost, so that the refusal may be the answer to what was done.
    pub is_again: bool,
}

/// A finding in a problem document.
#[derive(Debug, Clone, Deserialize)]
pub struct Found {
    code: String,
    line: Option<u64>,
    column: Option<String>,
    message: String,
}

impl Refused {
    fn text(&self) -> String {
        let title = self.title.trim_end_matches('.');
        let mut text = format!("{}: {title} ({})", self.what, self.code);
        for Found { code, line, column, message } in &self.findings {
            let line = line.map(|line| format!(" line {line}")).unwrap_or_default();
            let column = column.as_ref().map(|column| format!(" {column}")).unwrap_or_default();
            let _ = write!(text, " | {code}{line}{column}: {message}");
        }
        if self.is_again && self.status == StatusCode::PRECONDITION_FAILED {
            text.push_str("; its first answer was lost, and it may have been done: `precision status` shows it");
        }
        text
    }
}
