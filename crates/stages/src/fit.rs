//! Tensors of a file beside the parameters of a network: which is which, and what does not fit.

use std::collections::{BTreeMap, BTreeSet};

use network::{Dim, Graph, Node, Param, Primitive, Shape};
use regex::Regex;

/// Sizes of a file's tensors by name.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// Tensors of a file beside the parameters of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// Parameters that the file has, in the network's order, each with its name in the file.
    pub taken: Vec<(String, String)>,
    /// Parameters that it lacks.
    pub missing: Vec<String>,
    /// Tensors that are no parameter, by their names in the file.
    pub unexpected: Vec<String>,
    /// Parameters of another shape there: name, its shape in the network, in the file.
    pub misshapen: Vec<(String, Shape, Vec<usize>)>,
}

/// Names that a message lists of a kind.
const LISTED: usize = 6;

/// Buffers of PyTorch's modules that nothing here needs: how many batches a batch norm has seen, the numbers from 0 on.
const NEEDLESS: [&str; 2] = ["num_batches_tracked", "position_ids"];

impl Fit {
    /// How a file with tensors of these shapes fits the network, where what `draw` is found in is not taken from it, and
    /// what `ignore` is found in need not be a parameter.
    ///
    /// A tensor is a parameter of its name; of that name behind a prefix that most have, such as `bert.`; with the
    /// `gamma` or `beta` of a layer norm as its weight or bias; or, for an embedding, the name of its table alone.
    pub fn of(graph: &Graph, tensors: &Shapes, draw: Option<&Regex>, ignore: Option<&Regex>) -> Fit {
        let is = |pattern: Option<&Regex>, name: &str| pattern.is_some_and(|pattern| pattern.is_match(name));
        let names = Names::new(graph, tensors);
        let (mut fit, mut known) = (Fit::default(), BTreeSet::new());
        for node in &graph.nodes {
            for param in node.own_params() {
                let found = names.find(node, param);
                known.extend(found.map(|(name, _)| name));
                if is(draw, &param.name) {
                    continue;
                }
                let Some((name, sizes)) = found else {
                    fit.missing.push(param.name.clone());
                    continue;
                };
                let same = |(own, found): (&Dim, &usize)| own.size().is_none_or(|own| own == *found);
                if param.shape.len() == sizes.len() && param.shape.iter().zip(sizes).all(same) {
                    fit.taken.push((param.name.clone(), name.to_owned()));
                } else {
                    fit.misshapen.push((param.name.clone(), Shape(param.shape.clone()), sizes.to_vec()));
                }
            }
        }
        let needless = |name: &str| name.rsplit('.').next().is_some_and(|last| NEEDLESS.contains(&last));
        let other = tensors.keys().filter(|name| !known.contains(name.as_str()));
        let other = other.filter(|name| !needless(name) && !is(ignore, name) && !is(draw, name));
        fit.unexpected = other.cloned().collect();
        fit
    }

    /// Whether the file has what the network needs, and nothing else.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }

    /// What is wrong, in words.
    pub fn words(&self) -> String {
        let shapes = self.misshapen.iter().map(|(name, expected, found)| {
            let found = Shape(found.iter().map(|size| Dim::Size(*size)).collect());
            format!("{name} {found} instead of {expected}")
        });
        let lists = [
            ("missing", self.missing.clone()),
            ("unexpected", self.unexpected.clone()),
            ("of another shape", shapes.collect()),
        ];
        let listed = lists.into_iter().filter(|(_, names)| !names.is_empty()).map(|(what, names)| {
            let shown = names[..names.len().min(LISTED)].join(", ");
            let rest = names.len().saturating_sub(LISTED);
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            format!("{} {what}: {shown}{more}", names.len())
        });
        listed.collect::<Vec<_>>().join("; ")
    }
}

/// What a file calls parameters.
struct Names<'a> {
    tensors: &'a Shapes,
    /// What stands before the names of those that it does not have as they are.
    prefix: &'a str,
}

impl<'a> Names<'a> {
    fn new(graph: &Graph, tensors: &'a Shapes) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for param in graph.params().filter(|param| !tensors.contains_key(&param.name)) {
            let before = tensors.keys().filter_map(|name| name.strip_suffix(param.name.as_str()));
            before
                .filter(|before| before.ends_with('.'))
                .for_each(|before| *counts.entry(before).or_default() += 1);
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        Names { tensors, prefix: most.map_or("", |(prefix, _)| prefix) }
    }

    /// The name and sizes of a parameter's tensor.
    fn find(&self, node: &Node, param: &Param) -> Option<(&'a str, &'a [usize])> {
        let other = param.name.rsplit_once('.').and_then(|(layer, last)| match (&node.op, last) {
            (Primitive::LayerNorm { .. }, "weight") => Some(format!("{layer}.gamma")),
            (Primitive::LayerNorm { .. }, "bias") => Some(format!("{layer}.beta")),
            (Primitive::Embedding, "weight") => Some(layer.to_owned()),
            _ => None,
        });
        let names = std::iter::once(param.name.clone()).chain(other);
        let names = names.flat_map(|name| [name.clone(), format!("{}{name}", self.prefix)]);
        names
            .into_iter()
            .find_map(|name| self.tensors.get_key_value(&name))
            .map(|(name, sizes)| (name.as_str(), &sizes[..]))
    }
}
