//! HD4DP over HTTP: what the programs of a hospital do instead of its forms and its upload centre.
//!
//! Every route stands in [`api`] with the roles that may use it. Handlers are thin: what is possible is decided by [`Hd4dp`]. What names a
//! patient is in bodies only, never in an address.

mod attachments;
mod files;
mod itinerary;
mod registers;
mod registrations;
mod uploads;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::Router;
use dcd::{Definition, Finding};
use serde_json::Value;
use utoipa_axum::routes;
use uuid::Uuid;
use web::{
    Access, Api, Call, Code, Desk, FoundLine, Journal, Opening, Problem, Role, Settings, Traces,
    server::{Listening, ServeError},
    token::Registers,
};

use crate::{
    Hd4dp, LifeError,
    centre::FILE_MAX,
    gate::Gate,
    status::Status,
    store::{By, Refusal, Seen, View},
};

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
}

/// The API, and its document.
pub fn api(hd4dp: Arc<Hd4dp>, desk: Arc<Desk>) -> (Router, Arc<Value>) {
    const REGISTER: &[Code] = &[Code::ForeignRegister, Code::UnknownRegister];
    const PREFILL: &[Code] = &[Code::ForeignRegister, Code::UnknownRegister, Code::NoNationalNumber];
    const SEARCH: &[Code] = &[Code::ForeignRegister, Code::UnknownRegister, Code::NotFilterable, Code::InvalidCursor];
    const LIST: &[Code] = &[Code::ForeignRegister, Code::InvalidCursor];
    const ONE: &[Code] = &[Code::UnknownRegistration];
    const FILE: &[Code] = &[Code::UnknownRegistration, Code::UnknownAttachment];
    const UPLOAD: &[Code] = &[Code::ForeignRegister, Code::UnknownRegister, Code::FileRefused, Code::InProgress];
    const UPLOADED: &[Code] = &[Code::UnknownUpload];
    const OF_UPLOAD: &[Code] = &[Code::UnknownUpload, Code::InvalidCursor];
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
        .route(routes!(itinerary::itinerary), Access::view(SETTINGS).problems(ONE))
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
        .route(routes!(uploads::registrations), Access::view(PROVIDE).problems(OF_UPLOAD))
        .route(routes!(uploads::report), Access::view(PROVIDE).problems(UPLOADED))
        .with_audit()
        .finish(Arc::new(Office { hd4dp }))
}

/// Opens the API of a service that stands alone; it listens and does not answer yet.
///
/// # Errors
///
/// [`ServeError`]: what an operator must mend.
pub async fn open(
    settings: &Settings,
    hd4dp: &Arc<Hd4dp>,
    journal: Arc<dyn Journal>,
    traces: Option<Traces>,
) -> Result<Listening, ServeError> {
    let (organisation, clock) = (Some(hd4dp.nihdi().to_string()), Arc::clone(&hd4dp.context().clock));
    let opening = Opening { service: crate::SERVICE, organisation, journal, clock, traces };
    settings.open(opening, |desk| api(Arc::clone(hd4dp), desk).0).await
}

impl Office {
    /// The newest definition of a register that the caller may see, by its name in any case.
    fn register(&self, call: &Call, name: &str) -> Result<Arc<Definition>, Problem> {
        call.caller.must_see(name)?;
        self.hd4dp.definitions().get(name).ok_or_else(|| Code::UnknownRegister.into())
    }

    /// The registers to look in, by their technical names, each once; one `None` is all.
    fn registers(&self, call: &Call, wanted: Option<&str>) -> Result<Vec<Option<String>>, Problem> {
        let named =
            |name: &str| self.hd4dp.definitions().get(name).map_or_else(|| name.to_owned(), |known| known.name().to_owned());
        match (wanted, &call.caller.registers) {
            (Some(wanted), _) => {
                call.caller.must_see(wanted)?;
                Ok(vec![Some(named(wanted))])
            }
            (None, Registers::All) => Ok(vec![None]),
            (None, Registers::Only(names)) => {
                let names: BTreeSet<String> = names.iter().map(|name| named(name)).collect();
                Ok(names.into_iter().map(Some).collect())
            }
        }
    }

    /// A registration that the caller may see. One of a register that the token does not extend to is not there for it.
    async fn find(&self, call: &Call, registration: Uuid) -> Result<View, Problem> {
        let view = self.hd4dp.registration(registration).await?;
        view.filter(|view| call.caller.may_see(&view.dcd)).ok_or_else(|| Code::UnknownRegistration.into())
    }
}

/// What an ETag says was seen. It is held against the registration where the change is made, in the store's transaction.
fn seen(call: &Call) -> Result<Seen, Problem> {
    let read = || {
        let (version, rest) = call.seen.as_deref()?.split_once('-')?;
        let (of, happened) = rest.rsplit_once('-')?;
        let status = Status::ALL.into_iter().find(|status| slug(status.code()) == of)?;
        Some(Seen { version: version.parse().ok()?, status, happened: happened.parse().ok()? })
    };
    read().ok_or_else(|| Code::InvalidVersion.into())
}

/// Who wishes for something, on what they looked at.
fn by(call: &Call, seen: Seen) -> By<'_> {
    By { author: &call.caller.name, seen: Some(seen) }
}

/// The ETag of a registration: version, status, and how much happened to it.
fn etag(seen: Seen) -> String {
    format!("{}-{}-{}", seen.version, slug(seen.status.code()), seen.happened)
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
            Refusal::StaleVersion => Code::StaleVersion,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_tells_apart_all_that_can_be_seen() {
        let all = Status::ALL.into_iter().flat_map(|status| [0, 1, 11].map(|happened| Seen { version: 1, status, happened }));
        let tags: std::collections::BTreeSet<String> = all.map(etag).collect();
        assert_eq!(tags.len(), 3 * Status::ALL.len());
        assert!(tags.contains("1-corrections-needed-11"));
    }
}
