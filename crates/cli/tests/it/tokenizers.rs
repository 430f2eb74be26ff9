//! A tokenizer of others from its file to predictions.

use insta::assert_snapshot;

use crate::session::Session;

const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\ngood\nbad\nfilm\n##s\n";

const RECIPE: &str = r#"
[data.reviews]
path = "reviews.csv"

[stages.tokens]
kind = "preprocess"
data = "reviews"
label = "label"
columns.text = [{ tokenizer = { path = "vocab.txt", length = 6 } }]

[stages.net]
kind = "train"
data = "tokens"
epochs = 2
network.layers = [
  { name = "embed", kind = "embedding", units = 2 },
  { name = "mean", kind = "mean-pool" },
  { name = "output", kind = "dense", units = 1 },
]

[stages.said]
kind = "predict"
model = "net"
data = "tokens"
"#;

fn session() -> Session {
    let session = Session::new();
    session.write("vocab.txt", WORDS);
    session.write("reviews.csv", "text,label\nGood films,1\nbad film 🙂,0\n");
    session.write("recipe.toml", RECIPE);
    session
}

#[test]
fn a_tokenizer_of_others_is_fitted_shown_and_predicts() {
    let session = session();
    assert_snapshot!("tokenizers_run", session.transcript("run recipe.toml --only tokens --jobs 1"));
    assert_snapshot!("tokenizers_show", session.transcript("show recipe.toml tokens"));
    session.write("new.csv", "text\nunheard film\n");
    assert_eq!(session.call("run recipe.toml").code, Some(0));
    let answer = session.call("predict recipe.toml said --input new.csv");
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(answer.stdout.lines().count(), 2, "{}", answer.stdout);
}

#[test]
fn the_content_of_the_file_counts_and_not_its_name() {
    let session = session();
    assert_eq!(session.call("run recipe.toml").code, Some(0));
    session.write("other.txt", WORDS);
    session.write("recipe.toml", &RECIPE.replace("vocab.txt", "other.txt"));
    let plan = session.call("plan recipe.toml").stdout;
    assert!(!plan.contains("would run"), "{plan}");
    session.write("other.txt", &format!("{WORDS}more\n"));
    assert_snapshot!("tokenizers_plan", session.transcript("plan recipe.toml"));
}
