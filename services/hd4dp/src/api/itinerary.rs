//! Where a registration was, for whoever helps somebody who asks.

use std::sync::Arc;

use axum::extract::State;
use web::{Call, Code, Path, Problem, Reply, Trace, Trail};

use super::{Office, id};
use crate::trail;

/// Where a registration was at this hospital, over all its versions and the answers to them; `id` is the registration's or an item's.
#[utoipa::path(get, path = "/itinerary/{id}", params(("id" = String, Path)), responses((status = 200, body = Trail)))]
pub(super) async fn itinerary(State(office): State<Arc<Office>>, call: Call, Path(of): Path<String>) -> Result<Reply, Problem> {
    let now = office.hd4dp.context().clock.now();
    let trail = trail::of(&**office.hd4dp.store(), id(&of)?, now).await?;
    let may_see = |trail: &Trail| trail.register.as_deref().is_some_and(|register| call.caller.may_see(register));
    let trail = trail.filter(may_see).ok_or(Code::UnknownRegistration)?;
    let ids = trail.registration_id.iter().cloned().collect();
    let trace = Trace { register: trail.register.clone(), ids, count: 1 };
    Ok(Reply::json(&trail)?.traced(trace))
}
