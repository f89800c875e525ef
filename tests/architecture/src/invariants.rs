//! The numbered invariants of docs/ARCHITECTURE.md, each with the tests that hold it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::repository::Source;

/// Where the invariants are written.
pub const PAGE: &str = "docs/ARCHITECTURE.md";

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invariant {
    /// Its number, n of P-n.
    pub number: u32,
    /// The tests that hold it: file and function.
    pub tests: Vec<(String, String)>,
}

/// The rows `| P-n | what holds | tests |` of a page. In the last cell, a code word with a slash is a file and each one without
/// is a test in the file before it.
///
/// # Errors
///
/// A row of another shape.
pub fn table(page: &str) -> Result<Vec<Invariant>> {
    page.lines().filter(|line| line.starts_with("| P-")).map(row).collect()
}

fn row(line: &str) -> Result<Invariant> {
    let shape = || format!("read the row `{line}` of {PAGE}");
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [number, _, tests] = cells.as_slice() else { anyhow::bail!("{}", shape()) };
    let number = number.strip_prefix("P-").and_then(|number| number.parse().ok()).with_context(shape)?;
    let (mut file, mut found) = (None, Vec::new());
    for word in tests.split('`').skip(1).step_by(2) {
        if word.contains('/') {
            file = Some(word.to_owned());
        } else {
            found.push((file.clone().with_context(shape)?, word.to_owned()));
        }
    }
    Ok(Invariant { number, tests: found })
}

/// What of the table is not in the code and what of the code is not in the table, a sentence each.
#[must_use]
pub fn faults(table: &[Invariant], sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, invariant) in table.iter().enumerate() {
        let number = invariant.number;
        if usize::try_from(number) != Ok(place + 1) {
            found.push(format!("P-{number} stands in {PAGE} where P-{} should be.", place + 1));
        }
        if invariant.tests.is_empty() {
            found.push(format!("P-{number} of {PAGE} names no test."));
        }
        for (path, test) in &invariant.tests {
            let is_there = sources.iter().any(|source| source.path == *path && source.tests().contains(&format!("fn {test}(")));
            if !is_there {
                found.push(format!("P-{number} of {PAGE} is held by `{test}` in {path}, which has no such test."));
            }
        }
    }
    let known: BTreeMap<u32, &Invariant> = table.iter().map(|invariant| (invariant.number, invariant)).collect();
    for source in sources {
        for (number, test) in numbered(source) {
            match (known.get(&number), test) {
                (None, _) => found.push(format!("{} speaks of P-{number}, which {PAGE} does not have.", source.path)),
                (Some(own), Some(test)) if !own.tests.contains(&(source.path.clone(), test.clone())) => {
                    found.push(format!("`{test}` in {} is not named at P-{number} of {PAGE}.", source.path));
                }
                (Some(_), _) => {}
            }
        }
    }
    found
}

/// The numbers that a source speaks of: in comments `P-n`, and in tests called `pn_…`, which are given too.
fn numbered(source: &Source) -> Vec<(u32, Option<String>)> {
    let mut found = Vec::new();
    for line in source.product().lines().chain(source.tests().lines()).map(str::trim_start) {
        if line.starts_with("//") {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '-');
            found.extend(words.filter_map(|word| Some((word.strip_prefix("P-")?.parse().ok()?, None))));
        }
        let function = line.trim_start_matches("async ").strip_prefix("fn p").and_then(|rest| rest.split_once('_'));
        if let Some((number, rest)) = function
            && let (Ok(number), Some((name, _))) = (number.parse(), rest.split_once('('))
        {
            found.push((number, Some(format!("p{number}_{name}"))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_TEXT: &str = "text\n| P-1 | a | `t/a.rs` `p1_holds`, `b`; `t/b.rs` `c` |\n| P-2 | b | `t/b.rs` `c` |\n";

    fn sources() -> Vec<Source> {
        let file = |path: &str, text: &str| Source::new(path.to_owned(), text.to_owned());
        vec![
            file("t/tests/a.rs", ""),
            file("x/tests/a.rs", "/// P-2 in words.\nfn p1_holds() {}\nasync fn b() {}\n"),
            file("x/src/b.rs", "fn d() {}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n"),
        ]
    }

    fn held(page: &str) -> Vec<String> {
        faults(&table(&page.replace("t/a.rs", "x/tests/a.rs").replace("t/b.rs", "x/src/b.rs")).unwrap(), &sources())
    }

    #[test]
    fn a_page_that_agrees_with_the_code_has_no_fault() {
        assert_eq!(held(PAGE_TEXT), Vec::<String>::new());
    }

    #[test]
    fn every_disagreement_is_named() {
        for (page, fault) in [
            (PAGE_TEXT.replace("| P-2", "| P-3"), "P-3 stands in docs/ARCHITECTURE.md where P-2 should be."),
            (PAGE_TEXT.replace("| P-2", "| P-3"), "x/tests/a.rs speaks of P-2, which docs/ARCHITECTURE.md does not have."),
            (PAGE_TEXT.replace("`p1_holds`, ", ""), "`p1_holds` in x/tests/a.rs is not named at P-1 of docs/ARCHITECTURE.md."),
            (
                PAGE_TEXT.replace("`c`", "`d`"),
                "P-2 of docs/ARCHITECTURE.md is held by `d` in x/src/b.rs, which has no such test.",
            ),
            (
                PAGE_TEXT.replace("`t/b.rs` `c` |\n| P", "`t/b.rs` |\n| P").replace("2 | b | `t/b.rs` `c`", "2 | b | none"),
                "P-2 of docs/ARCHITECTURE.md names no test.",
            ),
        ] {
            let found = held(&page);
            assert!(found.contains(&fault.to_owned()), "{fault}: {found:?}");
        }
        assert!(table("| P-x | a | b |").is_err());
        assert!(table("| P-1 | a | `b` |").is_err());
    }
}
