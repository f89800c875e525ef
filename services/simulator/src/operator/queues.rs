//! How full the queues are.

use std::sync::Arc;

use axum::extract::State;
use broker::BrokerError;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Code, Problem, Reply};

use super::Operator;
use crate::installation::queues;

/// A queue, and the queue of its dead letters.
#[derive(Debug, Serialize, ToSchema)]
struct QueueFigures {
    /// Its name, without an installation's prefix.
    queue: String,
    /// Publications that wait for their reader.
    ready: u64,
    /// Publications that are out without a verdict.
    unacked: u64,
    /// Publications that were set aside.
    dead: u64,
}

/// Every working queue in the order of the flow, with how much stands on it.
#[utoipa::path(get, path = "/queues", responses((status = 200, body = Vec<QueueFigures>)))]
pub(super) async fn list(State(operator): State<Arc<Operator>>) -> Result<Reply, Problem> {
    let mut figures = Vec::new();
    for (queue, broker) in queues(&operator.zones, operator.hospitals.iter().copied()) {
        let depth = match broker.depth(&queue).await {
            Ok(depth) => depth,
            Err(BrokerError::UnknownQueue(_)) => continue,
            Err(_) => return Err(Code::StoreUnavailable.into()),
        };
        let dead = broker.depth(&queue.dead()).await.map_err(|_| Code::StoreUnavailable)?;
        let queue = queue.as_str().to_owned();
        figures.push(QueueFigures { queue, ready: depth.ready, unacked: depth.unacked, dead: dead.ready + dead.unacked });
    }
    Reply::json(&figures)
}
