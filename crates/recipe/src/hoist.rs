//! Frozen first parts of networks, run once in stages of their own instead of in every epoch.
//!
//! A training whose network starts with nodes that training leaves as they are gets a stage before it that stores what
//! these nodes give for every row, and trains the rest on that. Trainings that agree on the part and the data share
//! one such stage, and so do evaluations and predictions of the trained network on the same data. What is worth
//! storing is `network::Graph::prefix`'s to say.

mod share;

use std::collections::BTreeMap;

use network::{Dim, Graph, Network, Node, Prefix};
use plan::{Input, Origin, Stage, Variant};
use stages::{ExtractFrozen, Fact, Finetune, Params, Training, Views};

use crate::compile::{Facts, network_of, planned};

/// The stages with those added that run frozen parts.
pub(crate) fn hoist(stages: Vec<Stage>, params: &BTreeMap<String, Params>, facts: &mut Facts) -> Vec<Stage> {
    let mut pass = Pass { params, facts, made: vec![], hoisted: BTreeMap::new(), stages: vec![] };
    for stage in stages {
        pass.take(stage);
    }
    pass.share();
    for made in &pass.made {
        if let Some(stage) = pass.stages.iter_mut().find(|stage| stage.name == made.name) {
            stage.note = Some(made.note());
        }
    }
    pass.stages
}

struct Pass<'a> {
    params: &'a BTreeMap<String, Params>,
    facts: &'a mut Facts,
    made: Vec<Made>,
    /// By training: the made stage that it takes values from.
    hoisted: BTreeMap<String, usize>,
    stages: Vec<Stage>,
}

/// A stage that runs a frozen part.
struct Made {
    name: String,
    network: String,
    data: String,
    nodes: Vec<String>,
    /// Views of the training rows that it runs too, and the seed of their draws.
    views: Option<(Views, Option<u64>)>,
    /// The trainings that take its values.
    users: Vec<String>,
    /// The share of the first one's multiply-adds, and what is stored, in words.
    saved: f64,
    stored: String,
}

/// A training stage, as far as this pass looks at it.
struct Trained<'a> {
    training: &'a Training,
    start: &'a str,
    data: &'a str,
}

impl Pass<'_> {
    fn take(&mut self, mut stage: Stage) {
        match self.part_of(&stage) {
            None => {
                if let Some(made) = self.applied(&stage.name) {
                    self.feed(&mut stage, made);
                }
            }
            Some(Err(reason)) => stage.note = Some(format!("its frozen part runs in every epoch: {reason}")),
            Some(Ok(part)) => {
                let made = self.made(part);
                self.made[made].users.push(stage.name.clone());
                self.hoisted.insert(stage.name.clone(), made);
                self.feed(&mut stage, made);
            }
        }
        self.stages.push(stage);
    }

    fn feed(&self, stage: &mut Stage, made: usize) {
        let origin = Origin::Stage { stage: self.made[made].name.clone(), port: "values".to_owned() };
        stage.inputs.push(Input { port: "values".to_owned(), origin });
    }

    /// The frozen part of a training's network that is run on its own, or why it is not; `None` for other stages and
    /// networks without one.
    fn part_of(&self, stage: &Stage) -> Option<Result<Made, String>> {
        let trained = trained(&self.params[&stage.name])?;
        let network = self.network(&stage.name)?;
        let graph = network.lower().ok()?;
        let prefix = graph.prefix(&still(&graph, network, self.network(trained.start)?))?;
        if !trained.training.hoist {
            return Some(Err("`hoist` is false".to_owned()));
        }
        let augment = &trained.training.augment;
        let views = match trained.training.views {
            _ if augment.is_empty() => None,
            None => {
                let reason = "every epoch sees other pictures by `augment`; with `views` it would run once over so \
                              many of each";
                return Some(Err(reason.to_owned()));
            }
            Some(count) => Some((Views { augment: augment.clone(), count }, stage.seed)),
        };
        if prefix.stored.is_empty() {
            let reason = format!(
                "it takes {} multiply-adds for each value that it gives, and storing pays from {} on",
                prefix.most,
                Prefix::WORTH
            );
            return Some(Err(reason));
        }
        let nodes: Vec<&Node> = prefix.stored.iter().map(|&index| &graph.nodes[index]).collect();
        Some(Ok(Made {
            name: self.free_name(&stage.name, "frozen"),
            network: self.origin(trained.start, &nodes),
            data: trained.data.to_owned(),
            nodes: nodes.iter().map(|node| node.name.clone()).collect(),
            views,
            users: vec![],
            saved: prefix.saved,
            stored: stored(&nodes),
        }))
    }

    /// The place in `made` of a stage that runs this part of this network over these data; puts it into the plan when
    /// it is not there yet.
    fn made(&mut self, part: Made) -> usize {
        let same = |other: &Made| {
            (&other.network, &other.data, &other.nodes, &other.views)
                == (&part.network, &part.data, &part.nodes, &part.views)
        };
        if let Some(found) = self.made.iter().position(same) {
            return found;
        }
        let extract = ExtractFrozen {
            network: part.network.clone(),
            data: part.data.clone(),
            nodes: part.nodes.clone(),
            views: part.views.as_ref().map(|(views, _)| views.clone()),
        };
        let params = Params::ExtractFrozen(extract);
        let values = Fact::Plain(plan::ArtifactKind::Values);
        self.facts.insert(part.name.clone(), vec![("values", values)]);
        let references = params.stage().references(self.params);
        let stage = planned(&part.name, &params, &references, self.facts, 0);
        // Only views are drawn, by the training's seed.
        let seed = part.views.as_ref().and_then(|(_, seed)| *seed);
        self.stages.extend(stage.map(|stage| Stage { seed, ..stage }));
        self.made.push(part);
        self.made.len() - 1
    }

    /// The made stage whose values an evaluation or a prediction can take: that of its model, where the data are the
    /// same.
    fn applied(&self, name: &str) -> Option<usize> {
        let (model, data) = match &self.params[name] {
            Params::Evaluate(evaluate) => (&evaluate.model, evaluate.data.as_ref()?),
            Params::Predict(predict) => (&predict.model, predict.data.as_ref()?),
            _ => return None,
        };
        let made = *self.hoisted.get(model)?;
        (self.made[made].data == *data).then_some(made)
    }

    /// The first stage whose network has these nodes with the weights that the network of `stage` has, so that stages
    /// which only differ behind the nodes share what is stored.
    fn origin(&self, stage: &str, nodes: &[&Node]) -> String {
        let mut stage = stage;
        while let Some(before) = self.before(stage, nodes) {
            stage = before;
        }
        stage.to_owned()
    }

    /// The stage whose network that of `stage` was made of, where these nodes and their weights are the same in both.
    fn before(&self, stage: &str, nodes: &[&Node]) -> Option<&str> {
        let own = self.network(stage)?;
        let graph = own.lower().ok()?;
        let params = self.params.get(stage)?;
        let [before] = params.made_of()[..] else { return None };
        let start = self.network(before)?;
        let same = match params {
            Params::Finetune(_) => still(&graph, own, start),
            _ => graph.shared_with(&start.lower().ok()?),
        };
        let is_same =
            |node: &&Node| graph.nodes.iter().zip(&same).any(|(own, same)| own.name == node.name && *same);
        nodes.iter().all(is_same).then_some(before)
    }

    fn network(&self, stage: &str) -> Option<&Network> {
        network_of(self.facts.get(stage)?)
    }

    /// A name with `end` that no stage of the recipe has: `head.frozen`, of a variant `head.frozen@lr=0.1`.
    fn free_name(&self, stage: &str, end: &str) -> String {
        free_name(stage, end, |name| self.params.contains_key(name))
    }
}

/// The name of `stage` with `end` before the values of its axes, `end` once more while it is taken.
pub(crate) fn free_name(stage: &str, end: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let (of, values) = stage.split_at(Variant::parse(stage).of.len());
    let mut of = format!("{of}.{end}");
    while is_taken(&format!("{of}{values}")) {
        of = format!("{of}.{end}");
    }
    format!("{of}{values}")
}

impl Made {
    fn note(&self) -> String {
        let users = match &self.users[..] {
            [] => String::new(),
            [only] => format!("`{only}`"),
            [first, others @ ..] => format!("`{first}` and {} more", others.len()),
        };
        let nodes: Vec<String> = self.nodes.iter().map(|node| format!("`{node}`")).collect();
        let (nodes, network) = (nodes.join(", "), &self.network);
        let share = self.saved * 100.0;
        let views = match &self.views {
            Some((views, _)) => format!(", and {} views of each training row", views.count),
            None => String::new(),
        };
        format!(
            "{nodes} of `{network}` once for {users}: {share:.1}% of its multiply-adds, {}{views}",
            self.stored
        )
    }
}

fn trained(params: &Params) -> Option<Trained<'_>> {
    match params {
        Params::Finetune(finetune) => {
            let Finetune { network, data, training, .. } = finetune;
            Some(Trained { training, start: network, data })
        }
        _ => None,
    }
}

/// By node of `graph`, which is that of `network`: whether a training that starts from `start` leaves its values as
/// they are there.
fn still(graph: &Graph, network: &Network, start: &Network) -> Vec<bool> {
    let Ok(start) = start.lower() else { return vec![false; graph.nodes.len()] };
    let mut still = graph.still(&network.frozen);
    for (still, shared) in still.iter_mut().zip(graph.shared_with(&start)) {
        *still &= shared;
    }
    still
}

/// What the nodes' values take in the store, in words.
fn stored(nodes: &[&Node]) -> String {
    let bytes = |sequence: bool| -> usize {
        let own = nodes.iter().filter(|node| node.signal.is_sequence() == sequence);
        own.map(|node| {
            let sizes = node.signal.shape.0.iter().filter_map(network::Dim::size);
            sizes.product::<usize>() * size_of::<f32>()
        })
        .sum()
    };
    let sizes = nodes.iter().flat_map(|node| &node.signal.shape.0);
    let open =
        |dim: &network::Dim| dim.size().is_none() && !matches!(dim, Dim::Batch | Dim::Time | Dim::After(_));
    // A size that only the data will tell.
    let least = if sizes.into_iter().any(open) { "at least " } else { "" };
    match (bytes(false), bytes(true)) {
        (rows, 0) => format!("{least}{rows} bytes a row"),
        (0, steps) => format!("{least}{steps} bytes a step"),
        (rows, steps) => format!("{least}{rows} bytes a row and {steps} a step"),
    }
}
