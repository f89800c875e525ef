//! The points where a simulation may crash a service, and where one that stands alone counts.

use futures_util::future::BoxFuture;

/// A point in the handling of a batch at which a crash has its own consequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// The effect is decided and nothing of it is durable.
    BeforeCommit,
    /// The effect is durable, and nothing was published yet.
    AfterCommit,
    /// Everything is durable and published; the delivery is not acknowledged.
    BeforeAck,
}

impl Point {
    /// All points, in the order in which a batch reaches them.
    pub const ALL: [Self; 3] = [Self::BeforeCommit, Self::AfterCommit, Self::BeforeAck];
}

/// Is told when a service reaches a point. A simulation that wants a crash there returns a future that never completes and then
/// drops the service's work.
pub trait Probe: Send + Sync {
    /// `service` has reached `point`; `None` lets it go on at once.
    fn reach(&self, service: &str, point: Point) -> Option<BoxFuture<'static, ()>>;

    /// `work`, a queue or a service, failed at something and is going to try it again.
    fn retried(&self, work: &str) {
        let _ = work;
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn reach(&self, _service: &str, _point: Point) -> Option<BoxFuture<'static, ()>> {
        None
    }
}

impl crate::Context {
    /// Passes `point` in the name of `service`.
    pub async fn reach(&self, service: &str, point: Point) {
        if let Some(hold) = self.probe.reach(service, point) {
            hold.await;
        }
    }
}
