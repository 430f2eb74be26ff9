//! What a step is made of, against PyTorch's numbers (`steps.py` made them).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use data::{Dataset, Source, Spec, Step, Table, Transform};
use network::{Input, Network};
use nn::Module;
use plan::Progress;
use serde::Deserialize;
use serde_json::{Value, json};
use stages::{Goal, Training};
use torch::{Device, Tensor, values};
use train::{Fitted, Job, fit};

type Named = BTreeMap<String, Vec<f32>>;

#[derive(Deserialize)]
struct Reference {
    rows: Vec<(f64, f64, u32)>,
    start: Named,
    accumulated: Named,
    ema: Named,
    swa: Named,
    bfloat16: Named,
    float32: Named,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("steps.json")).unwrap()
}

fn dataset(folder: &Path, rows: &[(f64, f64, u32)]) -> Dataset {
    let mut text = "x,y,label\n".to_owned();
    rows.iter()
        .for_each(|(x, y, label)| writeln!(text, "{x},{y},{}", ["no", "yes"][*label as usize]).unwrap());
    let path = folder.join("rows.csv");
    fs::write(&path, text).unwrap();
    let source = Source::new("rows.csv");
    let table = Table::read(&path, &source).unwrap();
    let parts = data::assign(&table, &source, 1).unwrap();
    let number = || vec![Step::Number];
    let columns = BTreeMap::from([("x".into(), number()), ("y".into(), number())]);
    let spec = Spec { columns, label: Some("label".into()), ..Spec::default() };
    let transform = Transform::fit(&table, &parts, &spec).unwrap();
    transform.apply(&table, &parts, true, None).unwrap().write(folder).unwrap();
    Dataset::open(folder).unwrap()
}

fn network(batch_norm: bool) -> Network {
    let layers = json!([
        { "name": "both", "kind": "concat", "input": ["x", "y"] },
        { "name": "hidden", "kind": "dense", "units": 3, "activation": "tanh", "batch-norm": batch_norm },
        { "name": "output", "kind": "dense", "units": 1 },
    ]);
    Network {
        inputs: BTreeMap::from([("x".to_owned(), Input::Number), ("y".to_owned(), Input::Number)]),
        layers: serde_json::from_value(layers).unwrap(),
        output: None,
        outputs: Default::default(),
        frozen: Default::default(),
        classes: vec![],
    }
}

/// Trains from the reference's weights on the reference's rows; also what was told.
fn trained(training: Value, loss: Value) -> (Fitted, Vec<Progress>) {
    trained_network(&network(false), training, loss)
}

fn trained_network(network: &Network, training: Value, loss: Value) -> (Fitted, Vec<Progress>) {
    let reference = reference();
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path(), &reference.rows);
    let fresh = Module::new(network, 1, Device::Cpu).unwrap().weights().unwrap();
    // batch norms start with the same constants as PyTorch's
    let weights = fresh.into_iter().map(|(name, tensor)| match reference.start.get(&name) {
        Some(start) => (name, Tensor::from_slice(start).reshape(tensor.size())),
        None => (name, tensor),
    });
    let module = Module::with_weights(network, &weights.collect(), Device::Cpu).unwrap();
    let training: Training = serde_json::from_value(training).unwrap();
    let mut told = vec![];
    let job = Job {
        dataset: &dataset,
        stored: None,
        training: &training,
        goals: &Goal::only(serde_json::from_value(loss).unwrap()),
        seed: 5,
        checkpoint: &folder.path().join("checkpoint"),
        kept: None,
        threads: 1,
    };
    let fitted = fit(module, job, &mut |progress| {
        told.push(progress);
        ControlFlow::Continue(())
    });
    (fitted.unwrap(), told)
}

#[track_caller]
fn assert_near(found: &BTreeMap<String, Tensor>, expected: &Named, tolerance: f32) {
    for (name, expected) in expected {
        let found = values::floats(&found[name]).unwrap();
        for (one, other) in found.iter().zip(expected) {
            assert!((one - other).abs() <= tolerance, "{name}: {found:?} is not {expected:?}");
        }
    }
}

#[test]
fn accumulated_batches_are_one_batch() {
    // 10 rows: batches of 4, 4 and 2 make one step; weights make their shares uneven too
    let optimizer = json!({ "kind": "sgd", "lr": 0.5, "momentum": 0.9 });
    let weighted = json!({ "kind": "binary-cross-entropy", "class-weights": { "yes": 3.0 } });
    for batch in
        [json!({ "size": 4, "accumulate": 4 }), json!({ "size": 10 }), json!({ "size": 1, "accumulate": 10 })]
    {
        let (fitted, _) =
            trained(json!({ "epochs": 6, "batch": batch, "optimizer": optimizer }), weighted.clone());
        assert_near(&fitted.module.weights().unwrap(), &reference().accumulated, 1e-5);
    }
}

#[test]
fn averages_are_those_of_pytorch() {
    let training = |average: Value| {
        let optimizer = json!({ "kind": "sgd", "lr": 0.5, "momentum": 0.9 });
        json!({ "epochs": 6, "batch": { "size": 10 }, "optimizer": optimizer, "average": average })
    };
    let (fitted, _) =
        trained(training(json!({ "kind": "ema", "decay": 0.8 })), json!("binary-cross-entropy"));
    assert_near(&fitted.module.weights().unwrap(), &reference().ema, 1e-5);
    let swa = training(json!({ "kind": "swa", "from": 3 }));
    let (fitted, _) = trained_network(&network(true), swa, json!("binary-cross-entropy"));
    assert_near(&fitted.module.weights().unwrap(), &reference().swa, 1e-5);
}

#[test]
fn bfloat16_is_of_products_alone() {
    let optimizer = json!({ "kind": "sgd", "lr": 0.5, "momentum": 0.9 });
    let trained = |precision: &str| {
        let training =
            json!({ "epochs": 6, "batch": { "size": 10 }, "optimizer": optimizer, "precision": precision });
        trained(training, json!("binary-cross-entropy")).0.module.weights().unwrap()
    };
    let reference = reference();
    assert_near(&trained("float32"), &reference.float32, 1e-5);
    // a sum that is rounded the other way is 2^-8 off
    assert_near(&trained("bfloat16"), &reference.bfloat16, 2e-3);
    let off = |name: &str| {
        let pairs = reference.float32[name].iter().zip(&reference.bfloat16[name]);
        pairs.map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
    };
    assert!(off("hidden.weight") > 2e-3, "{}", off("hidden.weight"));
}

#[test]
fn a_cpu_takes_64_rows() {
    let of = |size: Value| {
        trained(json!({ "epochs": 1, "batch": { "size": size } }), json!("binary-cross-entropy"))
    };
    let ((auto, _), (given, _)) = (of(json!("auto")), of(json!(64)));
    assert_eq!((auto.batch_size, given.batch_size), (64, 64));
    let (auto, given) = (auto.module.weights().unwrap(), given.module.weights().unwrap());
    assert!(auto.keys().all(|name| torch::weights::bytes_equal(&auto[name], &given[name]).unwrap()));
}

#[test]
fn a_step_of_more_rows_than_there_are_is_told() {
    let warnings = |batch: Value| {
        let (_, told) = trained(json!({ "epochs": 1, "batch": batch }), json!("binary-cross-entropy"));
        let warning = |progress| if let Progress::Warning { text } = progress { Some(text) } else { None };
        told.into_iter().filter_map(warning).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings(json!({ "size": 4, "accumulate": 3 })),
        ["a step of 12 rows takes in all 10 training rows, so every epoch is a single step"]
    );
    assert!(warnings(json!({ "size": 5, "accumulate": 2 })).is_empty());
}

#[test]
fn logits_for_more_classes_than_there_are_are_told() {
    let wide = serde_json::from_value(json!({ "name": "wide", "kind": "dense", "units": 4 })).unwrap();
    let network = network(false).replace(&[wide]);
    let (_, told) = trained_network(&network, json!({ "epochs": 1 }), json!("categorical-cross-entropy"));
    let warned = |progress: &Progress| {
        let wanted = "the network ends in 4 logits for 2 classes: leave out the last layer's `units`";
        matches!(progress, Progress::Warning { text } if text == wanted)
    };
    assert_eq!(told.iter().filter(|progress| warned(progress)).count(), 1, "{told:?}");
}
