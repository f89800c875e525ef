//! Registrations: the list, one with its values, and its life.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use dcd::Finding;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Call, Code, FoundLine, Json, PageOf, Path, Problem, Query, Reply, Trace};

use super::{
    Office, by, etag, id, lines, problem,
    registers::{Value, values},
    seen, slug,
};
use crate::{
    entry::NewRegistration,
    form::Form,
    life::GivenAnswer,
    status::{State as LifeState, Status},
    store::{Filter, Listed, Seen, View},
};

/// Which registrations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Those of this register only, by its technical name.
    register: Option<String>,
    /// Those of this status only: `open`, `sending`, `submitted`, `corrections-needed`, `approved`, `follow-up-needed`, `error` or `deleted`.
    status: Option<String>,
    /// Where the list goes on: `next` of the page before.
    cursor: Option<String>,
    /// Rows at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// A registration in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Line {
    /// Its id.
    registration_id: String,
    /// The register's technical name.
    register: String,
    /// Its latest version; 0 when none was submitted yet.
    version: u32,
    /// Its status.
    status: String,
    /// Of a submitted one `PENDING`, `OK` or `NOK`.
    confirmation: Option<String>,
    /// When the latest version was submitted, or its values kept when none was; in UTC.
    submitted_at: String,
    /// When the latest version was confirmed, in UTC.
    confirmed_at: Option<String>,
}

impl From<Listed> for Line {
    fn from(listed: Listed) -> Self {
        Self {
            registration_id: listed.registration_id.to_string(),
            register: listed.dcd,
            version: listed.version,
            status: slug(listed.state.status().code()),
            confirmation: confirmation(listed.state),
            submitted_at: listed.submitted_at.to_string(),
            confirmed_at: listed.confirmed_at.map(|at| at.to_string()),
        }
    }
}

fn confirmation(state: LifeState) -> Option<String> {
    state.confirmation().map(|confirmation| confirmation.code().to_owned())
}

/// The registrations of the caller's registers, by their ids.
#[utoipa::path(get, path = "/registrations", params(Wanted), responses((status = 200, body = PageOf<Line>)))]
pub(super) async fn list(State(office): State<Arc<Office>>, call: Call, Query(wanted): Query<Wanted>) -> Result<Reply, Problem> {
    let registers = office.registers(&call, wanted.register.as_deref())?;
    let status = match &wanted.status {
        None => None,
        Some(text) => {
            let found = Status::ALL.into_iter().find(|status| slug(status.code()) == *text);
            Some(found.ok_or(Code::InvalidParameter)?)
        }
    };
    let parameters = (&wanted.register, &wanted.status);
    let asked = call.asked::<[u8; 16]>(&parameters, wanted.cursor.as_deref(), wanted.limit)?;
    let mut listed = Vec::new();
    for dcd in registers {
        let filter = Filter { dcd, status };
        listed.extend(office.hd4dp.list(&filter, asked.after.map(Uuid::from_bytes), asked.limit + 1).await?);
    }
    listed.sort_by_key(|one| one.registration_id);
    page(&call, &parameters, asked.limit, listed)
}

fn page(call: &Call, parameters: &impl Serialize, limit: u32, listed: Vec<Listed>) -> Result<Reply, Problem> {
    let page = call.page(parameters, limit, listed, |one| *one.registration_id.as_bytes(), Line::from)?;
    let trace = Trace::of_all(page.items.iter().map(|line| (line.register.as_str(), line.registration_id.clone())));
    Ok(Reply::json(&page)?.traced(trace))
}

/// What is looked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// A column that the definition marks as filterable.
    column: String,
    /// The value as a file has it.
    value: String,
    /// Where the list goes on: `next` of the page before.
    cursor: Option<String>,
    /// Rows at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// The registrations of a register with a value. It changes nothing; the value stands in the body because it may say who somebody is.
#[utoipa::path(post, path = "/registers/{register}/search", params(("register" = String, Path)), request_body = Search,
    responses((status = 200, body = PageOf<Line>)))]
pub(super) async fn search(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(register): Path<String>,
    Json(search): Json<Search>,
) -> Result<Reply, Problem> {
    let definition = office.register(&call, &register)?;
    let parameters = (definition.name(), &search.column, &search.value);
    let asked = call.asked::<[u8; 16]>(&parameters, search.cursor.as_deref(), search.limit)?;
    let found =
        office.hd4dp.find(&definition, (&search.column, &search.value), asked.after.map(Uuid::from_bytes), asked.limit + 1).await;
    page(&call, &parameters, asked.limit, found.map_err(|error| problem(error, &call))?)
}

/// A registration as its hospital sees it.
#[derive(Serialize, ToSchema)]
struct Registration {
    /// Its id.
    registration_id: String,
    /// The register's technical name.
    register: String,
    /// The version of the register's definition that the values were made by.
    register_version: u32,
    /// Its status.
    status: String,
    /// Of a submitted one `PENDING`, `OK` or `NOK`.
    confirmation: Option<String>,
    /// Whether the values were kept and not submitted.
    is_draft: bool,
    /// The values, as a form has them.
    values: Vec<Value>,
    /// The submitted versions, oldest first.
    versions: Vec<Version>,
    /// The researcher's comments on the latest version.
    comments: Vec<Comment>,
    /// What happened, oldest first.
    history: Vec<Happened>,
}

/// A submitted version.
#[derive(Serialize, ToSchema)]
struct Version {
    /// Its number.
    version: u32,
    /// When it was submitted, in UTC.
    submitted_at: String,
    /// Who submitted it by hand; none for a file's row.
    author: Option<String>,
    /// When it was confirmed, in UTC.
    confirmed_at: Option<String>,
    /// What the hospital said to comments with it.
    answers: Vec<Answered>,
}

/// An answer to a researcher's comment.
#[derive(Serialize, ToSchema)]
struct Answered {
    /// Number of the feedback that brought the comment.
    number: u64,
    /// The column of the comment; none when it is about the registration.
    column: Option<String>,
    /// What the hospital said.
    text: String,
}

/// A researcher's comment.
#[derive(Serialize, ToSchema)]
struct Comment {
    /// Number of the feedback that brought it.
    number: u64,
    /// When it arrived, in UTC.
    at: String,
    /// The column that it is about; none when it is about the registration.
    column: Option<String>,
    /// What the researcher wrote.
    text: String,
}

/// A line of the history.
#[derive(Debug, Serialize, ToSchema)]
struct Happened {
    /// When, in UTC.
    at: String,
    /// Who; none for feedback.
    author: Option<String>,
    /// What happened.
    event: String,
    /// The version that it was about.
    version: u32,
    /// The status after it.
    status: String,
}

/// A registration with its values, comments and history.
#[utoipa::path(get, path = "/registrations/{registration}", params(("registration" = String, Path)),
    responses((status = 200, body = Registration, headers(("ETag" = String, description = "what If-Match takes")))))]
pub(super) async fn one(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(registration): Path<String>,
) -> Result<Reply, Problem> {
    let view = office.find(&call, id(&registration)?).await?;
    let trace = Trace::of(&view.dcd, view.registration_id);
    Ok(Reply::json(&shown(&office, &view))?.etag(&etag(view.seen())).traced(trace))
}

fn shown(office: &Office, view: &View) -> Registration {
    let definition = office.hd4dp.definitions().exact(&view.dcd, view.dcd_version);
    let form = definition.as_ref().map(|definition| Form::of(definition, &view.cells)).unwrap_or_default();
    let column = |place| definition.as_ref()?.column_at(place);
    Registration {
        registration_id: view.registration_id.to_string(),
        register: view.dcd.clone(),
        register_version: view.dcd_version,
        status: slug(view.state.status().code()),
        confirmation: confirmation(view.state),
        is_draft: view.is_draft,
        values: values(&form),
        versions: view
            .versions
            .iter()
            .map(|version| Version {
                version: version.version,
                submitted_at: version.submitted_at.to_string(),
                author: version.author.clone(),
                confirmed_at: version.confirmed_at.map(|at| at.to_string()),
                answers: version
                    .answers
                    .iter()
                    .map(|answer| Answered {
                        number: answer.number,
                        column: answer.comment.place.and_then(column),
                        text: answer.comment.text.clone(),
                    })
                    .collect(),
            })
            .collect(),
        comments: view
            .comments
            .iter()
            .map(|one| Comment {
                number: one.number,
                at: one.at.to_string(),
                column: one.comment.place.and_then(column),
                text: one.comment.text.clone(),
            })
            .collect(),
        history: view
            .history
            .iter()
            .map(|line| Happened {
                at: line.at.to_string(),
                author: line.author.clone(),
                event: slug(line.event.code()),
                version: line.version,
                status: slug(line.status.code()),
            })
            .collect(),
    }
}

/// Values of a registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// All values; a column that is not named is empty. Files are put where attachments are.
    values: Vec<Value>,
}

/// A new registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// Its values.
    values: Vec<Value>,
    /// Whether it is submitted at once, or kept as an open one.
    submit: bool,
}

/// The form of values; a column that is given twice has the value that was meant by nobody.
fn form(values: Vec<Value>) -> Result<Form, Problem> {
    let mut form = Form::default();
    for (at, Value { column, value }) in values.into_iter().enumerate() {
        if form.get(&column).is_some() {
            return Err(Problem::at(Code::InvalidMember, format!("/values/{at}/column")));
        }
        form.set(column, value);
    }
    Ok(form)
}

/// What a change led to. It holds no values.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changed {
    /// The registration.
    registration_id: String,
    /// Its latest version; 0 when none was submitted yet.
    version: u32,
    /// Its status.
    status: String,
    /// What was found in the values: warnings, and of a kept one validation errors.
    findings: Vec<FoundLine>,
}

/// What a change led to: the registration as the change left it, if it left any. What comes in right behind the change is no part of the
/// answer, or its ETag would stand for what nobody was shown.
pub(super) struct After<'a> {
    pub(super) registration: Uuid,
    pub(super) register: &'a str,
    pub(super) left: Option<Seen>,
    pub(super) findings: &'a [Finding],
}

impl After<'_> {
    pub(super) fn reply(&self, call: &Call) -> Result<Reply, Problem> {
        let changed = Changed {
            registration_id: self.registration.to_string(),
            version: self.left.map_or(0, |left| left.version),
            // One that was never submitted leaves nothing behind.
            status: slug(self.left.map_or(Status::Deleted, |left| left.status).code()),
            findings: lines(self.findings, call),
        };
        let reply = Reply::json(&changed)?.traced(Trace::of(self.register, self.registration));
        Ok(match self.left {
            Some(left) => reply.etag(&etag(left)),
            None => reply,
        })
    }
}

/// What stands after a change that leaves one line in the history.
pub(super) const fn after(seen: Seen, version: u32, status: Status) -> Seen {
    Seen { version, status, happened: seen.happened + 1 }
}

/// Creates a registration by hand. Its id follows from the request, so that asking again creates none.
#[utoipa::path(post, path = "/registers/{register}/registrations", params(("register" = String, Path)), request_body = New,
    responses((status = 201, body = Changed, headers(("ETag" = String, description = "what If-Match takes")))))]
pub(super) async fn create(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(register): Path<String>,
    Json(new): Json<New>,
) -> Result<Reply, Problem> {
    let definition = office.register(&call, &register)?;
    let effect = call.effect.ok_or(Code::Internal)?;
    let new = NewRegistration {
        definition: &definition,
        registration_id: Some(uuid::Builder::from_custom_bytes(effect).into_uuid()),
        form: form(new.values)?,
        files: Vec::new(),
        submit: new.submit,
        author: &call.caller.name,
    };
    let created = office.hd4dp.create(new).await.map_err(|error| problem(error, &call))?;
    let left = if created.is_new {
        Some(Seen { version: created.version, status: created.state.status(), happened: 1 })
    } else {
        office.hd4dp.registration(created.registration_id).await?.map(|view| view.seen())
    };
    let (registration, register) = (created.registration_id, definition.name());
    let reply = After { registration, register, left, findings: &created.findings }.reply(&call)?;
    Ok(reply.status(StatusCode::CREATED))
}

/// Keeps values without submitting them, also with validation errors.
#[utoipa::path(put, path = "/registrations/{registration}", params(("registration" = String, Path)), request_body = Given,
    responses((status = 200, body = Changed, headers(("ETag" = String, description = "what If-Match takes")))))]
pub(super) async fn save(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(registration): Path<String>,
    Json(given): Json<Given>,
) -> Result<Reply, Problem> {
    let registration = id(&registration)?;
    let form = form(given.values)?;
    let (view, seen) = (office.find(&call, registration).await?, seen(&call)?);
    let saved = office.hd4dp.save(registration, form, Vec::new(), by(&call, seen)).await;
    let saved = saved.map_err(|error| problem(error, &call))?;
    let left = Some(after(seen, seen.version, saved.state.status()));
    After { registration, register: &view.dcd, left, findings: &saved.findings }.reply(&call)
}

/// What goes with a submission.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Submission {
    /// Answers to the researcher's comments; there need be none.
    #[serde(default)]
    answers: Vec<NewAnswer>,
}

/// An answer to the last comment on a column, or on the registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAnswer {
    /// The column of the comment, as the comment has it; none when the comment is about the registration.
    column: Option<String>,
    /// What the researcher shall read; nothing that tells who the patient is.
    text: String,
}

/// Submits what was kept, or the latest version's values again, as the next version, with answers to comments.
#[utoipa::path(post, path = "/registrations/{registration}/submission", params(("registration" = String, Path)), request_body = Submission,
    responses((status = 200, body = Changed, headers(("ETag" = String, description = "what If-Match takes")))))]
pub(super) async fn submit(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(registration): Path<String>,
    Json(submission): Json<Submission>,
) -> Result<Reply, Problem> {
    let registration = id(&registration)?;
    let (view, seen) = (office.find(&call, registration).await?, seen(&call)?);
    let answers = submission.answers.into_iter().map(|NewAnswer { column, text }| GivenAnswer { column, text });
    let submitted = office.hd4dp.submit_with(registration, answers.collect(), by(&call, seen)).await;
    let version = submitted.map_err(|error| problem(error, &call))?;
    let left = Some(after(seen, version, Status::Sending));
    After { registration, register: &view.dcd, left, findings: &[] }.reply(&call)
}

/// Opens a submitted registration again.
#[utoipa::path(post, path = "/registrations/{registration}/reopening", params(("registration" = String, Path)),
    responses((status = 200, body = Changed, headers(("ETag" = String, description = "what If-Match takes")))))]
pub(super) async fn reopen(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(registration): Path<String>,
) -> Result<Reply, Problem> {
    let registration = id(&registration)?;
    let (view, seen) = (office.find(&call, registration).await?, seen(&call)?);
    let state = office.hd4dp.reopen(registration, by(&call, seen)).await.map_err(|error| problem(error, &call))?;
    let left = Some(after(seen, seen.version, state.status()));
    After { registration, register: &view.dcd, left, findings: &[] }.reply(&call)
}

/// Deletes an open registration, or one that needs corrections; healthdata keeps a tombstone of what it knew.
#[utoipa::path(delete, path = "/registrations/{registration}", params(("registration" = String, Path)),
    responses((status = 200, body = Changed)))]
pub(super) async fn delete(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(registration): Path<String>,
) -> Result<Reply, Problem> {
    let registration = id(&registration)?;
    let (view, seen) = (office.find(&call, registration).await?, seen(&call)?);
    office.hd4dp.delete(registration, by(&call, seen)).await.map_err(|error| problem(error, &call))?;
    // What was never submitted is gone; of anything else the deletion is the last version.
    let left = (seen.version > 0).then(|| after(seen, seen.version + 1, Status::Deleted));
    After { registration, register: &view.dcd, left, findings: &[] }.reply(&call)
}
