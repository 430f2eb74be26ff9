//! The numbers of CPU tensors as slices, for kernels written in Rust.
//!
//! Invariant: a slice lives no longer than the call that lends it, and never aliases another of the same call.

use tch::{Device, Kind, Tensor};

use crate::{Error, guard};

fn length(tensor: &Tensor, kind: Kind) -> Result<usize, Error> {
    if tensor.kind() != kind || tensor.device() != Device::Cpu || !tensor.is_contiguous() {
        let reason = format!("expected a contiguous {kind:?} tensor on the CPU, got {tensor:?}");
        return Err(Error::Libtorch(reason));
    }
    Ok(tensor.numel())
}

/// Calls `body` with the values of a contiguous `Float` tensor on the CPU, row-major.
///
/// # Errors
/// [`Error::Libtorch`] for other tensors.
#[expect(unsafe_code, reason = "libtorch lends a pointer")]
pub fn read<T>(tensor: &Tensor, body: impl FnOnce(&[f32]) -> T) -> Result<T, Error> {
    let count = length(tensor, Kind::Float)?;
    if count == 0 {
        return Ok(body(&[]));
    }
    // SAFETY: contiguous, so `count` floats lie behind the pointer; the tensor outlives the call.
    Ok(body(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), count) }))
}

/// Calls `body` with the values of contiguous `Float` tensors on the CPU, to be changed in place. Autograd does not
/// notice: no graph that is still to be differentiated may hold them.
///
/// # Errors
/// [`Error::Libtorch`] for other tensors, and for two that share their values.
#[expect(unsafe_code, reason = "libtorch lends pointers")]
pub fn update<T>(tensors: Vec<&mut Tensor>, body: impl FnOnce(Vec<&mut [f32]>) -> T) -> Result<T, Error> {
    let mut ranges: Vec<(usize, usize)> = vec![];
    for tensor in &tensors {
        let count = length(tensor, Kind::Float)?;
        let start = tensor.data_ptr() as usize;
        let end = start + count * size_of::<f32>();
        if ranges.iter().any(|&(from, to)| start < to && from < end) {
            return Err(Error::Libtorch("two tensors to be updated share their values".to_owned()));
        }
        ranges.push((start, end));
    }
    let slices = tensors.into_iter().zip(ranges).map(|(tensor, (start, end))| {
        if start == end {
            return &mut [][..];
        }
        // SAFETY: contiguous, so the range is the tensor's own; the ranges do not overlap; the tensors outlive the call.
        unsafe {
            std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), (end - start) / size_of::<f32>())
        }
    });
    Ok(body(slices.collect()))
}

/// The values of an `Int64` tensor, row-major.
///
/// # Errors
/// [`Error::Libtorch`] for other tensors.
pub fn int64s(tensor: &Tensor) -> Result<Vec<i64>, Error> {
    if tensor.kind() != Kind::Int64 {
        return Err(Error::Libtorch(format!("expected an Int64 tensor, got {tensor:?}")));
    }
    guard(|| {
        let mut values = vec![0; tensor.numel()];
        tensor.to_device(Device::Cpu).contiguous().copy_data(&mut values, tensor.numel());
        values
    })
}

/// The values of a tensor of floats of any kind, on any device, row-major.
///
/// # Errors
/// As [`guard`].
pub fn floats(tensor: &Tensor) -> Result<Vec<f32>, Error> {
    guard(|| {
        let tensor = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
        let mut values = vec![0.0; tensor.numel()];
        tensor.copy_data(&mut values, tensor.numel());
        values
    })
}
