//! Which parameters a freeze pattern means, and which name a typing mistake meant.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::graph::{Graph, Node, is_inside};

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
    /// The nearest paths of parameters or of what has some, such as `dense0.batch_norm`.
    pub nearest: Vec<String>,
}

/// Paths that are named at most.
const NAMED: usize = 3;

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
        let paths: BTreeSet<&str> = graph.params().flat_map(|param| paths(&param.name)).collect();
        let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
        for word in pattern.as_str().split('|').map(plain) {
            let parts = word.split('.').count();
            for path in &paths {
                // The path's last parts, as many as the word has.
                let start = path.rmatch_indices('.').nth(parts - 1).map_or(0, |(dot, _)| dot + 1);
                let near = strsim::jaro_winkler(&word, &plain(&path[start..]));
                let score = scores.entry(path).or_default();
                // The middle of a path is meant where the word is much like it.
                *score = score.max(if start == 0 || near > 0.85 { near } else { 0.0 });
            }
        }
        let mut nearest: Vec<(&str, f64)> = scores.into_iter().collect();
        let depth = |path: &str| path.matches('.').count();
        nearest.sort_by(|a, b| b.1.total_cmp(&a.1).then(depth(a.0).cmp(&depth(b.0))).then(a.0.cmp(b.0)));
        let mut named: Vec<&str> = vec![];
        for (path, _) in nearest {
            // What is inside a path is found by its pattern too.
            if named.len() < NAMED && !named.iter().any(|known| is_inside(path, known)) {
                named.push(path);
            }
        }
        named.into_iter().map(str::to_owned).collect()
    }
}

/// A parameter's name and those of all that it is in: `dense0.batch_norm.weight`, `dense0.batch_norm`, `dense0`.
fn paths(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |path| path.rsplit_once('.').map(|(before, _)| before))
}

/// A name without what regexes add, and with `_` for `-`, since nodes are called `batch-norm` and parameters `batch_norm`.
fn plain(name: &str) -> String {
    let name: String = name.chars().filter(|char| char.is_alphanumeric() || "._-".contains(*char)).collect();
    name.trim_matches('.').to_lowercase().replace('-', "_")
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Input, Network};

    #[test]
    fn a_pattern_that_finds_nothing_is_answered_by_paths() {
        let dense = |name: &str| json!({ "name": name, "kind": "dense", "units": 2, "batch-norm": true });
        let layers = serde_json::from_value(json!([dense("dense0"), dense("head")])).unwrap();
        let inputs = [("x".to_owned(), Input::Vector { width: Some(3) })].into();
        let graph = Network::new(inputs, layers).lower().unwrap();
        let nearest = |pattern: &str| {
            let selection = Selection::Pattern(Regex::new(pattern).unwrap());
            selection.of(&graph).unwrap_err().nearest
        };
        assert_eq!(nearest("^dense0[.]batch-norm$")[0], "dense0.batch_norm");
        assert_eq!(nearest("batch-norm")[..2], ["dense0.batch_norm", "head.batch_norm"]);
        assert_eq!(nearest("haed")[0], "head");
        assert_eq!(nearest("dense9.weigth")[0], "dense0.weight");
    }
}
