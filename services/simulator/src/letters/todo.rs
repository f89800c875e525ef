//! The letters that a job is to put back: what stood there when it began, and nothing that came later.

use std::collections::HashMap;

use super::letter::{Fingerprint, Letter};

/// What is left to do at one place. Letters are known by their bytes, since what cannot be read has no id, and one that comes straight back as it was is another letter.
#[derive(Debug, Default)]
pub(super) struct Todo {
    wanted: HashMap<Fingerprint, u64>,
    /// Published already, while their acknowledgement came to nothing.
    published: HashMap<Fingerprint, u64>,
    left: u64,
}

/// What is to be done with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Publish it, then acknowledge it.
    Requeue,
    /// It was published: acknowledge it.
    Acknowledge,
    /// It is none of this job's.
    Leave,
}

impl Todo {
    pub(super) fn add(&mut self, letter: &Letter) {
        *self.wanted.entry(letter.fingerprint).or_default() += 1;
        self.left += 1;
    }

    /// Letters that are still to be published.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// Whether nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.left == 0 && self.published.is_empty()
    }

    pub(super) fn task(&self, letter: &Fingerprint) -> Task {
        match () {
            () if self.published.contains_key(letter) => Task::Acknowledge,
            () if self.wanted.contains_key(letter) => Task::Requeue,
            () => Task::Leave,
        }
    }

    /// A letter was published and is acknowledged next.
    pub(super) fn publish(&mut self, letter: &Fingerprint) {
        if take(&mut self.wanted, letter) {
            self.left -= 1;
        }
    }

    /// Its acknowledgement came to nothing: it comes again.
    pub(super) fn comes_again(&mut self, letter: Fingerprint) {
        *self.published.entry(letter).or_default() += 1;
    }

    /// A letter that had come again is acknowledged.
    pub(super) fn acknowledge(&mut self, letter: &Fingerprint) {
        take(&mut self.published, letter);
    }
}

fn take(letters: &mut HashMap<Fingerprint, u64>, letter: &Fingerprint) -> bool {
    let Some(count) = letters.get_mut(letter) else { return false };
    *count -= 1;
    if *count == 0 {
        letters.remove(letter);
    }
    true
}

#[cfg(test)]
mod tests {
    use topology::Arrow;

    use super::*;
    use crate::letters::Place;

    #[test]
    fn what_comes_straight_back_as_it_was_is_not_done_again() {
        let letter = Letter::read(Place { arrow: Arrow::ToTtp, nihdi: None }, b"no publication");
        let (mut todo, bytes) = (Todo::default(), letter.fingerprint);
        todo.add(&letter);
        todo.add(&letter);
        for left in [1, 0] {
            assert_eq!(todo.task(&bytes), Task::Requeue);
            todo.publish(&bytes);
            assert_eq!(todo.left(), left);
        }
        assert_eq!(todo.task(&bytes), Task::Leave);
        assert!(todo.is_done());
    }

    #[test]
    fn what_was_published_and_comes_again_is_acknowledged_once() {
        let letter = Letter::read(Place { arrow: Arrow::ToTtp, nihdi: None }, b"no publication");
        let (mut todo, bytes) = (Todo::default(), letter.fingerprint);
        todo.add(&letter);
        todo.publish(&bytes);
        todo.comes_again(bytes);
        assert!(!todo.is_done() && todo.task(&bytes) == Task::Acknowledge);
        todo.acknowledge(&bytes);
        assert!(todo.is_done() && todo.task(&bytes) == Task::Leave);
    }
}
