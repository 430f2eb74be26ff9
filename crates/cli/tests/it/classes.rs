//! Classes by name: a head that names its classes in another order than a label does, as `transformers` saves one
//! (`encoders.py` made folder and logits), and a network that learnt other classes than the data has.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::session::Session;

/// In the order of the head's units, which is not that of a label: negative, neutral, positive.
const NAMES: [&str; 3] = ["positive", "negative", "neutral"];

/// Rows 1 and 2 of the reference as texts, between `[CLS]` and `[SEP]`.
const TEXTS: [&str; 2] = ["w46 w17", "w8 w41 w28 w35"];

/// The folder of the reference's BERT, its classes named, and what its head says of the texts: a probability a class.
fn folder(session: &Session) -> Vec<BTreeMap<&'static str, f64>> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/encoders");
    session.copy("bert", &from.join("bert"));
    let mut config: Value =
        serde_json::from_slice(&fs::read(session.path("bert/config.json")).unwrap()).unwrap();
    config["id2label"] = json!({ "0": NAMES[0], "1": NAMES[1], "2": NAMES[2] });
    session.write("bert/config.json", &config.to_string());
    let reference: Value = serde_json::from_slice(&fs::read(from.join("reference.json")).unwrap()).unwrap();
    let logits: Vec<f64> =
        serde_json::from_value(reference["models"]["bert"]["logits"]["values"].clone()).unwrap();
    let row = |row: usize| {
        let weights = logits[row * 3..row * 3 + 3].iter().map(|logit| logit.exp());
        let sum: f64 = weights.clone().sum();
        NAMES.into_iter().zip(weights.map(|weight| weight / sum)).collect()
    };
    vec![row(1), row(2)]
}

const RECIPE: &str = r#"
[data.rows]
path = "rows.csv"
split = { column = "part" }

[stages.tokens]
kind = "preprocess"
data = "rows"
label = "label"
columns.text = [{ tokenizer = { path = "bert/vocab.txt" } }]

[stages.bert]
kind = "load-network"
path = "bert"
data = "tokens"

[stages.result]
kind = "evaluate"
model = "bert"
data = "tokens"
metrics = ["accuracy"]

[stages.told]
kind = "predict"
model = "bert"
data = "tokens"
part = "test"
"#;

/// Test rows of the texts with these labels; training rows have each of them.
fn rows(session: &Session, labels: [&str; 2], training: &[&str]) {
    let mut table = "text,label,part\n".to_owned();
    for label in training {
        table += &format!("w9,{label},train\n");
    }
    for (text, label) in TEXTS.iter().zip(labels) {
        table += &format!("{text},{label},test\n");
    }
    session.write("rows.csv", &table);
}

fn run(session: &Session) {
    let run = session.call("run recipe.toml");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// A table that a stage has made, row by row.
fn table(session: &Session, stage: &str, file: &str) -> Vec<BTreeMap<String, String>> {
    let answer = session.call(&format!("get recipe.toml {stage} {stage} --force"));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let text = fs::read_to_string(session.path(stage).join(file)).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
    let header: Vec<String> = lines.next().unwrap().collect();
    lines.map(|line| header.iter().cloned().zip(line).collect()).collect()
}

/// The name of the likeliest class.
fn likeliest(probabilities: &BTreeMap<&'static str, f64>) -> &'static str {
    probabilities.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(name, _)| *name).unwrap()
}

/// That a table has the reference's probabilities under the names of its classes.
fn matches(found: &[BTreeMap<String, String>], expected: &[BTreeMap<&'static str, f64>], within: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        for (name, probability) in expected {
            let score: f64 = found[&format!("score {name}")].parse().unwrap();
            assert!((score - probability).abs() < within, "{name}: {score} is not {probability}");
        }
        assert_eq!(found["class"], likeliest(expected));
    }
}

#[test]
fn a_head_tells_its_classes_in_the_order_of_the_label() {
    let session = Session::new();
    let expected = folder(&session);
    // The first text is what the head says, the second something else.
    let other = NAMES.into_iter().find(|name| *name != likeliest(&expected[1])).unwrap();
    rows(&session, [likeliest(&expected[0]), other], &NAMES);
    session.write("recipe.toml", RECIPE);
    run(&session);
    assert_eq!(session.metrics("result")["accuracy"], 0.5);
    for (stage, file) in [("result", "scores.csv"), ("told", "predictions.csv")] {
        matches(&table(&session, stage, file), &expected, 1e-5);
    }
    // Tables of numbers mean the head's own.
    let number = |name| NAMES.iter().position(|own| *own == name).unwrap().to_string();
    let labels = [number(likeliest(&expected[0])), number(other)];
    rows(&session, [&labels[0], &labels[1]], &["0", "1", "2"]);
    run(&session);
    assert_eq!(session.metrics("result")["accuracy"], 0.5);
    // A label of some of the classes.
    let some = [likeliest(&expected[0]), other];
    let two: Vec<&str> =
        if some[0] == some[1] { vec![some[0], likeliest(&expected[1])] } else { some.into() };
    rows(&session, some, &two);
    run(&session);
    assert_eq!(session.metrics("result")["accuracy"], 0.5);
    matches(&table(&session, "result", "scores.csv"), &expected, 1e-5);
}

#[test]
fn without_a_label_classes_have_the_names_of_the_head() {
    let session = Session::new();
    let expected = folder(&session);
    session.write("rows.csv", &format!("text\n{}\n{}\n", TEXTS[0], TEXTS[1]));
    let recipe = RECIPE.replace("split = { column = \"part\" }\n", "").replace("label = \"label\"\n", "");
    let recipe = recipe.replace("part = \"test\"\n", "").replace("[stages.result]", "[stages.told-too]");
    let recipe =
        recipe.replace("kind = \"evaluate\"", "kind = \"predict\"").replace("metrics = [\"accuracy\"]\n", "");
    session.write("recipe.toml", &recipe);
    run(&session);
    matches(&table(&session, "told", "predictions.csv"), &expected, 1e-5);
    // Names of the recipe's own win.
    let own =
        recipe.replace("path = \"bert\"\n", "path = \"bert\"\nclasses = [\"plus\", \"minus\", \"none\"]\n");
    session.write("recipe.toml", &own);
    run(&session);
    let told = table(&session, "told", "predictions.csv");
    assert!(told[0].contains_key("score minus"), "{told:?}");
}

#[test]
fn finetuning_starts_from_a_head_in_the_order_of_the_label() {
    let session = Session::new();
    let expected = folder(&session);
    rows(&session, [NAMES[0], NAMES[1]], &NAMES);
    let tuned = RECIPE.replace("model = \"bert\"", "model = \"tuned\"")
        + r#"
[stages.tuned]
kind = "finetune"
network = "bert"
data = "tokens"
epochs = 1
optimizer = { kind = "sgd", lr = 1e-4 }
"#;
    session.write("recipe.toml", &tuned);
    run(&session);
    matches(&table(&session, "told", "predictions.csv"), &expected, 1e-2);
    // What it has learnt is the label, in the label's order.
    assert!(session.documents("recipe.toml", "tuned")["network.json"]["classes"].is_null());
}

#[test]
fn other_classes_are_refused_unless_they_are_said_to_be_the_same() {
    let session = Session::new();
    folder(&session);
    rows(&session, ["good", "bad"], &["good", "bad", "neutral"]);
    session.write("recipe.toml", RECIPE);
    let run = session.call("run recipe.toml --only result");
    let error = run.stderr.lines().skip_while(|line| !line.starts_with("error"));
    assert_snapshot!("classes_of_another_label", error.collect::<Vec<_>>().join("\n"));
    assert_eq!(run.code, Some(2));
    let named = "path = \"bert\"\nclasses = [\"good\", \"bad\", \"neutral\"]\n";
    session.write("recipe.toml", &RECIPE.replace("path = \"bert\"\n", named));
    assert_eq!(session.call("run recipe.toml --only result").code, Some(0));
}

#[test]
fn a_network_that_learnt_more_classes_is_measured_by_their_names() {
    let session = Session::new();
    session.copy("bert", &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/encoders/bert"));
    let mut learnt = "text,label\n".to_owned();
    for row in 0..60 {
        let (word, label) = [("w7", "bad"), ("w8", "fair"), ("w9", "good")][row % 3];
        learnt += &format!("{word} w{},{label}\n", 10 + row % 5);
    }
    session.write("learnt.csv", &learnt);
    // Of three classes two, so that `good` is another number here.
    session.write(
        "others.csv",
        "text,label,part\nw7,bad,train\nw9,good,train\nw9 w30,good,test\nw7 w31,bad,test\n",
    );
    session.write(
        "recipe.toml",
        r#"
[data.learnt]
path = "learnt.csv"

[data.others]
path = "others.csv"
split = { column = "part" }

[stages.tokens]
kind = "preprocess"
data = "learnt"
label = "label"
columns.text = [{ tokenizer = { path = "bert/vocab.txt" } }]

[stages.again]
kind = "preprocess"
data = "others"
label = "label"
columns.text = [{ tokenizer = { path = "bert/vocab.txt" } }]

[stages.small]
kind = "train"
data = "tokens"
epochs = 12
batch = { size = 8 }
optimizer = { kind = "adam", lr = 0.05 }
network.layers = [
  { name = "embed", kind = "embedding", units = 4 },
  { name = "mean", kind = "mean-pool" },
  { name = "output", kind = "dense" },
]

[stages.result]
kind = "evaluate"
model = "small"
data = "again"
metrics = ["accuracy"]
"#,
    );
    run(&session);
    assert_eq!(session.metrics("result")["accuracy"], 1.0);
}
