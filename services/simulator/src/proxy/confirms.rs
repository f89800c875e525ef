//! Who waits for which confirm of one channel, when the line has not passed on what was published as it was.

use std::collections::BTreeMap;

/// For whom a broker's confirm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// The client, which counts this publication under another number perhaps.
    Client(u64),
    /// Nobody: the client knows of one of two only.
    Nobody,
    /// The client must not hear of it: the connection breaks instead.
    Break,
}

/// The confirms of one channel. Client and broker count publications from 1, each those that it sees.
#[derive(Debug, Default)]
pub(super) struct Confirms {
    of_client: u64,
    of_broker: u64,
    waiting: BTreeMap<u64, For>,
}

impl Confirms {
    /// The client has sent one. Gives its number there.
    pub(super) fn asked(&mut self) -> u64 {
        self.of_client += 1;
        self.of_client
    }

    /// One goes to the broker.
    pub(super) fn sent(&mut self, whom: For) {
        self.of_broker += 1;
        self.waiting.insert(self.of_broker, whom);
    }

    /// The broker says something of one, or of all up to one: for whom, in its order.
    pub(super) fn came(&mut self, tag: u64, multiple: bool) -> Vec<For> {
        if !multiple {
            return self.waiting.remove(&tag).into_iter().collect();
        }
        let later = self.waiting.split_off(&tag.saturating_add(1));
        std::mem::replace(&mut self.waiting, later).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_hears_of_his_own() {
        let mut confirms = Confirms::default();
        let pass = |confirms: &mut Confirms| {
            let number = confirms.asked();
            confirms.sent(For::Client(number));
        };
        pass(&mut confirms);
        // Swallowed: the broker never counts it.
        assert_eq!(confirms.asked(), 2);
        pass(&mut confirms);
        confirms.sent(For::Nobody);
        pass(&mut confirms);
        confirms.asked();
        confirms.sent(For::Break);
        assert_eq!(confirms.came(2, false), [For::Client(3)]);
        assert_eq!(confirms.came(4, true), [For::Client(1), For::Nobody, For::Client(4)]);
        assert_eq!(confirms.came(4, true), []);
        assert_eq!(confirms.came(5, false), [For::Break]);
    }
}
