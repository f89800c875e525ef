//! The jobs of a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::{Job, Office, Order};

/// Jobs that are remembered at most; the oldest that have ended are forgotten first.
const JOBS_MAX: usize = 200;

/// Jobs that have not ended at most: each is a list of what stood there when it began.
pub const OPEN_MAX: usize = 20;

/// All jobs that were asked for since the process began. They are forgotten with it: what they had not come to stands where it stood.
#[derive(Default)]
pub struct Jobs(Mutex<Vec<Arc<Job>>>);

impl Jobs {
    /// Has a job done. Asked again under an id that is known, it is the job of before. None when too many have not ended.
    #[must_use]
    pub fn start(&self, office: &Arc<Office>, id: Uuid, order: Order) -> Option<Arc<Job>> {
        let mut jobs = self.lock();
        if let Some(known) = jobs.iter().find(|job| job.id() == id) {
            return Some(Arc::clone(known));
        }
        if jobs.iter().filter(|job| !has_ended(job)).count() >= OPEN_MAX {
            return None;
        }
        if jobs.len() >= JOBS_MAX
            && let Some(oldest) = jobs.iter().position(has_ended)
        {
            jobs.remove(oldest);
        }
        let job = Arc::new(Job::new(id, order, office.now()));
        jobs.push(Arc::clone(&job));
        let (office, begun) = (Arc::clone(office), Arc::clone(&job));
        tokio::spawn(async move { office.requeue(&begun).await });
        Some(job)
    }

    /// A job.
    #[must_use]
    pub fn find(&self, id: Uuid) -> Option<Arc<Job>> {
        self.lock().iter().find(|job| job.id() == id).cloned()
    }

    /// All jobs, the latest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Job>> {
        self.lock().iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_ended(job: &Arc<Job>) -> bool {
    job.standing().state.is_end()
}
