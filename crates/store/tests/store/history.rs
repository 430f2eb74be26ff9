//! The history of runs.

use serde_json::json;
use store::{RunInfo, RunOutcome, RunState, RunSummary, Store};

#[test]
fn the_history_tells_how_every_run_ended() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let info = |recipe: &str| RunInfo {
        recipe: recipe.to_owned(),
        recipe_path: format!("recipes/{recipe}.toml"),
        args: vec!["run".to_owned()],
        text: String::new(),
    };
    let summary = RunSummary {
        outcome: RunOutcome::Failed,
        hits: 1,
        executed: 2,
        failed: 1,
        skipped: 3,
        seconds: 1.5,
        message: Some("loss is NaN".to_owned()),
    };
    let first = store.begin_run(info("first")).unwrap();
    first.event(&json!({"stage": "a", "done": true})).unwrap();
    first.event(&json!({"stage": "b"})).unwrap();
    let id = first.id().to_owned();
    first.finish(summary.clone()).unwrap();
    drop(store.begin_run(info("second")).unwrap());
    let third = store.begin_run(info("third")).unwrap();

    let runs = store.runs().unwrap();
    let told: Vec<_> = runs.iter().map(|run| (run.info.recipe.as_str(), &run.state)).collect();
    assert_eq!(
        told,
        [
            ("third", &RunState::Running),
            ("second", &RunState::Interrupted),
            ("first", &RunState::Finished(summary))
        ]
    );
    assert_eq!((&runs[2].id, &runs[2].info), (&id, &info("first")));
    assert_eq!(third.id(), runs[0].id);

    // A line that a crash cut off is not an event.
    let events = dir.path().join("runs").join(&id).join("events.jsonl");
    let text = std::fs::read_to_string(&events).unwrap();
    assert_eq!(text, "{\"done\":true,\"stage\":\"a\"}\n{\"stage\":\"b\"}\n");
    std::fs::write(&events, text + "{\"sta").unwrap();
    assert_eq!(store.run_events(&id).unwrap(), [json!({"stage": "a", "done": true}), json!({"stage": "b"})]);
    assert!(store.run_events("none").unwrap_err().is_not_found());
}
