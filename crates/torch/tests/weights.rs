//! Canonical weight files.

use std::collections::BTreeMap;
use std::fs;

use torch::{Device, Error, Kind, Tensor, weights};

fn sample() -> BTreeMap<String, Tensor> {
    let column =
        Tensor::from_slice(&[1.5_f32, f32::NAN, -0.0, 4.0, 5.0, 6.0]).reshape([3, 2]).transpose(0, 1);
    BTreeMap::from([
        ("layer.weight".to_owned(), column.set_requires_grad(true)),
        ("layer.empty".to_owned(), Tensor::zeros([0, 4], (Kind::Float, Device::Cpu))),
        ("steps".to_owned(), Tensor::from(7_i64)),
        ("mask".to_owned(), Tensor::from_slice(&[true, false])),
        ("half".to_owned(), Tensor::from_slice(&[0.5_f32]).to_kind(Kind::Half)),
        ("double".to_owned(), Tensor::from_slice(&[0.1_f64])),
    ])
}

#[test]
fn tensors_come_back_bit_by_bit_and_bytes_repeat() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("a"), directory.path().join("b"));
    let tensors = sample();
    weights::save(&first, &tensors).unwrap();
    let loaded = weights::load(&first, Device::Cpu).unwrap();
    assert!(tensors.keys().eq(loaded.keys()));
    for (name, tensor) in &tensors {
        assert!(weights::bytes_equal(tensor, &loaded[name]).unwrap(), "{name}");
    }
    weights::save(&second, &loaded).unwrap();
    assert_eq!(fs::read(first).unwrap(), fs::read(second).unwrap());
}

#[test]
fn equality_is_of_bits() {
    let zero = Tensor::from_slice(&[0.0_f32]);
    assert!(!weights::bytes_equal(&zero, &Tensor::from_slice(&[-0.0_f32])).unwrap());
    assert!(!weights::bytes_equal(&zero, &Tensor::from_slice(&[0_i32])).unwrap());
    assert!(!weights::bytes_equal(&zero, &zero.reshape([1, 1])).unwrap());
    let nan = Tensor::from_slice(&[f32::NAN]);
    assert!(weights::bytes_equal(&nan, &nan.copy()).unwrap());
}

#[test]
fn broken_files_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weights.safetensors");
    assert!(matches!(weights::load(&path, Device::Cpu), Err(Error::Io { .. })));
    weights::save(&path, &sample()).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 7, 8, 40, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(weights::load(&path, Device::Cpu), Err(Error::Format { .. })), "{length} bytes");
    }
    fs::write(&path, b"PK\x03\x04 this is some other kind of file").unwrap();
    assert!(matches!(weights::load(&path, Device::Cpu), Err(Error::Format { .. })));
}

#[test]
fn a_kind_that_the_format_lacks_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let complex = Tensor::zeros([1], (Kind::ComplexFloat, Device::Cpu));
    let tensors = BTreeMap::from([("phase".to_owned(), complex)]);
    let error = weights::save(&directory.path().join("x"), &tensors).unwrap_err();
    assert_eq!(error.to_string(), "tensor `phase` has kind ComplexFloat, which safetensors cannot hold");
}
