//! A clock that ticks like the system's and can be moved forward.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{self, BoxFuture, Either, FutureExt};
use tokio::sync::watch;

use crate::{Clock, SystemClock, Timestamp};

/// The system's clock plus an offset. [`OffsetClock::jump`] moves it forward while everything runs, so that a demonstration need
/// not wait 48 hours for its NOK; sleepers notice the jump at once.
#[derive(Debug, Clone)]
pub struct OffsetClock {
    offset: Arc<Mutex<watch::Sender<Duration>>>,
    changed: watch::Receiver<Duration>,
}

impl Default for OffsetClock {
    fn default() -> Self {
        let (sender, changed) = watch::channel(Duration::ZERO);
        Self { offset: Arc::new(Mutex::new(sender)), changed }
    }
}

impl OffsetClock {
    /// Moves the clock forward by `step`.
    pub fn jump(&self, step: Duration) {
        self.offset.lock().unwrap_or_else(PoisonError::into_inner).send_modify(|offset| *offset += step);
    }
}

impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(*self.changed.borrow())
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        async move {
            let mut changed = clock.changed.clone();
            while clock.now() < at {
                let remaining = at.since(clock.now());
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
}
