//! Code lists of the registers.

use dcd::{CodeList, Language, Membership};

/// The text of a code list.
///
/// Holds: a list that is read knows each of its codes once, with a label in every language; and written down again it reads as the same.
pub fn code_list(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let list = match CodeList::read("TEST", "lists/TEST.csv", text) {
        Ok(list) => list,
        Err(error) => {
            assert!(error.to_string().starts_with("read the code list lists/TEST.csv, line "), "{error}");
            return;
        }
    };
    assert!(!list.codes().is_empty() && list.pattern().is_none() == list.is_complete());
    for listed in list.codes() {
        assert_eq!(list.membership(&listed.code), Membership::Listed);
        let labels = Language::ALL.map(|language| list.label(&listed.code, language).unwrap_or_default());
        assert!(labels.iter().all(|label| !label.trim().is_empty()));
    }
    let again = CodeList::read("TEST", "lists/TEST.csv", &written(&list));
    assert!(
        again.is_ok_and(|again| again.codes() == list.codes() && again.pattern() == list.pattern()),
        "a list reads as another"
    );
}

/// The list as its format has it.
fn written(list: &CodeList) -> String {
    let complete = if list.is_complete() { "yes" } else { "no" };
    let mut text = format!("# source: {}\n# date: {}\n# complete: {complete}\n", list.source(), list.date());
    // It is kept anchored, and read as it stands.
    let pattern = list.pattern().and_then(|pattern| pattern.strip_prefix("^(?:")?.strip_suffix(")$"));
    text.extend(pattern.map(|pattern| format!("# pattern: {pattern}\n")));
    text.push_str("code,en,nl,fr\n");
    for listed in list.codes() {
        let labels = Language::ALL.map(|language| listed.label.get(language));
        let cells = [listed.code.as_str()].into_iter().chain(labels).map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
        text.push_str(&cells.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}
