//! What a pseudonym looks like, as pure functions.
//!
//! A hospital must never receive a pseudonym, so its messaging client refuses feedback that holds one. It cannot depend on the type;
//! it needs no more than the shape: 26 characters of base32 and a check character (ISO 7064 MOD 37,36).

/// Characters of a pseudonym's code, without the check character: 130 bits in base32.
pub const CODE_LENGTH: usize = 26;

/// The check character of ISO 7064 MOD 37,36 over `text`, digits and letters of either case. `None` when it holds anything else.
#[must_use]
pub fn check_character(text: &str) -> Option<char> {
    let mut product = 36;
    for character in text.chars() {
        let sum = (product + character.is_ascii_alphanumeric().then(|| character.to_digit(36)).flatten()?) % 36;
        product = if sum == 0 { 36 } else { sum } * 2 % 37;
    }
    char::from_digit((37 - product) % 36, 36).map(|check| check.to_ascii_uppercase())
}

/// Whether `text` holds, in whatever case, 26 characters of base32 with the right check character behind them, standing alone.
#[must_use]
pub fn contains_pseudonym(text: &str) -> bool {
    text.split(|character: char| !character.is_ascii_alphanumeric()).any(is_code)
}

fn is_code(word: &str) -> bool {
    let Some((code, check)) = word.split_at_checked(CODE_LENGTH) else { return false };
    let base32 = |byte: u8| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(&byte);
    code.bytes().all(base32) && check_character(code).is_some_and(|right| check.eq_ignore_ascii_case(right.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(code: &str) -> String {
        format!("{code}{}", check_character(code).unwrap())
    }

    #[test]
    fn the_standards_own_example() {
        // ISO 7064, MOD 37,36: the check character of A12425GABC1234002 is M.
        assert_eq!(check_character("A12425GABC1234002"), Some('M'));
    }

    proptest! {
        #[test]
        fn a_pseudonym_is_found_wherever_it_stands(code in "[A-Z2-7]{26}", before in "[ .:;]{1,3}", after in "[ .,!]{0,3}") {
            let text = format!("see{before}healthdata.1.{}{after}", word(&code));
            prop_assert!(contains_pseudonym(&text));
            prop_assert!(contains_pseudonym(&text.to_lowercase()));
        }

        #[test]
        fn one_wrong_character_makes_it_none(code in "[A-Z2-7]{26}", place in 0_usize..26, other in "[A-Z2-7]") {
            let right = word(&code);
            let mut wrong = right.clone();
            wrong.replace_range(place..=place, &other);
            prop_assume!(wrong != right);
            prop_assert!(!contains_pseudonym(&wrong));
        }
    }

    #[test]
    fn ordinary_text_holds_none() {
        assert!(!contains_pseudonym("Het vcf-bestand VCF-00000196-1-000123 ontbreekt; ICD-O-3 8140/3, c.35G>A, onomatopoeicallyconsidered."));
    }
}
