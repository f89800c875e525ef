//! The page of audit rows, for administrators.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::{Access, Api, AuditRow, Call, Code, Problem, Query, Reply, Role, Trace, desk::PageOf, token::Registers};

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Where the list goes on: `next` of the page before.
    cursor: Option<String>,
    /// Rows at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// An audit row, as administrators read it.
#[derive(Debug, Serialize, ToSchema)]
struct ShownRow {
    /// Its number.
    number: i64,
    /// When, in UTC.
    at: String,
    /// Who and what.
    #[serde(flatten)]
    row: AuditRow,
}

/// Who saw or changed what, oldest first.
#[utoipa::path(get, path = "/audit", params(Wanted), responses((status = 200, body = PageOf<ShownRow>)))]
async fn audit(call: Call, Query(wanted): Query<Wanted>) -> Result<Reply, Problem> {
    if call.caller.registers != Registers::All {
        return Err(Code::ForeignRegister.into());
    }
    let asked = call.asked::<i64>(&(), wanted.cursor.as_deref(), wanted.limit)?;
    let rows = call.desk.parts.journal.audit(asked.after.unwrap_or(0), asked.limit + 1).await?;
    let page = call.page(
        &(),
        asked.limit,
        rows,
        |(number, _)| *number,
        |(number, row)| ShownRow { number, at: clock::Timestamp::from_micros(row.at_micros).to_string(), row },
    )?;
    let trace = Trace { count: page.items.len() as u64, ..Trace::default() };
    Ok(Reply::json(&page)?.traced(trace))
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Adds the page of audit rows. A token that is limited to registers sees none of it.
    #[must_use]
    pub fn with_audit(self) -> Self {
        let access = Access::view(&[Role::Administrator]).problems(&[Code::ForeignRegister, Code::InvalidCursor]);
        self.route(routes!(audit), access)
    }
}
