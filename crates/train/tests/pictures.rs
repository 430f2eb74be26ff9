//! Training on pictures: what they are as batches, and augmentation that an interruption does not change.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use data::{Dataset, Pictures, Source, Spec, Split, Step, Table, Transform};
use network::{Input, Network};
use nn::Module;
use plan::Progress;
use serde_json::{Value, json};
use stages::{Goal, Loss, Target, Training};
use tempfile::TempDir;
use torch::Device;
use train::{Error, Fitted, Job, fit};

/// Sides and number of the pictures.
const SIDE: usize = 10;
const COUNT: usize = 80;

/// Noisy pictures, of class 1 where the upper half is brighter.
fn idx(folder: &Path) -> Source {
    let mut draws = data::Draws::new(4, "test", &[]);
    let mut pictures = vec![0, 0, 8, 3, 0, 0, 0, COUNT as u8, 0, 0, 0, SIDE as u8, 0, 0, 0, SIDE as u8];
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0, COUNT as u8];
    for _ in 0..COUNT {
        let class = draws.below(2);
        labels.push(class as u8);
        for row in 0..SIDE {
            let bright = (row < SIDE / 2) == (class == 1);
            pictures.extend((0..SIDE).map(|_| (draws.below(120) + if bright { 100 } else { 0 }) as u8));
        }
    }
    let names = ["images", "labels"].map(|name| folder.join(name));
    fs::write(&names[0], pictures).unwrap();
    fs::write(&names[1], labels).unwrap();
    let path = names.map(|name| name.to_string_lossy().into_owned());
    serde_json::from_value(json!({ "path": path, "format": "idx" })).unwrap()
}

fn dataset(folder: &Path) -> Dataset {
    let split = Split { train: Some(0.7), valid: Some(0.3), ..Split::default() };
    let source = Source { split: Some(split), ..idx(folder) };
    let paths: Vec<_> = source.path.iter().map(Into::into).collect();
    let mut table = Table::read_all(&paths, &source).unwrap();
    let parts = data::assign(&table, &source, 1).unwrap();
    let chain: Vec<Step> = serde_json::from_value(
        json!([{ "resize": 12 }, { "center-crop": 8 }, "rgb", { "normalise": "imagenet" }]),
    )
    .unwrap();
    let spec = Spec {
        columns: BTreeMap::from([("image".into(), chain)]),
        label: Some("label".into()),
        ..Spec::default()
    };
    let pictures = Pictures::encode(&table, spec.columns.iter(), source.on_error, folder, &mut |_| {});
    let pictures = pictures.unwrap().unwrap();
    table.keep(pictures.rows());
    let (_, encoded) = Transform::fit_apply(None, &table, &parts, &spec, None).unwrap();
    encoded.with_pictures(pictures).write(folder).unwrap();
    Dataset::open(folder).unwrap()
}

struct Setup {
    folder: TempDir,
    dataset: Dataset,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dataset = dataset(folder.path());
        Setup { folder, dataset }
    }

    fn fit(
        &self,
        augment: Value,
        views: Option<u64>,
        checkpoint: &str,
        threads: usize,
        stop: Option<usize>,
    ) -> Result<Fitted, Error> {
        let layers = json!([
            { "name": "conv", "kind": "conv2d", "units": 4, "kernel": 3, "activation": "relu" },
            { "name": "flat", "kind": "flatten" },
            { "name": "output", "kind": "dense", "units": 1 },
        ]);
        let image = Input::Image { channels: Some(3), height: Some(8), width: Some(8) };
        let network = Network::new(
            BTreeMap::from([("image".to_owned(), image)]),
            serde_json::from_value(layers).unwrap(),
        );
        let training: Training = serde_json::from_value(json!({
            "epochs": 3, "batch": { "size": 8 }, "augment": augment, "optimizer": { "kind": "adam", "lr": 1e-2 },
        }))
        .unwrap();
        let training = Training { views, ..training };
        let checkpoint = self.folder.path().join(checkpoint);
        let job = Job {
            dataset: &self.dataset,
            stored: None,
            training: &training,
            goals: &Goal::only(Loss::of(Target::Binary)),
            seed: 5,
            checkpoint: &checkpoint,
            kept: None,
            threads,
        };
        fit(Module::new(&network, 5, Device::Cpu).unwrap(), job, &mut |progress| match progress {
            Progress::Epoch { epoch, .. } if Some(epoch) == stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    }
}

fn bits(fitted: &Fitted) -> Vec<Vec<u32>> {
    let weights = fitted.module.weights().unwrap();
    weights
        .values()
        .map(|tensor| torch::values::floats(tensor).unwrap().iter().map(|value| value.to_bits()).collect())
        .collect()
}

#[test]
fn pictures_are_learnt() {
    let fitted = Setup::new().fit(json!([]), None, "plain", 1, None).unwrap();
    let accuracy = fitted.history.last().unwrap().metrics["valid"]["accuracy"];
    assert!(accuracy > 0.9, "{accuracy}");
}

#[test]
fn augmentation_survives_an_interruption_and_any_number_of_threads() {
    let setup = Setup::new();
    let augment =
        json!([{ "horizontal-flip": 0.5 }, { "rotate": 20 }, { "brightness": 0.3 }, { "shift": 0.1 }]);
    let whole = setup.fit(augment.clone(), None, "whole", 2, None).unwrap();
    assert_ne!(bits(&whole), bits(&setup.fit(json!([]), None, "plain", 2, None).unwrap()));
    for stop in 1..3 {
        let checkpoint = format!("stopped-{stop}");
        let stopped = setup.fit(augment.clone(), None, &checkpoint, 1, Some(stop));
        assert!(matches!(stopped, Err(Error::Stopped)));
        let resumed = setup.fit(augment.clone(), None, &checkpoint, 1, None).unwrap();
        assert_eq!(bits(&resumed), bits(&whole));
        assert_eq!(resumed.history, whole.history);
    }
}

#[test]
fn views_are_taken_in_turn() {
    let setup = Setup::new();
    let augment = json!([{ "horizontal-flip": 0.5 }, { "rotate": 20 }]);
    let fit =
        |views: Option<u64>, name: &str| bits(&setup.fit(augment.clone(), views, name, 1, None).unwrap());
    let anew = fit(None, "anew");
    // As many views as epochs: each epoch has its own, and the first ones are the same.
    assert_eq!(fit(Some(3), "three"), anew);
    assert_eq!(fit(Some(7), "seven"), anew);
    let (one, two) = (fit(Some(1), "one"), fit(Some(2), "two"));
    assert!(one != anew && two != anew && one != two);
}

#[test]
fn a_view_of_another_size_is_refused() {
    let setup = Setup::new();
    // The crop of the column's chain still cuts what augmentation leaves.
    assert!(setup.fit(json!([{ "random-resized-crop": 9 }]), None, "larger", 1, None).is_ok());
    let refused = setup.fit(json!(["grey", { "rescale": { "scale": 1.0 } }, "grey"]), None, "chain", 1, None);
    assert!(matches!(refused, Err(Error::Setting(_))));
}
