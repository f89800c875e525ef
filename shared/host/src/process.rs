//! Running a service's work in a process, until it is told to stop.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use clock::Clock;
use futures_util::FutureExt;
use tokio::task::JoinSet;

use crate::{Backoff, Work};

/// Runs every work on the current tokio runtime until `stop` completes. Work that ends or panics is started again after a pause, so
/// that a defect met by one publication does not take the service down for good.
pub async fn supervise(works: Vec<Work>, clock: Arc<dyn Clock>, stop: impl Future<Output = ()>) {
    let mut running = JoinSet::new();
    for work in works {
        let clock = Arc::clone(&clock);
        running.spawn(async move {
            let mut backoff = Backoff::default();
            loop {
                if AssertUnwindSafe(work.start()).catch_unwind().await.is_err() {
                    tracing::error!(work = work.name, "work panicked and is started again");
                }
                clock::sleep(&*clock, backoff.after_failure()).await;
            }
        });
    }
    stop.await;
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
