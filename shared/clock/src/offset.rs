//! A clock that ticks like the system's and can be set.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{self, BoxFuture, Either, FutureExt};
use tokio::sync::watch;

use crate::{Clock, SystemClock, Timestamp};

/// The system's clock plus an offset. [`OffsetClock::jump`] moves it forward while everything runs, so that a demonstration need
/// not wait 48 hours for its NOK; sleepers notice the jump at once. [`OffsetClock::jump_back`] sets it back; who sleeps already sleeps no longer
/// for that, as timers are not set with the clock. Clocks of several processes with one offset show one time.
#[derive(Debug, Clone)]
pub struct OffsetClock {
    offset: Arc<Mutex<watch::Sender<Offset>>>,
    changed: watch::Receiver<Offset>,
}

/// How far the clock was set, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Offset {
    /// Before the system's time; behind it when negative.
    micros: i64,
    /// All steps back together.
    back: i64,
}

impl Default for OffsetClock {
    fn default() -> Self {
        let (sender, changed) = watch::channel(Offset::default());
        Self { offset: Arc::new(Mutex::new(sender)), changed }
    }
}

impl OffsetClock {
    /// Moves the clock forward by `step`.
    pub fn jump(&self, step: Duration) {
        self.step(|micros| micros.saturating_add(in_micros(step)));
    }

    /// Sets the clock back by `step`.
    pub fn jump_back(&self, step: Duration) {
        self.step(|micros| micros.saturating_sub(in_micros(step)));
    }

    /// Sets it so many microseconds before the system's time, or behind it when negative.
    pub fn set(&self, offset_micros: i64) {
        self.step(|_| offset_micros);
    }

    /// Microseconds that it is before the system's time.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.changed.borrow().micros
    }

    fn step(&self, to: impl FnOnce(i64) -> i64) {
        self.offset.lock().unwrap_or_else(PoisonError::into_inner).send_modify(|offset| {
            let micros = to(offset.micros);
            offset.back = offset.back.saturating_add(offset.micros.saturating_sub(micros).max(0));
            offset.micros = micros;
        });
    }

    /// The time as it would be without the steps back beyond `back`.
    fn with(&self, back: i64) -> Timestamp {
        let offset = *self.changed.borrow();
        let undone = offset.back.saturating_sub(back);
        Timestamp::from_micros(SystemClock.now().as_micros().saturating_add(offset.micros).saturating_add(undone))
    }
}

fn in_micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().as_micros().saturating_add(self.offset()))
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        // Later steps back do not lengthen this sleep.
        let back = self.changed.borrow().back;
        async move {
            let mut changed = clock.changed.clone();
            while clock.with(back) < at {
                let remaining = at.since(clock.with(back));
                let tick = SystemClock.sleep_until(SystemClock.now().plus(remaining));
                let jump = changed.changed().boxed();
                match future::select(tick, jump).await {
                    Either::Left(_) | Either::Right((Ok(()), _)) => {}
                    // The clock itself holds the sender, so this cannot happen while `clock` lives.
                    Either::Right((Err(_), tick)) => tick.await,
                }
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_jump_wakes_who_sleeps_past_it() {
        let clock = OffsetClock::default();
        let due = clock.now().plus(Duration::from_secs(48 * 3600));
        let sleeper = tokio::spawn(clock.sleep_until(due));
        clock.jump(Duration::from_secs(49 * 3600));
        sleeper.await.unwrap();
        assert!(clock.now() >= due);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_lets_nobody_sleep_longer() {
        let clock = OffsetClock::default();
        let (before, hour) = (clock.now(), Duration::from_secs(3600));
        let sleeper = tokio::spawn(clock.sleep_until(before.plus(hour)));
        tokio::task::yield_now().await;
        clock.jump_back(24 * hour);
        assert!(clock.now() < before);
        clock.jump(hour);
        sleeper.await.unwrap();
        assert!(clock.now() < before);
    }

    #[tokio::test]
    async fn it_is_set_behind_the_system_too() {
        let clock = OffsetClock::default();
        clock.set(-3_600_000_000);
        assert_eq!(clock.offset(), -3_600_000_000);
        assert!(clock.now() < SystemClock.now());
        let other = clock.clone();
        other.set(7);
        assert_eq!(clock.offset(), 7);
    }
}
