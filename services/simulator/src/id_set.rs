//! A set of ids that takes little room.
//!
//! A hospital's ids come from one counter behind a random part, so millions of them lie side by side. The set keeps a bit for each id in
//! blocks of 4,096 neighbours: two ids in three bytes or less, where a sorted list takes sixteen bytes for each. Ids that are scattered
//! cost a block each, so this is no set for derived ids.

use std::collections::BTreeMap;

use uuid::Uuid;

/// Bits of an id that say which bit of a block it is.
const BLOCK_BITS: u32 = 12;
const WORDS: usize = (1 << BLOCK_BITS) / 64;

/// Ids, each once, in rising order.
#[derive(Debug, Clone, Default)]
pub struct IdSet {
    blocks: BTreeMap<u128, Box<[u64; WORDS]>>,
    len: u64,
}

impl IdSet {
    /// Adds an id. Says whether it is new.
    pub fn insert(&mut self, id: Uuid) -> bool {
        let (block, word, bit) = place(id);
        let words = self.blocks.entry(block).or_insert_with(|| Box::new([0; WORDS]));
        let Some(word) = words.get_mut(word) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        self.len += u64::from(is_new);
        is_new
    }

    /// Whether an id is in it.
    #[must_use]
    pub fn contains(&self, id: &Uuid) -> bool {
        let (block, word, bit) = place(*id);
        self.blocks.get(&block).and_then(|words| words.get(word)).is_some_and(|word| word & bit != 0)
    }

    /// How many ids there are.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The ids, rising.
    pub fn iter(&self) -> impl Iterator<Item = Uuid> {
        let words = self.blocks.iter().flat_map(|(block, words)| {
            let first = *block << BLOCK_BITS;
            (0..).zip(words.iter()).map(move |(number, word)| (first + number * 64, *word))
        });
        words.flat_map(|(first, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| Uuid::from_u128(first + bit))
        })
    }
}

fn place(id: Uuid) -> (u128, usize, u64) {
    let id = id.as_u128();
    // Both fit: the block takes all but twelve bits, of which six say the word.
    let within = (id & ((1 << BLOCK_BITS) - 1)) as usize;
    (id >> BLOCK_BITS, within / 64, 1 << (within % 64))
}

impl FromIterator<Uuid> for IdSet {
    fn from_iter<I: IntoIterator<Item = Uuid>>(ids: I) -> Self {
        let mut set = Self::default();
        for id in ids {
            set.insert(id);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Neighbours, the ends of blocks, and ids from anywhere.
    fn ids() -> impl Strategy<Value = Vec<Uuid>> {
        let near = (0_u128..3, 0_u128..9000).prop_map(|(batch, number)| Uuid::from_u128((batch << 80) + number));
        prop::collection::vec(prop_oneof![8 => near, 1 => any::<u128>().prop_map(Uuid::from_u128)], 0..300)
    }

    proptest! {
        #[test]
        fn it_holds_what_a_tree_of_ids_holds(ids in ids(), asked in ids()) {
            let (mut set, mut tree) = (IdSet::default(), BTreeSet::new());
            for id in &ids {
                prop_assert_eq!(set.insert(*id), tree.insert(*id));
            }
            prop_assert_eq!(set.len(), tree.len() as u64);
            prop_assert_eq!(set.is_empty(), tree.is_empty());
            prop_assert!(set.iter().eq(tree.iter().copied()));
            for id in ids.iter().chain(&asked) {
                prop_assert_eq!(set.contains(id), tree.contains(id));
            }
        }
    }

    #[test]
    fn a_million_ids_of_one_counter_take_a_few_hundred_blocks() {
        let mut batch = envelope::IdBatch::new([7; 10]);
        let set: IdSet = (0..1_000_000).map(|_| batch.next_uuid()).collect();
        assert_eq!((set.len(), set.blocks.len()), (1_000_000, 245));
    }
}
