//! Tokenizers of others against Hugging Face's own code (`transformers`, `tokenizers`): `subwords.json` holds texts and
//! what those libraries make of them; `subwords/` the tokenizers' files.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod shared;

use std::path::{Path, PathBuf};

use data::{ColumnType, Dataset, Error, Step, Subwords, Tokenizer, Transform, check_chain};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    texts: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    step: Tokenizer,
    pad: i32,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    ids: Vec<i32>,
    tokens: Vec<String>,
    offsets: Vec<(usize, usize)>,
    words: Vec<Option<u32>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/subwords")
}

fn reference() -> Reference {
    let path = folder().with_extension("json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The step with its files in the folder.
fn located(step: &Tokenizer) -> Tokenizer {
    let at = |name: &str| folder().join(name).to_string_lossy().into_owned();
    step.located(&at(&step.path), step.merges.as_deref().map(at).as_deref())
}

fn step(json: &str) -> Tokenizer {
    located(&serde_json::from_str(json).unwrap())
}

#[test]
fn texts_have_the_tokens_and_places_that_hugging_face_finds() {
    let Reference { texts, cases } = reference();
    for Case { name, step, pad, rows } in cases {
        let step = located(&step);
        let subwords = Subwords::read(&step).unwrap();
        assert_eq!(subwords.pad(), pad, "{name}");
        let encoder = subwords.encoder(&step).unwrap();
        for (text, row) in texts.iter().zip(rows) {
            let spans = encoder.spans(text).unwrap();
            assert_eq!(spans.iter().map(|span| span.index).collect::<Vec<_>>(), row.ids, "{name}: {text}");
            assert_eq!(spans.iter().map(|span| span.token.clone()).collect::<Vec<_>>(), row.tokens);
            let places: Vec<_> = spans.iter().map(|span| span.characters).collect();
            assert_eq!(places, row.offsets, "{name}: {text}");
            assert_eq!(spans.iter().map(|span| span.word).collect::<Vec<_>>(), row.words, "{name}: {text}");
        }
    }
}

fn encoded(texts: &[String], chain: &[Step]) -> Result<(Dataset, Transform), Error> {
    shared::encoded(texts, texts.len(), chain)
}

#[test]
fn a_column_holds_the_indices_and_batches_are_padded_with_the_tokenizers_own() {
    let Reference { texts, cases } = reference();
    for Case { name, step, pad, rows } in cases {
        let step = located(&step);
        let (dataset, transform) = encoded(&texts, &[Step::Tokenizer(step.clone())]).unwrap();
        for (at, row) in rows.iter().enumerate() {
            let own = dataset.sequence("text", at as u32);
            match row.ids[..] {
                // No text is without a step.
                [] => assert_eq!(own.len(), 1, "{name}"),
                _ => assert_eq!(own, row.ids, "{name}"),
            }
        }
        let batch = dataset.sequence_batch("text", &[2, 0]).unwrap();
        let filled = &batch.ids[batch.lengths[0] as usize..batch.width];
        assert!(!filled.is_empty() && filled.iter().all(|id| *id == i64::from(pad)), "{name}");
        // The transform holds what the files held, and not where they lay.
        let json = String::from_utf8(transform.to_json().unwrap()).unwrap();
        assert!(!json.contains(&*folder().to_string_lossy()), "{name}");
        let column = &transform.columns()["text"];
        let size = Subwords::read(&step).unwrap().vocabulary();
        assert_eq!(column.vocabulary_size(), Some(size));
        let spans = column.encoder().unwrap().unwrap().spans(&texts[0]).unwrap();
        assert_eq!(spans.len(), rows[0].ids.len());
    }
}

#[test]
fn a_padded_chain_has_the_width_and_neither_threads_nor_order_change_a_token() {
    let step = step(r#"{"path":"vocab.json","merges":"merges.txt","length":6}"#);
    let chain = [Step::Tokenizer(step.clone()), Step::Pad(8)];
    assert_eq!(check_chain(&chain), Ok(ColumnType::Sequence { width: Some(8) }));
    let texts: Vec<String> =
        (0..300).map(|at| format!("the film {at} was {}", "good ".repeat(at % 7))).collect();
    let (dataset, _) = encoded(&texts, &chain).unwrap();
    assert_eq!(dataset.sequence_batch("text", &[0]).unwrap().width, 8);
    let encoder = Subwords::read(&step).unwrap().encoder(&step).unwrap();
    for (at, text) in texts.iter().enumerate().rev() {
        let spans: Vec<i32> = encoder.spans(text).unwrap().iter().map(|span| span.index).collect();
        assert_eq!(dataset.sequence("text", at as u32), spans);
        assert!(spans.len() <= 6);
    }
}

#[test]
fn a_text_of_a_million_tokens_is_encoded_and_cut() {
    let long = vec!["good ".repeat(1_000_000), String::new()];
    let whole = step(r#"{"path":"vocab.txt"}"#);
    let (dataset, _) = encoded(&long, &[Step::Tokenizer(whole)]).unwrap();
    assert_eq!(dataset.lengths("text"), [1_000_002, 2]);
    let cut = step(r#"{"path":"vocab.txt","length":128}"#);
    let (dataset, _) = encoded(&long, &[Step::Tokenizer(cut)]).unwrap();
    assert_eq!(dataset.lengths("text"), [128, 2]);
    assert_eq!(dataset.sequence("text", 0)[125..], [13, 13, 3]);
}

/// What is said of a file with this content.
fn refusal(name: &str, content: &str, json: &str) -> String {
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join(name);
    std::fs::write(&path, content).unwrap();
    let merges = folder().join("merges.txt").to_string_lossy().into_owned();
    let step: Tokenizer = serde_json::from_str(json).unwrap();
    let error = Subwords::read(&step.located(&path.to_string_lossy(), Some(&merges))).unwrap_err();
    let text = error.to_string();
    text.rsplit_once(&format!("{name}: ")).map_or(text.clone(), |(_, reason)| reason.to_owned())
}

#[test]
fn what_is_no_tokenizer_is_refused() {
    let plain = r#"{"path":""}"#;
    let merges = r#"{"path":"","merges":"m"}"#;
    let good = "[PAD]\n[UNK]\n[CLS]\n[SEP]\ngood\n";
    assert_eq!(refusal("a.txt", " \n", plain), "it is empty");
    assert_eq!(
        refusal("a.txt", "the\ngood\n", plain),
        "it has no `[UNK]`, so it is no `vocab.txt` of a WordPiece"
    );
    assert_eq!(refusal("a.txt", &format!("{good}good\n"), plain), "line 6 has a token that it had before");
    assert_eq!(refusal("a.txt", good, merges), "`merges` belongs to a `vocab.json`, and this is none");
    let no_room = refusal("a.txt", good, r#"{"path":"","length":2}"#);
    assert_eq!(no_room, "`length = 2` has no room for text beside 2 special tokens");
    assert_eq!(
        refusal("a.json", "{\"a\": ", plain),
        "it is no JSON: EOF while parsing a value at line 1 column 6"
    );
    assert_eq!(
        refusal("a.json", r#"{"a": 0}"#, plain),
        "it is the vocabulary of a BPE: say where its merges are"
    );
    assert_eq!(refusal("a.json", r#"{"x": "y"}"#, plain), "it has no `model`, so it is no `tokenizer.json`");
    let lower = refusal("a.json", r#"{"model": {}}"#, r#"{"path":"","lowercase":true}"#);
    assert_eq!(lower, "`lowercase` is for a `vocab.txt`, and this is none");
    let old = refusal("a.json", r#"{"a</w>": 0}"#, merges);
    assert_eq!(old, "its tokens end in `</w>`, so it is no byte-level BPE: it needs a `tokenizer.json`");
    // What the library itself says of a file, in whichever words.
    for model in [
        r#"{"type":"Unheard","vocab":{}}"#,
        r#"{"type":"WordPiece"}"#,
        r#"{"type":"Unigram","vocab":[],"unk_id":3}"#,
    ] {
        assert!(!refusal("a.json", &format!(r#"{{"model": {model}}}"#), plain).is_empty());
    }
    // A file that makes the library panic: a prefix that is longer than a token.
    let merges = r#"{"model":{"type":"BPE","continuing_subword_prefix":"xxxx","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}"#;
    assert!(!refusal("a.json", merges, plain).is_empty());
}
