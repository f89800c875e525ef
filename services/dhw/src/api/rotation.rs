//! What a rotation could not re-code here (docs/adr/0018): somebody at healthdata must look into it.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{Call, Code, PageOf, Problem, Query, Reply, Trace, token::Registers};

use crate::Dhw;

/// Which part of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Where the list goes on: `next` of the page before.
    cursor: Option<String>,
    /// Rows at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// A pseudonym that stayed as it is.
#[derive(Serialize, ToSchema)]
struct NotRecoded {
    /// Why: `RECODE_COLLISION`, `RECODE_CONTRADICTION`, `RECODE_CONFLICT`, `RECODE_UNKNOWN` or `RECODE_MALFORMED`.
    code: String,
    /// The pseudonym, of an earlier epoch.
    pseudonym: String,
    /// What it should have become; none when the TTP does not know it.
    recoded: Option<String>,
}

/// The pseudonyms that the data warehouse could not re-code. They are of no one register, so a token that is limited to registers sees none.
#[utoipa::path(get, path = "/rotation/findings", params(Wanted), responses((status = 200, body = PageOf<NotRecoded>)))]
pub(super) async fn findings(State(dhw): State<Arc<Dhw>>, call: Call, Query(wanted): Query<Wanted>) -> Result<Reply, Problem> {
    if call.caller.registers != Registers::All {
        return Err(Code::ForeignRegister.into());
    }
    let asked = call.asked::<(String, String, String)>(&(), wanted.cursor.as_deref(), wanted.limit)?;
    // They are as rare as faults of the TTP.
    let found = dhw.store().recode_findings().await?;
    let mut found: Vec<_> =
        found.into_iter().map(|finding| (finding.pair.old, finding.pair.new, finding.refusal.code().to_owned())).collect();
    found.sort_unstable();
    found.retain(|finding| asked.after.as_ref().is_none_or(|after| finding > after));
    found.truncate(asked.limit as usize + 1);
    let shown = |(pseudonym, new, code): (String, String, String)| NotRecoded {
        code,
        pseudonym,
        recoded: (!new.is_empty()).then_some(new),
    };
    let page = call.page(&(), asked.limit, found, Clone::clone, shown)?;
    let trace = Trace { count: page.items.len() as u64, ..Trace::default() };
    Ok(Reply::json(&page)?.traced(trace))
}
