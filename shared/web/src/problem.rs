//! Problem details (RFC 9457): why a request was not done.

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Code, Language};

/// Why a request was not done. It says nothing of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The catalogue's code.
    pub code: Code,
    /// Where in the body, as a JSON pointer (RFC 6901) of members that the schema names.
    pub pointer: Option<String>,
    /// What is wrong with values, in the language that was asked for.
    pub findings: Vec<FoundLine>,
}

/// A finding, as it travels. It repeats no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Found)]
pub struct FoundLine {
    /// The catalogue's code.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// The line of a file, from 1; none of a header or of what is no file.
    pub line: Option<u64>,
    /// The column that it is about.
    pub column: Option<String>,
    /// The definition's rule that found it.
    pub rule: Option<String>,
    /// What was expected, in the language that was asked for.
    pub message: String,
}

impl Problem {
    /// A problem at a place of the body.
    #[must_use]
    pub const fn at(code: Code, pointer: String) -> Self {
        Self { code, pointer: Some(pointer), findings: Vec::new() }
    }

    /// A problem with values.
    #[must_use]
    pub const fn with_findings(code: Code, findings: Vec<FoundLine>) -> Self {
        Self { code, pointer: None, findings }
    }

    /// The document in a language.
    #[must_use]
    pub fn document(&self, language: Language) -> ProblemDocument {
        ProblemDocument {
            kind: format!("urn:x-precision:problem:{}", self.code),
            title: self.code.text(language).to_owned(),
            status: self.code.status().as_u16(),
            code: self.code.as_str().to_owned(),
            pointer: self.pointer.clone(),
            findings: self.findings.clone(),
        }
    }

    /// The answer in a language.
    #[must_use]
    pub(crate) fn response(&self, language: Language) -> Response {
        let document = serde_json::to_vec(&self.document(language)).unwrap_or_default();
        let mut response = Response::new(Body::from(document));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.as_str()));
        match self.code {
            Code::Unauthenticated | Code::TokenExpired => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::InProgress
            | Code::NotReady
            | Code::Busy
            | Code::StoreUnavailable
            | Code::BrokerUnavailable
            | Code::ServiceDown
            | Code::Deadline => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

/// The media type of problem documents.
pub const MEDIA_TYPE: &str = "application/problem+json";

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self { code, pointer: None, findings: Vec::new() }
    }
}

impl From<store::StoreError> for Problem {
    /// What the store said goes to the log; it holds names of files and rows, and no value.
    fn from(error: store::StoreError) -> Self {
        tracing::error!(error = %reasons(&error), "a request failed at the store");
        Code::StoreUnavailable.into()
    }
}

/// An error with all of its causes.
fn reasons(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl IntoResponse for Problem {
    /// The site's outermost layer puts in the language, which is not known here.
    fn into_response(self) -> Response {
        let mut response = self.response(Language::English);
        response.extensions_mut().insert(self);
        response
    }
}

/// A problem document, as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Which problem, as a URN.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is wrong, in the language that was asked for.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The catalogue's code.
    pub code: String,
    /// Where in the body, as a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What is wrong with values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FoundLine>,
}
