//! Rows that parts of a data set share: what is said of them, and what becomes of them.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use crate::session::Session;

const REVIEWS: &str = r#"review,label,part
"The room was clean and the staff were kind to all of us, but breakfast ended before we were awake.",1,train
Never again.,0,train
"A quiet street, a wide bed, and a view over the whole of the old town from the window of the bath.",1,train
Loud and cold,0,train
Kind people,1,train
"The pool was closed, the lift was broken and nobody at the desk knew when either would work again.",0,valid
NEVER AGAIN!,0,valid
Kind people,1,valid
Kind people,0,test
"A quiet street, a wide bed, and a view over the whole of the old town from the window of the room.",1,test
"The pool was closed, the lift was broken and nobody at the desk knew when either would work again!",0,test
Warm and calm,1,test
"#;

const RECIPE: &str = r#"
[data.reviews]
path = "reviews.csv"
split.column = "part"

[stages.tokens]
kind = "preprocess"
data = "reviews"
label = "label"
columns.review = ["lowercase", { tokenize = "punctuation" }, { index = {} }]
"#;

fn session() -> Session {
    let session = Session::new();
    session.write("reviews.csv", REVIEWS);
    session.write("recipe.toml", RECIPE);
    session
}

/// How many rows of train, valid and test the data set has.
fn parts(session: &Session, args: &str) -> [u64; 3] {
    let shown = session.call(&format!("show recipe.toml tokens --port dataset --json {args}"));
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let parts = &shown[0]["documents"]["dataset.json"]["parts"];
    ["train", "valid", "test"].map(|part| parts[part]["rows"].as_u64().unwrap_or(0))
}

#[test]
fn shared_rows_are_told_and_shown() {
    let session = session();
    assert_snapshot!("leaks_warn", session.transcript("run recipe.toml"));
    assert_snapshot!("leaks_show", session.transcript("show recipe.toml tokens --port dataset"));
    assert_eq!(session.call("report recipe.toml").code, Some(0));
    let page = fs::read_to_string(session.path("report.html")).unwrap();
    assert!(page.contains("tokens: 2 of 4 test rows (50.00 %) are in train too"), "{page}");
}

#[test]
fn shared_rows_can_stop_a_stage() {
    let transcript = session().transcript("run recipe.toml --set stages.tokens.on-leak=fail");
    assert!(transcript.ends_with("--- exit code 2\n"), "{transcript}");
    assert_snapshot!("leaks_fail", transcript);
}

#[test]
fn a_class_that_dropping_ends_is_told_with_the_reason() {
    let session = session();
    let rows = "Kind people,1,train\nLoud and cold,0,train\nWarm and calm,1,train\nLoud and cold,0,test\n";
    session.write("reviews.csv", &format!("review,label,part\n{rows}"));
    let transcript = session.transcript("run recipe.toml --set stages.tokens.on-leak=drop");
    assert!(transcript.ends_with("--- exit code 2\n"), "{transcript}");
    assert_snapshot!("leaks_drop_class", transcript);
}

#[test]
fn shared_rows_are_dropped_from_the_earlier_part() {
    let session = session();
    let drop = "--set stages.tokens.on-leak=drop";
    assert_snapshot!("leaks_drop", session.transcript(&format!("run recipe.toml {drop}")));
    assert_eq!(parts(&session, drop), [2, 1, 4]);
    let shown = session.call(&format!("show recipe.toml tokens --port dataset {drop}")).stdout;
    assert!(shown.contains("dropped"), "{shown}");
    // Nothing is left that could leak: the file of what is left makes no warning.
    let kept = ["The room", "Loud", "NEVER", "Kind people,0", "\"A quiet", "\"The pool", "Warm"];
    let of_test = |line: &str| line.ends_with("test");
    let has = |line: &str| kept.iter().any(|start| line.trim_start_matches('"').starts_with(start));
    let lines = REVIEWS.lines().enumerate().filter(|(at, line)| *at == 0 || of_test(line) || has(line));
    session.write("reviews.csv", &lines.map(|(_, line)| format!("{line}\n")).collect::<String>());
    let again = session.call("run recipe.toml");
    assert!(again.code == Some(0) && !again.stderr.contains("warning"), "{}", again.stderr);
    assert_eq!(parts(&session, ""), [2, 1, 4]);
}

#[test]
fn nothing_is_left_of_a_part_that_leaks_whole() {
    let session = session();
    session.write(
        "reviews.csv",
        "review,label,part\nKind people,1,train\nKind people,0,train\nKind people,0,test\n",
    );
    let transcript = session.transcript("run recipe.toml --set stages.tokens.on-leak=drop");
    assert!(transcript.ends_with("--- exit code 2\n"), "{transcript}");
    assert_snapshot!("leaks_all", transcript);
}

#[test]
fn tables_of_numbers_are_compared_where_that_is_asked_for() {
    let session = session();
    session.write("rows.csv", "a,b,label,part\n0,1,1,train\n1,0,0,train\n0,1,0,test\n1,1,1,test\n");
    let recipe = RECIPE.replace("reviews.csv", "rows.csv");
    let chain = recipe.find("columns.review").unwrap();
    session.write(
        "recipe.toml",
        &format!("{}columns = {{ a = [\"number\"], b = [\"category\"] }}", &recipe[..chain]),
    );
    let answer = session.call("run recipe.toml");
    assert!(answer.code == Some(0) && !answer.stderr.contains("are in train too"), "{}", answer.stderr);
    let answer = session.call("run recipe.toml --set stages.tokens.on-leak=warn");
    let told = "1 of 2 test rows (50.00 %) are in train too: 1 exactly, 1 with another label";
    assert!(answer.code == Some(0) && answer.stderr.contains(told), "{}", answer.stderr);
}

#[test]
fn rows_that_the_fitted_transform_learnt_from_are_told() {
    let session = session();
    session.write(
        "unseen.csv",
        "opinion,label\nloud and COLD!,0\nKind people,1\nThe same as ever,0\n\"Never, again\",1\n",
    );
    let unseen = r#"
[data.unseen]
path = "unseen.csv"

[stages.unseen-tokens]
kind = "preprocess"
data = "unseen"
fitted = "tokens"
rename = { opinion = "review" }
"#;
    session.write("recipe.toml", &format!("{RECIPE}{unseen}"));
    let args = "run recipe.toml --only unseen-tokens --set stages.tokens.on-leak=ignore";
    assert_snapshot!("leaks_fitted", session.transcript(args));
    let drop = "--set stages.unseen-tokens.on-leak=drop --set stages.tokens.on-leak=ignore";
    let answer = session.call(&format!("run recipe.toml {drop}"));
    let told =
        "unseen-tokens  dropped 3 rows: 3 of 4 rows (75.00 %) are among the rows that `fitted` learnt from";
    assert!(answer.code == Some(0) && answer.stderr.contains(told), "{}", answer.stderr);
    let quiet = "--set stages.unseen-tokens.on-leak=ignore --set stages.tokens.on-leak=ignore";
    let answer = session.call(&format!("run recipe.toml {quiet}"));
    assert!(answer.code == Some(0) && !answer.stderr.contains("warning"), "{}", answer.stderr);
    // Training rows that are not the transform's concern any more are no concern of the rows that it encodes.
    session.write("reviews.csv", &REVIEWS.replace("Never again.,0,train", "Never again.,0,valid"));
    let answer = session.call("run recipe.toml --only unseen-tokens");
    let told = "2 of 4 rows (50.00 %) are among the rows that `fitted` learnt from: 1 exactly, 1 nearly";
    assert!(answer.code == Some(0) && answer.stderr.contains(told), "{}", answer.stderr);
}

#[test]
fn equal_pictures_are_found_under_any_name() {
    let session = session();
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recipes/data/pictures");
    session.copy("pets", &pictures);
    let mut names: Vec<String> = ["cat", "dog"]
        .iter()
        .flat_map(|class| {
            let files = fs::read_dir(session.path("pets").join(class)).unwrap();
            files.map(move |file| format!("{class}/{}", file.unwrap().file_name().to_str().unwrap()))
        })
        .collect();
    names.sort();
    fs::copy(session.path("pets").join(&names[0]), session.path("pets/again.jpg")).unwrap();
    let rows: Vec<String> = names.iter().map(|name| format!("{name},{},train\n", &name[..3])).collect();
    session.write("pets.csv", &format!("image,label,part\n{}again.jpg,cat,test\n", rows.concat()));
    let recipe = RECIPE.replace(
        "path = \"reviews.csv\"",
        "path = \"pets.csv\"\nfiles = { column = \"image\", folder = \"pets\", content = \"picture\" }",
    );
    let chain = recipe.find("columns.review").unwrap();
    session.write(
        "recipe.toml",
        &format!("{}columns.image = [{{ resize = 16 }}, {{ center-crop = 16 }}, \"rgb\"]", &recipe[..chain]),
    );
    let answer = session.call("run recipe.toml");
    let told = "1 of 1 test rows (100.00 %) are in train too: 1 exactly";
    assert!(answer.code == Some(0) && answer.stderr.contains(told), "{}", answer.stderr);
    let drop = "--set stages.tokens.on-leak=drop";
    let answer = session.call(&format!("run recipe.toml {drop}"));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(parts(&session, drop), [names.len() as u64 - 1, 0, 1]);
}
