//! Records: the list, one with its values, its comments, its history.

use std::{collections::BTreeSet, sync::Arc};

use axum::extract::State;
use registration::{Content, Place};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Call, Code, PageOf, Path, Problem, Query, Reply, Trace, token::Registers};

use super::{etag, find, slug, status};
use crate::{
    Hd4res,
    status::RecordStatus,
    store::{Filter, HistoryEntry, KeptComment, RecordRow, RecordView},
};

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Those of this register only, by its technical name.
    register: Option<String>,
    /// Those of this status only: `new`, `comments-needed`, `sending-comments`, `corrections-requested`, `new-correction`, `approved`,
    /// `deleted`, `error`, `follow-up-needed` or `new-follow-up`.
    status: Option<String>,
    /// The record that holds this registration only, by the registration's id.
    registration: Option<String>,
    /// Where the list goes on: `next` of the page before.
    cursor: Option<String>,
    /// Rows at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// A record in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecordLine {
    /// Its number.
    record: i64,
    /// The register's technical name.
    register: String,
    /// The version of the register's definition.
    register_version: u32,
    /// The sending hospital, as the TTP calls it.
    sender: String,
    /// Its unique id in healthdata's form; none for what was deleted before it arrived.
    unique_id: Option<String>,
    /// The registration.
    registration_id: String,
    /// The current version.
    version: u32,
    /// Its status.
    status: String,
    /// Whether the current version has a verdict.
    is_validated: bool,
}

impl From<RecordRow> for RecordLine {
    fn from(row: RecordRow) -> Self {
        Self {
            record: row.record,
            register: row.dcd,
            register_version: row.dcd_version,
            sender: row.sender,
            unique_id: row.unique_id,
            registration_id: row.registration_id.to_string(),
            version: row.version,
            status: slug(row.status),
            is_validated: row.is_validated,
        }
    }
}

/// The records of the caller's registers, by their numbers.
#[utoipa::path(get, path = "/records", params(Wanted), responses((status = 200, body = PageOf<RecordLine>)))]
pub(super) async fn list(State(hd4res): State<Arc<Hd4res>>, call: Call, Query(wanted): Query<Wanted>) -> Result<Reply, Problem> {
    if let Some(register) = &wanted.register {
        call.caller.must_see(register)?;
    }
    let status = wanted.status.as_deref().map(status).transpose()?;
    let parameters = (&wanted.register, &wanted.status, &wanted.registration);
    let asked = call.asked::<i64>(&parameters, wanted.cursor.as_deref(), wanted.limit)?;
    let registers = registers(&hd4res, &call, wanted.register.as_deref());
    let mut rows = Vec::new();
    if let Some(registration) = &wanted.registration {
        let registration = registration.parse().map_err(|_| Code::InvalidParameter)?;
        let row = of_registration(&hd4res, registration).await?;
        rows.extend(row.filter(|row| {
            let is_behind = asked.after.is_none_or(|after| row.record > after);
            let is_listed = registers.iter().any(|name| name.as_ref().is_none_or(|name| *name == row.dcd));
            is_behind && is_listed && status.is_none_or(|status| status == row.status)
        }));
    } else {
        for dcd in registers {
            let filter = Filter { dcd, status };
            rows.extend(hd4res.store().list(&filter, asked.after, asked.limit + 1).await?);
        }
    }
    rows.sort_by_key(|row| row.record);
    let page = call.page(&parameters, asked.limit, rows, |row| row.record, RecordLine::from)?;
    let trace = Trace::of_all(page.items.iter().map(|line| (line.register.as_str(), line.record.to_string())));
    Ok(Reply::json(&page)?.traced(trace))
}

async fn of_registration(hd4res: &Hd4res, registration: Uuid) -> Result<Option<RecordRow>, Problem> {
    let Some(record) = hd4res.store().of_registration(registration).await? else { return Ok(None) };
    Ok(hd4res.store().view(record).await?.map(|view| view.row))
}

/// The registers to look in, by their technical names; one `None` is all.
fn registers(hd4res: &Hd4res, call: &Call, wanted: Option<&str>) -> Vec<Option<String>> {
    let named = |name: &str| hd4res.definitions().get(name).map_or_else(|| name.to_owned(), |known| known.name().to_owned());
    match (wanted, &call.caller.registers) {
        (Some(wanted), _) => vec![Some(named(wanted))],
        (None, Registers::All) => vec![None],
        // Names in any case may be those of one register.
        (None, Registers::Only(names)) => {
            names.iter().map(|name| named(name)).collect::<BTreeSet<_>>().into_iter().map(Some).collect()
        }
    }
}

/// A value, as healthdata may have it.
#[derive(Debug, Serialize, ToSchema)]
struct Value {
    /// The column, without the number of a list's item; what a comment names.
    column: String,
    /// The number of the list's item, from 0; none outside of lists.
    item: Option<u16>,
    /// How the value was reduced on its way: `as_is`, `year`, `month`, `postal_area` or `code`.
    policy: String,
    /// The value in canonical form.
    value: String,
}

/// A record with its values.
#[derive(Debug, Serialize, ToSchema)]
struct Record {
    /// The record.
    #[serde(flatten)]
    line: RecordLine,
    /// The patient, as the TTP calls it.
    pseudonym: String,
    /// The values of the current version; none of a record that was deleted.
    values: Vec<Value>,
    /// How many attachments it has.
    attachments: usize,
    /// How many comments it has.
    comments: usize,
}

/// A record with its values. One that was deleted at the hospital is a tombstone: it has its status and no values.
#[utoipa::path(get, path = "/records/{record}", params(("record" = i64, Path)),
    responses((status = 200, body = Record, headers(("ETag" = String, description = "version and status")))))]
pub(super) async fn one(State(hd4res): State<Arc<Hd4res>>, call: Call, Path(record): Path<i64>) -> Result<Reply, Problem> {
    let view = find(&hd4res, &call, record).await?;
    let content = content(&view)?;
    let values = content.as_ref().map(|content| values(&hd4res, &view, content)).unwrap_or_default();
    let (trace, version) = (Trace::of(&view.row.dcd, record), etag(view.row.version, view.row.status));
    let record = Record {
        pseudonym: view.pseudonym,
        values,
        attachments: content.map_or(0, |content| content.attachments().len()),
        comments: view.comments.len(),
        line: view.row.into(),
    };
    Ok(Reply::json(&record)?.etag(&version).traced(trace))
}

/// The content of a living record's current version.
pub(super) fn content(view: &RecordView) -> Result<Option<Content>, Problem> {
    if view.row.status == RecordStatus::Deleted {
        return Ok(None);
    }
    let content = Content::decode(&view.content);
    content.map(Some).map_err(|_| store::StoreError::Damaged { what: "content" }.into())
}

fn values(hd4res: &Hd4res, view: &RecordView, content: &Content) -> Vec<Value> {
    let definition = hd4res.definitions().exact(&view.row.dcd, view.row.dcd_version);
    let shown = |place: Place| {
        let field = definition.as_ref()?.field(place.field)?;
        Some((field.column().to_owned(), field.policy()?.as_str().to_owned()))
    };
    let value = |cell: &registration::Cell| {
        // A definition that is gone leaves the number of the field.
        let (column, policy) = shown(cell.place).unwrap_or_else(|| (cell.place.field.to_string(), String::new()));
        Value { column, item: cell.place.item, policy, value: cell.value.clone() }
    };
    content.cells().iter().map(value).collect()
}

/// A researcher's comment.
#[derive(Debug, Serialize, ToSchema)]
struct Comment {
    /// Number of the feedback that carries it.
    number: u64,
    /// The version that it is about.
    version: u32,
    /// The column that it is about; none when it is about the registration.
    column: Option<String>,
    /// What was written.
    text: String,
    /// The role of who wrote it.
    author: String,
    /// When, in UTC.
    at: String,
}

impl From<KeptComment> for Comment {
    fn from(kept: KeptComment) -> Self {
        let KeptComment { number, version, column, text, author, at } = kept;
        Self { number, version, column, text, author, at: at.to_string() }
    }
}

/// The comments on a record, oldest first.
#[utoipa::path(get, path = "/records/{record}/comments", params(("record" = i64, Path)), responses((status = 200, body = Vec<Comment>)))]
pub(super) async fn comments(State(hd4res): State<Arc<Hd4res>>, call: Call, Path(record): Path<i64>) -> Result<Reply, Problem> {
    let view = find(&hd4res, &call, record).await?;
    let trace = Trace::of(&view.row.dcd, record);
    let comments: Vec<Comment> = view.comments.into_iter().map(Comment::from).collect();
    Ok(Reply::json(&comments)?.traced(trace))
}

/// A line of a record's history.
#[derive(Debug, Serialize, ToSchema)]
struct Line {
    /// When, in UTC.
    at: String,
    /// The role of who did it, or `hospital`, `data warehouse`, `hd4res`.
    author: String,
    /// What happened.
    event: String,
    /// The version that it happened to.
    version: u32,
    /// The status afterwards.
    status: String,
}

impl From<HistoryEntry> for Line {
    fn from(entry: HistoryEntry) -> Self {
        let HistoryEntry { at, author, note } = entry;
        Self {
            at: at.to_string(),
            author,
            event: note.event.as_str().to_owned(),
            version: note.version,
            status: slug(note.status),
        }
    }
}

/// What happened to a record, oldest first.
#[utoipa::path(get, path = "/records/{record}/history", params(("record" = i64, Path)), responses((status = 200, body = Vec<Line>)))]
pub(super) async fn history(State(hd4res): State<Arc<Hd4res>>, call: Call, Path(record): Path<i64>) -> Result<Reply, Problem> {
    let view = find(&hd4res, &call, record).await?;
    let trace = Trace::of(&view.row.dcd, record);
    let lines: Vec<Line> = view.history.into_iter().map(Line::from).collect();
    Ok(Reply::json(&lines)?.traced(trace))
}

/// The place that a comment is about: a column, and in a list the item.
pub(super) fn place(hd4res: &Hd4res, row: &RecordRow, column: &str, item: Option<u16>) -> Result<Place, Problem> {
    let find = || {
        let definition = hd4res.definitions().exact(&row.dcd, row.dcd_version)?;
        let number = definition.field_no(column)?;
        let is_in_list = definition.field(number)?.list().is_some();
        (is_in_list == item.is_some()).then_some(Place { field: number, item })
    };
    find().ok_or_else(|| Code::UnknownField.into())
}
