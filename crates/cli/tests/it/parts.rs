//! Parts without rows: told when the data is encoded, before anything is trained for them.

use insta::assert_snapshot;

use crate::session::Session;

const RECIPE: &str = r#"
[data.reviews]
path = "reviews.csv"
split.column = "part"

[data.more]
path = "more.csv"
split.column = "part"

[stages.tokens]
kind = "preprocess"
data = "reviews"
label = "label"
columns.text = [{ tokenize = "whitespace" }, { index = {} }]

[stages.net]
kind = "train"
data = "tokens"
epochs = 1
early-stopping = { patience = 1 }
network.layers = [
  { name = "embed", kind = "embedding", units = 2 },
  { name = "mean", kind = "mean-pool" },
  { name = "output", kind = "dense", units = 1 },
]

[stages.more-tokens]
kind = "preprocess"
data = "more"
fitted = "tokens"

[stages.tuned]
kind = "finetune"
network = "net"
data = "more-tokens"
epochs = 1

[stages.moved]
kind = "evaluate"
model = "net"
data = "more-tokens"

[stages.test]
kind = "evaluate"
model = "tuned"
data = "more-tokens"
"#;

fn session(reviews: &str) -> Session {
    let session = Session::new();
    session.write("recipe.toml", RECIPE);
    session.write("reviews.csv", &format!("text,label,part\ngood film,1,train\nbad film,0,train\n{reviews}"));
    session.write("more.csv", "text,label,part\ngood food,1,train\nbad food,0,train\n");
    session
}

#[test]
fn a_part_that_decides_or_is_evaluated_has_rows() {
    // All rows of the second source train: the network that has not seen them may be evaluated on them.
    let session = session("fine film,1,valid\npoor film,0,valid\n");
    let run = session.call("run recipe.toml --jobs 1");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    for told in [
        "test  failed: the model has learnt from other rows, so this evaluates the test or valid part, and no row of `more` is in it",
        "tuned  skipped because `test` failed",
        "moved  done",
        "recipe.toml:46:8",
        "no cell of `part`, which says the part of each row, is `test`",
    ] {
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
    }
    assert_eq!(session.call("run recipe.toml --only moved").code, Some(0));
}

#[test]
fn early_stopping_has_rows_to_watch() {
    let session = session("fine film,1,test\n");
    assert_snapshot!("parts_watched", session.transcript("run recipe.toml --only net --jobs 1"));
}
