//! Named tensors in canonical safetensors files.
//!
//! Invariant: the same names and values give the same bytes, because the format crate orders entries by kind, then
//! name, and no metadata is written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use memmap2::Mmap;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View, serialize_to_file};
use tch::{Device, Kind, Tensor};

use crate::{Error, guard};

const KINDS: [(Kind, Dtype); 10] = [
    (Kind::Bool, Dtype::BOOL),
    (Kind::Uint8, Dtype::U8),
    (Kind::Int8, Dtype::I8),
    (Kind::Int16, Dtype::I16),
    (Kind::Int, Dtype::I32),
    (Kind::Int64, Dtype::I64),
    (Kind::Half, Dtype::F16),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
];

struct Entry<'a> {
    tensor: &'a Tensor,
    dtype: Dtype,
    shape: Vec<usize>,
}

impl View for &Entry<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        // one tensor at a time: a device's weights never lie in main memory all at once
        Cow::Owned(bytes(self.tensor))
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}

/// Writes `tensors` to `path`, replacing what is there. Not atomic: the caller writes to a temporary name and renames.
///
/// # Errors
/// [`Error::Kind`] for a tensor that the format cannot hold, [`Error::Io`] when writing fails.
pub fn save(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<(), Error> {
    let mut entries = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        entries.push((name.as_str(), guard(|| entry(name, tensor))??));
    }
    let views = entries.iter().map(|(name, entry)| (*name, entry));
    guard(|| serialize_to_file(views, None, path))?.map_err(|error| in_file(path, error))
}

fn entry<'a>(name: &str, tensor: &'a Tensor) -> Result<Entry<'a>, Error> {
    let kind = tensor.kind();
    let Some((_, dtype)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        return Err(Error::Kind { name: name.to_owned(), kind });
    };
    let shape = tensor.size().iter().map(|&units| usize::try_from(units).unwrap_or(0)).collect();
    Ok(Entry { tensor, dtype: *dtype, shape })
}

/// Reads every tensor of the safetensors file at `path` onto `device`. The tensors own their values.
///
/// # Errors
/// [`Error::Io`] when the file cannot be opened, [`Error::Format`] when it is cut short, not safetensors, or holds a
/// kind of number that libtorch does not have.
#[expect(unsafe_code, reason = "the file is mapped, not read")]
pub fn load(path: &Path, device: Device) -> Result<BTreeMap<String, Tensor>, Error> {
    let in_io = |source| Error::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(in_io)?;
    // SAFETY: stored files are never changed in place, and the map ends with this function.
    let map = unsafe { Mmap::map(&file) }.map_err(in_io)?;
    let stored = SafeTensors::deserialize(&map).map_err(|error| in_file(path, error))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in stored.iter() {
        let format = |reason: String| Error::Format { path: path.to_owned(), reason };
        let Some((kind, _)) = KINDS.iter().find(|(_, known)| *known == view.dtype()) else {
            return Err(format(format!("tensor `{name}` holds {:?}, which is not supported", view.dtype())));
        };
        let shape = view
            .shape()
            .iter()
            .map(|&units| i64::try_from(units))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| format(format!("tensor `{name}` is too large")))?;
        let tensor = guard(|| Tensor::from_data_size(view.data(), &shape, *kind).to_device(device))?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}

fn in_file(path: &Path, error: SafeTensorError) -> Error {
    let path = path.to_owned();
    match error {
        SafeTensorError::IoError(source) => Error::Io { path, source },
        other => Error::Format { path, reason: other.to_string() },
    }
}

/// The values of `tensor` in row-major order, as the machine stores them. Runs inside a guard.
fn bytes(tensor: &Tensor) -> Vec<u8> {
    let _no_grad = tch::no_grad_guard();
    let tensor = tensor.detach().to_device(Device::Cpu).contiguous();
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor.copy_data_u8(&mut bytes, tensor.numel());
    bytes
}

/// Whether two tensors have the same kind, shape and bits: NaN equals itself, 0 differs from -0.
///
/// # Errors
/// As [`guard`].
pub fn bytes_equal(left: &Tensor, right: &Tensor) -> Result<bool, Error> {
    guard(|| left.kind() == right.kind() && left.size() == right.size() && bytes(left) == bytes(right))
}
