//! Jobs that put dead letters back.

use std::{num::NonZeroU32, sync::Arc};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Call, Code, Json, Path, Problem, Reply, Trace};

use super::Operator;
use crate::letters::{Filter, FilterError, Job, Order, Standing, Wanted, job::HasEnded};

/// What a job shall put back: all letters, or those of a filter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// Whether it is about all dead letters; then there is no filter.
    #[serde(default)]
    pub all: bool,
    /// Which letters; at least one member.
    #[serde(default)]
    pub filter: Wanted,
    /// Letters of a minute at most; as fast as the broker takes them when not given.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub per_minute: Option<NonZeroU32>,
}

impl NewJob {
    fn order(self) -> Result<Order, Problem> {
        let Self { all, filter: wanted, per_minute } = self;
        let is_open = wanted == Wanted::default();
        if all != is_open {
            // Whoever forgets a filter must not move everything, and whoever says both may have meant either.
            let code = if is_open { Code::MissingMember } else { Code::InvalidMember };
            return Err(Problem::at(code, if is_open { "/filter" } else { "/all" }.to_owned()));
        }
        let filter = Filter::try_from(&wanted).map_err(|error| Problem::at(Code::InvalidMember, pointer(error)))?;
        Ok(Order { wanted, filter, per_minute })
    }
}

fn pointer(error: FilterError) -> String {
    let member = match error {
        FilterError::Queue => "queue",
        FilterError::Step => "step",
        FilterError::Reason => "reason",
        FilterError::Hospital => "hospital",
        FilterError::Publication => "publication",
        FilterError::Item => "item",
    };
    format!("/filter/{member}")
}

/// Puts letters back, each to the queue that it was set aside from. The job is about what stands there when it begins, and goes on by itself.
#[utoipa::path(post, path = "/dead-letters/jobs", request_body = NewJob, responses((status = 200, body = Standing)))]
pub(super) async fn start(
    State(operator): State<Arc<Operator>>,
    call: Call,
    Json(wanted): Json<NewJob>,
) -> Result<Reply, Problem> {
    // Asked again under one key, it is one job.
    let id = Uuid::from_bytes(call.effect.ok_or(Code::Internal)?);
    let job = operator.jobs.start(&operator.office, id, wanted.order()?).ok_or(Code::Busy)?;
    told(&job.standing())
}

/// The jobs since this process began, the latest first.
#[utoipa::path(get, path = "/dead-letters/jobs", responses((status = 200, body = Vec<Standing>)))]
pub(super) async fn list(State(operator): State<Arc<Operator>>) -> Result<Reply, Problem> {
    let standings: Vec<Standing> = operator.jobs.all().iter().map(|job| job.standing()).collect();
    Reply::json(&standings)
}

/// How far a job is.
#[utoipa::path(get, path = "/dead-letters/jobs/{job}", params(("job" = String, Path)), responses((status = 200, body = Standing)))]
pub(super) async fn one(State(operator): State<Arc<Operator>>, Path(job): Path<String>) -> Result<Reply, Problem> {
    Reply::json(&find(&operator, &job)?.standing())
}

/// Has a job stop behind the letter in hand. It holds nothing meanwhile.
#[utoipa::path(post, path = "/dead-letters/jobs/{job}/pause", params(("job" = String, Path)),
    responses((status = 200, body = Standing)))]
pub(super) async fn pause(State(operator): State<Arc<Operator>>, Path(job): Path<String>) -> Result<Reply, Problem> {
    told(&find(&operator, &job)?.pause()?)
}

/// Has a paused job go on.
#[utoipa::path(post, path = "/dead-letters/jobs/{job}/resume", params(("job" = String, Path)),
    responses((status = 200, body = Standing)))]
pub(super) async fn resume(State(operator): State<Arc<Operator>>, Path(job): Path<String>) -> Result<Reply, Problem> {
    told(&find(&operator, &job)?.resume()?)
}

/// Ends a job behind the letter in hand. What it had not come to stands where it stood.
#[utoipa::path(post, path = "/dead-letters/jobs/{job}/cancel", params(("job" = String, Path)),
    responses((status = 200, body = Standing)))]
pub(super) async fn cancel(State(operator): State<Arc<Operator>>, Path(job): Path<String>) -> Result<Reply, Problem> {
    told(&find(&operator, &job)?.cancel()?)
}

fn find(operator: &Operator, job: &str) -> Result<Arc<Job>, Problem> {
    let id: Uuid = job.parse().map_err(|_| Code::InvalidParameter)?;
    operator.jobs.find(id).ok_or_else(|| Code::UnknownJob.into())
}

fn told(standing: &Standing) -> Result<Reply, Problem> {
    let trace = Trace { register: None, ids: vec![standing.job.clone()], count: standing.total };
    Ok(Reply::json(standing)?.traced(trace))
}

impl From<HasEnded> for Problem {
    fn from(_: HasEnded) -> Self {
        Code::WrongStatus.into()
    }
}
