//! Attachments of a record: names, and bytes.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use web::{Call, Code, Path, Problem, Reply, Trace};

use super::{find, records::content};
use crate::Hd4res;

/// An attachment.
#[derive(Debug, Serialize, ToSchema)]
struct Attachment {
    /// Its number within the version.
    number: usize,
    /// The column that names it.
    column: String,
    /// Its file name.
    name: String,
    /// Its size in bytes.
    size_bytes: usize,
}

/// The attachments of a record's current version.
#[utoipa::path(get, path = "/records/{record}/attachments", params(("record" = i64, Path)),
    responses((status = 200, body = Vec<Attachment>)))]
pub(super) async fn list(State(hd4res): State<Arc<Hd4res>>, call: Call, Path(record): Path<i64>) -> Result<Reply, Problem> {
    let view = find(&hd4res, &call, record).await?;
    let definition = hd4res.definitions().exact(&view.row.dcd, view.row.dcd_version);
    let content = content(&view)?;
    let files = content.iter().flat_map(|content| content.attachments()).enumerate();
    let files: Vec<Attachment> = files
        .map(|(number, file)| Attachment {
            number,
            column: definition.as_ref().and_then(|definition| definition.column_at(file.place)).unwrap_or_default(),
            name: file.name.clone(),
            size_bytes: file.bytes.len(),
        })
        .collect();
    Ok(Reply::json(&files)?.traced(Trace::of(&view.row.dcd, record)))
}

/// The bytes of an attachment.
#[utoipa::path(get, path = "/records/{record}/attachments/{number}", params(("record" = i64, Path), ("number" = usize, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")))]
pub(super) async fn one(
    State(hd4res): State<Arc<Hd4res>>,
    call: Call,
    Path((record, number)): Path<(i64, usize)>,
) -> Result<Reply, Problem> {
    let view = find(&hd4res, &call, record).await?;
    let content = content(&view)?.ok_or(Code::UnknownAttachment)?;
    let file = content.attachments().get(number).ok_or(Code::UnknownAttachment)?;
    let reply = Reply::stream("application/octet-stream", Body::from(file.bytes.clone())).file(&file.name);
    Ok(reply.traced(Trace::of(&view.row.dcd, format!("{record}/{number}"))))
}
