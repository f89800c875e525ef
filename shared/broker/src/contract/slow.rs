use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::{Clock as _, SimulatedClock, Timestamp};
use topology::Route;
use uuid::Uuid;

use crate::{EmbeddedOptions, Fate, Faults};

/// Confirms that take their time, of which the first is lost. By them it is found who notes a sending as of its confirm, or of the first
/// attempt, where a reader may have it passed on before.
#[derive(Debug, Clone)]
pub struct SlowConfirms {
    clock: SimulatedClock,
    attempts: Arc<Mutex<Vec<Timestamp>>>,
}

impl SlowConfirms {
    /// How long one takes.
    pub const AFTER: Duration = Duration::from_secs(5);

    /// Confirms that move this clock on.
    #[must_use]
    pub fn new(clock: SimulatedClock) -> Self {
        Self { clock, attempts: Arc::default() }
    }

    /// A broker's options with them.
    #[must_use]
    pub fn options(&self, incarnation: Uuid) -> EmbeddedOptions {
        EmbeddedOptions { faults: Some(Box::new(self.clone())), ..EmbeddedOptions::new(incarnation) }
    }

    /// When each publication was sent.
    #[must_use]
    pub fn attempts(&self) -> Vec<Timestamp> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Faults for SlowConfirms {
    fn on_publish(&mut self, _: &Route, number: u64) -> Fate {
        let now = self.clock.now();
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        self.clock.advance_to(now.plus(Self::AFTER));
        if number == 0 { Fate::ConfirmLost } else { Fate::Deliver }
    }
}
