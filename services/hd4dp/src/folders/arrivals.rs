//! Which files of a folder are complete.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use clock::Timestamp;

/// What the looks before saw, by path.
#[derive(Default)]
pub(super) struct Arrivals(BTreeMap<PathBuf, Seen>);

/// A file as a look saw it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    size: u64,
    modified: Option<SystemTime>,
    /// Since when it looks like that.
    since: Timestamp,
}

/// What a look found.
#[derive(Default)]
pub(super) struct Found {
    /// CSV files that nobody writes to any more, by name.
    pub(super) complete: Vec<OsString>,
    /// What is newly there and is no file: links, folders, devices. It is left alone.
    pub(super) strange: usize,
}

impl Arrivals {
    /// Looks at a folder. A file is complete when its size and its time are as an earlier look saw them, an interval ago or more.
    pub(super) fn look(&mut self, folder: &Path, now: Timestamp, interval: Duration) -> io::Result<Found> {
        let mut found = Found::default();
        let mut there = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (name, path) = (entry.file_name(), entry.path());
            // It may be gone by now; a link is not followed.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if is_ours_or_unfinished(&name) || (metadata.is_file() && !is_csv(&name)) {
                continue;
            }
            if !metadata.is_file() {
                found.strange += usize::from(!self.0.contains_key(&path));
                there.insert(path, Seen { size: 0, modified: None, since: now });
                continue;
            }
            let (size, modified) = (metadata.len(), metadata.modified().ok());
            let before = self.0.get(&path).filter(|before| before.size == size && before.modified == modified);
            let since = before.map_or(now, |before| before.since);
            if before.is_some() && now >= since.plus(interval) {
                found.complete.push(name);
            }
            there.insert(path, Seen { size, modified, since });
        }
        self.0.retain(|path, _| path.parent() != Some(folder));
        self.0.append(&mut there);
        found.complete.sort();
        Ok(found)
    }
}

/// The folders of the results, and names by which systems mark what they are still writing.
fn is_ours_or_unfinished(name: &OsStr) -> bool {
    let text = name.to_string_lossy();
    let ending = Path::new(name).extension().map(|ending| ending.to_ascii_lowercase());
    text.starts_with('.')
        || super::results::FOLDERS.contains(&text.as_ref())
        || ending.is_some_and(|ending| ending == "part" || ending == "tmp" || ending == "filepart" || ending == "crdownload")
}

fn is_csv(name: &OsStr) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
}
