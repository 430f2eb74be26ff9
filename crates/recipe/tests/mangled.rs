//! Whatever stands in a recipe, the compiler gives a plan or findings inside the text, and never panics.

use std::path::Path;

use proptest::prelude::*;
use recipe::{Failure, Options, compile_text};

const RECIPE: &str = include_str!("../../../tests/recipes/valid/transfer.toml");

fn check(text: String, sets: Vec<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recipes");
    let options = Options { sets, data_dirs: vec![folder.join("data")], store: None };
    let Err(failure) = compile_text(&folder.join("valid/mangled.toml"), text, &options) else { return };
    let Failure::Diagnostics(report) = failure else { panic!("{failure}") };
    assert!(!report.findings.is_empty());
    for finding in &report.findings {
        let related = finding.related.iter().map(|(span, _)| span);
        for span in related.chain([&finding.span]) {
            let text = &report.files[span.file].text;
            assert!(text.get(span.range()).is_some(), "{finding:?} lies outside of its text");
        }
    }
}

/// Words that recipes are made of.
fn word() -> impl Strategy<Value = String> {
    let words: Vec<String> = RECIPE.split_whitespace().map(ToOwned::to_owned).collect();
    let odd = [
        "[",
        "]]",
        "{",
        "}",
        "\"",
        "'''",
        "=",
        ".",
        "-1",
        "1e999",
        "nan",
        "\n",
        "${x}",
        "é",
        "extends = \"transfer.toml\"\n",
    ];
    prop_oneof![
        proptest::sample::select(words),
        proptest::sample::select(odd.to_vec()).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_word_replaced(at in any::<proptest::sample::Index>(), word in word()) {
        let places: Vec<(usize, &str)> = RECIPE.match_indices(|c: char| c.is_whitespace()).collect();
        let start = places[at.index(places.len())].0 + 1;
        let end = RECIPE[start..].find(char::is_whitespace).map_or(RECIPE.len(), |length| start + length);
        check(format!("{}{word}{}", &RECIPE[..start], &RECIPE[end..]), vec![]);
    }

    #[test]
    fn a_piece_removed(from in 0..RECIPE.len(), length in 1..60usize) {
        let bytes = RECIPE.as_bytes();
        let mut text = bytes[..from].to_vec();
        text.extend(&bytes[(from + length).min(bytes.len())..]);
        check(String::from_utf8_lossy(&text).into_owned(), vec![]);
    }

    #[test]
    fn any_text(text in "\\PC{0,80}") {
        check(text, vec![]);
    }

    #[test]
    fn any_words(words in proptest::collection::vec(word(), 0..40), apart in "[ \n]") {
        check(words.join(&apart), vec![]);
    }

    #[test]
    fn anything_set(path in "[a-z.\\[\\]0-9\"]{0,12}", stage in "(stages\\.base\\.|data\\.|vars\\.|)", value in "\\PC{0,12}") {
        check(RECIPE.to_owned(), vec![format!("{stage}{path}={value}"), value]);
    }
}
