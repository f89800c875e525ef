//! HD4DP over HTTP: what the programs of a hospital do instead of its forms and its upload centre.
//!
//! Every route stands in [`api`] with the roles that may use it. Handlers are thin: what is possible is decided by [`Hd4dp`]. What names a
//! patient is in bodies only, never in an address.

mod attachments;
mod files;
mod registers;
mod registrations;
mod uploads;

use std::{sync::Arc, time::Duration};

use axum::Router;
use dcd::{Definition, Finding};
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use utoipa_axum::routes;
use uuid::Uuid;
use web::{
    Access, Api, Call, Code, Desk, FoundLine, Journal, Opening, Problem, Role, Settings,
    server::{Listening, ServeError},
};

use crate::{Hd4dp, LifeError, centre::FILE_MAX, gate::Gate, store::Refusal, store::View};

const PROVIDE: &[Role] = &[Role::DataProvider];
const SETTINGS: &[Role] = &[Role::DataProvider, Role::Administrator];

/// Refusals of changes, as problems.
const REFUSALS: &[Code] = &[
    Code::ForeignRegister,
    Code::UnknownRegister,
    Code::UnknownRegistration,
    Code::UnknownAttachment,
    Code::WrongStatus,
    Code::OtherUniqueId,
    Code::UniqueIdTaken,
    Code::IdTaken,
    Code::ValidationErrors,
    Code::CreationClosed,
    Code::SubmissionClosed,
    Code::CommentsClosed,
    Code::UnknownComment,
    Code::NoAnswer,
];

/// A file of 6 MB is read, checked and sent.
const UPLOAD_DEADLINE: Duration = Duration::from_secs(600);
/// Bytes of a file that is looked at: one above the published 6 MB is told so (E12) and stands in the overview, as long as it is not beyond measure.
const UPLOAD_MAX: usize = 2 * FILE_MAX as usize;
/// Bytes of a form: a registration with long lists and texts.
const FORM_MAX: usize = 1024 * 1024;
/// Bytes of an attachment: the limit of the definitions is not above it.
const ATTACHMENT_MAX: usize = 6 * 1024 * 1024;

/// What the handlers work with.
pub(crate) struct Office {
    hd4dp: Arc<Hd4dp>,
    /// One change at a time is held against what was seen, and done.
    changing: Mutex<()>,
}

/// The API, and its document.
pub fn api(hd4dp: Arc<Hd4dp>, desk: Arc<Desk>) -> (Router, Arc<Value>) {
    const REGISTER: &[Code] = &[Code::ForeignRegister, Code::UnknownRegister];
    const PREFILL: &[Code] = &[Code::ForeignRegister, Code::UnknownRegister, Code::NoNationalNumber];
    const SEARCH: &[Code] = &[Code::ForeignRegister, Code::UnknownRegister, Code::NotFilterable, Code::InvalidCursor];
    const LIST: &[Code] = &[Code::ForeignRegister, Code::InvalidCursor];
    const ONE: &[Code] = &[Code::UnknownRegistration];
    const FILE: &[Code] = &[Code::UnknownRegistration, Code::UnknownAttachment];
    const UPLOAD: &[Code] =
        &[Code::ForeignRegister, Code::UnknownRegister, Code::FileRefused, Code::WrongMediaType, Code::InProgress];
    const UPLOADED: &[Code] = &[Code::UnknownUpload];
    let upload = Access::change(PROVIDE).problems(UPLOAD).file_max(UPLOAD_MAX).deadline(UPLOAD_DEADLINE);
    let export = Access::view(PROVIDE).problems(REGISTER).deadline(UPLOAD_DEADLINE);
    let change = Access::change(PROVIDE).versioned().problems(REFUSALS);
    Api::new(desk, "HD4DP, the hospital's registration application")
        .route(routes!(registers::list), Access::figures(SETTINGS))
        .route(routes!(registers::one), Access::figures(SETTINGS).problems(REGISTER))
        .route(routes!(registers::prefill), Access::view(PROVIDE).problems(PREFILL))
        .route(routes!(registers::options), Access::figures(SETTINGS).problems(REGISTER))
        .route(routes!(registers::set_options), Access::change(SETTINGS).problems(REGISTER))
        .route(routes!(files::download), export)
        .route(routes!(files::stable), export)
        .route(routes!(registrations::list), Access::view(PROVIDE).problems(LIST))
        .route(routes!(registrations::search), Access::view(PROVIDE).problems(SEARCH))
        .route(routes!(registrations::create), Access::change(PROVIDE).problems(REFUSALS).body_max(FORM_MAX))
        .route(routes!(registrations::one), Access::view(PROVIDE).problems(ONE))
        .route(routes!(registrations::save), change.body_max(FORM_MAX))
        .route(routes!(registrations::submit), change)
        .route(routes!(registrations::reopen), change)
        .route(routes!(registrations::delete), change)
        .route(routes!(attachments::one), Access::view(PROVIDE).problems(FILE))
        .route(routes!(attachments::put), change.body_max(ATTACHMENT_MAX))
        .route(routes!(attachments::remove), change)
        .route(routes!(uploads::upload), upload)
        .route(routes!(uploads::list), Access::view(PROVIDE).problems(LIST))
        .route(routes!(uploads::one), Access::view(PROVIDE).problems(UPLOADED))
        .route(routes!(uploads::report), Access::view(PROVIDE).problems(UPLOADED))
        .with_audit()
        .finish(Arc::new(Office { hd4dp, changing: Mutex::default() }))
}

/// Opens the API of a service that stands alone; it listens and does not answer yet.
///
/// # Errors
///
/// [`ServeError`]: what an operator must mend.
pub async fn open(settings: &Settings, hd4dp: &Arc<Hd4dp>, journal: Arc<dyn Journal>) -> Result<Listening, ServeError> {
    let (organisation, clock) = (Some(hd4dp.nihdi().to_string()), Arc::clone(&hd4dp.context().clock));
    let opening = Opening { service: crate::SERVICE, organisation, journal, clock };
    settings.open(opening, |desk| api(Arc::clone(hd4dp), desk).0).await
}

impl Office {
    /// The newest definition of a register that the caller may see, by its name in any case.
    fn register(&self, call: &Call, name: &str) -> Result<Arc<Definition>, Problem> {
        call.caller.must_see(name)?;
        self.hd4dp.definitions().get(name).ok_or_else(|| Code::UnknownRegister.into())
    }

    /// A registration that the caller may see. One of a register that the token does not extend to is not there for it.
    async fn find(&self, call: &Call, registration: Uuid) -> Result<View, Problem> {
        let view = self.hd4dp.registration(registration).await?;
        view.filter(|view| call.caller.may_see(&view.dcd)).ok_or_else(|| Code::UnknownRegistration.into())
    }

    /// The registration as it was seen, and the right to change it.
    async fn as_seen(&self, call: &Call, registration: Uuid) -> Result<(View, MutexGuard<'_, ()>), Problem> {
        let changing = self.changing.lock().await;
        let view = self.find(call, registration).await?;
        let version = etag(&view);
        if call.seen.as_ref() == Some(&version) { Ok((view, changing)) } else { Err(Code::StaleVersion.into()) }
    }
}

/// The ETag of a registration: version, status, and how much happened to it: a draft that was saved again has the same version and status.
fn etag(view: &View) -> String {
    let version = view.versions.last().map_or(0, |last| last.version);
    format!("{version}-{}-{}", slug(view.state.status().code()), view.history.len())
}

/// A code as ETags and parameters have it: `corrections-needed`.
fn slug(code: &str) -> String {
    code.to_ascii_lowercase().replace('_', "-")
}

/// An id of a path.
fn id(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Code::InvalidParameter.into())
}

/// The definitions' language for the one that was asked for.
fn language(call: &Call) -> dcd::Language {
    call.language.as_str().parse().unwrap_or(dcd::Language::English)
}

fn lines(findings: &[Finding], call: &Call) -> Vec<FoundLine> {
    let language = language(call);
    let line = |finding: &Finding| FoundLine {
        code: finding.code.as_str().to_owned(),
        severity: finding.severity.as_str().to_owned(),
        line: finding.line,
        column: finding.column.clone(),
        rule: finding.rule.clone(),
        message: finding.message(language),
    };
    findings.iter().map(line).collect()
}

/// A refusal as a problem.
fn problem(error: LifeError, call: &Call) -> Problem {
    let code = match error {
        LifeError::Refused(refusal) => match refusal {
            Refusal::UnknownRegistration => Code::UnknownRegistration,
            Refusal::WrongStatus { .. } => Code::WrongStatus,
            Refusal::OtherUniqueId => Code::OtherUniqueId,
            Refusal::UniqueIdTaken => Code::UniqueIdTaken,
            Refusal::IdTaken => Code::IdTaken,
            Refusal::NotFilterable => Code::NotFilterable,
            Refusal::NoNationalNumber => Code::NoNationalNumber,
            Refusal::UnknownAttachment => Code::UnknownAttachment,
            Refusal::UnknownComment => Code::UnknownComment,
            Refusal::NoAnswer => Code::NoAnswer,
        },
        LifeError::Invalid { findings } => return Problem::with_findings(Code::ValidationErrors, lines(&findings, call)),
        LifeError::Closed(closed) => {
            let code = match closed.gate {
                Gate::Creation => Code::CreationClosed,
                Gate::Submission => Code::SubmissionClosed,
                Gate::Comments => Code::CommentsClosed,
            };
            return Problem::with_findings(code, lines(std::slice::from_ref(&closed.finding), call));
        }
        LifeError::Item(error) => {
            tracing::error!(service = crate::SERVICE, %error, "a stored registration cannot be used");
            Code::Internal
        }
        LifeError::Trouble(host::Trouble::Store(error)) => return error.into(),
        LifeError::Trouble(error) => {
            tracing::warn!(service = crate::SERVICE, %error, "a change could not be done");
            Code::StoreUnavailable
        }
    };
    code.into()
}
