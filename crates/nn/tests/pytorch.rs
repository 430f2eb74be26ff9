//! Modules against PyTorch's numbers (`reference.py` made them).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use network::{Input, Layer, Network};
use nn::{Column, Gradient, Inputs, Module};
use serde_json::Value;
use torch::{Device, Kind, Reduction, Tensor, values};

fn reference() -> Value {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn tensor(value: &Value) -> Tensor {
    let shape: Vec<i64> = numbers(&value["shape"]).iter().map(|&size| size as i64).collect();
    Tensor::from_slice(&numbers(&value["values"])).to_kind(Kind::Float).reshape(shape)
}

fn tensors(value: &Value) -> BTreeMap<String, Tensor> {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), tensor(value))).collect()
}

fn network(case: &Value) -> Network {
    let layers: Vec<Layer> = serde_json::from_value(case["layers"].clone()).unwrap();
    let inputs = BTreeMap::from([("text".to_owned(), Input::Sequence { vocabulary: Some(11) })]);
    Network {
        inputs,
        layers,
        output: None,
        outputs: Default::default(),
        frozen: Default::default(),
        classes: vec![],
    }
}

/// The reference's batch, padded to `width` steps with any id.
fn inputs(reference: &Value, width: i64) -> Inputs {
    let rows: Vec<Vec<i64>> = serde_json::from_value(reference["ids"].clone()).unwrap();
    let lengths: Vec<i64> = serde_json::from_value(reference["lengths"].clone()).unwrap();
    let flat: Vec<i64> = rows
        .iter()
        .zip(&lengths)
        .flat_map(|(row, &length)| (0..width).map(move |at| if at < length { row[at as usize] } else { 7 }))
        .collect();
    let ids = Tensor::from_slice(&flat).reshape([rows.len() as i64, width]);
    BTreeMap::from([("text".to_owned(), Column::Sequence { ids, lengths: Tensor::from_slice(&lengths) })])
}

fn close(name: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.size(), expected.size(), "{name}");
    let off = (found.detach() - expected).abs().max().double_value(&[]);
    assert!(off < tolerance, "{name}: off by {off}");
}

fn loss(case: &Value, output: &Tensor) -> Tensor {
    let labels: Vec<i64> = serde_json::from_value(case["labels"].clone()).unwrap();
    let labels = Tensor::from_slice(&labels);
    if output.size()[1] > 1 {
        return output.cross_entropy_for_logits(&labels);
    }
    let labels = labels.to_kind(Kind::Float);
    output.squeeze_dim(1).binary_cross_entropy_with_logits::<Tensor>(&labels, None, None, Reduction::Mean)
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
fn networks_match_pytorch() {
    let reference = reference();
    for name in ["gru", "lstm"] {
        let case = &reference[name];
        let weights = tensors(&case["weights"]);
        let module = Module::with_weights(&network(case), &weights, Device::Cpu).unwrap();
        for width in [6, 9] {
            let inputs = inputs(&reference, width);
            close(name, &module.forward(&inputs).unwrap(), &tensor(&case["eval"]), 1e-5);
        }
        let pass = module.train(&inputs(&reference, 6), 1).unwrap();
        close(name, &pass.output, &tensor(&case["train"]), 1e-5);
        let loss = loss(case, &pass.output);
        assert!((loss.double_value(&[]) - case["loss"].as_f64().unwrap()).abs() < 1e-5);
        let gradients = module.gradients(&pass, &loss).unwrap();
        let expected = tensors(&case["gradients"]);
        assert_eq!(gradients.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (param, expected) in &expected {
            close(param, &dense(&gradients[param], &expected.size()), expected, 1e-5);
        }
        for (buffer, expected) in tensors(&case["buffers"]) {
            close(&buffer, module.tensor(&buffer).unwrap(), &expected, 1e-5);
        }
    }
}

#[test]
fn padding_changes_no_bit() {
    let reference = reference();
    for name in ["gru", "lstm"] {
        let module = Module::new(&network(&reference[name]), 3, Device::Cpu).unwrap();
        let found = |width| values::floats(&module.forward(&inputs(&reference, width)).unwrap()).unwrap();
        assert_eq!(found(6), found(7), "{name}");
        assert_eq!(found(6), found(40), "{name}");
    }
}

#[test]
fn empty_rows_give_zeros() {
    let network = |pool: &str| {
        let layers = serde_json::json!([
            { "name": "embed", "kind": "embedding", "units": 2 },
            { "name": "gru", "kind": "gru", "units": 3, "bidirectional": true },
            { "name": "quiet", "kind": "dropout", "rate": 0.5 },
            { "name": "pool", "kind": pool },
        ]);
        Network {
            inputs: BTreeMap::from([("text".to_owned(), Input::Sequence { vocabulary: Some(11) })]),
            layers: serde_json::from_value(layers).unwrap(),
            output: None,
            outputs: Default::default(),
            frozen: Default::default(),
            classes: vec![],
        }
    };
    for pool in ["sequence-last", "mean-pool", "max-pool"] {
        let module = Module::new(&network(pool), 3, Device::Cpu).unwrap();
        for (shape, lengths) in [([2, 2], [2, 0]), ([2, 0], [0, 0])] {
            let ids = Tensor::ones(shape, (Kind::Int64, Device::Cpu));
            let column = Column::Sequence { ids, lengths: Tensor::from_slice(&lengths.map(i64::from)) };
            let output = module.forward(&BTreeMap::from([("text".to_owned(), column)])).unwrap();
            assert_eq!(output.size(), [2, 6]);
            assert_eq!(values::floats(&output.get(1)).unwrap(), [0.0; 6], "{pool}");
            assert_eq!(output.get(0).abs().max().double_value(&[]) > 0.0, lengths[0] > 0, "{pool}");
        }
    }
}
