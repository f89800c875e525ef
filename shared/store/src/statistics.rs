//! When PostgreSQL has to look at a schema's tables anew.
//!
//! Its planner goes by statistics, which its autovacuum takes once a minute. A store takes in ten thousand registrations within seconds, and without statistics
//! of them the planner believes that a sender has one record: a look-up by keys reads all that the sender has, hundreds of times over. So the store has statistics
//! taken itself, of the tables that are small.

use std::sync::atomic::{AtomicU64, Ordering};

/// Rows written before the first time; with fewer, no plan is a bad one.
const FIRST: u64 = 1_000;
/// How many times as many rows before the next time. What the planner knows of a column, how many values to a row, stays true as a table grows.
const FACTOR: u64 = 10;
/// Behind this many, and with tables of as many rows, autovacuum is left alone.
pub(crate) const SMALL: u64 = 1_000_000;

/// Counts the rows that were written since the schema was opened.
#[derive(Debug)]
pub(crate) struct Statistics {
    written: AtomicU64,
    due_at: AtomicU64,
}

impl Default for Statistics {
    fn default() -> Self {
        Self { written: AtomicU64::new(0), due_at: AtomicU64::new(FIRST) }
    }
}

impl Statistics {
    /// So many rows were written, changed or deleted, and that was committed.
    pub(crate) fn note(&self, rows: u64) {
        self.written.fetch_add(rows, Ordering::Relaxed);
    }

    /// Whether statistics are due, once each time.
    pub(crate) fn take_due(&self) -> bool {
        let (written, due_at) = (self.written.load(Ordering::Relaxed), self.due_at.load(Ordering::Relaxed));
        if due_at > SMALL || written < due_at {
            return false;
        }
        let mut next = due_at;
        while next <= written {
            next *= FACTOR;
        }
        self.due_at.compare_exchange(due_at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_due_at_each_power_of_ten_up_to_the_last() {
        let statistics = Statistics::default();
        let mut due = Vec::new();
        for written in (100..=30_000_000).step_by(100) {
            statistics.note(100);
            if statistics.take_due() {
                due.push(written);
            }
        }
        assert_eq!(due, [1_000, 10_000, 100_000, 1_000_000]);
    }

    #[test]
    fn many_rows_at_once_are_one_time() {
        let statistics = Statistics::default();
        statistics.note(50_000);
        assert!(statistics.take_due());
        assert!(!statistics.take_due());
        statistics.note(50_000);
        assert!(statistics.take_due());
    }
}
