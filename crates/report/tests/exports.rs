//! Files for other programs, byte for byte.

use report::mlflow::{self, Experiment, Run};
use report::tensorboard::{Scalar, event_file};

/// Written by tensorboard 2.21.0: `RecordWriter` over serialised `Event` messages with the same numbers.
const EVENTS: &str = "1800000000000000a37f4b220900000040fc54d9411a0d627261696e2e4576656e743a32eced8f9d17000000\
                      00000000e7cef81e0900000040fc54d9412a0c0a0a0a03617563150000003f642d9e9521000000000000000\
                      17becf60900000040fc54d94110ac022a130a110a0a76616c69642f6c6f7373150000a0bf84e7513f";

#[test]
fn event_files_are_tensorboards() {
    let scalar = |tag: &str, step, value| Scalar { tag: tag.into(), step, value };
    let bytes = event_file(1.7e9, &[scalar("auc", 0, 0.5), scalar("valid/loss", 300, -1.25)]);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, EVENTS);
}

/// The files were read back with `mlflow.tracking.MlflowClient` of mlflow-skinny 3.17.2.
#[test]
fn runs_lie_where_mlflow_looks() {
    let experiment = Experiment {
        id: "012".into(),
        name: "it's mine".into(),
        address: "file:///runs/012".into(),
        created: 1000,
    };
    let (path, text) = mlflow::experiment(&experiment);
    assert_eq!(path, "012/meta.yaml");
    assert!(text.contains("\nexperiment_id: '012'\n") && text.contains("\nname: 'it''s mine'\n"), "{text}");
    let run = Run {
        id: "ab".repeat(16),
        name: "net".into(),
        started: 1000,
        ended: 2000,
        metrics: [("valid/auc".to_owned(), vec![(0, 0.5), (1, 0.75)])].into(),
        params: [("optimizer.lr".to_owned(), "0.01".to_owned())].into(),
        ..Run::default()
    };
    let files = mlflow::run(&experiment, &run);
    let content = |end: &str| {
        let path = format!("012/{}/{end}", run.id);
        files.iter().find(|(own, _)| *own == path).map(|(_, text)| text.as_str())
    };
    assert_eq!(content("metrics/valid/auc"), Some("2000 0.5 0\n2000 0.75 1\n"));
    assert_eq!(content("params/optimizer.lr"), Some("0.01"));
    assert_eq!(content("tags/mlflow.runName"), Some("net"));
    let address = format!("artifact_uri: 'file:///runs/012/{}/artifacts'\n", run.id);
    assert!(content("meta.yaml").is_some_and(|meta| meta.starts_with(&address)));
}
