//! How many distinct patients a sender may ask for in a day.
//!
//! The TTP is an oracle: at the speed of an HMAC, all Belgian numbers could be asked in minutes. So it counts distinct identifiers per
//! sender and day, in a sketch under a key of the day that is then forgotten: it can say "seen today" with a small error, and cannot
//! list who.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use identifying::Identity;
use sha2::Sha256;

/// Distinct identifiers per sender and day of an installation that configures none.
pub const DEFAULT_LIMIT: u32 = 20_000;

/// Bytes of the sketch that are stored and loaded together.
pub const CHUNK_BYTES: usize = 1024;
/// Bits of the sketch: at the default limit, 2 of 100 new identifiers fall onto a bit that is set already and are let through uncounted.
const BITS: u32 = 1 << 20;
const CHUNK_BITS: u32 = 8 * 1024;

/// Where an identifier falls in the sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u32);

impl Mark {
    /// The mark of an identity under the key of the day.
    #[must_use]
    pub fn of(key: &[u8; 32], identity: &Identity) -> Self {
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        let mut mac = Hmac::<Sha256>::new((&block).into());
        mac.update(identity.kind().as_str().as_bytes());
        mac.update(b"|");
        mac.update(identity.reveal().as_bytes());
        let digest = mac.finalize().into_bytes();
        Self(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % BITS)
    }

    /// The chunk that holds it.
    #[must_use]
    pub const fn chunk(self) -> u32 {
        self.0 / CHUNK_BITS
    }

    const fn place(self) -> (usize, u8) {
        let bit = self.0 % CHUNK_BITS;
        ((bit / 8) as usize, 1 << (bit % 8))
    }
}

/// The identifiers that one sender asked for on one day: linear counting over a bitmap.
#[derive(Debug, Clone, Default)]
pub struct Sketch {
    chunks: BTreeMap<u32, Box<[u8]>>,
    set: u32,
}

impl Sketch {
    /// A sketch from its stored chunks.
    #[must_use]
    pub fn load(chunks: impl IntoIterator<Item = (u32, Vec<u8>)>) -> Self {
        let chunks: BTreeMap<u32, Box<[u8]>> =
            chunks.into_iter().filter(|(_, bits)| bits.len() == CHUNK_BYTES).map(|(at, bits)| (at, bits.into())).collect();
        let set = chunks.values().flat_map(|bits| bits.iter()).map(|byte| byte.count_ones()).sum();
        Self { chunks, set }
    }

    /// Lets an identifier through, or not: one that was seen today always, a new one while fewer than `limit` were.
    pub fn admit(&mut self, mark: Mark, limit: u32) -> bool {
        let (byte, bit) = mark.place();
        let is_seen = self.chunks.get(&mark.chunk()).is_some_and(|bits| bits[byte] & bit != 0);
        if is_seen {
            return true;
        }
        if self.distinct() >= f64::from(limit) {
            return false;
        }
        let bits = self.chunks.entry(mark.chunk()).or_insert_with(|| vec![0; CHUNK_BYTES].into());
        bits[byte] |= bit;
        self.set += 1;
        true
    }

    /// The bytes of a chunk, to store.
    #[must_use]
    pub fn chunk(&self, at: u32) -> Option<&[u8]> {
        self.chunks.get(&at).map(AsRef::as_ref)
    }

    /// How many distinct identifiers were seen, by the share of bits that are set.
    #[must_use]
    pub fn distinct(&self) -> f64 {
        let bits = f64::from(BITS);
        -bits * (1.0 - f64::from(self.set) / bits).ln()
    }
}

#[cfg(test)]
mod tests {
    use identifying::{GeneratedId, SharedHospitalKey};

    use super::*;

    fn marks(count: i16) -> Vec<Mark> {
        let key = SharedHospitalKey::new([1; 32]);
        let identity =
            |number| Identity::Generated(GeneratedId::derive(&key, &format!("Name{number}"), "First", (1960, 1, 1), "1"));
        (0..count).map(|number| Mark::of(&[7; 32], &identity(number))).collect()
    }

    #[test]
    fn a_known_identifier_passes_above_the_limit_and_a_new_one_does_not() {
        let marks = marks(400);
        let mut sketch = Sketch::default();
        let admitted = marks.iter().filter(|mark| sketch.admit(**mark, 300)).count();
        assert!((298..=303).contains(&admitted), "{admitted}");
        assert!(marks[..250].iter().all(|mark| sketch.admit(*mark, 300)));
    }

    #[test]
    fn a_sketch_that_was_stored_goes_on_counting_where_it_was() {
        let marks = marks(200);
        let mut sketch = Sketch::default();
        for mark in &marks {
            sketch.admit(*mark, 1000);
        }
        let chunks = (0..128).filter_map(|at| sketch.chunk(at).map(|bits| (at, bits.to_vec())));
        let loaded = Sketch::load(chunks);
        assert!((loaded.distinct() - sketch.distinct()).abs() < f64::EPSILON);
        assert!((197.0..203.0).contains(&loaded.distinct()), "{}", loaded.distinct());
    }
}
