//! What a person or a program reads on standard output and standard error.

use std::io::{self, IsTerminal, Write};

/// Writes a line to standard output. A reader that has gone (`| head`) is no failure of ours.
pub fn say(line: impl AsRef<str>) {
    let _ = writeln!(io::stdout().lock(), "{}", line.as_ref());
}

/// Writes a line to standard error.
pub fn complain(line: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", line.as_ref());
}

/// A line on standard error that rewrites itself, when that is a terminal; else silent.
#[derive(Debug)]
pub struct Progress {
    is_shown: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self { is_shown: io::stderr().is_terminal() }
    }
}

impl Progress {
    /// Shows `text` in place of what was shown before.
    pub fn show(&self, text: &str) {
        if self.is_shown {
            let _ = write!(io::stderr().lock(), "\r\x1b[2K{text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}

/// A table in columns as wide as their widest cell; the first row is the heading. Columns named in `right` stand at their right edge.
#[must_use]
pub fn table(rows: &[Vec<String>], right: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if right.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text.push_str("  ");
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
        if number == 0 {
            text.push_str("  ");
            text.push_str(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  "));
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_also_with_accents() {
        let rows = [vec!["step".to_owned(), "n".to_owned()], vec!["réçu".to_owned(), "12".to_owned()]];
        assert_eq!(table(&rows, &[1]), "  step   n\n  ----  --\n  réçu  12\n");
    }
}
