//! Looking for damage. Invariant: after a repair a second look finds nothing, and every stage whose result was
//! damaged is a miss.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use crate::artifact::{Artifact, FileEntry};
use crate::blobs::parse_manifest;
use crate::digest::Digest;
use crate::error::{Error, IoContext, Result};
use crate::layout;
use crate::results::parse_record;
use crate::sources;
use crate::stamp::Stamp;
use crate::store::Store;

/// What is wrong with a stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It has another size.
    Size {
        /// Bytes that the manifest promises.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// It has another content.
    Content {
        /// The digest found.
        found: Digest,
    },
    /// It cannot be parsed, or is no plain file.
    Malformed {
        /// What the parser said.
        reason: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Size { expected, found } => write!(f, "has {found} bytes instead of {expected}"),
            Self::Content { .. } => f.write_str("has changed content"),
            Self::Malformed { reason } => write!(f, "is malformed: {reason}"),
        }
    }
}

/// A damaged file and whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The damaged file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
    /// The stages whose results need it, as far as known.
    pub stages: BTreeSet<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path.display(), self.fault)?;
        let stages: Vec<&str> = self.stages.iter().map(String::as_str).collect();
        if stages.is_empty() { Ok(()) } else { write!(f, " (needed by {})", stages.join(", ")) }
    }
}

/// Everything that results and manifests say.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// The manifests that are what their names say.
    pub(crate) artifacts: BTreeMap<Digest, Artifact>,
    /// The keys of the results that need an artifact, with their stages.
    pub(crate) needed_by: BTreeMap<Digest, BTreeMap<Digest, String>>,
    /// Files that are not what their names say.
    malformed: Vec<(PathBuf, Fault)>,
}

impl Census {
    /// Reads results before manifests: those of a run that goes on meanwhile are complete in this order.
    pub(crate) fn take(store: &Store) -> Result<Self> {
        let mut census = Self::default();
        for path in layout::shard_files(&store.layout().results())? {
            let Some(record) = census.read(path, parse_record)? else { continue };
            for digest in record.outputs.values() {
                census.needed_by.entry(*digest).or_default().insert(record.key, record.stage.clone());
            }
        }
        for path in layout::shard_files(&store.layout().artifacts())? {
            let digest = layout::named_digest(&path);
            if let (Some(artifact), Some(digest)) = (census.read(path, parse_manifest)?, digest) {
                census.artifacts.insert(digest, artifact);
            }
        }
        Ok(census)
    }

    fn read<T>(
        &mut self,
        path: PathBuf,
        parse: impl Fn(&Digest, &[u8]) -> std::result::Result<T, Fault>,
    ) -> Result<Option<T>> {
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.at("read", &path)?,
        };
        let parsed = match layout::named_digest(&path) {
            Some(digest) => parse(&digest, &bytes),
            None => Err(stray()),
        };
        Ok(parsed.map_err(|fault| self.malformed.push((path, fault))).ok())
    }

    fn stages(&self, artifacts: &BTreeSet<Digest>) -> BTreeSet<String> {
        let needs = artifacts.iter().filter_map(|artifact| self.needed_by.get(artifact));
        needs.flat_map(|results| results.values().cloned()).collect()
    }
}

impl Store {
    /// Hashes every blob and download again and follows every result to its artifacts. With `repair` removes what is damaged
    /// and the results that need it, so that the next run rebuilds them.
    ///
    /// # Errors
    /// When the store cannot be read, or written for a repair.
    pub fn verify(&self, repair: bool) -> Result<Vec<Problem>> {
        if repair {
            self.session()?;
        }
        let census = Census::take(self)?;
        let mut problems = Vec::new();
        let mut broken = BTreeSet::new();
        for (path, fault) in &census.malformed {
            let artifacts: BTreeSet<Digest> = layout::named_digest(path).into_iter().collect();
            let stages = census.stages(&artifacts);
            broken.extend(artifacts);
            problems.push(Problem { path: path.clone(), fault: fault.clone(), stages });
        }
        for digest in census.needed_by.keys() {
            if !census.artifacts.contains_key(digest) && broken.insert(*digest) {
                let stages = census.stages(&BTreeSet::from([*digest]));
                let path = self.layout().artifact(digest);
                problems.push(Problem { path, fault: Fault::Missing, stages });
            }
        }
        let faults = self.blob_faults(&census)?;
        let mut holders: BTreeMap<&Path, BTreeSet<Digest>> =
            faults.keys().map(|path| (path.as_path(), BTreeSet::new())).collect();
        for (digest, artifact) in &census.artifacts {
            for entry in artifact.files.values() {
                if let Some(holders) = holders.get_mut(self.blob_path(&entry.digest).as_path()) {
                    holders.insert(*digest);
                    broken.insert(*digest);
                }
            }
        }
        for (path, fault) in &faults {
            let stages = holders.get(path.as_path()).map(|artifacts| census.stages(artifacts));
            let stages = stages.unwrap_or_default();
            problems.push(Problem { path: path.clone(), fault: fault.clone(), stages });
        }
        problems.extend(self.download_faults()?);
        if repair {
            self.repair(&census, &problems, &broken);
            self.drop_orphans()?;
        }
        Ok(problems)
    }

    /// Downloads whose content is not what their folder says.
    fn download_faults(&self) -> Result<Vec<Problem>> {
        let paths = layout::shard_files(&self.layout().downloads())?;
        let whole = paths.into_par_iter().filter(|path| path.extension().is_none_or(|end| end != "part"));
        let check = |path: PathBuf| -> Result<Option<Problem>> {
            let expected: Option<Digest> =
                path.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse().ok());
            let found: Option<Digest> = sources::sha256(&path)?.parse().ok();
            let wrong = found.filter(|found| Some(*found) != expected);
            let problem = |found| Problem { path, fault: Fault::Content { found }, stages: BTreeSet::new() };
            Ok(wrong.map(problem))
        };
        let problems: Result<Vec<Option<Problem>>> = whole.map(check).collect();
        Ok(problems?.into_iter().flatten().collect())
    }

    /// The blobs that are wrong or missing, by path.
    fn blob_faults(&self, census: &Census) -> Result<BTreeMap<PathBuf, Fault>> {
        let mut promised = BTreeMap::new();
        for entry in census.artifacts.values().flat_map(|artifact| artifact.files.values()) {
            promised.insert(self.blob_path(&entry.digest), *entry);
        }
        let mut paths: BTreeSet<PathBuf> = layout::shard_files(&self.layout().blobs())?.into_iter().collect();
        paths.extend(promised.keys().cloned());
        let paths: Vec<PathBuf> = paths.into_iter().collect();
        let checked: Result<Vec<Option<Fault>>> =
            paths.par_iter().map(|path| self.rehash(path, promised.get(path))).collect();
        Ok(paths.into_iter().zip(checked?).filter_map(|(path, fault)| Some((path, fault?))).collect())
    }

    /// What is wrong with the file of a blob, whatever was remembered of it.
    fn rehash(&self, path: &Path, promised: Option<&FileEntry>) -> Result<Option<Fault>> {
        let Some(digest) = layout::named_digest(path) else { return Ok(Some(stray())) };
        if let Some(fault) = promised.map(|entry| self.size_fault(entry)).transpose()?.flatten() {
            return Ok(Some(fault));
        }
        let stamp = fs::symlink_metadata(path).map(|metadata| Stamp::of(&metadata)).at("read", path)?;
        match self.hash_file(path) {
            Ok(found) if found == digest => {
                self.note_stamp(&digest, stamp);
                Ok(None)
            }
            Ok(found) => Ok(Some(Fault::Content { found })),
            // The medium gives the content back no more.
            Err(Error::Io { source, .. }) => Ok(Some(Fault::Malformed { reason: source.to_string() })),
            Err(error) => Err(error),
        }
    }

    fn repair(&self, census: &Census, problems: &[Problem], broken: &BTreeSet<Digest>) {
        // Results go first, so that a repair cut short leaves none that leads to nothing.
        for digest in broken {
            for key in census.needed_by.get(digest).into_iter().flat_map(BTreeMap::keys) {
                self.discard(&self.layout().result(key));
            }
            self.discard(&self.layout().artifact(digest));
        }
        for problem in problems {
            self.discard(&problem.path);
        }
    }
}

fn stray() -> Fault {
    Fault::Malformed { reason: "its name is not a digest".to_owned() }
}
