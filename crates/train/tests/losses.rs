//! Losses and their gradients against PyTorch and torchvision; `losses.py` makes the numbers.

use serde::Deserialize;
use serde_json::json;
use stages::Loss;
use torch::{Tensor, values};
use train::{Criterion, Error};

#[derive(Deserialize)]
struct Case {
    name: String,
    loss: Loss,
    classes: Vec<String>,
    counts: Vec<u64>,
    logits: Vec<f32>,
    width: usize,
    labels: Vec<u32>,
    value: f64,
    gradient: Vec<f64>,
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-6 * expected.abs().max(1.0)
}

#[test]
fn losses_and_gradients_match_pytorch() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("losses.json")).unwrap();
    for case in &cases {
        let name = format!("{} {}", case.loss.name(), case.name);
        let criterion = Criterion::new(&case.loss, case.width, &case.classes, &case.counts).unwrap();
        let logits = Tensor::from_slice(&case.logits).reshape([-1, case.width as i64]);
        let logits = logits.set_requires_grad(true);
        let labels: Vec<i64> = case.labels.iter().map(|&label| i64::from(label)).collect();
        let loss = criterion.loss(&logits, &Tensor::from_slice(&labels)).unwrap();
        loss.backward();
        let value = loss.double_value(&[]);
        assert!(near(value, case.value), "{name}: {value} is not {}", case.value);
        let gradient = values::floats(&logits.grad()).unwrap();
        for (found, expected) in gradient.iter().zip(&case.gradient) {
            assert!(near(f64::from(*found), *expected), "{name}: {gradient:?} is not {:?}", case.gradient);
        }
        let mean = criterion.mean(&case.logits, &case.labels).unwrap();
        assert!(near(mean, case.value), "{name}: {mean} is not {} over rows", case.value);
    }
}

#[test]
fn a_batch_that_weighs_nothing_has_no_loss() {
    let loss = json!({ "kind": "categorical-cross-entropy", "class-weights": { "a": 0.0 } });
    let loss: Loss = serde_json::from_value(loss).unwrap();
    let criterion = Criterion::new(&loss, 2, &["a".to_owned(), "b".to_owned()], &[1, 1]).unwrap();
    let logits = Tensor::from_slice(&[1.0_f32, 2.0]).reshape([1, 2]);
    assert_eq!(criterion.loss(&logits, &Tensor::from_slice(&[0_i64])).unwrap().double_value(&[]), 0.0);
    assert_eq!(criterion.mean(&[1.0, 2.0], &[0]), Some(0.0));
}

#[test]
fn a_weight_is_of_a_class_that_there_is() {
    let loss = json!({ "kind": "binary-cross-entropy", "class-weights": { "ham": 2.0 } });
    let loss: Loss = serde_json::from_value(loss).unwrap();
    let error = Criterion::new(&loss, 1, &["no".to_owned(), "yes".to_owned()], &[1, 1]).unwrap_err();
    assert!(matches!(&error, Error::UnknownClass { name, .. } if name == "ham"));
    assert_eq!(error.to_string(), "there is no class `ham` to weigh: the classes are no, yes");
}
