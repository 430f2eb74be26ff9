//! Weights in and out, freezing, dropout.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use network::{Input, Network};
use nn::{Column, Error, Inputs, Module};
use serde_json::json;
use torch::{Device, Kind, Tensor, values};

fn network() -> Network {
    let layers = json!([
        { "name": "one", "kind": "dense", "units": 8, "batch-norm": true, "dropout": 0.5 },
        { "name": "two", "kind": "dense", "units": 8, "batch-norm": true, "dropout": 0.5 },
        { "name": "output", "kind": "dense", "units": 1 },
    ]);
    Network {
        inputs: BTreeMap::from([("x".to_owned(), Input::Number)]),
        layers: serde_json::from_value(layers).unwrap(),
        output: None,
        outputs: Default::default(),
        frozen: BTreeSet::new(),
        classes: vec![],
    }
}

fn inputs(numbers: &[f32]) -> Inputs {
    BTreeMap::from([("x".to_owned(), Column::Number(Tensor::from_slice(numbers).reshape([-1, 1])))])
}

fn bits(weights: &BTreeMap<String, Tensor>) -> BTreeMap<&str, Vec<u32>> {
    let bits = |tensor| values::floats(tensor).unwrap().into_iter().map(f32::to_bits).collect();
    weights.iter().map(|(name, tensor)| (name.as_str(), bits(tensor))).collect()
}

#[test]
fn weights_go_out_and_in_again() {
    let network = network();
    let module = Module::new(&network, 7, Device::Cpu).unwrap();
    let weights = module.weights().unwrap();
    assert_eq!(bits(&weights), bits(&Module::new(&network, 7, Device::Cpu).unwrap().weights().unwrap()));
    assert_ne!(bits(&weights), bits(&Module::new(&network, 8, Device::Cpu).unwrap().weights().unwrap()));
    let again = Module::with_weights(&network, &weights, Device::Cpu).unwrap();
    assert_eq!(bits(&weights), bits(&again.weights().unwrap()));
}

#[test]
fn weights_that_do_not_fit_are_all_named() {
    let mut weights = Module::new(&network(), 7, Device::Cpu).unwrap().weights().unwrap();
    weights.remove("one.bias");
    weights.insert("three.bias".into(), Tensor::zeros([1], (Kind::Float, Device::Cpu)));
    weights.insert("output.weight".into(), Tensor::zeros([2, 8], (Kind::Float, Device::Cpu)));
    let error = Module::with_weights(&network(), &weights, Device::Cpu).unwrap_err();
    assert!(matches!(error, Error::Weights { .. }));
    assert_eq!(
        error.to_string(),
        "the weights do not fit the network: missing one.bias; unexpected three.bias; \
         `output.weight` is [2, 8], expected [1, 8]"
    );
}

#[test]
fn a_frozen_part_is_still() {
    let mut network = network();
    let graph = network.lower().unwrap();
    let names = graph.params().map(|param| param.name.clone());
    network.frozen = names.filter(|name| name.starts_with("one.")).collect();
    let module = Module::new(&network, 7, Device::Cpu).unwrap();
    assert_eq!(module.frozen().len(), 6);
    assert!(module.trainable().iter().all(|name| !name.starts_with("one.")));

    let before = module.weights().unwrap();
    let batch = inputs(&[0.5, -1.0, 2.0, 3.0]);
    let pass = module.train(&batch, 1).unwrap();
    let gradients = module.gradients(&pass, &pass.output.mean(Kind::Float)).unwrap();
    assert_eq!(gradients.keys().map(String::as_str).collect::<Vec<_>>(), module.trainable());
    let after = module.weights().unwrap();
    for (name, bits_before) in bits(&before) {
        let still = !name.starts_with("two.batch_norm.running");
        assert_eq!(bits(&after)[name] == bits_before, still, "{name}");
    }
}

#[test]
fn dropout_is_a_function_of_seed_and_node() {
    let module = Module::new(&network(), 7, Device::Cpu).unwrap();
    let batch = inputs(&[0.5, -1.0, 2.0, 3.0]);
    let train = |seed| values::floats(&module.train(&batch, seed).unwrap().output).unwrap();
    assert_eq!(train(1), train(1));
    assert_ne!(train(1), train(2));
    let eval = || values::floats(&module.forward(&batch).unwrap()).unwrap();
    assert_eq!(eval(), eval());
}

#[test]
fn one_row_is_normalised_by_the_running_statistics() {
    let module = Module::new(&network(), 7, Device::Cpu).unwrap();
    let before = module.weights().unwrap();
    assert!(values::floats(&module.train(&inputs(&[1.0]), 1).unwrap().output).unwrap()[0].is_finite());
    assert_eq!(bits(&before), bits(&module.weights().unwrap()));
}

#[test]
fn gathered_statistics_are_the_mean_over_passes() {
    let mut network = network();
    network.layers = serde_json::from_value(json!([{ "name": "norm", "kind": "batch-norm" }])).unwrap();
    let module = Module::new(&network, 7, Device::Cpu).unwrap();
    assert!(module.moves_statistics());
    for (nth, numbers) in (1..).zip([[1.0, 3.0], [10.0, 30.0], [7.0, 7.0]]) {
        module.gather_statistics(&inputs(&numbers), 1, nth).unwrap();
    }
    // by hand: means 2, 20 and 7; unbiased variances 2, 200 and 0
    let weights = module.weights().unwrap();
    for (name, expected) in [("norm.running_mean", 29.0 / 3.0), ("norm.running_var", 202.0 / 3.0)] {
        let found = values::floats(&weights[name]).unwrap()[0];
        assert!((found - expected).abs() < 1e-4, "{name}: {found}");
    }
}

#[test]
fn what_a_batch_lacks_is_named() {
    let module = Module::new(&network(), 7, Device::Cpu).unwrap();
    let error = module.forward(&Inputs::new()).unwrap_err();
    assert_eq!(error.to_string(), "the batch has no number column `x`");
    assert_eq!(
        module.forward_node(&inputs(&[1.0]), "tow").unwrap_err().to_string(),
        "the network has no node `tow`"
    );
    assert_eq!(module.forward_node(&inputs(&[1.0]), "one").unwrap().size(), [1, 8]);
}

#[test]
fn a_given_node_is_not_computed() {
    let module = Module::new(&network(), 7, Device::Cpu).unwrap();
    let batch = inputs(&[0.5, -1.0, 2.0, 3.0]);
    let names = ["one".to_owned(), "output".to_owned()];
    let mut found = module.forward_nodes(&batch, &names).unwrap().into_iter();
    let (Some(one), Some(Column::Values { values: output, .. })) = (found.next(), found.next()) else {
        panic!("values of both nodes");
    };
    // Without the data column: nothing before the node is looked at.
    let given = Inputs::from([("one.dropout".to_owned(), one)]);
    let again = module.forward(&given).unwrap();
    assert_eq!(values::floats(&again).unwrap(), values::floats(&output).unwrap());
    assert_eq!(module.forward(&Inputs::new()).unwrap_err().to_string(), "the batch has no number column `x`");
}
