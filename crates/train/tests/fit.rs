//! The training loop: learning, resuming, stopping, freezing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use data::{Dataset, Index, LabelKind, Part, Source, Spec, Split, Step, Table, Tokenize, Transform};
use network::{Input, Network};
use nn::Module;
use plan::Progress;
use serde_json::{Value, json};
use stages::{Goal, Loss, Metric, Target, Training};
use tempfile::TempDir;
use torch::{Device, Tensor, values};
use train::{Error, Fitted, Job, Stored, evaluate, features, fit, predict, standardize, store};

/// Reviews of random words; one with more `good` than `bad` is positive.
fn dataset(folder: &Path, rows: usize, split: Option<Split>) -> Dataset {
    let mut draws = data::Draws::new(3, "test", &[]);
    let mut text = "text,age,label\n".to_owned();
    for _ in 0..rows {
        let length = 1 + draws.below(12);
        let mut words: Vec<String> = (0..length).map(|_| format!("w{}", draws.below(60))).collect();
        let positive = draws.below(2) == 1;
        let place = draws.below(length) as usize;
        words[place] = if positive { "good" } else { "bad" }.to_owned();
        text += &format!("{},{},{}\n", words.join(" "), draws.below(80), u8::from(positive));
    }
    encoded(folder, &text, split)
}

/// Rows of `text`, `age` and `label`, encoded.
fn encoded(folder: &Path, text: &str, split: Option<Split>) -> Dataset {
    let path = folder.join("reviews.csv");
    fs::write(&path, text).unwrap();
    let mut source = Source::new("reviews.csv");
    source.split = split;
    let table = Table::read(&path, &source).unwrap();
    let parts = data::assign(&table, &source, 1).unwrap();
    let chain = vec![Step::Tokenize(Tokenize::Whitespace), Step::Index(Index::default())];
    let spec = Spec {
        columns: BTreeMap::from([("text".into(), chain), ("age".into(), vec![Step::Number])]),
        label: Some("label".into()),
        ..Spec::default()
    };
    let transform = Transform::fit(&table, &parts, &spec).unwrap();
    transform.apply(&table, &parts, true, None).unwrap().write(folder).unwrap();
    Dataset::open(folder).unwrap()
}

fn network(dataset: &Dataset) -> Network {
    let vocabulary = dataset.description().columns["text"].vocabulary.map(|size| size as usize);
    let layers = json!([
        { "name": "embed", "kind": "embedding", "units": 8, "input": ["text"] },
        { "name": "gru", "kind": "gru", "units": 6, "bidirectional": true },
        { "name": "last", "kind": "sequence-last" },
        { "name": "dense", "kind": "dense", "units": 8, "batch-norm": true, "activation": "relu", "dropout": 0.1 },
        { "name": "output", "kind": "dense", "units": 1 },
    ]);
    Network {
        inputs: BTreeMap::from([("text".to_owned(), Input::Sequence { vocabulary })]),
        layers: serde_json::from_value(layers).unwrap(),
        output: None,
        outputs: Default::default(),
        frozen: Default::default(),
        classes: vec![],
    }
}

fn training(more: Value) -> Training {
    let mut all = json!({
        "epochs": 3,
        "batch": { "size": 16, "buckets": 3 },
        "optimizer": { "kind": "adam", "lr": 1e-2, "weight-decay": 1e-5 },
    });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

type Tensors = BTreeMap<String, torch::Tensor>;

struct Setup {
    folder: TempDir,
    dataset: Dataset,
    network: Network,
    stored: Option<Stored>,
}

impl Setup {
    fn new() -> Self {
        Self::split(Some(Split { train: Some(0.6), valid: Some(0.4), ..Split::default() }))
    }

    fn split(split: Option<Split>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dataset = dataset(folder.path(), 400, split);
        let network = network(&dataset);
        Setup { folder, dataset, network, stored: None }
    }

    fn fit(
        &self,
        training: &Training,
        checkpoint: &str,
        threads: usize,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Fitted, Error> {
        self.fit_on(training, checkpoint, None, threads, progress)
    }

    /// `kept`: the checkpoint folder of another training.
    fn fit_on(
        &self,
        training: &Training,
        checkpoint: &str,
        kept: Option<&str>,
        threads: usize,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Fitted, Error> {
        let checkpoint = self.folder.path().join(checkpoint);
        let kept = kept.map(|kept| self.folder.path().join(kept));
        let job = Job {
            dataset: &self.dataset,
            stored: self.stored.as_ref(),
            training,
            goals: &Goal::only(Loss::of(Target::Binary)),
            seed: 5,
            checkpoint: &checkpoint,
            kept: kept.as_deref(),
            threads,
        };
        fit(Module::new(&self.network, 5, Device::Cpu).unwrap(), job, progress)
    }
}

fn on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Bits of weights and optimiser state.
fn bits(fitted: &Fitted) -> BTreeMap<String, Vec<u32>> {
    let weights = fitted.module.weights().unwrap();
    let all = weights.iter().chain(&fitted.optimizer);
    let bits = |tensor| values::floats(tensor).unwrap().into_iter().map(f32::to_bits).collect();
    all.map(|(name, tensor)| (name.clone(), bits(tensor))).collect()
}

#[track_caller]
fn assert_same_bits(one: &Fitted, other: &Fitted) {
    let (one, other) = (bits(one), bits(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    let off: Vec<&String> = one.keys().filter(|name| one[*name] != other[*name]).collect();
    assert!(off.is_empty(), "these differ: {off:?}");
}

#[test]
fn data_without_a_split_is_all_for_training() {
    let fitted = Setup::split(None).fit(&training(json!({})), "whole", 1, &mut on).unwrap();
    let parts: Vec<&String> = fitted.history[3].metrics.keys().collect();
    assert_eq!(parts, ["train"]);
}

#[test]
fn a_problem_that_can_be_learnt_is_learnt() {
    let setup = Setup::new();
    let training = training(json!({ "epochs": 8 }));
    let mut epochs = vec![];
    let fitted = setup
        .fit(&training, "learn", 2, &mut |progress| {
            if let Progress::Epoch { epoch, metrics, .. } = progress {
                epochs.push((epoch, metrics));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(fitted.epoch, 8);
    assert_eq!(fitted.history.len(), 9);
    let told: Vec<_> = fitted.history.iter().map(|record| (record.epoch, record.metrics.clone())).collect();
    assert_eq!(epochs, told);
    let auc = |epoch: usize| fitted.history[epoch].metrics["valid"]["auc"];
    assert!((0.3..0.7).contains(&auc(0)), "{}", auc(0));
    assert!(auc(8) > 0.97, "{}", auc(8));
    assert!(fitted.history[8].metrics["train"]["auc"] > 0.95);

    // an evaluation afterwards sees the same numbers
    let metrics = [Metric::Accuracy, Metric::Auc];
    let again = evaluate(
        &fitted.module,
        &setup.dataset,
        Part::Valid,
        &Goal::only(Loss::of(Target::Binary)),
        &metrics,
    );
    assert_eq!(again.unwrap(), fitted.history[8].metrics["valid"]);
}

#[test]
fn threads_change_no_bit() {
    let setup = Setup::new();
    for precision in ["float32", "bfloat16"] {
        let training = training(json!({ "clip-gradient": { "norm": 1.0 }, "precision": precision }));
        let one = setup.fit(&training, &format!("{precision}-one"), 1, &mut on).unwrap();
        for threads in [2, 4] {
            let other = setup.fit(&training, &format!("{precision}-{threads}"), threads, &mut on).unwrap();
            assert_same_bits(&one, &other);
        }
    }
}

#[test]
fn an_interrupted_training_ends_in_the_same_bits() {
    let setup = Setup::new();
    for optimizer in [
        json!({ "kind": "adam", "lr": 1e-2, "weight-decay": 1e-5 }),
        json!({ "kind": "sgd", "lr": 1e-1, "momentum": 0.9 }),
        json!({ "kind": "nadam", "lr": 1e-2 }),
        json!({ "kind": "lamb", "lr": 1e-2, "weight-decay": 1e-2 }),
    ] {
        let early = json!({ "patience": 10, "metric": "auc" });
        let training = training(json!({ "optimizer": optimizer, "early-stopping": early, "epochs": 4 }));
        let kind = optimizer["kind"].as_str().unwrap();
        let whole = setup.fit(&training, &format!("{kind}-whole"), 2, &mut on).unwrap();
        for stop in 0..=4 {
            let checkpoint = format!("{kind}-{stop}");
            let stopped = setup.fit(&training, &checkpoint, 1, &mut |progress| match progress {
                Progress::Epoch { epoch, .. } if epoch == stop => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            });
            assert!(matches!(stopped, Err(Error::Stopped)));
            let mut resumed = None;
            let fitted = setup
                .fit(&training, &checkpoint, 2, &mut |progress| {
                    if let Progress::Resumed { epoch } = progress {
                        resumed = Some(epoch);
                    }
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert_eq!(resumed, (stop > 0).then_some(stop));
            assert_same_bits(&fitted, &whole);
            assert_eq!((fitted.history, fitted.epoch), (whole.history.clone(), whole.epoch));
        }
    }
}

#[test]
fn the_learning_rate_follows_the_schedule() {
    let setup = Setup::new();
    // By hand: half of it in the warm-up's first step, then a tenth every two epochs.
    let training = training(json!({
        "epochs": 5,
        "schedule": { "kind": "step", "every": 2 },
        "warm-up": { "epochs": 1, "from": 0.5 },
    }));
    let mut told = vec![];
    let fitted = setup
        .fit(&training, "schedule", 1, &mut |progress| {
            if let Progress::Epoch { learning_rate, .. } = progress {
                told.push(learning_rate);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let rates: Vec<_> = fitted.history.iter().map(|record| record.learning_rate).collect();
    assert_eq!(rates, told);
    assert_eq!(rates[0], None);
    // 240 rows in steps of 16 are 15 steps
    let warm = 1e-2 * (0.5 + 0.5 * 14.0 / 15.0);
    for (found, expected) in rates[1..].iter().zip([warm, 1e-2, 1e-2, 1e-3, 1e-3]) {
        assert!((found.unwrap() - expected).abs() < 1e-9, "{rates:?}");
    }
}

#[test]
fn a_plateau_lowers_the_rate_and_survives_an_interruption() {
    let setup = Setup::new();
    // A threshold that no epoch passes: the rate falls after every second epoch.
    let training = training(json!({
        "epochs": 6,
        "schedule": { "kind": "on-plateau", "patience": 1, "threshold": 1e3, "threshold-mode": "abs" },
        "optimizer": { "kind": "lion", "lr": 1e-3 },
    }));
    let whole = setup.fit(&training, "whole", 2, &mut on).unwrap();
    let rates: Vec<f64> = whole.history[1..].iter().map(|record| record.learning_rate.unwrap()).collect();
    for (found, expected) in rates.iter().zip([1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5]) {
        assert!((found - expected).abs() < 1e-12, "{rates:?}");
    }
    for stop in 1..6 {
        let checkpoint = format!("plateau-{stop}");
        let stopped = setup.fit(&training, &checkpoint, 1, &mut |progress| match progress {
            Progress::Epoch { epoch, .. } if epoch == stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert!(matches!(stopped, Err(Error::Stopped)));
        let fitted = setup.fit(&training, &checkpoint, 2, &mut on).unwrap();
        assert_same_bits(&fitted, &whole);
        assert_eq!(fitted.history, whole.history);
    }
}

#[test]
fn a_training_stopped_inside_an_epoch_goes_on_from_the_one_before() {
    let setup = Setup::new();
    let training = training(json!({ "epochs": 2 }));
    let whole = setup.fit(&training, "whole", 2, &mut on).unwrap();
    let stopped = setup.fit(&training, "stopped", 2, &mut |progress| match progress {
        Progress::Step { phase, .. } if phase == "epoch 2/2" => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(stopped, Err(Error::Stopped)));
    let mut resumed = vec![];
    let fitted = setup.fit(&training, "stopped", 2, &mut |progress| {
        if let Progress::Resumed { epoch } = progress {
            resumed.push(epoch);
        }
        ControlFlow::Continue(())
    });
    assert_eq!(resumed, [1]);
    assert_same_bits(&fitted.unwrap(), &whole);
}

#[test]
fn a_damaged_checkpoint_is_not_used() {
    let setup = Setup::new();
    let training = training(json!({}));
    let whole = setup.fit(&training, "damaged", 1, &mut on).unwrap();
    let checkpoint = setup.folder.path().join("damaged");
    let path = checkpoint.join("epoch-3/tensors.safetensors");
    let intact = fs::read(&path).unwrap();
    let flipped = |at: usize| {
        let mut bytes = intact.clone();
        bytes[at] ^= 1;
        bytes
    };
    for bytes in [flipped(intact.len() - 5), flipped(20), intact[..1000].to_vec(), vec![]] {
        fs::write(&path, bytes).unwrap();
        // The first epoch's stays until a later one is known to have reached the disk.
        fs::remove_dir_all(checkpoint.join("epoch-1")).unwrap();
        fs::create_dir_all(checkpoint.join(".new-left-behind")).unwrap();
        let mut warnings = 0;
        let fitted = setup
            .fit(&training, "damaged", 1, &mut |progress| {
                warnings += usize::from(matches!(progress, Progress::Warning { .. }));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(warnings, 1);
        assert_same_bits(&fitted, &whole);
        let mut names: Vec<_> = fs::read_dir(&checkpoint).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["epoch-1", "epoch-3"]);
    }
    fs::write(&path, flipped(20)).unwrap();
    let mut resumed = vec![];
    let fitted = setup.fit(&training, "damaged", 1, &mut |progress| {
        if let Progress::Resumed { epoch } = progress {
            resumed.push(epoch);
        }
        ControlFlow::Continue(())
    });
    assert_same_bits(&fitted.unwrap(), &whole);
    assert_eq!(resumed, [1]);
}

#[test]
fn a_checkpoint_of_another_training_is_not_used() {
    let setup = Setup::new();
    setup.fit(&training(json!({})), "shared", 1, &mut on).unwrap();
    let other = training(json!({ "optimizer": { "kind": "sgd", "lr": 0.1 } }));
    let mut resumed = false;
    setup
        .fit(&other, "shared", 1, &mut |progress| {
            resumed |= matches!(progress, Progress::Resumed { .. });
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(!resumed);
}

#[test]
fn early_stopping_restores_the_best() {
    let setup = Setup::new();
    let training = training(json!({
        "epochs": 60,
        "optimizer": { "kind": "adam", "lr": 5e-2 },
        "early-stopping": { "patience": 3, "metric": "loss" },
    }));
    let fitted = setup.fit(&training, "early", 2, &mut on).unwrap();
    let losses: Vec<f64> = fitted.history[1..].iter().map(|record| record.metrics["valid"]["loss"]).collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert_eq!(fitted.epoch, best + 1);
    assert_eq!(losses.len(), best + 1 + 3, "{losses:?}");
    let kept =
        evaluate(&fitted.module, &setup.dataset, Part::Valid, &Goal::only(Loss::of(Target::Binary)), &[])
            .unwrap();
    assert_eq!(kept["loss"], losses[best]);
}

#[test]
fn early_stopping_by_what_no_epoch_defines_is_told() {
    // By age 40 of the 60 rows train, and have both classes; the 20 others have one, and no AUC.
    let rows = (0..60).map(|row| format!("good w{row},{row},{}\n", u8::from(row % 2 == 0 && row < 40)));
    let text = format!("text,age,label\n{}", rows.collect::<String>());
    let split = Split {
        train: Some(2.0 / 3.0),
        valid: Some(1.0 / 3.0),
        time: Some("age".into()),
        ..Split::default()
    };
    let mut setup = Setup::new();
    setup.dataset = encoded(setup.folder.path(), &text, Some(split));
    setup.network = network(&setup.dataset);
    let training = training(json!({ "early-stopping": { "patience": 2, "metric": "auc" } }));
    let error = setup.fit(&training, "undefined", 1, &mut on).err().unwrap();
    assert_eq!(
        error.to_string(),
        "early stopping watches `auc`, which the rows of part `valid` did not define in any epoch: is a class missing \
         from them?"
    );
}

#[test]
fn a_loss_that_is_no_number_stops_and_keeps_the_checkpoint() {
    let setup = Setup::new();
    let training =
        training(json!({ "epochs": 50, "optimizer": { "kind": "sgd", "lr": 1e18, "momentum": 0.9 } }));
    let error = setup.fit(&training, "nan", 1, &mut on).unwrap_err();
    let Error::Diverged { epoch, step, rate, value } = error else { panic!("{error}") };
    assert!(epoch >= 1 && step >= 1 && !value.is_finite());
    assert_eq!(rate, 1e18);
    assert_eq!(setup.folder.path().join(format!("nan/epoch-{}", epoch - 1)).exists(), epoch > 1);
}

#[test]
fn what_is_frozen_keeps_its_bits() {
    let mut setup = Setup::new();
    let names: Vec<String> =
        setup.network.lower().unwrap().params().map(|param| param.name.clone()).collect();
    setup.network.frozen = names.iter().filter(|name| !name.starts_with("output.")).cloned().collect();
    let start = Module::new(&setup.network, 5, Device::Cpu).unwrap().weights().unwrap();
    let fitted = setup.fit(&training(json!({})), "frozen", 2, &mut on).unwrap();
    let end = fitted.module.weights().unwrap();
    for name in &names {
        let same = torch::weights::bytes_equal(&start[name], &end[name]).unwrap();
        assert_eq!(same, !name.starts_with("output."), "{name}");
    }
    setup.network.frozen = names.into_iter().collect();
    let error = setup.fit(&training(json!({})), "all-frozen", 2, &mut on).unwrap_err();
    assert!(matches!(error, Error::NothingToTrain));
}

/// Whether each parameter of a layer, buffers included, has the same bits in both.
fn same(layer: &str, one: &BTreeMap<String, Tensor>, other: &BTreeMap<String, Tensor>) -> Vec<bool> {
    let names = one.keys().filter(|name| name.split('.').next() == Some(layer));
    names.map(|name| torch::weights::bytes_equal(&one[name], &other[name]).unwrap()).collect()
}

#[test]
fn layers_are_unfrozen_epoch_by_epoch() {
    let setup = Setup::new();
    let start = Module::new(&setup.network, 5, Device::Cpu).unwrap().weights().unwrap();
    let training = training(json!({
        "epochs": 4,
        "optimizer": { "kind": "adam", "lr": 1e-2 },
        "layer-decay": 0.5,
        "unfreeze": [
            { "epoch": 1, "layers": "output" },
            { "epoch": 2, "layers": "dense" },
            { "epoch": 4, "layers": "gru" },
        ],
    }));
    let whole = setup.fit(&training, "whole", 2, &mut on).unwrap();
    // batch norm's statistics stay while its layer is frozen; the table is in no entry
    assert!(whole.module.network().frozen.is_empty());
    assert!(same("embed", &start, &whole.module.weights().unwrap()).iter().all(|same| *same));
    let all: &[&str] = &["gru", "dense", "output"];
    for (stop, trained) in [(1, &all[2..]), (2, &all[1..]), (3, &all[1..]), (4, all)] {
        let checkpoint = format!("thaw-{stop}");
        let stopped = setup.fit(&training, &checkpoint, 1, &mut |progress| match progress {
            Progress::Epoch { epoch, .. } if epoch == stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert!(matches!(stopped, Err(Error::Stopped)));
        let path = setup.folder.path().join(format!("{checkpoint}/epoch-{stop}/tensors.safetensors"));
        let saved: BTreeMap<String, Tensor> = torch::weights::load(&path, Device::Cpu)
            .unwrap()
            .into_iter()
            .filter_map(|(name, tensor)| Some((name.strip_prefix("weights/")?.to_owned(), tensor)))
            .collect();
        for layer in ["embed", "gru", "dense", "output"] {
            let same = same(layer, &start, &saved);
            assert!(!same.is_empty());
            let moves = trained.contains(&layer);
            assert!(same.iter().all(|same| *same != moves), "{layer} after {stop}: {same:?}");
        }
        let fitted = setup.fit(&training, &checkpoint, 2, &mut on).unwrap();
        assert_same_bits(&fitted, &whole);
        assert_eq!(fitted.history, whole.history);
    }
}

#[test]
fn parameters_that_cannot_move_are_named() {
    let mut setup = Setup::new();
    // a dense layer of zeros before a relu gets no gradient at all
    setup.network.layers = serde_json::from_value(json!([
        { "name": "embed", "kind": "embedding", "units": 4, "init": "zeros" },
        { "name": "mean", "kind": "mean-pool" },
        { "name": "dense", "kind": "dense", "units": 3, "activation": "relu", "init": "zeros" },
        { "name": "output", "kind": "dense", "units": 1 },
    ]))
    .unwrap();
    let settings = training(json!({ "optimizer": { "kind": "sgd", "lr": 0.1 } }));
    let error = setup.fit(&settings, "still", 1, &mut on).unwrap_err();
    assert_eq!(
        error.to_string(),
        "training left unfrozen layers as they were: dense.bias, dense.weight, embed.weight"
    );
}

#[test]
fn a_bias_that_a_batch_norm_takes_out_is_told() {
    let mut setup = Setup::new();
    // Its gradient is zero but for rounding, which is too little to change a bit of it.
    setup.network.layers = serde_json::from_value(json!([
        { "name": "embed", "kind": "embedding", "units": 4 },
        { "name": "mean", "kind": "mean-pool" },
        { "name": "dense", "kind": "dense", "units": 3, "batch-norm": true, "activation": "relu" },
        { "name": "output", "kind": "dense", "units": 1 },
    ]))
    .unwrap();
    let settings = training(json!({ "optimizer": { "kind": "sgd", "lr": 1e-4 } }));
    let mut warnings = vec![];
    let mut listen = |progress| {
        if let Progress::Warning { text } = progress {
            warnings.push(text);
        }
        ControlFlow::Continue(())
    };
    let fitted = setup.fit(&settings, "still", 1, &mut listen).unwrap();
    assert_eq!(fitted.still, ["dense.bias"]);
    assert_eq!(
        warnings,
        [
            "training left dense.bias as before: no gradient reaches it, as none does a bias before a batch norm or of the keys \
             of attention"
        ]
    );
}

/// The values of a node for all rows, from the untrained network.
fn stored(setup: &Setup, node: &str) -> Stored {
    let folder = setup.folder.path().join(node);
    fs::create_dir_all(&folder).unwrap();
    let part = Module::new(&setup.network.cut(node).unwrap(), 5, Device::Cpu).unwrap();
    let mut told = 1;
    let nodes = [node.to_owned()];
    store(&part, &setup.dataset, &nodes, None, &folder, &mut |done, all| told = all - done).unwrap();
    assert_eq!(told, 0);
    Stored::open([(node, folder.join(format!("{node}.safetensors")).as_path())], &setup.dataset).unwrap()
}

#[test]
fn a_frozen_part_may_be_read_instead_of_run() {
    let mut setup = Setup::new();
    let graph = setup.network.lower().unwrap();
    let names = graph.params().map(|param| param.name.clone());
    setup.network.frozen =
        names.filter(|name| name.starts_with("embed") || name.starts_with("gru")).collect();
    let settings = training(json!({ "epochs": 4, "early-stopping": { "patience": 3, "metric": "loss" } }));
    let whole = setup.fit(&settings, "run", 2, &mut on).unwrap();
    // A sequence and a vector; both stand for all that is frozen.
    for node in ["gru", "last"] {
        setup.stored = Some(stored(&setup, node));
        let read = setup.fit(&settings, node, 1, &mut on).unwrap();
        for (name, floats) in bits(&read) {
            for (one, other) in floats.iter().zip(&bits(&whole)[&name]) {
                let (one, other) = (f32::from_bits(*one), f32::from_bits(*other));
                assert!((one - other).abs() < 1e-4, "{name}: {one} and {other}");
            }
        }
        assert_eq!(read.epoch, whole.epoch);
        // What is read is part of no result: interrupted and resumed, the bits are those of one go.
        let stopped = setup.fit(&settings, "stopped", 1, &mut |progress| match progress {
            Progress::Epoch { epoch: 2, .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert!(matches!(stopped, Err(Error::Stopped)));
        assert_same_bits(&setup.fit(&settings, "stopped", 2, &mut on).unwrap(), &read);
        fs::remove_dir_all(setup.folder.path().join("stopped")).unwrap();
    }
    // Values of another node under this one's name.
    let wrong = setup.folder.path().join("gru/gru.safetensors");
    setup.stored = Some(Stored::open([("last", wrong.as_path())], &setup.dataset).unwrap());
    let error = setup.fit(&settings, "wrong", 1, &mut on).unwrap_err();
    assert_eq!(error.to_string(), "the stored values of `last` do not fit the network and the data");
}

#[test]
fn features_are_written_row_by_row() {
    let setup = Setup::new();
    let module = Module::new(&setup.network, 5, Device::Cpu).unwrap();
    let rows = [7, 3, 250, 11];
    let path = setup.folder.path().join("features.safetensors");
    let part = Module::new(&setup.network.cut("last").unwrap(), 5, Device::Cpu).unwrap();
    assert_eq!(features(&part, &setup.dataset, &rows, &path).unwrap(), 12);
    let found = torch::weights::load(&path, Device::Cpu).unwrap().remove("features").unwrap();
    assert_eq!(found.size(), [4, 12]);
    let (expected, width) = predict(&part, &setup.dataset, &rows, None).unwrap();
    assert_eq!((values::floats(&found).unwrap(), width), (expected, 12));

    // rows keep their place whatever the order asked for
    let (logits, _) = predict(&module, &setup.dataset, &rows, None).unwrap();
    let (turned, _) = predict(&module, &setup.dataset, &[11, 250, 3, 7], None).unwrap();
    for (one, other) in logits.iter().zip(turned.iter().rev()) {
        assert!((one - other).abs() < 1e-6);
    }
}

#[test]
fn accumulated_batches_of_sequences_are_one_batch() {
    let mut setup = Setup::new();
    // batch norm and dropout work on the rows of a pass, so they are left out
    setup.network.layers = serde_json::from_value(json!([
        { "name": "embed", "kind": "embedding", "units": 8, "input": ["text"] },
        { "name": "gru", "kind": "gru", "units": 6 },
        { "name": "last", "kind": "sequence-last" },
        { "name": "output", "kind": "dense", "units": 1 },
    ]))
    .unwrap();
    let fitted = |name: &str, batch: Value| {
        let optimizer = json!({ "kind": "sgd", "lr": 0.5, "momentum": 0.9, "weight-decay": 1e-4 });
        let clip = json!({ "norm": 0.1 });
        let more = json!({ "batch": batch, "optimizer": optimizer, "clip-gradient": clip });
        setup.fit(&training(more), name, 1, &mut on).unwrap()
    };
    let whole = fitted("whole", json!({ "size": 100, "buckets": 3 })).module.weights().unwrap();
    let parts = fitted("parts", json!({ "size": 32, "accumulate": 4, "buckets": 3 }));
    let other = fitted("other", json!({ "size": 128, "buckets": 3 })).module.weights().unwrap();
    let parts = parts.module.weights().unwrap();
    let off = |one: &Tensors, two: &Tensors| {
        one.keys().map(|name| (&one[name] - &two[name]).abs().max().double_value(&[])).fold(0.0, f64::max)
    };
    assert!(off(&parts, &other) < 1e-5, "{}", off(&parts, &other));
    assert!(off(&parts, &whole) > 1e-3);
}

#[test]
fn sampled_rows_are_balanced_and_resume_to_the_same_bits() {
    let setup = Setup::new();
    let training = training(json!({ "batch": { "size": 16, "buckets": 3, "sample": { "1": 9.0 } } }));
    let whole = setup.fit(&training, "sampled", 2, &mut on).unwrap();
    let stopped = setup.fit(&training, "sampled-stopped", 2, &mut |progress| match progress {
        Progress::Epoch { epoch: 1, .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(stopped, Err(Error::Stopped)));
    assert_same_bits(&setup.fit(&training, "sampled-stopped", 1, &mut on).unwrap(), &whole);
    // nine of ten rows are of class 1, and the biased network says so of the rows that were not trained on
    let (logits, _) =
        predict(&whole.module, &setup.dataset, &setup.dataset.rows_of(Some(Part::Valid)), None).unwrap();
    let positive = logits.iter().filter(|logit| **logit > 0.0).count() as f64 / logits.len() as f64;
    assert!(positive > 0.6, "{positive}");
}

#[test]
fn averages_are_measured_and_resume_to_the_same_bits() {
    let setup = Setup::new();
    for average in [json!({ "kind": "ema", "decay": 0.9 }), json!({ "kind": "swa", "from": 2 })] {
        let early = json!({ "patience": 10 });
        let training = training(json!({ "average": average, "epochs": 4, "early-stopping": early }));
        let kind = average["kind"].as_str().unwrap();
        let whole = setup.fit(&training, &format!("{kind}-whole"), 2, &mut on).unwrap();
        // the kept weights are those that were measured
        let kept =
            evaluate(&whole.module, &setup.dataset, Part::Valid, &Goal::only(Loss::of(Target::Binary)), &[]);
        let measured = whole.history[whole.epoch].metrics["valid"]["loss"];
        assert_eq!(kept.unwrap()["loss"], measured);
        for stop in 1..=4 {
            let checkpoint = format!("{kind}-{stop}");
            let stopped = setup.fit(&training, &checkpoint, 1, &mut |progress| match progress {
                Progress::Epoch { epoch, .. } if epoch == stop => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            });
            assert!(matches!(stopped, Err(Error::Stopped)));
            let fitted = setup.fit(&training, &checkpoint, 1, &mut on).unwrap();
            assert_same_bits(&fitted, &whole);
            assert_eq!(fitted.history, whole.history);
        }
        // without early stopping the last epoch's average is kept, also when nothing is left to do
        let mut plain = training.clone();
        plain.early_stopping = None;
        let last = setup.fit(&plain, &format!("{kind}-last"), 1, &mut on).unwrap();
        assert_same_bits(&setup.fit(&plain, &format!("{kind}-last"), 1, &mut on).unwrap(), &last);
        let kept =
            evaluate(&last.module, &setup.dataset, Part::Valid, &Goal::only(Loss::of(Target::Binary)), &[]);
        assert_eq!(kept.unwrap()["loss"], last.history[4].metrics["valid"]["loss"]);
    }
}

#[test]
fn a_longer_training_continues_a_shorter_one_to_the_same_bits() {
    let setup = Setup::new();
    for (name, more) in [
        ("plain", json!({})),
        ("stopping", json!({ "early-stopping": { "patience": 9, "metric": "auc" } })),
        (
            "ema",
            json!({ "average": { "kind": "ema", "decay": 0.9 }, "batch": { "size": 16, "accumulate": 2 } }),
        ),
    ] {
        let of = |epochs: usize| {
            let mut all = more.clone();
            all["epochs"] = json!(epochs);
            training(all)
        };
        let [short, long, whole] = ["short", "long", "whole"].map(|part| format!("{name}-{part}"));
        setup.fit(&of(2), &short, 1, &mut on).unwrap();
        let mut resumed = vec![];
        let longer = setup.fit_on(&of(4), &long, Some(&short), 2, &mut |progress| {
            if let Progress::Resumed { epoch } = progress {
                resumed.push(epoch);
            }
            ControlFlow::Continue(())
        });
        assert_eq!(resumed, [2]);
        let (longer, whole) = (longer.unwrap(), setup.fit(&of(4), &whole, 1, &mut on).unwrap());
        assert_same_bits(&longer, &whole);
        assert_eq!((&longer.history, longer.epoch), (&whole.history, whole.epoch));
        // what was kept stays as it was
        assert!(setup.folder.path().join(short).join("epoch-2").exists());
    }
}

#[test]
fn patience_is_decided_again_from_the_history() {
    let setup = Setup::new();
    let of = |patience: usize| {
        training(json!({
            "epochs": 200,
            "optimizer": { "kind": "adam", "lr": 5e-2 },
            "early-stopping": { "patience": patience, "metric": "loss" },
        }))
    };
    let patient = setup.fit(&of(12), "patient", 2, &mut on).unwrap();
    // the least patience that comes as far as the best epoch
    let losses: Vec<f64> = patient.history.iter().map(|record| record.metrics["valid"]["loss"]).collect();
    let (mut best, mut patience) = (1, 1);
    for (epoch, &loss) in losses.iter().enumerate().take(patient.epoch + 1).skip(2) {
        if loss < losses[best] {
            patience = patience.max(epoch - best);
            best = epoch;
        }
    }
    assert!(best == patient.epoch && patience < 12, "another setup is needed for this test");
    // what stops earlier with the same best needs no step
    let mut trained = false;
    let decided = setup.fit_on(&of(patience), "decided", Some("patient"), 2, &mut |progress| {
        trained |= matches!(progress, Progress::Step { .. } | Progress::Epoch { .. });
        ControlFlow::Continue(())
    });
    let (decided, fresh) = (decided.unwrap(), setup.fit(&of(patience), "fresh", 2, &mut on).unwrap());
    assert!(!trained);
    assert_eq!((&decided.history, decided.epoch), (&fresh.history, fresh.epoch));
    let (one, other) = (decided.module.weights().unwrap(), fresh.module.weights().unwrap());
    assert!(one.keys().all(|name| torch::weights::bytes_equal(&one[name], &other[name]).unwrap()));
    // and more patience goes on
    let longer = setup.fit_on(&of(12), "longer", Some("fresh"), 2, &mut on).unwrap();
    assert_same_bits(&longer, &patient);
    assert_eq!(longer.history, patient.history);
}

#[test]
fn what_was_not_kept_is_trained_again() {
    let setup = Setup::new();
    let of = |epochs: usize| training(json!({ "epochs": epochs }));
    setup.fit(&of(3), "three", 1, &mut on).unwrap();
    let mut told = vec![];
    let shorter = setup.fit_on(&of(2), "two", Some("three"), 1, &mut |progress| {
        if let Progress::Note { text } | Progress::Warning { text } = progress {
            told.push(text);
        }
        ControlFlow::Continue(())
    });
    assert_same_bits(&shorter.unwrap(), &setup.fit(&of(2), "two-fresh", 1, &mut on).unwrap());
    // a damaged state is no state
    for epoch in fs::read_dir(setup.folder.path().join("three")).unwrap() {
        let path = epoch.unwrap().path().join("tensors.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    }
    let longer = setup.fit_on(&of(4), "four", Some("three"), 1, &mut |progress| {
        if let Progress::Note { text } | Progress::Warning { text } = progress {
            told.push(text);
        }
        ControlFlow::Continue(())
    });
    assert_same_bits(&longer.unwrap(), &setup.fit(&of(4), "four-fresh", 1, &mut on).unwrap());
    assert_eq!(
        told,
        [
            "trains from the start: an earlier training went on to epoch 3, and kept no weights of epoch 2",
            "the checkpoint is not used, training starts over: its tensors are damaged",
        ]
    );
}

#[test]
fn sixteen_bit_floats_of_small_range_need_a_gpu() {
    let setup = Setup::new();
    let error = setup.fit(&training(json!({ "precision": "float16" })), "half", 1, &mut on).unwrap_err();
    assert_eq!(error.to_string(), "training in float16 needs a GPU");
}

#[test]
fn a_found_rate_learns_and_resumes_to_the_same_bits() {
    let setup = Setup::new();
    let training = training(json!({ "epochs": 4, "optimizer": { "kind": "adam", "lr": "find" } }));
    let whole = setup.fit(&training, "found-whole", 2, &mut on).unwrap();
    let found = whole.rate.clone().unwrap();
    assert!((1e-4..1.0).contains(&found.lr), "{}", found.lr);
    assert!(whole.history[4].metrics["valid"]["auc"] > 0.9);
    // the test leaves no trace: the same rate as a number gives the same weights
    let mut given = training.clone();
    given.optimizer = given.optimizer.with_lr(found.lr);
    assert_same_bits(&setup.fit(&given, "given", 1, &mut on).unwrap(), &whole);
    for stop in 1..=2 {
        let checkpoint = format!("found-{stop}");
        let stopped = setup.fit(&training, &checkpoint, 1, &mut |progress| match progress {
            Progress::Epoch { epoch, .. } if epoch == stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert!(matches!(stopped, Err(Error::Stopped)));
        let mut tested = false;
        let resumed = setup.fit(&training, &checkpoint, 1, &mut |progress| {
            tested |= matches!(progress, Progress::Step { phase, .. } if phase == "learning rate");
            ControlFlow::Continue(())
        });
        let resumed = resumed.unwrap();
        assert!(!tested);
        assert_same_bits(&resumed, &whole);
        assert_eq!(resumed.rate.as_ref(), Some(&found));
    }
}

/// Prices around 500 that follow from age, but for 1 more or less.
fn prices(folder: &Path) -> Dataset {
    let mut draws = data::Draws::new(4, "test", &[]);
    let mut text = "age,price\n".to_owned();
    for row in 0..200 {
        let age = draws.below(80);
        text += &format!("{age},{}\n", 399.0 + 2.5 * age as f64 + f64::from(row % 3));
    }
    fs::write(folder.join("prices.csv"), text).unwrap();
    let split = Some(Split { train: Some(0.7), valid: Some(0.3), ..Split::default() });
    let source = Source { split, ..Source::new("prices.csv") };
    let table = Table::read(&folder.join("prices.csv"), &source).unwrap();
    let parts = data::assign(&table, &source, 1).unwrap();
    let spec = Spec {
        columns: BTreeMap::from([("age".into(), vec![Step::Number, Step::Standardize])]),
        label: Some("price".into()),
        label_kind: LabelKind::Number,
        ..Spec::default()
    };
    let transform = Transform::fit(&table, &parts, &spec).unwrap();
    transform.apply(&table, &parts, true, None).unwrap().write(folder).unwrap();
    Dataset::open(folder).unwrap()
}

#[test]
fn numbers_are_learnt_in_their_own_units() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = prices(folder.path());
    let layers = json!([{ "name": "output", "kind": "dense", "units": 1 }]);
    let columns = BTreeMap::from([("age".to_owned(), Input::Number)]);
    let network = Network::new(columns, serde_json::from_value(layers).unwrap()).label_scaled("");
    let module = Module::new(&network, 5, Device::Cpu).unwrap();
    standardize(&module, &Goal::only(Loss::of(Target::Number)), &dataset).unwrap();

    let train: Vec<f64> = match dataset.label_batch(data::LABEL, &dataset.rows_of(Some(Part::Train))) {
        Some(data::Labels::Number(prices)) => prices.into_iter().map(f64::from).collect(),
        _ => panic!("prices are numbers"),
    };
    let mean = train.iter().sum::<f64>() / train.len() as f64;
    let scale = |name: &str| module.tensor(name).unwrap().double_value(&[0]);
    assert!((scale("output-scale.mean") - mean).abs() < 1e-3);
    assert!((50.0..70.0).contains(&scale("output-scale.deviation")), "{}", scale("output-scale.deviation"));

    for (name, loss) in [("mse", json!("mse")), ("huber", json!({ "kind": "huber", "delta": 0.5 }))] {
        let goals = Goal::only(serde_json::from_value(loss).unwrap());
        let training = training(json!({
            "epochs": 60,
            "optimizer": { "kind": "adam", "lr": 3e-2 },
            "early-stopping": { "patience": 60, "metric": "rmse" },
        }));
        let module = Module::with_weights(&network, &module.weights().unwrap(), Device::Cpu).unwrap();
        let checkpoint = folder.path().join(name);
        let job = Job {
            stored: None,
            dataset: &dataset,
            training: &training,
            goals: &goals,
            seed: 5,
            checkpoint: &checkpoint,
            kept: None,
            threads: 1,
        };
        let fitted = fit(module, job, &mut on).unwrap();
        let valid = &fitted.history[fitted.epoch].metrics["valid"];
        assert!(valid["rmse"] < 1.2 && valid["r2"] > 0.999, "{name}: {valid:?}");
        // In deviations, not in the label's units.
        let deviation = fitted.module.tensor("output-scale.deviation").unwrap().double_value(&[0]);
        let half = if name == "huber" { 0.5 } else { 1.0 };
        let loss = half * (valid["rmse"] / deviation).powi(2);
        assert!((valid["loss"] / loss - 1.0).abs() < 1e-6, "{name}: {valid:?}");
        let rows = dataset.rows_of(Some(Part::Valid));
        let (prices, _) = predict(&fitted.module, &dataset, &rows, None).unwrap();
        assert!(prices.iter().all(|price| (390.0..610.0).contains(price)), "{prices:?}");
    }
}
