//! Where an item was, for whoever helps somebody who asks.

use std::sync::Arc;

use axum::extract::State;
use uuid::Uuid;
use web::{Call, Code, Path, Problem, Reply, Trace, Trail, token::Registers};

use crate::{Dhw, trail};

/// Where an item was at the data warehouse, which does not keep an item's register: a token that is limited to registers gets none.
#[utoipa::path(get, path = "/itinerary/{id}", params(("id" = String, Path)), responses((status = 200, body = Trail)))]
pub(super) async fn itinerary(State(dhw): State<Arc<Dhw>>, call: Call, Path(of): Path<String>) -> Result<Reply, Problem> {
    if call.caller.registers != Registers::All {
        return Err(Code::ForeignRegister.into());
    }
    let item = of.parse::<Uuid>().map_err(|_| Code::InvalidParameter)?;
    let trail = trail::of(&**dhw.store(), item).await?.ok_or(Code::UnknownItem)?;
    let trace = Trace { register: None, ids: vec![item.to_string()], count: 1 };
    Ok(Reply::json(&trail)?.traced(trace))
}
