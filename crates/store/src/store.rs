//! The store's directory as a whole. Invariant: clones share one session, so its temporaries live exactly as long
//! as the last clone or staging folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::digest::Digest;
use crate::error::{Error, IoContext, Result};
use crate::layout::Layout;
use crate::locks::FileLock;
use crate::session::{Session, Staging};
use crate::stamp::Stamp;
use crate::verify::Problem;

/// A store directory. Cheap to clone; clones share what they know.
#[derive(Clone, Debug)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    layout: Layout,
    /// `None` when open for reading only.
    session: Option<Arc<Session>>,
    hashed: AtomicU64,
    stamps: Mutex<BTreeMap<Digest, Stamp>>,
    problems: Mutex<Vec<Problem>>,
}

/// The right to work on a key, given back on drop or when the process dies.
#[derive(Debug)]
pub struct KeyLock {
    _lock: FileLock,
}

impl Store {
    /// Opens a store for reading and writing; creates it where there is none.
    ///
    /// # Errors
    /// When the directory cannot be made or written, is no store, or has a newer format.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let layout = layout(dir.as_ref())?;
        layout.create()?;
        let session = Session::begin(&layout.tmp())?;
        Ok(Self::new(layout, Some(Arc::new(session))))
    }

    /// Opens a store for reading. A directory that does not exist yet is an empty store.
    ///
    /// # Errors
    /// When the directory is no store, cannot be read, or has a newer format.
    pub fn open_read_only(dir: impl AsRef<Path>) -> Result<Self> {
        let layout = layout(dir.as_ref())?;
        layout.format()?;
        Ok(Self::new(layout, None))
    }

    fn new(layout: Layout, session: Option<Arc<Session>>) -> Self {
        Self(Arc::new(Shared {
            layout,
            session,
            hashed: AtomicU64::new(0),
            stamps: Mutex::default(),
            problems: Mutex::default(),
        }))
    }

    /// The store's directory, as an absolute path.
    pub fn root(&self) -> &Path {
        &self.0.layout.root
    }

    /// Bytes of file content hashed by this store object and its clones; reusing results must not raise it.
    pub fn hashed_bytes(&self) -> u64 {
        self.0.hashed.load(Ordering::Relaxed)
    }

    /// Takes the damage met since the last call.
    pub fn take_problems(&self) -> Vec<Problem> {
        std::mem::take(&mut *unpoisoned(&self.0.problems))
    }

    /// A new private folder on the store's file system.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn stage_dir(&self) -> Result<Staging> {
        Staging::new(self.session()?)
    }

    /// The checkpoint folder of a key; it stays until [`Store::drop_partial`], also when the process dies.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn partial(&self, key: &Digest) -> Result<PathBuf> {
        self.session()?;
        let path = self.layout().partial(key);
        fs::create_dir_all(&path).at("create", &path)?;
        Ok(path)
    }

    /// Removes the checkpoint folder of a key, if there is one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn drop_partial(&self, key: &Digest) -> Result<()> {
        self.session()?.discard_dir(&self.layout().partial(key))
    }

    /// Waits for the right to work on a key.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self, key: &Digest) -> Result<KeyLock> {
        self.session()?;
        Ok(KeyLock { _lock: FileLock::acquire(&self.layout().lock(key))? })
    }

    /// The right to work on a key, or `None` when another thread or process has it.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn try_lock(&self, key: &Digest) -> Result<Option<KeyLock>> {
        self.session()?;
        let lock = FileLock::try_acquire(&self.layout().lock(key))?;
        Ok(lock.map(|lock| KeyLock { _lock: lock }))
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.0.layout
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.0.session.is_some()
    }

    /// The session, or the error that nothing can be written.
    pub(crate) fn session(&self) -> Result<&Arc<Session>> {
        self.0.session.as_ref().ok_or_else(|| Error::ReadOnly { path: self.root().to_owned() })
    }

    /// Hashes a file and counts its bytes.
    pub(crate) fn hash_file(&self, path: &Path) -> Result<Digest> {
        let (digest, bytes) = Digest::of_file_sized(path)?;
        self.0.hashed.fetch_add(bytes, Ordering::Relaxed);
        Ok(digest)
    }

    /// The stamps of the blobs that this process has verified.
    pub(crate) fn stamps(&self) -> MutexGuard<'_, BTreeMap<Digest, Stamp>> {
        unpoisoned(&self.0.stamps)
    }

    /// Keeps a problem for [`Store::take_problems`].
    pub(crate) fn report(&self, problem: Problem) {
        tracing::warn!(%problem, "damage in the store");
        unpoisoned(&self.0.problems).push(problem);
    }
}

fn layout(dir: &Path) -> Result<Layout> {
    Ok(Layout { root: std::path::absolute(dir).at("find", dir)? })
}

/// No code between lock and unlock leaves these collections in a state that the next holder could not use.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
