//! Every way to go wrong before a stage runs: its words and its exit code.

use std::fs;

use insta::assert_snapshot;

use crate::session::Session;

const MISTAKES: &str = r#"name = "wrong"
sede = 7

[data.reviews]
path = "reviews.csv"

[stages.tokens]
kind = "preproces"
data = "reviews"

[stages.net]
kind = "train"
data = "token"
epochs = "five"
network.layers = [{ name = "out", kind = "dense", units = 1 }]
"#;

#[test]
fn help() {
    let session = Session::new();
    assert_snapshot!("help", session.transcript("--help"));
    assert_snapshot!("help_run", session.transcript("run --help"));
}

#[test]
fn every_mistake_of_a_recipe_at_once() {
    let session = Session::started();
    session.write("wrong.toml", MISTAKES);
    assert_snapshot!("mistakes", session.transcript("check wrong.toml"));
    let answer = session.call("check wrong.toml --json");
    let report: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(answer.code, Some(2));
    let first = &report["mistakes"][0];
    assert_eq!((first["at"]["line"].as_u64(), first["at"]["column"].as_u64()), (Some(2), Some(1)));
    assert!(report["mistakes"].as_array().unwrap().len() >= 4);
}

#[test]
fn wrong_arguments() {
    let session = Session::started();
    for (name, args) in [
        ("no_recipe", "run"),
        ("missing_recipe", "run nowhere.toml"),
        ("unknown_stage", "run recipe.toml --only nett"),
        ("unknown_forced", "run recipe.toml --force else"),
        ("bad_device", "run recipe.toml --device gpu"),
        ("bad_set", "check recipe.toml --set stages.net.epoch=3"),
        ("missing_input", "predict recipe.toml scores --input nothing.csv"),
        ("not_a_model", "predict recipe.toml tokens --input reviews.csv"),
    ] {
        let transcript = session.transcript(args);
        assert!(transcript.ends_with("--- exit code 2\n"), "{transcript}");
        assert_snapshot!(name, transcript);
    }
}

#[test]
fn a_broken_environment() {
    let session = Session::started();
    fs::create_dir(session.path("mine")).unwrap();
    session.write("mine/notes.txt", "not a store");
    for (name, args) in [
        ("store_is_a_file", "run recipe.toml --store recipe.toml"),
        ("store_is_a_folder_of_mine", "run recipe.toml --store mine"),
    ] {
        let transcript = session.transcript(args);
        assert!(transcript.ends_with("--- exit code 3\n"), "{transcript}");
        assert_snapshot!(name, transcript);
    }
    let mut command = session.command("run recipe.toml");
    let answer = session.answer(command.env("PIPELINE_WORKER", "nowhere").output().unwrap());
    assert_eq!(answer.code, Some(3));
    assert_snapshot!("no_worker", answer.stderr);
    assert_snapshot!("no_runs", session.transcript("runs --store empty"));
}

#[test]
fn logits_of_no_class_are_told() {
    let session = Session::started();
    let recipe = fs::read_to_string(session.path("recipe.toml")).unwrap();
    let three = "units = 3 },\n]\nloss = \"categorical-cross-entropy\"";
    session
        .write("recipe.toml", &recipe.replace("units = 1 },\n]", three).replace("epochs = 6", "epochs = 1"));
    let run = session.call("run recipe.toml --only net");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let told = "`output` gives 3 logits, and `label` has 2 classes";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

#[test]
fn bad_data_is_named_by_line() {
    let session = Session::started();
    let text = fs::read_to_string(session.path("reviews.csv")).unwrap();
    let rest: Vec<&str> = text.lines().skip(1).collect();
    session.write("reviews.csv", &format!("review,label\ngood,1,what\n{}\n", rest.join("\n")));
    let transcript = session.transcript("run recipe.toml --only tokens");
    assert!(transcript.contains("reviews.csv:2"), "{transcript}");
    assert_snapshot!("ragged_row", transcript);
}

#[test]
fn the_name_of_a_recipe_is_no_path() {
    let session = Session::started();
    let answer = session.call("run recipe.toml --set name=../../out --store kept/store");
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(!session.path("out").exists());
    let folders: Vec<_> = fs::read_dir(session.path("kept/store/figures")).unwrap().collect();
    assert_eq!(folders.len(), 1);
}

#[test]
fn a_loss_that_is_no_number_stops_the_stage_with_epoch_and_step() {
    let session = Session::started();
    let answer = session.call("run recipe.toml --set stages.net.optimizer.lr=1e30");
    assert_eq!(answer.code, Some(4), "{}", answer.stderr);
    assert!(answer.stderr.contains("the loss became NaN in epoch "), "{}", answer.stderr);
    assert!(answer.stderr.contains("at a learning rate of 1e30"), "{}", answer.stderr);
    assert!(answer.stderr.contains("try lr = 1e29, or limit the gradient"), "{}", answer.stderr);
}

#[test]
fn a_damaged_file_is_named_and_made_again() {
    let session = Session::started();
    assert_eq!(session.call("run recipe.toml --only scores").code, Some(0));
    let record = session.call("show recipe.toml scores --json").stdout;
    let shards = fs::read_dir(session.path(".pipeline/blobs")).unwrap().map(|shard| shard.unwrap().path());
    let blobs = shards.flat_map(|shard| fs::read_dir(shard).unwrap()).map(|blob| blob.unwrap().path());
    let table = blobs.into_iter().find(|blob| fs::read(blob).unwrap().starts_with(b"id,")).unwrap();
    let bytes = fs::read(&table).unwrap();
    fs::remove_file(&table).unwrap();
    fs::write(&table, vec![b'x'; bytes.len()]).unwrap();
    let told = session.call("show recipe.toml scores");
    assert_eq!(told.code, Some(3));
    assert!(told.stderr.contains("has changed content\nhint: run the recipe again"), "{}", told.stderr);
    let healed = session.call("run recipe.toml --only scores");
    assert_eq!(healed.code, Some(0), "{}", healed.stderr);
    assert_eq!(healed.stderr.matches("will be rebuilt").count(), 1, "{}", healed.stderr);
    assert_eq!(fs::read(&table).unwrap(), bytes);
    assert_eq!(session.call("show recipe.toml scores --json").stdout, record);
}
