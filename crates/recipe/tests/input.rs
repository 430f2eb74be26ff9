//! Predicting on a file that the recipe does not know.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::path::{Path, PathBuf};

use plan::{Origin, Plan};
use recipe::{Compiled, InputFailure, Options, compile, for_input};

fn compiled() -> Compiled {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recipes");
    let options = Options { sets: vec![], data_dirs: vec![folder.join("data")], store: None };
    compile(&folder.join("valid/transfer.toml"), &options).unwrap()
}

/// A file of its own folder, which must outlive its use.
fn file(text: &str, name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// `stage: port<-from.port ...` for each stage in order.
fn edges(plan: &Plan) -> Vec<String> {
    plan.stages()
        .map(|stage| {
            let inputs = stage.inputs.iter().map(|input| match &input.origin {
                Origin::Stage { stage, port } => format!(" {}<-{stage}.{port}", input.port),
                Origin::Source(source) => format!(" {}<-[{source}]", input.port),
            });
            format!("{}:{}", stage.name, inputs.collect::<String>())
        })
        .collect()
}

#[test]
fn a_network_predicts_on_a_new_file() {
    let compiled = compiled();
    let (_folder, path) = file("id,review\nz,good\n", "new.csv");
    let plan = for_input(&compiled, "scores", &path).unwrap();
    assert_eq!(
        edges(&plan),
        [
            "tokens: data<-[reviews]",
            "sentiment: data<-tokens.dataset",
            "tokens@new.csv: data<-[reviews@new.csv] fitted<-tokens.transform",
            "scores: model<-sentiment.network data<-tokens@new.csv.dataset",
        ]
    );
    // What was trained is the same stage, so that it comes out of the store.
    for name in ["tokens", "sentiment"] {
        assert_eq!(plan.stage(name), compiled.plan.stage(name));
    }
    let source = &plan.sources["reviews@new.csv"];
    assert_eq!(source.paths, [path]);
    assert_eq!(source.reading, serde_json::json!({ "format": "csv", "id": "id" }));
    assert_eq!(source.seed, None);
}

#[test]
fn a_boosted_head_brings_its_features_and_columns() {
    let compiled = compiled();
    let (_folder, path) = file("Description\tBrowser_Used\nx\tChrome\n", "new.tsv.gz");
    let error = for_input(&compiled, "predictions", &path).unwrap_err();
    assert!(matches!(error, InputFailure::Data(_)), "{error}");
    let (_folder, path) = file("Description\tBrowser_Used\nx\tChrome\n", "new.tsv");
    for stage in ["predictions", "with-trees"] {
        let plan = for_input(&compiled, stage, &path).unwrap();
        let edges = edges(&plan);
        assert_eq!(
            edges[edges.len() - 3..],
            [
                "hotel-tokens@new.tsv: data<-[hotels@new.tsv] fitted<-hotel-tokens.transform".to_owned(),
                "features@new.tsv: network<-encoder.network data<-hotel-tokens@new.tsv.dataset".to_owned(),
                format!(
                    "{stage}: model<-boosted.head data<-hotel-tokens@new.tsv.dataset \
                     features<-features@new.tsv.features"
                ),
            ]
        );
        assert_eq!(plan.stage(stage).unwrap().kind, "predict");
    }
}

#[test]
fn what_cannot_be_predicted_is_said() {
    let compiled = compiled();
    let (_folder, path) = file("Description,rating\nx,1\n", "new.csv");
    let says = |stage: &str, wanted: &str| {
        let error = for_input(&compiled, stage, &path).unwrap_err().to_string();
        let error = error.replace(path.to_str().unwrap(), "new.csv");
        assert_eq!(error, wanted);
    };
    says("predictions", "`new.csv` has no column `Browser_Used`; it has `Description`, `rating`");
    says("scores", "`new.csv` has no column `review`, `id`; it has `Description`, `rating`");
    says("score", "the recipe has no stage `score`; did you mean `scores`?");
    says(
        "sentiment",
        "`sentiment` is a stage of kind \"train\", and only predict and evaluate stages apply a model: \
         `after-tuning`, `as-is`, `predictions`, `scores`, `with-trees`",
    );
    let error = for_input(&compiled, "scores", Path::new("nowhere.csv")).unwrap_err();
    assert!(matches!(error, InputFailure::Data(_)), "{error}");
}
