//! What a folder shows of a file that was taken in.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use store::StoreError;
use uuid::Uuid;

use crate::store::{Hd4dpStore, Progress, Report, UploadView};

/// The folders of the results, beside the files that arrive.
pub(super) const FOLDERS: [&str; 5] = ["SUCCESS", "IGNORE", "ERROR", "ARCHIVE", "ARCHIVE_ERROR"];

/// A result file to be written.
pub(super) struct ResultFile {
    folder: &'static str,
    bytes: Vec<u8>,
}

/// Makes an inbox with its folders.
pub(super) fn make_folders(inbox: &Path) -> io::Result<()> {
    FOLDERS.into_iter().chain([super::TAKEN]).try_for_each(|folder| fs::create_dir_all(inbox.join(folder)))
}

/// The result files of an upload: one for each report that has rows. A file of which no row was read has none.
pub(super) async fn of(store: &Arc<dyn Hd4dpStore>, upload: &UploadView) -> Result<Vec<ResultFile>, StoreError> {
    let mut results = Vec::new();
    if upload.attempted == 0 {
        return Ok(results);
    }
    for (report, folder) in [(Report::Success, "SUCCESS"), (Report::Ignored, "IGNORE"), (Report::Error, "ERROR")] {
        let bytes = store.report(upload.id, report).await?;
        results.extend(bytes.map(|bytes| ResultFile { folder, bytes }));
    }
    Ok(results)
}

impl ResultFile {
    /// Writes the file under a name that nobody looks for, and renames it when it is whole. Doing it again changes nothing.
    pub(super) fn write(&self, inbox: &Path, name: &str) -> io::Result<()> {
        let folder = inbox.join(self.folder);
        let unfinished = folder.join(format!(".{name}.tmp"));
        let mut file = File::create(&unfinished)?;
        file.write_all(&self.bytes)?;
        file.sync_all()?;
        fs::rename(unfinished, folder.join(name))
    }
}

/// Moves the file itself where it stays.
pub(super) fn archive(inbox: &Path, file: &Path, upload: &UploadView, name: &str) -> io::Result<()> {
    let folder = if upload.progress == Progress::Done { "ARCHIVE" } else { "ARCHIVE_ERROR" };
    fs::rename(file, inbox.join(folder).join(name))
}

/// The hospital's name for the file with the numbers of its upload and claim: a name may come again, and a new store counts from 1 again.
pub(super) fn name(upload: &UploadView, claim: Uuid) -> String {
    /// Room for the number and the ending, as most file systems have it.
    const STEM_MAX: usize = 200;
    let stem = Path::new(&upload.file).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let end = stem.char_indices().map(|(at, character)| at + character.len_utf8()).take_while(|end| *end <= STEM_MAX).last();
    let stem = stem.get(..end.unwrap_or_default()).unwrap_or_default();
    format!("{stem}.{}-{:08x}.csv", upload.id.0, claim.as_fields().0)
}
