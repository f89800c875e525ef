//! Wakes a sender however the write that it waits for has ended.

use tokio::sync::Notify;

/// Wakes whoever sleeps on a [`Notify`] when it is dropped.
///
/// A write that failed may have been done all the same: the connection to the database broke before its answer came. And whoever waits for a write, such as a request
/// that its caller breaks off, may go away when it is done and before anybody was told. In both cases something is durable that nobody puts on its way, so what looks
/// through the store is woken by whatever ends.
#[must_use = "it wakes when it is dropped"]
pub struct WakeOnDrop<'a> {
    sleeper: Option<&'a Notify>,
}

impl<'a> WakeOnDrop<'a> {
    /// Wakes this sleeper, unless it turns out that there is [`no need`](Self::no_need).
    pub fn new(sleeper: &'a Notify) -> Self {
        Self { sleeper: Some(sleeper) }
    }

    /// Whatever was written is on its way, or it is certain that nothing was.
    pub fn no_need(mut self) {
        self.sleeper = None;
    }
}

impl Drop for WakeOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(sleeper) = self.sleeper {
            sleeper.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn whoever_drops_it_wakes_the_sleeper_unless_there_is_no_need() {
        let sleeper = Notify::new();
        let is_woken = || sleeper.notified().now_or_never().is_some();
        WakeOnDrop::new(&sleeper).no_need();
        assert!(!is_woken());
        drop(WakeOnDrop::new(&sleeper));
        assert!(is_woken());
    }
}
