//! The hospital's registers: what their forms hold, what is known of a patient, and the defaults of uploads.

use std::sync::Arc;

use axum::extract::State;
use dcd::{Definition, Kind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{Call, Json, Path, Problem, Reply, Trace};

use super::{Office, language, problem};
use crate::{
    form::Form,
    options::{ConflictMaster, ConflictMode, UploadOptions, Validation},
};

/// A register.
#[derive(Debug, Serialize, ToSchema)]
struct Register {
    /// Its technical name.
    register: String,
    /// The version that new registrations get.
    version: u32,
    /// Its title in the language that was asked for.
    title: String,
    /// The first day of the collection.
    start: String,
    /// The last day on which a registration can be created; none while it is open.
    end_creation: Option<String>,
    /// The last day on which one can be submitted.
    end_submission: Option<String>,
    /// The last day on which comments can be answered.
    end_comments: Option<String>,
}

impl Register {
    fn of(definition: &Definition, call: &Call) -> Self {
        let (collection, day) = (definition.collection(), |day: &Option<jiff::civil::Date>| day.map(|day| day.to_string()));
        Self {
            register: definition.name().to_owned(),
            version: definition.version(),
            title: definition.title().get(language(call)).to_owned(),
            start: collection.start.to_string(),
            end_creation: day(&collection.end_creation),
            end_submission: day(&collection.end_submission),
            end_comments: day(&collection.end_comments),
        }
    }
}

/// The caller's registers.
#[utoipa::path(get, path = "/registers", responses((status = 200, body = Vec<Register>)))]
pub(super) async fn list(State(office): State<Arc<Office>>, call: Call) -> Result<Reply, Problem> {
    let all = office.hd4dp.definitions();
    let newest = all.iter().filter(|one| all.get(one.name()).is_some_and(|newest| newest.version() == one.version()));
    let seen = newest.filter(|definition| call.caller.may_see(definition.name()));
    Reply::json(&seen.map(|definition| Register::of(definition, &call)).collect::<Vec<_>>())
}

/// A field of a form.
#[derive(Debug, Serialize, ToSchema)]
struct FormField {
    /// Its column; in a list without the item's number.
    column: String,
    /// The column of the repeating list that it stands in; values of it are given with the item's number, `variants|00|gene`.
    list: Option<String>,
    /// Its label in the language that was asked for.
    label: String,
    /// What explains it.
    help: Option<String>,
    /// `text`, `multiline`, `number`, `date`, `boolean`, `choice`, `multi-choice`, `attachment` or `patient-id`.
    kind: String,
    /// Whether it must always be filled.
    is_required: bool,
    /// Whether it must be filled when other fields say so.
    is_conditionally_required: bool,
    /// Whether nobody fills it: the program does.
    is_computed: bool,
    /// Whether it may be shown and not changed.
    is_read_only: bool,
    /// Whether it stays the same over a patient's registrations.
    is_stable: bool,
    /// Whether registrations can be searched by it.
    is_filterable: bool,
    /// The value that a new form has.
    default: Option<String>,
    /// Characters at most.
    max_length: u32,
    /// The codes that it takes, with their labels; empty without a list.
    codes: Vec<FormCode>,
}

/// A code of a list.
#[derive(Debug, Serialize, ToSchema)]
struct FormCode {
    /// The code.
    code: String,
    /// Its label in the language that was asked for.
    label: String,
}

/// A register with what its forms hold.
#[derive(Debug, Serialize, ToSchema)]
struct RegisterForm {
    /// The register.
    #[serde(flatten)]
    register: Register,
    /// The fields in the order of the form.
    fields: Vec<FormField>,
    /// The columns of a file, lists with item 00.
    columns: Vec<String>,
    /// The JSON Schema of one registration in canonical form.
    #[schema(value_type = Object)]
    schema: serde_json::Value,
}

/// A register with what its forms hold.
#[utoipa::path(get, path = "/registers/{register}", params(("register" = String, Path)), responses((status = 200, body = RegisterForm)))]
pub(super) async fn one(State(office): State<Arc<Office>>, call: Call, Path(register): Path<String>) -> Result<Reply, Problem> {
    let definition = office.register(&call, &register)?;
    Reply::json(&RegisterForm {
        register: Register::of(&definition, &call),
        fields: definition.fields().iter().map(|field| form_field(field, &call)).collect(),
        columns: definition.header_template(),
        schema: definition.row_schema(),
    })
}

fn form_field(field: &dcd::Field, call: &Call) -> FormField {
    let language = language(call);
    let codes = field.code_list().into_iter().flat_map(|list| list.codes().iter().map(move |listed| (list, &*listed.code)));
    FormField {
        column: field.column().to_owned(),
        list: field.list().map(str::to_owned),
        label: field.label().get(language).to_owned(),
        help: field.help().map(|help| help.get(language).to_owned()),
        kind: kind(field.kind()).to_owned(),
        is_required: field.is_required(),
        is_conditionally_required: field.is_conditionally_required(),
        is_computed: field.is_computed(),
        is_read_only: field.is_read_only(),
        is_stable: field.is_stable(),
        is_filterable: field.is_filterable(),
        default: field.default().map(str::to_owned),
        max_length: field.max_length(),
        codes: codes
            .map(|(list, code)| FormCode {
                code: code.to_owned(),
                label: list.label(code, language).unwrap_or_default().to_owned(),
            })
            .collect(),
    }
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Multiline => "multiline",
        Kind::Number => "number",
        Kind::Date => "date",
        Kind::Boolean => "boolean",
        Kind::Choice => "choice",
        Kind::MultiChoice => "multi-choice",
        Kind::Attachment => "attachment",
        Kind::PatientId => "patient-id",
    }
}

/// A value of a form.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Value {
    /// Its column; in a list with the item's number, `variants|00|gene`.
    pub(super) column: String,
    /// The value as a file has it: dd/mm/yyyy, decimal comma, codes joined by `|`.
    pub(super) value: String,
}

/// The values of a form, by column.
pub(super) fn values(form: &Form) -> Vec<Value> {
    form.iter().map(|(column, value)| Value { column: column.to_owned(), value: value.to_owned() }).collect()
}

/// Whom a new registration is about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Patient {
    /// The national number.
    national_number: String,
}

/// What is known of a patient from other registrations, for the form of a new one: the values of stable fields. It changes nothing; the number
/// stands in the body because an address must not hold it.
#[utoipa::path(post, path = "/registers/{register}/prefill", params(("register" = String, Path)), request_body = Patient,
    responses((status = 200, body = Vec<Value>)))]
pub(super) async fn prefill(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(register): Path<String>,
    Json(patient): Json<Patient>,
) -> Result<Reply, Problem> {
    let definition = office.register(&call, &register)?;
    let form = office.hd4dp.prefill(&definition, &patient.national_number).await.map_err(|error| problem(error, &call))?;
    let trace = Trace { register: Some(definition.name().to_owned()), ids: Vec::new(), count: 1 };
    Ok(Reply::json(&values(&form))?.traced(trace))
}

/// How files are taken in. What is left out is the program's default.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Options {
    /// What becomes of a row whose unique id is known and whose values differ: `merge`, `overwrite`, `skip` or `fail`.
    #[schema(value_type = Option<String>)]
    #[param(value_type = Option<String>)]
    conflict_mode: Option<ConflictMode>,
    /// Whose values count where a merge finds two: `new` or `stored`.
    #[schema(value_type = Option<String>)]
    #[param(value_type = Option<String>)]
    conflict_master: Option<ConflictMaster>,
    /// Whether a row that equals the stored one passes without a word.
    ignore_duplicates: Option<bool>,
    /// Whether rows are submitted at once.
    autosubmit: Option<bool>,
    /// Which rows are taken in: `none`, `save-on-validations` or `validate-all`.
    #[schema(value_type = Option<String>)]
    #[param(value_type = Option<String>)]
    validation: Option<Validation>,
}

impl Options {
    /// The options, where nothing is said those of `default`.
    pub(super) fn over(self, default: UploadOptions) -> UploadOptions {
        UploadOptions {
            conflict_mode: self.conflict_mode.unwrap_or(default.conflict_mode),
            conflict_master: self.conflict_master.unwrap_or(default.conflict_master),
            ignore_duplicates: self.ignore_duplicates.unwrap_or(default.ignore_duplicates),
            autosubmit: self.autosubmit.unwrap_or(default.autosubmit),
            validation: self.validation.unwrap_or(default.validation),
        }
    }
}

impl From<UploadOptions> for Options {
    fn from(options: UploadOptions) -> Self {
        let UploadOptions { conflict_mode, conflict_master, ignore_duplicates, autosubmit, validation } = options;
        Self {
            conflict_mode: Some(conflict_mode),
            conflict_master: Some(conflict_master),
            ignore_duplicates: Some(ignore_duplicates),
            autosubmit: Some(autosubmit),
            validation: Some(validation),
        }
    }
}

/// How files of a register are taken in when an upload says nothing else.
#[utoipa::path(get, path = "/registers/{register}/upload-options", params(("register" = String, Path)),
    responses((status = 200, body = Options)))]
pub(super) async fn options(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(register): Path<String>,
) -> Result<Reply, Problem> {
    let definition = office.register(&call, &register)?;
    Reply::json(&Options::from(office.hd4dp.upload_options(&definition).await?))
}

/// Chooses how files of a register are taken in when an upload says nothing else.
#[utoipa::path(put, path = "/registers/{register}/upload-options", params(("register" = String, Path)), request_body = Options,
    responses((status = 200, body = Options)))]
pub(super) async fn set_options(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(register): Path<String>,
    Json(options): Json<Options>,
) -> Result<Reply, Problem> {
    let definition = office.register(&call, &register)?;
    let options = options.over(UploadOptions::default());
    office.hd4dp.set_upload_options(&definition, &options, &call.caller.name).await?;
    let trace = Trace { register: Some(definition.name().to_owned()), ids: Vec::new(), count: 1 };
    Ok(Reply::json(&Options::from(options))?.traced(trace))
}
