//! A job that puts dead letters back: what it is to do, how far it is, and what its owner wishes.

use std::{
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clock::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Filter, filter::Wanted};

/// What a job is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What was asked for, to be shown.
    pub wanted: Wanted,
    /// Which letters that means.
    pub filter: Filter,
    /// Letters of a minute at most; as fast as the broker takes them by default.
    pub per_minute: Option<NonZeroU32>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has not looked yet.
    Waiting,
    /// It puts letters back.
    Running,
    /// It holds nothing, and waits for its owner.
    Paused,
    /// All that stood there when it began is back on its queue, or was gone when its turn came.
    Done,
    /// Some letters could not be put back; they stand where they stood.
    Failed,
    /// Its owner ended it; what it had not come to stands where it stood.
    Cancelled,
}

impl State {
    /// Whether nothing more happens.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// The state as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standing {
    /// Its id.
    pub job: String,
    /// Which letters it was asked for; all when nothing is named.
    pub filter: Wanted,
    /// Letters of a minute at most.
    pub per_minute: Option<u32>,
    /// Where it stands.
    pub state: State,
    /// Letters that stood there when it began, and that it is about.
    pub total: u64,
    /// Letters that it has dealt with, one way or another.
    pub done: u64,
    /// Letters that are back on their queue.
    pub requeued: u64,
    /// Letters that were gone when their turn came: somebody else took them.
    pub gone: u64,
    /// Letters that could not be put back, and stand where they stood.
    pub failed: u64,
    /// Letters that it has still to deal with.
    pub left: u64,
    /// Queues of dead letters that it has looked at.
    pub queues: u64,
    /// What went wrong, by queue.
    pub problems: Vec<String>,
    /// What could not be looked at.
    pub missed: Vec<String>,
    /// When it was asked for.
    pub asked_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// What a job's owner wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Go,
    Pause,
    Cancel,
}

/// A job has ended, so it can be neither paused, nor resumed, nor cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("change a job that has ended")]
pub struct HasEnded;

/// A job.
#[derive(Debug)]
pub struct Job {
    id: Uuid,
    order: Order,
    wish: watch::Sender<Wish>,
    standing: Mutex<Standing>,
}

impl Job {
    /// A job that has not begun.
    #[must_use]
    pub fn new(id: Uuid, order: Order, now: Timestamp) -> Self {
        let standing = Standing {
            job: id.to_string(),
            filter: order.wanted.clone(),
            per_minute: order.per_minute.map(NonZeroU32::get),
            state: State::Waiting,
            total: 0,
            done: 0,
            requeued: 0,
            gone: 0,
            failed: 0,
            left: 0,
            queues: 0,
            problems: Vec::new(),
            missed: Vec::new(),
            asked_at: now.to_string(),
            ended_at: None,
        };
        Self { id, order, wish: watch::Sender::new(Wish::Go), standing: Mutex::new(standing) }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// What it was asked to do.
    #[must_use]
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// How far it is.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Has it stop behind the letter in hand, and give back what it holds.
    ///
    /// # Errors
    ///
    /// [`HasEnded`].
    pub fn pause(&self) -> Result<Standing, HasEnded> {
        self.want(Wish::Pause, |state| matches!(state, State::Paused))
    }

    /// Has it go on.
    ///
    /// # Errors
    ///
    /// [`HasEnded`].
    pub fn resume(&self) -> Result<Standing, HasEnded> {
        self.want(Wish::Go, |_| false)
    }

    /// Ends it behind the letter in hand.
    ///
    /// # Errors
    ///
    /// [`HasEnded`], unless it was cancelled.
    pub fn cancel(&self) -> Result<Standing, HasEnded> {
        self.want(Wish::Cancel, |state| matches!(state, State::Cancelled))
    }

    fn want(&self, wish: Wish, is_so: impl Fn(State) -> bool) -> Result<Standing, HasEnded> {
        let mut standing = self.lock();
        if standing.state.is_end() {
            return if is_so(standing.state) { Ok(standing.clone()) } else { Err(HasEnded) };
        }
        // A job that was cancelled is neither paused nor resumed, though it has a letter in hand still.
        let is_cancelled = !self.wish.send_if_modified(|known| {
            let may = *known != Wish::Cancel || wish == Wish::Cancel;
            if may {
                *known = wish;
            }
            may
        });
        if is_cancelled {
            return Err(HasEnded);
        }
        standing.state = match (wish, standing.state) {
            (Wish::Pause, _) => State::Paused,
            // Until it has looked there is nothing to run.
            (Wish::Go, State::Paused) => {
                if standing.total == 0 {
                    State::Waiting
                } else {
                    State::Running
                }
            }
            (Wish::Go | Wish::Cancel, state) => state,
        };
        Ok(standing.clone())
    }

    /// What is wished now.
    pub(super) fn wish(&self) -> Wish {
        *self.wish.borrow()
    }

    /// Waits while the job is paused; whether it goes on then.
    pub(super) async fn goes_on(&self) -> bool {
        let mut wish = self.wish.subscribe();
        let wanted = wish.wait_for(|wish| *wish != Wish::Pause).await;
        wanted.is_ok_and(|wish| *wish == Wish::Go)
    }

    /// Completes as soon as something else than going on is wished.
    pub(super) async fn is_stopped(&self) {
        let mut wish = self.wish.subscribe();
        let _ = wish.wait_for(|wish| *wish != Wish::Go).await;
    }

    /// Notes something about how far it is.
    pub(super) fn note(&self, note: impl FnOnce(&mut Standing)) {
        let mut standing = self.lock();
        note(&mut standing);
        standing.done = standing.requeued + standing.gone + standing.failed;
        standing.left = standing.total.saturating_sub(standing.done);
    }

    /// The pause between two letters.
    pub(super) fn pace(&self) -> Option<Duration> {
        self.order.per_minute.map(|letters| Duration::from_secs(60) / letters.get())
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
