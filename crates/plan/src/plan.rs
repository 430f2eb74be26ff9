//! The checked plan: a DAG of stages whose references are resolved. Only this type runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use petgraph::{Direction, graph::EdgeIndex};
use serde::{Deserialize, Serialize};

use crate::message::StageError;
use crate::variant::Variant;

/// What travels along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// Encoded rows.
    Dataset,
    /// A fitted transform.
    Transform,
    /// A network with its weights.
    Network,
    /// Training curves.
    History,
    /// One vector a row.
    Features,
    /// Decoded pictures.
    Pictures,
    /// What nodes of a network give, by row.
    Values,
    /// A model on features and columns: boosted trees, a linear model, neighbours.
    Head,
    /// Measured metrics.
    Metrics,
    /// One prediction a row.
    Predictions,
    /// Points in the plane.
    Projection,
    /// Rows by cluster.
    Clusters,
    /// A table of approaches.
    Comparison,
    /// Files for other programs.
    Export,
    /// A table for people.
    Table,
}

impl ArtifactKind {
    /// The kind's name in recipes, manifests and messages.
    pub fn name(self) -> &'static str {
        match self {
            ArtifactKind::Dataset => "dataset",
            ArtifactKind::Transform => "transform",
            ArtifactKind::Network => "network",
            ArtifactKind::History => "history",
            ArtifactKind::Features => "features",
            ArtifactKind::Pictures => "pictures",
            ArtifactKind::Values => "values",
            ArtifactKind::Head => "head",
            ArtifactKind::Metrics => "metrics",
            ArtifactKind::Predictions => "predictions",
            ArtifactKind::Projection => "projection",
            ArtifactKind::Clusters => "clusters",
            ArtifactKind::Comparison => "comparison",
            ArtifactKind::Export => "export",
            ArtifactKind::Table => "table",
        }
    }
}

/// An output of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The port's name, unique in its stage.
    pub name: String,
    /// What comes out of it.
    pub kind: ArtifactKind,
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// An output port of a stage.
    Stage {
        /// The stage.
        stage: String,
        /// Its port.
        port: String,
    },
    /// A source of the recipe.
    Source(String),
}

/// One input of a stage; a port that takes several has one of these for each, in the recipe's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The port's name.
    pub port: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// A user's files or folders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The source's name in the recipe.
    pub name: String,
    /// Where they were found; at least one, and their order is part of the source's meaning.
    pub paths: Vec<PathBuf>,
    /// How to read it, a `data::Source` as JSON without its path: part of its meaning.
    pub reading: serde_json::Value,
    /// The seed of its split; `None` where the split draws nothing.
    pub seed: Option<u64>,
}

/// A checked stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The stage's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Version of the kind's implementation.
    pub version: u32,
    /// Checked params, defaults filled in, references to other stages left out.
    pub params: serde_json::Value,
    /// Inputs in port order.
    pub inputs: Vec<Input>,
    /// Outputs; the first is the one that a plain reference to the stage means for its kind.
    pub outputs: Vec<Port>,
    /// The seed, for kinds that draw at random.
    pub seed: Option<u64>,
    /// Whether the result depends on libtorch and the device.
    pub numeric: bool,
    /// How far it goes, for kinds that work in epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// What its inputs must hold, which is known when they are made; no part of the result's meaning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// What the compiler did with it or could not do, for people; no part of the result's meaning.
    pub note: Option<String>,
}

/// What a stage cannot do without: one that lacks it would fail after all that runs before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Need {
    /// The input port.
    pub port: String,
    /// A file of JSON in what it receives.
    pub file: String,
    /// Pointers into that (RFC 6901): one of them leads to a number above 0.
    pub any_of: Vec<String>,
    /// Why the stage fails where none does.
    pub error: StageError,
}

impl Need {
    /// Whether the file's content has what is needed.
    pub fn is_met(&self, content: &serde_json::Value) -> bool {
        let count = |pointer: &String| content.pointer(pointer)?.as_f64();
        self.any_of.iter().filter_map(count).any(|count| count > 0.0)
    }
}

/// How far a stage goes that works in epochs. One that goes further on the same way begins where a shorter one ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// Epochs, at most.
    pub epochs: usize,
    /// The params without what only says how far the stage goes.
    pub way: serde_json::Value,
    /// Why a stage of more epochs goes another way from the start, where it does.
    pub bound: Option<String>,
}

/// A checked recipe: stages, their edges and the files they start from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The recipe's name.
    pub name: String,
    /// The recipe's seed.
    pub seed: u64,
    /// Sources by name.
    pub sources: BTreeMap<String, Source>,
    graph: DiGraph<Stage, String>,
    order: Vec<NodeIndex>,
}

impl Plan {
    /// Builds the DAG. Stages may come in any order.
    ///
    /// # Errors
    /// The path of a cycle, first stage repeated at the end, or the one-element path of a stage whose input names
    /// a stage or source that is not there.
    pub fn new(
        name: String,
        seed: u64,
        sources: BTreeMap<String, Source>,
        stages: Vec<Stage>,
    ) -> Result<Plan, Vec<String>> {
        let mut graph = DiGraph::new();
        let nodes: BTreeMap<String, NodeIndex> =
            stages.into_iter().map(|stage| (stage.name.clone(), graph.add_node(stage))).collect();
        for &node in nodes.values() {
            for input in graph[node].inputs.clone() {
                match &input.origin {
                    Origin::Stage { stage, .. } => match nodes.get(stage) {
                        Some(&from) => drop::<EdgeIndex>(graph.add_edge(from, node, input.port)),
                        None => return Err(vec![graph[node].name.clone()]),
                    },
                    Origin::Source(source) if sources.contains_key(source) => {}
                    Origin::Source(_) => return Err(vec![graph[node].name.clone()]),
                }
            }
        }
        match toposort(&graph, None) {
            Ok(_) => {
                let order = given_order(&graph);
                Ok(Plan { name, seed, sources, graph, order })
            }
            Err(cycle) => Err(cycle_path(&graph, cycle.node_id())),
        }
    }

    /// Stages, every stage after the ones it needs, else in the order in which they were given.
    pub fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.order.iter().map(|&node| &self.graph[node])
    }

    /// A stage by name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages().find(|stage| stage.name == name)
    }

    /// Stages that a name means: the one of that name, else all variants of it that a sweep has made.
    pub fn select(&self, name: &str) -> Vec<&Stage> {
        if let Some(stage) = self.stage(name) {
            return vec![stage];
        }
        let wanted = Variant::parse(name);
        self.stages().filter(|stage| wanted.covers(&Variant::parse(&stage.name))).collect()
    }

    /// Whether a stage takes or makes networks: only those need libtorch.
    pub fn is_on_networks(&self, stage: &Stage) -> bool {
        let is_network = |port: &Port| port.kind == ArtifactKind::Network;
        let takes = |input: &Input| match &input.origin {
            Origin::Source(_) => false,
            Origin::Stage { stage, port } => self
                .stage(stage)
                .is_some_and(|stage| stage.outputs.iter().any(|own| own.name == *port && is_network(own))),
        };
        stage.outputs.iter().any(is_network) || stage.inputs.iter().any(takes)
    }

    /// Edges as (from, to, port).
    pub fn edges(&self) -> impl Iterator<Item = (&Stage, &Stage, &str)> {
        self.graph
            .edge_references()
            .map(|edge| (&self.graph[edge.source()], &self.graph[edge.target()], edge.weight().as_str()))
    }

    /// The named stages and all that they need.
    pub fn upstream(&self, targets: &[String]) -> BTreeSet<String> {
        self.reach(targets, Direction::Incoming)
    }

    /// The named stages and all that need them.
    pub fn downstream(&self, from: &[String]) -> BTreeSet<String> {
        self.reach(from, Direction::Outgoing)
    }

    /// The plan cut down to `keep`, which must be closed under "needs".
    #[must_use]
    pub fn restrict(&self, keep: &BTreeSet<String>) -> Plan {
        let stages: Vec<Stage> = self.stages().filter(|stage| keep.contains(&stage.name)).cloned().collect();
        Plan::new(self.name.clone(), self.seed, self.sources.clone(), stages)
            .expect("a closed part of a plan is a plan")
    }

    fn reach(&self, from: &[String], direction: Direction) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut stack: Vec<NodeIndex> =
            self.order.iter().copied().filter(|&node| from.contains(&self.graph[node].name)).collect();
        while let Some(node) = stack.pop() {
            if seen.insert(self.graph[node].name.clone()) {
                stack.extend(self.graph.neighbors_directed(node, direction));
            }
        }
        seen
    }
}

/// The topological order that is nearest to the order in which the stages were given.
fn given_order(graph: &DiGraph<Stage, String>) -> Vec<NodeIndex> {
    let needs = |node| graph.neighbors_directed(node, Direction::Incoming).count();
    let mut missing: BTreeMap<NodeIndex, usize> =
        graph.node_indices().map(|node| (node, needs(node))).collect();
    let mut ready: BTreeSet<NodeIndex> =
        missing.iter().filter(|(_, missing)| **missing == 0).map(|(node, _)| *node).collect();
    let mut order = Vec::with_capacity(missing.len());
    while let Some(node) = ready.pop_first() {
        order.push(node);
        for next in graph.neighbors_directed(node, Direction::Outgoing) {
            if let Some(missing) = missing.get_mut(&next) {
                *missing -= 1;
                if *missing == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    order
}

/// Walks backwards inside the cycle until a stage repeats; given forwards, first stage repeated at the end.
fn cycle_path(graph: &DiGraph<Stage, String>, start: NodeIndex) -> Vec<String> {
    let component = petgraph::algo::tarjan_scc(graph)
        .into_iter()
        .find(|component| component.contains(&start))
        .unwrap_or_default();
    let mut path = vec![start];
    loop {
        let last = path[path.len() - 1];
        let Some(next) = graph
            .neighbors_directed(last, Direction::Incoming)
            .filter(|node| component.contains(node))
            .min_by_key(|node| &graph[*node].name)
        else {
            break;
        };
        if let Some(first) = path.iter().position(|&node| node == next) {
            let mut names: Vec<String> =
                path[first..].iter().rev().map(|&node| graph[node].name.clone()).collect();
            if let Some(smallest) = (0..names.len()).min_by_key(|&i| names[i].clone()) {
                names.rotate_left(smallest);
            }
            names.push(names[0].clone());
            return names;
        }
        path.push(next);
    }
    vec![graph[start].name.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(name: &str, needs: &[&str]) -> Stage {
        Stage {
            name: name.into(),
            kind: "k".into(),
            version: 1,
            params: serde_json::json!({}),
            inputs: needs
                .iter()
                .map(|stage| Input {
                    port: "in".into(),
                    origin: Origin::Stage { stage: (*stage).into(), port: "out".into() },
                })
                .collect(),
            outputs: vec![Port { name: "out".into(), kind: ArtifactKind::Dataset }],
            seed: None,
            numeric: false,
            extent: None,
            needs: vec![],
            note: None,
        }
    }

    fn plan(stages: Vec<Stage>) -> Result<Plan, Vec<String>> {
        Plan::new("p".into(), 0, BTreeMap::new(), stages)
    }

    #[test]
    fn stages_come_after_what_they_need() {
        let plan = plan(vec![stage("c", &["b"]), stage("b", &["a"]), stage("a", &[])]).unwrap();
        let order: Vec<&str> = plan.stages().map(|s| s.name.as_str()).collect();
        assert_eq!(order, ["a", "b", "c"]);
        assert_eq!(plan.upstream(&["b".into()]), ["a".to_string(), "b".into()].into());
        assert_eq!(plan.downstream(&["b".into()]), ["b".to_string(), "c".into()].into());
    }

    #[test]
    fn stages_keep_the_given_order_where_they_can() {
        let plan =
            plan(vec![stage("d", &[]), stage("c", &["b"]), stage("b", &[]), stage("a", &["d"])]).unwrap();
        let order: Vec<&str> = plan.stages().map(|s| s.name.as_str()).collect();
        assert_eq!(order, ["d", "b", "c", "a"]);
    }

    #[test]
    fn a_cycle_is_given_as_its_path() {
        let error = plan(vec![
            stage("d", &["c"]),
            stage("c", &["b"]),
            stage("b", &["a"]),
            stage("a", &["c"]),
            stage("e", &["a"]),
        ])
        .unwrap_err();
        assert_eq!(error, ["a", "b", "c", "a"]);
        assert_eq!(plan(vec![stage("a", &["a"])]).unwrap_err(), ["a", "a"]);
    }
}
