//! Times training epochs of the flagship network: `cargo run --release -p train --example epoch -- imdb.csv [threads]
//! [epochs]`. The other side of `benches/twin.py epoch`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use data::{Dataset, Index, Source, Spec, Split, Step, Table, Tokenize, Transform};
use network::{Input, Network};
use nn::Module;
use plan::Progress;
use stages::{Goal, Loss, Target, Training};
use torch::Device;
use train::{Job, fit};

fn encode(path: &Path, folder: &Path) -> Result<Dataset, Box<dyn std::error::Error>> {
    let mut source = Source::new(path.to_string_lossy());
    source.split = Some(Split { train: Some(0.64), valid: Some(0.16), test: Some(0.2), ..Split::default() });
    let table = Table::read(path, &source)?;
    let parts = data::assign(&table, &source, 7)?;
    let index = Index::default();
    let chain =
        vec![Step::Lowercase, Step::Tokenize(Tokenize::Punctuation), Step::Index(index), Step::Clip(555)];
    let spec = Spec {
        columns: BTreeMap::from([("review".to_owned(), chain)]),
        label: Some("label".into()),
        ..Spec::default()
    };
    Transform::fit(&table, &parts, &spec)?.apply(&table, &parts, true, None)?.write(folder)?;
    Ok(Dataset::open(folder)?)
}

fn flagship(dataset: &Dataset) -> Result<Network, serde_json::Error> {
    let vocabulary = dataset.description().columns["review"].vocabulary.map(|size| size as usize);
    let dense = |name: &str, units: usize| {
        serde_json::json!({
            "name": name, "kind": "dense", "units": units, "batch-norm": true, "activation": "relu", "dropout": 0.2
        })
    };
    let layers = serde_json::json!([
        { "name": "embed", "kind": "embedding", "units": 64 },
        { "name": "gru", "kind": "gru", "units": 50, "bidirectional": true },
        { "name": "last", "kind": "sequence-last" },
        dense("dense0", 100), dense("dense1", 100), dense("dense2", 10),
        { "name": "output", "kind": "dense", "units": 1 },
    ]);
    Ok(Network {
        inputs: BTreeMap::from([("review".to_owned(), Input::Sequence { vocabulary })]),
        layers: serde_json::from_value(layers)?,
        output: None,
        outputs: Default::default(),
        frozen: Default::default(),
        classes: vec![],
    })
}

#[expect(clippy::print_stdout, reason = "an example's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().ok_or("which imdb.csv?")?;
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let folder = tempfile::tempdir()?;
    let dataset = encode(Path::new(path), folder.path())?;
    let network = flagship(&dataset)?;
    println!(
        "{} parameters",
        serde_json::to_string(&network.lower().map_err(|_| "network")?.nodes[1].params)?
    );
    let training: Training = serde_json::from_value(serde_json::json!({
        "epochs": number(2, 1)?,
        "batch": { "size": 64, "buckets": 5 },
        "optimizer": { "kind": "adam", "lr": 1e-2, "weight-decay": 1e-5 },
    }))?;
    let checkpoint = folder.path().join("checkpoint");
    let job = Job {
        dataset: &dataset,
        stored: None,
        training: &training,
        goals: &Goal::only(Loss::of(Target::Binary)),
        seed: 7,
        checkpoint: &checkpoint,
        kept: None,
        threads: number(1, 2)?,
    };
    let mut last = std::time::Instant::now();
    fit(Module::new(&network, 7, Device::Cpu)?, job, &mut |progress| {
        if let Progress::Epoch { epoch, seconds, rate, metrics, .. } = progress {
            let whole = last.elapsed().as_secs_f64();
            last = std::time::Instant::now();
            println!("epoch {epoch}: {seconds:.2} s of {whole:.2} s, {rate:.0} rows/s, {metrics:?}");
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}
