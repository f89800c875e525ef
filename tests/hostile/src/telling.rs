//! What a refusal may say: the program's own words, and small numbers.

use std::{collections::BTreeSet, sync::LazyLock};

use dcd::{Finding, Language};

use crate::{DEFINITIONS, REGISTERS};

/// Digits of a number in a refusal at most: of a line, of a count, of a limit in bytes. A national number has 11, a hospital's 8.
const DIGITS_MAX: usize = 7;
/// Letters of a word that says nothing of anybody.
const WORD_MAX: usize = 3;
/// Bytes of a column's name at most, as hospitals may write one.
const COLUMN_MAX: usize = 100;

/// What findings say around the texts of catalogues and definitions.
const AROUND: &str = "from of at least most to van tot en met ten minste hoogste vanaf de à d'au moins plus à partir du au";

/// The words of steps, by which an operator wishes for a fault, and around them.
const STEPS: &str = concat!(include_str!("../../../docs/SCENARIOS.md"), " one step, one thing: stands beside; there are");

/// The words of the catalogues, of steps, and of the definitions that are built in.
static WORDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut texts = vec![AROUND.to_owned(), STEPS.to_owned(), dcd::errors_markdown(), web::problems_markdown()];
    let json = |name: &str, version| DEFINITIONS.json(name, version).map(str::to_owned);
    texts.extend(REGISTERS.iter().filter_map(|definition| json(definition.name(), definition.version())));
    texts.iter().flat_map(|text| words(text)).map(str::to_owned).collect()
});

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Whether a word stands in no catalogue, and may so be somebody's.
fn is_foreign(word: &str) -> bool {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let most = if is_number { DIGITS_MAX } else { WORD_MAX };
    word.chars().count() > most && !WORDS.contains(word)
}

/// Holds a text of a refusal to the words of the catalogues.
pub(crate) fn assert_own_words(text: &str) {
    let foreign: Vec<&str> = words(text).filter(|word| is_foreign(word)).collect();
    assert!(foreign.is_empty(), "a refusal says {foreign:?}: {text}");
}

/// Holds the texts of findings to the words of the catalogues, and their columns to names that no cell can be.
pub(crate) fn assert_no_cell(findings: &[Finding]) {
    for finding in findings {
        for language in Language::ALL {
            assert_own_words(&finding.message(language));
        }
        finding.column.iter().for_each(|column| assert_column(column));
    }
}

/// Holds a column's name to what a definition has, or a hospital may have misspelt: no text, no number of anybody.
pub(crate) fn assert_column(column: &str) {
    let is_technical =
        column.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'|' | b'-' | b'.' | b'#'));
    let digits = column.bytes().filter(u8::is_ascii_digit).count();
    assert!(is_technical && digits <= DIGITS_MAX && column.len() <= COLUMN_MAX, "a finding names the column {column:?}");
}

/// Holds a text of a refusal to a few words of its own: for errors that are made of constants and numbers.
pub(crate) fn assert_words(text: &str, known: &str) {
    let foreign = |word: &&str| !words(known).any(|one| one == *word) && word.parse::<u64>().is_err();
    assert_eq!(words(text).find(foreign), None, "a refusal says more than it knows: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_name_are_no_words_of_the_catalogues() {
        assert_own_words("a code of the list SEX is expected, line 1234567");
        for foreign in ["the number 64031299906", "the patient Janssens", "PAT-47114711"] {
            assert!(std::panic::catch_unwind(|| assert_own_words(foreign)).is_err(), "{foreign}");
        }
        assert_column("variants|00|gene");
        for foreign in ["64031299906", "Zoë", "van den Berg"] {
            assert!(std::panic::catch_unwind(|| assert_column(foreign)).is_err(), "{foreign}");
        }
    }

    #[test]
    fn words_are_held_to_those_that_are_given() {
        assert_words("read 12 fields", "read fields");
        assert!(std::panic::catch_unwind(|| assert_words("read Janssens", "read fields")).is_err());
    }
}
