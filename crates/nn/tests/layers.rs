//! Every layer against PyTorch's numbers, forward and backward (`layers.py` made them).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use network::{Input, KINDS, Layer, Network};
use nn::{Column, Gradient, Inputs, Module};
use serde_json::Value;
use torch::{Device, Kind, Tensor, values};

fn reference() -> Value {
    serde_json::from_str(include_str!("layers.json")).unwrap()
}

fn tensor(value: &Value) -> Tensor {
    let shape: Vec<i64> = serde_json::from_value(value["shape"].clone()).unwrap();
    let values: Vec<f32> = serde_json::from_value(value["values"].clone()).unwrap();
    Tensor::from_slice(&values).reshape(shape)
}

fn tensors(value: &Value) -> BTreeMap<String, Tensor> {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), tensor(value))).collect()
}

fn network(case: &Value) -> Network {
    let layers: Vec<Layer> = serde_json::from_value(case["layers"].clone()).unwrap();
    let input = match case["inputs"].as_str().unwrap() {
        "images" => Input::Image { channels: Some(4), height: Some(7), width: Some(6) },
        "vectors" => Input::Vector { width: Some(12) },
        _ => Input::Sequence { vocabulary: Some(9) },
    };
    Network::new(BTreeMap::from([("x".to_owned(), input)]), layers)
}

/// The reference's batch; sequences padded to `width` steps with any id.
fn inputs(reference: &Value, kind: &str, width: usize) -> Inputs {
    let column = match kind {
        "images" | "vectors" => Column::Number(tensor(&reference[kind])),
        _ => {
            let rows: Vec<Vec<i64>> = serde_json::from_value(reference["ids"].clone()).unwrap();
            let lengths: Vec<i64> = serde_json::from_value(reference["lengths"].clone()).unwrap();
            let mut flat = vec![];
            for (row, &length) in rows.iter().zip(&lengths) {
                flat.extend((0..width).map(|at| if at < length as usize { row[at] } else { 5 }));
            }
            let ids = Tensor::from_slice(&flat).reshape([rows.len() as i64, width as i64]);
            Column::Sequence { ids, lengths: Tensor::from_slice(&lengths) }
        }
    };
    BTreeMap::from([("x".to_owned(), column)])
}

fn close(name: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.size(), expected.size(), "{name}");
    let scale = expected.abs().max().double_value(&[]).max(1.0);
    let off = (found.detach() - expected).abs().max().double_value(&[]) / scale;
    assert!(off < 1e-5, "{name}: off by {off}");
}

/// A gradient in its parameter's shape.
fn dense(gradient: &Gradient, shape: &[i64]) -> Tensor {
    match gradient {
        Gradient::Dense(tensor) => tensor.shallow_clone(),
        Gradient::Rows(rows) => {
            let ids: Vec<i64> = rows.rows.iter().map(|&row| i64::from(row)).collect();
            let values = Tensor::from_slice(&rows.values).reshape([-1, rows.units as i64]);
            Tensor::zeros(shape, (Kind::Float, Device::Cpu)).index_add(0, &Tensor::from_slice(&ids), &values)
        }
    }
}

#[test]
fn layers_match_pytorch() {
    let reference = reference();
    for case in reference["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        for width in [6, 9] {
            let inputs = inputs(&reference, case["inputs"].as_str().unwrap(), width);
            let module =
                Module::with_weights(&network(case), &tensors(&case["weights"]), Device::Cpu).unwrap();
            let found = module.forward(&inputs).unwrap_or_else(|error| panic!("{name}: {error}"));
            close(name, &found, &tensor(&case["eval"]));
            let declared = &module.graph().nodes[module.graph().output].signal.shape.0;
            for (dim, size) in declared.iter().zip(found.size()).skip(1) {
                assert_eq!(dim.size(), Some(size as usize), "{name}");
            }

            let pass = module.train(&inputs, 1).unwrap();
            close(name, &pass.output, &tensor(&case["train"]));
            let count = pass.output.numel() as i64;
            let probe = Tensor::arange(count, (Kind::Float, Device::Cpu)).cos().view_as(&pass.output);
            let loss = (&pass.output * probe).sum(Kind::Float);
            let gradients = module.gradients(&pass, &loss).unwrap();
            let expected = tensors(&case["gradients"]);
            assert_eq!(gradients.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{name}");
            for (param, expected) in &expected {
                close(&format!("{name}, {param}"), &dense(&gradients[param], &expected.size()), expected);
            }
            for (buffer, expected) in tensors(&case["buffers"]) {
                close(&format!("{name}, {buffer}"), module.tensor(&buffer).unwrap(), &expected);
            }
        }
    }
}

#[test]
fn every_kind_is_tested() {
    let mut text = reference()["cases"].to_string();
    text.push_str(include_str!("reference.json"));
    // Random, and in tests of their own.
    let others = ["dropout", "spatial-dropout", "stochastic-depth"];
    for kind in KINDS.iter().map(|kind| kind.name()).filter(|kind| !others.contains(kind)) {
        let declared = [format!(r#""kind":"{kind}""#), format!(r#""kind": "{kind}""#)];
        assert!(declared.iter().any(|words| text.contains(words)), "no case has a `{kind}`");
    }
}

#[test]
fn rows_without_steps_give_zeros() {
    let lasts = [
        "mean-pool",
        "max-pool",
        "attention-pool",
        "sequence-first",
        "adaptive-max-pool1d",
        "adaptive-average-pool1d",
    ];
    for last in lasts {
        let mut pool = serde_json::json!({ "name": "pool", "kind": last });
        match last {
            "attention-pool" => pool["units"] = 3.into(),
            "mean-pool" | "max-pool" | "sequence-first" => {}
            _ => pool["size"] = 2.into(),
        }
        let layers = serde_json::json!([
            { "name": "embed", "kind": "embedding", "units": 4 },
            { "name": "norm", "kind": "batch-norm" },
            { "name": "attention", "kind": "multi-head-attention", "heads": 2 },
            { "name": "conv", "kind": "conv1d", "units": 4, "kernel": 3 },
            { "name": "small", "kind": "max-pool1d", "kernel": 2, "ceil": true },
            { "name": "groups", "kind": "group-norm", "groups": 2 },
            pool,
        ]);
        let network = network(&serde_json::json!({ "inputs": "sequences", "layers": layers }));
        let module = Module::new(&network, 3, Device::Cpu).unwrap();
        // The second row is shorter than the kernel, the third is empty.
        for lengths in [[4_i64, 2, 0], [2, 1, 0], [0, 0, 0]] {
            let ids = Tensor::ones([3, lengths[0]], (Kind::Int64, Device::Cpu));
            let column = Column::Sequence { ids, lengths: Tensor::from_slice(&lengths) };
            let inputs = BTreeMap::from([("x".to_owned(), column)]);
            let pass = module.train(&inputs, 1).unwrap();
            for row in 1..3 {
                assert_eq!(pass.output.get(row).abs().max().double_value(&[]), 0.0, "{last} {lengths:?}");
            }
            let gradients = module.gradients(&pass, &pass.output.sum(Kind::Float)).unwrap();
            for (name, gradient) in gradients {
                let found = dense(&gradient, &module.tensor(&name).unwrap().size());
                assert!(found.isfinite().all().int64_value(&[]) == 1, "{last} {lengths:?} {name}");
            }
        }
    }
}

#[test]
fn dropout_of_attention_takes_weights() {
    let layers = serde_json::json!([
        { "name": "e", "kind": "embedding", "units": 200 },
        { "name": "a", "kind": "attention", "heads": 100, "dropout": 0.5, "input": ["e", "e", "e"] },
    ]);
    let weights = [("e.weight".to_owned(), Tensor::ones([9, 200], (Kind::Float, Device::Cpu)))];
    let module = Module::with_weights(
        &network(&serde_json::json!({ "inputs": "sequences", "layers": layers })),
        &weights.into(),
        Device::Cpu,
    );
    let module = module.unwrap();
    // Equal queries and keys weigh the five values of 1 equally; of those a head keeps some, and doubles them.
    let column = Column::Sequence {
        ids: Tensor::ones([1, 5], (Kind::Int64, Device::Cpu)),
        lengths: Tensor::from_slice(&[5_i64]),
    };
    let inputs = BTreeMap::from([("x".to_owned(), column)]);
    assert!(module.forward(&inputs).unwrap().allclose(
        &Tensor::ones([1, 5, 200], (Kind::Float, Device::Cpu)),
        1e-6,
        1e-6,
        false
    ));
    let dropped = |seed| module.train(&inputs, seed).unwrap().output;
    assert!(dropped(1).equal(&dropped(1)) && !dropped(1).equal(&dropped(2)));
    let kept = dropped(1) * 2.5;
    assert!(kept.allclose(&kept.round(), 1e-5, 1e-5, false));
    // 500 heads and steps, each the mean of 5 draws of one half: 4 deviations are 0.08.
    let mean = dropped(1).mean(Kind::Float).double_value(&[]);
    assert!((0.92..1.08).contains(&mean), "{mean}");
}

#[test]
fn rows_that_are_too_long_for_the_positions_are_told() {
    let layers = serde_json::json!([
        { "name": "e", "kind": "embedding", "units": 4 },
        { "name": "p", "kind": "position-embedding", "length": 5, "offset": 2 },
    ]);
    let module = Module::new(
        &network(&serde_json::json!({ "inputs": "sequences", "layers": layers })),
        3,
        Device::Cpu,
    );
    let module = module.unwrap();
    let inputs = |length: i64| {
        let ids = Tensor::ones([1, 6], (Kind::Int64, Device::Cpu));
        BTreeMap::from([("x".to_owned(), Column::Sequence { ids, lengths: Tensor::from_slice(&[length]) })])
    };
    // Padding may be longer than the table.
    assert_eq!(module.forward(&inputs(3)).unwrap().size(), [1, 6, 4]);
    let error = module.forward(&inputs(4)).unwrap_err().to_string();
    assert_eq!(error, "a row has 4 tokens, and `p` has positions for 3");
}

#[test]
fn spatial_dropout_takes_whole_channels() {
    for kind in ["images", "sequences"] {
        let mut layers = vec![serde_json::json!({ "name": "noise", "kind": "spatial-dropout", "rate": 0.5 })];
        if kind == "sequences" {
            let embed = serde_json::json!({ "name": "e", "kind": "embedding", "units": 40, "init": { "uniform": 1.0 } });
            layers.insert(0, embed);
        }
        let module =
            Module::new(&network(&serde_json::json!({ "inputs": kind, "layers": layers })), 3, Device::Cpu);
        let module = module.unwrap();
        let inputs = inputs(&reference(), kind, 6);
        let (kept, dropped) =
            (module.forward(&inputs).unwrap(), |seed| module.train(&inputs, seed).unwrap().output);
        assert_eq!(values::floats(&dropped(1)).unwrap(), values::floats(&dropped(1)).unwrap());
        // Each channel is 0 everywhere, or doubled everywhere.
        let ratio = dropped(1).detach() / kept;
        let (scale, places) = if kind == "images" { (ratio.flatten(2, -1), 2) } else { (ratio, 1) };
        assert!(scale.amax(places, false).equal(&scale.amin(places, false)));
        let found = scale.mean(Kind::Float).double_value(&[]);
        assert!((0.3..1.7).contains(&found), "{kind}: {found}");
    }
}

#[test]
fn stochastic_depth_takes_whole_rows() {
    let layers = serde_json::json!([{ "name": "drop", "kind": "stochastic-depth", "rate": 0.5 }]);
    let network = network(&serde_json::json!({ "inputs": "vectors", "layers": layers }));
    let module = Module::new(&network, 3, Device::Cpu).unwrap();
    let ones = Tensor::ones([400, 12], (Kind::Float, Device::Cpu));
    let inputs = BTreeMap::from([("x".to_owned(), Column::Number(ones))]);
    let scale = module.train(&inputs, 1).unwrap().output;
    // Each row is 0 everywhere, or doubled everywhere.
    assert!(scale.amax(1, false).equal(&scale.amin(1, false)));
    let doubled = scale.eq(2.0).sum(Kind::Int64).int64_value(&[]) / 12;
    let zero = scale.eq(0.0).sum(Kind::Int64).int64_value(&[]) / 12;
    assert_eq!(doubled + zero, 400);
    // Binomial, 400 draws of one half: 4 deviations are 40.
    assert!((160..240).contains(&doubled), "{doubled}");
    assert_eq!(values::floats(&module.forward(&inputs).unwrap()).unwrap(), vec![1.0; 4800]);
}
