//! What a researcher does to a record, or to many at once: ask for corrections, ask for a follow-up, approve.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::extract::State;
use registration::Comment;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Call, Code, Json, Path, Problem, Reply, Trace, problem::ProblemDocument};

use super::{etag, find, records::place, seen, slug};
use crate::{
    Action, Hd4res,
    store::{Act, Acted, By, RecordRow, Seen},
};

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

impl From<Acted> for Done {
    fn from(acted: Acted) -> Self {
        Self { version: acted.version, status: slug(acted.status), number: acted.number }
    }
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
    let comments = comments(hd4res, &view.row, &request.map(|request| request.comments).unwrap_or_default())?;
    let by = By {
        author: call.caller.role.as_str(),
        seen: Some(seen(call.seen.as_deref()).ok_or(Code::InvalidVersion)?),
        effect: call.effect,
    };
    let acted = hd4res.act(record, &action(comments), &by).await??;
    let trace = Trace::of(&view.row.dcd, record);
    Ok(Reply::json(&Done::from(acted))?.etag(&etag(acted.version, acted.status)).traced(trace))
}

/// Comments with their places in the definition of a record.
fn comments(hd4res: &Hd4res, row: &RecordRow, given: &[NewComment]) -> Result<Vec<Comment>, Problem> {
    let comment = |NewComment { column, item, text }: &NewComment| {
        let place = match (column, item) {
            (None, None) => None,
            (column, item) => Some(place(hd4res, row, column.as_deref().unwrap_or_default(), *item)?),
        };
        Ok(Comment { place, text: text.clone() })
    };
    given.iter().map(comment).collect()
}

/// Records that are acted on at once, at most.
const RECORDS_MAX: usize = 1_000;

/// What may be done to many records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// Approves the current versions.
    Approval,
    /// Asks for corrections.
    Corrections,
    /// Asks for further fields.
    FollowUp,
}

/// A record that is acted on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Subject {
    /// Its number.
    record: i64,
    /// The ETag of what was looked at, without quotation marks: `3-new-correction`.
    seen: String,
}

/// One act on many records.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acts {
    /// What is done to each.
    act: Kind,
    /// What the hospitals shall read; at least one of a request, none of an approval.
    #[serde(default)]
    comments: Vec<NewComment>,
    /// The records, from 1 to 1000, each once.
    records: Vec<Subject>,
}

/// What became of one of many.
#[derive(Serialize, ToSchema)]
struct ActOutcome {
    /// The record.
    record: i64,
    /// What the act led to; none when it was refused.
    done: Option<Done>,
    /// Its ETag now; none when it was refused.
    etag: Option<String>,
    /// Why it was refused. The others are not touched by that.
    problem: Option<ProblemDocument>,
}

/// Acts on many records at once: in one transaction, each held against what was looked at, and each done or refused by itself.
#[utoipa::path(post, path = "/acts", request_body = Acts, responses((status = 200, body = Vec<ActOutcome>)))]
pub(super) async fn acts(State(hd4res): State<Arc<Hd4res>>, call: Call, Json(wanted): Json<Acts>) -> Result<Reply, Problem> {
    let seen = subjects(&wanted)?;
    let numbers: Vec<i64> = wanted.records.iter().map(|subject| subject.record).collect();
    let rows = hd4res.store().rows(&numbers).await?;
    let rows: BTreeMap<i64, RecordRow> =
        rows.into_iter().filter(|row| call.caller.may_see(&row.dcd)).map(|row| (row.record, row)).collect();
    // A comment stands at the same place in all records of one definition.
    let mut actions: BTreeMap<(&str, u32), Result<Action, Problem>> = BTreeMap::new();
    for row in rows.values() {
        let action = || comments(&hd4res, row, &wanted.comments).map(|comments| wanted.act.action(comments));
        actions.entry((&row.dcd, row.dcd_version)).or_insert_with(action);
    }
    let mut outcomes: Vec<Result<Acted, Problem>> = Vec::with_capacity(numbers.len());
    let (mut places, mut wishes) = (Vec::new(), Vec::new());
    for (at, (record, seen)) in numbers.iter().zip(seen).enumerate() {
        let action = rows.get(record).and_then(|row| actions.get(&(row.dcd.as_str(), row.dcd_version)));
        outcomes.push(Err(match action {
            None => Code::UnknownRecord.into(),
            Some(Err(problem)) => problem.clone(),
            Some(Ok(action)) => {
                let effect = call.effect.map(|effect| effect_on(effect, *record));
                places.push(at);
                wishes.push(Act {
                    record: *record,
                    action,
                    by: By { author: call.caller.role.as_str(), seen: Some(seen), effect },
                });
                Code::Internal.into()
            }
        }));
    }
    for (at, acted) in places.into_iter().zip(hd4res.act_on_all(&wishes).await?) {
        if let Some(outcome) = outcomes.get_mut(at) {
            *outcome = acted.map_err(Problem::from);
        }
    }
    let done = numbers.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
    let about = done.filter_map(|(record, _)| Some((rows.get(record)?.dcd.as_str(), record.to_string())));
    let trace = Trace::of_all(about);
    let told: Vec<ActOutcome> =
        numbers.iter().zip(outcomes).map(|(record, outcome)| ActOutcome::of(*record, outcome, &call)).collect();
    Ok(Reply::json(&told)?.traced(trace))
}

/// What was seen of each record of a wish that can be one.
fn subjects(wanted: &Acts) -> Result<Vec<Seen>, Problem> {
    let invalid = |pointer: String| Problem::at(Code::InvalidMember, pointer);
    if !(1..=RECORDS_MAX).contains(&wanted.records.len()) {
        return Err(invalid("/records".to_owned()));
    }
    if wanted.act == Kind::Approval && !wanted.comments.is_empty() {
        return Err(invalid("/comments".to_owned()));
    }
    let mut once = BTreeSet::new();
    let subject = |(at, subject): (usize, &Subject)| {
        if !once.insert(subject.record) {
            return Err(invalid(format!("/records/{at}/record")));
        }
        seen(Some(&subject.seen)).ok_or_else(|| invalid(format!("/records/{at}/seen")))
    };
    wanted.records.iter().enumerate().map(subject).collect()
}

/// The id of the effect on one of many records.
fn effect_on(effect: [u8; 16], record: i64) -> [u8; 16] {
    Uuid::new_v5(&Uuid::from_bytes(effect), &record.to_be_bytes()).into_bytes()
}

impl Kind {
    fn action(self, comments: Vec<Comment>) -> Action {
        match self {
            Self::Approval => Action::Approve,
            Self::Corrections => Action::RequestCorrections(comments),
            Self::FollowUp => Action::RequestFollowUp(comments),
        }
    }
}

impl ActOutcome {
    fn of(record: i64, outcome: Result<Acted, Problem>, call: &Call) -> Self {
        match outcome {
            Ok(acted) => {
                let etag = Some(etag(acted.version, acted.status));
                Self { record, done: Some(acted.into()), etag, problem: None }
            }
            Err(problem) => Self { record, done: None, etag: None, problem: Some(problem.document(call.language)) },
        }
    }
}
