//! The LOCK file: one server per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use base::{Error, ErrorCode, Result, bail};

/// Holds the lock of a data folder until it is dropped.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock and writes down who holds it.
    ///
    /// # Errors
    /// DATA_FOLDER_LOCKED with the holder's process number.
    pub(crate) fn take(folder: &Path) -> Result<FolderLock> {
        let path = folder.join("LOCK");
        let failed = |e| Error::io(ErrorCode::CannotOpenFile, "Cannot lock", &path, &e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.take(256).read_to_string(&mut holder);
                bail!(
                    DataFolderLocked,
                    "Data folder {} is in use by {}; stop it or choose another folder",
                    folder.display(),
                    holder.trim()
                );
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        writeln!(file, "process {}", std::process::id()).map_err(failed)?;
        Ok(FolderLock { _file: file })
    }
}
