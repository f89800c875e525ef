//! Running a service's work in a process, until it is told to stop.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use clock::Clock;
use futures_util::FutureExt;
use tokio::task::JoinSet;

use crate::{Backoff, Work, stopping::stopping};

/// For work to finish what it is at when the process is told to stop. With as much for what comes behind it, such as the last acknowledgements, a
/// process ends within ten seconds, before whoever told it kills it.
pub(crate) const FINISH_WITHIN: Duration = Duration::from_secs(4);

/// Runs every work on the current tokio runtime until `stop` completes, and lets each finish what it is at. Work that ends or panics is started again
/// after a pause, so that a defect met by one publication does not take the service down for good.
pub async fn supervise(works: Vec<Work>, clock: Arc<dyn Clock>, stop: impl Future<Output = ()>) {
    let (mut running, (stopper, stopping)) = (JoinSet::new(), stopping());
    for work in works {
        let (its_clock, told) = (Arc::clone(&clock), stopping.clone());
        let listens = work.listens();
        let working = async move {
            let mut backoff = Backoff::default();
            while !told.is_told() {
                if AssertUnwindSafe(work.start_until(told.clone())).catch_unwind().await.is_err() {
                    tracing::error!(work = work.name, "work panicked and is started again");
                }
                tokio::select! {
                    () = clock::sleep(&*its_clock, backoff.after_failure()) => {}
                    () = told.told() => {}
                }
            }
        };
        let told = stopping.clone();
        running.spawn(async move {
            tokio::select! {
                () = working => {}
                () = told.told(), if !listens => {}
            }
        });
    }
    stop.await;
    stopper.tell();
    let finishing = async { while running.join_next().await.is_some() {} };
    if clock::timeout(&*clock, FINISH_WITHIN, finishing).await.is_err() {
        tracing::warn!("something is not finished; it is broken off, and done again after the next start");
    }
    running.shutdown().await;
}

/// Completes when the process is told to stop, by SIGTERM or Ctrl-C.
pub async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use clock::OffsetClock;
    use tokio::sync::Notify;

    use super::*;

    /// Work that is at something until it is let go, and then hears that it is to stop.
    fn busy(begun: &Arc<Notify>, go: &Arc<Notify>, done: &Arc<AtomicU32>) -> Work {
        let (begun, go, done) = (Arc::clone(begun), Arc::clone(go), Arc::clone(done));
        Work::until_told("busy", move |stopping| {
            let (begun, go, done) = (Arc::clone(&begun), Arc::clone(&go), Arc::clone(&done));
            Box::pin(async move {
                begun.notify_one();
                go.notified().await;
                done.fetch_add(1, Ordering::Relaxed);
                stopping.told().await;
            })
        })
    }

    #[tokio::test]
    async fn who_is_told_to_stop_finishes_what_it_is_at() {
        let (begun, go, stop, done): (Arc<Notify>, Arc<Notify>, Arc<Notify>, Arc<AtomicU32>) = Default::default();
        let deaf = Work::new("deaf", || Box::pin(std::future::pending()));
        let (works, told) = (vec![busy(&begun, &go, &done), deaf], Arc::clone(&stop));
        let supervised = tokio::spawn(supervise(works, Arc::new(OffsetClock::default()), async move { told.notified().await }));
        begun.notified().await;
        stop.notify_one();
        go.notify_one();
        supervised.await.unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn who_does_not_finish_is_broken_off() {
        let (begun, go, stop, done): (Arc<Notify>, Arc<Notify>, Arc<Notify>, Arc<AtomicU32>) = Default::default();
        let (clock, told) = (OffsetClock::default(), Arc::clone(&stop));
        let works = vec![busy(&begun, &go, &done)];
        let supervised = tokio::spawn(supervise(works, Arc::new(clock.clone()), async move { told.notified().await }));
        begun.notified().await;
        stop.notify_one();
        while !supervised.is_finished() {
            clock.jump(Duration::from_secs(6));
            tokio::task::yield_now().await;
        }
        assert_eq!(done.load(Ordering::Relaxed), 0);
    }
}
