//! `query`: the words whose vectors in an embedding table are nearest to some and far from others.
//!
//! The measure is that of gensim's `most_similar` (Mikolov et al. 2013): the cosine to the mean of the asked words' unit
//! vectors, those of negative words turned round. Words with a vector of zeros have no direction and are left out.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use data::{Transform, Vocabulary};
use network::{Graph, Network, Node, nearest};
use plan::Blame;
use serde_json::json;
use weights::Weights;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::table::Table;
use crate::{artifact, print_json};

/// What is asked.
pub(crate) struct Query {
    pub(crate) positive: Vec<String>,
    pub(crate) negative: Vec<String>,
    pub(crate) layer: Option<String>,
    pub(crate) top: usize,
}

pub(crate) fn query(context: &Context, recipe: &Path, stage: &str, query: &Query) -> Result {
    let store = context.store_to_read()?;
    let found = artifact::find(context, &store, recipe, stage)?;
    let digest = found.outputs.get("network").ok_or_else(|| {
        Failure::usage(format!("stage `{stage}` makes no network"))
            .hint("query a stage that trains, freezes or reads word vectors")
    })?;
    let (_, files) = artifact::files(&store, digest)?;
    let nearest = Vectors::open(stage, &files, query.layer.as_deref())?.nearest(query)?;
    if context.json() {
        let rows = nearest.iter().map(|(word, cosine)| json!({ "word": word, "cosine": cosine }));
        return print_json(&rows.collect::<Vec<_>>());
    }
    if let Some(note) = found.note {
        writeln!(io::stderr(), "note: {note}")?;
    }
    let mut table = Table::new(&["word", "cosine"]).right(&[1]);
    for (word, cosine) in nearest {
        table.row([word, format!("{cosine:.4}")]);
    }
    Ok(write!(io::stdout(), "{table}")?)
}

/// The unit vectors of a vocabulary.
struct Vectors {
    vocabulary: Vocabulary,
    width: usize,
    /// `[words, width]`; zeros stay zeros.
    values: Vec<f32>,
}

impl Vectors {
    fn open(stage: &str, files: &BTreeMap<String, PathBuf>, layer: Option<&str>) -> Result<Self> {
        let file = |name: &str| {
            files.get(name).ok_or_else(|| {
                Failure::usage(format!("the network of `{stage}` has no vocabulary with it"))
                    .hint("a network has one where it was trained on encoded text")
            })
        };
        let network: Network = artifact::json(file("network.json")?)?;
        let graph = network
            .lower()
            .map_err(|_| Failure::new(Blame::Environment, "the network does not hold together"))?;
        let (node, column) = table(&graph, layer)?;
        let transform: Transform = artifact::json(file("transform.json")?)?;
        let vocabulary = transform
            .vocabulary(column)
            .ok_or_else(|| Failure::usage(format!("`{}` is no table of words", node.layer)))?
            .clone();
        let damaged = |message: String| {
            Failure::new(Blame::Environment, message)
                .hint("`pipeline cache verify --repair` removes what is damaged; the next run makes it again")
        };
        let weights = Weights::open(file("weights.safetensors")?, &weights::Options::default())
            .map_err(|error| damaged(error.to_string()))?;
        let name = &node.params[0].name;
        let tensor = weights.get(name).ok_or_else(|| damaged(format!("the weights have no `{name}`")))?;
        let &[words, width] = tensor.shape() else {
            return Err(damaged(format!("`{name}` is no table")));
        };
        if words != vocabulary.len() || tensor.size() != words * width * 4 {
            return Err(damaged(format!("`{name}` is no table of {} words", vocabulary.len())));
        }
        let bytes = tensor.bytes();
        let mut values: Vec<f32> =
            bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
        for vector in values.chunks_exact_mut(width.max(1)) {
            let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            if norm > 0.0 {
                vector.iter_mut().for_each(|value| *value /= norm);
            }
        }
        Ok(Vectors { vocabulary, width, values })
    }

    fn vector(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// Whether a vector has a direction.
    fn points(&self, index: usize) -> bool {
        self.vector(index).iter().any(|value| *value != 0.0)
    }

    /// The index of a word that was asked for.
    fn asked(&self, word: &str) -> Result<usize> {
        let index = self.vocabulary.index(word).filter(|index| *index > data::UNK);
        let index = index.ok_or_else(|| {
            let words = self.vocabulary.words().iter().skip(data::UNK as usize + 1).map(String::as_str);
            let failure = Failure::usage(format!("`{word}` is not in the vocabulary"));
            match nearest(word, words) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure,
            }
        })? as usize;
        match self.points(index) {
            true => Ok(index),
            false => Err(Failure::usage(format!("`{word}` has a vector of zeros, which points nowhere"))
                .hint("the file of word vectors does not have it")),
        }
    }

    /// The nearest words with their cosines, nearest first; of equal ones the more frequent first.
    fn nearest(&self, query: &Query) -> Result<Vec<(String, f32)>> {
        let mut mean = vec![0f32; self.width];
        let mut asked = vec![];
        let signed = query.positive.iter().map(|word| (word, 1.0));
        for (word, sign) in signed.chain(query.negative.iter().map(|word| (word, -1.0))) {
            let index = self.asked(word)?;
            asked.push(index);
            mean.iter_mut().zip(self.vector(index)).for_each(|(sum, value)| *sum += sign * value);
        }
        let norm = mean.iter().map(|value| value * value).sum::<f32>().sqrt();
        if norm == 0.0 {
            return Err(Failure::usage("these words cancel each other out"));
        }
        let cosine = |index: usize| -> f32 {
            self.vector(index).iter().zip(&mean).map(|(a, b)| a * b).sum::<f32>() / norm
        };
        let words = data::UNK as usize + 1..self.vocabulary.len();
        let mut found: Vec<(usize, f32)> = words
            .filter(|index| !asked.contains(index))
            .filter(|index| self.points(*index))
            .map(|index| (index, cosine(index)))
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(query.top);
        Ok(found
            .into_iter()
            .map(|(index, cosine)| (self.vocabulary.words()[index].clone(), cosine))
            .collect())
    }
}

/// The embedding table that is meant.
fn table<'a>(graph: &'a Graph, layer: Option<&str>) -> Result<(&'a Node, &'a str)> {
    let tables: Vec<(&Node, &str)> = graph.tables().collect();
    let names: Vec<&str> = tables.iter().map(|(node, _)| node.layer.as_str()).collect();
    let named = format!("its embedding layers: {}", names.join(", "));
    match (layer, &tables[..]) {
        (_, []) => Err(Failure::usage("the network has no embedding layer")),
        (None, [only]) => Ok(*only),
        (None, _) => Err(Failure::usage(format!("the network has {} embedding layers", tables.len()))
            .hint(format!("say which with --layer; {named}"))),
        (Some(layer), _) => tables.into_iter().find(|(node, _)| node.layer == layer).ok_or_else(|| {
            Failure::usage(format!("the network has no embedding layer `{layer}`")).hint(named)
        }),
    }
}
