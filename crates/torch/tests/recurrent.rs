//! The fused recurrent layers against PyTorch's numbers and against libtorch's packed sequences.
//!
//! `data/recurrent.safetensors` was made with PyTorch 2.11: `nn.GRU(3, 6)` and `nn.LSTM(3, 6)`, both bidirectional, on
//! packed sequences, with the gradients of `(output * grad_output).sum() + (last * grad_last).sum()`.

use std::path::Path;

use torch::recurrent::{self, DirectionWeights};
use torch::{Device, Error, Kind, Tensor, weights};

type Layer = fn(&Tensor, &Tensor, &[DirectionWeights<'_>]) -> Result<(Tensor, Tensor), Error>;

const CELLS: [(&str, Layer, i64); 2] = [("gru", recurrent::gru, 3), ("lstm", recurrent::lstm, 4)];

/// Output, last states, and the gradients of the input and of every weight.
fn run(
    layer: Layer,
    input: &Tensor,
    lengths: &Tensor,
    parameters: &[Tensor],
    grads: &(Tensor, Tensor),
) -> Vec<Tensor> {
    let leaf = |tensor: &Tensor| tensor.detach().copy().set_requires_grad(true);
    let input = leaf(input);
    let parameters: Vec<Tensor> = parameters.iter().map(leaf).collect();
    let directions: Vec<_> = parameters
        .chunks(4)
        .map(|one| DirectionWeights { w_ih: &one[0], w_hh: &one[1], b_ih: &one[2], b_hh: &one[3] })
        .collect();
    let (output, last) = layer(&input, lengths, &directions).expect("the shapes fit");
    let loss = (&output * &grads.0).sum(input.kind()) + (&last * &grads.1).sum(input.kind());
    if loss.requires_grad() {
        loss.backward();
    }
    let mut results = vec![output.detach(), last.detach()];
    for tensor in std::iter::once(&input).chain(&parameters) {
        results.push(if tensor.grad().defined() { tensor.grad() } else { tensor.zeros_like().detach() });
    }
    results
}

fn random(shape: &[i64], seed: u64) -> Tensor {
    torch::random::seeded(seed, || Tensor::randn(shape, (Kind::Float, Device::Cpu)))
        .expect("the shape is valid")
}

struct Case {
    input: Tensor,
    lengths: Tensor,
    parameters: Vec<Tensor>,
    grads: (Tensor, Tensor),
}

fn case(gates: i64, directions: i64, inputs: i64, hidden: i64, time: i64, lengths: &[i64]) -> Case {
    let batch = lengths.len() as i64;
    let rows = gates * hidden;
    let mut parameters = Vec::new();
    for direction in 0..directions as u64 {
        for (part, shape) in
            [vec![rows, inputs], vec![rows, hidden], vec![rows], vec![rows]].iter().enumerate()
        {
            parameters.push(random(shape, 10 * direction + part as u64) * 0.3);
        }
    }
    Case {
        input: random(&[batch, time, inputs], 100),
        lengths: Tensor::from_slice(lengths),
        parameters,
        grads: (random(&[batch, time, directions * hidden], 101), random(&[batch, directions * hidden], 102)),
    }
}

fn distance(left: &Tensor, right: &Tensor) -> f64 {
    assert_eq!(left.size(), right.size());
    if left.numel() == 0 {
        return 0.0;
    }
    let right = right.to_kind(Kind::Double);
    let scale = right.abs().max().double_value(&[]).max(1.0);
    (left.to_kind(Kind::Double) - right).abs().max().double_value(&[]) / scale
}

#[test]
fn matches_pytorch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recurrent.safetensors");
    let stored = weights::load(&path, Device::Cpu).unwrap();
    for (cell, layer, _) in CELLS {
        let get = |name: &str| stored[&format!("{cell}.{name}")].shallow_clone();
        let names: Vec<String> = ["", "_reverse"]
            .iter()
            .flat_map(|side| {
                ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|part| format!("{part}{side}"))
            })
            .collect();
        let parameters: Vec<Tensor> = names.iter().map(|name| get(name)).collect();
        let results = run(
            layer,
            &get("input"),
            &stored["lengths"],
            &parameters,
            &(get("grad_output"), get("grad_last")),
        );
        let expected = ["output".to_owned(), "last".to_owned(), "grad.input".to_owned()]
            .into_iter()
            .chain(names.iter().map(|name| format!("grad.{name}")));
        for (name, result) in expected.zip(&results) {
            let off = distance(result, &get(&name));
            assert!(off < 2e-6, "{cell} {name} is {off} off");
        }
    }
}

#[test]
fn equals_packed_sequences_in_double_precision() {
    let ragged: Vec<i64> = (0..30).map(|row| [0, 1, 40, 7, 33, 39, 16, 2][row % 8]).collect();
    for (cell, layer, gates) in CELLS {
        for directions in [1, 2] {
            for (inputs, hidden, time, lengths) in [
                (20, 50, 40, ragged.as_slice()),
                (3, 1, 4, &[4, 2]),
                (1, 17, 1, &[1]),
                (5, 64, 35, &[35]),
                (70, 33, 6, &[6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6]),
                (4, 5, 3, &[0, 0]),
            ] {
                let case = case(gates, directions, inputs, hidden, time, lengths);
                let fused = run(layer, &case.input, &case.lengths, &case.parameters, &case.grads);
                let double = |tensor: &Tensor| tensor.to_kind(Kind::Double);
                let parameters: Vec<Tensor> = case.parameters.iter().map(double).collect();
                let grads = (double(&case.grads.0), double(&case.grads.1));
                let packed = run(layer, &double(&case.input), &case.lengths, &parameters, &grads);
                for (place, (left, right)) in fused.iter().zip(&packed).enumerate() {
                    let off = distance(left, right);
                    assert!(
                        off < 1e-5,
                        "{cell} x{directions} {inputs}>{hidden}: result {place} is {off} off"
                    );
                }
            }
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let lengths: Vec<i64> = (0..50).map(|row| (row * 37) % 61).collect();
    for (cell, layer, gates) in CELLS {
        let case = case(gates, 2, 64, 50, 60, &lengths);
        let mut first: Option<Vec<Tensor>> = None;
        for threads in [1, 2, 4] {
            torch::set_threads(threads).unwrap();
            let results = run(layer, &case.input, &case.lengths, &case.parameters, &case.grads);
            let first = first.get_or_insert_with(|| results.iter().map(Tensor::shallow_clone).collect());
            for (place, (left, right)) in results.iter().zip(first).enumerate() {
                let same = weights::bytes_equal(left, right).unwrap();
                assert!(same, "{cell}: result {place} differs on {threads} threads");
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_neighbours() {
    for (_, layer, gates) in CELLS {
        let case = case(gates, 2, 8, 20, 9, &[3, 9, 0, 5, 5, 1, 7, 9, 2, 2, 6, 4, 8]);
        let all = run(layer, &case.input, &case.lengths, &case.parameters, &case.grads);
        for row in [1, 6] {
            let grads = (case.grads.0.narrow(0, row, 1), case.grads.1.narrow(0, row, 1));
            let (input, lengths) = (case.input.narrow(0, row, 1), case.lengths.narrow(0, row, 1));
            let alone = run(layer, &input, &lengths, &case.parameters, &grads);
            for place in 0..3 {
                assert!(weights::bytes_equal(&alone[place], &all[place].narrow(0, row, 1)).unwrap());
            }
        }
    }
}

#[test]
fn divergence_stays_visible() {
    for (_, layer, gates) in CELLS {
        let case = case(gates, 1, 3, 5, 4, &[4, 2]);
        let _ = case.input.get(0).get(1).fill_(f64::NAN);
        let results = run(layer, &case.input, &case.lengths, &case.parameters, &case.grads);
        let nan = |row| results[1].get(row).isnan().any().int64_value(&[]) == 1;
        assert!(nan(0) && !nan(1));
    }
}

#[test]
fn frozen_parts_get_no_gradient() {
    let case = case(3, 2, 4, 5, 6, &[6, 3]);
    let parameters: Vec<Tensor> = case.parameters.iter().map(Tensor::detach).collect();
    let directions: Vec<_> = parameters
        .chunks(4)
        .map(|one| DirectionWeights { w_ih: &one[0], w_hh: &one[1], b_ih: &one[2], b_hh: &one[3] })
        .collect();
    let (output, last) = recurrent::gru(&case.input, &case.lengths, &directions).unwrap();
    assert!(!output.requires_grad() && !last.requires_grad());
    let input = case.input.set_requires_grad(true);
    let (_, last) = recurrent::gru(&input, &case.lengths, &directions).unwrap();
    last.sum(Kind::Float).backward();
    assert!(input.grad().defined());
    assert!(parameters.iter().all(|parameter| !parameter.grad().defined()));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let case = case(3, 1, 4, 5, 6, &[6, 3]);
    let [w_ih, w_hh, b_ih, b_hh] = case.parameters.as_slice() else { unreachable!() };
    let whole = DirectionWeights { w_ih, w_hh, b_ih, b_hh };
    let message = |input: &Tensor, lengths: &Tensor, weights: &[DirectionWeights<'_>]| {
        recurrent::gru(input, lengths, weights).unwrap_err().to_string()
    };
    let (input, lengths) = (&case.input, &case.lengths);
    assert_eq!(
        message(&input.get(0), lengths, &[whole]),
        "recurrent layer: input has shape [6, 4], expected [batch, time, inputs]"
    );
    assert_eq!(
        message(input, &Tensor::from_slice(&[7_i64, 1]), &[whole]),
        "recurrent layer: length 7 is not in 0..=6"
    );
    assert_eq!(
        message(input, &Tensor::from_slice(&[1_i64]), &[whole]),
        "recurrent layer: lengths have shape [1], expected [2] of Int64 on the CPU"
    );
    assert_eq!(message(input, lengths, &[]), "recurrent layer: weights of 0 directions, expected 1 or 2");
    assert_eq!(
        message(input, lengths, &[DirectionWeights { w_ih: w_hh, ..whole }]),
        "recurrent layer: w_ih has shape [15, 5], expected [15, 4]"
    );
}
