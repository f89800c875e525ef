//! How much fits into a publication at every stage of its way.

use crate::{B64, MAX_BYTES, MAX_ITEMS};

/// Room in a publication that is being filled. A publication keeps its items over all arrows, while what stands around each content
/// differs: it is counted at its largest, so that what fits at step 3 fits at step 5.
#[derive(Debug, Clone)]
pub struct Capacity {
    items_max: usize,
    items: usize,
    bytes: usize,
}

impl Capacity {
    /// Characters around the items at most.
    const AROUND_PUBLICATION: usize = 2_048;

    /// Characters around a content at most: ids, member names, the sealed identity, pseudonym or return part.
    const AROUND_ITEM: usize = 1_024;

    /// Bytes that the sealing adds to a content.
    const SEAL: usize = 20;

    /// An empty publication of `items_max` items at most ([`MAX_ITEMS`] caps it; at least 1).
    #[must_use]
    pub const fn new(items_max: usize) -> Self {
        let items_max = match items_max {
            0 => 1,
            1..=MAX_ITEMS => items_max,
            _ => MAX_ITEMS,
        };
        Self { items_max, items: 0, bytes: Self::AROUND_PUBLICATION }
    }

    /// Takes room for one more encoded content or feedback of `clear_len` bytes; `false`, and nothing taken, when it does not fit.
    /// What does not fit into an empty publication fits into none.
    pub const fn take(&mut self, clear_len: usize) -> bool {
        let bytes = self.bytes + Self::AROUND_ITEM + B64::encoded_len(clear_len + Self::SEAL);
        if self.items == self.items_max || bytes > MAX_BYTES {
            return false;
        }
        self.items += 1;
        self.bytes = bytes;
        true
    }

    /// How many items have room taken for them.
    #[must_use]
    pub const fn items(&self) -> usize {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_items_bounds_it() {
        let mut capacity = Capacity::new(2);
        assert!(capacity.take(1_024) && capacity.take(1_024) && !capacity.take(1_024));
        assert_eq!(capacity.items(), 2);
        assert!(Capacity::new(0).take(1_024));
    }

    #[test]
    fn the_bytes_bound_it() {
        let mut capacity = Capacity::new(MAX_ITEMS + 1);
        while capacity.take(6_000) {}
        assert_eq!(capacity.items(), (MAX_BYTES - 2_048) / (8_028 + 1_024));
        assert!(!Capacity::new(1).take(7_500_000));
        assert!(Capacity::new(1).take(6 * 1_024 * 1_024 + 100_000));
    }
}
