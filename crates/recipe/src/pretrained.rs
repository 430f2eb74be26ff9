//! Files of weights beside the networks that they are for, before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use network::{Dim, Graph, Input, Network, Primitive};
use plan::{Diagnostic, Place};
use stages::{Fact, Fit, LoadNetwork};

use crate::blocks;
use crate::references::OUTSIDE;

/// Sizes of a file's tensors by name.
type Shapes = BTreeMap<String, Vec<usize>>;

/// The share of a file's names and shapes that tells which network it is of.
const LIKELY: f64 = 0.9;

/// What the file of a `load-network` stage holds.
pub(crate) fn shapes(place: &Place, load: &LoadNetwork, file: &Path) -> Result<Shapes, Diagnostic> {
    let options = weights::Options { root: load.root.clone(), ..weights::Options::default() };
    let file = weights::Weights::open(file, &options)
        .map_err(|error| Diagnostic::new("unreadable-weights", place.clone(), error.to_string()))?;
    Ok(file.iter().map(|(name, tensor)| (name.to_owned(), tensor.shape().to_vec())).collect())
}

/// Reports a file that does not fit the network of its stage.
pub(crate) fn check(
    stage: &str,
    load: &LoadNetwork,
    outputs: &[(&'static str, Fact)],
    shapes: &Shapes,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let network = outputs.iter().find_map(|(_, fact)| match fact {
        Fact::Network(fact) => fact.network.as_ref(),
        _ => None,
    });
    let Some(graph) = network.and_then(|network| network.lower().ok()) else { return };
    // A pattern that is no regex has been reported.
    let Ok(fit) = load.fit(&graph, shapes) else { return };
    if fit.is_whole() {
        return;
    }
    let message = format!("the file does not fit the network: {}", fit.words());
    let mut diagnostic = Diagnostic::new("weights-mismatch", Place::stage(stage).join(OUTSIDE), message);
    diagnostic.hint = other_tokens(&fit, &graph).or_else(|| hint(&fit, shapes));
    diagnostics.push(diagnostic);
}

/// Advice where all that differs is the rows of tables of tokens.
fn other_tokens(fit: &Fit, graph: &Graph) -> Option<String> {
    let tables = graph.nodes.iter().filter(|node| node.op == Primitive::Embedding);
    let tables: BTreeSet<&str> = tables.flat_map(|node| &node.params).map(|of| of.name.as_str()).collect();
    let (name, own, found) = fit.misshapen.first()?;
    let rows = own.0.first().and_then(Dim::size)?;
    let only = fit.missing.is_empty() && fit.unexpected.is_empty();
    let all = fit.misshapen.iter().all(|(name, ..)| tables.contains(name.as_str()));
    (only && all && found.len() == 2 && rows != found[0]).then(|| {
        format!(
            "the data has {rows} tokens and `{name}` is of {}: take the tokenizer that the weights were trained with",
            found[0]
        )
    })
}

fn hint(fit: &Fit, shapes: &Shapes) -> Option<String> {
    if let Some(name) = likely(shapes).filter(|_| !fit.missing.is_empty() || !fit.unexpected.is_empty()) {
        return Some(format!("it may be of {name}: network.backbone = \"{name}\""));
    }
    let layer = |name: &String| name.rsplit_once('.').map_or(name.clone(), |(layer, _)| layer.to_owned());
    let of = |names: &mut dyn Iterator<Item = &String>| names.map(layer).collect::<BTreeSet<_>>();
    let other = of(&mut fit.misshapen.iter().map(|(name, ..)| name));
    let missing = of(&mut fit.missing.iter());
    if let (true, Some(head)) = (missing.is_empty() && other.len() == 1, other.first()) {
        return Some(format!("for other classes draw `{head}` anew: draw = \"^{head}[.]\""));
    }
    (missing.is_empty() && other.is_empty())
        .then(|| "leave tensors out that are not needed: ignore = \"regex\"".to_owned())
}

/// The backbone that has most of the file's names and shapes, and few others.
fn likely(shapes: &Shapes) -> Option<&'static str> {
    let share = |name: &'static str| {
        let picture = Input::Image { channels: Some(3), height: None, width: None };
        let network = Network::new([("image".to_owned(), picture)].into(), blocks::backbone(name)?);
        let graph = network.lower().ok()?;
        let same = graph.params().filter(|param| {
            let sizes: Option<Vec<usize>> = param.shape.iter().map(Dim::size).collect();
            sizes.is_some_and(|sizes| shapes.get(&param.name) == Some(&sizes))
        });
        let all =
            graph.params().count().max(shapes.keys().filter(|name| !name.contains("num_batches")).count());
        Some((same.count() as f64 / all as f64, name))
    };
    let best = blocks::backbones().filter_map(share).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= LIKELY).then_some(best.1)
}
