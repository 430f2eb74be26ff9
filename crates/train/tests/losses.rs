//! Losses and their gradients against PyTorch and torchvision; `losses.py` makes the numbers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use data::{Labels, Tags, Words};
use serde::Deserialize;
use serde_json::json;
use stages::{Loss, Target};
use torch::{Kind, Tensor, values};
use train::{Criterion, Error};

#[derive(Deserialize)]
struct Case {
    name: String,
    loss: Loss,
    classes: Vec<String>,
    counts: Vec<u64>,
    logits: Vec<f32>,
    width: usize,
    labels: serde_json::Value,
    #[serde(default)]
    unit: Option<f64>,
    #[serde(default)]
    weights: Option<Vec<f32>>,
    value: f64,
    gradient: Vec<f64>,
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 2e-6 * expected.abs().max(1.0)
}

impl Case {
    fn labels(&self) -> Labels {
        let values = self.labels.clone();
        match (self.loss.target(self.width), self.labels[0].is_array()) {
            (Target::Number, _) => Labels::Number(serde_json::from_value(values).unwrap()),
            (Target::Tags, _) => {
                Labels::Tags(tags(&serde_json::from_value::<Vec<Vec<i32>>>(values).unwrap()))
            }
            (_, false) => Labels::Class(serde_json::from_value(values).unwrap()),
            (_, true) => {
                let flags: Vec<Vec<u8>> = serde_json::from_value(values).unwrap();
                Labels::MultiLabel { width: self.width, flags: flags.concat() }
            }
        }
    }
}

/// Tags of words, given those of all steps: a step of -100 stands for no word.
fn tags(texts: &[Vec<i32>]) -> Tags {
    let mut tags = Tags { words: Words { offsets: vec![0], steps: vec![] }, tags: vec![] };
    for text in texts {
        for (step, tag) in (0..).zip(text).filter(|(_, tag)| **tag != -100) {
            tags.words.steps.push(Some(step));
            tags.tags.push(*tag);
        }
        tags.words.offsets.push(tags.tags.len());
    }
    tags
}

/// Labels as a loss takes them.
fn truth(labels: &Labels) -> Tensor {
    match labels {
        Labels::Class(classes) => Tensor::from_slice(classes).to_kind(Kind::Int64),
        Labels::MultiLabel { width, flags } => {
            Tensor::from_slice(flags).reshape([-1, *width as i64]).to_kind(Kind::Float)
        }
        Labels::Number(numbers) => Tensor::from_slice(numbers),
        Labels::Tags(tags) => Tensor::from_slice(&tags.tags).to_kind(Kind::Int64),
    }
}

/// Values as a loss takes them: of tags those of the steps that stand for words.
fn said(logits: &Tensor, labels: &Labels, steps: usize) -> Tensor {
    let Labels::Tags(tags) = labels else { return logits.shallow_clone() };
    let standing = tags.words.standing();
    let places: Vec<i64> = standing.map(|(row, _, step)| (row * steps) as i64 + i64::from(step)).collect();
    logits.index_select(0, &Tensor::from_slice(&places))
}

#[test]
fn losses_and_gradients_match_pytorch() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("losses.json")).unwrap();
    for case in &cases {
        let name = format!("{} {}", case.loss.name(), case.name);
        let criterion = Criterion::new(&case.loss, case.width, &case.classes, &case.counts).unwrap();
        let criterion = criterion.in_units(case.unit.unwrap_or(1.0));
        let logits = Tensor::from_slice(&case.logits).reshape([-1, case.width as i64]);
        let logits = logits.set_requires_grad(true);
        let labels = case.labels();
        let weights = case.weights.as_ref().map(|weights| Tensor::from_slice(weights));
        let steps = case.labels[0].as_array().map_or(1, Vec::len);
        let said = said(&logits, &labels, steps);
        let loss = criterion.loss(&said, &truth(&labels), weights.as_ref()).unwrap();
        loss.backward();
        let value = loss.double_value(&[]);
        assert!(near(value, case.value), "{name}: {value} is not {}", case.value);
        let gradient = values::floats(&logits.grad()).unwrap();
        for (found, expected) in gradient.iter().zip(&case.gradient) {
            assert!(near(f64::from(*found), *expected), "{name}: {gradient:?} is not {:?}", case.gradient);
        }
        let said = values::floats(&said.detach()).unwrap();
        let mean = criterion.mean(&said, &labels, case.weights.as_deref()).unwrap();
        assert!(near(mean, case.value), "{name}: {mean} is not {} over rows", case.value);
    }
}

#[test]
fn a_batch_that_weighs_nothing_has_no_loss() {
    let loss = json!({ "kind": "categorical-cross-entropy", "class-weights": { "a": 0.0 } });
    let loss: Loss = serde_json::from_value(loss).unwrap();
    let criterion = Criterion::new(&loss, 2, &["a".to_owned(), "b".to_owned()], &[1, 1]).unwrap();
    let logits = Tensor::from_slice(&[1.0_f32, 2.0]).reshape([1, 2]);
    assert_eq!(criterion.loss(&logits, &Tensor::from_slice(&[0_i64]), None).unwrap().double_value(&[]), 0.0);
    assert_eq!(criterion.mean(&[1.0, 2.0], &Labels::Class(vec![0]), None), Some(0.0));
}

#[test]
fn a_batch_without_words_has_no_loss() {
    let loss: Loss = serde_json::from_value(json!("tokenwise-cross-entropy")).unwrap();
    let criterion = Criterion::new(&loss, 2, &["B".to_owned(), "O".to_owned()], &[1, 1]).unwrap();
    let logits = Tensor::from_slice(&[1.0_f32, 2.0]).reshape([1, 2]).set_requires_grad(true);
    let none = Tensor::from_slice::<i64>(&[]);
    let loss = criterion.loss(&logits.index_select(0, &none), &none, None).unwrap();
    loss.backward();
    assert_eq!(loss.double_value(&[]), 0.0);
    assert_eq!(values::floats(&logits.grad()).unwrap(), [0.0, 0.0]);
    assert_eq!(criterion.mean(&[], &Labels::Tags(Tags::default()), None), None);
}

#[test]
fn a_weight_is_of_a_class_that_there_is() {
    let loss = json!({ "kind": "binary-cross-entropy", "class-weights": { "ham": 2.0 } });
    let loss: Loss = serde_json::from_value(loss).unwrap();
    let error = Criterion::new(&loss, 1, &["no".to_owned(), "yes".to_owned()], &[1, 1]).unwrap_err();
    assert!(matches!(&error, Error::UnknownClass(unknown) if unknown.name == "ham"));
    assert_eq!(error.to_string(), "there is no class `ham` to weigh: the classes are no, yes");
}
