//! The files of a registration.

use std::sync::Arc;

use axum::{body::Body, body::Bytes, extract::State, http::HeaderMap};
use web::{Call, Code, Path, Problem, Reply, Trace};

use super::{
    Office, by, id, problem,
    registrations::{After, after},
    seen,
};
use crate::attachment::GivenFile;

/// The bytes of an attachment: of what was kept, or else of the latest version.
#[utoipa::path(get, path = "/registrations/{registration}/attachments/{column}",
    params(("registration" = String, Path), ("column" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")))]
pub(super) async fn one(
    State(office): State<Arc<Office>>,
    call: Call,
    Path((registration, column)): Path<(String, String)>,
) -> Result<Reply, Problem> {
    let registration = id(&registration)?;
    let view = office.find(&call, registration).await?;
    let file = office.hd4dp.attachment(registration, &column).await.map_err(|error| problem(error, &call))?;
    let reply = Reply::stream("application/octet-stream", Body::from(file.bytes)).file(&file.name);
    Ok(reply.traced(Trace::of(&view.dcd, registration)))
}

/// Puts a file into an attachment field. Its name stands in `Content-Disposition: attachment; filename="…"`.
#[utoipa::path(put, path = "/registrations/{registration}/attachments/{column}",
    params(("registration" = String, Path), ("column" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = super::registrations::Changed)))]
pub(super) async fn put(
    State(office): State<Arc<Office>>,
    call: Call,
    Path((registration, column)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Reply, Problem> {
    let registration = id(&registration)?;
    let name = file_name(&headers).ok_or(Code::InvalidParameter)?;
    let (view, seen) = (office.find(&call, registration).await?, seen(&call)?);
    let file = GivenFile { column, name, bytes: bytes.to_vec() };
    let saved = office.hd4dp.put_attachment(registration, file, by(&call, seen)).await;
    let saved = saved.map_err(|error| problem(error, &call))?;
    let left = Some(after(seen, seen.version, saved.state.status()));
    After { registration, register: &view.dcd, left, findings: &saved.findings }.reply(&call)
}

/// Takes the file of an attachment field away.
#[utoipa::path(delete, path = "/registrations/{registration}/attachments/{column}",
    params(("registration" = String, Path), ("column" = String, Path)),
    responses((status = 200, body = super::registrations::Changed)))]
pub(super) async fn remove(
    State(office): State<Arc<Office>>,
    call: Call,
    Path((registration, column)): Path<(String, String)>,
) -> Result<Reply, Problem> {
    let registration = id(&registration)?;
    let (view, seen) = (office.find(&call, registration).await?, seen(&call)?);
    let saved = office.hd4dp.remove_attachment(registration, &column, by(&call, seen)).await;
    let saved = saved.map_err(|error| problem(error, &call))?;
    let left = Some(after(seen, seen.version, saved.state.status()));
    After { registration, register: &view.dcd, left, findings: &saved.findings }.reply(&call)
}

/// The file name of a `Content-Disposition`. It is a header, because a name may say whom the file is about, and addresses end in logs.
pub(super) fn file_name(headers: &HeaderMap) -> Option<String> {
    let text = std::str::from_utf8(headers.get("content-disposition")?.as_bytes()).ok()?;
    let parameters = text.split(';').skip(1).map(str::trim);
    let name = parameters.filter_map(|parameter| parameter.strip_prefix("filename=")).next()?;
    let name = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}
