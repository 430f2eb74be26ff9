//! Encoders in folders of Hugging Face's against `transformers` (`encoders.py` made folders and numbers).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use network::Network;
use nn::{Column, Inputs, Module};
use serde_json::Value;
use torch::{Device, Tensor};

use crate::session::Session;

const RECIPE: &str = r#"
[stages.whole]
kind = "load-network"
path = "encoders/NAME"

[stages.states]
kind = "load-network"
path = "encoders/NAME"
network = { top = false }
ignore = "^(cls|bert[.]pooler|pre_classifier|classifier)[.]"

[stages.mean]
kind = "load-network"
path = "encoders/NAME"
network = { top = false, pool = "mean" }
ignore = "^(cls|bert[.]pooler|pre_classifier|classifier)[.]"
"#;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/encoders")
}

fn reference() -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join("reference.json")).unwrap()).unwrap()
}

fn session(recipe: &str) -> Session {
    let session = Session::new();
    session.copy("encoders", &folder());
    session.write("recipe.toml", recipe);
    session
}

/// The network that a stage has made, under the folder of its port where it has several.
fn module(session: &Session, stage: &str) -> Module {
    let answer = session.call(&format!("get recipe.toml {stage} {stage}"));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let folder = session.path(stage);
    let folder = if folder.join("network").is_dir() { folder.join("network") } else { folder };
    let network: Network = serde_json::from_slice(&fs::read(folder.join("network.json")).unwrap()).unwrap();
    let weights = torch::weights::load(&folder.join("weights.safetensors"), Device::Cpu).unwrap();
    Module::with_weights(&network, &weights, Device::Cpu).unwrap()
}

/// The reference's rows.
fn rows(reference: &Value) -> Inputs {
    let ids: Vec<Vec<i64>> = serde_json::from_value(reference["ids"].clone()).unwrap();
    let lengths: Vec<i64> = serde_json::from_value(reference["lengths"].clone()).unwrap();
    let ids = Tensor::from_slice(&ids.concat()).reshape([ids.len() as i64, -1]);
    BTreeMap::from([("text".to_owned(), Column::Sequence { ids, lengths: Tensor::from_slice(&lengths) })])
}

fn tensor(value: &Value) -> Tensor {
    let shape: Vec<i64> = serde_json::from_value(value["shape"].clone()).unwrap();
    let values: Vec<f32> = serde_json::from_value(value["values"].clone()).unwrap();
    Tensor::from_slice(&values).reshape(shape)
}

fn close(name: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.size(), expected.size(), "{name}");
    let off = (found - expected).abs().max().double_value(&[]);
    assert!(off < 1e-4, "{name}: off by {off}");
}

#[test]
fn encoders_compute_what_transformers_does() {
    let reference = reference();
    let inputs = rows(&reference);
    let lengths: Vec<i64> = serde_json::from_value(reference["lengths"].clone()).unwrap();
    for (name, expected) in reference["models"].as_object().unwrap() {
        let recipe = RECIPE.replace("NAME", name);
        // A model of masked words has no classifier.
        let recipe = if expected.get("logits").is_some() {
            recipe
        } else {
            recipe[recipe.find("[stages.states]").unwrap()..].to_owned()
        };
        let session = session(&recipe);
        let run = session.call("run recipe.toml");
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        let found = module(&session, "states").forward(&inputs).unwrap();
        let states = tensor(&expected["states"]);
        for (row, &length) in (0..).zip(&lengths) {
            // What stands behind a row's last step is nobody's business.
            let valid = |states: &Tensor| states.get(row).narrow(0, 0, length);
            close(&format!("{name}, states of row {row}"), &valid(&found), &valid(&states));
        }
        close(
            &format!("{name}, mean"),
            &module(&session, "mean").forward(&inputs).unwrap(),
            &tensor(&expected["mean"]),
        );
        if let Some(logits) = expected.get("logits") {
            let module = module(&session, "whole");
            close(&format!("{name}, logits"), &module.forward(&inputs).unwrap(), &tensor(logits));
            if let Some(pooled) = expected.get("pooled") {
                close(
                    &format!("{name}, pooled"),
                    &module.forward_node(&inputs, "pooler").unwrap(),
                    &tensor(pooled),
                );
            }
        }
    }
}

/// A frozen first layer, another that moves a tenth as fast, a new head; and heads on sentence vectors.
const TRANSFER: &str = r#"
[data.reviews]
path = "reviews.csv"
split = { train = 0.5, valid = 0.25, test = 0.25, stratify = "label" }

[stages.tokens]
kind = "preprocess"
data = "reviews"
label = "label"
columns.text = [{ tokenize = "whitespace" }, { index = {} }, { clip = 12 }]

[stages.encoder]
kind = "load-network"
path = "encoders/bert"
data = "tokens"
network = { top = false, pool = "mean" }
ignore = "^(bert[.]pooler|classifier)[.]"

[stages.frozen]
kind = "freeze"
network = "encoder"
layers = "^embeddings|^encoder[.]layer[.]0[.]"

[stages.tuned]
kind = "finetune"
network = "frozen"
data = "tokens"
epochs = 2
batch = { size = 4 }
optimizer = { kind = "sgd", lr = 0.01 }
layer-decay = 0.99
rates = [{ layers = "^encoder[.]layer[.]1[.]intermediate", scale = 0.1 }]
replace = [{ name = "head", kind = "dense", units = 1 }]

[stages.last]
kind = "freeze"
network = "encoder"
except-last = 2

[stages.norm]
kind = "finetune"
network = "last"
data = "tokens"
epochs = 1
replace = [{ name = "head", kind = "dense", units = 1 }]

[stages.vectors]
kind = "extract-features"
network = "encoder"
data = "tokens"

[stages.linear]
kind = "linear"
data = "tokens"
features = ["vectors"]

[stages.more-vectors]
kind = "extract-features"
network = "last"
data = "tokens"

[stages.both]
kind = "linear"
data = "tokens"
features = ["vectors", "more-vectors"]

[stages.nearest]
kind = "knn"
data = "tokens"
features = ["vectors"]
k = 3

[stages.linear-score]
kind = "evaluate"
model = "linear"

[stages.nearest-score]
kind = "evaluate"
model = "nearest"
"#;

#[test]
fn encoders_are_frozen_tuned_and_hoisted() {
    let session = session(TRANSFER);
    let mut rows = "text,label\n".to_owned();
    for row in 0..24 {
        let words = ["good fine", "bad poor"][row % 2];
        rows += &format!("the room was {words} {},{}\n", ["and large", "", "today"][row % 3], row % 2);
    }
    session.write("reviews.csv", &rows);
    let plan = session.call("plan recipe.toml");
    for hoisted in ["`encoder.layer.0.output.LayerNorm` of `encoder` once for `tuned`", "norm.frozen"] {
        assert!(plan.stdout.contains(hoisted), "{}{}", plan.stdout, plan.stderr);
    }
    let run = session.call("run recipe.toml");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let (start, tuned, norm) =
        (module(&session, "encoder"), module(&session, "tuned"), module(&session, "norm"));
    let moved = |trained: &Module, name: &str| {
        let off = trained.tensor(name).unwrap().detach() - start.tensor(name).unwrap().detach();
        off.abs().max().double_value(&[])
    };
    for name in start.trainable() {
        let frozen = name.starts_with("embeddings.") || name.starts_with("encoder.layer.0.");
        // What is added to all keys alike changes no weight of attention, so nothing need move it.
        if name == "encoder.layer.1.attention.self.key.bias" {
            continue;
        }
        assert_eq!(moved(&tuned, name) == 0.0, frozen, "{name}");
        // The last two layers with parameters: the linear map of the feed-forward part and the norm behind it.
        let last = name.starts_with("encoder.layer.1.output.");
        assert_eq!(moved(&norm, name) == 0.0, !last, "{name}");
    }
    let shown = session.call("show recipe.toml both").stdout;
    for name in ["\nvectors 0 ", "\nvectors 15 ", "\nmore-vectors 0 ", "\nmore-vectors 15 "] {
        assert!(shown.contains(name), "{name}: {shown}");
    }
    for stage in ["linear-score", "nearest-score"] {
        assert!(session.call(&format!("show recipe.toml {stage}")).stdout.contains("accuracy"), "{stage}");
    }
}

#[test]
fn static_embeddings_are_means_of_rows() {
    // Rows of 3-4-5 triangles, named as Model2Vec does; its configuration speaks of other sizes.
    let session = Session::new();
    fs::create_dir(session.path("static")).unwrap();
    session
        .write("static/config.json", r#"{ "model_type": "model2vec", "hidden_dim": 64, "normalize": true }"#);
    let table = Tensor::from_slice(&[0_f32, 0.0, 3.0, 4.0, 5.0, 0.0, -3.0, 4.0]).reshape([4, 2]);
    torch::weights::save(
        &session.path("static/model.safetensors"),
        &[("embeddings".to_owned(), table)].into(),
    )
    .unwrap();
    session.write("recipe.toml", "[stages.static]\nkind = \"load-network\"\npath = \"static\"\n");
    assert_eq!(session.call("run recipe.toml").code, Some(0));
    let module = module(&session, "static");
    let ids = Tensor::from_slice(&[1_i64, 3, 0, 2, 1, 2]).reshape([2, 3]);
    let column = Column::Sequence { ids, lengths: Tensor::from_slice(&[2_i64, 1]) };
    let found = module.forward(&[("text".to_owned(), column)].into()).unwrap();
    // (0, 4) and (5, 0), of length 1.
    close("static", &found, &Tensor::from_slice(&[0_f32, 1.0, 1.0, 0.0]).reshape([2, 2]));
}

#[test]
fn what_does_not_fit_is_told_before_anything_runs() {
    let session = session(
        r#"
[stages.lacks]
kind = "load-network"
path = "encoders/masked"

[stages.heads]
kind = "load-network"
path = "encoders/bert"
network = { top = false, pool = "cls" }

[stages.classes]
kind = "load-network"
path = "encoders/roberta"
network = { with = { classes = 5 } }

[stages.other]
kind = "load-network"
path = "encoders/roberta"
network = { backbone = "bert" }

[stages.unknown]
kind = "load-network"
path = "gpt2"

[stages.empty]
kind = "load-network"
path = "empty"
network.layers = [{ name = "embeddings", kind = "embedding", units = 2 }]

[stages.torn]
kind = "load-network"
path = "torn"

[stages.odd]
kind = "load-network"
path = "odd"

[stages.relative]
kind = "load-network"
path = "relative"

[stages.nothing]
kind = "load-network"
path = "empty"
"#,
    );
    for (name, config) in [
        ("gpt2", r#"{ "model_type": "gpt2" }"#),
        ("torn", r#"{ "model_type": "bert", "#),
        ("odd", r#"{ "model_type": "distilbert", "n_heads": 0 }"#),
        ("relative", r#"{ "model_type": "bert", "position_embedding_type": "relative_key" }"#),
    ] {
        fs::create_dir(session.path(name)).unwrap();
        session.write(&format!("{name}/config.json"), config);
        fs::copy(
            session.path("encoders/bert/model.safetensors"),
            session.path(&format!("{name}/model.safetensors")),
        )
        .unwrap();
    }
    fs::create_dir(session.path("empty")).unwrap();
    assert_snapshot!("encoders_misfits", session.transcript("check recipe.toml"));
}
