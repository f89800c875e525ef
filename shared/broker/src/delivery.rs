use std::{fmt, sync::Arc};

use crate::{BrokerError, Payload, TraceParent, cable, embedded, rabbit};

/// A publication that is out for handling. It must get a verdict; dropping it without one gives it back to its queue, at once unless it is [`Delivery::leaving`].
pub struct Delivery {
    /// What was published.
    pub payload: Payload,
    /// Whether it was out before, so that an earlier attempt may have had an effect.
    pub redelivered: bool,
    /// Its place in a trace, where its publisher gave it one.
    pub trace: Option<TraceParent>,
    claim: Claim,
}

impl Delivery {
    pub(crate) fn new(payload: Payload, redelivered: bool, handle: Handle) -> Self {
        Self { payload, redelivered, trace: None, claim: Claim { handle: Some(handle), on_drop: Verdict::Requeue } }
    }

    pub(crate) const fn with_trace(mut self, trace: Option<TraceParent>) -> Self {
        self.trace = trace;
        self
    }

    /// The same delivery; `witness` hears its verdict when it has one, and whether the broker could still be told.
    #[must_use]
    pub fn witnessed(mut self, witness: impl FnOnce(Verdict, &Result<(), BrokerError>) + Send + Sync + 'static) -> Self {
        self.claim.handle = self.claim.handle.take().map(|inner| Handle::Witnessed(Box::new(inner), Box::new(witness)));
        self
    }

    /// The same delivery, with its say where `lead` puts it.
    pub(crate) fn led(mut self, lead: impl FnOnce(Handle) -> Arc<cable::Slot>) -> Self {
        self.claim.handle = self.claim.handle.take().map(|handle| Handle::Led(lead(handle)));
        self
    }

    /// Takes it off the queue for good. The broker acts on it a moment later; if it never hears of it, the publication comes back.
    ///
    /// # Errors
    ///
    /// [`BrokerError::ConnectionLost`] when the delivery has gone back to its queue already.
    pub fn ack(self) -> Result<(), BrokerError> {
        self.claim.settle(Verdict::Ack)
    }

    /// Gives it back to its queue, at its old place. Counts towards the delivery limit.
    ///
    /// # Errors
    ///
    /// As [`Delivery::ack`].
    pub fn requeue(self) -> Result<(), BrokerError> {
        self.claim.settle(Verdict::Requeue)
    }

    /// The same delivery, which is left when it is dropped without a verdict, and not requeued. What a consumer gave out and is left goes back together, in the order in
    /// which it was given out: at the latest when the consumer is dropped and nothing that it gave out is held any more. Many that are requeued one by one may lose
    /// their order. Counts towards the delivery limit.
    #[must_use]
    pub fn leaving(mut self) -> Self {
        self.claim.on_drop = Verdict::Leave;
        self
    }

    /// Moves it to the dead-letter queue.
    ///
    /// # Errors
    ///
    /// As [`Delivery::ack`].
    pub fn reject(self) -> Result<(), BrokerError> {
        self.claim.settle(Verdict::Reject)
    }
}

impl fmt::Debug for Delivery {
    /// Its length only: in a hospital's zone the payload identifies patients.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("bytes", &self.payload.len())
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is off the queue.
    Ack,
    /// It is back in its queue.
    Requeue,
    /// None: it goes back with its consumer.
    Leave,
    /// It is in the dead-letter queue.
    Reject,
}

/// Hears a verdict.
type Witness = Box<dyn FnOnce(Verdict, &Result<(), BrokerError>) + Send + Sync>;

pub(crate) enum Handle {
    Embedded(embedded::Ticket),
    Rabbit(rabbit::Ticket),
    Led(Arc<cable::Slot>),
    Witnessed(Box<Handle>, Witness),
}

impl Handle {
    pub(crate) fn settle(self, verdict: Verdict) -> Result<(), BrokerError> {
        match self {
            Self::Embedded(ticket) => ticket.settle(verdict),
            Self::Rabbit(ticket) => ticket.settle(verdict),
            Self::Led(slot) => slot.settle(verdict),
            Self::Witnessed(inner, witness) => {
                let settled = inner.settle(verdict);
                witness(verdict, &settled);
                settled
            }
        }
    }
}

/// The right to give one verdict. A field of its own, so that the payload can be moved out of a delivery.
struct Claim {
    handle: Option<Handle>,
    on_drop: Verdict,
}

impl Claim {
    fn settle(mut self, verdict: Verdict) -> Result<(), BrokerError> {
        self.handle.take().map_or(Ok(()), |handle| handle.settle(verdict))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            // A lost connection has given it back already.
            let _ = handle.settle(self.on_drop);
        }
    }
}
