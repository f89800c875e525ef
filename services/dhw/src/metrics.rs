//! What the warehouse did since it started, as counters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of the warehouse; they only rise.
#[derive(Debug, Default)]
pub struct Metrics {
    publications: AtomicU64,
    clean: AtomicU64,
    not_clean: AtomicU64,
    dead_letters: AtomicU64,
    unreadable: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Publications that were handled.
    pub publications: u64,
    /// Registrations that were answered without an error, repetitions included.
    pub clean: u64,
    /// Registrations that were answered with an error, repetitions included.
    pub not_clean: u64,
    /// Items that were set aside.
    pub dead_letters: u64,
    /// Publications that could not be read at all.
    pub unreadable: u64,
}

impl Metrics {
    /// Counts one handled batch.
    pub(crate) fn add(&self, figures: Figures) {
        self.publications.fetch_add(figures.publications, Relaxed);
        self.clean.fetch_add(figures.clean, Relaxed);
        self.not_clean.fetch_add(figures.not_clean, Relaxed);
        self.dead_letters.fetch_add(figures.dead_letters, Relaxed);
        self.unreadable.fetch_add(figures.unreadable, Relaxed);
    }

    /// The counters now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            publications: self.publications.load(Relaxed),
            clean: self.clean.load(Relaxed),
            not_clean: self.not_clean.load(Relaxed),
            dead_letters: self.dead_letters.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
        }
    }
}
