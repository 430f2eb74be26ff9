//! Every backbone against torchvision (`backbones.py` made the numbers): parameters by name and shape, and logits for
//! weights and pictures that a formula makes on both sides.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use network::{Graph, Network, Shape};
use nn::{Column, Inputs, Module};
use plan::ArtifactKind;
use recipe::{Options, compile_text};
use serde_json::Value;
use stages::Fact;
use torch::{Device, Tensor, values};

use crate::session::Session;

fn reference() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("backbones.json")).unwrap()
}

fn network(keys: &str) -> Network {
    let text = format!("[stages.body]\nkind = \"load-network\"\n[stages.body.network]\n{keys}\n");
    let compiled = compile_text(Path::new("backbones.toml"), text, &Options::default()).unwrap();
    let facts = &compiled.facts["body"];
    match facts.iter().find(|(_, fact)| fact.kind() == ArtifactKind::Network) {
        Some((_, Fact::Network(fact))) => fact.network.clone().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// FNV-1a, 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |found, byte| {
        (found ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Values in [-1, 1): `SplitMix64` of the name's hash plus the index, its upper 24 bits.
fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let start = fnv(name);
    (1..=count as u64).map(move |at| {
        let mut z = start.wrapping_add(at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

/// Matrices and kernels as He et al. 2015 draw them, all else near where it starts.
fn weights(graph: &Graph) -> BTreeMap<String, Tensor> {
    let mut weights = BTreeMap::new();
    for param in graph.params() {
        let shape: Vec<i64> = param.shape.iter().map(|dim| dim.size().unwrap() as i64).collect();
        let (name, count) = (param.name.as_str(), shape.iter().product::<i64>() as usize);
        let near_one = name.ends_with("running_var") || shape.len() == 1 && name.ends_with("weight");
        let (centre, scale) = if near_one {
            (1.0, 0.25)
        } else if shape.len() == 1 || name.ends_with("layer_scale") {
            (0.0, 0.25)
        } else {
            (0.0, (6.0 / shape[1..].iter().product::<i64>() as f64).sqrt())
        };
        let values: Vec<f32> = uniform(name, count).map(|draw| (centre + scale * draw) as f32).collect();
        weights.insert(param.name.clone(), Tensor::from_slice(&values).reshape(shape));
    }
    weights
}

fn pictures(size: usize) -> Inputs {
    let values: Vec<f32> = uniform("pictures", 2 * 3 * size * size).map(|draw| draw as f32).collect();
    let pictures = Tensor::from_slice(&values).reshape([2, 3, size as i64, size as i64]);
    BTreeMap::from([("image".to_owned(), Column::Number(pictures))])
}

#[test]
fn backbones_have_the_parameters_of_torchvision() {
    for (name, case) in reference() {
        let graph = network(&format!("backbone = \"{name}\"")).lower().unwrap();
        let mut lines: Vec<String> =
            graph.params().map(|param| format!("{} {}\n", param.name, Shape(param.shape.clone()))).collect();
        lines.sort();
        let trained = graph.params().filter(|param| !param.buffer);
        let sizes = trained.map(|param| param.shape.iter().map(|dim| dim.size().unwrap()).product::<usize>());
        assert_eq!(Value::from(sizes.sum::<usize>()), case["parameters"], "{name}");
        assert_eq!(Value::from(lines.len()), case["tensors"], "{name}");
        assert_eq!(Value::from(format!("{:016x}", fnv(&lines.concat()))), case["names"], "{name}");
    }
}

#[test]
fn backbones_have_the_logits_of_torchvision() {
    let mut wrong = String::new();
    for (name, case) in reference() {
        let hidden = if name.starts_with("vgg") { ", hidden = 32" } else { "" };
        let network = network(&format!("backbone = \"{name}\"\nwith = {{ classes = 10{hidden} }}"));
        let module =
            Module::with_weights(&network, &weights(&network.lower().unwrap()), Device::Cpu).unwrap();
        let found = module.forward(&pictures(case["size"].as_u64().unwrap() as usize)).unwrap();
        let found = values::floats(&found.reshape([-1])).unwrap();
        let expected: Vec<f32> = serde_json::from_value(case["logits"].clone()).unwrap();
        let scale = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let off = found.iter().zip(&expected).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs())) / scale;
        if found.len() != expected.len() || off.is_nan() || off > 1e-4 {
            writeln!(wrong, "{name}: off by {off}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_backbone_without_its_top_ends_in_its_features() {
    let shape = |keys: &str| {
        let graph = network(keys).lower().unwrap();
        graph.nodes[graph.output].signal.shape.to_string()
    };
    assert_eq!(shape("backbone = \"resnet50\"\ntop = false\npool = \"max\""), "[batch, 2048]");
    assert_eq!(shape("backbone = \"vgg16\"\ntop = false\npool = \"mean\""), "[batch, 512]");
    let kept = shape("backbone = \"squeezenet1_1\"\ntop = false");
    assert!(kept.starts_with("[batch, 512, height after"), "{kept}");
    let own = "layers = [{ name = \"head\", kind = \"dense\", units = 3 }]";
    assert_eq!(shape(&format!("backbone = \"resnet18\"\ntop = false\npool = \"mean\"\n{own}")), "[batch, 3]");
    // Every step inside has a name that can be cut at, and so has every module.
    let whole = network("backbone = \"resnet18\"");
    let cut = whole.cut("layer2.0").unwrap();
    assert_eq!(cut.output.as_deref(), Some("layer2.0.out"));
    assert_eq!(whole.cut("layer4").unwrap().output.as_deref(), Some("layer4.1.out"));
}

#[test]
fn a_file_of_another_backbone_is_named() {
    let graph = network("backbone = \"resnet20\"").lower().unwrap();
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for param in graph.params() {
        let shape: Vec<usize> = param.shape.iter().map(|dim| dim.size().unwrap()).collect();
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        let entry = serde_json::json!({ "dtype": "F16", "shape": shape, "data_offsets": [start, end] });
        header.insert(param.name.clone(), entry);
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + end, 0);
    let session = Session::new();
    std::fs::write(session.path("mine.safetensors"), bytes).unwrap();
    let recipe = |name: &str| {
        format!(
            "[stages.body]\nkind = \"load-network\"\npath = \"mine.safetensors\"\nnetwork.backbone = \"{name}\"\n"
        )
    };
    session.write("recipe.toml", &recipe("resnet20"));
    assert_eq!(session.call("check recipe.toml").code, Some(0));
    session.write("recipe.toml", &recipe("resnet18"));
    let said = session.call("check recipe.toml");
    assert_eq!(said.code, Some(2));
    for part in
        ["the file does not fit the network", "it may be of resnet20: network.backbone = \"resnet20\""]
    {
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
}
