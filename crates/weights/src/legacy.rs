//! The format of `torch.save` before PyTorch 1.6, and with `_use_new_zipfile_serialization=False`: five pickles (a magic
//! number, the version, the writer's system, the value, the storages' keys), then each storage's count and bytes.

use rustc_hash::FxHashMap;

use crate::error::Reason;
use crate::limits::Limits;
use crate::pickle::{self, Object, Pickle, StorageType, Value};
use crate::storage::Storage;

/// The magic number, a pickled integer.
const MAGIC: [u8; 12] = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;

/// Whether `bytes` start as the format does.
pub(crate) fn is_legacy(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(32)];
    start.first() == Some(&0x80) && start.windows(MAGIC.len()).any(|window| window == MAGIC)
}

/// The value, and the storages by key.
pub(crate) fn read<'a>(
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<(Pickle<'a>, FxHashMap<String, Storage>), Reason> {
    let mut at = 0;
    let mut next = || -> Result<Pickle<'a>, Reason> {
        let pickle = pickle::read(&bytes[at..], limits)?;
        at += pickle.end;
        Ok(pickle)
    };
    next()?;
    let version = next()?;
    if !matches!(version.root, Value::Int(VERSION)) {
        return Err(Reason::Unsupported(format!("it is of a version of the format other than {VERSION}")));
    }
    if is_big_endian(&next()?) {
        return Err(Reason::Unsupported("it was written on a big-endian machine".to_owned()));
    }
    let value = next()?;
    let keys = next()?;
    let storages = storages(bytes, at, &value, &keys)?;
    Ok((value, storages))
}

fn is_big_endian(system: &Pickle<'_>) -> bool {
    let Some(Object::Dict(pairs)) = system.object(system.root) else {
        return false;
    };
    pairs.iter().any(|&(key, value)| {
        matches!(key, Value::Text(text) if system.text(text) == Some("little_endian"))
            && matches!(value, Value::Bool(false))
    })
}

fn storages(
    bytes: &[u8],
    mut at: usize,
    value: &Pickle<'_>,
    keys: &Pickle<'_>,
) -> Result<FxHashMap<String, Storage>, Reason> {
    let no_key = || Reason::damaged("a storage's key is no text");
    let mut declared: FxHashMap<&str, (StorageType, usize)> = FxHashMap::default();
    for stored in value.storages() {
        let key = value.text(stored.key).ok_or_else(no_key)?;
        let own = (stored.kind, stored.count);
        if *declared.entry(key).or_insert(own) != own {
            return Err(Reason::Damaged(format!("storage {key:?} is declared in two ways")));
        }
    }
    let Some(Object::Sequence(keys_listed)) = keys.object(keys.root) else {
        return Err(Reason::damaged("it has no list of storages"));
    };
    let mut storages = FxHashMap::default();
    for &key in keys_listed {
        let Value::Text(key) = key else { return Err(no_key()) };
        let key = keys.text(key).ok_or_else(no_key)?;
        let &(kind, count) = declared
            .get(key)
            .ok_or_else(|| Reason::Damaged(format!("storage {key:?} belongs to no tensor")))?;
        let cut = || Reason::Damaged(format!("it ends within storage {key:?}, at byte {}", bytes.len()));
        let own = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()).ok_or_else(cut)?;
        if u64::from_le_bytes(*own) != count as u64 {
            let text =
                format!("storage {key:?} has {} elements, {count} are declared", u64::from_le_bytes(*own));
            return Err(Reason::Damaged(text));
        }
        let start = at + 8;
        let end = count.checked_mul(kind.size()).and_then(|size| start.checked_add(size));
        let end = end.filter(|&end| end <= bytes.len()).ok_or_else(cut)?;
        storages.insert(key.to_owned(), Storage::Mapped(start..end));
        at = end;
    }
    Ok(storages)
}
