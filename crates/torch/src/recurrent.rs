//! GRU, LSTM and simple recurrent layers over the valid steps of padded sequences.
//!
//! Invariant: outputs and gradients equal PyTorch's `nn.GRU`, `nn.LSTM` and `nn.RNN` on packed sequences up to rounding, and are
//! the same bits for any number of threads.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use tch::{Device, Kind, Tensor};

use crate::{Error, error, packed, threads, try_guard};

/// The parameters of one direction of one layer, named, shaped and ordered as PyTorch's.
#[derive(Debug, Clone, Copy)]
pub struct DirectionWeights<'a> {
    /// `[gates * hidden, inputs]`.
    pub w_ih: &'a Tensor,
    /// `[gates * hidden, hidden]`.
    pub w_hh: &'a Tensor,
    /// `[gates * hidden]`.
    pub b_ih: &'a Tensor,
    /// `[gates * hidden]`.
    pub b_hh: &'a Tensor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub(crate) enum Cell {
    Gru = 0,
    Lstm = 1,
    /// The next two run on libtorch only.
    Tanh = 2,
    Relu = 3,
}

impl Cell {
    fn gates(self) -> i64 {
        match self {
            Self::Gru => 3,
            Self::Lstm => 4,
            Self::Tanh | Self::Relu => 1,
        }
    }
}

/// One GRU layer (`torch.nn.GRU`, gates r, z, n), differentiable by `input` and `weights`.
///
/// `input` is `[batch, time, inputs]`, `lengths` `[batch]` of kind `Int64` on the CPU, each in `0..=time`; `weights`
/// holds the forward direction and, for a bidirectional layer, the backward one. Returns the outputs
/// `[batch, time, hidden * directions]`, zero behind each row's length, and the last states
/// `[batch, hidden * directions]`: the forward direction's at the last valid step, the backward direction's at step 0,
/// zero for an empty row. `Float` on the CPU runs on fused kernels that have no second derivative; all else runs on
/// libtorch's packed sequences.
///
/// # Errors
/// [`Error::Recurrent`] for shapes that do not fit together, [`Error::Libtorch`] for what libtorch refuses.
pub fn gru(
    input: &Tensor,
    lengths: &Tensor,
    weights: &[DirectionWeights<'_>],
) -> Result<(Tensor, Tensor), Error> {
    layer(Cell::Gru, input, lengths, weights)
}

/// One LSTM layer (`torch.nn.LSTM`, gates i, f, g, o, no projection); arguments, results and errors as in [`gru`].
///
/// # Errors
/// As [`gru`].
pub fn lstm(
    input: &Tensor,
    lengths: &Tensor,
    weights: &[DirectionWeights<'_>],
) -> Result<(Tensor, Tensor), Error> {
    layer(Cell::Lstm, input, lengths, weights)
}

/// One layer of PyTorch's `nn.RNN` with tanh; arguments, results and errors as in [`gru`], on libtorch everywhere.
///
/// # Errors
/// As [`gru`].
pub fn rnn_tanh(
    input: &Tensor,
    lengths: &Tensor,
    weights: &[DirectionWeights<'_>],
) -> Result<(Tensor, Tensor), Error> {
    layer(Cell::Tanh, input, lengths, weights)
}

/// As [`rnn_tanh`] with relu.
///
/// # Errors
/// As [`gru`].
pub fn rnn_relu(
    input: &Tensor,
    lengths: &Tensor,
    weights: &[DirectionWeights<'_>],
) -> Result<(Tensor, Tensor), Error> {
    layer(Cell::Relu, input, lengths, weights)
}

fn layer(
    cell: Cell,
    input: &Tensor,
    lengths: &Tensor,
    weights: &[DirectionWeights<'_>],
) -> Result<(Tensor, Tensor), Error> {
    try_guard(|| {
        let lengths = checked(cell, input, lengths, weights)?;
        match (input.kind(), input.device()) {
            (Kind::Float, Device::Cpu) if matches!(cell, Cell::Gru | Cell::Lstm) => {
                fused(cell, input, &lengths, weights)
            }
            _ => packed::layer(cell, input, &lengths, weights),
        }
    })
}

#[expect(unsafe_code, reason = "the kernels are C++")]
unsafe extern "C" {
    fn pipeline_recurrent(
        cell: i64,
        tensors: *const *const c_void,
        count: i64,
        lengths: *const i64,
        threads: i64,
        output: *mut *mut c_void,
        last: *mut *mut c_void,
        message: *mut c_char,
        message_size: i64,
    ) -> c_int;
}

#[expect(unsafe_code, reason = "the kernels are C++")]
fn fused(
    cell: Cell,
    input: &Tensor,
    lengths: &[i64],
    weights: &[DirectionWeights<'_>],
) -> Result<(Tensor, Tensor), Error> {
    let tensors: Vec<*const c_void> = std::iter::once(input)
        .chain(weights.iter().flat_map(|one| [one.w_ih, one.w_hh, one.b_ih, one.b_hh]))
        .map(|tensor| tensor.as_ptr().cast())
        .collect();
    let (mut output, mut last) = (ptr::null_mut(), ptr::null_mut());
    let mut message = [0; 512];
    // SAFETY: `checked` made sure of kinds, devices, shapes and lengths; the pointers outlive the call.
    let status = unsafe {
        pipeline_recurrent(
            cell as i64,
            tensors.as_ptr(),
            tensors.len() as i64,
            lengths.as_ptr(),
            threads() as i64,
            &mut output,
            &mut last,
            message.as_mut_ptr(),
            message.len() as i64,
        )
    };
    if status != 0 {
        // SAFETY: the C++ side ends its message with a zero.
        let message = unsafe { CStr::from_ptr(message.as_ptr()) };
        return Err(Error::Libtorch(error::first_line(&message.to_string_lossy())));
    }
    // SAFETY: on success both point to new tensors that nobody else owns.
    Ok(unsafe { (Tensor::from_ptr(output.cast()), Tensor::from_ptr(last.cast())) })
}

/// Checks everything that the kernels rely on; returns the lengths.
fn checked(
    cell: Cell,
    input: &Tensor,
    lengths: &Tensor,
    weights: &[DirectionWeights<'_>],
) -> Result<Vec<i64>, Error> {
    let refuse = |message: String| Err(Error::Recurrent(message));
    let &[batch, time, inputs] = input.size().as_slice() else {
        return refuse(format!("input has shape {:?}, expected [batch, time, inputs]", input.size()));
    };
    if lengths.size() != [batch] || lengths.kind() != Kind::Int64 || lengths.device().is_cuda() {
        return refuse(format!(
            "lengths have shape {:?}, expected [{batch}] of Int64 on the CPU",
            lengths.size()
        ));
    }
    if !(1..=2).contains(&weights.len()) {
        return refuse(format!("weights of {} directions, expected 1 or 2", weights.len()));
    }
    let hidden = weights[0].w_hh.size().last().copied().unwrap_or(0);
    let rows = cell.gates() * hidden;
    for one in weights {
        let expected: [(&str, &Tensor, &[i64]); 4] = [
            ("w_ih", one.w_ih, &[rows, inputs]),
            ("w_hh", one.w_hh, &[rows, hidden]),
            ("b_ih", one.b_ih, &[rows]),
            ("b_hh", one.b_hh, &[rows]),
        ];
        for (name, tensor, shape) in expected {
            if tensor.size() != shape {
                return refuse(format!("{name} has shape {:?}, expected {shape:?}", tensor.size()));
            }
            if tensor.kind() != input.kind() || tensor.device() != input.device() {
                return refuse(format!("{name} and the input differ in kind or device"));
            }
        }
    }
    let lengths = Vec::<i64>::try_from(lengths)?;
    match lengths.iter().find(|length| !(0..=time).contains(*length)) {
        Some(length) => refuse(format!("length {length} is not in 0..={time}")),
        None => Ok(lengths),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(unsafe_code, reason = "the kernels are C++")]
    unsafe extern "C" {
        fn pipeline_recurrent_limit(sets: i64) -> i64;
    }

    #[expect(unsafe_code, reason = "the kernels are C++")]
    fn limit(sets: i64) -> i64 {
        // SAFETY: this is the only test of its program that runs a layer.
        unsafe { pipeline_recurrent_limit(sets) }
    }

    /// Outputs and gradients of one LSTM and one GRU in one kind of float.
    fn results(kind: Kind) -> Vec<Tensor> {
        let wave = |shape: [i64; 3]| {
            let count = shape.iter().product::<i64>();
            (Tensor::arange(count, (Kind::Double, Device::Cpu)) * 0.7).sin().reshape(shape).to_kind(kind)
        };
        let lengths = Tensor::from_slice(&[5_i64, 9, 0, 1, 9, 3, 7]);
        let mut results = Vec::new();
        for cell in [Cell::Gru, Cell::Lstm] {
            let rows = cell.gates() * 19;
            let input = wave([7, 9, 21]).set_requires_grad(true);
            let w_ih = wave([1, rows, 21]).squeeze_dim(0).set_requires_grad(true);
            let w_hh = (wave([1, rows, 19]).squeeze_dim(0) * 0.2).detach().set_requires_grad(true);
            let b_ih = wave([1, 1, rows]).reshape([rows]).set_requires_grad(true);
            let b_hh = (wave([1, 1, rows]) * 0.5).reshape([rows]).detach().set_requires_grad(true);
            let one = DirectionWeights { w_ih: &w_ih, w_hh: &w_hh, b_ih: &b_ih, b_hh: &b_hh };
            let (output, last) = layer(cell, &input, &lengths, &[one, one]).unwrap();
            (output.square().sum(kind) + last.sum(kind)).backward();
            results.extend([output.detach(), last.detach()]);
            results.extend([&input, &w_ih, &w_hh, &b_ih, &b_hh].map(Tensor::grad));
        }
        results
    }

    #[test]
    fn every_instruction_set_equals_double_precision() {
        let expected = results(Kind::Double);
        for sets in 1..=limit(1) {
            limit(sets);
            for (place, (left, right)) in results(Kind::Float).iter().zip(&expected).enumerate() {
                let scale = right.abs().max().double_value(&[]).max(1.0);
                let off = (left.to_kind(Kind::Double) - right).abs().max().double_value(&[]) / scale;
                assert!(off < 1e-5, "{sets} sets: result {place} is {off} off");
            }
        }
    }
}
