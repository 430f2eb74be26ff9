//! `report` and `diff` over a small recipe.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use crate::session::Session;

/// Half of the rows are wrong whatever is learned: equal words, both labels. Every text is markup.
fn hopeless(session: &Session) {
    let row = |row: usize| format!("<script>alert({row})</script><b>the same</b>,{}\n", row % 2);
    session.write("reviews.csv", &("review,label\n".to_owned() + &(0..80).map(row).collect::<String>()));
}

#[test]
fn a_page_of_results_that_needs_nothing_else() {
    let session = Session::started();
    hopeless(&session);
    assert_snapshot!("report_nothing", session.transcript("report recipe.toml"));
    assert_eq!(session.call("run recipe.toml").code, Some(0));
    let args = "report recipe.toml --tensorboard events --mlflow mlruns";
    let answer = session.call(args);
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""));
    let page = fs::read_to_string(session.path("report.html")).unwrap();
    for wanted in [
        "<title>first</title>",
        "<h2>Worst mistakes</h2>",
        "&#60;script&#62;alert(",
        "[stages.tokens]",
        "data-x=\"false positive rate\"",
        "data-x=\"epoch\" data-y=\"auc\"",
        "numerics</th><td>libtorch",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(!page.contains("<script>alert("));
    assert!(!page.contains("src=") && page.matches("://").count() == 1);

    // Numbers of the store, read back from what was written.
    let shown: Value = serde_json::from_str(&session.call("show recipe.toml test --json").stdout).unwrap();
    let auc = shown[0]["documents"]["metrics.json"]["metrics"]["auc"].as_f64().unwrap();
    assert!(page.contains(&format!("<td>{auc:.4}</td>")) && page.contains(&format!("area {auc:.4}")));
    let events = fs::read(session.path("events/test/events.out.tfevents.pipeline")).unwrap();
    let single = (auc as f32).to_le_bytes();
    assert!(events.windows(4).any(|bytes| bytes == single));
    let metric = find(&session.path("mlruns"), "auc").unwrap();
    assert!(fs::read_to_string(metric).unwrap().contains(&format!(" {auc} ")));

    // The same results give the same page, in place of the old one; nothing else is replaced.
    assert_eq!(session.call(args).stdout, answer.stdout);
    assert_eq!(fs::read_to_string(session.path("report.html")).unwrap(), page);
    assert_snapshot!("report_over_other", session.transcript("report recipe.toml -o recipe.toml"));
    let changed = session.call("report recipe.toml --set stages.net.epochs=7");
    assert!(
        changed.stderr.contains("before the recipe or its data changed: net, test, scores"),
        "{}",
        changed.stderr
    );
}

/// The first file of that name that is not the metric of a part.
fn find(folder: &Path, name: &str) -> Option<std::path::PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let is_it = |path: &&std::path::PathBuf| path.is_file() && path.ends_with(format!("metrics/{name}"));
    let found = entries.iter().find(is_it).cloned();
    found.or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, name)))
}

#[test]
fn what_two_runs_or_recipes_differ_in() {
    let session = Session::started();
    let recipe = fs::read_to_string(session.path("recipe.toml")).unwrap();
    let other = recipe.replace("epochs = 6", "epochs = 2").replace("{ clip = 40 }", "{ clip = 30 }");
    session.write("other.toml", &other);
    assert_snapshot!("diff_recipes", session.transcript("diff recipe.toml other.toml"));
    assert_snapshot!("diff_equal", session.transcript("diff recipe.toml recipe.toml"));
    assert_snapshot!("diff_no_runs", session.transcript("diff latest~1 latest"));
    assert_snapshot!("diff_kinds", session.transcript("diff latest recipe.toml"));

    assert_eq!(session.call("run recipe.toml --only test").code, Some(0));
    session.write("recipe.toml", &recipe.replace("epochs = 6", "epochs = 2"));
    assert_eq!(session.call("run recipe.toml --only test").code, Some(0));
    let diff: Value = serde_json::from_str(&session.call("diff latest~1 latest --json").stdout).unwrap();
    assert!(diff["text"].as_str().unwrap().contains("\n-epochs = 6\n+epochs = 2\n"), "{diff}");
    assert_eq!(diff["stages"][0]["stage"], "net");
    assert_eq!(diff["stages"][0]["changes"], serde_json::json!(["params.epochs: 6 -> 2"]));
    let number = |name: &str| {
        let numbers = diff["numbers"].as_array().unwrap();
        numbers.iter().find(|number| number["stage"] == "net" && number["name"] == name).unwrap().clone()
    };
    assert!(number("epoch")["a"].as_f64() > number("epoch")["b"].as_f64());
    let text = session.call("diff latest~1 latest").stdout;
    assert!(text.contains("other inputs for test\n") && text.contains("numbers are equal\n"), "{text}");
    assert_snapshot!("diff_same_run", session.transcript("diff latest latest"));
    assert_snapshot!("diff_too_far", session.transcript("diff latest~9 latest"));
}
