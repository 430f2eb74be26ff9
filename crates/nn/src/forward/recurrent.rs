//! Recurrent layers and their last states.

use network::Recurrence;
use torch::Tensor;
use torch::recurrent::{self, DirectionWeights};

use super::{At, Value, dropout};
use crate::error::Error;

/// Stacked layers with dropout between them.
pub(super) fn run(
    at: &At<'_>,
    recurrence: Recurrence,
    layers: usize,
    directions: usize,
    rate: f64,
) -> Result<Value, Error> {
    let lengths = at.lengths()?;
    let mut value = at.same_steps(at.tensor().shallow_clone());
    for layer in 0..layers {
        if layer > 0 {
            value.tensor = dropout::drop(at, layer as u64, rate, &value.tensor)?;
        }
        let weights: Vec<DirectionWeights<'_>> = (0..directions)
            .map(|direction| {
                let part = |part: usize| at.param((layer * directions + direction) * 4 + part);
                DirectionWeights { w_ih: part(0), w_hh: part(1), b_ih: part(2), b_hh: part(3) }
            })
            .collect();
        let run = match recurrence {
            Recurrence::Gru => recurrent::gru,
            Recurrence::Lstm => recurrent::lstm,
            Recurrence::RnnTanh => recurrent::rnn_tanh,
            Recurrence::RnnRelu => recurrent::rnn_relu,
        };
        let (output, last) = run(&value.tensor, &lengths.count, &weights)?;
        value = Value { last: Some(last), ..at.same_steps(output) };
    }
    Ok(value)
}

/// The last state of a sequence.
pub(super) fn last(at: &At<'_>) -> Result<Tensor, Error> {
    if let Some(last) = &at.inputs[0].last {
        return Ok(last.shallow_clone());
    }
    let directions = at.module.graph.nodes[at.node().inputs[0]].signal.directions;
    Ok(at.lengths()?.last(at.tensor(), directions))
}
