//! Names of stages and sources inside stages: what they mean, in which order that can run, and what is wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use network::nearest;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use plan::{ArtifactKind, Diagnostic, Place, Variant};
use stages::{Fact, Params, Reference};

use crate::tree::{Data, Node};

/// The port, and the key, of what a stage takes in from outside.
pub(crate) const OUTSIDE: &str = "path";

/// Everything that can be named.
pub(crate) struct Names<'a> {
    /// Stages of the recipe, those that are wrong included.
    pub(crate) stages: BTreeSet<&'a str>,
    /// Sources of the recipe, those that are wrong included.
    pub(crate) sources: BTreeSet<&'a str>,
    /// Stages that decoded.
    pub(crate) params: &'a BTreeMap<String, Params>,
}

impl Names<'_> {
    /// Reports a name that means nothing, or something else than is wanted.
    pub(crate) fn check(&self, stage: &str, reference: &Reference, diagnostics: &mut Vec<Diagnostic>) {
        if !written(reference) {
            return;
        }
        let (name, place) = (reference.name.as_str(), place(stage, reference));
        if reference.accepts.is_empty() {
            if self.sources.contains(name) {
                return;
            }
            let hint = suggestion(name, &self.sources, "source");
            diagnostics.push(if self.stages.contains(name) {
                let message = format!("`{}` takes a source, and `{name}` is a stage", reference.port);
                Diagnostic::new("wrong-input", place, message).hint(hint)
            } else {
                Diagnostic::new("unknown-source", place, format!("there is no source `{name}`")).hint(hint)
            });
        } else if !self.stages.contains(name) {
            let near = suggestion(name, &self.stages, "stage");
            diagnostics.push(if self.sources.contains(name) {
                let wants = kinds(reference.accepts);
                let message = format!(
                    "`{}` takes a stage that makes {wants}, and `{name}` is a source",
                    reference.port
                );
                let encoding = self
                    .params
                    .iter()
                    .find(|(_, params)| matches!(params, Params::Preprocess(params) if params.data == name));
                let hint = match encoding {
                    Some((stage, _)) => format!("`{stage}` encodes it"),
                    None => format!("encode it: a stage of kind \"preprocess\" with data = \"{name}\""),
                };
                Diagnostic::new("wrong-input", place, message).hint(hint)
            } else {
                Diagnostic::new("unknown-stage", place, format!("there is no stage `{name}`")).hint(near)
            });
        }
    }

    /// Reports names in a stage that did not decode, by the keys that its kind declares for them.
    pub(crate) fn check_undecoded(&self, stage: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
        let kind = node.get("kind").and_then(Node::text).unwrap_or_default();
        let Some(declaration) = stages::declaration(kind) else { return };
        let mut check = |node: &Node, place: Place| {
            let Some(name) = node.text() else { return };
            if !self.stages.contains(name) && !self.sources.contains(name) {
                let known = self.stages.union(&self.sources).copied().collect();
                let hint = suggestion(name, &known, "stage or source");
                let message = format!("there is no stage or source `{name}`");
                diagnostics.push(Diagnostic::new("unknown-stage", place, message).hint(hint));
            }
        };
        for key in declaration.references.iter().filter(|key| **key != OUTSIDE) {
            let place = Place::stage(stage).join(*key);
            match node.get(key) {
                Some(Node { data: Data::Array(elements), .. }) => {
                    for (index, element) in elements.iter().enumerate() {
                        check(element, place.join(index));
                    }
                }
                Some(node) => check(node, place),
                None => {}
            }
        }
    }
}

/// Reports a reference to a stage that makes nothing of the wanted kind.
pub(crate) fn check_kind(
    stage: &str,
    reference: &Reference,
    params: &BTreeMap<String, Params>,
    facts: &BTreeMap<String, Vec<(&'static str, Fact)>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(outputs) = facts.get(&reference.name).filter(|outputs| !outputs.is_empty()) else { return };
    if reference.accepts.is_empty() || !written(reference) || output(reference, outputs).is_some() {
        return;
    }
    let makes: Vec<ArtifactKind> = outputs.iter().map(|(_, fact)| fact.kind()).collect();
    let kind = params.get(&reference.name).map_or("", Params::kind);
    let message = format!(
        "`{}` takes {}, but `{}` is a stage of kind \"{kind}\", which makes {}",
        reference.port,
        kinds(reference.accepts),
        reference.name,
        kinds(&makes)
    );
    let fitting: Vec<String> = facts
        .iter()
        .filter(|(name, outputs)| *name != stage && output(reference, outputs).is_some())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    let mut diagnostic = Diagnostic::new("wrong-input", place(stage, reference), message);
    if !fitting.is_empty() {
        diagnostic = diagnostic.hint(format!("{} would fit", fitting.join(", ")));
    }
    diagnostics.push(diagnostic);
}

/// The port of a stage that a reference to it means: the first of a kind that fits.
pub(crate) fn output<'a>(
    reference: &Reference,
    outputs: &'a [(&'static str, Fact)],
) -> Option<&'a (&'static str, Fact)> {
    outputs.iter().find(|(_, fact)| reference.accepts.contains(&fact.kind()))
}

/// Stages in an order in which each comes after those it needs, and otherwise as in `names`; stages in a circle are
/// reported, and left out.
pub(crate) fn order(
    names: &[&str],
    references: &BTreeMap<String, Vec<Reference>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let mut graph: DiGraphMap<&str, ()> = DiGraphMap::new();
    let decoded = || names.iter().filter_map(|name| references.get_key_value(*name));
    for (name, _) in decoded() {
        graph.add_node(name);
    }
    for (name, needs) in decoded() {
        for reference in needs.iter().filter(|reference| !reference.accepts.is_empty()) {
            if let Some((needed, _)) = references.get_key_value(&reference.name) {
                graph.add_edge(name, needed, ());
            }
        }
    }
    let mut order = vec![];
    // Components come out in reverse: what is needed first.
    for component in tarjan_scc(&graph) {
        match component[..] {
            [name] if !graph.contains_edge(name, name) => order.push(name.to_owned()),
            _ => diagnostics.push(circle(&graph, &component, references)),
        }
    }
    order
}

/// One diagnostic for stages that need each other: the shortest way round from the first by name.
fn circle(
    graph: &DiGraphMap<&str, ()>,
    component: &[&str],
    references: &BTreeMap<String, Vec<Reference>>,
) -> Diagnostic {
    let first = component.iter().min().copied().unwrap_or_default();
    let mut came: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([first]);
    while let Some(name) = queue.pop_front().filter(|_| !came.contains_key(first)) {
        let mut next: Vec<&str> = graph.neighbors(name).filter(|next| component.contains(next)).collect();
        next.sort_unstable();
        for next in next {
            if !came.contains_key(next) {
                came.insert(next, name);
                queue.push_back(next);
            }
        }
    }
    let mut path = vec![first];
    while let Some(before) = came.get(path[path.len() - 1]) {
        path.push(before);
        if *before == first {
            break;
        }
    }
    path.reverse();
    let at = |from: &str, to: &str| {
        let found = references.get(from).into_iter().flatten().find(|reference| reference.name == to);
        found.map_or_else(|| Place::stage(from), |reference| place(from, reference))
    };
    let message = match path[..] {
        [name, _] => format!("`{name}` needs itself"),
        _ => format!("these stages need each other in a circle: {}", path.join(" -> ")),
    };
    let mut diagnostic = Diagnostic::new("cycle", at(path[0], path[path.len().min(2) - 1]), message);
    for pair in path.windows(2).skip(1) {
        diagnostic = diagnostic.related(at(pair[0], pair[1]), format!("`{}` needs `{}`", pair[0], pair[1]));
    }
    diagnostic
}

/// Where a reference is written.
fn place(stage: &str, reference: &Reference) -> Place {
    let (key, index) = reference.key;
    let place = Place::stage(stage).join(key);
    index.map_or(place.clone(), |index| place.join(index))
}

/// Whether the stage itself names it: what follows from another stage is reported there.
fn written(reference: &Reference) -> bool {
    reference.port == reference.key.0
}

fn suggestion(name: &str, known: &BTreeSet<&str>, what: &str) -> String {
    // A name that a sweep has multiplied stands for all of its variants.
    let names: BTreeSet<&str> = known.iter().map(|name| Variant::parse(name).of).collect();
    let names: Vec<&str> = names.into_iter().collect();
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => format!("the recipe has no {what}"),
        None => format!("it can be {}", names.join(", ")),
    }
}

/// `a network or a head`.
fn kinds(kinds: &[ArtifactKind]) -> String {
    let words: Vec<String> = kinds
        .iter()
        .map(|kind| match kind {
            ArtifactKind::Features | ArtifactKind::Metrics | ArtifactKind::Predictions => {
                kind.name().to_owned()
            }
            ArtifactKind::Export => "an export".to_owned(),
            _ => format!("a {}", kind.name()),
        })
        .collect();
    words.join(" or ")
}
