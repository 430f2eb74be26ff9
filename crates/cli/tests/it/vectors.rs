//! Word vectors of others from their file to a query.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::session::Session;

/// Directions whose cosines are whole tenths: triangles of sides 3, 4 and 5.
const VECTORS: &str = "good 3 4\ngreat 4 3\nbad -3 4\nworst -4 3\nfine 1 0\nunasked 5 5\n";

const RECIPE: &str = r#"
[data.reviews]
path = "reviews.csv"

[stages.tokens]
kind = "preprocess"
data = "reviews"
label = "label"
columns.text = [{ tokenize = "whitespace" }, { index = {} }]

[stages.vectors]
kind = "word-vectors"
path = "vectors.txt"
data = "tokens"

[stages.frozen]
kind = "freeze"
network = "vectors"
layers = "embed"

[stages.net]
kind = "finetune"
network = "frozen"
data = "tokens"
epochs = 2
replace = [{ name = "mean", kind = "mean-pool" }, { name = "output", kind = "dense", units = 1 }]
"#;

fn session() -> Session {
    let session = Session::new();
    session.write("vectors.txt", VECTORS);
    session.write("reviews.csv", "text,label\ngood great fine,1\nbad worst rare rare,0\n");
    session.write("recipe.toml", RECIPE);
    session
}

#[test]
fn vectors_of_others_are_found_frozen_and_asked() {
    let session = session();
    assert_snapshot!("vectors_run", session.transcript("run recipe.toml --only frozen --jobs 1"));
    assert_eq!(session.call("run recipe.toml").code, Some(0));
    assert_snapshot!("vectors_missing", session.transcript("show recipe.toml vectors --port missing"));
    let asked = |stage: &str, words: &str| -> Vec<(String, f64)> {
        let rows: Value =
            serde_json::from_str(&session.call(&format!("query recipe.toml {stage} {words} --json")).stdout)
                .unwrap();
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| (row["word"].as_str().unwrap().to_owned(), row["cosine"].as_f64().unwrap())).collect()
    };
    // Training behind a frozen table leaves it as it is.
    for stage in ["vectors", "net"] {
        for (words, expected) in [
            ("--positive good", vec![("great", 0.96), ("fine", 0.6), ("bad", 0.28), ("worst", 0.0)]),
            ("--positive good --negative bad", vec![("fine", 1.0), ("great", 0.8), ("worst", -0.8)]),
            ("--negative good -n 1", vec![("worst", 0.0)]),
        ] {
            let found = asked(stage, words);
            assert_eq!(found.len(), expected.len(), "{stage} {words}: {found:?}");
            for ((word, cosine), (wanted, value)) in found.iter().zip(&expected) {
                assert!(word == wanted && (cosine - value).abs() < 1e-6, "{stage} {words}: {found:?}");
            }
        }
    }
    for (name, words) in [
        ("query", "net --positive good -n 2"),
        ("query_unknown", "net --positive goood"),
        ("query_zeros", "vectors --positive rare"),
        ("query_nothing", "vectors"),
        ("query_cancels", "vectors --positive good --negative good"),
        ("query_layer", "net --positive good --layer output"),
        ("query_no_network", "tokens --positive good"),
    ] {
        assert_snapshot!(name, session.transcript(&format!("query recipe.toml {words}")));
    }
}

#[test]
fn missing_vectors_are_drawn_by_word() {
    let session = session();
    let vector = |set: &str| -> Vec<u8> {
        let folder = format!("got-{}", set.len());
        assert_eq!(session.call(&format!("run recipe.toml --only vectors {set}")).code, Some(0));
        assert_eq!(session.call(&format!("get recipe.toml vectors {folder} {set}")).code, Some(0));
        let bytes = fs::read(session.path(&folder).join("network/weights.safetensors")).unwrap();
        // Behind the header, two numbers a word; `rare` is the most frequent word, after `<pad>` and `<unk>`.
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[8 + header..][2 * 8..3 * 8].to_vec()
    };
    let zeros = vector("");
    let drawn = vector("--set stages.vectors.missing=random");
    assert_eq!(zeros, [0; 8]);
    assert_ne!(drawn, zeros);
    // Other words beside those found, and another order: the same draw.
    session.write("reviews.csv", "text,label\nother rare rare fine,0\nrare good great bad worst,1\n");
    assert_eq!(vector("--set stages.vectors.missing=random --set name=x"), drawn);
}

#[test]
fn vectors_of_other_words_are_told_with_the_likely_cause() {
    let upper = "text,label\nGOOD Great Fine,1\nBAD worst rare,0\n";
    for (name, vectors, reviews) in [
        ("vectors_capitals", "Good 3 4\nGreat 4 3\nbad -3 4\nWorst -4 3\nFine 1 0\n", None),
        ("vectors_language", "gut 3 4\nschlecht -3 4\n", None),
        ("vectors_lower", VECTORS, Some(upper)),
    ] {
        let session = session();
        session.write("vectors.txt", vectors);
        reviews.into_iter().for_each(|reviews| session.write("reviews.csv", reviews));
        assert_snapshot!(name, session.transcript("run recipe.toml --only vectors --jobs 1"));
    }
}

#[test]
fn a_file_that_breaks_after_its_start_is_told() {
    let session = session();
    session.write("vectors.txt", "good 3 4\ngreat 4\n");
    assert_snapshot!("vectors_short_line", session.transcript("run recipe.toml --only vectors --jobs 1"));
}
