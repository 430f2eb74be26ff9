//! Which parameters a freeze pattern means, and which name a typing mistake meant.

use std::collections::BTreeSet;

use regex::Regex;

use crate::graph::{Graph, Node};

/// Parameters by pattern, or by layer counted from the end.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Parameters whose full name the regex is found in.
    Pattern(Regex),
    /// Parameters of the last `n` layers that can train.
    Last(usize),
    /// Parameters of all layers but those.
    ExceptLast(usize),
}

/// A pattern that selects nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoMatch {
    /// The nearest parameter names.
    pub nearest: Vec<String>,
}

impl Selection {
    /// Full names of the selected parameters; a batch norm's running statistics go with its weight.
    ///
    /// # Errors
    /// When nothing is selected: the nearest names.
    pub fn of(&self, graph: &Graph) -> Result<BTreeSet<String>, NoMatch> {
        let selected: BTreeSet<String> = match self {
            Selection::Pattern(pattern) => {
                let matches = |name: &str| pattern.is_match(name);
                let found = graph.params().filter(|param| matches(&param.name));
                let mut names: BTreeSet<String> = found.map(|param| param.name.clone()).collect();
                for node in &graph.nodes {
                    if node.params.iter().any(|param| !param.buffer && names.contains(&param.name)) {
                        names.extend(node.params.iter().filter(|p| p.buffer).map(|p| p.name.clone()));
                    }
                }
                names
            }
            Selection::Last(count) => of_layers(graph, |from_end| from_end < *count),
            Selection::ExceptLast(count) => of_layers(graph, |from_end| from_end >= *count),
        };
        if selected.is_empty() { Err(NoMatch { nearest: self.nearest(graph) }) } else { Ok(selected) }
    }

    fn nearest(&self, graph: &Graph) -> Vec<String> {
        let Selection::Pattern(pattern) = self else { return vec![] };
        let mut names: Vec<(f64, &str)> = vec![];
        for word in pattern.as_str().split('|') {
            let word = word.trim_matches(['^', '$', '(', ')', '.', '*']);
            for param in graph.params() {
                let layer = param.name.split('.').next().unwrap_or(&param.name);
                let score = strsim::jaro_winkler(word, &param.name).max(strsim::jaro_winkler(word, layer));
                names.push((score, &param.name));
            }
        }
        names.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let mut found: Vec<String> = vec![];
        for (_, name) in names {
            if !found.iter().any(|other| other == name) {
                found.push(name.to_owned());
            }
        }
        found.truncate(3);
        found
    }
}

/// Parameters of layers by their place among those that can train, counted from the end.
fn of_layers(graph: &Graph, chosen: impl Fn(usize) -> bool) -> BTreeSet<String> {
    let mut layers: Vec<&str> = vec![];
    for node in graph.nodes.iter().rev().filter(|node| node.own_params().any(|param| !param.buffer)) {
        if !layers.contains(&node.layer.as_str()) {
            layers.push(&node.layer);
        }
    }
    let chosen = layers.iter().enumerate().filter(|(from_end, _)| chosen(*from_end)).map(|(_, layer)| *layer);
    let chosen: BTreeSet<&str> = chosen.collect();
    let nodes = graph.nodes.iter().filter(|node| chosen.contains(node.layer.as_str()));
    nodes.flat_map(Node::own_params).map(|param| param.name.clone()).collect()
}

/// The known name that `word` most likely meant; `None` when none is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&word.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
        .map(|(_, name)| name)
}
