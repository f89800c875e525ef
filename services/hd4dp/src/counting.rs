//! How many registrations wait for an answer, and the window that this keeps open or shuts.

use std::time::Duration;

use host::WakeOnDrop;
use store::StoreError;

use crate::service::Hd4dp;

/// How long a full window may stand still before it is taken to hold what will not be answered soon.
const PATIENCE: Duration = Duration::from_secs(2);

impl Hd4dp {
    /// How many registrations wait for an answer.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        u64::try_from(*self.waiting.borrow()).unwrap_or(0)
    }

    /// Waits until nothing waits for an answer.
    pub async fn answered(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting <= 0).await;
    }

    /// Writes, and counts how many more registrations wait for an answer by it, or how many fewer; the store says so, since answers come at any time. Where its answer
    /// is lost they are counted anew, since the write may have been done.
    pub(crate) async fn counted<T>(
        &self,
        write: impl Future<Output = Result<T, StoreError>>,
        more: impl FnOnce(&T) -> i64,
    ) -> Result<T, StoreError> {
        let unclear = WakeOnDrop::new(&self.in_hand.unclear);
        let _counting = self.counting.read().await;
        let written = write.await?;
        self.waiting.send_modify(|waiting| *waiting = waiting.saturating_add(more(&written)));
        unclear.no_need();
        Ok(written)
    }

    /// Counts anew how many registrations wait for an answer.
    pub(crate) async fn count(&self) -> Result<(), StoreError> {
        let _alone = self.counting.write().await;
        let waiting = self.parts.store.waiting().await?;
        self.waiting.send_replace(signed(waiting));
        Ok(())
    }

    /// Waits until fewer registrations wait for an answer than the window has room for. What never gets an answer must not block what
    /// would, so a window in which nothing moves for a while opens by itself.
    pub(crate) async fn wait_for_room(&self) {
        let mut waiting = self.waiting.subscribe();
        let clock = &*self.parts.context.clock;
        while *waiting.borrow_and_update() > signed(self.parts.window) {
            match clock::timeout(clock, PATIENCE, waiting.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(clock::Elapsed) => return,
            }
        }
    }
}

pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
