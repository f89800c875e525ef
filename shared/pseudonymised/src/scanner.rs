//! Finds pseudonyms in texts that go to hospitals.

use crate::check::check_character;
use crate::is_base32;
use crate::pseudonym::CODE_CHARACTERS;

/// Whether anything in the text is shaped like a pseudonym.
///
/// That is 26 characters of base32 behind a number and a dot, whatever the check character says, or a word of 27 characters
/// that is a code with the right check character. Case does not count: what people copy and retype is a pseudonym still.
pub fn looks_like_pseudonym(text: &str) -> bool {
    let mut before = "";
    let mut rest = text;
    loop {
        let word = &rest[..rest.bytes().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len())];
        if word.len() >= CODE_CHARACTERS && holds_code(word, before) {
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
    let (code, more) = word.split_at(CODE_CHARACTERS);
    is_base32(code) && (follows_epoch(before) || matches!(more, [check] if check_character(code) == Some(*check)))
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
    use crate::Pseudonym;
    use proptest::prelude::*;

    const CODE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    #[test]
    fn finds_codes_with_their_domain_or_alone() {
        let pseudonym = Pseudonym::assemble("healthdata", 1, CODE).unwrap().to_string();
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
            assert!(looks_like_pseudonym(&text), "{text}");
        }
    }

    #[test]
    fn passes_what_is_none() {
        let pseudonym = Pseudonym::assemble("healthdata", 1, CODE).unwrap().to_string();
        let alone = &pseudonym[pseudonym.len() - 27..];
        for text in [
            "",
            "dose 1.5 mg, see section 1.2.3",
            CODE,
            "the value is not plausible. 漢字 é",
            "meervoudigepersoonlijkheidsstoornis",
            "healthdata.1.ABCDEFGHIJKLMNOPQRSTUVWXY",
            "healthdata.1.ABCDEFGHIJKLMNOPQRSTUVWXY1A",
            &format!("{alone}A"),
            &format!("B{}", &alone[1..]),
        ] {
            assert!(!looks_like_pseudonym(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn finds_every_pseudonym_in_every_text(
            (before, after) in ("(\\PC{0,8}[^A-Za-z0-9])?", "([^A-Za-z0-9]\\PC{0,8})?"), epoch in 1_u32.., code in "[A-Z2-7]{26}",
        ) {
            let pseudonym = Pseudonym::assemble("healthdata", epoch, &code).unwrap().to_string();
            let found_whole = looks_like_pseudonym(&format!("{before}{pseudonym}{after}"));
            prop_assert!(found_whole);
            let found_alone = looks_like_pseudonym(&format!("{before}{}{after}", &pseudonym[pseudonym.len() - 27..]));
            prop_assert!(found_alone);
        }

        #[test]
        fn any_text_is_scanned_without_panic(text in any::<String>()) {
            looks_like_pseudonym(&text);
        }
    }
}
