//! Files that nobody but their owner may read: a hospital's store says who its patients are.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use crate::StoreError;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The rights of group and others.
const OF_OTHERS: u32 = 0o077;

/// Makes a folder, and those above it, for its owner alone. One that is there stays as it is: it may hold more than a store.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

/// Makes the empty file of a store for its owner alone, or takes from the one that is there, and from what SQLite keeps beside it, the rights of others.
///
/// A file that is there is never opened here: closing it would let go of the locks that this process has on it by another connection (POSIX).
pub(crate) fn file(path: &Path) -> Result<(), StoreError> {
    match File::options().write(true).create_new(true).mode(FILE_MODE).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(StoreError::Folder { path: path.to_path_buf(), source }),
    }
    for beside in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        keep(Path::new(&name))?;
    }
    Ok(())
}

/// Looks whether a private key is its owner's alone.
pub(crate) fn key(path: &Path) -> Result<(), StoreError> {
    let failed = |reason: String| StoreError::PrivateKey { path: path.to_path_buf(), reason };
    let metadata = fs::metadata(path).map_err(|source| failed(source.to_string()))?;
    if metadata.permissions().mode() & OF_OTHERS == 0 {
        return Ok(());
    }
    Err(failed("group or others may read it; chmod 600 it".to_owned()))
}

fn keep(path: &Path) -> Result<(), StoreError> {
    // What is not there, or ends at this moment, needs nothing.
    let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OF_OTHERS == 0 {
        return Ok(());
    }
    let path = path.to_path_buf();
    match fs::set_permissions(&path, Permissions::from_mode(FILE_MODE)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => return Err(StoreError::Open { path, mode }),
    }
    tracing::warn!(path = %path.display(), "others could read the store; now it is its owner's alone");
    Ok(())
}
