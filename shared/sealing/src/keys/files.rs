//! Key files: modes checked, written atomically, never written over.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::random_bytes;

use super::KeyError;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const PUBLIC_FOLDER_MODE: u32 = 0o755;
const PUBLIC_FILE_MODE: u32 = 0o644;

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    move |source| KeyError::File { action, path: path.to_owned(), source }
}

/// Makes a folder, and its parents, unless it is there. Only its owner may enter a private one; all may enter another, whatever the
/// process's mask says.
pub(super) fn make_folder(path: &Path, private: bool) -> Result<(), KeyError> {
    let mode = if private { FOLDER_MODE } else { PUBLIC_FOLDER_MODE };
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(failed("make the folder", path))?;
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed("make the folder", path))
}

/// Waits until no other process makes keys in `folder`, and holds it until the file is dropped: two that added hospitals at once would
/// give them different shared keys.
pub(super) fn lock(folder: &Path) -> Result<File, KeyError> {
    let held = File::open(folder).map_err(failed("lock the folder", folder))?;
    held.lock().map_err(failed("lock the folder", folder))?;
    Ok(held)
}

/// Writes a new file of 32 bytes as hexadecimal digits; fails when there is one of that name.
pub(super) fn write_new_secret(path: &Path, bytes: &[u8; 32]) -> Result<(), KeyError> {
    let mut text = Zeroizing::new(HEXLOWER.encode(bytes));
    text.push('\n');
    write(path, text.as_bytes(), FILE_MODE, Existing::Refuse)
}

/// Writes a public file, in place of the one of that name.
pub(super) fn write_public(path: &Path, text: &str) -> Result<(), KeyError> {
    write(path, text.as_bytes(), PUBLIC_FILE_MODE, Existing::Replace)
}

/// Reads a secret of 32 bytes.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let form = || KeyError::Form { path: path.to_owned(), expected: "expected 64 hexadecimal digits and a line end" };
    let text = match fs::read(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyError::Missing { path: path.to_owned() }),
        Err(error) => return Err(failed("read the key file", path)(error)),
    };
    check_mode(path, FILE_MODE)?;
    let digits = text.strip_suffix(b"\n").unwrap_or(&text);
    let mut secret = Zeroizing::new([0; 32]);
    if digits.len() != 64 {
        return Err(form());
    }
    HEXLOWER.decode_mut(digits, secret.as_mut_slice()).map_err(|_| form())?;
    Ok(secret)
}

/// Refuses a private folder that others may enter.
pub(super) fn check_folder(path: &Path) -> Result<(), KeyError> {
    if !path.is_dir() {
        return Err(KeyError::Missing { path: path.to_owned() });
    }
    check_mode(path, FOLDER_MODE)
}

fn check_mode(path: &Path, expected: u32) -> Result<(), KeyError> {
    let mode = fs::metadata(path).map_err(failed("look at", path))?.permissions().mode() & 0o777;
    // A mode with fewer rights, such as 0400 of a read-only mount, is as good.
    if mode & !expected == 0 { Ok(()) } else { Err(KeyError::Mode { path: path.to_owned(), mode, expected }) }
}

/// The names in a folder, sorted.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, KeyError> {
    let entries = fs::read_dir(folder).map_err(failed("list the folder", folder))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("list the folder", folder))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

#[derive(Clone, Copy, PartialEq)]
enum Existing {
    Refuse,
    Replace,
}

/// Writes beside the file, syncs, then gives it its name in one step: nobody ever reads half a key.
fn write(path: &Path, content: &[u8], mode: u32, existing: Existing) -> Result<(), KeyError> {
    let beside = Beside::new(path)?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside.0).map_err(failed("write", &beside.0))?;
    file.write_all(content)
        .and_then(|()| file.set_permissions(Permissions::from_mode(mode)))
        .and_then(|()| file.sync_all())
        .map_err(failed("write", &beside.0))?;
    drop(file);
    match existing {
        Existing::Replace => fs::rename(&beside.0, path).map_err(failed("write", path))?,
        // Unlike a rename, a link never takes the place of a file that is there.
        Existing::Refuse => fs::hard_link(&beside.0, path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_owned() },
            _ => failed("write", path)(error),
        })?,
    }
    if let Some(folder) = path.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write", folder))?;
    }
    Ok(())
}

/// The name that a file has while it is written; the file of that name goes away in any case.
struct Beside(PathBuf);

impl Beside {
    fn new(path: &Path) -> Result<Self, KeyError> {
        let random: [u8; 8] = random_bytes().map_err(KeyError::NoRandomness)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self(path.with_file_name(format!(".{name}.{}", HEXLOWER.encode(&random)))))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After a rename it is gone already.
        let _gone = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_written_over_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.key");
        write_new_secret(&path, &[1; 32]).unwrap();
        assert!(matches!(write_new_secret(&path, &[2; 32]), Err(KeyError::Exists { .. })));
        assert_eq!(*read_secret(&path).unwrap(), [1; 32]);
        assert_eq!(names(folder.path()).unwrap(), ["some.key"]);
    }

    #[test]
    fn a_public_file_takes_the_place_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("party.json");
        write_public(&path, "one").unwrap();
        write_public(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(names(folder.path()).unwrap(), ["party.json"]);
    }

    #[test]
    fn an_error_names_the_file_and_what_was_tried() {
        let missing = Path::new("/nowhere/some.key");
        assert_eq!(write_public(missing, "x").unwrap_err().to_string().split_once("some.key").unwrap().0, "write /nowhere/.");
        assert_eq!(read_secret(missing).unwrap_err().to_string(), "find the key file /nowhere/some.key");
    }
}
