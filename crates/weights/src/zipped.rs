//! The format of `torch.save` since PyTorch 1.6: a zip archive of `data.pkl` and one entry a storage, stored
//! uncompressed and aligned to 64 bytes.
//!
//! The archive's checksums are not read: PyTorch can be told to write none, and checks none when it reads.

use std::io::{Cursor, Read};

use rustc_hash::FxHashMap;
use zip::{CompressionMethod, ZipArchive};

use crate::error::Reason;
use crate::limits::Limits;
use crate::pickle::Pickle;
use crate::storage::Storage;

/// Bytes of a `data.pkl` that is compressed; one that lies in the file as it is costs nothing.
const PICKLE_LIMIT: usize = 256 << 20;

/// An open archive.
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// What stands before every entry's name.
    prefix: String,
}

impl<'a> Archive<'a> {
    /// Whether `bytes` start as an archive does.
    pub(crate) fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(b"PK\x03\x04")
    }

    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Reason> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
            Reason::Damaged(format!(
                "the list of its entries, at its end, cannot be read ({error}); was it copied whole?"
            ))
        })?;
        let names = zip.file_names().filter_map(Result::ok);
        let prefixes = names.filter_map(|name| name.strip_suffix("data.pkl").map(str::to_owned));
        let whole = prefixes.filter(|prefix| prefix.is_empty() || prefix.ends_with('/'));
        let Some(prefix) = whole.min_by_key(String::len) else {
            return Err(Reason::Unsupported(
                "a zip archive that `torch.save` did not write: it has no data.pkl".to_owned(),
            ));
        };
        let mut archive = Self { bytes, zip, prefix };
        let order = archive.entry("byteorder", 16)?;
        if order.is_some_and(|order| order.bytes(bytes) == b"big") {
            return Err(Reason::Unsupported("it was written on a big-endian machine".to_owned()));
        }
        Ok(archive)
    }

    /// The pickle.
    pub(crate) fn pickle(&mut self) -> Result<Storage, Reason> {
        let entry = self.entry("data.pkl", PICKLE_LIMIT)?;
        entry.ok_or_else(|| Reason::damaged("its data.pkl cannot be found"))
    }

    /// The storages that `pickle` names.
    pub(crate) fn storages(
        &mut self,
        pickle: &Pickle<'_>,
        limits: &Limits,
    ) -> Result<FxHashMap<String, Storage>, Reason> {
        let mut storages: FxHashMap<String, Storage> = FxHashMap::default();
        let mut left = limits.copied;
        for stored in pickle.storages() {
            let key = pickle.text(stored.key).ok_or_else(|| Reason::damaged("a storage's key is no text"))?;
            let size = stored.count.checked_mul(stored.kind.size());
            let size =
                size.ok_or_else(|| Reason::Damaged(format!("storage {key:?} has too many elements")))?;
            if !storages.contains_key(key) {
                let entry = self.entry(&format!("data/{key}"), left.min(size));
                let entry = entry.map_err(|reason| match reason {
                    Reason::Limit { .. } if left < size => {
                        Reason::Limit { what: "bytes of compressed tensors", limit: limits.copied }
                    }
                    Reason::Limit { .. } => wrong_length(key, size),
                    other => other,
                })?;
                let entry =
                    entry.ok_or_else(|| Reason::Damaged(format!("storage {key:?} is not in the archive")))?;
                if let Storage::Held(bytes) = &entry {
                    left -= bytes.len();
                }
                storages.insert(key.to_owned(), entry);
            }
            if storages[key].len() != size {
                return Err(wrong_length(key, size));
            }
        }
        Ok(storages)
    }

    /// An entry's bytes, at most `limit` where they must be decompressed.
    fn entry(&mut self, name: &str, limit: usize) -> Result<Option<Storage>, Reason> {
        let name = format!("{}{name}", self.prefix);
        let Some(at) = self.zip.index_for_name(&name) else {
            return Ok(None);
        };
        let entry = self.zip.by_index_raw(at).map_err(broken)?;
        if entry.encrypted() {
            return Err(Reason::Unsupported(format!("its entry {name:?} is encrypted")));
        }
        match entry.compression() {
            CompressionMethod::Stored => {
                let start = entry.data_start().and_then(|start| usize::try_from(start).ok());
                let size = usize::try_from(entry.size()).ok();
                let end = start.zip(size).and_then(|(start, size)| start.checked_add(size));
                let range = start.zip(end).filter(|&(_, end)| end <= self.bytes.len());
                let (start, end) = range
                    .ok_or_else(|| Reason::Damaged(format!("its entry {name:?} reaches past its end")))?;
                Ok(Some(Storage::Mapped(start..end)))
            }
            CompressionMethod::Deflated => {
                drop(entry);
                let entry = self.zip.by_index(at).map_err(broken)?;
                let mut bytes = Vec::new();
                let read = entry.take(limit as u64 + 1).read_to_end(&mut bytes);
                read.map_err(|error| Reason::Damaged(format!("its entry {name:?}: {error}")))?;
                if bytes.len() > limit {
                    return Err(Reason::Limit { what: "bytes in a compressed entry", limit });
                }
                Ok(Some(Storage::Held(bytes.into())))
            }
            other => Err(Reason::Unsupported(format!("its entry {name:?} is compressed as {other}"))),
        }
    }
}

fn wrong_length(key: &str, size: usize) -> Reason {
    Reason::Damaged(format!("storage {key:?} has not the {size} bytes that are declared"))
}

fn broken(error: zip::result::ZipError) -> Reason {
    Reason::Damaged(error.to_string())
}
