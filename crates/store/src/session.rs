//! A process's private folder under `tmp/`. Invariant: the folder exists only while its lock file does, and the
//! lock is held as long as the process lives, so whatever is unlocked is rubbish.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{IoContext, Result};
use crate::layout;
use crate::locks::FileLock;

/// The folder of one opened store.
#[derive(Debug)]
pub(crate) struct Session {
    dir: PathBuf,
    next: AtomicU64,
    _lock: FileLock,
}

impl Session {
    /// Makes a new folder in `tmp`.
    pub(crate) fn begin(tmp: &Path) -> Result<Self> {
        let dir = tmp.join(unique());
        let lock = FileLock::acquire(&lock_of(&dir))?;
        fs::create_dir(&dir).at("create", &dir)?;
        Ok(Self { dir, next: AtomicU64::new(0), _lock: lock })
    }

    /// A path in the folder that nothing has used.
    pub(crate) fn fresh_path(&self) -> PathBuf {
        self.dir.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// Writes a file so that the path shows either the old content or the new one. A durable write survives a
    /// power failure once this returns.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8], durable: bool) -> Result<()> {
        let temporary = self.fresh_path();
        let written = write_new(&temporary, bytes, durable).at("write", path).and_then(|()| {
            let parent = parent(path);
            ensure_dir(parent)?;
            fs::rename(&temporary, path).at("write", path)?;
            if durable { sync_dir(parent) } else { Ok(()) }
        });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Removes a folder at once for everybody who looks, then frees its space.
    pub(crate) fn discard_dir(&self, path: &Path) -> Result<()> {
        let aside = self.fresh_path();
        match fs::rename(path, &aside) {
            Ok(()) => fs::remove_dir_all(&aside).at("remove", path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).at("remove", path),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A private folder under `tmp/`, removed on drop, and by the next run when this process dies.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
    _session: Arc<Session>,
}

impl Staging {
    pub(crate) fn new(session: &Arc<Session>) -> Result<Self> {
        let path = session.fresh_path();
        fs::create_dir(&path).at("create", &path)?;
        Ok(Self { path, _session: Arc::clone(session) })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders in `tmp` whose processes are gone. What cannot be removed, say another user's, stays.
pub(crate) fn remove_stale(tmp: &Path) -> Result<()> {
    for path in layout::list(tmp)? {
        let dir = match path.extension() {
            Some(extension) if extension == "lock" => path.with_extension(""),
            // A folder is made after its lock file, so one without was left by a removal that was cut short.
            _ if lock_of(&path).exists() => continue,
            _ => path,
        };
        match remove_unlocked(&dir) {
            Ok(()) => {}
            Err(error) => tracing::debug!(%error, "what a dead process left stays"),
        }
    }
    Ok(())
}

fn remove_unlocked(dir: &Path) -> Result<()> {
    let Some(_lock) = FileLock::try_acquire(&lock_of(dir))? else { return Ok(()) };
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("remove", dir),
        _ => Ok(()),
    }
}

/// Sixteen digits that no other process and no earlier call has drawn.
pub(crate) fn unique() -> String {
    let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos());
    format!("{:016x}", RandomState::new().hash_one((nanos, std::process::id())))
}

/// Makes a folder of the store durable, if it is not there yet.
pub(crate) fn ensure_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).at("create", path)?;
    sync_dir(parent(path))
}

/// Makes the names in a folder survive a power failure.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).at("write", path)
}

/// The folder of a path inside the store, which always has one.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn lock_of(dir: &Path) -> PathBuf {
    dir.with_extension("lock")
}

fn write_new(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    if durable { file.sync_all() } else { Ok(()) }
}
