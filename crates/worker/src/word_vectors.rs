//! Runs `word-vectors`.

mod spelling;

use std::collections::BTreeMap;
use std::path::Path;

use data::{Draws, Vocabulary};
use plan::{ArtifactKind, Blame, Outcome, Progress, StageError, Task};
use rows::Report;
use rows::files::{Outputs, TRANSFORM, read_bytes, write_csv};
use rows::inputs::{artifact, outside, transform};
use stages::{Goals, MissingVectors};
use torch::{Tensor, guard};
use weights::{Hit, Limits, WordVectors};

use crate::error::OrStage;
use crate::network::StoredNetwork;

pub(crate) fn run(
    params: &stages::WordVectors,
    task: &Task,
    report: Report<'_>,
) -> Result<Outcome, StageError> {
    let encoded = artifact(task, "data")?;
    let fitted = transform(encoded)?;
    let columns = || fitted.columns().iter().filter_map(|(name, column)| Some((name, column.vocabulary()?)));
    let column = columns().find(|(name, _)| params.column.as_ref().is_none_or(|wanted| wanted == *name));
    let (column, vocabulary) =
        column.ok_or_else(|| StageError::new(Blame::Input, "the data has no such column of words"))?;
    let words: Vec<&str> = vocabulary.words().iter().map(String::as_str).collect();
    let path = outside(task, "path")?;
    let mut found = read(&path, &words)?;
    // What stands for padding is not a word, whatever the file says of it.
    found.hits[data::PAD as usize] = Hit::Missing;
    found.values[..found.width].fill(0.0);
    if let Some(text) = spelling::other(&words, &found, column, |words| read(&path, words))? {
        report(Progress::Warning { text });
    }
    if params.missing == MissingVectors::Random {
        draw_missing(&mut found, &words, task.seed);
    }
    let network = params
        .network(column, Some(words.len()), found.width)
        .map_err(|error| StageError::new(Blame::Bug, error.to_string()))?;
    let shape = [words.len() as i64, found.width as i64];
    let weight = guard(|| Tensor::from_slice(&found.values).reshape(shape)).or_stage()?;
    let stored = StoredNetwork {
        network,
        weights: BTreeMap::from([(format!("{}.weight", params.layer), weight)]),
        transform: Some(read_bytes(encoded, TRANSFORM)?),
        goals: Goals::new(),
    };
    // The weights must be the network's before anything relies on them.
    stored.module(torch::Device::Cpu)?;
    let mut outputs = Outputs::new(task);
    stored.write(&outputs.port("network", ArtifactKind::Network, stored.meta())?)?;
    let folder = outputs.port("missing", ArtifactKind::Table, serde_json::json!({}))?;
    let missing = (0..words.len()).filter(|&at| at > data::UNK as usize && found.hits[at] == Hit::Missing);
    let rows = missing.map(|at| vec![words[at].to_owned(), vocabulary.counts()[at].to_string()]);
    write_csv(&folder, "missing.csv", &["word".to_owned(), "count".to_owned()], rows)?;
    tell(&found, vocabulary, &mut outputs);
    Ok(outputs.done())
}

fn read(path: &Path, words: &[&str]) -> Result<WordVectors, StageError> {
    WordVectors::read(path, words, &Limits::default())
        .map_err(|error| StageError::new(Blame::Input, error.to_string()))
}

/// The line of the summary: words by how they came to their vectors, and the share of the text that has one.
fn tell(found: &WordVectors, vocabulary: &Vocabulary, outputs: &mut Outputs<'_>) {
    let reserved = data::UNK as usize + 1;
    let count = |hit: Hit| found.hits[reserved..].iter().filter(|own| **own == hit).count() as f64;
    outputs.summary("words", (vocabulary.len() - reserved) as f64);
    outputs.summary("width", found.width as f64);
    outputs.summary("found", count(Hit::Word));
    if count(Hit::Subwords) > 0.0 {
        outputs.summary("by subwords", count(Hit::Subwords));
    }
    outputs.summary("missing", count(Hit::Missing));
    let text: u64 = vocabulary.counts().iter().sum();
    let with = vocabulary.counts().iter().zip(&found.hits).filter(|(_, hit)| **hit != Hit::Missing);
    let with: u64 = with.map(|(count, _)| count).sum();
    if text > 0 {
        outputs.summary("share of text", with as f64 / text as f64);
    }
}

/// A vector for each word that has none, drawn by the word itself: its place in the vocabulary does not matter.
fn draw_missing(found: &mut WordVectors, words: &[&str], seed: u64) {
    let width = found.width;
    let has = |at: usize| found.hits[at] != Hit::Missing;
    let known: Vec<f64> = (0..words.len())
        .filter(|&at| has(at))
        .flat_map(|at| &found.values[at * width..(at + 1) * width])
        .map(|&value| f64::from(value))
        .collect();
    let count = known.len().max(1) as f64;
    let mean = known.iter().sum::<f64>() / count;
    let deviation = (known.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    for (at, word) in words.iter().enumerate().filter(|(at, _)| *at != data::PAD as usize) {
        if found.hits[at] == Hit::Missing {
            let mut draws = Draws::new(seed, &format!("word vector {word}"), &[]);
            for value in &mut found.values[at * width..(at + 1) * width] {
                *value = (mean + deviation * draws.normal()) as f32;
            }
        }
    }
}
