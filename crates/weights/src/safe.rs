//! `.safetensors` files, read by the format's own library.

use safetensors::SafeTensors;

use crate::dtype::Dtype;
use crate::error::Reason;
use crate::layout::Layout;
use crate::limits::Limits;
use crate::storage::Storage;
use crate::weights::Entry;

/// Bytes that hold the header's length.
const LENGTH: usize = 8;

/// Whether `bytes` start as the format does: a length, then a JSON object.
pub(crate) fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.get(LENGTH) == Some(&b'{')
}

/// The tensors in the order of their bytes.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<Entry>, Reason> {
    let broken = |error: safetensors::SafeTensorError| Reason::Damaged(error.to_string());
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let names = metadata.offset_keys();
    if names.len() > limits.tensors {
        return Err(Reason::Limit { what: "tensors", limit: limits.tensors });
    }
    let base = LENGTH + header;
    let mut entries = Vec::with_capacity(names.len());
    for name in names {
        let Some(info) = metadata.info(&name) else { continue };
        let dtype = Dtype::of_safetensors(info.dtype)
            .ok_or_else(|| Reason::Unsupported(format!("tensor {name:?} has type {:?}", info.dtype)))?;
        let (start, end) = info.data_offsets;
        let layout =
            Layout::contiguous(dtype, info.shape.clone(), 0).filter(|layout| layout.size == end - start);
        let layout = layout.ok_or_else(|| Reason::Damaged(format!("tensor {name:?} has a wrong length")))?;
        entries.push(Entry { name, storage: Storage::Mapped(base + start..base + end), layout });
    }
    Ok(entries)
}
