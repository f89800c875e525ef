//! Reproducible chance: one stream of draws per subject, so that a patient or a visit is a pure function of the seed and a number.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a source of draws is for. Sources of different purposes never share a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The patients' own facts.
    Patients = 1,
    /// In which order the patients that hospitals share are seen.
    SharedOrder,
    /// In which order a hospital sees the patients of its own.
    OwnOrder,
    /// How a visit goes on: advice, referral, treatment.
    Outline,
    /// The visit itself.
    Visits,
    /// When a patient comes to a hospital.
    Appointments,
    /// What the three registers add, each of their own.
    LocalRows,
    CentralRows,
    TreatmentRows,
}

/// Draws of one purpose, one stream per number.
#[derive(Clone)]
pub(crate) struct Source(ChaCha8Rng);

impl Source {
    /// The source of a seed, and of a hospital where `organisation` is not 0.
    pub(crate) fn new(seed: u64, purpose: Purpose, organisation: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&organisation.to_le_bytes());
        key[16] = purpose as u8;
        key[17..].copy_from_slice(b"population/1   ");
        Self(ChaCha8Rng::from_seed(key))
    }

    /// The draws that belong to a number.
    pub(crate) fn draw(&self, number: u64) -> Draw {
        let mut draws = self.0.clone();
        draws.set_stream(number);
        Draw(draws)
    }
}

/// A sequence of draws. The reduction to a range is our own: a library's may change with its version, and the files with it.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// 0 up to `limit - 1`; 0 for a limit of 0.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        let wide = u64::from(self.0.next_u32()) * u64::from(limit);
        u32::try_from(wide >> 32).unwrap_or_default()
    }

    /// From `low` to `high`, both included; `low` when `high` is below it.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        let width = high.saturating_sub(low).saturating_add(1).max(1);
        low + i32::try_from(self.below(width.unsigned_abs())).unwrap_or_default()
    }

    /// True in so many cases of a hundred.
    pub(crate) fn percent(&mut self, cases: u32) -> bool {
        self.below(100) < cases
    }

    /// One of several; they are never none.
    pub(crate) fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        let count = u32::try_from(things.len()).unwrap_or(u32::MAX);
        things[self.below(count) as usize]
    }

    /// One of several by their weights.
    pub(crate) fn weighted<'t, T>(&mut self, things: &'t [T], weight: impl Fn(&T) -> u32) -> &'t T {
        let sum = things.iter().map(&weight).sum();
        let mut left = self.below(sum);
        for thing in things {
            let weight = weight(thing);
            if left < weight {
                return thing;
            }
            left -= weight;
        }
        &things[0]
    }

    /// 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_own_draws_and_always_the_same() {
        let source = Source::new(1, Purpose::Patients, 0);
        let of = |source: &Source, number| source.draw(number).bits();
        assert_eq!(of(&source, 7), of(&source, 7));
        assert_ne!(of(&source, 7), of(&source, 8));
        assert_ne!(of(&source, 7), of(&Source::new(2, Purpose::Patients, 0), 7));
        assert_ne!(of(&source, 7), of(&Source::new(1, Purpose::Visits, 0), 7));
        assert_ne!(of(&source, 7), of(&Source::new(1, Purpose::Patients, 196), 7));
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_its_ends() {
        let mut draw = Source::new(3, Purpose::Visits, 0).draw(0);
        let mut seen = [0_u32; 5];
        for _ in 0..1000 {
            seen[usize::try_from(draw.between(-2, 2) + 2).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| (150..250).contains(count)), "{seen:?}");
        assert_eq!(draw.between(5, 3), 5);
        assert_eq!(draw.below(0), 0);
        assert_eq!((0..1000).filter(|_| draw.percent(0)).count(), 0);
        assert_eq!((0..1000).filter(|_| draw.percent(100)).count(), 1000);
        let heavy = (0..1000).filter(|_| *draw.weighted(&[(9, 'a'), (1, 'b')], |thing| thing.0) == (9, 'a')).count();
        assert!((850..950).contains(&heavy), "{heavy}");
    }

    /// A file is the same byte for byte on every machine and with every later version of the generator behind it.
    #[test]
    fn the_first_draws_are_fixed() {
        let mut draw = Source::new(1, Purpose::Patients, 0).draw(0);
        assert_eq!([draw.below(1000), draw.below(1000), draw.below(1000)], FIRST);
    }

    const FIRST: [u32; 3] = [604, 116, 516];
}
