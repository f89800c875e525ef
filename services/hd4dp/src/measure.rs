//! What HD4DP alone can say about itself: what was submitted and has no answer.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use host::{Figure, Measure};
use store::StoreError;

use crate::store::Hd4dpStore;

/// The registrations of a hospital that wait for their STATUS.
pub(crate) struct Unanswered {
    pub(crate) store: Arc<dyn Hd4dpStore>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Measure for Unanswered {
    async fn measure(&self) -> Result<Vec<Figure>, StoreError> {
        let waiting = self.store.waiting().await?;
        let oldest = self.store.oldest_waiting().await?;
        let age = oldest.map_or(0.0, |oldest| self.clock.now().since(oldest).as_secs_f64());
        Ok(vec![
            Figure::new("unanswered_registrations", "Registrations that were submitted and have no STATUS yet", waiting as f64),
            Figure::new(
                "oldest_unanswered_age_seconds",
                "Time since the oldest of them was submitted; 0 when there is none",
                age,
            ),
        ])
    }
}
