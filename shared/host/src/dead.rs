//! Items that can never be handled, and trouble that passes.

use broker::{Broker, Payload, PublishError, TraceParent};
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
    /// The keys of the service cannot be read: they are just being renewed, or their folder is broken.
    #[error("read the keys again")]
    Keys(#[source] Box<dyn std::error::Error + Send + Sync>),
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
    /// Why: a code of docs/WIRE.md.
    pub code: &'static str,
    /// The message with this one item.
    pub data: D,
}

/// A dead letter that has room for its reason, ready to be published.
#[derive(Debug)]
pub struct WrittenLetter {
    item: ItemId,
    source: Source,
    code: &'static str,
    payload: Payload,
}

impl<D: Message> DeadLetter<D> {
    /// Writes it, to be published later.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError::TooLarge`] when the item filled its publication, so that there is no room for the reason.
    pub fn write(self, now: Timestamp) -> Result<WrittenLetter, EnvelopeError> {
        let Self { incoming, item, source, code, data } = self;
        let id = incoming.derived(&format!("dead {item}"));
        let mut publication = Publication::new(id, source.clone(), now, data);
        publication.reason = code.parse().ok();
        Ok(WrittenLetter { item, source, code, payload: publication.encode()? })
    }

    /// Writes and publishes it, for what stands at this place in a trace; done when confirmed.
    ///
    /// # Errors
    ///
    /// [`Trouble`] of the broker, or of the envelope.
    pub async fn publish(
        self,
        broker: &dyn Broker,
        route: &Route,
        now: Timestamp,
        trace: Option<TraceParent>,
    ) -> Result<(), Trouble> {
        Ok(self.write(now)?.publish(broker, route, trace).await?)
    }
}

impl WrittenLetter {
    /// Publishes it for what stands at this place in a trace; done when confirmed.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    pub async fn publish(self, broker: &dyn Broker, route: &Route, trace: Option<TraceParent>) -> Result<(), PublishError> {
        tracing::warn!(item = %self.item, code = self.code, source = %self.source, "an item is set aside as a dead letter");
        broker.publish_traced(route, self.payload, trace).await
    }
}
