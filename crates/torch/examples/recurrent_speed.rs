//! Forward and backward pass of recurrent layers: the fused kernels against libtorch's packed sequences.
#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::time::Instant;

use torch::recurrent::{self, DirectionWeights};
use torch::{Device, Error, Kind, Tensor};

const BATCH: i64 = 64;
const TIME: i64 = 250;
const INPUTS: i64 = 64;
const HIDDEN: i64 = 50;

fn main() -> Result<(), Error> {
    let options = (Kind::Float, Device::Cpu);
    let input = Tensor::randn([BATCH, TIME, INPUTS], options).set_requires_grad(true);
    let lengths = Tensor::full([BATCH], TIME, (Kind::Int64, Device::Cpu));
    for (name, gates) in [("gru", 3), ("lstm", 4)] {
        let rows = gates * HIDDEN;
        let parameters: Vec<Tensor> = [vec![rows, INPUTS], vec![rows, HIDDEN], vec![rows], vec![rows]]
            .iter()
            .cycle()
            .take(8)
            .map(|shape| (Tensor::randn(shape.as_slice(), options) * 0.1).set_requires_grad(true))
            .collect();
        torch::set_threads(1)?;
        let packed = seconds(|| packed(name, &input, &parameters));
        println!("{name} packed, 1 thread: {:.1} ms", packed * 1e3);
        for threads in [1, 2] {
            torch::set_threads(threads)?;
            let fused = seconds(|| fused(name, &input, &lengths, &parameters));
            println!(
                "{name} fused, {threads} threads: {:.1} ms, {:.1} times faster",
                fused * 1e3,
                packed / fused
            );
        }
    }
    Ok(())
}

/// The fastest of several runs.
fn seconds(step: impl Fn() -> Tensor) -> f64 {
    let run = || {
        let start = Instant::now();
        step().backward();
        start.elapsed().as_secs_f64()
    };
    (0..8).map(|_| run()).fold(f64::INFINITY, f64::min)
}

fn fused(name: &str, input: &Tensor, lengths: &Tensor, parameters: &[Tensor]) -> Tensor {
    let weights: Vec<_> = parameters
        .chunks(4)
        .map(|one| DirectionWeights { w_ih: &one[0], w_hh: &one[1], b_ih: &one[2], b_hh: &one[3] })
        .collect();
    let layer = if name == "gru" { recurrent::gru } else { recurrent::lstm };
    layer(input, lengths, &weights).expect("the shapes fit").0.sum(Kind::Float)
}

fn packed(name: &str, input: &Tensor, parameters: &[Tensor]) -> Tensor {
    let lengths = Tensor::full([BATCH], TIME, (Kind::Int64, Device::Cpu));
    let (data, sizes) = input.internal_pack_padded_sequence(&lengths, true);
    let start = Tensor::zeros([2, BATCH, HIDDEN], (Kind::Float, Device::Cpu));
    let output = if name == "gru" {
        Tensor::gru_data(&data, &sizes, &start, parameters, true, 1, 0.0, true, true).0
    } else {
        let start = [&start, &start];
        let parameters: Vec<&Tensor> = parameters.iter().collect();
        Tensor::lstm_data(&data, &sizes, &start, &parameters, true, 1, 0.0, true, true).0
    };
    output.sum(Kind::Float)
}
