//! Where things lie in a store's directory. Invariant: the path of everything is a function of its name alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::error::{Error, IoContext, Result};
use crate::session;

/// The format that this program writes, and the newest that it reads.
///
/// 1: the first.
pub(crate) const FORMAT: u32 = 1;

/// The longest name that is used as a file name as it is.
const LONGEST_NAME: usize = 80;

/// A store's directory.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

impl Layout {
    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(crate) fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    pub(crate) fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    pub(crate) fn partials(&self) -> PathBuf {
        self.root.join("partial")
    }

    pub(crate) fn keeps(&self) -> PathBuf {
        self.root.join("kept")
    }

    /// What the last of the stages that share a digest left.
    pub(crate) fn kept(&self, shared: &Digest) -> PathBuf {
        self.keeps().join(shared.to_string())
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    pub(crate) fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        sharded(self.blobs(), digest, "")
    }

    pub(crate) fn artifact(&self, digest: &Digest) -> PathBuf {
        sharded(self.artifacts(), digest, ".json")
    }

    pub(crate) fn result(&self, key: &Digest) -> PathBuf {
        sharded(self.results(), key, ".json")
    }

    /// The stamp of a blob when its content was last hashed.
    pub(crate) fn stamp(&self, digest: &Digest) -> PathBuf {
        sharded(self.root.join("stamps"), digest, ".json")
    }

    /// The digest of a file outside the store.
    pub(crate) fn source(&self, path: &Path) -> PathBuf {
        let name = Digest::of_bytes(path.as_os_str().as_encoded_bytes());
        sharded(self.root.join("sources"), &name, ".json")
    }

    /// The SHA-256 of a file outside the store.
    pub(crate) fn source_sha256(&self, path: &Path) -> PathBuf {
        let name = Digest::of_bytes(path.as_os_str().as_encoded_bytes());
        sharded(self.root.join("sources"), &name, ".sha256.json")
    }

    pub(crate) fn partial(&self, key: &Digest) -> PathBuf {
        self.partials().join(key.to_string())
    }

    pub(crate) fn lock(&self, key: &Digest) -> PathBuf {
        self.root.join("locks").join(key.to_string())
    }

    pub(crate) fn latest(&self, recipe: &str, stage: &str) -> PathBuf {
        self.root.join("latest").join(file_name(recipe)).join(format!("{}.json", file_name(stage)))
    }

    /// Makes what is missing of the directory.
    pub(crate) fn create(&self) -> Result<()> {
        let root = &self.root;
        match fs::create_dir_all(root) {
            Err(_) if root.exists() && !root.is_dir() => {
                return Err(Error::NotADirectory { path: root.clone() });
            }
            made => made.at("create", root)?,
        }
        if self.format()?.is_none() {
            // Nobody wants results under version control; written first so that only a store has a version.
            write_once(&root.join(".gitignore"), "*\n")?;
            write_once(&self.version(), &format!("{FORMAT}\n"))?;
        }
        for name in ["tmp", "locks", "partial", "runs"] {
            let dir = root.join(name);
            fs::create_dir_all(&dir).at("create", &dir)?;
        }
        Ok(())
    }

    /// The store's format; `None` for a directory that is empty or not there.
    pub(crate) fn format(&self) -> Result<Option<u32>> {
        let path = self.version();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Looked at again: another process may have made the store since.
                if self.has_files()? && !path.exists() {
                    return Err(Error::NotAStore { path: self.root.clone() });
                }
                return Ok(None);
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(Error::NotADirectory { path: self.root.clone() });
            }
            text => text.at("read", &path)?,
        };
        let found = text
            .trim()
            .parse()
            .map_err(|_| Error::Malformed { path, reason: "no format number".to_owned() })?;
        if found > FORMAT {
            return Err(Error::NewerFormat { path: self.root.clone(), found, known: FORMAT });
        }
        Ok(Some(found))
    }

    fn version(&self) -> PathBuf {
        self.root.join("version")
    }

    /// Whether there is anything but hidden files.
    fn has_files(&self) -> Result<bool> {
        match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            entries => Ok(entries
                .at("read", &self.root)?
                .filter_map(|entry| entry.ok())
                .any(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))),
        }
    }
}

/// The files two levels below a folder, in order of their names; none when the folder is not there.
pub(crate) fn shard_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for shard in list(dir)? {
        if shard.is_dir() {
            files.extend(list(&shard)?);
        }
    }
    Ok(files)
}

/// The paths in a folder, in order of their names; none when the folder is not there.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries
            .and_then(|entries| {
                entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()
            })
            .at("read", dir)?,
    };
    paths.sort();
    Ok(paths)
}

/// The digest that a stored file's name says, without its extension.
pub(crate) fn named_digest(path: &Path) -> Option<Digest> {
    path.file_stem()?.to_str()?.parse().ok()
}

fn sharded(dir: PathBuf, digest: &Digest, extension: &str) -> PathBuf {
    let name = digest.to_string();
    dir.join(&name[..2]).join(format!("{name}{extension}"))
}

/// A name as it is where every file system takes it; else what is readable of it, and its digest. Never a path.
pub fn file_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= LONGEST_NAME && !name.starts_with('.') && name.chars().all(plain) {
        return name.to_owned();
    }
    let readable: String = name.chars().filter(|&c| plain(c)).take(LONGEST_NAME).collect();
    format!("~{readable}~{}", Digest::of_bytes(name.as_bytes()).short())
}

/// Writes a file whole, unless it is there.
fn write_once(path: &Path, text: &str) -> Result<()> {
    let temporary = session::parent(path).join(format!(".{}", session::unique()));
    let written = fs::write(&temporary, text).and_then(|()| match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Not every file system has hard links.
        Err(_) => fs::rename(&temporary, path),
        Ok(()) => Ok(()),
    });
    let _ = fs::remove_file(&temporary);
    written.at("write", path)
}
