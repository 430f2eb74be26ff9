//! Storing and checking artifacts. Invariant: a blob gets its name when its content is hashed, flushed and
//! read-only, and a manifest gets its name after all its blobs.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::artifact::{Artifact, FileEntry};
use crate::canonical::canonical_json;
use crate::digest::Digest;
use crate::error::{Error, IoContext, Result};
use crate::session;
use crate::stamp::Stamp;
use crate::store::Store;
use crate::verify::Fault;

impl Store {
    /// Stores the plain files of a folder as an artifact. The files are moved out of the folder. Files in nested
    /// folders get names with `/`; empty folders are forgotten.
    ///
    /// # Errors
    /// When the folder holds anything but plain files and folders, or the store cannot be written.
    pub fn put_artifact(
        &self,
        kind: &str,
        meta: serde_json::Value,
        folder: &Path,
    ) -> Result<(Digest, Artifact)> {
        self.session()?;
        let mut names = BTreeMap::new();
        plain_files(folder, "", &mut names)?;
        let mut files = BTreeMap::new();
        for (name, path) in names {
            files.insert(name, self.put_blob(&path)?);
        }
        let artifact = Artifact { kind: kind.to_owned(), files, meta };
        let text = canonical_json(&artifact)?;
        let digest = Digest::of_bytes(text.as_bytes());
        let path = self.layout().artifact(&digest);
        // Reading is cheaper than a durable write, and finds a damaged manifest.
        if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            self.session()?.write(&path, text.as_bytes(), true)?;
        }
        Ok((digest, artifact))
    }

    /// The manifest of an artifact.
    ///
    /// # Errors
    /// [`Error::NoArtifact`] when there is none, [`Error::Damaged`] when it is not what its name says.
    pub fn artifact(&self, digest: &Digest) -> Result<Artifact> {
        let path = self.layout().artifact(digest);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NoArtifact { digest: *digest });
            }
            bytes => bytes.at("read", &path)?,
        };
        match parse_manifest(digest, &bytes) {
            Ok(artifact) => Ok(artifact),
            Err(fault) => {
                self.discard(&path);
                Err(Error::Damaged { digest: *digest, path, artifact: *digest, fault: Box::new(fault) })
            }
        }
    }

    /// Where a blob lies, or would lie.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.layout().blob(digest)
    }

    /// The paths of an artifact's files by name, after checking size and content of each. A content is hashed
    /// again only if the file is not the one that was hashed last, by identity, size and time.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a file is missing or wrong; a store open for writing has removed it then.
    pub fn verified(&self, artifact: &Artifact) -> Result<BTreeMap<String, PathBuf>> {
        let mut paths = BTreeMap::new();
        for (name, entry) in &artifact.files {
            let path = self.blob_path(&entry.digest);
            if let Some(fault) = self.content_fault(entry)? {
                self.discard(&path);
                return Err(Error::Damaged {
                    digest: entry.digest,
                    path,
                    artifact: artifact.digest()?,
                    fault: Box::new(fault),
                });
            }
            paths.insert(name.clone(), path);
        }
        Ok(paths)
    }

    /// What is wrong with a blob as far as its size tells; reads nothing of it.
    pub(crate) fn size_fault(&self, entry: &FileEntry) -> Result<Option<Fault>> {
        Ok(self.sized_blob(entry)?.err())
    }

    /// What is wrong with a blob's content.
    pub(crate) fn content_fault(&self, entry: &FileEntry) -> Result<Option<Fault>> {
        let stamp = match self.sized_blob(entry)? {
            Ok(metadata) => Stamp::of(&metadata),
            Err(fault) => return Ok(Some(fault)),
        };
        if self.stamps().get(&entry.digest) == Some(&stamp) {
            return Ok(None);
        }
        if self.stored_stamp(&entry.digest) == Some(stamp) {
            self.stamps().insert(entry.digest, stamp);
            return Ok(None);
        }
        let found = self.hash_file(&self.blob_path(&entry.digest))?;
        if found != entry.digest {
            return Ok(Some(Fault::Content { found }));
        }
        self.note_stamp(&entry.digest, stamp);
        Ok(None)
    }

    fn sized_blob(&self, entry: &FileEntry) -> Result<std::result::Result<Metadata, Fault>> {
        let path = self.blob_path(&entry.digest);
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(Fault::Missing)),
            metadata => metadata.at("read", &path)?,
        };
        Ok(if !metadata.is_file() {
            Err(Fault::Malformed { reason: "not a plain file".to_owned() })
        } else if metadata.len() != entry.size {
            Err(Fault::Size { expected: entry.size, found: metadata.len() })
        } else {
            Ok(metadata)
        })
    }

    fn stored_stamp(&self, digest: &Digest) -> Option<Stamp> {
        serde_json::from_slice(&fs::read(self.layout().stamp(digest)).ok()?).ok()
    }

    /// Remembers that a blob with this stamp had the right content.
    pub(crate) fn note_stamp(&self, digest: &Digest, stamp: Stamp) {
        self.stamps().insert(*digest, stamp);
        self.write_hint(&self.layout().stamp(digest), &stamp);
    }

    /// Writes a file that only saves time: a failure is no reason to stop.
    pub(crate) fn write_hint(&self, path: &Path, value: &impl serde::Serialize) {
        if !self.is_writable() {
            return;
        }
        let written =
            canonical_json(value).and_then(|text| self.session()?.write(path, text.as_bytes(), false));
        if let Err(error) = written {
            tracing::warn!(%error, "could not note what would save time");
        }
    }

    /// Takes a damaged file out of the way, if the store is open for writing.
    pub(crate) fn discard(&self, path: &Path) {
        let Ok(session) = self.session() else { return };
        let removed =
            if path.is_dir() { session.discard_dir(path) } else { fs::remove_file(path).at("remove", path) };
        match removed {
            Err(error) if !error.is_not_found() => tracing::warn!(%error, "a damaged file stays"),
            _ => {}
        }
    }

    /// Moves a file among the blobs.
    fn put_blob(&self, path: &Path) -> Result<FileEntry> {
        let digest = self.hash_file(path)?;
        let size = fs::metadata(path).at("read", path)?.len();
        let entry = FileEntry { digest, size };
        let blob = self.blob_path(&digest);
        let present = self.content_fault(&entry)?;
        if present.is_none() {
            fs::remove_file(path).at("remove", path)?;
            return Ok(entry);
        }
        session::ensure_dir(session::parent(&blob))?;
        self.place(path, &blob, present == Some(Fault::Missing))?;
        let metadata = fs::metadata(&blob).at("read", &blob)?;
        self.note_stamp(&digest, Stamp::of(&metadata));
        Ok(entry)
    }

    /// Flushes a file and gives it its final name; `fresh` leaves a blob alone that another writer was first with.
    fn place(&self, path: &Path, blob: &Path, fresh: bool) -> Result<()> {
        let flushed = File::open(path).and_then(|file| {
            file.sync_all()?;
            let mut permissions = file.metadata()?.permissions();
            permissions.set_readonly(true);
            file.set_permissions(permissions)
        });
        flushed.at("write", path)?;
        let linked = if fresh { fs::hard_link(path, blob) } else { fs::rename(path, blob) };
        match linked {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let copy = self.session()?.fresh_path();
                fs::copy(path, &copy).at("write", blob)?;
                self.place(&copy, blob, fresh)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // Not every file system has hard links; a rename replaces equal content at worst.
            Err(_) if fresh => fs::rename(path, blob).at("write", blob)?,
            linked => linked.at("write", blob)?,
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).at("remove", path),
            _ => {}
        }
        session::sync_dir(session::parent(blob))
    }
}

/// Reads a manifest whose digest is known.
pub(crate) fn parse_manifest(digest: &Digest, bytes: &[u8]) -> std::result::Result<Artifact, Fault> {
    let found = Digest::of_bytes(bytes);
    if found != *digest {
        return Err(Fault::Content { found });
    }
    serde_json::from_slice(bytes).map_err(|error| Fault::Malformed { reason: error.to_string() })
}

/// Collects the plain files below a folder by their names with `/`.
fn plain_files(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).at("read", folder)? {
        let entry = entry.at("read", folder)?;
        let path = entry.path();
        let kind = entry.file_type().at("read", &path)?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(Error::NotPlainFile { path, reason: "its name is not UTF-8" });
        };
        let name = format!("{prefix}{name}");
        if kind.is_dir() {
            plain_files(&path, &format!("{name}/"), files)?;
        } else if kind.is_file() {
            files.insert(name, path);
        } else {
            return Err(Error::NotPlainFile { path, reason: "it is neither a plain file nor a folder" });
        }
    }
    Ok(())
}
