//! A weight file that was opened and checked.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use memmap2::Mmap;
use rustc_hash::FxHashMap;

use crate::dtype::Dtype;
use crate::error::{Error, Reason};
use crate::layout::Layout;
use crate::legacy;
use crate::limits::Limits;
use crate::pickle::{self, Pickle, StorageType, Strided};
use crate::safe;
use crate::state;
use crate::storage::{self, Storage};
use crate::zipped::Archive;

/// How a file is to be read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The entry of a PyTorch checkpoint that holds the weights, as a dotted path (`"ema.model"`; empty for the top).
    /// Without it, the first of `state_dict`, `model_state_dict`, `model`, `net`, `network`, `weights`, `params` that
    /// holds tensors, or the top where none does. It means nothing for safetensors.
    pub root: Option<String>,
    /// What the file may ask for.
    pub limits: Limits,
}

/// The formats that are read; the content tells which a file is of, not its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.safetensors`.
    Safetensors,
    /// `torch.save` since PyTorch 1.6.
    TorchZip,
    /// `torch.save` before.
    TorchLegacy,
}

/// A weight file that was opened and checked: every tensor's bytes are in reach.
#[derive(Debug)]
pub struct Weights {
    map: Mmap,
    format: Format,
    entries: Vec<Entry>,
    index: BTreeMap<String, usize>,
}

/// A tensor of a file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) storage: Storage,
    pub(crate) layout: Layout,
}

/// A tensor of an open file.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    entry: &'a Entry,
    file: &'a [u8],
}

impl Weights {
    /// Opens the file at `path`, whatever its name.
    ///
    /// # Errors
    /// An [`Error`] with the path: the file cannot be read, is of no known format, is damaged, holds no tensors, asks
    /// for more than a limit allows, or asks for something that is neither a tensor nor a container.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        Self::read(path, options).map_err(|reason| Error { path: path.into(), reason })
    }

    fn read(path: &Path, options: &Options) -> Result<Self, Reason> {
        let map = storage::map(path)?;
        let (format, entries) = entries(&map, options)?;
        if entries.is_empty() {
            return Err(Reason::Empty { found: None });
        }
        // a name that is said twice means its last tensor, as in a Python dict
        let index = entries.iter().enumerate().map(|(at, entry)| (entry.name.clone(), at)).collect();
        Ok(Self { map, format, entries, index })
    }

    /// The format of the file.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none; never so for a file that was opened.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The tensor of a name.
    pub fn get(&self, name: &str) -> Option<Tensor<'_>> {
        let entry = self.entries.get(*self.index.get(name)?)?;
        Some(Tensor { entry, file: &self.map })
    }

    /// Every tensor with its name, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Tensor<'_>)> {
        self.index.keys().filter_map(|name| Some((name.as_str(), self.get(name)?)))
    }
}

impl<'a> Tensor<'a> {
    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.entry.layout.dtype
    }

    /// The sides; empty for a single number.
    pub fn shape(&self) -> &'a [usize] {
        &self.entry.layout.shape
    }

    /// Bytes of all elements.
    pub fn size(&self) -> usize {
        self.entry.layout.size
    }

    /// The elements, little-endian, in row-major order: a range of the mapped file where they lie so, and a copy
    /// otherwise. A range need not be aligned to the elements' size (it is in files of `torch.save` since 1.6 and in
    /// those of safetensors).
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        let Entry { storage, layout, .. } = self.entry;
        let bytes = storage.bytes(self.file);
        if layout.is_contiguous() {
            return Cow::Borrowed(bytes.get(layout.start..layout.start + layout.size).unwrap_or_default());
        }
        Cow::Owned(layout.gather(bytes))
    }
}

fn entries(bytes: &[u8], options: &Options) -> Result<(Format, Vec<Entry>), Reason> {
    let limits = &options.limits;
    if Archive::is_one(bytes) {
        let mut archive = Archive::open(bytes)?;
        let stored = archive.pickle()?;
        let pickle = pickle::read(stored.bytes(bytes), limits)?;
        let storages = archive.storages(&pickle, limits)?;
        return Ok((Format::TorchZip, placed(&pickle, &storages, options)?));
    }
    if legacy::is_legacy(bytes) {
        let (pickle, storages) = legacy::read(bytes, limits)?;
        return Ok((Format::TorchLegacy, placed(&pickle, &storages, options)?));
    }
    if safe::is_safetensors(bytes) {
        return Ok((Format::Safetensors, safe::read(bytes, limits)?));
    }
    Err(Reason::Format)
}

/// The pickle's tensors with the places of their bytes.
fn placed(
    pickle: &Pickle<'_>,
    storages: &FxHashMap<String, Storage>,
    options: &Options,
) -> Result<Vec<Entry>, Reason> {
    let limits = &options.limits;
    let mut copied = 0usize;
    let mut entries = Vec::new();
    for (name, tensor) in state::tensors(pickle, options.root.as_deref(), limits)? {
        let named = |reason| match reason {
            Reason::Damaged(text) => Reason::Damaged(format!("{name:?}: {text}")),
            other => other,
        };
        let (storage, layout) = place(pickle, storages, tensor, limits).map_err(named)?;
        if !layout.is_contiguous() {
            copied = copied.saturating_add(layout.size);
        }
        if copied > limits.copied {
            return Err(Reason::Limit { what: "bytes of views to copy", limit: limits.copied });
        }
        entries.push(Entry { name, storage, layout });
    }
    Ok(entries)
}

fn place(
    pickle: &Pickle<'_>,
    storages: &FxHashMap<String, Storage>,
    tensor: &Strided,
    limits: &Limits,
) -> Result<(Storage, Layout), Reason> {
    let stored = &tensor.storage;
    let storage = pickle.text(stored.key).and_then(|key| storages.get(key));
    let storage = storage.ok_or_else(|| Reason::damaged("its storage is not in the file"))?;
    let outside = || Reason::damaged("a part reaches past its storage");
    let (first, held) = match stored.part {
        None => (0, storage.len()),
        Some((first, count)) => {
            let end = first.checked_add(count).and_then(|end| end.checked_mul(stored.kind.size()));
            let end = end.filter(|&end| end <= storage.len()).ok_or_else(outside)?;
            (first, end)
        }
    };
    if stored.part.is_some() && stored.kind == StorageType::Untyped {
        return Err(Reason::Unsupported("it holds a part of an untyped storage".to_owned()));
    }
    let offset = tensor.offset.checked_add(first).ok_or_else(outside)?;
    let (shape, strides) = (tensor.shape.clone(), tensor.strides.clone());
    let layout = Layout::strided(tensor.dtype, offset, shape, strides, held, limits)?;
    Ok((storage.clone(), layout))
}
