//! Word vectors against what gensim reads from the same files; `vectors.py` makes both.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use weights::{Hit, Limits, VectorFormat, WordVectors};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn reference() -> Value {
    serde_json::from_slice(&fs::read(folder().join("vectors.json")).unwrap()).unwrap()
}

fn texts(values: &Value) -> Vec<&str> {
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
}

fn rows(values: &Value) -> Vec<Vec<f32>> {
    serde_json::from_value(values.clone()).unwrap()
}

fn read(name: &str, wanted: &[&str]) -> WordVectors {
    WordVectors::read(&folder().join("vectors").join(name), wanted, &Limits::default()).unwrap()
}

#[test]
fn words_and_their_numbers_are_gensims() {
    let reference = reference();
    let words = texts(&reference["words"]);
    for (name, expected, format, count) in [
        ("word2vec.txt", "word2vec.txt", VectorFormat::TextWithHeader, 7),
        ("word2vec.bin", "word2vec.bin", VectorFormat::Word2VecBinary, 7),
        ("glove.txt", "word2vec.txt", VectorFormat::Text, 8),
        ("glove.txt.gz", "word2vec.txt", VectorFormat::Text, 8),
    ] {
        let mut wanted = words.clone();
        wanted.reverse();
        wanted.extend(["absent", "the"]);
        let found = read(name, &wanted);
        assert_eq!((found.format, found.words, found.width), (format, count, 3), "{name}");
        let mut expected = rows(&reference[expected]);
        expected.reverse();
        expected.extend([vec![0.0; 3], expected[expected.len() - 1].clone()]);
        assert_eq!(found.values, expected.concat(), "{name}");
        let hits: Vec<bool> = found.hits.iter().map(|hit| *hit == Hit::Word).collect();
        assert_eq!(hits, [true, true, true, true, true, true, true, false, true], "{name}");
    }
}

#[test]
fn a_word_may_hold_spaces() {
    let found = read("glove.txt", &["at name .", "at"]);
    assert_eq!(found.values, [0.25, -1e-3, 2.0, 0.0, 0.0, 0.0]);
    assert_eq!(found.hits, [Hit::Word, Hit::Missing]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    fs::write(&path, "\u{feff}a 1 2\nb 3 4\n").unwrap();
    let found = WordVectors::read(&path, &["a", "b"], &Limits::default()).unwrap();
    assert_eq!(found.values, [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn unseen_words_are_made_of_their_ngrams() {
    let reference = reference();
    let asked = texts(&reference["asked"]);
    let found = read("fasttext.bin", &asked);
    assert_eq!((found.format, found.width), (VectorFormat::FastText, 4));
    for (value, expected) in found.values.iter().zip(rows(&reference["fasttext.bin"]).concat()) {
        assert!((value - expected).abs() < 1e-6, "{value} {expected}");
    }
    let known: Vec<bool> = serde_json::from_value(reference["known"].clone()).unwrap();
    let expected = known.iter().map(|known| if *known { Hit::Word } else { Hit::Subwords });
    assert!(found.hits.iter().copied().eq(expected), "{:?}", found.hits);
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    let error = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let read = WordVectors::read(&path, &["a", "b"], &Limits::default());
        read.unwrap_err().reason.to_string()
    };
    for (bytes, message) in [
        ("a 1 2\nb 1\n", "the file is damaged: line 2 has 1 numbers, and the first line has 2"),
        ("a 1 2\nb 1 2 3\n", "the file is damaged: line 2 has 3 numbers, and the first line has 2"),
        ("2 2\na 1 2\nb x 1 2 3 4\n", "the file is damaged: line 3 has 4 numbers, and the header says 2"),
        (
            "99999999999999999999 2\na 1 2\n",
            "the file is damaged: the header says 18446744073709551615 words, and there are 1",
        ),
        ("a 1 2\nb 1 x\n", "the file is damaged: line 2: `x` is no number"),
        ("a 1 2\nb 1 nan\n", "the file is damaged: line 2: `nan` is no number"),
        ("2 3\na 1 2\nb 1 2\n", "the file is damaged: the header says 3 numbers a word, and line 2 has 2"),
        ("2 1\na 1 2\nb 1 2\n", "the file is damaged: the header says 1 numbers a word, and line 2 has 2"),
        ("3 2\na 1 2\nb 1 2\n", "the file is damaged: the header says 3 words, and there are 2"),
        ("2 2\na 1 2\nb 1\n", "the file is damaged: line 3 has 1 numbers, and the header says 2"),
        ("", "the file is damaged: it holds no word vectors"),
        ("2 2\n", "the file is damaged: it holds no word vectors"),
        (
            "once upon a time\n",
            "the file is damaged: it holds no word vectors: line 1 is not a word and its numbers",
        ),
        (
            "{\"a\": 1}\n",
            "the file is damaged: it holds no word vectors: line 1 is not a word and its numbers",
        ),
        (
            "1 99999999999999\na 1\n",
            "the file is damaged: the header says 99999999999999 numbers a word, and line 2 has 1",
        ),
    ] {
        assert_eq!(error(bytes.as_bytes()), message, "{bytes:?}");
    }
    let binary = fs::read(self::folder().join("vectors/word2vec.bin")).unwrap();
    let text = |from: &str, to: &str| [to.as_bytes(), &binary[from.len()..]].concat();
    assert!(error(&binary[..40]).contains("it ends inside the vector of word"));
    assert!(error(&text("7 3", "8 3")).contains("the header says 8 words, and there are 7"));
    assert!(error(&text("7 3", "6 3")).contains("the header says 6 words, and more follows"));
    let fast = fs::read(self::folder().join("vectors/fasttext.bin")).unwrap();
    for cut in [3, 30, 60, 150] {
        error(&fast[..cut]);
    }
    assert!(error(&[&fast[..4], &[99], &fast[5..]].concat()).contains("format 99 is not known"));
}

#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    for name in ["glove.txt", "glove.txt.gz", "word2vec.txt", "word2vec.bin", "fasttext.bin"] {
        let bytes = fs::read(self::folder().join("vectors").join(name)).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x85;
            for bytes in [&changed[..], &bytes[..at]] {
                fs::write(&path, bytes).unwrap();
                let limits = Limits { copied: 1 << 20, ..Limits::default() };
                drop(WordVectors::read(&path, &["the", "hotels"], &limits));
            }
        }
    }
}
