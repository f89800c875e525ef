//! The progress report: how many records have which status.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Call, Problem, Reply};

use super::slug;
use crate::Hd4res;

/// The records of a register.
#[derive(Debug, Serialize, ToSchema)]
struct Progress {
    /// The register's technical name.
    register: String,
    /// How many records there are, tombstones among them.
    records: u64,
    /// How many have each status; a status that none has is left out.
    by_status: BTreeMap<String, u64>,
}

/// How far the caller's registers are.
#[utoipa::path(get, path = "/progress", responses((status = 200, body = Vec<Progress>)))]
pub(super) async fn progress(State(hd4res): State<Arc<Hd4res>>, call: Call) -> Result<Reply, Problem> {
    let mut report: BTreeMap<String, Progress> = BTreeMap::new();
    let known = hd4res.definitions().iter().map(|definition| definition.name().to_owned());
    for register in known.filter(|register| call.caller.may_see(register)) {
        report.insert(register.clone(), Progress { register, records: 0, by_status: BTreeMap::new() });
    }
    for count in hd4res.store().counts().await?.into_iter().filter(|count| call.caller.may_see(&count.dcd)) {
        let empty = || Progress { register: count.dcd.clone(), records: 0, by_status: BTreeMap::new() };
        let progress = report.entry(count.dcd.clone()).or_insert_with(empty);
        progress.records += count.count;
        progress.by_status.insert(slug(count.status), count.count);
    }
    Reply::json(&report.into_values().collect::<Vec<_>>())
}
