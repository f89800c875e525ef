//! One process per store.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use crate::StoreError;

/// Holds a store's folder for this process until dropped; the operating system lets go of it when the process dies.
#[derive(Debug)]
pub struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock of the store in `folder`, which is made when it does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] when another process holds it, [`StoreError::Folder`] when the folder cannot be used.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        let refused = |source| StoreError::Folder { path: folder.to_path_buf(), source };
        fs::create_dir_all(folder).map_err(refused)?;
        let file = File::options().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: folder.to_path_buf() }),
            Err(TryLockError::Error(source)) => Err(refused(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_and_gets_it_after_the_first_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = StoreLock::take(folder.path()).unwrap();
        assert!(matches!(StoreLock::take(folder.path()), Err(StoreError::Locked { .. })));
        drop(first);
        StoreLock::take(folder.path()).unwrap();
    }
}
