//! What a researcher does to a record: ask for corrections, ask for a follow-up, approve.

use std::sync::Arc;

use axum::extract::State;
use registration::Comment;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Call, Json, Path, Problem, Reply, Trace};

use super::{etag, find, records::place, seen, slug};
use crate::{Action, Hd4res, store::By};

/// Comments that go to the hospital.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// At least one.
    comments: Vec<NewComment>,
}

/// A comment on a record, or on one of its columns.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewComment {
    /// The column that it is about, without the number of a list's item; none when it is about the registration.
    column: Option<String>,
    /// The number of the list's item, from 0, when the column stands in a list.
    item: Option<u16>,
    /// What the hospital shall read; nothing in the form of a national number or a pseudonym.
    text: String,
}

/// What an act led to.
#[derive(Debug, Serialize, ToSchema)]
struct Done {
    /// The version that was acted on.
    version: u32,
    /// The record's status now.
    status: String,
    /// Number of the feedback that goes to the hospital.
    number: u64,
}

/// Asks the hospital for corrections.
#[utoipa::path(post, path = "/records/{record}/corrections", params(("record" = i64, Path)), request_body = Request,
    responses((status = 200, body = Done, headers(("ETag" = String, description = "version and status")))))]
pub(super) async fn corrections(
    State(hd4res): State<Arc<Hd4res>>,
    call: Call,
    Path(record): Path<i64>,
    Json(request): Json<Request>,
) -> Result<Reply, Problem> {
    act(&hd4res, &call, record, Some(request), Action::RequestCorrections).await
}

/// Asks the hospital for further fields.
#[utoipa::path(post, path = "/records/{record}/follow-up", params(("record" = i64, Path)), request_body = Request,
    responses((status = 200, body = Done, headers(("ETag" = String, description = "version and status")))))]
pub(super) async fn follow_up(
    State(hd4res): State<Arc<Hd4res>>,
    call: Call,
    Path(record): Path<i64>,
    Json(request): Json<Request>,
) -> Result<Reply, Problem> {
    act(&hd4res, &call, record, Some(request), Action::RequestFollowUp).await
}

/// Approves the current version.
#[utoipa::path(post, path = "/records/{record}/approval", params(("record" = i64, Path)),
    responses((status = 200, body = Done, headers(("ETag" = String, description = "version and status")))))]
pub(super) async fn approval(State(hd4res): State<Arc<Hd4res>>, call: Call, Path(record): Path<i64>) -> Result<Reply, Problem> {
    act(&hd4res, &call, record, None, |_| Action::Approve).await
}

async fn act(
    hd4res: &Hd4res,
    call: &Call,
    record: i64,
    request: Option<Request>,
    action: impl FnOnce(Vec<Comment>) -> Action,
) -> Result<Reply, Problem> {
    let view = find(hd4res, call, record).await?;
    let mut comments = Vec::new();
    for NewComment { column, item, text } in request.into_iter().flat_map(|request| request.comments) {
        let place = match (&column, item) {
            (None, None) => None,
            (column, item) => Some(place(hd4res, &view, column.as_deref().unwrap_or_default(), item)?),
        };
        comments.push(Comment { place, text });
    }
    let by = By { author: call.caller.role.as_str(), seen: Some(seen(call)?), effect: call.effect };
    let acted = hd4res.act(record, &action(comments), &by).await??;
    let done = Done { version: acted.version, status: slug(acted.status), number: acted.number };
    let trace = Trace::of(&view.row.dcd, record);
    Ok(Reply::json(&done)?.etag(&etag(acted.version, acted.status)).traced(trace))
}
