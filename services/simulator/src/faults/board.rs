//! Which faults are on.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clock::Timestamp;
use host::Point;
use topology::Arrow;

use crate::simulation::{Fault, Op, Service};

/// A fault that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct On {
    /// By which it can be switched off.
    pub number: u64,
    /// When it was switched on.
    pub since: Timestamp,
    /// What it is, as a scenario has it.
    pub op: Op,
    /// How often it still strikes; `None` until it is switched off.
    pub left: Option<u32>,
}

/// The faults that are on, in the order in which they were switched on.
#[derive(Debug, Default)]
pub struct Board {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    on: Vec<On>,
}

impl State {
    /// The first of these, one time less; it is gone behind the last time.
    fn use_up(&mut self, is_it: impl Fn(&On) -> bool) -> Option<Op> {
        let at = self.on.iter().position(is_it)?;
        let one = self.on.get_mut(at)?;
        let op = one.op;
        one.left = one.left.map(|left| left.saturating_sub(1));
        if one.left == Some(0) {
            self.on.remove(at);
        }
        Some(op)
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches a fault on, for so many times or until it is switched off.
    pub fn put(&self, op: Op, times: Option<u32>, since: Timestamp) -> On {
        let mut state = self.lock();
        state.last += 1;
        let on = On { number: state.last, since, op, left: times };
        state.on.push(on);
        on
    }

    /// Switches off those that `is_it` says.
    pub fn take(&self, is_it: impl Fn(&On) -> bool) -> Vec<On> {
        let mut state = self.lock();
        let (gone, on) = std::mem::take(&mut state.on).into_iter().partition(is_it);
        state.on = on;
        gone
    }

    /// All that are on.
    #[must_use]
    pub fn all(&self) -> Vec<On> {
        self.lock().on.clone()
    }

    /// Whether any of these is on.
    pub fn has(&self, is_it: impl Fn(&Op) -> bool) -> bool {
        self.lock().on.iter().any(|on| is_it(&on.op))
    }

    /// The fault that the next publication on an arrow meets: one for it alone, else what every publication there meets.
    #[must_use]
    pub fn befalls(&self, arrow: Arrow) -> Option<Fault> {
        let mut state = self.lock();
        let once = state.use_up(|on| matches!(on.op, Op::Once { arrow: of, .. } if of == arrow));
        let kept = || state.on.iter().rev().find(|on| matches!(on.op, Op::Keep { arrow: of, .. } if of == arrow)).map(|on| on.op);
        match once.or_else(kept)? {
            Op::Once { fault, .. } | Op::Keep { fault, .. } => Some(fault),
            _ => None,
        }
    }

    /// Whether a service crashes at a point that it has reached.
    #[must_use]
    pub fn trips(&self, service: Service, point: Point) -> bool {
        self.lock().use_up(|on| on.op == Op::Crash { service, point }).is_some()
    }

    /// How much longer a service takes for each of its deliveries.
    #[must_use]
    pub fn pause_of(&self, service: Service) -> Option<Duration> {
        self.lock().on.iter().rev().find_map(|on| match on.op {
            Op::Slow { service: of, seconds } if of == service => Some(Duration::from_secs(seconds.into())),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::EPOCH;

    #[test]
    fn a_fault_for_one_publication_comes_before_that_of_all() {
        let board = Board::default();
        let arrow = Arrow::ToTtp;
        board.put(Op::Keep { arrow, fault: Fault::Duplicate }, None, START);
        board.put(Op::Once { arrow, fault: Fault::Lose }, Some(2), START);
        board.put(Op::Once { arrow, fault: Fault::Refuse }, Some(1), START);
        let met: Vec<_> = (0..5).map(|_| board.befalls(arrow)).collect();
        let expected = [Fault::Lose, Fault::Lose, Fault::Refuse, Fault::Duplicate, Fault::Duplicate].map(Some);
        assert_eq!(met, expected);
        assert_eq!(board.befalls(Arrow::ToHd), None);
        assert_eq!(board.all().len(), 1);
        assert_eq!(board.take(|on| on.number == 1).len(), 1);
        assert_eq!(board.befalls(arrow), None);
    }

    #[test]
    fn a_service_trips_as_often_as_it_was_said() {
        let board = Board::default();
        let (service, point) = (Service::Hd4res, Point::BeforeAck);
        board.put(Op::Crash { service, point }, Some(2), START);
        assert!(!board.trips(service, Point::AfterCommit) && !board.trips(Service::Dhw, point));
        assert_eq!([(); 3].map(|()| board.trips(service, point)), [true, true, false]);
    }

    #[test]
    fn the_last_word_on_how_slow_a_service_is_counts() {
        let board = Board::default();
        assert_eq!(board.pause_of(Service::Dhw), None);
        for seconds in [60, 5] {
            board.put(Op::Slow { service: Service::Dhw, seconds }, None, START);
        }
        assert_eq!(board.pause_of(Service::Dhw), Some(Duration::from_secs(5)));
    }
}
