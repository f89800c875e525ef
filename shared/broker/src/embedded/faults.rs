use std::time::Duration;

use topology::Route;

/// Decides what goes wrong. A simulation answers from its seed, so that a failure can be replayed.
pub trait Faults: Send {
    /// The fate of a publication that has a queue to go to; `number` counts all of the broker's, from 0.
    fn on_publish(&mut self, route: &Route, number: u64) -> Fate;
}

/// What becomes of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Stored and confirmed.
    Deliver,
    /// Confirmed and gone: a broker that lies. The flow must notice.
    Lose,
    /// Stored twice, confirmed once.
    Duplicate,
    /// Confirmed at once, handed out after this long: later publications overtake it.
    Delay(Duration),
    /// Stored, but the publisher hears [`PublishError::ConfirmLost`](crate::PublishError::ConfirmLost).
    ConfirmLost,
    /// Not stored: the publisher hears [`PublishError::Rejected`](crate::PublishError::Rejected).
    Refuse,
}
