//! What this process is about to hand over.
//!
//! Versions are written down first and handed over then. Whatever comes in between, a store whose answer gets lost, a caller who goes away, a work that panics, they
//! must not lie in the outbox until the process starts again; and while all goes well, who looks through the outbox must not hand them over a second time.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use uuid::Uuid;

/// The items of those versions that somebody in this process is going to hand over.
#[derive(Default)]
pub(crate) struct InHand {
    items: Mutex<HashSet<Uuid>>,
    /// Told that the outbox may hold versions that are in nobody's hand.
    pub(crate) unclear: Notify,
}

impl InHand {
    /// Takes items in hand, before their versions are written down.
    pub(crate) fn take(self: &Arc<Self>, items: impl IntoIterator<Item = Uuid>) -> Holding {
        let items: Vec<Uuid> = items.into_iter().collect();
        self.lock().extend(&items);
        Holding { in_hand: Arc::clone(self), items }
    }

    /// Whether somebody is going to hand this item over.
    pub(crate) fn holds(&self, item: Uuid) -> bool {
        self.lock().contains(&item)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Items in somebody's hand. Where it is dropped before it is [`done`](Self::done), nobody knows what became of them, and the outbox is looked through.
#[must_use = "what is dropped is looked for in the outbox"]
pub(crate) struct Holding {
    in_hand: Arc<InHand>,
    items: Vec<Uuid>,
}

impl Holding {
    /// They were handed over, or it is certain that they were not written down.
    pub(crate) fn done(mut self) {
        self.let_go();
    }

    fn let_go(&mut self) -> bool {
        let mut in_hand = self.in_hand.lock();
        for item in &self.items {
            in_hand.remove(item);
        }
        !std::mem::take(&mut self.items).is_empty()
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if self.let_go() {
            self.in_hand.unclear.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_unclear(in_hand: &InHand) -> bool {
        in_hand.unclear.notified().now_or_never().is_some()
    }

    #[test]
    fn what_is_dropped_is_looked_for_and_what_is_done_is_not() {
        let in_hand = Arc::new(InHand::default());
        let [one, other] = [1, 2].map(Uuid::from_u128);
        let (first, second) = (in_hand.take([one]), in_hand.take([other]));
        assert!(in_hand.holds(one) && in_hand.holds(other) && !is_unclear(&in_hand));
        first.done();
        assert!(!in_hand.holds(one) && in_hand.holds(other) && !is_unclear(&in_hand));
        drop(second);
        assert!(!in_hand.holds(other) && is_unclear(&in_hand));
        drop(in_hand.take([]));
        assert!(!is_unclear(&in_hand));
    }
}
