//! Where a registration was, for whoever helps somebody who asks.

use std::sync::Arc;

use axum::extract::State;
use web::{Call, Code, Path, Problem, Reply, Trace, Trail};

use crate::{Hd4res, trail};

/// Where a registration was at HD4RES, over all its versions and what was answered to them; `id` is the registration's or an item's. No
/// pseudonym is in it, so that it may go where the hospital's is.
#[utoipa::path(get, path = "/itinerary/{id}", params(("id" = String, Path)), responses((status = 200, body = Trail)))]
pub(super) async fn itinerary(State(hd4res): State<Arc<Hd4res>>, call: Call, Path(of): Path<String>) -> Result<Reply, Problem> {
    let id = of.parse().map_err(|_| Code::InvalidParameter)?;
    let trail = trail::of(&*hd4res.store, id).await?;
    let may_see = |trail: &Trail| trail.register.as_deref().is_some_and(|register| call.caller.may_see(register));
    let trail = trail.filter(may_see).ok_or(Code::UnknownRecord)?;
    let ids = trail.registration_id.iter().cloned().collect();
    let trace = Trace { register: trail.register.clone(), ids, count: 1 };
    Ok(Reply::json(&trail)?.traced(trace))
}
