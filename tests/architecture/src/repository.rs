//! The repository's files, as the checks see them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The folders that hold crates.
const CRATE_FOLDERS: [&str; 3] = ["shared", "services", "tests"];

/// A checked-out tree. What is looked for lies in it whether or not it is committed.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The repository that this crate was built from.
    #[must_use]
    pub fn here() -> Self {
        let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.pop();
        root.pop();
        Self { root }
    }

    /// Its top folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The text of a file; `path` is relative to the top folder.
    ///
    /// # Errors
    ///
    /// The file is not there or is not UTF-8.
    pub fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.root.join(path)).with_context(|| format!("read {path}"))
    }

    /// All Rust files of our crates, by path.
    ///
    /// # Errors
    ///
    /// A folder or file cannot be read.
    pub fn sources(&self) -> Result<Vec<Source>> {
        let mut paths = Vec::new();
        for folder in CRATE_FOLDERS {
            collect(&self.root.join(folder), &mut paths).with_context(|| format!("read the folder {folder}"))?;
        }
        paths.sort();
        let relative = |path: &Path| path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        paths.iter().map(|path| Ok(Source::new(relative(path), self.read(&relative(path))?))).collect()
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, paths)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}

/// A Rust file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Relative to the top folder, with `/`.
    pub path: String,
    text: String,
    /// Where its tests begin, in bytes.
    tests: usize,
}

impl Source {
    /// A file of this path and text.
    #[must_use]
    pub fn new(path: String, text: String) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_test = matches!(name, "tests.rs" | "contract.rs")
            || path.contains("/tests/")
            || path.contains("/store/contract/")
            || path.starts_with("tests/");
        let inline = text.find("\n#[cfg(test)]\nmod tests {").map_or(text.len(), |at| at + 1);
        Self { tests: if is_test { 0 } else { inline }, path, text }
    }

    /// What is built into a program: everything before the tests.
    #[must_use]
    pub fn product(&self) -> &str {
        &self.text[..self.tests]
    }

    /// The tests: the module at the end, or all of a file that holds nothing else.
    #[must_use]
    pub fn tests(&self) -> &str {
        &self.text[self.tests..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ends_where_its_tests_begin() {
        let source = Source::new("shared/x/src/a.rs".into(), "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n".into());
        assert_eq!((source.product(), source.tests()), ("fn a() {}\n\n", "#[cfg(test)]\nmod tests {\n}\n"));
        let elsewhere = Source::new("shared/x/src/a.rs".into(), "fn a() {}\n#[cfg(test)]\nmod tests;\n".into());
        assert_eq!(elsewhere.tests(), "");
        for path in [
            "shared/x/src/tests.rs",
            "shared/x/src/store/contract.rs",
            "services/x/src/store/contract/a.rs",
            "services/x/tests/a.rs",
            "tests/x/src/a.rs",
        ] {
            assert_eq!(Source::new(path.into(), "fn a() {}\n".into()).product(), "", "{path}");
        }
    }
}
