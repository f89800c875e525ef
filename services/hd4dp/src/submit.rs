//! Whether a row is a new registration, a new version of one, or nothing new.

use crate::store::Known;

/// What a row is, given what is known under its unique id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Novelty {
    /// The first version of a registration.
    New,
    /// The next version of a known one.
    Changed {
        /// The number that it gets.
        version: u32,
    },
    /// Equal to the stored one (W01): nothing is sent.
    Unchanged,
}

/// Holds a row against what is stored. A CSV's values win over the stored ones (provisioning rule), as a new version.
#[must_use]
pub fn novelty(known: Option<&Known>, row_hash: &[u8; 32]) -> Novelty {
    match known {
        None => Novelty::New,
        Some(known) if known.row_hash == *row_hash => Novelty::Unchanged,
        Some(known) => Novelty::Changed { version: known.version.saturating_add(1) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_different_row_is_a_new_version() {
        let known = Known { registration_id: uuid::Uuid::nil(), version: 3, row_hash: [1; 32], confirmed: true };
        assert_eq!(novelty(None, &[1; 32]), Novelty::New);
        assert_eq!(novelty(Some(&known), &[1; 32]), Novelty::Unchanged);
        assert_eq!(novelty(Some(&known), &[2; 32]), Novelty::Changed { version: 4 });
    }
}
