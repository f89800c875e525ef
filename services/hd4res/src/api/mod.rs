//! HD4RES over HTTP: what researchers look at and do.
//!
//! Every route stands in [`api`] with the roles that may use it. Handlers are thin: what is possible is decided by [`Hd4res`] and its store.

mod acts;
mod attachments;
mod itinerary;
mod progress;
mod records;
mod rotation;

use std::{sync::Arc, time::Duration};

use axum::Router;
use serde_json::Value;
use utoipa_axum::routes;
use web::{Access, Api, Call, Code, Desk, Problem, Role};

use crate::{Hd4res, record::ActRefusal, status::RecordStatus, store::RecordView, store::Seen};

const LOOK: &[Role] = &[Role::Researcher, Role::Support];
const ACT: &[Role] = &[Role::Researcher];
const TEND: &[Role] = &[Role::Support, Role::Administrator];

/// Bytes of a document that names a thousand records.
const ACTS_MAX: usize = 256 * 1024;
/// A thousand records are held against what was seen, and written.
const ACTS_DEADLINE: Duration = Duration::from_secs(120);

/// Refusals of acts, as problems.
const REFUSALS: &[Code] = &[
    Code::UnknownRecord,
    Code::WrongStatus,
    Code::NotValidated,
    Code::ForbiddenText,
    Code::NoComment,
    Code::UnknownField,
    Code::TooLarge,
];

/// The API, and its document.
pub fn api(hd4res: Arc<Hd4res>, desk: Arc<Desk>) -> (Router, Arc<Value>) {
    const LIST: &[Code] = &[Code::ForeignRegister, Code::InvalidCursor];
    const ONE: &[Code] = &[Code::UnknownRecord];
    const FILE: &[Code] = &[Code::UnknownRecord, Code::UnknownAttachment];
    Api::new(desk, "HD4RES, the research application")
        .route(routes!(records::list), Access::view(LOOK).problems(LIST))
        .route(routes!(records::one), Access::view(LOOK).problems(ONE))
        .route(routes!(records::comments), Access::view(LOOK).problems(ONE))
        .route(routes!(records::history), Access::view(LOOK).problems(ONE))
        .route(routes!(itinerary::itinerary), Access::view(LOOK).problems(ONE))
        .route(routes!(attachments::list), Access::view(LOOK).problems(ONE))
        .route(routes!(attachments::one), Access::view(LOOK).problems(FILE))
        .route(routes!(acts::corrections), Access::change(ACT).versioned().problems(REFUSALS))
        .route(routes!(acts::follow_up), Access::change(ACT).versioned().problems(REFUSALS))
        .route(routes!(acts::approval), Access::change(ACT).versioned().problems(REFUSALS))
        .route(routes!(acts::acts), Access::change(ACT).problems(REFUSALS).body_max(ACTS_MAX).deadline(ACTS_DEADLINE))
        .route(routes!(rotation::findings), Access::view(TEND).problems(LIST))
        .route(routes!(progress::progress), Access::figures(LOOK))
        .with_audit()
        .finish(hd4res)
}

/// A record that the caller may see. One of a register that the token does not extend to is not there for it.
async fn find(hd4res: &Hd4res, call: &Call, record: i64) -> Result<RecordView, Problem> {
    let view = hd4res.store().view(record).await?;
    view.filter(|view| call.caller.may_see(&view.row.dcd)).ok_or_else(|| Code::UnknownRecord.into())
}

/// The ETag of a record: version and status, `3-new-correction`.
fn etag(version: u32, status: RecordStatus) -> String {
    format!("{version}-{}", slug(status))
}

/// The status as an ETag and a parameter have it.
fn slug(status: RecordStatus) -> String {
    status.as_str().to_ascii_lowercase().replace(' ', "-")
}

/// The status of a parameter.
fn status(slug_of: &str) -> Result<RecordStatus, Problem> {
    RecordStatus::ALL.into_iter().find(|status| slug(*status) == slug_of).ok_or_else(|| Code::InvalidParameter.into())
}

/// What an ETag says was seen.
fn seen(etag: Option<&str>) -> Option<Seen> {
    let (version, of) = etag?.split_once('-')?;
    Some(Seen { version: version.parse().ok()?, status: status(of).ok()? })
}

impl From<ActRefusal> for Problem {
    fn from(refusal: ActRefusal) -> Self {
        let code = match refusal {
            ActRefusal::WrongStatus { .. } => Code::WrongStatus,
            ActRefusal::UnknownRecord => Code::UnknownRecord,
            ActRefusal::StaleVersion => Code::StaleVersion,
            ActRefusal::NotValidated => Code::NotValidated,
            ActRefusal::ForbiddenText => Code::ForbiddenText,
            ActRefusal::NoComment => Code::NoComment,
            ActRefusal::UnknownField => Code::UnknownField,
            ActRefusal::TooLarge => Code::TooLarge,
        };
        code.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_keep_their_codes() {
        let refusals = [
            ActRefusal::WrongStatus { status: RecordStatus::New },
            ActRefusal::UnknownRecord,
            ActRefusal::StaleVersion,
            ActRefusal::NotValidated,
            ActRefusal::ForbiddenText,
            ActRefusal::NoComment,
            ActRefusal::UnknownField,
            ActRefusal::TooLarge,
        ];
        for refusal in refusals {
            let problem = Problem::from(refusal);
            assert_eq!(problem.code.as_str(), refusal.code());
            assert!(REFUSALS.contains(&problem.code) || problem.code == Code::StaleVersion);
        }
    }

    #[test]
    fn every_status_is_read_back_from_its_parameter() {
        for of in RecordStatus::ALL {
            assert_eq!(status(&slug(of)), Ok(of));
        }
        assert!(status("Deleted").is_err() && status("").is_err());
        assert_eq!(etag(3, RecordStatus::NewCorrection), "3-new-correction");
    }
}
