//! The pages that are written from the code, whole or in part.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result, ensure};

use crate::{dead_letters, repository::Repository};

/// Rewrites the pages instead of comparing them, when set to 1.
pub const UPDATE: &str = "UPDATE_DOCS";

const BEGIN: &str = "<!-- generated: queues -->\n";
const END: &str = "<!-- end -->\n";

/// docs/ERRORS.md: the findings in registrations, the codes of dead letters, and the problems of the APIs.
///
/// # Errors
///
/// The services' errors cannot be read.
pub fn errors(repository: &Repository) -> Result<String> {
    let mut page = dcd::errors_markdown();
    page.push_str(
        "\n# Dead letters\n\n\
         This part is written from the errors of the services, of `shared/sealing` and of `shared/envelope`; change it there.\n\n\
         An item that cannot be handled, and never could by waiting, goes to the dead-letter queue of the queue it came from: alone, as it came and so\n\
         still sealed, with the code as `reason`. A document that cannot be read at all goes there as it is, with the code in the log. hd4dp also uses\n\
         codes for registrations that cannot be sent: they stay in its store, and the code is in the log. No code says anything of the patient.\n\n\
         | code | by | why |\n\
         | --- | --- | --- |\n",
    );
    for code in dead_letters::codes(repository)? {
        let _ = writeln!(page, "| `{}` | {} | {} |", code.code, code.by.join(", "), code.reason);
    }
    page.push('\n');
    page.push_str(&web::problems_markdown());
    Ok(page)
}

/// docs/DATAFLOW.md with the queue table of the topology between its marks.
///
/// # Errors
///
/// The page has no marks.
pub fn dataflow(page: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).context("find the mark where the queue table begins")?;
    let (_, after) = rest.split_once(END).context("find the mark where the queue table ends")?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", topology::dataflow_markdown()))
}

/// Compares a page with what it should be, or rewrites it when [`UPDATE`] says so.
///
/// # Errors
///
/// The page is another one; the text says how to mend it.
pub fn hold(repository: &Repository, path: &str, expected: &str) -> Result<()> {
    let found = repository.read(path).unwrap_or_default();
    if std::env::var(UPDATE).is_ok_and(|update| update == "1") {
        return if found == expected { Ok(()) } else { replace(&repository.root().join(path), expected) };
    }
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = 1 + differs.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
    ensure!(
        found == expected,
        "{path} is not what the code says, from line {line} on; `{UPDATE}=1 cargo test -p architecture` writes it anew"
    );
    Ok(())
}

/// At once, since other tests read the page meanwhile.
fn replace(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path)).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_put_between_its_marks_and_nothing_else_is_touched() {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        let new = dataflow(&page).unwrap();
        assert_eq!(new, format!("before\n{BEGIN}{}{END}after\n", topology::dataflow_markdown()));
        assert_eq!(dataflow(&new).unwrap(), new);
        assert!(dataflow("no marks").is_err());
    }
}
