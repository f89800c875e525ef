//! The desk of a hospital where people upload rows, one upload after the other.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clock::simulation::TaskId;
use hd4dp::{Hd4dp, store::UploadId};

use super::{
    Laboratory, Violation,
    laboratory::Values,
    name::Name,
    op::{Register, RowName},
    violation::broken,
};

/// Rows of one register.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) register: Register,
    pub(crate) rows: Vec<Values>,
    /// The input that they are of, if they are of one.
    pub(crate) input: Option<Name>,
    /// How many rows more validation rejects.
    pub(crate) rejected: u64,
}

/// The uploads of a hospital.
#[derive(Default)]
pub(crate) struct Desk {
    waiting: VecDeque<Upload>,
    current: Option<(Upload, Option<TaskId>, Progress)>,
    begun: Begun,
    taken: Taken,
    of_inputs: BTreeMap<Name, UploadId>,
    is_told_of_disk: bool,
}

/// The uploads that were begun, finished or not.
type Begun = Arc<Mutex<Vec<UploadId>>>;
/// The last revision of each row that was not refused.
type Taken = Arc<Mutex<BTreeMap<RowName, u32>>>;
/// How an upload ended, once it has.
pub(crate) type Progress = Arc<Mutex<Option<Ending>>>;

/// How an upload ended.
pub(crate) enum Ending {
    Taken,
    /// The disk was full: whoever uploads is told so.
    DiskFull,
    Broken(Violation),
}

pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(crate) fn put(&mut self, upload: Upload) {
        self.waiting.push_back(upload);
    }

    pub(crate) fn begun(&self) -> Vec<UploadId> {
        lock(&self.begun).clone()
    }

    /// The last revision of each row that its hospital took in. It refuses the rows of approved and of deleted registrations.
    pub(crate) fn taken(&self) -> BTreeMap<RowName, u32> {
        lock(&self.taken).clone()
    }

    /// The last finished upload of an input.
    pub(super) fn of_input(&self, input: Name) -> Option<UploadId> {
        self.of_inputs.get(&input).copied()
    }

    /// Whether every upload is finished.
    pub(crate) fn is_clear(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }

    /// The task that died with the service, if there was one. Whoever saw the upload break off uploads the same again, before all else.
    pub(crate) fn break_off(&mut self) -> Option<TaskId> {
        let (upload, task, _) = self.current.take()?;
        self.waiting.push_front(upload);
        task
    }

    /// The uploads that a hospital's store knows, of a service that is a process of its own.
    pub(crate) fn know_begun(&self, uploads: Vec<UploadId>) {
        *lock(&self.begun) = uploads;
    }

    /// Rows that were taken in there.
    pub(crate) fn know_taken(&self, rows: impl IntoIterator<Item = (RowName, u32)>) {
        lock(&self.taken).extend(rows);
    }

    /// The next upload, when the one before is done, and where to say how it ended.
    pub(crate) fn begin(&mut self, is_full: impl Fn() -> bool) -> Result<Option<(Upload, Progress)>, Violation> {
        if let Some((upload, _, progress)) = &self.current {
            match lock(progress).take() {
                None => return Ok(None),
                Some(Ending::Broken(violation)) => return Err(violation),
                Some(Ending::DiskFull) => {
                    self.waiting.push_front(upload.clone());
                    self.is_told_of_disk = true;
                }
                Some(Ending::Taken) => {
                    let finished = lock(&self.begun).last().copied();
                    self.of_inputs.extend(upload.input.zip(finished));
                }
            }
            self.current = None;
        }
        // Who uploaded in vain waits until somebody says that there is room again.
        self.is_told_of_disk &= is_full();
        if self.is_told_of_disk {
            return Ok(None);
        }
        let Some(upload) = self.waiting.pop_front() else { return Ok(None) };
        let progress = Progress::default();
        self.current = Some((upload.clone(), None, Arc::clone(&progress)));
        Ok(Some((upload, progress)))
    }

    /// Lets the next upload begin when the one before is done; says what to run for it.
    pub(super) fn next(
        &mut self,
        laboratory: &Laboratory,
        hd4dp: &Arc<Hd4dp>,
        is_full: impl Fn() -> bool + Send + 'static,
        spawn: impl FnOnce(futures_util::future::BoxFuture<'static, ()>) -> TaskId,
    ) -> Result<bool, Violation> {
        let Some((upload, progress)) = self.begin(&is_full)? else { return Ok(false) };
        let books = (Arc::clone(&self.begun), Arc::clone(&self.taken));
        let task = spawn(work(laboratory, Arc::clone(hd4dp), &upload, books, (progress, is_full))?);
        if let Some((_, running, _)) = &mut self.current {
            *running = Some(task);
        }
        Ok(true)
    }
}

fn work(
    laboratory: &Laboratory,
    hd4dp: Arc<Hd4dp>,
    upload: &Upload,
    (begun, taken): (Begun, Taken),
    (progress, is_full): (Progress, impl Fn() -> bool + Send + 'static),
) -> Result<futures_util::future::BoxFuture<'static, ()>, Violation> {
    let definition = hd4dp.definitions().get(upload.register.name());
    let definition = definition.ok_or_else(|| Violation::new("a hospital does not know a register"))?;
    let mut rows = Vec::with_capacity(upload.rows.len());
    let mut keys = Vec::with_capacity(upload.rows.len());
    for values in &upload.rows {
        keys.push(laboratory.unique_key(values.row)?);
        rows.push(laboratory.accepted(*values, definition.version())?);
    }
    let (named, rejected) = (upload.rows.clone(), upload.rejected);
    Ok(Box::pin(async move {
        let take = async {
            let now = hd4dp.context().clock.now();
            let id = hd4dp.store().begin_upload("rows.csv", definition.name(), now).await.map_err(broken("begin an upload"))?;
            lock(&begun).push(id);
            let attempted = rows.len() as u64 + rejected;
            hd4dp.submit(id, &definition, rows, attempted, rejected).await.map_err(broken("submit"))?;
            let store = hd4dp.store();
            let of_upload = store.uploaded(id, None, u32::MAX).await.map_err(broken("look at an upload"))?;
            let known = store.known(definition.name(), &keys).await.map_err(broken("look at an upload"))?;
            let is_taken = |id| of_upload.iter().any(|item| item.registration_id == id);
            let rows = named
                .into_iter()
                .zip(known)
                .filter(|(_, known)| known.as_ref().is_some_and(|known| is_taken(known.registration_id)));
            lock(&taken).extend(rows.map(|(values, _)| (values.row, values.revision)));
            Ok(())
        };
        let ending = match take.await {
            Ok(()) => Ending::Taken,
            Err(_) if is_full() => Ending::DiskFull,
            Err(violation) => Ending::Broken(violation),
        };
        *lock(&progress) = Some(ending);
    }))
}
