//! The registrations of a register, with typed values.

use std::sync::Arc;

use axum::extract::State;
use dcd::{Definition, FieldNo, Kind};
use registration::{Cell, Policy};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{Call, Code, PageOf, Path, Problem, Query, Reply, Trace};

use super::find;
use crate::{
    Dhw,
    store::{Only, RowKey, StandingRow},
};

/// Which registrations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Those with a value in this column only: one that the definition marks as filterable and healthdata has as it is. Needs `value`.
    column: Option<String>,
    /// The value, in canonical form.
    value: Option<String>,
    /// Where the list goes on: `next` of the page before.
    cursor: Option<String>,
    /// Rows at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// A value of a registration.
#[derive(Debug, Serialize, ToSchema)]
struct Value {
    /// The column under healthdata's name, without the number of a list's item.
    column: String,
    /// The number of the list's item, from 0; none outside of lists.
    item: Option<u16>,
    /// What it is: `text`, `number`, `date`, `boolean`, `code`, `codes` (joined by `|`) or `attachment`; what was reduced is `text`.
    kind: String,
    /// The value: dates as yyyy-mm-dd, numbers with a decimal point, TRUE or FALSE.
    value: String,
}

/// A registration as it stands.
#[derive(Debug, Serialize, ToSchema)]
struct Registration {
    /// The registration.
    registration_id: String,
    /// Its version.
    version: u32,
    /// The patient, as the TTP calls it.
    pseudonym: String,
    /// Healthdata's form of the unique id.
    unique_id: String,
    /// The hospital's code.
    sender: String,
    /// Its filled fields.
    values: Vec<Value>,
}

/// The registrations of a register, in the order of the researcher's file.
#[utoipa::path(get, path = "/registers/{register}/{version}/registrations", params(("register" = String, Path), ("version" = u32, Path), Wanted),
    responses((status = 200, body = PageOf<Registration>)))]
pub(super) async fn list(
    State(dhw): State<Arc<Dhw>>,
    call: Call,
    Path((register, version)): Path<(String, u32)>,
    Query(wanted): Query<Wanted>,
) -> Result<Reply, Problem> {
    let (number, register) = find(&dhw, &call, &register, version)?;
    let definition = register.definition();
    let only = match (&wanted.column, &wanted.value) {
        (None, None) => None,
        (Some(column), Some(value)) => Some(Only { field: filterable(definition, column)?, value }),
        _ => return Err(Code::InvalidParameter.into()),
    };
    let parameters = (number, &wanted.column, &wanted.value);
    let asked = call.asked::<(String, String, String)>(&parameters, wanted.cursor.as_deref(), wanted.limit)?;
    let after = asked.after.map(|(first_pseudonym, unique_id, sender)| RowKey { first_pseudonym, unique_id, sender });
    let rows = dhw.store().look().standing(number, only, after.as_ref(), asked.limit + 1).await?;
    let key = |row: &StandingRow| {
        let RowKey { first_pseudonym, unique_id, sender } = row.row.key.clone();
        (first_pseudonym, unique_id, sender)
    };
    let page = call.page(&parameters, asked.limit, rows, key, |row| shown(definition, row))?;
    let ids = page.items.iter().map(|row| row.registration_id.clone()).collect();
    let trace = Trace { register: Some(definition.name().to_owned()), ids, count: page.items.len() as u64 };
    Ok(Reply::json(&page)?.traced(trace))
}

/// The field of a column that may be looked for.
fn filterable(definition: &Definition, column: &str) -> Result<FieldNo, Problem> {
    let find = || {
        let number = definition.field_no(column)?;
        let field = definition.field(number)?;
        let is_plain = field.list().is_none() && field.kind() != Kind::Number && field.policy() == Some(Policy::AsIs);
        (is_plain && field.is_filterable()).then_some(number)
    };
    find().ok_or_else(|| Code::UnknownField.into())
}

fn shown(definition: &Definition, standing: StandingRow) -> Registration {
    let StandingRow { registration_id, version, row } = standing;
    Registration {
        registration_id: registration_id.to_string(),
        version,
        pseudonym: row.pseudonym,
        unique_id: row.key.unique_id,
        sender: row.key.sender,
        values: row.cells.into_iter().filter_map(|cell| value(definition, cell)).collect(),
    }
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Multiline | Kind::PatientId => "text",
        Kind::Number => "number",
        Kind::Date => "date",
        Kind::Boolean => "boolean",
        Kind::Choice => "code",
        Kind::MultiChoice => "codes",
        Kind::Attachment => "attachment",
    }
}

fn value(definition: &Definition, cell: Cell) -> Option<Value> {
    let field = definition.field(cell.place.field)?;
    let kind = if field.policy() == Some(Policy::AsIs) { kind(field.kind()) } else { "text" };
    Some(Value { column: field.hd_column()?, item: cell.place.item, kind: kind.to_owned(), value: cell.value })
}
