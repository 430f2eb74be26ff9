//! Texts of all kinds through the built-in chains: `texts.json` holds texts and what Python's `str` and `re` make of
//! them; `vectorizer.json` what Keras' `TextVectorization` does.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod shared;

use std::collections::BTreeMap;
use std::path::Path;

use data::{Dataset, Step, Transform};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Texts {
    texts: Vec<String>,
    tokens: BTreeMap<String, Vec<Vec<String>>>,
}

fn stored<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn encoded(texts: &[String], train: usize, steps: &str) -> (Dataset, Transform) {
    let chain: Vec<Step> = serde_json::from_str(steps).unwrap();
    shared::encoded(texts, train, &chain).unwrap()
}

/// The words of each row, by the fitted vocabulary.
fn words(dataset: &Dataset, transform: &Transform) -> Vec<Vec<String>> {
    let vocabulary = transform.columns()["text"].vocabulary().unwrap().words();
    let row = |row| dataset.sequence("text", row).iter().map(|id| vocabulary[*id as usize].clone()).collect();
    (0..dataset.rows() as u32).map(row).collect()
}

#[test]
fn texts_of_all_kinds_are_cut_as_python_cuts_them() {
    let Texts { texts, tokens } = stored("texts.json");
    for (chain, steps) in [
        ("whitespace", r#"[{"tokenize":"whitespace"},{"index":{}}]"#),
        ("lowercase whitespace", r#"["lowercase",{"tokenize":"whitespace"},{"index":{}}]"#),
        ("punctuation", r#"[{"tokenize":"punctuation"},{"index":{}}]"#),
        ("lowercase punctuation", r#"["lowercase",{"tokenize":"punctuation"},{"index":{}}]"#),
    ] {
        let (dataset, transform) = encoded(&texts, texts.len(), steps);
        for ((text, expected), found) in texts.iter().zip(&tokens[chain]).zip(words(&dataset, &transform)) {
            // A row is at least one step long.
            let expected = if expected.is_empty() { vec!["<unk>".to_owned()] } else { expected.clone() };
            assert_eq!(found, expected, "{chain}: {text:?}");
        }
    }
}

#[test]
fn a_text_of_a_million_tokens_is_whole_or_cut_as_asked() {
    let texts = ["far near ".repeat(500_000), String::new()];
    let (dataset, _) = encoded(&texts, 2, r#"[{"tokenize":"punctuation"},{"index":{}}]"#);
    assert_eq!(dataset.lengths("text"), [1_000_000, 1]);
    let (dataset, _) = encoded(&texts, 2, r#"[{"tokenize":"whitespace"},{"index":{}},{"clip":3}]"#);
    assert_eq!((dataset.sequence("text", 0), dataset.sequence("text", 1)), (&[2, 3, 2][..], &[1][..]));
}

#[derive(Deserialize)]
struct Keras {
    train: Vec<String>,
    test: Vec<String>,
    cases: Vec<Vectorizer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Vectorizer {
    max_tokens: Option<usize>,
    length: usize,
    vocabulary: Vec<String>,
    rows: Vec<Vec<i64>>,
}

#[test]
fn the_chain_of_keras_text_vectorization() {
    let Keras { train, test, cases } = stored("vectorizer.json");
    let texts = [train.clone(), test].concat();
    for Vectorizer { max_tokens, length, vocabulary, rows } in cases {
        // Keras counts the padding and the unknown word, whose names are others.
        let size = max_tokens.map_or(String::new(), |tokens| format!(r#""max-size":{},"#, tokens - 2));
        let chain = format!(
            r#"["lowercase",{{"replace":{{"pattern":"[[:punct:]]","with":""}}}},{{"tokenize":"whitespace"}},
               {{"index":{{{size}"ties":"falling"}}}},{{"clip":{length}}},{{"pad":{length}}}]"#
        );
        let (dataset, transform) = encoded(&texts, train.len(), &chain);
        assert_eq!(transform.columns()["text"].vocabulary().unwrap().words()[2..], vocabulary[2..]);
        let all: Vec<u32> = (0..texts.len() as u32).collect();
        let batch = dataset.sequence_batch("text", &all).unwrap();
        for ((text, expected), found) in texts.iter().zip(&rows).zip(batch.ids.chunks(length)) {
            // Nothing but padding is one unknown word here, since a row is at least one step long.
            let nothing = expected.iter().all(|id| *id == 0);
            let first = if nothing { 1 } else { expected[0] };
            assert_eq!((found[0], &found[1..]), (first, &expected[1..]), "{text}");
        }
    }
}
