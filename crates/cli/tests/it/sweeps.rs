//! Sweeps and folds from the recipe to the report.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::session::Session;

/// Over the starter's reviews: a vocabulary for each fold, a network for each fold and rate.
const RECIPE: &str = r#"
name = "swept"
seed = 7

[matrix]
lr = [1e-2, 3e-3]

[folds]
k = 3
stratify = "label"

[data.reviews]
path = "reviews.csv"

[stages.tokens]
kind = "preprocess"
data = "reviews"
label = "label"
columns.review = ["lowercase", { tokenize = "punctuation" }, { index = {} }, { clip = 20 }]

[stages.net]
kind = "train"
data = "tokens"
epochs = 1
optimizer = { kind = "adam", lr = "${lr}" }
network.layers = [
  { name = "embed", kind = "embedding", units = 2 },
  { name = "mean", kind = "mean-pool" },
  { name = "output", kind = "dense", units = 1 },
]

[stages.test]
kind = "evaluate"
model = "net"
data = "tokens"
metrics = ["auc", "log-loss"]

[stages.table]
kind = "compare"
stages = ["test"]
labels = ["network"]
"#;

#[test]
fn a_sweep_from_plan_to_report() {
    let session = Session::started();
    session.write("recipe.toml", RECIPE);
    assert_snapshot!("plan", session.transcript("plan recipe.toml"));
    assert_snapshot!("graph", session.transcript("graph recipe.toml"));

    // What needs one fold only, then one rate in all folds: shared work is done once.
    let events = |args: &str, wanted: &str| -> Vec<String> {
        let answer = session.call(args);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        let events = answer.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let events = events.filter(|event| event["event"] == wanted);
        let mut stages: Vec<String> =
            events.map(|event| event["stage"].as_str().unwrap().to_owned()).collect();
        stages.sort();
        stages
    };
    let only = "run recipe.toml --json --only net@lr=0.01@fold=1";
    assert_eq!(events(only, "stage-done"), ["net@lr=0.01@fold=1", "tokens@fold=1"]);
    let more = "run recipe.toml --json --only test@lr=0.01";
    let done = events(more, "stage-done");
    assert_eq!(done.len(), 2 + 2 + 3, "{done:?}");
    assert_snapshot!("plan_half", session.transcript("plan recipe.toml"));
    assert_eq!(events("run recipe.toml --json", "stage-hit").len(), 9);

    assert_snapshot!("show_several", session.transcript("show recipe.toml test"));
    assert_snapshot!("show_no_such", session.transcript("show recipe.toml test@lr=7"));
    assert_eq!(session.call("show recipe.toml test@lr=0.01@fold=0").code, Some(0));

    // The table's means are those of the evaluations.
    let shown: Value = serde_json::from_str(&session.call("show recipe.toml table --json").stdout).unwrap();
    let table = &shown[0]["documents"]["comparison.json"];
    let values: Vec<f64> = (0..3)
        .map(|fold| {
            let stage = format!("show recipe.toml test@lr=0.003@fold={fold} --json");
            let shown: Value = serde_json::from_str(&session.call(&stage).stdout).unwrap();
            shown[0]["documents"]["metrics.json"]["metrics"]["auc"].as_f64().unwrap()
        })
        .collect();
    let spread = &table["spreads"][1];
    assert_eq!((spread["name"].as_str(), spread["count"].as_u64()), (Some("network@lr=0.003"), Some(3)));
    let mean = spread["metrics"]["auc"]["mean"].as_f64().unwrap();
    assert!((mean - values.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    let means = [0, 1].map(|at| table["spreads"][at]["metrics"]["auc"]["mean"].as_f64().unwrap());
    let best = if means[0] >= means[1] { "network@lr=0.01" } else { "network@lr=0.003" };
    assert_eq!(table["best"].as_str(), Some(best));

    assert_eq!(session.call("report recipe.toml").code, Some(0));
    let page = fs::read_to_string(session.path("report.html")).unwrap();
    assert!(
        page.contains("net × 6") && page.contains("table: variants together"),
        "the page lacks the sweep"
    );
    session.write("recipe.toml", &RECIPE.replace("epochs = 1", "epochs = 2"));
    assert_eq!(session.call("run recipe.toml --only test").code, Some(0));
    let diff = session.call("diff latest~1 latest").stdout;
    assert!(diff.contains("net × 6\n  params.epochs: 1 -> 2\n"), "{diff}");
}
