//! Entities and their scores against seqeval's: `entities.json`, by `entities.py`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::collections::BTreeMap;

use data::{Tags, Words};
use metrics::{Predictions, TagSet, Tagging, Weights};
use serde::Deserialize;
use stages::Metric;

#[derive(Deserialize)]
struct Case {
    name: String,
    tags: Vec<String>,
    texts: Vec<String>,
    chosen: Vec<String>,
    entities: Vec<Vec<(String, usize, usize)>>,
    values: BTreeMap<String, f64>,
    types: BTreeMap<String, [f64; 3]>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("entities.json")).unwrap()
}

fn parse(text: &str) -> Vec<u32> {
    text.split(' ').map(|tag| tag.parse().unwrap()).collect()
}

/// Texts of tags; a token stands for each of the words for which `stands` says so.
fn truth(texts: &[Vec<u32>], stands: impl Fn(usize) -> bool) -> Tags {
    let mut words = Words { offsets: vec![0], steps: vec![] };
    for text in texts {
        words.steps.extend((0..text.len()).map(|step| stands(step).then_some(step as u32)));
        words.offsets.push(words.steps.len());
    }
    Tags { words, tags: texts.concat().into_iter().map(u32::cast_signed).collect() }
}

/// Logits of which the chosen tag's is the largest.
fn logits(chosen: &[u32], width: usize) -> Vec<f32> {
    chosen.iter().flat_map(|tag| (0..width as u32).map(|at| if at == *tag { 1.5 } else { -0.5 })).collect()
}

fn near(name: &str, got: Option<f64>, wanted: f64) {
    assert!(got.is_some_and(|got| (got - wanted).abs() < 1e-9), "{name}: {got:?} is not {wanted}");
}

#[test]
fn entities_and_scores_are_seqevals() {
    for case in cases() {
        let set = TagSet::new(&case.tags);
        let texts: Vec<Vec<u32>> = case.texts.iter().map(|text| parse(text)).collect();
        for (text, expected) in texts.iter().zip(&case.entities) {
            let found = set.entities(text).into_iter();
            let found: Vec<_> = found
                .map(|entity| (set.names()[entity.kind].clone(), entity.words.start, entity.words.end))
                .collect();
            assert_eq!(found, *expected, "{} {text:?}", case.name);
        }
        let chosen: Vec<u32> = case.chosen.iter().flat_map(|text| parse(text)).collect();
        let logits = logits(&chosen, case.tags.len());
        let tagging = Tagging::new(&logits, case.tags.len(), set.clone(), &truth(&texts, |_| true));
        let counts = tagging.counts(&Weights::default());
        assert_eq!(set.names(), case.types.keys().cloned().collect::<Vec<_>>(), "{}", case.name);
        for (counts, (kind, [precision, recall, f1])) in counts.iter().zip(&case.types) {
            near(kind, counts.precision(), *precision);
            near(kind, counts.recall(), *recall);
            near(kind, counts.f1(), *f1);
        }
        let rows: Vec<u32> = (0..texts.len() as u32).collect();
        let said = Predictions::Tags(tagging);
        let twice = Weights::new(vec![2.0; texts.len()]);
        for (metric, wanted) in &case.values {
            let called = format!("{} {metric}", case.name);
            let metric = Metric::from_name(metric).unwrap();
            near(&called, said.measure(metric), *wanted);
            near(&called, said.only(&rows).measure(metric), *wanted);
            near(&called, said.weighted(metric, &twice), *wanted);
        }
    }
}

#[test]
fn tags_that_spell_no_entities_are_counted_by_word() {
    let names = ["ADJ", "NOUN", "VERB"].map(str::to_owned);
    let set = TagSet::new(&names);
    assert!(!set.spells_entities());
    assert_eq!(set.names(), names);
    let texts = [vec![0, 1, 2], vec![1, 2, 1]];
    let chosen = [0, 1, 1, 1, 2, 0];
    let said = Predictions::Tags(Tagging::new(&logits(&chosen, 3), 3, set, &truth(&texts, |_| true)));
    // Right: an adjective, two nouns, a verb. F1 by tag: 2 / 3, 2 / 3, 2 / 3.
    near("accuracy", said.measure(Metric::Accuracy), 4.0 / 6.0);
    near("f1", said.measure(Metric::F1), 2.0 / 3.0);
    near("f1-micro", said.measure(Metric::F1Micro), 4.0 / 6.0);
    // The second text alone: noun and verb right, a noun taken for an adjective; precision 0, 1, 1.
    near("precision", said.only(&[1]).measure(Metric::Precision), 2.0 / 3.0);
}

#[test]
fn words_without_a_token_count_as_outside() {
    let names = ["B-PER", "I-PER", "O"].map(str::to_owned);
    let set = TagSet::new(&names);
    assert_eq!(set.outside(), 2);
    // Two texts of two words, of which a token stands for the first alone: what is said of those is right.
    let texts = [vec![0, 1], vec![0, 2]];
    let truth = truth(&texts, |step| step == 0);
    let logits = logits(&[0, 0], 3);
    let said = Predictions::Tags(Tagging::new(&logits, 3, set, &truth));
    near("accuracy", said.measure(Metric::Accuracy), 3.0 / 4.0);
    // The first name is found a word too short.
    near("f1", said.measure(Metric::F1), 0.5);
    // -ln of e^1.5 / (e^1.5 + 2 e^-0.5), by hand.
    near("loss", said.measure(Metric::Loss), 0.239_544_766_221_884_64);
    assert_eq!(Metric::from_name("auc").and_then(|metric| said.measure(metric)), None);
}

#[test]
fn a_mistyped_tag_among_entities_is_named() {
    let tags = |all: &[&str]| all.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    assert_eq!(metrics::misspelt(&tags(&["B-PER", "I-PER", "I_PER", "O"])), ["I_PER"]);
    assert!(metrics::misspelt(&tags(&["B-PER", "I-PER", "O"])).is_empty());
    // Parts of speech spell none, and are not meant to.
    assert!(metrics::misspelt(&tags(&["ADJ", "NOUN", "VERB", "O"])).is_empty());
}
