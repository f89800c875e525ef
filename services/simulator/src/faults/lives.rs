//! Services that stop, start and die within one process.
//!
//! A service's works are dropped where they stand, as a process's tasks are when it is killed: what it held is unacknowledged, what it had not
//! committed is rolled back. Its next life is put together from the same parts, so what it only remembered (counters, caches, an index) stays.

use std::{collections::BTreeMap, sync::Arc};

use clock::Clock;
use futures_util::FutureExt;
use host::Work;
use tokio::sync::Mutex;

use crate::{flow::Running, simulation::Service};

tokio::task_local! {
    /// Stands around everything that a work does, so that a crash can tell it from a request.
    static IN_WORK: ();
}

/// Whether the current task is a work's, which ends with its service.
#[must_use]
pub fn is_in_work() -> bool {
    IN_WORK.try_with(|()| ()).is_ok()
}

/// The services of a process.
pub struct Lives {
    clock: Arc<dyn Clock>,
    services: Mutex<BTreeMap<Service, Life>>,
}

#[derive(Default)]
struct Life {
    works: Vec<Arc<Work>>,
    /// What runs; nothing of a service that is down. Works that came later run beside those of the start.
    running: Option<Vec<Running>>,
}

fn again(work: &Arc<Work>) -> Work {
    let (name, work) = (work.name.clone(), Arc::clone(work));
    // It is never told to stop: a fault takes it down where it stands.
    Work::new(name, move || IN_WORK.scope((), work.start()).boxed())
}

impl Life {
    fn start(&mut self, clock: &Arc<dyn Clock>) {
        if self.running.is_none() {
            self.running = Some(vec![Running::of(self.works.iter().map(again).collect(), clock)]);
        }
    }

    async fn stop(&mut self) -> bool {
        let Some(running) = self.running.take() else { return false };
        for running in running {
            running.stop().await;
        }
        true
    }
}

impl Lives {
    /// No services yet.
    #[must_use]
    pub fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { clock: Arc::clone(clock), services: Mutex::default() }
    }

    /// Adds works to a service, which runs from now on unless it was stopped.
    pub async fn add(&self, service: Service, works: Vec<Work>) {
        let mut services = self.services.lock().await;
        let is_new = !services.contains_key(&service);
        let life = services.entry(service).or_default();
        let works: Vec<Arc<Work>> = works.into_iter().map(Arc::new).collect();
        life.works.extend(works.iter().cloned());
        match &mut life.running {
            Some(running) => running.push(Running::of(works.iter().map(again).collect(), &self.clock)),
            None if is_new => life.start(&self.clock),
            None => {}
        }
    }

    /// Starts a service that is stopped.
    pub async fn start(&self, service: Service) {
        if let Some(life) = self.services.lock().await.get_mut(&service) {
            life.start(&self.clock);
        }
    }

    /// Stops a service where it stands; whether it ran.
    pub async fn stop(&self, service: Service) -> bool {
        match self.services.lock().await.get_mut(&service) {
            Some(life) => life.stop().await,
            None => false,
        }
    }

    /// Stops a service where it stands and starts it again; whether it ran.
    pub async fn restart(&self, service: Service) -> bool {
        let mut services = self.services.lock().await;
        let Some(life) = services.get_mut(&service) else { return false };
        let has_run = life.stop().await;
        if has_run {
            life.start(&self.clock);
        }
        has_run
    }

    /// Stops all services.
    pub async fn stop_all(&self) {
        for life in self.services.lock().await.values_mut() {
            life.stop().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use clock::OffsetClock;
    use tokio::sync::Notify;

    use super::*;

    /// A fault is no order to stop: whoever would finish what it is at does not get to.
    #[tokio::test]
    async fn a_service_is_stopped_where_it_stands() {
        let (begun, finished): (Arc<Notify>, Arc<AtomicBool>) = Default::default();
        let (begins, finishes) = (Arc::clone(&begun), Arc::clone(&finished));
        let work = Work::until_told("busy", move |stopping| {
            let (begins, finishes) = (Arc::clone(&begins), Arc::clone(&finishes));
            Box::pin(async move {
                begins.notify_one();
                stopping.told().await;
                finishes.store(true, Ordering::Relaxed);
            })
        });
        let clock: Arc<dyn Clock> = Arc::new(OffsetClock::default());
        let lives = Lives::new(&clock);
        lives.add(Service::Hd4res, vec![work]).await;
        begun.notified().await;
        assert!(lives.stop(Service::Hd4res).await);
        assert!(!finished.load(Ordering::Relaxed), "it was told, and finished");
        assert!(!lives.stop(Service::Hd4res).await);
        lives.start(Service::Hd4res).await;
        begun.notified().await;
        lives.stop_all().await;
    }
}
