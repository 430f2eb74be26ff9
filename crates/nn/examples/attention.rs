//! Times the attention of a layer of BERT-base, forward and backward, on two threads:
//! `cargo run --release --package nn --example attention [rows] [steps]`.
#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use network::{Input, Network};
use nn::{Column, Module};
use serde_json::json;
use torch::{Device, Kind, Tensor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sizes = std::env::args().skip(1).map(|size| size.parse::<i64>());
    let rows = sizes.next().transpose()?.unwrap_or(8);
    let steps = sizes.next().transpose()?.unwrap_or(128);
    torch::set_threads(2)?;
    let dense =
        |name: &str, input: &str| json!({ "name": name, "kind": "dense", "units": 768, "input": [input] });
    let layers = json!([
        { "name": "embed", "kind": "embedding", "units": 768 },
        dense("query", "embed"),
        dense("key", "embed"),
        dense("value", "embed"),
        { "name": "heads", "kind": "attention", "heads": 12, "input": ["query", "key", "value"] },
        dense("output", "heads"),
    ]);
    let inputs = BTreeMap::from([("text".to_owned(), Input::Sequence { vocabulary: Some(1000) })]);
    let mut network = Network::new(inputs, serde_json::from_value(layers)?);
    network.frozen = ["embed.weight".to_owned()].into();
    let module = Module::new(&network, 1, Device::Cpu)?;
    let tokens: Vec<i64> = (0..rows * steps).map(|token| token % 1000).collect();
    let ids = Tensor::from_slice(&tokens).view([rows, steps]);
    // Rows of falling length, so that there is padding.
    let lengths: Vec<i64> = (0..rows).map(|row| steps - row * steps / (2 * rows)).collect();
    let column = Column::Sequence { ids, lengths: Tensor::from_slice(&lengths) };
    let batch = BTreeMap::from([("text".to_owned(), column)]);
    let mut best = Duration::MAX;
    for pass in 0..20 {
        let start = Instant::now();
        let found = module.train(&batch, pass)?;
        let loss = found.output.square().sum(Kind::Float);
        module.gradients(&found, &loss)?;
        best = best.min(start.elapsed());
    }
    println!("{rows} rows of {steps} steps: {:.1} ms", best.as_secs_f64() * 1e3);
    Ok(())
}
