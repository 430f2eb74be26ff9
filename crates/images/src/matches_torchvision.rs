//! Transforms against torchvision's results (`tests/reference.py`).

use std::collections::BTreeMap;
use std::path::Path;

use draws::Draws;
use serde_json::Value;

use crate::affine::{rotation, scaled, warp};
use crate::size::{erased, random_part};
use crate::{Chain, Limits, Picture, Sample, Transform, colour, read};

fn stored(name: &str) -> Picture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transformed").join(format!("{name}.png"));
    read(&path, &Limits::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn reference() -> Value {
    serde_json::from_str(include_str!("../tests/reference.json")).unwrap()
}

/// What the operation of a case makes of its source.
fn result(case: &Value) -> Picture {
    let mut picture = stored(&format!("source-{}", case["source"].as_str().unwrap()));
    let (width, height) = (picture.width(), picture.height());
    let number = case["number"].as_f64().unwrap_or_default();
    match case["op"].as_str().unwrap() {
        "rotate" => return warp(&picture, &rotation(number, width, height), 17),
        "zoom" => return warp(&picture, &scaled(number, (0.0, 0.0), width, height), 17),
        "shift" => return warp(&picture, &scaled(1.0, (5.0, -3.0), width, height), 17),
        "brightness" => colour::brightness(&mut picture, number),
        "contrast" => colour::contrast(&mut picture, number),
        "saturation" => colour::saturation(&mut picture, number),
        "hue" => colour::hue(&mut picture, number),
        _ => {
            let transform: Transform = serde_json::from_value(case["transform"].clone()).unwrap();
            let chain = Chain::new(&[transform]).unwrap();
            let sample = Sample { seed: 1, epoch: 0, row: 0 };
            return chain.apply(picture, sample, "a", &Limits::default()).unwrap();
        }
    }
    picture
}

#[test]
fn transforms_are_torchvisions() {
    let cases: BTreeMap<String, Value> = serde_json::from_value(reference()["transformed"].clone()).unwrap();
    let mut far = Vec::new();
    for (name, case) in &cases {
        let (own, expected) = (result(case), stored(name));
        assert_eq!([own.width(), own.height()], [expected.width(), expected.height()], "{name}");
        assert_eq!(own.channels(), expected.channels(), "{name}");
        let apart = own.bytes().iter().zip(expected.bytes()).map(|(own, other)| own.abs_diff(*other));
        let (most, changed) = (apart.clone().max().unwrap(), apart.filter(|&apart| apart > 0).count());
        // some sizes Pillow 13 resizes rows first, columns then; we never do
        let allowed = u8::from(name.contains("20x61"));
        if most > allowed {
            far.push(format!("{name}: at most {most}, {changed} of {} differ", own.bytes().len()));
        }
    }
    assert!(far.is_empty(), "{far:#?}");
    assert_eq!(cases.len(), 89);
}

#[test]
fn numbers_are_torchvisions() {
    let chain: Vec<Transform> =
        serde_json::from_value(serde_json::json!([{"normalise": "imagenet"}])).unwrap();
    let numbers = Chain::new(&chain).unwrap().numbers(&stored("source-rgb"));
    let expected: Vec<f32> = serde_json::from_value(reference()["numbers"]["imagenet"].clone()).unwrap();
    let at = |channel: usize, y: usize, x: usize| numbers[(channel * 38 + y) * 53 + x];
    assert_eq!(vec![at(0, 0, 0), at(1, 5, 7), at(2, 37, 52)], expected);
}

/// Means and standard deviations of (top, left, height, width) over 20,000 draws each: a mean may be off by 5 of its
/// standard errors, a deviation by 4 parts in a hundred.
fn check_moments(name: &str, draw: impl Fn(&mut Draws) -> crate::size::Part) {
    let expected: [[f64; 4]; 2] = serde_json::from_value(reference()["moments"][name].clone()).unwrap();
    let count = 20_000;
    let rows: Vec<[f64; 4]> = (0..count)
        .map(|row| {
            let part = draw(&mut Draws::new(3, "moments", &[row]));
            [part.top, part.left, part.height, part.width].map(|side| side as f64)
        })
        .collect();
    for (at, (mean, std)) in expected[0].iter().zip(&expected[1]).enumerate() {
        let own = rows.iter().map(|row| row[at]).sum::<f64>() / count as f64;
        let spread = (rows.iter().map(|row| (row[at] - own).powi(2)).sum::<f64>() / count as f64).sqrt();
        let error = std * (2.0 / count as f64).sqrt();
        assert!((own - mean).abs() < 5.0 * error, "{name} {at}: mean {own}, torchvision {mean}");
        assert!((spread / std - 1.0).abs() < 0.04, "{name} {at}: deviation {spread}, torchvision {std}");
    }
}

#[test]
fn rectangles_are_distributed_as_torchvisions() {
    let chain = |text: &str| -> Transform { serde_json::from_str(text).unwrap() };
    let Transform::RandomResizedCrop(crop) = chain(r#"{"random-resized-crop": 8}"#) else {
        panic!("it is another transform")
    };
    check_moments("crop", |draws| random_part(&crop.table(), 53, 38, draws));
    let Transform::Erase(erase) = chain(r#"{"erase": 0.5}"#) else { panic!("it is another transform") };
    check_moments("erasing", |draws| erased(&erase.table(), 53, 38, draws).unwrap());
}
