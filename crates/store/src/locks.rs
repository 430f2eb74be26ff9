//! Advisory locks on files. Invariant: who holds a lock holds the file that is at the path now, so a lock file
//! can be removed by its holder while others wait for it, and none stays behind but those of dead processes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{IoContext, Result};

/// A lock that is held; given back on drop, and by the operating system when the process dies.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Waits until the lock is free.
    pub(crate) fn acquire(path: &Path) -> Result<Self> {
        loop {
            let file = open(path)?;
            match file.lock() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).at("lock", path),
            }
            if let Some(lock) = Self::confirm(file, path)? {
                return Ok(lock);
            }
        }
    }

    /// Takes the lock if it is free.
    pub(crate) fn try_acquire(path: &Path) -> Result<Option<Self>> {
        loop {
            let file = open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error).at("lock", path),
            }
            if let Some(lock) = Self::confirm(file, path)? {
                return Ok(Some(lock));
            }
        }
    }

    /// Whether somebody holds the lock; creates nothing.
    pub(crate) fn is_held(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// `None` when the previous holder removed the file between our opening and our locking it.
    fn confirm(file: File, path: &Path) -> Result<Option<Self>> {
        let ours = file.metadata().at("lock", path)?;
        match fs::metadata(path) {
            Ok(current) if (current.ino(), current.dev()) == (ours.ino(), ours.dev()) => {
                Ok(Some(Self { file, path: path.to_owned() }))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("lock", path),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Removed before it is unlocked: the next holder must not find its file gone.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).at("lock", path)
}
