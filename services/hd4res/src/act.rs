//! Step 6 back at work: what the researcher does to a record, and the sending of the feedback that it makes.

use envelope::{B64, ItemId, KeyIdHex};
use hd_messages::{OutgoingFeedback, OutgoingItem};
use host::Point;
use registration::Place;
use store::{Outcome, Passage, StoreError};
use topology::Arrow;

use crate::{
    record::{ActRefusal, Action},
    service::{Hd4res, PAGE, SERVICE, fitting},
    store::{Acted, UnsentFeedback},
};

impl Hd4res {
    /// Acts on a record in the name of the role `author`, for instance `researcher`; never of a person or a patient. The feedback is
    /// durable when this is done, and sent afterwards. A refusal is a value: trying again does not help.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn act(&self, record: i64, action: &Action, author: &str) -> Result<Result<Acted, ActRefusal>, StoreError> {
        let column = |dcd: &str, version: u32, place: Place| self.definitions.exact(dcd, version)?.column_at(place);
        self.context.reach(SERVICE, Point::BeforeCommit).await;
        let acted = self.store().act(record, action, &column, author, self.context.clock.now()).await?;
        // Before anything can stop this: a sender that wakes for nothing costs nothing.
        self.feedback_waits.notify_one();
        self.context.reach(SERVICE, Point::AfterCommit).await;
        Ok(acted)
    }

    /// Sends what is unsent, at the start and whenever there may be more.
    pub(crate) async fn send_feedback(&self) {
        loop {
            self.send_unsent().await;
            self.feedback_waits.notified().await;
        }
    }

    async fn send_unsent(&self) {
        loop {
            let page = self.keep_trying(|| self.store().unsent(PAGE)).await;
            if page.is_empty() {
                return;
            }
            let mut rest = page.as_slice();
            while !rest.is_empty() {
                // The handle travels with the feedback.
                let (now, later) = rest.split_at(fitting(rest.iter().map(|one| one.handle.len() + one.bytes.len())));
                self.send(now).await;
                rest = later;
            }
        }
    }

    /// Publishes feedback and notes that the broker confirmed it. A crash in between sends it twice, and the hospital ignores the second,
    /// whose number is not higher.
    async fn send(&self, feedbacks: &[UnsentFeedback]) {
        let id = self.new_publication();
        let outgoing = || OutgoingFeedback { items: feedbacks.iter().map(item).collect() };
        self.keep_trying(|| self.publish(Arrow::FeedbackOut, id, outgoing())).await;
        let at = self.context.clock.now();
        let passage = Passage {
            publication: id.uuid(),
            step: Arrow::FeedbackOut.step(),
            queue: Arrow::FeedbackOut.queue(None).to_string(),
            at,
            outcome: Outcome::Sent,
            items: feedbacks.iter().map(|one| one.item_id).collect(),
        };
        let numbers: Vec<i64> = feedbacks.iter().map(|one| one.feedback).collect();
        self.context.reach(SERVICE, Point::BeforeCommit).await;
        self.keep_trying(|| self.store().feedback_sent(&numbers, at, std::slice::from_ref(&passage))).await;
        self.context.reach(SERVICE, Point::AfterCommit).await;
    }
}

fn item(unsent: &UnsentFeedback) -> OutgoingItem {
    OutgoingItem {
        id: ItemId::from_uuid(unsent.item_id),
        handle: B64(unsent.handle.clone()),
        hospital: KeyIdHex(unsent.hospital),
        feedback: B64(unsent.bytes.clone()),
    }
}

#[cfg(test)]
mod tests;
