//! What the TTP alone can say about itself: how much of its quota each sender has used today.

use std::sync::Arc;

use async_trait::async_trait;
use clock::{Clock, Timestamp};
use host::{Figure, Measure};
use store::StoreError;

use crate::store::TtpStore;

const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;

/// The day that quotas are counted on: days since 1970, in UTC.
pub(crate) fn day(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(DAY_MICROS)
}

/// The quotas.
pub(crate) struct Quotas {
    pub(crate) store: Arc<dyn TtpStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limit: Option<u32>,
}

#[async_trait]
impl Measure for Quotas {
    async fn measure(&self) -> Result<Vec<Figure>, StoreError> {
        const PATIENTS: &str = "Distinct patients that a sender asked for today";
        let asked = self.store.asked(day(self.clock.now())).await?;
        let limit = self
            .limit
            .map(|limit| Figure::new("quota_limit", "Distinct patients that a sender may ask for in a day", limit.into()));
        let patients = asked.into_iter().map(|(sender, patients)| Figure {
            labels: vec![("sender", sender)],
            ..Figure::new("quota_patients", PATIENTS, patients as f64)
        });
        Ok(limit.into_iter().chain(patients).collect())
    }
}
