//! Finds pseudonyms in texts that go to hospitals.

use crate::{CODE_LENGTH, check_character, is_code};

/// Whether anything in the text is shaped like a pseudonym.
///
/// That is 26 characters of base32 behind a number and a dot, whatever the check character says, or a word of 27 characters
/// that is a code with the right check character. Case does not count: what people copy and retype is a pseudonym still.
#[must_use]
pub fn contains_pseudonym(text: &str) -> bool {
    let mut before = "";
    let mut rest = text;
    loop {
        let word = &rest[..rest.bytes().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len())];
        if word.len() >= CODE_LENGTH && holds_code(word, before) {
            return true;
        }
        let Some(next) = rest[word.len()..].find(|character: char| character.is_ascii_alphanumeric()) else {
            return false;
        };
        let start = text.len() - rest.len() + word.len() + next;
        (before, rest) = text.split_at(start);
    }
}

/// Whether a word of at least 26 letters and digits is a code, given the text before it.
fn holds_code(word: &str, before: &str) -> bool {
    let word = word.to_ascii_uppercase().into_bytes();
    let (code, more) = word.split_at(CODE_LENGTH);
    is_code(code) && (follows_epoch(before) || matches!(more, [check] if check_character(code) == Some(*check)))
}

/// Whether the text ends with a number between dots, as before the code of a pseudonym.
fn follows_epoch(before: &str) -> bool {
    let Some(before) = before.strip_suffix('.') else {
        return false;
    };
    let without_number = before.trim_end_matches(|character: char| character.is_ascii_digit());
    without_number.len() < before.len() && without_number.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CODE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    /// Not by way of the type, on which this crate cannot depend.
    fn pseudonym(epoch: u32, code: &str) -> String {
        format!("healthdata.{epoch}.{code}{}", char::from(check_character(code.as_bytes()).unwrap()))
    }

    #[test]
    fn finds_codes_with_their_domain_or_alone() {
        let pseudonym = pseudonym(1, CODE);
        let alone = &pseudonym[pseudonym.len() - 27..];
        for text in [
            pseudonym.clone(),
            format!("please look at {pseudonym}, thanks"),
            format!("né{pseudonym}é"),
            format!("{pseudonym}."),
            pseudonym.to_lowercase(),
            pseudonym[..pseudonym.len() - 1].to_owned(),
            format!("{pseudonym}XYZ"),
            format!(".1.{CODE}"),
            alone.to_owned(),
            format!("code ({alone})"),
            format!("a.b {}", alone.to_lowercase()),
        ] {
            assert!(contains_pseudonym(&text), "{text}");
        }
    }

    #[test]
    fn passes_what_is_none() {
        let pseudonym = pseudonym(1, CODE);
        let alone = &pseudonym[pseudonym.len() - 27..];
        for text in [
            "",
            "dose 1.5 mg, see section 1.2.3",
            CODE,
            "the value is not plausible. 漢字 é",
            "meervoudigepersoonlijkheidsstoornis",
            "Het vcf-bestand VCF-00000196-1-000123 ontbreekt; ICD-O-3 8140/3, c.35G>A, onomatopoeicallyconsidered.",
            "healthdata.1.ABCDEFGHIJKLMNOPQRSTUVWXY",
            "healthdata.1.ABCDEFGHIJKLMNOPQRSTUVWXY1A",
            &format!("{alone}A"),
            &format!("B{}", &alone[1..]),
        ] {
            assert!(!contains_pseudonym(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn finds_every_pseudonym_in_every_text(
            (before, after) in ("(\\PC{0,8}[^A-Za-z0-9])?", "([^A-Za-z0-9]\\PC{0,8})?"), epoch in 1_u32.., code in "[A-Z2-7]{26}",
        ) {
            let pseudonym = pseudonym(epoch, &code);
            let found_whole = contains_pseudonym(&format!("{before}{pseudonym}{after}"));
            prop_assert!(found_whole);
            let found_alone = contains_pseudonym(&format!("{before}{}{after}", &pseudonym[pseudonym.len() - 27..]));
            prop_assert!(found_alone);
        }

        #[test]
        fn one_wrong_character_makes_a_code_that_stands_alone_none(code in "[A-Z2-7]{26}", at in 0_usize..26, other in "[A-Z2-7]") {
            let right = &pseudonym(1, &code)["healthdata.1.".len()..];
            let mut wrong = right.to_owned();
            wrong.replace_range(at..=at, &other);
            prop_assume!(wrong != right);
            prop_assert!(!contains_pseudonym(&wrong));
        }

        #[test]
        fn any_text_is_scanned_without_panic(text in any::<String>()) {
            let _ = contains_pseudonym(&text);
        }
    }
}
