//! PostgreSQL's texts hold every character but NUL. The stores hold what was sent, so a NUL goes in as U+0001 and `0`, and U+0001 itself as
//! U+0001 and `1`. Texts that differ still differ, and stand in the same order.

use std::borrow::Cow;

const MARK: char = '\u{1}';

/// The text as PostgreSQL can hold it.
pub(crate) fn hidden(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte > 1) {
        return Cow::Borrowed(text);
    }
    let mut held = String::with_capacity(text.len() + 8);
    for sign in text.chars() {
        match sign {
            '\0' => held.extend([MARK, '0']),
            MARK => held.extend([MARK, '1']),
            other => held.push(other),
        }
    }
    Cow::Owned(held)
}

/// The text as it was before [`hidden`].
pub(crate) fn shown(text: String) -> String {
    if !text.contains(MARK) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            MARK => shown.push(if signs.next() == Some('0') { '\0' } else { MARK }),
            other => shown.push(other),
        }
    }
    shown
}

/// As [`hidden`], for all texts of a JSON document in which control characters are written with `\u`.
pub(crate) fn hidden_in_json(document: &str) -> Cow<'_, str> {
    replaced(document, &[("\\u0000", "\\u00010"), ("\\u0001", "\\u00011")])
}

/// As [`shown`], for all texts of such a document.
pub(crate) fn shown_in_json(document: &str) -> Cow<'_, str> {
    replaced(document, &[("\\u00010", "\\u0000"), ("\\u00011", "\\u0001")])
}

/// Replaces escapes of a JSON document. A backslash that is escaped itself begins none.
fn replaced<'d>(document: &'d str, replacements: &[(&str, &str)]) -> Cow<'d, str> {
    if !document.contains("\\u000") {
        return Cow::Borrowed(document);
    }
    let (mut written, mut rest) = (String::with_capacity(document.len() + 8), document);
    while let Some(escape) = rest.find('\\') {
        let (before, from) = rest.split_at(escape);
        written.push_str(before);
        let found = replacements.iter().find(|(old, _)| from.starts_with(old));
        // An escape is a backslash and one sign of ASCII at least.
        let (old, new) = found.copied().unwrap_or_else(|| from.split_at_checked(2).map_or((from, from), |(two, _)| (two, two)));
        written.push_str(new);
        rest = from.get(old.len()..).unwrap_or_default();
    }
    written.push_str(rest);
    Cow::Owned(written)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        let sign =
            prop_oneof![Just('\0'), Just('\u{1}'), Just('\u{2}'), Just('0'), Just('1'), Just('\\'), Just('u'), any::<char>()];
        prop::collection::vec(sign, 0..12).prop_map(|signs| signs.into_iter().collect())
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_keeps_its_place(one in text(), other in text()) {
            let (first, second) = (hidden(&one).into_owned(), hidden(&other).into_owned());
            prop_assert!(!first.contains('\0'));
            prop_assert_eq!(first.cmp(&second), one.cmp(&other));
            prop_assert_eq!(shown(first), one);
        }

        #[test]
        fn the_texts_of_a_document_are_hidden_and_shown(texts in prop::collection::vec(text(), 0..5)) {
            let document = serde_json::to_string(&texts).unwrap();
            let held = hidden_in_json(&document).into_owned();
            let texts_held: Vec<String> = serde_json::from_str(&held).unwrap();
            let expected: Vec<String> = texts.iter().map(|text| hidden(text).into_owned()).collect();
            prop_assert_eq!(texts_held, expected);
            prop_assert_eq!(shown_in_json(&held), document);
        }
    }
}
