//! Writes a recording: appends, and never goes back.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use clock::{Clock, Timestamp};
use data_encoding::BASE64;
use serde::Serialize;
use topology::Arrow;

use super::{
    document::{Document, is_recordable},
    format::{Chain, End, Gap, Header, LeftOut, Line, Withdrawn, Written},
};
use crate::audit::publication::of_queue;

/// What a recording has become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Taken {
    /// Publications, by step.
    pub steps: BTreeMap<&'static str, u64>,
    /// Publications.
    pub publications: u64,
    /// What passed on a sealed arrow and was no document of it.
    pub left_out: u64,
    /// How often nobody listened for a while.
    pub gaps: u64,
}

/// A recording that is being written. Each line is in the operating system's hands before the next one begins.
pub struct Writer {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    begun_at: Timestamp,
    state: Mutex<State>,
}

struct State {
    file: File,
    chain: Chain,
    next: u64,
    taken: Taken,
    /// Why nothing is written any more.
    broken: Option<io::Error>,
}

impl Writer {
    /// Begins a recording in a new file, which only its owner may read.
    ///
    /// # Errors
    ///
    /// The file is there already, or cannot be made.
    pub fn create(path: &Path, header: Header, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let failed = || format!("begin the recording {}", path.display());
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path).with_context(failed)?;
        let begun_at = header.begun_at;
        let state = State { file, chain: Chain::default(), next: 1, taken: Taken::default(), broken: None };
        let writer = Self { path: path.to_owned(), clock, begun_at, state: Mutex::new(state) };
        writer.state().append(&Line::Recording(header));
        let broken = writer.state().broken.take();
        match broken {
            Some(error) => Err(error).with_context(failed),
            None => Ok(writer),
        }
    }

    /// Writes down what is published to a queue, when that is a working queue of a sealed arrow, and gives its number.
    pub fn publication(&self, queue: &str, payload: &[u8]) -> Option<u64> {
        let (arrow, _, false) = of_queue(queue)? else { return None };
        if !is_recordable(arrow) {
            return None;
        }
        let (read, queue) = (Document::decode(arrow, payload)?, queue.to_owned());
        let mut state = self.state();
        // Under the lock, so that what stands later in the file is later.
        let offset_us = self.offset_us();
        match read {
            Ok(document) => Some(state.publication(arrow, queue, offset_us, document.id().uuid(), payload)),
            Err(error) => {
                let left_out = LeftOut { offset_us, queue, code: error.code().to_owned(), bytes: payload.len() as u64 };
                state.taken.left_out += 1;
                state.append(&Line::LeftOut(left_out));
                None
            }
        }
    }

    /// The broker did not take a publication after all.
    pub fn withdraw(&self, number: u64, queue: &str) {
        let mut state = self.state();
        state.append(&Line::Withdrawn(Withdrawn { number }));
        state.taken.publications -= 1;
        let Some((arrow, _, _)) = of_queue(queue) else { return };
        if let Some(count) = state.taken.steps.get_mut(arrow.step()) {
            *count -= 1;
        }
    }

    /// From now on nobody listens, until the next publication.
    pub fn gap(&self) {
        let offset_us = self.offset_us();
        let mut state = self.state();
        state.taken.gaps += 1;
        state.append(&Line::Gap(Gap { offset_us }));
    }

    /// Publications so far.
    #[must_use]
    pub fn publications(&self) -> u64 {
        self.state().taken.publications
    }

    /// Whether nothing can be written any more.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.state().broken.is_some()
    }

    /// Writes the last line and brings everything to the disk.
    ///
    /// # Errors
    ///
    /// What kept a line from being written; the lines before it are there.
    pub fn finish(&self) -> anyhow::Result<Taken> {
        let offset_us = self.offset_us();
        let mut state = self.state();
        let publications = state.next - 1;
        state.append(&Line::End(End { offset_us, publications }));
        let failed =
            || format!("write the recording {}: what was recorded before is there, the rest is missing", self.path.display());
        if let Some(error) = state.broken.take() {
            return Err(error).with_context(failed);
        }
        state.file.sync_all().with_context(failed)?;
        Ok(state.taken.clone())
    }

    fn offset_us(&self) -> u64 {
        u64::try_from(self.clock.now().since(self.begun_at).as_micros()).unwrap_or(u64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn publication(&mut self, arrow: Arrow, queue: String, offset_us: u64, publication: uuid::Uuid, payload: &[u8]) -> u64 {
        let number = self.next;
        self.next += 1;
        self.taken.publications += 1;
        *self.taken.steps.entry(arrow.step()).or_default() += 1;
        let step = arrow.step().to_owned();
        let document = BASE64.encode(payload);
        self.append(&Line::Publication(Written { number, offset_us, step, queue, publication, document }));
        number
    }

    /// Behind a line that could not be written whole nothing may stand: the first failure ends the recording, and never the flow.
    fn append(&mut self, line: &Line) {
        if self.broken.is_some() {
            return;
        }
        let written = self.chain.write(line).map_err(io::Error::other).and_then(|bytes| self.file.write_all(&bytes));
        if let Err(error) = written {
            tracing::error!(%error, "the recording cannot be written and ends here; the flow goes on");
            self.broken = Some(error);
        }
    }
}
