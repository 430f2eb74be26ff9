//! Files that PyTorch wrote (`reference.py`), against what `torch.load` reads.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use weights::{Dtype, Format, Limits, Options, Reason, Tensor, Weights};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)
}

fn open(name: &str) -> Weights {
    Weights::open(&file(name), &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn error(name: &str, options: &Options) -> String {
    let error = Weights::open(&file(name), options).unwrap_err();
    assert!(error.to_string().contains(name), "{error}");
    error.reason.to_string()
}

/// The elements as numbers.
fn numbers(tensor: Tensor<'_>) -> Vec<f64> {
    let bytes = tensor.bytes();
    assert_eq!(bytes.len(), tensor.size());
    let half = |bits: u16| {
        let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        let size = if exponent == 0 {
            fraction * 2f64.powi(-24)
        } else {
            (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15)
        };
        if sign == 1 { -size } else { size }
    };
    let number = |item: &[u8]| match tensor.dtype() {
        Dtype::Bool | Dtype::U8 => f64::from(item[0]),
        Dtype::I8 => f64::from(item[0] as i8),
        Dtype::U16 => f64::from(u16::from_le_bytes(item.try_into().unwrap())),
        Dtype::I16 => f64::from(i16::from_le_bytes(item.try_into().unwrap())),
        Dtype::U32 => f64::from(u32::from_le_bytes(item.try_into().unwrap())),
        Dtype::I32 => f64::from(i32::from_le_bytes(item.try_into().unwrap())),
        Dtype::I64 => i64::from_le_bytes(item.try_into().unwrap()) as f64,
        Dtype::F16 => half(u16::from_le_bytes(item.try_into().unwrap())),
        Dtype::BF16 => {
            f64::from(f32::from_bits(u32::from(u16::from_le_bytes(item.try_into().unwrap())) << 16))
        }
        Dtype::F32 => f64::from(f32::from_le_bytes(item.try_into().unwrap())),
        Dtype::F64 => f64::from_le_bytes(item.try_into().unwrap()),
        other => panic!("{other:?}"),
    };
    bytes.chunks_exact(tensor.dtype().size()).map(number).collect()
}

fn torch_name(dtype: Dtype) -> String {
    match dtype.name().split_at(1) {
        _ if matches!(dtype, Dtype::Bool) => "bool".to_owned(),
        _ if matches!(dtype, Dtype::BF16) => "bfloat16".to_owned(),
        ("f", bits) => format!("float{bits}"),
        ("i", bits) => format!("int{bits}"),
        ("u", bits) => format!("uint{bits}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_torch_saves_is_read_as_torch_loads_it() {
    let reference: Map<String, Value> = serde_json::from_str(include_str!("reference.json")).unwrap();
    for (name, expected) in &reference {
        let weights = open(name);
        let expected = expected.as_object().unwrap();
        let mut names: Vec<&String> = expected.keys().collect();
        names.sort();
        assert_eq!(weights.iter().map(|(name, _)| name).collect::<Vec<_>>(), names, "{name}");
        for (key, tensor) in weights.iter() {
            let expected = &expected[key];
            assert_eq!(expected["dtype"], torch_name(tensor.dtype()), "{name}: {key}");
            assert_eq!(expected["shape"], serde_json::json!(tensor.shape()), "{name}: {key}");
            assert_eq!(expected["values"], serde_json::json!(numbers(tensor)), "{name}: {key}");
        }
    }
    assert_eq!(reference.len(), 15);
}

#[test]
fn tensors_that_lie_in_order_are_not_copied() {
    let borrowed = |weights: &Weights, name: &str| {
        matches!(weights.get(name).unwrap().bytes(), std::borrow::Cow::Borrowed(_))
    };
    for name in ["views-zip.pth", "views-legacy.pth"] {
        let weights = open(name);
        assert!(["whole", "rows", "one"].iter().all(|name| borrowed(&weights, name)));
        assert!(
            ["transposed", "columns", "stepped", "broadcast"].iter().all(|name| !borrowed(&weights, name))
        );
    }
    let weights = open("net-zip.pth");
    assert_eq!(weights.format(), Format::TorchZip);
    assert_eq!(weights.get("fc.weight").unwrap().bytes().as_ptr().align_offset(64), 0);
    assert_eq!(open("net-legacy.pth").format(), Format::TorchLegacy);
}

#[test]
fn what_is_no_tensor_is_refused_by_name() {
    for name in ["evil-zip.pth", "evil-legacy.pth"] {
        let error = Weights::open(&file(name), &Options::default()).unwrap_err();
        assert!(matches!(&error.reason, Reason::Forbidden(name) if name == "posix.system"), "{error}");
    }
    for (name, asked) in
        [("namespace.pth", "argparse.Namespace"), ("module.pth", "torch.nn.modules.linear.Linear")]
    {
        assert!(error(name, &Options::default()).starts_with(&format!("it asks for `{asked}`")));
    }
}

#[test]
fn the_entry_with_the_weights_can_be_named() {
    let at = |root: &str| Options { root: Some(root.to_owned()), ..Options::default() };
    let whole = Weights::open(&file("checkpoint-zip.pth"), &at("")).unwrap();
    assert!(whole.get("best_prec1").is_some() && whole.get("state_dict.module.fc.bias").is_some());
    let decoder = Weights::open(&file("nested-zip.pth"), &at("decoder")).unwrap();
    assert_eq!(decoder.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["layers.0", "layers.2", "w"]);
    assert_eq!(
        error("checkpoint-zip.pth", &at("ema")),
        "it has no entry `ema`; at the top are `epoch`, `arch`, `state_dict`, `best_prec1`, `optimizer`, `scheduler`"
    );
    assert_eq!(
        error("no-tensors.pth", &Options::default()),
        "it holds no tensors: at the top are `epoch`, `name`"
    );
}

#[test]
fn limits_are_said() {
    let with = |limits| Options { limits, ..Options::default() };
    let check = |name, limits, expected| assert_eq!(error(name, &with(limits)), expected);
    let default = Limits::default();
    check(
        "bomb.pth",
        Limits { copied: 1 << 19, ..default },
        "it asks for more than 524288 bytes of compressed tensors",
    );
    check(
        "views-zip.pth",
        Limits { copied: 100, ..default },
        "it asks for more than 100 bytes of views to copy",
    );
    check("net-zip.pth", Limits { tensors: 5, ..default }, "it asks for more than 5 tensors");
    check("net-zip.pth", Limits { values: 50, ..default }, "it asks for more than 50 values in its pickle");
    check("net-zip.pth", Limits { name: 8, ..default }, "it asks for more than 8 bytes in a tensor's name");
    check(
        "net-zip.pth",
        Limits { dimensions: 3, ..default },
        "it asks for more than 3 dimensions in a tensor",
    );
    check(
        "nested-zip.pth",
        Limits { depth: 1, ..default },
        "it asks for more than 1 containers within containers",
    );
}

#[test]
fn what_is_no_weight_file_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let check = |content: &[u8], expected: &str| {
        let path = folder.path().join("weights.pth");
        std::fs::write(&path, content).unwrap();
        let error = Weights::open(&path, &Options::default()).unwrap_err();
        assert_eq!(error.reason.to_string(), expected);
    };
    let unknown = "no weight file: it starts as neither safetensors nor a file of `torch.save` does";
    check(b"", unknown);
    check(b"<html>", unknown);
    check(b"\x80\x02}q\x00.", unknown);
    check(b"\x02\0\0\0\0\0\0\0{}", "it holds no tensors");
    let missing = Weights::open(&folder.path().join("none.pth"), &Options::default()).unwrap_err();
    assert!(matches!(missing.reason, Reason::Io(_)));
    assert!(Weights::open(folder.path(), &Options::default()).is_err());
}

#[test]
fn cut_files_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let cut = |name: &str, share: f64| {
        let bytes = std::fs::read(file(name)).unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes[..(bytes.len() as f64 * share) as usize]).unwrap();
        let error = Weights::open(&path, &Options::default()).unwrap_err();
        error.to_string().replace(&folder.path().display().to_string(), "")
    };
    let archive = "/net-zip.pth: the file is damaged: the list of its entries, at its end, cannot be read";
    assert!(cut("net-zip.pth", 0.6).starts_with(archive), "{}", cut("net-zip.pth", 0.6));
    let legacy = "/net-legacy.pth: the file is damaged: it ends within ";
    assert!(cut("net-legacy.pth", 0.6).starts_with(legacy), "{}", cut("net-legacy.pth", 0.6));
}

/// A file with one tensor, `w`: the header of the format's specification, then the bytes.
fn safetensors(dtype: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let end = bytes.len();
    let header = format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}"#);
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), bytes].concat()
}

#[test]
fn safetensors_are_read_by_the_same_view() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let read = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        Weights::open(&path, &Options::default()).map_err(|error| error.reason.to_string())
    };
    let values: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let whole = safetensors("F32", "[2,1]", &values);
    let weights = read(&whole).unwrap();
    assert_eq!((weights.format(), weights.len()), (Format::Safetensors, 1));
    let tensor = weights.get("w").unwrap();
    assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::F32, [2, 1].as_slice()));
    assert_eq!(numbers(tensor), [1.5, -2.0]);
    let damaged = |content: &[u8]| {
        let reason = read(content).unwrap_err();
        assert!(reason.starts_with("the file is damaged: "), "{reason}");
    };
    for end in 9..whole.len() {
        damaged(&whole[..end]);
    }
    damaged(&safetensors("F32", "[3]", &values));
    damaged(&safetensors("F32", "[18446744073709551615,2]", &values));
    assert_eq!(read(&safetensors("F8_E8M0", "[8]", &values)).unwrap_err(), "tensor \"w\" has type F8_E8M0");
}
