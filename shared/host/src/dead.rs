//! Items that can never be handled, and trouble that passes.

use broker::{Broker, PublishError};
use clock::Timestamp;
use envelope::{EnvelopeError, ItemId, Message, Publication, PublicationId, Source};
use store::StoreError;
use topology::Route;

/// Why a batch could not be handled now. All of it is retried with the delivery kept: none of it is the item's fault.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The store does not take it.
    #[error("keep it in the store")]
    Store(#[from] StoreError),
    /// The broker does not take it.
    #[error("publish it")]
    Publish(#[from] PublishError),
    /// A publication of ours cannot be written; a defect, which a later version of the program may mend.
    #[error("write a publication")]
    Envelope(#[from] EnvelopeError),
}

/// A bad item on its way into the dead-letter queue: a publication of one, as it came and so still sealed, under a new id and with a
/// reason code.
#[derive(Debug)]
pub struct DeadLetter<D> {
    /// The publication that it came in.
    pub incoming: PublicationId,
    /// The item.
    pub item: ItemId,
    /// Who sent it: it stays, since it says under whose key the item opens when it is put back.
    pub source: Source,
    /// Why: a code of docs/ERRORS.md.
    pub code: &'static str,
    /// The message with this one item.
    pub data: D,
}

impl<D: Message> DeadLetter<D> {
    /// Publishes it; done when confirmed.
    ///
    /// # Errors
    ///
    /// [`Trouble`] of the broker.
    pub async fn publish(self, broker: &dyn Broker, route: &Route, now: Timestamp) -> Result<(), Trouble> {
        tracing::warn!(item = %self.item, code = self.code, source = %self.source, "an item is set aside as a dead letter");
        let id = self.incoming.derived(&format!("dead {}", self.item));
        let mut publication = Publication::new(id, self.source, now, self.data);
        publication.reason = self.code.parse().ok();
        broker.publish(route, publication.encode()?).await?;
        Ok(())
    }
}
