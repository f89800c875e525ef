//! The upload centre: files that come in, what became of them, and their reports.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Call, Code, FileBody, PageOf, Path, Problem, Query, Reply, Trace};

use super::{Office, attachments::file_name, language, lines, registers::Options, registrations::Line, slug};
use crate::{
    centre::{Incoming, Outcome},
    options::How,
    store::{Progress, Report, UploadId, UploadView, UploadedItem, Way},
    upload::UploadError,
};

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
struct Upload {
    /// Its number.
    upload: i64,
    /// The file's name.
    file: String,
    /// The register's technical name.
    register: String,
    /// How it came: `api`, `upload-centre`, `provisioning`, `fast-track` or `command`.
    way: String,
    /// Who brought it.
    author: String,
    /// `running`, `done`, `failed` or `cut-off`.
    progress: String,
    /// Whether it is done and a report should be looked at.
    has_warnings: bool,
    /// When it began, in UTC.
    at: String,
    /// When it was done or given up, in UTC.
    finished_at: Option<String>,
    /// Rows read.
    attempted: u64,
    /// Rows refused.
    rejected: u64,
    /// Rows taken in about which something is to be said.
    warned: u64,
}

impl From<UploadView> for Upload {
    fn from(view: UploadView) -> Self {
        Self {
            upload: view.id.0,
            has_warnings: view.has_warnings(),
            way: slug(view.way.code()),
            progress: slug(view.progress.code()),
            at: view.at.to_string(),
            finished_at: view.finished_at.map(|at| at.to_string()),
            attempted: view.attempted,
            rejected: view.rejected,
            warned: view.warned,
            file: view.file,
            register: view.dcd,
            author: view.author,
        }
    }
}

/// What an upload came to. It names no row; the reports do.
#[derive(Debug, Serialize, ToSchema)]
struct Taken {
    /// Its number.
    upload: i64,
    /// `running`, `done`, `failed` or `cut-off`.
    progress: String,
    /// Rows read.
    attempted: u64,
    /// Rows refused.
    rejected: u64,
    /// Rows taken in about which something is to be said.
    warned: u64,
}

/// Takes in a file of at most 6 MB, as `text/csv`, by the register's options where the address says nothing else; its name stands in `Content-Disposition: attachment; filename="…"`. Asked again with the
/// same key after the service ended in the middle, it goes on behind the last row.
#[utoipa::path(post, path = "/registers/{register}/uploads", params(("register" = String, Path), Options),
    request_body(content = String, content_type = "text/csv"), responses((status = 201, body = Taken)))]
pub(super) async fn upload(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(register): Path<String>,
    Query(chosen): Query<Options>,
    headers: HeaderMap,
    file: FileBody,
) -> Result<Reply, Problem> {
    let definition = office.register(&call, &register)?;
    let options = chosen.over(office.hd4dp.upload_options(&definition).await?);
    let claim = call.effect.map(|effect| HEXLOWER.encode(&effect)).ok_or(Code::Internal)?;
    let how = How { options, author: &call.caller.name, way: Way::Api, claim: Some(&claim) };
    let name = file_name(&headers).unwrap_or_else(|| "upload.csv".to_owned());
    let incoming = Incoming { definition: &definition, path: file.path(), name: &name };
    let store = office.hd4dp.store();
    let outcome = match store.claimed(&claim).await? {
        None => office.hd4dp.receive(incoming, &how, language(&call)).await,
        Some(known) if known.progress == Progress::Done => Ok(Outcome { upload: known.id, refused: Vec::new() }),
        Some(known) if known.progress == Progress::Running => return Err(Code::InProgress.into()),
        Some(known) => office.hd4dp.take_up(incoming, (known.id, known.attempted), &how, language(&call)).await,
    };
    let Outcome { upload, refused } = outcome.map_err(problem)?;
    if !refused.is_empty() {
        return Err(Problem::with_findings(Code::FileRefused, lines(&refused, &call)));
    }
    let view = store.upload(upload).await?.ok_or(Code::UnknownUpload)?;
    let taken = Taken {
        upload: upload.0,
        progress: slug(view.progress.code()),
        attempted: view.attempted,
        rejected: view.rejected,
        warned: view.warned,
    };
    let trace = Trace { register: Some(view.dcd), ids: vec![upload.0.to_string()], count: view.attempted };
    Ok(Reply::json(&taken)?.status(StatusCode::CREATED).traced(trace))
}

fn problem(error: UploadError) -> Problem {
    tracing::error!(service = crate::SERVICE, "an upload failed: {}", kind_of(&error));
    Code::StoreUnavailable.into()
}

/// What an error is about, without the path that it names.
const fn kind_of(error: &UploadError) -> &'static str {
    match error {
        UploadError::File { what, .. } => what,
        UploadError::Refused { .. } => "the file was refused",
        UploadError::Submit(_) => "the rows could not be written down",
    }
}

/// Which uploads.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Those of this register only, by its technical name.
    register: Option<String>,
    /// Where the list goes on: `next` of the page before.
    cursor: Option<String>,
    /// Rows at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// The overview of uploads, newest first.
#[utoipa::path(get, path = "/uploads", params(Wanted), responses((status = 200, body = PageOf<Upload>)))]
pub(super) async fn list(State(office): State<Arc<Office>>, call: Call, Query(wanted): Query<Wanted>) -> Result<Reply, Problem> {
    let registers = office.registers(&call, wanted.register.as_deref())?;
    let asked = call.asked::<i64>(&wanted.register, wanted.cursor.as_deref(), wanted.limit)?;
    let before = asked.after.map(UploadId);
    let mut uploads = Vec::new();
    for register in registers {
        uploads.extend(office.hd4dp.store().uploads(register.as_deref(), before, asked.limit + 1).await?);
    }
    uploads.sort_by_key(|upload| std::cmp::Reverse(upload.id.0));
    let page = call.page(&wanted.register, asked.limit, uploads, |upload| upload.id.0, Upload::from)?;
    let trace = Trace::of_all(page.items.iter().map(|upload| (upload.register.as_str(), upload.upload.to_string())));
    Ok(Reply::json(&page)?.traced(trace))
}

async fn find(office: &Office, call: &Call, upload: i64) -> Result<UploadView, Problem> {
    let view = office.hd4dp.store().upload(UploadId(upload)).await?;
    view.filter(|view| call.caller.may_see(&view.dcd)).ok_or_else(|| Code::UnknownUpload.into())
}

/// One upload.
#[utoipa::path(get, path = "/uploads/{upload}", params(("upload" = i64, Path)), responses((status = 200, body = Upload)))]
pub(super) async fn one(State(office): State<Arc<Office>>, call: Call, Path(upload): Path<i64>) -> Result<Reply, Problem> {
    let view = find(&office, &call, upload).await?;
    let trace = Trace::of(&view.dcd, upload);
    Ok(Reply::json(&Upload::from(view))?.traced(trace))
}

/// Which part of an upload's registrations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// Where the list goes on: `next` of the page before.
    cursor: Option<String>,
    /// Rows at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// The registrations that an upload's rows became or equal, as they stand now, by their ids. Not those that were kept without being submitted.
#[utoipa::path(get, path = "/uploads/{upload}/registrations", params(("upload" = i64, Path), Part),
    responses((status = 200, body = PageOf<Line>)))]
pub(super) async fn registrations(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(upload): Path<i64>,
    Query(part): Query<Part>,
) -> Result<Reply, Problem> {
    let view = find(&office, &call, upload).await?;
    let asked = call.asked::<([u8; 16], u32)>(&upload, part.cursor.as_deref(), part.limit)?;
    let behind = |(id, version)| UploadedItem { registration_id: Uuid::from_bytes(id), version, item_id: Uuid::nil() };
    let items = office.hd4dp.store().uploaded(UploadId(upload), asked.after.map(behind), asked.limit + 1).await?;
    let key = |item: &UploadedItem| (*item.registration_id.as_bytes(), item.version);
    let page = call.page(&upload, asked.limit, items, key, |item| item.registration_id)?;
    let ids: Vec<String> = page.items.iter().map(Uuid::to_string).collect();
    let listed = office.hd4dp.listed(&page.items).await?;
    let lines = PageOf { items: listed.into_iter().map(Line::from).collect(), next: page.next };
    let trace = Trace { register: Some(view.dcd), count: ids.len() as u64, ids };
    Ok(Reply::json(&lines)?.traced(trace))
}

/// A report of an upload, as CSV: `success`, `ignored` or `error`.
#[utoipa::path(get, path = "/uploads/{upload}/reports/{report}", params(("upload" = i64, Path), ("report" = String, Path)),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub(super) async fn report(
    State(office): State<Arc<Office>>,
    call: Call,
    Path((upload, report)): Path<(i64, String)>,
) -> Result<Reply, Problem> {
    let kind = match report.as_str() {
        "success" => Report::Success,
        "ignored" => Report::Ignored,
        "error" => Report::Error,
        _ => return Err(Code::InvalidParameter.into()),
    };
    let view = find(&office, &call, upload).await?;
    let bytes = office.hd4dp.store().report(UploadId(upload), kind).await?.ok_or(Code::UnknownUpload)?;
    let rows = view.attempted - view.rejected;
    let count = if kind == Report::Error { view.rejected } else { rows };
    let trace = Trace { register: Some(view.dcd), ids: vec![upload.to_string()], count };
    Ok(Reply::stream("text/csv; charset=utf-8", Body::from(bytes)).file(&format!("{upload}-{report}.csv")).traced(trace))
}
