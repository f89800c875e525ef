//! What hosts a service.
//!
//! A service is a set of [`Work`]: endless futures, one per queue that it reads and one per timer that it keeps. A process runs them
//! with [`supervise`]; the simulation runs the same ones on its own executor and kills them at [`Point`]s.
//!
//! - [`station`]: the delivery loop: receive, handle, acknowledge; retry in place.
//! - [`relay`]: a station that passes on what it reads, transformed: all that messaging clients and TTP do.
//! - [`disposition`]: what becomes of an item that could not be handled.
//! - [`resend`]: when something is sent again that has no answer.
//! - [`retention`]: how long a party keeps its itinerary.
//! - [`probe`]: the points where a simulation can crash a service.
//! - [`chance`]: randomness for ids and shuffling, seeded in simulations.
//! - [`wake`]: wakes a sender however the write ended that it waits for.
//! - [`stand_alone`]: a service as a process of its own.
//! - [`watch`]: looks from time to time whether keys were renewed.
//! - [`environment`]: settings by environment variables; [`flaw`]: what is wrong with settings.
//! - [`health`]: whether a service that stands alone is ready.
//! - [`metrics`]: what it counts, for Prometheus.
//! - [`backoff`], [`config`], [`logging`], [`process`]: what their names say.

pub mod backoff;
pub mod bulletin;
pub mod chance;
pub mod config;
pub mod dead;
pub mod disposition;
pub mod environment;
pub mod flaw;
pub mod health;
pub mod logging;
pub mod metrics;
pub mod probe;
pub mod process;
pub mod relay;
pub mod resend;
pub mod retention;
pub mod stand_alone;
pub mod station;
pub mod stopping;
pub mod wake;
pub mod watch;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clock::Clock;
use futures_util::future::BoxFuture;

pub use backoff::Backoff;
pub use bulletin::Bulletin;
pub use chance::Chance;
pub use dead::{DeadLetter, Trouble};
pub use disposition::Disposition;
pub use metrics::{Figure, Measure, Metrics};
pub use probe::{NoProbe, Point, Probe};
pub use process::supervise;
pub use relay::{BadItem, Passed, Refusal, Relay, Transform};
pub use retention::{Retention, Settled, UnderWay};
pub use stand_alone::{Settings, StandAlone};
pub use station::{Handle, Station, Verdict};
pub use stopping::{Stopper, Stopping};
pub use wake::WakeOnDrop;
pub use watch::watch_keys;

/// What every service is given: time, chance, and the points where a simulation may crash it.
#[derive(Clone)]
pub struct Context {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids and shuffling; never for keys.
    pub chance: Arc<Chance>,
    /// Where a simulation watches.
    pub probe: Arc<dyn Probe>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// An endless part of a service, which can be started again after it was stopped or failed.
pub struct Work {
    /// Its name in logs: the service and the queue or timer.
    pub name: String,
    start: Box<dyn Fn(Stopping) -> BoxFuture<'static, ()> + Send + Sync>,
    listens: bool,
}

impl Work {
    /// Work that `start` begins. It is dropped where it stands when the service is told to stop.
    pub fn new(name: impl Into<String>, start: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self { name: name.into(), start: Box::new(move |_| start()), listens: false }
    }

    /// Work that is done once. One that was dropped on its way begins anew, and one that came to its end does not.
    pub fn once<F: Future<Output = ()> + Send + 'static>(
        name: impl Into<String>,
        start: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        let is_done = Arc::new(AtomicBool::new(false));
        Self::new(name, move || {
            let (is_done, work) = (Arc::clone(&is_done), (!is_done.load(Ordering::SeqCst)).then(&start));
            Box::pin(async move {
                if let Some(work) = work {
                    work.await;
                    is_done.store(true, Ordering::SeqCst);
                }
                std::future::pending::<()>().await;
            })
        })
    }

    /// Work that `start` begins, and that ends by itself soon after it was told to stop.
    pub fn until_told(
        name: impl Into<String>,
        start: impl Fn(Stopping) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), start: Box::new(start), listens: true }
    }

    /// Begins it; dropping the future stops it where it stands.
    #[must_use]
    pub fn start(&self) -> BoxFuture<'static, ()> {
        (self.start)(Stopping::never())
    }

    /// Begins it; it ends when `stopping` is told, after what it is at, if it is such work.
    #[must_use]
    pub fn start_until(&self, stopping: Stopping) -> BoxFuture<'static, ()> {
        (self.start)(stopping)
    }

    /// Whether it ends by itself when it is told to stop.
    #[must_use]
    pub const fn listens(&self) -> bool {
        self.listens
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Work").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::atomic::AtomicU32, task::Poll};

    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn what_is_done_once_begins_anew_until_it_has_come_to_its_end() {
        let (begun, may_end) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (Arc::clone(&begun), Arc::clone(&may_end));
        let work = Work::once("something", move || {
            count.fetch_add(1, Ordering::SeqCst);
            let end = Arc::clone(&end);
            poll_fn(move |_| if end.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending })
        });
        let run = || work.start().now_or_never();
        assert_eq!((run(), run(), begun.load(Ordering::SeqCst)), (None, None, 2));
        may_end.store(true, Ordering::SeqCst);
        // It goes on as all works do, without doing anything.
        assert_eq!((run(), run(), begun.load(Ordering::SeqCst)), (None, None, 3));
    }
}
