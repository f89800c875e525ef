//! How long to wait before the next attempt.

use std::time::Duration;

/// Doubles from 20 ms to 5 s. One consumer reads each queue, so there is no herd to spread, and no jitter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(20);
    const LONGEST: Duration = Duration::from_secs(5);

    /// The wait after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        let wait = Self::FIRST.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        wait.min(Self::LONGEST)
    }

    /// Starts again from the shortest wait.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How many failures there were since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest_and_stays_there() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.after_failure(), Duration::from_millis(20));
        assert_eq!(backoff.after_failure(), Duration::from_millis(40));
        for _ in 0..100 {
            backoff.after_failure();
        }
        assert_eq!(backoff.after_failure(), Duration::from_secs(5));
        backoff.reset();
        assert_eq!(backoff.after_failure(), Duration::from_millis(20));
    }
}
