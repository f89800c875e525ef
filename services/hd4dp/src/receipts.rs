//! Step 3 for receipts: tells HD4RES that the hospital has a researcher's feedback.
//!
//! A receipt is not written down here. HD4RES sends a feedback again that has none, and whatever comes again is answered again; so a receipt
//! that is lost costs a sending, and nothing else.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use envelope::Capacity;
use hco_messages::SubmissionItem;
use host::Stopping;
use store::Outcome;
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use crate::service::Hd4dp;

/// Receipts that may wait to be handed over. Taking feedback never waits for the way forward: what is above this is left to the next time.
const RECEIPTS_MAX: usize = 20_000;

/// Between two hand-overs, for the receipts of many small publications to go in few.
const GATHERING: Duration = Duration::from_millis(25);

/// Receipts between the taking of feedback and the hand-over.
pub(crate) struct Receipts {
    noted: mpsc::Sender<SubmissionItem>,
    to_send: AsyncMutex<mpsc::Receiver<SubmissionItem>>,
    waiting: AtomicU64,
}

impl Default for Receipts {
    fn default() -> Self {
        let (noted, to_send) = mpsc::channel(RECEIPTS_MAX);
        Self { noted, to_send: AsyncMutex::new(to_send), waiting: AtomicU64::new(0) }
    }
}

impl Receipts {
    /// Puts receipts on their way, without waiting.
    pub(crate) fn note(&self, receipts: Vec<SubmissionItem>) {
        let mut left_out = 0_u64;
        for receipt in receipts {
            // Counted first, or whoever takes it out could count it away before.
            self.waiting.fetch_add(1, Ordering::Relaxed);
            if self.noted.try_send(receipt).is_err() {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                left_out += 1;
            }
        }
        if left_out > 0 {
            tracing::warn!(receipts = left_out, "too many receipts wait; healthdata will send these feedbacks again");
        }
    }

    /// How many are not handed over yet.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Receipts that were taken out; counted away when they are handed over, or when the work that does it ends in the middle.
struct Taken<'a> {
    receipts: &'a Receipts,
    items: Vec<SubmissionItem>,
    count: u64,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.receipts.waiting.fetch_sub(self.count, Ordering::Relaxed);
    }
}

impl Hd4dp {
    /// Hands receipts over, as long as the service lives.
    pub(crate) async fn answer_feedback(&self, stopping: &Stopping) {
        let mut to_send = self.receipts.to_send.lock().await;
        let limit = self.publication_size().max(1);
        loop {
            let mut taken = Taken { receipts: &self.receipts, items: Vec::new(), count: 0 };
            let received = tokio::select! {
                biased;
                () = stopping.told() => return,
                received = to_send.recv_many(&mut taken.items, limit) => received,
            };
            if received == 0 {
                return;
            }
            taken.count = taken.items.len() as u64;
            // In the order of their arrival they would tell the TTP which feedbacks they answer.
            self.context().chance.shuffle(&mut taken.items);
            while !taken.items.is_empty() {
                let mut capacity = Capacity::new(limit);
                let fitting = taken.items.iter().take_while(|item| capacity.take(item.content.len())).count().max(1);
                let publication = taken.items.drain(..fitting).collect();
                if let Some(passage) = self.give_to_client(publication, &Outcome::Sent).await {
                    self.keep_trying(|| self.store().record(std::slice::from_ref(&passage))).await;
                }
            }
            drop(taken);
            tokio::select! {
                biased;
                () = stopping.told() => return,
                () = clock::sleep(&*self.context().clock, GATHERING) => {}
            }
        }
    }
}
