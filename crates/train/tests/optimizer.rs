//! Optimisers against torch.optim's numbers (`reference.py` made them).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use network::{Input, Network};
use nn::{Column, Gradient, Module, RowGradient};
use serde_json::{Value, json};
use stages::{Target, Training};
use torch::{Device, Kind, Tensor, values};
use train::{Criterion, Optimizer};

fn reference() -> Value {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

const ROWS: usize = 6;
const UNITS: usize = 3;

/// A table `[6, 3]` and a bias `[4]`, as the reference starts them.
fn module() -> Module {
    let layers = json!([
        { "name": "embed", "kind": "embedding", "units": UNITS },
        { "name": "dense", "kind": "dense", "units": 4 },
    ]);
    let network = Network {
        inputs: BTreeMap::from([("word".to_owned(), Input::Category { categories: Some(ROWS) })]),
        layers: serde_json::from_value(layers).unwrap(),
        output: None,
        outputs: Default::default(),
        frozen: ["dense.weight".to_owned()].into(),
        classes: vec![],
    };
    let cosines = |from: usize, count: usize| {
        let values: Vec<f32> = (from..from + count).map(|at| (at as f64).cos() as f32).collect();
        Tensor::from_slice(&values)
    };
    let weights = BTreeMap::from([
        ("embed.weight".to_owned(), cosines(0, ROWS * UNITS).reshape([ROWS as i64, UNITS as i64])),
        ("dense.weight".to_owned(), Tensor::zeros([4, UNITS as i64], (Kind::Float, Device::Cpu))),
        ("dense.bias".to_owned(), cosines(100, 4)),
    ]);
    Module::with_weights(&network, &weights, Device::Cpu).unwrap()
}

fn gradients(step: usize) -> BTreeMap<String, Gradient> {
    let rows: Vec<u32> =
        (0..ROWS - 1).filter(|row| step.is_multiple_of(row + 2)).map(|row| row as u32).collect();
    let sine = |at: f64| at.sin() as f32;
    let values = rows
        .iter()
        .flat_map(|&row| (0..UNITS).map(move |unit| sine((step + row as usize * UNITS + unit) as f64)))
        .collect();
    let dense: Vec<f32> = (0..4).map(|at| sine(step as f64 * 0.1 + at as f64)).collect();
    BTreeMap::from([
        ("embed.weight".to_owned(), Gradient::Rows(RowGradient { rows, values, units: UNITS })),
        ("dense.bias".to_owned(), Gradient::Dense(Tensor::from_slice(&dense))),
    ])
}

/// Every case of the reference: its name and settings.
fn cases() -> Vec<(String, stages::Optimizer)> {
    let reference = reference();
    let cases = reference["optimizers"].as_object().unwrap().iter();
    cases
        .map(|(name, case)| (name.clone(), serde_json::from_value(case["settings"].clone()).unwrap()))
        .collect()
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    values::floats(tensor).unwrap().into_iter().map(f32::to_bits).collect()
}

#[test]
fn optimizers_match_pytorch() {
    let reference = reference();
    for (name, settings) in cases() {
        let expected = &reference["optimizers"][&name];
        let module = module();
        let mut optimizer = Optimizer::new(&settings, &module, 2).unwrap();
        for step in 0..100 {
            optimizer.step(&module, &gradients(step)).unwrap();
        }
        optimizer.settle(&module).unwrap();
        for (param, key) in [("embed.weight", "table"), ("dense.bias", "dense")] {
            let found = values::floats(module.tensor(param).unwrap()).unwrap();
            for (found, expected) in found.iter().zip(numbers::<f32>(&expected[key])) {
                assert!((found - expected).abs() < 1e-5, "{name} {param}: {found} is not {expected}");
            }
        }
    }
}

#[test]
fn groups_of_parameters_match_pytorch() {
    let training: Training = serde_json::from_value(json!({
        "epochs": 2,
        "optimizer": { "kind": "adamw", "lr": 1e-2, "weight-decay": 0.1 },
        "rates": [{ "layers": "embed", "scale": 0.2 }],
        "no-decay": ["bias"],
        "unfreeze": [{ "epoch": 1, "layers": "dense" }, { "epoch": 2, "layers": "embed" }],
    }))
    .unwrap();
    let module = module();
    let moves = training.moves(module.graph(), &module.network().frozen, 1e-2).unwrap();
    let mut optimizer = Optimizer::by_parameter(&training.optimizer, &moves, &module, 2).unwrap();
    for step in 0..100 {
        let mut gradients = gradients(step);
        if step < 40 {
            gradients.remove("embed.weight");
        }
        optimizer.set_rates(|lr| lr * 0.5_f64.powi(step as i32 / 30));
        optimizer.step(&module, &gradients).unwrap();
    }
    optimizer.settle(&module).unwrap();
    let expected = &reference()["groups"];
    for (param, key) in [("embed.weight", "table"), ("dense.bias", "dense")] {
        let found = values::floats(module.tensor(param).unwrap()).unwrap();
        for (found, expected) in found.iter().zip(numbers::<f32>(&expected[key])) {
            assert!((found - expected).abs() < 1e-6, "{param}: {found} is not {expected}");
        }
    }

    // the state of both groups goes out and in again, step by step
    let state = optimizer.state().unwrap();
    assert_eq!(values::int64s(&state["step"]).unwrap(), [100, 60]);
    let mut again = Optimizer::by_parameter(&training.optimizer, &moves, &module, 1).unwrap();
    again.restore(&state).unwrap();
    assert_eq!(values::int64s(&again.state().unwrap()["step"]).unwrap(), [100, 60]);
}

/// A tensor of the networks' reference.
fn tensor(value: &Value) -> Tensor {
    Tensor::from_slice(&numbers::<f32>(&value["values"])).reshape(numbers::<i64>(&value["shape"]))
}

#[test]
fn five_steps_of_whole_networks_match_pytorch() {
    let reference: Value = serde_json::from_str(include_str!("../../nn/tests/reference.json")).unwrap();
    let ids: Vec<Vec<i64>> = serde_json::from_value(reference["ids"].clone()).unwrap();
    let ids = ids.concat();
    let lengths = Tensor::from_slice(&numbers::<i64>(&reference["lengths"]));
    let settings = json!({ "kind": "adam", "lr": 1e-2, "weight-decay": 1e-2 });
    let settings: stages::Optimizer = serde_json::from_value(settings).unwrap();
    for (name, target) in [("gru", Target::Binary), ("lstm", Target::Multiclass)] {
        let case = &reference[name];
        let tensors = |value: &Value| -> BTreeMap<String, Tensor> {
            value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), tensor(value))).collect()
        };
        let network = Network {
            inputs: BTreeMap::from([("text".to_owned(), Input::Sequence { vocabulary: Some(11) })]),
            layers: serde_json::from_value(case["layers"].clone()).unwrap(),
            output: None,
            outputs: Default::default(),
            frozen: Default::default(),
            classes: vec![],
        };
        let module = Module::with_weights(&network, &tensors(&case["weights"]), Device::Cpu).unwrap();
        let mut optimizer = Optimizer::new(&settings, &module, 2).unwrap();
        let labels = Tensor::from_slice(&numbers::<i64>(&case["labels"]));
        let column = Column::Sequence {
            ids: Tensor::from_slice(&ids).reshape([5, -1]),
            lengths: lengths.shallow_clone(),
        };
        let inputs = BTreeMap::from([("text".to_owned(), column)]);
        for step in 0..5 {
            optimizer.catch_up(&module, "embed.weight", &ids).unwrap();
            let pass = module.train(&inputs, step).unwrap();
            let loss = Criterion::plain(target).loss(&pass.output, &labels, None).unwrap();
            optimizer.step(&module, &module.gradients(&pass, &loss).unwrap()).unwrap();
        }
        optimizer.settle(&module).unwrap();
        for (param, expected) in tensors(&case["after_adam"]) {
            let off = (module.tensor(&param).unwrap().detach() - expected).abs().max().double_value(&[]);
            assert!(off < 1e-5, "{name} {param}: off by {off}");
        }
    }
}

#[test]
fn lagging_rows_change_no_bit() {
    for (name, settings) in cases() {
        let run = |settle_each_step: bool| {
            let module = module();
            let mut optimizer = Optimizer::new(&settings, &module, 1).unwrap();
            for step in 0..30 {
                optimizer.catch_up(&module, "embed.weight", &[3, step % 6]).unwrap();
                optimizer.step(&module, &gradients(step as usize)).unwrap();
                if settle_each_step {
                    optimizer.settle(&module).unwrap();
                }
            }
            optimizer.settle(&module).unwrap();
            let state = optimizer.state().unwrap();
            let state: BTreeMap<_, _> = state
                .into_iter()
                .filter(|(name, _)| name != "step")
                .map(|(name, tensor)| (name, bits(&tensor)))
                .collect();
            (bits(module.tensor("embed.weight").unwrap()), state)
        };
        assert_eq!(run(true), run(false), "{name}");
    }
}

#[test]
fn state_goes_out_and_in_again() {
    for (name, settings) in cases() {
        let whole = module();
        let mut optimizer = Optimizer::new(&settings, &whole, 1).unwrap();
        (0..20).for_each(|step| optimizer.step(&whole, &gradients(step)).unwrap());
        optimizer.settle(&whole).unwrap();

        let first = module();
        let mut optimizer = Optimizer::new(&settings, &first, 1).unwrap();
        (0..10).for_each(|step| optimizer.step(&first, &gradients(step)).unwrap());
        optimizer.settle(&first).unwrap();
        let state = optimizer.state().unwrap();
        let second = Module::with_weights(first.network(), &first.weights().unwrap(), Device::Cpu).unwrap();
        let mut optimizer = Optimizer::new(&settings, &second, 1).unwrap();
        optimizer.restore(&state).unwrap();
        (10..20).for_each(|step| optimizer.step(&second, &gradients(step)).unwrap());
        optimizer.settle(&second).unwrap();
        for param in ["embed.weight", "dense.bias"] {
            assert_eq!(bits(whole.tensor(param).unwrap()), bits(second.tensor(param).unwrap()), "{name}");
        }
        let mut other = state;
        other.remove("step");
        assert!(optimizer.restore(&other).is_err());
    }
}

#[test]
fn settings_that_move_nothing_are_refused() {
    for (settings, message) in [
        (json!({ "kind": "adam", "lr": 0.0 }), "lr: with this learning rate nothing can move"),
        (
            json!({ "kind": "sgd", "lr": 1.0, "nesterov": true }),
            "nesterov: Nesterov's momentum needs a momentum above 0 and no dampening",
        ),
        (
            json!({ "kind": "lion", "lr": 1.0, "betas": [0.9, 1.0] }),
            "betas: both betas must be at least 0 and below 1",
        ),
    ] {
        let settings: stages::Optimizer = serde_json::from_value(settings).unwrap();
        let error = Optimizer::new(&settings, &module(), 1).err().unwrap();
        assert_eq!(error.to_string(), message);
    }
}
