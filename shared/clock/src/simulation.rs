//! Virtual time: a clock that stands still while anything can run, and the single-threaded executor that moves it.
//!
//! The executor picks the next runnable task by a seeded generator, so that one seed gives one schedule and another seed another.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use futures_util::future::{BoxFuture, FutureExt};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::{Clock, Timestamp};

/// A clock that only an [`Executor`] moves.
#[derive(Clone)]
pub struct SimulatedClock {
    state: Arc<Mutex<ClockState>>,
}

struct ClockState {
    now: Timestamp,
    next_sleep: u64,
    sleeps: BTreeMap<(Timestamp, u64), Option<Waker>>,
}

impl fmt::Debug for SimulatedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedClock").field(&self.now()).finish()
    }
}

impl SimulatedClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { state: Arc::new(Mutex::new(ClockState { now: start, next_sleep: 0, sleeps: BTreeMap::new() })) }
    }

    fn state(&self) -> MutexGuard<'_, ClockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moment of the earliest sleep that is not over.
    #[must_use]
    pub fn next_alarm(&self) -> Option<Timestamp> {
        self.state().sleeps.first_key_value().map(|((at, _), _)| *at)
    }

    /// Moves to `at` and wakes whoever slept until then; a moment in the past changes nothing.
    pub fn advance_to(&self, at: Timestamp) {
        let mut due = Vec::new();
        {
            let mut state = self.state();
            state.now = state.now.max(at);
            while let Some(entry) = state.sleeps.first_entry() {
                if entry.key().0 > at {
                    break;
                }
                due.extend(entry.remove());
            }
        }
        due.into_iter().for_each(Waker::wake);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let number = {
            let mut state = self.state();
            state.next_sleep += 1;
            state.next_sleep
        };
        Sleep { clock: self.clone(), key: (at, number) }.boxed()
    }
}

struct Sleep {
    clock: SimulatedClock,
    key: (Timestamp, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.now >= self.key.0 {
            state.sleeps.remove(&self.key);
            return Poll::Ready(());
        }
        state.sleeps.insert(self.key, Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.state().sleeps.remove(&self.key);
    }
}

/// Names a task of an [`Executor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(u64);

#[derive(Default)]
struct Ready {
    tasks: Mutex<BTreeSet<TaskId>>,
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<TaskId>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct TaskWaker {
    task: TaskId,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.lock().insert(self.task);
    }
}

struct Task {
    future: BoxFuture<'static, ()>,
    waker: Waker,
}

/// Runs tasks on the calling thread, in an order that the seed decides, and moves its clock when nothing can run.
pub struct Executor {
    clock: SimulatedClock,
    order: ChaCha8Rng,
    ready: Arc<Ready>,
    tasks: BTreeMap<TaskId, Task>,
    next_task: u64,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("clock", &self.clock).field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl Executor {
    /// An executor whose clock stands at `start` and whose schedule follows from `seed`.
    #[must_use]
    pub fn new(seed: u64, start: Timestamp) -> Self {
        Self {
            clock: SimulatedClock::new(start),
            order: ChaCha8Rng::seed_from_u64(seed),
            ready: Arc::default(),
            tasks: BTreeMap::new(),
            next_task: 0,
        }
    }

    /// The clock that this executor moves.
    #[must_use]
    pub fn clock(&self) -> SimulatedClock {
        self.clock.clone()
    }

    /// Adds a task; it runs when the executor is next driven.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + Send + 'static) -> TaskId {
        self.next_task += 1;
        let id = TaskId(self.next_task);
        let waker = Waker::from(Arc::new(TaskWaker { task: id, ready: Arc::clone(&self.ready) }));
        self.tasks.insert(id, Task { future: future.boxed(), waker });
        self.ready.lock().insert(id);
        id
    }

    /// Drops a task where it stands, as a crash of its process would; a finished one is left alone.
    pub fn kill(&mut self, task: TaskId) {
        self.tasks.remove(&task);
        self.ready.lock().remove(&task);
    }

    /// Whether the task has neither finished nor been killed.
    #[must_use]
    pub fn is_alive(&self, task: TaskId) -> bool {
        self.tasks.contains_key(&task)
    }

    /// Runs everything that can run at the present moment; the clock stands still.
    pub fn settle(&mut self) {
        while self.step() {}
    }

    /// Polls at most `steps` tasks at the present moment, and says whether something can still run: so a simulation can stop, and crash
    /// a service, in the middle of anything.
    pub fn run_steps(&mut self, steps: u64) -> bool {
        for _ in 0..steps {
            if !self.step() {
                return false;
            }
        }
        !self.ready.lock().is_empty()
    }

    /// Runs everything that happens until `at`, then stands at `at`.
    pub fn run_until(&mut self, at: Timestamp) {
        loop {
            self.settle();
            match self.clock.next_alarm() {
                Some(alarm) if alarm <= at => self.clock.advance_to(alarm),
                _ => break,
            }
        }
        self.clock.advance_to(at);
        self.settle();
    }

    /// Runs `work` to its end, moving the clock when nothing else can run. `None` when neither a task nor an alarm is left that
    /// could ever end it.
    pub fn block_on<T: Send + 'static>(&mut self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let output = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&output);
        let task = self.spawn(async move {
            let value = work.await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        });
        while self.is_alive(task) {
            if !self.step() {
                let Some(alarm) = self.clock.next_alarm() else { break };
                self.clock.advance_to(alarm);
            }
        }
        self.kill(task);
        let mut slot = output.lock().unwrap_or_else(PoisonError::into_inner);
        slot.take()
    }

    /// Polls one runnable task; `false` when there is none.
    fn step(&mut self) -> bool {
        let Some(id) = self.pick() else { return false };
        let Some(task) = self.tasks.get_mut(&id) else { return true };
        let waker = task.waker.clone();
        if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.tasks.remove(&id);
        }
        true
    }

    fn pick(&mut self) -> Option<TaskId> {
        let mut ready = self.ready.lock();
        let count = ready.len();
        if count == 0 {
            return None;
        }
        let index = usize::try_from(self.order.next_u64() % count as u64).unwrap_or(0);
        let id = ready.iter().nth(index).copied()?;
        ready.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{sleep, timeout};

    fn log_of(seed: u64) -> Vec<(Timestamp, u32)> {
        let mut executor = Executor::new(seed, Timestamp::EPOCH);
        let log = Arc::new(Mutex::new(Vec::new()));
        for number in 0..6_u32 {
            let (clock, log) = (executor.clock(), Arc::clone(&log));
            executor.spawn(async move {
                for _ in 0..3 {
                    sleep(&clock, Duration::from_secs(3600)).await;
                    log.lock().unwrap().push((clock.now(), number));
                }
            });
        }
        executor.run_until(Timestamp::EPOCH.plus(Duration::from_secs(4 * 3600)));
        let log = log.lock().unwrap();
        log.clone()
    }

    #[test]
    fn one_seed_gives_one_schedule_and_another_seed_another() {
        assert_eq!(log_of(1), log_of(1));
        assert_ne!(log_of(1), log_of(2));
        assert_eq!(log_of(1).len(), 18);
    }

    #[test]
    fn ten_days_pass_without_waiting() {
        let mut executor = Executor::new(0, Timestamp::EPOCH);
        let clock = executor.clock();
        let ten_days = Duration::from_secs(10 * 24 * 3600);
        executor.block_on(async move { sleep(&clock, ten_days).await });
        assert_eq!(executor.clock().now(), Timestamp::EPOCH.plus(ten_days));
    }

    #[test]
    fn a_few_steps_leave_the_rest_for_later() {
        let mut executor = Executor::new(3, Timestamp::EPOCH);
        let done = Arc::new(Mutex::new(0));
        for _ in 0..5 {
            let done = Arc::clone(&done);
            executor.spawn(async move { *done.lock().unwrap() += 1 });
        }
        assert!(executor.run_steps(2));
        assert_eq!(*done.lock().unwrap(), 2);
        assert!(!executor.run_steps(3));
        assert!(!executor.run_steps(1));
        assert_eq!(*done.lock().unwrap(), 5);
    }

    #[test]
    fn what_can_never_end_is_said_and_not_waited_for() {
        let mut executor = Executor::new(0, Timestamp::EPOCH);
        assert_eq!(executor.block_on(std::future::pending::<()>()), None);
    }

    #[test]
    fn a_killed_task_is_dropped_where_it_stands() {
        struct Flag(Arc<Mutex<bool>>);
        impl Drop for Flag {
            fn drop(&mut self) {
                *self.0.lock().unwrap() = true;
            }
        }
        let dropped = Arc::new(Mutex::new(false));
        let mut executor = Executor::new(0, Timestamp::EPOCH);
        let flag = Flag(Arc::clone(&dropped));
        let task = executor.spawn(async move {
            std::future::pending::<()>().await;
            drop(flag);
        });
        executor.settle();
        executor.kill(task);
        assert!(*dropped.lock().unwrap());
    }

    #[test]
    fn a_timeout_ends_work_that_never_does() {
        let mut executor = Executor::new(0, Timestamp::EPOCH);
        let clock = executor.clock();
        let outcome =
            executor.block_on(async move { timeout(&clock, Duration::from_secs(5), std::future::pending::<()>()).await });
        assert_eq!(outcome, Some(Err(crate::Elapsed)));
    }
}
