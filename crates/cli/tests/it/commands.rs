//! The starter recipe from its first run to a prediction.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::Value;

use crate::session::Session;

#[test]
fn init_writes_a_recipe_that_works() {
    let session = Session::new();
    assert_snapshot!("init", session.transcript("init first"));
    assert_snapshot!("init_again", session.transcript("init first"));
    assert_snapshot!("check", session.transcript("check first/recipe.toml"));
}

#[test]
fn graphs() {
    let session = Session::started();
    assert_snapshot!("graph_mermaid", session.transcript("graph recipe.toml"));
    assert_snapshot!("graph_dot", session.transcript("graph recipe.toml --format dot"));
}

#[test]
fn the_starter_recipe_from_run_to_prediction() {
    let session = Session::started();
    assert_snapshot!("plan_first", session.transcript("plan recipe.toml"));
    assert_snapshot!("show_nothing", session.transcript("show recipe.toml net"));
    assert_snapshot!("run_tokens", session.transcript("run recipe.toml --only tokens"));

    let first = session.call("run recipe.toml --json --jobs 1");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let second = session.call("run recipe.toml --json");
    let names = |text: &str| -> Vec<String> {
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.map(|event| event["event"].as_str().unwrap().to_owned()).collect()
    };
    let hits = ["run-started", "stage-hit", "stage-hit", "stage-hit", "stage-hit", "run-finished"];
    assert_eq!(names(&second.stdout), hits);
    assert!(names(&first.stdout).contains(&"progress".to_owned()));

    let run = session.call("run recipe.toml");
    assert_eq!(run.code, Some(0));
    assert!(run.stdout.contains("4 stages, 4 from the store in TIME"), "{}", run.stdout);
    assert_snapshot!(
        "plan_changed",
        session.transcript("plan recipe.toml --set stages.net.epochs=5 --set stages.net.optimizer.lr=0.02")
    );

    assert_snapshot!("show_network", session.transcript("show recipe.toml net --port network"));
    assert_snapshot!("show_dataset", session.transcript("show recipe.toml tokens --port dataset"));
    assert_snapshot!("show_transform", session.transcript("show recipe.toml tokens --port transform"));
    assert_snapshot!("show_no_port", session.transcript("show recipe.toml tokens --port nothing"));
    let shown: Value = serde_json::from_str(&session.call("show recipe.toml net --json").stdout).unwrap();
    assert_eq!(shown.as_array().unwrap().len(), 2);

    assert_eq!(session.call("get recipe.toml scores").code, Some(0));
    assert!(fs::read_to_string(session.path("scores/predictions.csv")).unwrap().lines().count() > 200);
    assert_snapshot!("get_again", session.transcript("get recipe.toml scores"));
    assert_eq!(session.call("get recipe.toml scores --force").code, Some(0));

    session.write(
        "new.csv",
        "review\n\"The room was lovely, the staff was great.\"\nThe bed was broken and dirty.\n",
    );
    let printed = session.call("predict recipe.toml scores --input new.csv");
    assert_eq!((printed.code, printed.stdout.lines().count()), (Some(0), 3), "{}", printed.stderr);
    let written = session.call("predict recipe.toml scores --input new.csv --output out.csv");
    assert_eq!((written.code, written.stdout.as_str()), (Some(0), ""));
    assert_eq!(fs::read_to_string(session.path("out.csv")).unwrap(), printed.stdout);
    // What stands in the label's column is nobody's business.
    session.write(
        "labelled.csv",
        "review,label\n\"The room was lovely, the staff was great.\",\nThe bed was broken and dirty.,perhaps\n",
    );
    let labelled = session.call("predict recipe.toml scores --input labelled.csv");
    assert_eq!((labelled.stdout, labelled.code), (printed.stdout, Some(0)), "{}", labelled.stderr);

    let runs: Value = serde_json::from_str(&session.call("runs --json").stdout).unwrap();
    assert_eq!(runs.as_array().unwrap().len(), 7);
    assert_snapshot!("verify", session.transcript("cache verify"));
    assert_eq!(session.call("cache du").code, Some(0));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let session = Session::new();
    let mut child = session.command("schema").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One byte, then the pipe is closed: the schema is longer than what a pipe holds.
    child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    let answer = session.answer(child.wait_with_output().unwrap());
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""));
}
