//! What a stage's result is called: its key document and the digest of that.
//!
//! Invariant: a key depends on content only; neither paths nor names of stages nor times enter it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plan::{InputDigest, KeyDocument, Origin, Plan, Source, Stage};
use serde::Serialize;
use store::{Digest, Store, canonical_json};

/// Version of the key document's format.
const FORMAT: u32 = 1;

/// The artifacts of a finished stage, by port.
pub(crate) type Outputs = BTreeMap<String, Digest>;

/// Finds keys of one plan's stages.
pub(crate) struct Identity<'a> {
    plan: &'a Plan,
    store: &'a Store,
    /// The numerics class; `None` when no stage needs it.
    class: Option<String>,
    sources: RefCell<BTreeMap<String, Digest>>,
}

/// A stage's key, and the document that it is the digest of.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) digest: Digest,
    pub(crate) document: KeyDocument,
    /// What it shares with stages that go the same way, shorter or further.
    pub(crate) way: Option<Digest>,
}

#[derive(Serialize)]
struct SourceDocument<'a> {
    file: Digest,
    reading: &'a serde_json::Value,
    seed: Option<u64>,
}

impl<'a> Identity<'a> {
    pub(crate) fn new(plan: &'a Plan, store: &'a Store, class: Option<String>) -> Self {
        Identity { plan, store, class, sources: RefCell::default() }
    }

    /// The digest of a source's content together with how it is read.
    pub(crate) fn source(&self, source: &Source) -> store::Result<Digest> {
        if let Some(digest) = self.sources.borrow().get(&source.name) {
            return Ok(*digest);
        }
        let digest = self.source_now(source)?;
        self.sources.borrow_mut().insert(source.name.clone(), digest);
        Ok(digest)
    }

    /// Whether a source still has the content that keys were made of.
    pub(crate) fn unchanged(&self, source: &Source) -> store::Result<bool> {
        Ok(self.source(source)? == self.source_now(source)?)
    }

    fn source_now(&self, source: &Source) -> store::Result<Digest> {
        // Several files are the list of their digests: their order counts, their names do not.
        let file = match source.paths.as_slice() {
            [path] => content(self.store, path)?,
            paths => digest(
                &paths.iter().map(|path| content(self.store, path)).collect::<store::Result<Vec<_>>>()?,
            )?,
        };
        digest(&SourceDocument { file, reading: &source.reading, seed: source.seed })
    }

    /// A stage's key, when the outputs of all stages before it are known.
    ///
    /// `None` when they are not.
    pub(crate) fn key<'o>(
        &self,
        stage: &Stage,
        outputs: impl Fn(&str) -> Option<&'o Outputs>,
    ) -> store::Result<Option<Key>> {
        let mut inputs = Vec::with_capacity(stage.inputs.len());
        for input in &stage.inputs {
            let digest = match &input.origin {
                Origin::Source(name) => self.source(&self.plan.sources[name])?,
                Origin::Stage { stage, port } => match outputs(stage).and_then(|ports| ports.get(port)) {
                    Some(digest) => *digest,
                    None => return Ok(None),
                },
            };
            inputs.push(InputDigest { port: input.port.clone(), digest: digest.to_string() });
        }
        let document = self.document(stage, inputs);
        let way = stage
            .extent
            .as_ref()
            .map(|extent| digest(&KeyDocument { params: extent.way.clone(), ..document.clone() }));
        Ok(Some(Key { digest: digest(&document)?, document, way: way.transpose()? }))
    }

    /// A stage's key document around given inputs.
    pub(crate) fn document(&self, stage: &Stage, inputs: Vec<InputDigest>) -> KeyDocument {
        KeyDocument {
            format: FORMAT,
            kind: stage.kind.clone(),
            version: stage.version,
            params: stage.params.clone(),
            inputs,
            seed: stage.seed,
            numerics: if stage.numeric { self.class.clone() } else { None },
        }
    }
}

/// The digest of a value's canonical JSON.
pub(crate) fn digest(value: &impl Serialize) -> store::Result<Digest> {
    Ok(Digest::of_bytes(canonical_json(value)?.as_bytes()))
}

/// The digest of a user's file, or of a folder's files with their names.
fn content(store: &Store, path: &Path) -> store::Result<Digest> {
    if !path.is_dir() {
        return store.source_digest(path);
    }
    let mut files = BTreeMap::new();
    for file in walk(path)? {
        let name = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
        files.insert(name, store.source_digest(&file)?);
    }
    digest(&files)
}

/// The files below a folder.
fn walk(folder: &Path) -> store::Result<Vec<PathBuf>> {
    let mut files = vec![];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| store::Error::io("read", &folder, error))?;
        for entry in entries {
            let path = entry.map_err(|error| store::Error::io("read", &folder, error))?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    Ok(files)
}

/// Why a stage has no result under `key`: the fields that changed since its last one, or one phrase.
pub(crate) fn changes(store: &Store, recipe: &str, stage: &Stage, newer: &KeyDocument) -> Vec<String> {
    let Some(record) = store.history_for(&stage.name, recipe) else {
        return vec!["new".to_owned()];
    };
    let bound = stage.extent.as_ref().and_then(|extent| extent.bound.clone());
    match serde_json::from_value::<KeyDocument>(record.key_document) {
        Ok(older) => {
            let changes = older.changes(newer);
            match (&changes[..], bound) {
                ([], _) => vec!["its stored result is gone".to_owned()],
                ([only], Some(bound)) if only.starts_with("params.epochs: ") => {
                    vec![format!("{only}, from the start: {bound}")]
                }
                _ => changes,
            }
        }
        Err(_) => vec!["its last result has another format".to_owned()],
    }
}
