//! What handlers take from a request; what is wrong with it is a problem that repeats nothing of it.

use std::sync::Arc;

use axum::{
    body,
    extract::{FromRequest, FromRequestParts, Request, rejection::QueryRejection},
    http::request::Parts,
};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use tempfile::NamedTempFile;

use crate::{Call, Code, Problem};

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Only a route without a guard has none, and there is no way to make one.
        parts.extensions.remove().ok_or(Problem::from(Code::Internal))
    }
}

/// The parameters behind the `?`; the type refuses unknown ones (`deny_unknown_fields`).
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read: Result<axum::extract::Query<T>, QueryRejection> = axum::extract::Query::try_from_uri(&parts.uri);
        match read {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) if rejection.body_text().contains("unknown field") => Err(Code::UnknownParameter.into()),
            Err(_) => Err(Code::InvalidParameter.into()),
        }
    }
}

/// The parameters within the path.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(value)| Self(value)).map_err(|_| Code::InvalidParameter.into())
    }
}

/// A JSON document; the type refuses unknown members (`deny_unknown_fields`) and has no maps with keys of the caller's.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        // The guard has read the body and knows that it is JSON by name, and small enough.
        let bytes = body::to_bytes(request.into_body(), usize::MAX).await.map_err(|_| Code::SlowRequest)?;
        parse(&bytes).map(Self)
    }
}

/// A body that went into a file while it came; the file goes when this does.
#[derive(Debug, Clone)]
pub struct FileBody(pub(crate) Arc<NamedTempFile>);

impl FileBody {
    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        self.0.path()
    }
}

impl<S: Sync> FromRequestParts<S> for FileBody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Only a route whose access says so has one.
        parts.extensions.remove().ok_or(Problem::from(Code::Internal))
    }
}

/// Reads one JSON document and nothing behind it.
///
/// # Errors
///
/// [`Problem`] with the place of the member.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| problem(&error))?;
    reader.end().map_err(|_| Code::NotJson)?;
    if holds_nul(bytes) { Err(Code::InvalidMember.into()) } else { Ok(value) }
}

/// Whether a text of a document that was read holds the character NUL, which has no meaning anywhere and which not every store takes. It can only
/// be written as `\u0000`, and a backslash only stands in texts.
fn holds_nul(document: &[u8]) -> bool {
    let mut rest = document;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (_, escape) = rest.split_at(at + 1);
        if escape.starts_with(b"u0000") {
            return true;
        }
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

fn problem(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    if !error.inner().is_data() {
        return Code::NotJson.into();
    }
    let text = error.inner().to_string();
    let code = match () {
        () if text.starts_with("unknown field") => Code::UnknownMember,
        () if text.starts_with("missing field") => Code::MissingMember,
        () => Code::InvalidMember,
    };
    let mut pointer: Vec<String> = Vec::new();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => pointer.push(index.to_string()),
            Segment::Map { key } => pointer.push(key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    // The last member is the unknown one, whose name is the caller's.
    if code == Code::UnknownMember {
        pointer.pop();
    }
    Problem::at(code, pointer.iter().map(|part| format!("/{part}")).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Comments {
        #[expect(dead_code, reason = "only read")]
        comments: Vec<Comment>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Comment {
        #[expect(dead_code, reason = "only read")]
        text: String,
    }

    fn read(text: &str) -> (Code, Option<String>) {
        let Problem { code, pointer, .. } = parse::<Comments>(text.as_bytes()).unwrap_err();
        (code, pointer)
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_without_its_words() {
        let at = |code, pointer: &str| (code, Some(pointer.to_owned()));
        assert_eq!(read("{"), (Code::NotJson, None));
        assert_eq!(read("{\"comments\":[]} 64031299906"), (Code::NotJson, None));
        assert_eq!(read("\u{feff}{}"), (Code::NotJson, None));
        assert_eq!(read("[]"), at(Code::InvalidMember, ""));
        assert_eq!(read("{}"), at(Code::MissingMember, ""));
        assert_eq!(read("{\"comments\":[],\"64031299906\":1}"), at(Code::UnknownMember, ""));
        assert_eq!(read("{\"comments\":[],\"comments\":[]}"), at(Code::InvalidMember, ""));
        assert_eq!(read("{\"comments\":[{\"text\":\"a\"},{\"text\":64031299906}]}"), at(Code::InvalidMember, "/comments/1/text"));
        assert_eq!(read("{\"comments\":[{\"text\":\"a\",\"64031299906\":\"\"}]}"), at(Code::UnknownMember, "/comments/0"));
        assert_eq!(read("{\"comments\":[{}]}"), at(Code::MissingMember, "/comments/0"));
        let text = |text: &str| format!("{{\"comments\":[{{\"text\":\"{text}\"}}]}}");
        for nul in [r"\u0000", r"a\\\u0000b", r"\n\u0000"] {
            assert_eq!(read(&text(nul)), (Code::InvalidMember, None), "{nul}");
        }
        for not_json in ["\0", r"\ud800", r"\u00", r"\x", "\n"] {
            assert_eq!(read(&text(not_json)), (Code::NotJson, None), "{not_json}");
        }
        for fine in [r"\\u0000", r"\u0001\ud83d\ude00", r"\\", "u0000"] {
            assert!(parse::<Comments>(text(fine).as_bytes()).is_ok(), "{fine}");
        }
        let deep = format!("{{\"comments\":{}", "[".repeat(100_000));
        assert!(matches!(read(&deep).0, Code::NotJson | Code::InvalidMember));
        let huge = format!("{{\"comments\":[{{\"text\":{}}}]}}", "9".repeat(10_000));
        assert!(matches!(read(&huge).0, Code::NotJson | Code::InvalidMember));
    }

    proptest! {
        #[test]
        fn no_problem_repeats_a_members_name(name in "[a-z0-9]{11,20}", depth in 0_usize..3) {
            let text = match depth {
                0 => format!("{{\"{name}\":1}}"),
                1 => format!("{{\"comments\":[{{\"{name}\":{{\"{name}\":1}}}}]}}"),
                _ => format!("{{\"comments\":[{{\"text\":{{\"{name}\":1}}}}]}}"),
            };
            let problem = parse::<Comments>(text.as_bytes()).unwrap_err();
            let printed = format!("{problem:?}");
            prop_assert!(!printed.contains(&name));
        }
    }
}
