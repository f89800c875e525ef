//! The desk of a hospital where people upload rows, one upload after the other.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clock::simulation::TaskId;
use hd4dp::{AcceptedRow, Hd4dp, store::UploadId};

use super::{
    Laboratory, Violation,
    op::{Register, RowName},
    violation::broken,
};

/// Rows of one register, each in a revision.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) register: Register,
    pub(super) rows: Vec<(RowName, u32)>,
}

/// The uploads of a hospital.
#[derive(Default)]
pub(super) struct Desk {
    waiting: VecDeque<Upload>,
    current: Option<(Upload, TaskId, Progress)>,
    begun: Begun,
    taken: Taken,
}

/// The uploads that were begun, finished or not.
type Begun = Arc<Mutex<Vec<UploadId>>>;
/// The last revision of each row that was not refused.
type Taken = Arc<Mutex<BTreeMap<RowName, u32>>>;
/// How an upload ended, once it has.
type Progress = Arc<Mutex<Option<Result<(), Violation>>>>;

pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(super) fn put(&mut self, upload: Upload) {
        self.waiting.push_back(upload);
    }

    pub(super) fn begun(&self) -> Vec<UploadId> {
        lock(&self.begun).clone()
    }

    /// The last revision of each row that its hospital took in. It refuses the rows of approved and of deleted registrations.
    pub(super) fn taken(&self) -> BTreeMap<RowName, u32> {
        lock(&self.taken).clone()
    }

    /// Whether every upload is finished.
    pub(super) fn is_clear(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }

    /// The task that died with the service, if there was one. Whoever saw the upload break off uploads the same again, before all else.
    pub(super) fn break_off(&mut self) -> Option<TaskId> {
        let (upload, task, _) = self.current.take()?;
        self.waiting.push_front(upload);
        Some(task)
    }

    /// Lets the next upload begin when the one before is done; says what to run for it.
    pub(super) fn next(
        &mut self,
        laboratory: &Laboratory,
        hd4dp: &Arc<Hd4dp>,
        spawn: impl FnOnce(futures_util::future::BoxFuture<'static, ()>) -> TaskId,
    ) -> Result<bool, Violation> {
        if let Some((_, _, progress)) = &self.current {
            match lock(progress).take() {
                None => return Ok(false),
                Some(outcome) => outcome?,
            }
            self.current = None;
        }
        let Some(upload) = self.waiting.pop_front() else { return Ok(false) };
        let progress = Progress::default();
        let work = work(
            laboratory,
            Arc::clone(hd4dp),
            &upload,
            (Arc::clone(&self.begun), Arc::clone(&self.taken)),
            Arc::clone(&progress),
        )?;
        self.current = Some((upload, spawn(work), progress));
        Ok(true)
    }
}

fn work(
    laboratory: &Laboratory,
    hd4dp: Arc<Hd4dp>,
    upload: &Upload,
    (begun, taken): (Begun, Taken),
    progress: Progress,
) -> Result<futures_util::future::BoxFuture<'static, ()>, Violation> {
    let definition = Arc::clone(laboratory.definition(upload.register)?);
    let mut rows = Vec::with_capacity(upload.rows.len());
    let mut keys = Vec::with_capacity(upload.rows.len());
    for (row, revision) in &upload.rows {
        keys.push(laboratory.unique_key(*row)?);
        rows.push(AcceptedRow { cells: laboratory.cells(*row, *revision)?, attachments: Vec::new() });
    }
    let named = upload.rows.clone();
    Ok(Box::pin(async move {
        let take = async {
            let now = hd4dp.context().clock.now();
            let id = hd4dp.store().begin_upload("rows.csv", definition.name(), now).await.map_err(broken("begin an upload"))?;
            lock(&begun).push(id);
            let attempted = rows.len() as u64;
            hd4dp.submit(id, &definition, rows, attempted, 0).await.map_err(broken("submit"))?;
            let store = hd4dp.store();
            let of_upload = store.uploaded(id, None, u32::MAX).await.map_err(broken("look at an upload"))?;
            let known = store.known(definition.name(), &keys).await.map_err(broken("look at an upload"))?;
            let is_taken = |id| of_upload.iter().any(|item| item.registration_id == id);
            let rows = named
                .into_iter()
                .zip(known)
                .filter(|(_, known)| known.as_ref().is_some_and(|known| is_taken(known.registration_id)));
            lock(&taken).extend(rows.map(|(row, _)| row));
            Ok(())
        };
        let outcome = take.await;
        *lock(&progress) = Some(outcome);
    }))
}
