//! The check character: ISO/IEC 7064, MOD 37,36.

/// The check character for digits and upper-case letters; `None` when there is anything else among them.
///
/// It changes with every change of one character, and with most exchanges of two neighbours.
#[must_use]
pub fn check_character(code: &[u8]) -> Option<u8> {
    let mut product = 36;
    for byte in code {
        let sum = match (product + value(*byte)?) % 36 {
            0 => 36,
            sum => sum,
        };
        product = 2 * sum % 37;
    }
    ALPHABET.get((37 - product) % 36).copied()
}

const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn value(byte: u8) -> Option<usize> {
    match byte {
        b'0'..=b'9' => Some(usize::from(byte - b'0')),
        b'A'..=b'Z' => Some(usize::from(byte - b'A') + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of the Global Release Identifier, which uses the same system.
    #[test]
    fn agrees_with_a_published_example() {
        assert_eq!(check_character(b"A12425GABC1234002"), Some(b'M'));
    }

    #[test]
    fn other_characters_have_no_check_character() {
        assert_eq!(check_character(b"AB-C"), None);
        assert_eq!(check_character(b"abc"), None);
    }

    proptest! {
        #[test]
        fn every_change_of_one_character_changes_it(code in "[0-9A-Z]{1,30}", at in any::<prop::sample::Index>(), by in 1_usize..36) {
            let at = at.index(code.len());
            let mut changed = code.clone().into_bytes();
            changed[at] = ALPHABET[(value(changed[at]).unwrap() + by) % 36];
            prop_assert_ne!(check_character(&changed), check_character(code.as_bytes()));
        }
    }
}
