//! The clock of one service: the world's, and how wrong it is.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use clock::{Clock, SimulatedClock, Timestamp};
use futures_util::future::BoxFuture;

/// A clock that may be set. Who sleeps does not notice, as nobody does whose timers run on a monotonic clock.
#[derive(Clone)]
pub(crate) struct ServiceClock<C = SimulatedClock> {
    world: C,
    /// Microseconds before the world's time; behind it when negative.
    ahead: Arc<AtomicI64>,
}

impl<C: Clock + Clone> ServiceClock<C> {
    pub(crate) fn new(world: &C) -> Self {
        Self { world: world.clone(), ahead: Arc::default() }
    }

    /// Sets it so many minutes on, or back when negative.
    pub(crate) fn jump(&self, minutes: i64) {
        self.ahead.fetch_add(minutes.saturating_mul(60_000_000), Ordering::Relaxed);
    }
}

impl<C: Clock> fmt::Debug for ServiceClock<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceClock").field(&self.now()).finish()
    }
}

impl<C: Clock> Clock for ServiceClock<C> {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.world.now().as_micros().saturating_add(self.ahead.load(Ordering::Relaxed)))
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        self.world.sleep_until(self.world.now().plus(at.since(self.now())))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_was_set_sleeps_as_long_and_tells_another_time() {
        let start = Timestamp::from_micros(1_000_000_000_000);
        let (hour, mut executor) = (Duration::from_secs(3600), clock::simulation::Executor::new(1, start));
        let clock = ServiceClock::new(&executor.clock());
        for minutes in [120, -300] {
            clock.jump(minutes);
            let (world, own) = (executor.clock().now(), clock.now());
            let sleep = clock.sleep_until(own.plus(hour));
            executor.block_on(sleep);
            assert_eq!(executor.clock().now(), world.plus(hour));
            assert_eq!(clock.now(), own.plus(hour));
        }
        // Two hours on, five back, and two hours slept.
        assert_eq!(clock.now(), Timestamp::from_micros(start.as_micros() - 3_600_000_000));
    }
}
