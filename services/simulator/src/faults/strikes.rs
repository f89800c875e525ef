//! Which fault struck what, and when.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use clock::Timestamp;
use topology::Arrow;
use uuid::Uuid;

use crate::{scenario::words, simulation::Service};

/// What a fault came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It struck.
    Struck,
    /// There was nothing that it could have changed.
    Nothing,
}

impl Outcome {
    /// As pages and answers have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Struck => "struck",
            Self::Nothing => "nothing",
        }
    }
}

/// A fault that struck. It names publications by their ids, and nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// From 1, in order.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The fault, as scenarios call it.
    pub fault: &'static str,
    /// The step of the publication that it struck.
    pub step: Option<&'static str>,
    /// The service that it struck, or that published what it struck.
    pub service: Option<String>,
    /// The publication; none when it struck none, or one that cannot be read.
    pub publication: Option<Uuid>,
    /// What it came to.
    pub outcome: Outcome,
}

/// What a strike is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct About {
    /// The arrow of the publication.
    pub arrow: Option<Arrow>,
    /// The service.
    pub service: Option<Service>,
    /// The publication.
    pub publication: Option<Uuid>,
}

impl About {
    /// About a service.
    #[must_use]
    pub fn of(service: Service) -> Self {
        Self { service: Some(service), ..Self::default() }
    }
}

/// The strikes so far; of many, the last [`KEPT`].
#[derive(Debug, Default)]
pub struct Strikes {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    kept: VecDeque<Strike>,
}

/// Strikes that are remembered.
pub const KEPT: usize = 10_000;

impl Strikes {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a strike down, here and in the log.
    pub fn note(&self, at: Timestamp, fault: &'static str, about: About, outcome: Outcome) {
        let (step, service) = (about.arrow.map(Arrow::step), about.service.map(words::service));
        let publication = about.publication;
        let said = publication.map(|id| id.to_string());
        tracing::warn!(fault, step, service, publication = said, outcome = outcome.as_str(), "a fault that was asked for");
        let mut state = self.lock();
        state.last += 1;
        let number = state.last;
        state.kept.push_back(Strike { number, at, fault, step, service, publication, outcome });
        if state.kept.len() > KEPT {
            state.kept.pop_front();
        }
    }

    /// The first `limit` strikes behind the one of this number that are still remembered.
    #[must_use]
    pub fn after(&self, number: u64, limit: usize) -> Vec<Strike> {
        let state = self.lock();
        let at = state.kept.partition_point(|strike| strike.number <= number);
        state.kept.iter().skip(at).take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_strikes_are_remembered_and_read_in_pages() {
        let strikes = Strikes::default();
        for _ in 0..KEPT + 5 {
            strikes.note(Timestamp::EPOCH, "drop", About { arrow: Some(Arrow::ToTtp), ..About::default() }, Outcome::Struck);
        }
        let numbers = |page: Vec<Strike>| page.into_iter().map(|strike| strike.number).collect::<Vec<_>>();
        assert_eq!(numbers(strikes.after(0, 2)), [6, 7]);
        assert_eq!(numbers(strikes.after(7, 2)), [8, 9]);
        assert_eq!(strikes.after(0, usize::MAX).len(), KEPT);
        assert!(strikes.after(KEPT as u64 + 5, 10).is_empty());
    }
}
