//! What handlers give back.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{Code, Problem};

/// What an answer shows or a change did, for its audit row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// The register that it is about; none when it is about several.
    pub register: Option<String>,
    /// Ids of records, registrations or uploads; never of a patient.
    pub ids: Vec<String>,
    /// How much was seen or changed.
    pub count: u64,
}

impl Trace {
    /// One thing of a register.
    #[must_use]
    pub fn of(register: &str, id: impl ToString) -> Self {
        Self { register: Some(register.to_owned()), ids: vec![id.to_string()], count: 1 }
    }

    /// Several things, with the register where they all are of one.
    #[must_use]
    pub fn of_all<'a>(things: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let (mut registers, mut ids): (std::collections::BTreeSet<&str>, Vec<String>) = Default::default();
        for (register, id) in things {
            registers.insert(register);
            ids.push(id);
        }
        let register = if registers.len() == 1 { registers.first().map(|name| (*name).to_owned()) } else { None };
        Self { register, count: ids.len() as u64, ids }
    }
}

/// Bytes of a file that are sent at once.
const CHUNK: usize = 64 * 1024;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    trace: Option<Trace>,
    body: Body,
}

impl Reply {
    /// A JSON document.
    ///
    /// # Errors
    ///
    /// [`Code::Internal`] when it cannot be written.
    pub fn json(document: &impl Serialize) -> Result<Self, Problem> {
        let bytes = serde_json::to_vec(document).map_err(|_| Code::Internal)?;
        Ok(Self::stream("application/json", Body::from(bytes)))
    }

    /// A body of any media type.
    #[must_use]
    pub fn stream(media_type: &str, body: Body) -> Self {
        Self { status: StatusCode::OK, headers: vec![(header::CONTENT_TYPE, media_type.to_owned())], trace: None, body }
    }

    /// A file, read from its beginning while it is sent.
    #[must_use]
    pub fn from_file(media_type: &str, file: std::fs::File) -> Self {
        let chunks = futures_util::stream::unfold(tokio::fs::File::from_std(file), async |mut file| {
            let mut chunk = vec![0; CHUNK];
            match tokio::io::AsyncReadExt::read(&mut file, &mut chunk).await {
                Ok(0) => None,
                Ok(length) => {
                    chunk.truncate(length);
                    Some((Ok(bytes::Bytes::from(chunk)), file))
                }
                Err(error) => Some((Err(error), file)),
            }
        });
        Self::stream(media_type, Body::from_stream(chunks))
    }

    /// The same with another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with an ETag, given without quotation marks.
    #[must_use]
    pub fn etag(mut self, version: &str) -> Self {
        self.headers.push((header::ETAG, format!("\"{version}\"")));
        self
    }

    /// The same, as a file to be kept under `name`.
    #[must_use]
    pub fn file(mut self, name: &str) -> Self {
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
        self.headers.push((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{plain}\"")));
        self
    }

    /// The same, with what its audit row says.
    #[must_use]
    pub fn traced(mut self, trace: Trace) -> Self {
        self.trace = Some(trace);
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            match HeaderValue::from_str(&value) {
                Ok(value) => {
                    response.headers_mut().insert(name, value);
                }
                Err(_) => return Problem::from(Code::Internal).into_response(),
            }
        }
        if let Some(trace) = self.trace {
            response.extensions_mut().insert(trace);
        }
        response
    }
}
