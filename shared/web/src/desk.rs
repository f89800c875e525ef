//! The desk of one API: who may come, what was asked before, and what a handler is told of its request.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use clock::{Clock, Timestamp};
use data_encoding::HEXLOWER;
use serde::{Serialize, de::DeserializeOwned};
use store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;

use crate::{Caller, Code, Journal, Language, Problem, Tokens, cursor::Cursors, journal::RequestKey};

/// What an API is opened with.
pub struct DeskParts {
    /// The service's name in logs.
    pub service: &'static str,
    /// The hospital that it belongs to; none at healthdata.
    pub organisation: Option<String>,
    /// Who may come.
    pub tokens: Arc<Tokens>,
    /// What it remembers.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// The desk of one API.
pub struct Desk {
    pub(crate) parts: DeskParts,
    pub(crate) cursors: Cursors,
    in_progress: Mutex<BTreeSet<RequestKey>>,
    requests: Arc<Semaphore>,
}

/// Requests that an API works on at once: each may hold a body of several megabytes.
pub(crate) const REQUESTS_MAX: usize = 64;

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("service", &self.parts.service).finish_non_exhaustive()
    }
}

impl Desk {
    /// Opens the desk; the key of its cursors is the store's.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    #[expect(clippy::disallowed_methods, reason = "the key of cursors is drawn like any other")]
    pub async fn open(parts: DeskParts) -> Result<Arc<Self>, StoreError> {
        const DAMAGED: StoreError = StoreError::Damaged { what: "cursor key" };
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|_| DAMAGED)?;
        let secret = parts.journal.secret(&HEXLOWER.encode(&fresh)).await?;
        let key = HEXLOWER.decode(secret.as_bytes()).ok().and_then(|key| <[u8; 32]>::try_from(key).ok()).ok_or(DAMAGED)?;
        Ok(Arc::new(Self {
            parts,
            cursors: Cursors::new(&key),
            in_progress: Mutex::default(),
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
        }))
    }

    /// The moment that it is now.
    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// A place among the requests that are worked on, until what is returned is dropped; none when all are taken.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).try_acquire_owned().ok()
    }

    /// Marks a change as being worked on, until what is returned is dropped; none when it is already.
    pub(crate) fn work_on(self: &Arc<Self>, key: RequestKey) -> Option<InProgress> {
        let is_free = self.in_progress.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        is_free.then(|| InProgress { desk: Arc::clone(self), key })
    }
}

/// A change that is being worked on.
pub(crate) struct InProgress {
    desk: Arc<Desk>,
    key: RequestKey,
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.desk.in_progress.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// What a handler is told of its request.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls.
    pub caller: Caller,
    /// The language that the answer should speak.
    pub language: Language,
    /// The id under which a change keeps its effect, so that it comes about once; none for what changes nothing.
    pub effect: Option<[u8; 16]>,
    /// What stood in `If-Match`, without quotation marks.
    pub seen: Option<String>,
    pub(crate) route: Arc<str>,
    pub(crate) desk: Arc<Desk>,
}

/// Rows of a page that does not say how many it wants.
const PAGE: u32 = 100;
/// Rows of a page at most.
const PAGE_MAX: u32 = 1_000;

/// A page that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<K> {
    /// The key of the last row before it.
    pub after: Option<K>,
    /// How many rows it may have.
    pub limit: u32,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PageOf<T> {
    /// The rows, in the list's order.
    pub items: Vec<T>,
    /// What to give as `cursor` for the next page; none when this was the last one.
    pub next: Option<String>,
}

impl Call {
    /// The part of a list that `cursor` and `limit` ask for; `parameters` are all that decide what the list holds.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidCursor`], [`Code::InvalidParameter`].
    pub fn asked<K: DeserializeOwned>(
        &self,
        parameters: &impl Serialize,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Asked<K>, Problem> {
        let limit = limit.unwrap_or(PAGE);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Code::InvalidParameter.into());
        }
        let list = self.list(parameters)?;
        let after = cursor.map(|cursor| self.desk.cursors.open(&list, cursor)).transpose()?;
        Ok(Asked { after, limit })
    }

    /// A page of rows of which up to `limit + 1` were read, so that it is known whether more follow; `key` is what the list is ordered by.
    ///
    /// # Errors
    ///
    /// [`Code::Internal`].
    pub fn page<T, U, K: Serialize>(
        &self,
        parameters: &impl Serialize,
        limit: u32,
        mut rows: Vec<T>,
        key: impl Fn(&T) -> K,
        show: impl FnMut(T) -> U,
    ) -> Result<PageOf<U>, Problem> {
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().filter(|_| has_more);
        let list = self.list(parameters)?;
        let next = last.map(|row| self.desk.cursors.seal(&list, &key(row))).transpose()?;
        Ok(PageOf { items: rows.into_iter().map(show).collect(), next })
    }

    fn list(&self, parameters: &impl Serialize) -> Result<String, Code> {
        let parameters = serde_json::to_string(parameters).map_err(|_| Code::Internal)?;
        Ok(format!("{} {parameters}", self.route))
    }
}
