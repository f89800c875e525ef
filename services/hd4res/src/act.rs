//! Step 6 back at work: what the researcher does to a record, and the sending of the feedback that it makes.

use std::time::Duration;

use envelope::{B64, ItemId, KeyIdHex};
use hd_messages::{OutgoingFeedback, OutgoingItem};
use host::{Point, Stopping, WakeOnDrop, resend};
use registration::Place;
use store::{Outcome, Passage, StoreError};
use topology::Arrow;

use crate::{
    record::{ActRefusal, Action},
    service::{Hd4res, PAGE, SERVICE, fitting},
    store::{Act, Acted, By, DueFeedback, Sent},
};

/// Between two sendings, for what a researcher does to many records to go in few publications. The first one goes at once.
const GATHERING: Duration = Duration::from_millis(25);

impl Hd4res {
    /// Acts on a record. The feedback is durable when this is done, and sent afterwards. A refusal is a value: trying again does not help.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn act(&self, record: i64, action: &Action, by: &By<'_>) -> Result<Result<Acted, ActRefusal>, StoreError> {
        let column = |dcd: &str, version: u32, place: Place| self.definitions.exact(dcd, version)?.column_at(place);
        self.context.reach(SERVICE, Point::BeforeCommit).await;
        // However it ends: a sender that wakes for nothing costs nothing.
        let _waking = WakeOnDrop::new(&self.feedback_waits);
        let acted = self.store().act(record, action, &column, by, self.context.clock.now()).await?;
        self.context.reach(SERVICE, Point::AfterCommit).await;
        Ok(acted)
    }

    /// Acts on many records, for a researcher who selects them in a list: one transaction for all. A refusal is one record's own.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing was done then.
    pub async fn act_on_all(&self, acts: &[Act<'_>]) -> Result<Vec<Result<Acted, ActRefusal>>, StoreError> {
        let column = |dcd: &str, version: u32, place: Place| self.definitions.exact(dcd, version)?.column_at(place);
        self.context.reach(SERVICE, Point::BeforeCommit).await;
        let _waking = WakeOnDrop::new(&self.feedback_waits);
        let acted = self.store().act_on_all(acts, &column, self.context.clock.now()).await?;
        self.context.reach(SERVICE, Point::AfterCommit).await;
        Ok(acted)
    }

    /// Sends what is due, at the start, whenever there may be more, and again what has no receipt when its time comes.
    pub(crate) async fn send_feedback(&self, stopping: &Stopping) {
        let clock = &*self.context.clock;
        while !stopping.is_told() {
            let has_sent = self.send_due(stopping).await;
            let now = clock.now();
            // Whatever is sent from now on is not due again before 48 hours have passed.
            let horizon = now.plus(resend::NOK_AFTER);
            let next = self.keep_trying(|| self.outbox().next_due()).await.map_or(horizon, |due| due.min(horizon));
            // Woken or not: there may be something to send.
            tokio::select! {
                biased;
                () = stopping.told() => return,
                () = self.feedback_waits.notified() => {}
                () = clock.sleep_until(next) => {}
            }
            if has_sent {
                tokio::select! {
                    biased;
                    () = stopping.told() => return,
                    () = clock.sleep_until(now.plus(GATHERING)) => {}
                }
            }
        }
    }

    /// Whether there was anything.
    async fn send_due(&self, stopping: &Stopping) -> bool {
        let mut has_sent = false;
        loop {
            let now = self.context.clock.now();
            let page = self.keep_trying(|| self.outbox().due(now, PAGE)).await;
            if page.is_empty() || stopping.is_told() {
                return has_sent;
            }
            has_sent = true;
            let (first, again): (Vec<DueFeedback>, Vec<DueFeedback>) =
                page.into_iter().partition(|one| one.first_sent_at.is_none());
            for (feedbacks, outcome) in [(first, Outcome::Sent), (again, Outcome::Resent)] {
                let mut rest = feedbacks.as_slice();
                while !rest.is_empty() {
                    // The handle travels with the feedback.
                    let (now, later) = rest.split_at(fitting(rest.iter().map(|one| one.handle.len() + one.bytes.len())));
                    self.send(now, &outcome).await;
                    rest = later;
                }
            }
        }
    }

    /// Publishes feedback and notes that the broker confirmed it. A crash in between sends it twice, and the hospital ignores the second,
    /// whose number is not higher.
    async fn send(&self, feedbacks: &[DueFeedback], outcome: &Outcome) {
        let id = self.new_publication();
        let outgoing = || OutgoingFeedback { items: feedbacks.iter().map(item).collect() };
        // As HD4DP: when it was sent, not when that was confirmed.
        let mut at = self.context.clock.now();
        self.keep_trying(|| {
            at = self.context.clock.now();
            self.publish(Arrow::FeedbackOut, id, outgoing(), None)
        })
        .await;
        let passage = Passage {
            publication: id.uuid(),
            step: Arrow::FeedbackOut.step(),
            queue: Arrow::FeedbackOut.queue(None).to_string(),
            at,
            outcome: outcome.clone(),
            items: feedbacks.iter().map(|one| one.item_id).collect(),
        };
        let next_send_at = |one: &DueFeedback| resend::next_send(one.first_sent_at.unwrap_or(at), at);
        let sent = feedbacks.iter().map(|one| Sent { feedback: one.feedback, next_send_at: next_send_at(one) });
        let sent: Vec<Sent> = sent.collect();
        self.context.reach(SERVICE, Point::BeforeCommit).await;
        self.keep_trying(|| self.outbox().sent(&sent, at, std::slice::from_ref(&passage))).await;
        self.context.reach(SERVICE, Point::AfterCommit).await;
    }
}

fn item(due: &DueFeedback) -> OutgoingItem {
    OutgoingItem {
        id: ItemId::from_uuid(due.item_id),
        handle: B64(due.handle.clone()),
        hospital: KeyIdHex(due.hospital),
        feedback: B64(due.bytes.clone()),
    }
}

#[cfg(test)]
mod tests;
