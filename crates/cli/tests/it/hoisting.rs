//! Frozen parts that are run once: the result is that of running them in every epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use crate::session::Session;

/// One base; two heads and an evaluation over what it gives, and the same heads with the base run in every epoch.
const RECIPE: &str = r#"
name = "hoisting"
seed = 7

[data.reviews]
path = "reviews.csv"
split = { train = 0.6, valid = 0.2, test = 0.2, stratify = "label" }

[stages.tokens]
kind = "preprocess"
data = "reviews"
label = "label"
columns.review = ["lowercase", { tokenize = "punctuation" }, { index = { min-count = 1 } }, { clip = 40 }]

[stages.base]
kind = "train"
data = "tokens"
epochs = 1
batch = { size = 16, buckets = 2 }
optimizer = { kind = "adam", lr = 1e-2 }
network.layers = [
  { name = "embed", kind = "embedding", units = 16 },
  { name = "quiet", kind = "dropout", rate = 0.3 },
  { name = "gru", kind = "gru", units = 24, bidirectional = true },
  { name = "last", kind = "sequence-last" },
  { name = "dense", kind = "dense", units = 8, batch-norm = true, activation = "relu", dropout = 0.3 },
  { name = "output", kind = "dense", units = 1 },
]

[stages.frozen]
kind = "freeze"
network = "base"
layers = "embed|gru"

[stages.head]
kind = "finetune"
network = "frozen"
data = "tokens"
epochs = 6
batch = { size = 16, buckets = 2 }
optimizer = { kind = "adam", lr = 1e-2 }
early-stopping = { patience = 2, metric = "loss" }

[stages.head-again]
kind = "finetune"
network = "head"
data = "tokens"
epochs = 2
batch = { size = 32 }

[stages.attention]
kind = "finetune"
network = "frozen"
data = "tokens"
epochs = 2
batch = { size = 16, buckets = 2 }
replace = [{ name = "last", kind = "attention-pool", units = 8 }]

[stages.lookup]
kind = "freeze"
network = "base"
layers = "embed"

[stages.gru]
kind = "finetune"
network = "lookup"
data = "tokens"
epochs = 1

[stages.score]
kind = "evaluate"
model = "head"
data = "tokens"

[stages.scores]
kind = "predict"
model = "head"
data = "tokens"
"#;

/// Pictures under a frozen convolution, in two augmented views.
const PICTURES: &str = r#"
seed = 7

[data.pets]
path = "pets"
format = "pictures"
split = { train = 0.6, valid = 0.4, stratify = "label" }

[stages.pictures]
kind = "preprocess"
data = "pets"
label = "label"
columns.image = [{ resize = 20 }, { center-crop = 16 }, "rgb"]

[stages.base]
kind = "load-network"
data = "pictures"
network.layers = [
  { name = "conv", kind = "conv2d", units = 8, kernel = 7, activation = "relu" },
  { name = "pool", kind = "adaptive-average-pool2d", size = 2 },
  { name = "flat", kind = "flatten" },
  { name = "output", kind = "dense", units = 1 },
]

[stages.frozen]
kind = "freeze"
network = "base"
layers = "conv"

[stages.head]
kind = "finetune"
network = "frozen"
data = "pictures"
epochs = 5
batch = { size = 2 }
augment = [{ horizontal-flip = 0.5 }, { rotate = 40 }, { brightness = 0.4 }]
views = 2
optimizer = { kind = "adam", lr = 1e-2 }

[stages.other-seed]
kind = "finetune"
network = "frozen"
data = "pictures"
epochs = 1
augment = [{ horizontal-flip = 0.5 }, { rotate = 40 }, { brightness = 0.4 }]
views = 2
seed = 8

[stages.score]
kind = "evaluate"
model = "head"
data = "pictures"
"#;

/// The same frozen convolution in two folds with two seeds; the seed draws the head with it.
const FOLDS: &str = r#"
[matrix]
seed = [7, 8]

[folds]
k = 2
stratify = "label"

[data.pets]
path = "pets"
format = "pictures"

[stages.pictures]
kind = "preprocess"
data = "pets"
label = "label"
columns.image = [{ resize = 20 }, { center-crop = 16 }, "rgb"]

[stages.base]
kind = "load-network"
data = "pictures"
path = "conv.safetensors"
draw = "output"
network.layers = [
  { name = "conv", kind = "conv2d", units = 8, kernel = 7, activation = "relu" },
  { name = "pool", kind = "adaptive-average-pool2d", size = 2 },
  { name = "flat", kind = "flatten" },
  { name = "output", kind = "dense", units = 1 },
]

[stages.frozen]
kind = "freeze"
network = "base"
layers = "conv"

[stages.head]
kind = "finetune"
network = "frozen"
data = "pictures"
epochs = 3
batch = { size = 2 }
optimizer = { kind = "adam", lr = 1e-2 }

[stages.score]
kind = "evaluate"
model = "head"
data = "pictures"
"#;

fn session() -> Session {
    let session = Session::started();
    session.write("hoisted.toml", RECIPE);
    session.write("whole.toml", &RECIPE.replace("kind = \"finetune\"", "kind = \"finetune\"\nhoist = false"));
    session
}

/// Runs a recipe and gives its events.
fn run(session: &Session, args: &str) -> Vec<Value> {
    let answer = session.command(&format!("run {args} --jobs 1 --json")).output().unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    assert_eq!(answer.status.code(), Some(0), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Stages that were run, in the order in which they were started: what one makes is stored while the next one runs, so
/// they may end in another.
fn ran(events: &[Value]) -> Vec<&str> {
    let started = events.iter().filter(|event| event["event"] == "stage-started");
    started.map(|event| event["stage"].as_str().unwrap()).collect()
}

/// The floats of a trained network by name, and its history.
fn trained(session: &Session, recipe: &str, stage: &str) -> (BTreeMap<String, Vec<f32>>, Value) {
    let folder = format!("{recipe}-{stage}");
    assert_eq!(session.call(&format!("get {recipe}.toml {stage} {folder}")).code, Some(0));
    let read = |name: &str| fs::read(session.path(&format!("{folder}/{name}"))).unwrap();
    let bytes = read("network/weights.safetensors");
    let (size, rest) = bytes.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(usize::try_from(u64::from_le_bytes(*size)).unwrap());
    let header: BTreeMap<String, Value> = serde_json::from_slice(header).unwrap();
    let floats = |entry: &Value| {
        let at = |end: usize| usize::try_from(entry["data_offsets"][end].as_u64().unwrap()).unwrap();
        let (floats, _) = data[at(0)..at(1)].as_chunks();
        floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    let weights = header.iter().map(|(name, entry)| (name.clone(), floats(entry))).collect();
    (weights, serde_json::from_slice(&read("history/history.json")).unwrap())
}

/// Asserts that two documents hold the same but for rounding.
#[track_caller]
fn assert_close(one: &Value, other: &Value) {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            assert!((one - other).abs() <= 1e-5, "{one} and {other}");
        }
        (Value::Array(one), Value::Array(other)) => {
            assert_eq!(one.len(), other.len());
            one.iter().zip(other).for_each(|(one, other)| assert_close(one, other));
        }
        (Value::Object(one), Value::Object(other)) => {
            assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
            one.values().zip(other.values()).for_each(|(one, other)| assert_close(one, other));
        }
        _ => assert_eq!(one, other),
    }
}

#[test]
fn a_hoisted_training_is_the_whole_one() {
    let session = session();
    assert_snapshot!("hoisting_plan", session.transcript("plan hoisted.toml"));
    assert_snapshot!("hoisting_off", session.transcript("plan whole.toml --only head"));
    assert_snapshot!("hoisting_graph", session.transcript("graph hoisted.toml"));
    let events = run(&session, "hoisted.toml");
    // One pass for both heads and another for what attention reads; what only looks up is not hoisted.
    let frozen: BTreeSet<&str> =
        ran(&events).into_iter().filter(|stage| stage.ends_with(".frozen")).collect();
    assert_eq!(frozen, ["attention.frozen", "head.frozen"].into());
    run(&session, "whole.toml");

    let (base, _) = trained(&session, "hoisted", "base");
    for stage in ["head", "head-again", "attention", "gru"] {
        let (hoisted, history) = trained(&session, "hoisted", stage);
        let (whole, expected) = trained(&session, "whole", stage);
        assert_close(&history, &expected);
        assert_eq!(hoisted.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
        for (name, floats) in &hoisted {
            let off = floats.iter().zip(&whole[name]).map(|(one, other)| (one - other).abs());
            let most = off.fold(0.0, f32::max);
            assert!(most <= 1e-4, "{stage}: {name} is off by {most}");
            let is_frozen = name.starts_with("embed") || (name.starts_with("gru") && stage != "gru");
            let bits = |floats: &[f32]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
            let same = base.get(name).is_some_and(|base| bits(base) == bits(floats));
            assert_eq!(same, is_frozen, "{stage}: {name}");
        }
    }
    for stage in ["score", "scores"] {
        let documents = |recipe| session.documents(recipe, stage);
        assert_close(&documents("hoisted.toml"), &documents("whole.toml"));
    }
}

#[test]
fn the_frozen_part_is_run_again_only_when_it_changed() {
    let session = session();
    run(&session, "hoisted.toml --only head");
    let other = run(&session, "hoisted.toml --only head --set stages.head.optimizer.lr=0.02");
    assert_eq!(ran(&other), ["head"]);
    assert_eq!(ran(&run(&session, "hoisted.toml --only head --force head")), ["head"]);
    let made = run(&session, "hoisted.toml --only head.frozen --force head.frozen");
    assert_eq!(ran(&made), ["head.frozen"]);
    let again = run(&session, "hoisted.toml --only head --set stages.base.epochs=2");
    assert_eq!(ran(&again), ["base", "frozen", "head.frozen", "head"]);
    assert_snapshot!("hoisting_input", {
        session.write("input.toml", &RECIPE.replace("model = \"head\"", "model = \"head.frozen\""));
        session.transcript("check input.toml")
    });
}

/// Ten pictures of two classes.
fn pets() -> Session {
    let session = Session::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/tests/files");
    for (class, files) in [
        ("cat", ["jpeg.jpg", "png-rgb.png", "bmp.bmp", "jpeg-grey.jpg", "gif.gif"]),
        ("dog", ["webp.webp", "jpeg-422.jpg", "png-palette.png", "png-grey.png", "jpeg-444.jpg"]),
    ] {
        fs::create_dir_all(session.path(&format!("pets/{class}"))).unwrap();
        for file in files {
            fs::copy(folder.join(file), session.path(&format!("pets/{class}/{file}"))).unwrap();
        }
    }
    session
}

#[test]
fn views_of_pictures_are_run_once() {
    let session = pets();
    session.write("hoisted.toml", PICTURES);
    session.write("whole.toml", &PICTURES.replace("views = 2", "views = 2\nhoist = false"));
    session.write("anew.toml", &PICTURES.replace("views = 2", ""));
    assert_snapshot!("hoisting_views", session.transcript("plan hoisted.toml"));
    assert_snapshot!("hoisting_no_views", session.transcript("plan anew.toml --only head"));
    let events = run(&session, "hoisted.toml");
    // Another seed draws other views.
    let made: BTreeSet<&str> = ran(&events).into_iter().filter(|stage| stage.ends_with(".frozen")).collect();
    assert_eq!(made, ["head.frozen", "other-seed.frozen"].into());
    run(&session, "whole.toml");
    run(&session, "anew.toml --only head");
    let (weights, history) = trained(&session, "hoisted", "head");
    let (whole, expected) = trained(&session, "whole", "head");
    assert_close(&history, &expected);
    for (name, floats) in &weights {
        for (one, other) in floats.iter().zip(&whole[name]) {
            assert!((one - other).abs() <= 1e-5, "{name}: {one} and {other}");
        }
    }
    let (anew, _) = trained(&session, "anew", "head");
    assert_ne!(anew["output.weight"], whole["output.weight"]);
    let score = |recipe| session.documents(recipe, "score");
    assert_close(&score("hoisted.toml"), &score("whole.toml"));
    // The views are those that the sheet shows.
    let shown = session.call("show hoisted.toml head").stdout;
    assert!(shown.contains("head-augmented.png"), "{shown}");
}

#[test]
fn folds_and_seeds_share_what_a_frozen_part_gives() {
    let session = pets();
    let drawn = FOLDS.replace("path = \"conv.safetensors\"\ndraw = \"output\"", "seed = 3");
    session.write("drawn.toml", &drawn);
    let first = run(&session, "drawn.toml --only base");
    assert_eq!(ran(&first)[..2], ["pictures.decoded", "pictures@seed=7@fold=0"]);
    assert_eq!(ran(&first).len(), 9);
    assert_eq!(session.call("get drawn.toml base@seed=7@fold=0 drawn").code, Some(0));
    fs::copy(session.path("drawn/weights.safetensors"), session.path("conv.safetensors")).unwrap();
    session.write("hoisted.toml", FOLDS);
    session.write("whole.toml", &FOLDS.replace("kind = \"finetune\"", "kind = \"finetune\"\nhoist = false"));
    assert_snapshot!("hoisting_folds", session.transcript("plan hoisted.toml"));
    let events = run(&session, "hoisted.toml");
    let ran = ran(&events);
    let count = |of: &str| ran.iter().filter(|stage| stage.split('@').next() == Some(of)).count();
    assert_eq!((count("head.part"), count("head.frozen"), count("head")), (4, 1, 4), "{ran:?}");
    run(&session, "whole.toml");
    for variant in ["@seed=7@fold=0", "@seed=8@fold=1"] {
        let score = |recipe| session.documents(recipe, &format!("score{variant}"));
        assert_close(&score("hoisted.toml"), &score("whole.toml"));
    }
    // Augmented views of other training rows are others.
    session.write(
        "views.toml",
        &FOLDS.replace("epochs = 3", "epochs = 1\nviews = 1\naugment = [{ rotate = 40 }]"),
    );
    let plan = session.call("plan views.toml").stdout;
    assert!(plan.contains("head.frozen") && !plan.contains("head.part"), "{plan}");
}
