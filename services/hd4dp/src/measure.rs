//! What HD4DP alone can say about itself: what was submitted and has no answer.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use host::{Figure, Measure};
use store::StoreError;

use crate::store::{Backlog, Hd4dpStore};

/// The registrations of a hospital that wait for their STATUS.
pub(crate) struct Unanswered {
    pub(crate) store: Arc<dyn Hd4dpStore>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Measure for Unanswered {
    async fn measure(&self) -> Result<Vec<Figure>, StoreError> {
        const REGISTRATIONS: &str =
            "Registrations that were submitted and have no STATUS: not sent yet, sent, or given up after ten days";
        let Backlog { unsent, sent, given_up, oldest_sent_at } = self.store.backlog().await?;
        let state = |name: &str, count: u64| Figure {
            labels: vec![("state", name.to_owned())],
            ..Figure::new("unanswered_registrations", REGISTRATIONS, count as f64)
        };
        let age = oldest_sent_at.map_or(0.0, |oldest| self.clock.now().since(oldest).as_secs_f64());
        let oldest = Figure::new(
            "oldest_unanswered_age_seconds",
            "Time since the oldest of those that are sent was sent first; 0 when there is none",
            age,
        );
        Ok(vec![state("unsent", unsent), state("sent", sent), state("given-up", given_up), oldest])
    }
}
