//! Time as a parameter.
//!
//! Everything that waits (the 48 hours until NOK, the resends until day 10, every backoff) asks a [`Clock`], so that ten days pass
//! in a test while one thread runs. Three clocks exist: the system's, one with a movable offset that goes on ticking, and a
//! simulated one that moves only when the [`simulation::Executor`] finds nothing runnable.

mod offset;
pub mod simulation;
mod system;
mod timestamp;

use std::{fmt::Debug, future::Future, pin::pin, time::Duration};

use futures_util::future::{self, BoxFuture, Either};

pub use offset::OffsetClock;
pub use simulation::SimulatedClock;
pub use system::SystemClock;
pub use timestamp::{Timestamp, TimestampError};

/// A source of time that can also be waited on.
pub trait Clock: Send + Sync + Debug {
    /// The moment that it is now on this clock.
    fn now(&self) -> Timestamp;

    /// Completes at `at`, or at once when `at` is not in the future.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// The time given to [`timeout`] passed before the future was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the time for it has passed")
    }
}

impl std::error::Error for Elapsed {}

/// Waits for `work` for `limit` at most.
///
/// # Errors
///
/// [`Elapsed`] when the time passed first; `work` is dropped then.
pub async fn timeout<F: Future>(clock: &dyn Clock, limit: Duration, work: F) -> Result<F::Output, Elapsed> {
    let alarm = clock.sleep_until(clock.now().plus(limit));
    match future::select(pin!(work), alarm).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((), _)) => Err(Elapsed),
    }
}

/// Waits for `pause` from now on.
pub async fn sleep(clock: &dyn Clock, pause: Duration) {
    clock.sleep_until(clock.now().plus(pause)).await;
}
