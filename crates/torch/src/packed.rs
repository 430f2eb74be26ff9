//! Recurrent layers through libtorch's packed sequences: any device, any kind of float.
//!
//! Invariant: same outputs as the fused kernels, up to rounding.

use tch::Tensor;

use crate::Error;
use crate::recurrent::{Cell, DirectionWeights};

/// One layer over valid steps; shapes as in [`crate::recurrent::gru`]. Panics where libtorch refuses.
pub(crate) fn layer(
    cell: Cell,
    input: &Tensor,
    lengths: &[i64],
    weights: &[DirectionWeights<'_>],
) -> Result<(Tensor, Tensor), Error> {
    let (batch, time, _) = input.size3()?;
    let (_, hidden) = weights[0].w_hh.size2()?;
    let directions = weights.len() as i64;
    let options = (input.kind(), input.device());
    let output = Tensor::zeros([batch, time, directions * hidden], options);
    let last = Tensor::zeros([batch, directions * hidden], options);

    // libtorch wants rows from longest to shortest and none that is empty
    let mut rows: Vec<i64> = (0..batch).filter(|&row| lengths[row as usize] > 0).collect();
    rows.sort_by_key(|&row| std::cmp::Reverse(lengths[row as usize]));
    if rows.is_empty() {
        return Ok((output, last));
    }
    let sorted: Vec<i64> = rows.iter().map(|&row| lengths[row as usize]).collect();
    let present = rows.len() as i64;
    let rows = Tensor::from_slice(&rows).to_device(input.device());
    let (data, batch_sizes) =
        input.index_select(0, &rows).internal_pack_padded_sequence(&Tensor::from_slice(&sorted), true);
    let start = Tensor::zeros([directions, present, hidden], options);
    let parameters: Vec<&Tensor> =
        weights.iter().flat_map(|one| [one.w_ih, one.w_hh, one.b_ih, one.b_hh]).collect();
    let bidirectional = weights.len() == 2;
    let (data, state) = match cell {
        Cell::Gru => {
            Tensor::gru_data(&data, &batch_sizes, &start, &parameters, true, 1, 0.0, true, bidirectional)
        }
        Cell::Tanh => {
            Tensor::rnn_tanh_data(&data, &batch_sizes, &start, &parameters, true, 1, 0.0, true, bidirectional)
        }
        Cell::Relu => {
            Tensor::rnn_relu_data(&data, &batch_sizes, &start, &parameters, true, 1, 0.0, true, bidirectional)
        }
        Cell::Lstm => {
            let start = [&start, &start];
            let (data, state, _) = Tensor::lstm_data(
                &data,
                &batch_sizes,
                &start,
                &parameters,
                true,
                1,
                0.0,
                true,
                bidirectional,
            );
            (data, state)
        }
    };
    let (padded, _) = Tensor::internal_pad_packed_sequence(&data, &batch_sizes, true, 0.0, time);
    let state = state.transpose(0, 1).reshape([present, directions * hidden]);
    Ok((output.index_copy(0, &rows, &padded), last.index_copy(0, &rows, &state)))
}
