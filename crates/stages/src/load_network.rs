//! `load-network`: a network from its declaration, with weights from a file or drawn.

use std::collections::{BTreeMap, BTreeSet};

use network::{Dim, Graph, Input, Network, Selection, Shape};
use plan::{ArtifactKind, Diagnostic};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::{Fact, NetworkFact};
use crate::freeze::last_line;
use crate::goal::Goals;
use crate::rows::RowSet;
use crate::table::{OutsidePath, Params, Reference, Stage};
use crate::train::{Declared, check_network, layer_place};

/// Makes a network from layers or a backbone. Its weights come from a file: safetensors, or what `torch.save` wrote of a
/// state dict, also under `state_dict` or `model`, with or without `module.` before the names; no code in it is ever run.
/// Names and shapes in the file must be the network's. Without a file the weights are drawn from the seed.
///
/// Output: `network`, for freeze, finetune, load-subnet, extract-features and export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoadNetwork {
    /// The network.
    pub network: Declared,
    /// The file of its weights, relative to the recipe or to a data folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where in a file of `torch.save` the weights are, keys between points; by default under the first of
    /// `state_dict`, `model_state_dict`, `model`, `net`, `network`, `weights`, `params` that has some, or at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Parameters whose full name this regex is found in are drawn from the seed, whatever the file has of these names:
    /// a head for other classes, `^fc[.]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<String>,
    /// Tensors of the file whose name this regex is found in are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// The encoded rows whose columns the network reads; without, it reads one picture of three colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The picture's column.
    #[serde(default = "image", skip_serializing_if = "is_image")]
    pub column: String,
    /// A seed of the stage's own; by default the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Tensors of a file beside the parameters of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// Parameters that the file has, in the network's order.
    pub taken: Vec<String>,
    /// Parameters that it lacks.
    pub missing: Vec<String>,
    /// Tensors that are no parameter.
    pub unexpected: Vec<String>,
    /// Parameters of another shape there: name, its shape in the network, in the file.
    pub misshapen: Vec<(String, Shape, Vec<usize>)>,
}

/// Names that a message lists of a kind.
const LISTED: usize = 6;

/// PyTorch's count of batches that a batch norm has seen, which nothing here needs.
const COUNTER: &str = "num_batches_tracked";

impl Fit {
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

impl LoadNetwork {
    /// The network over these columns; without `data`, over its picture.
    pub fn declared(&self, data: Option<BTreeMap<String, Input>>) -> Network {
        let picture = Input::Image { channels: Some(3), height: None, width: None };
        let inputs = data.unwrap_or_else(|| BTreeMap::from([(self.column.clone(), picture)]));
        Network::new(inputs, self.network.layers.clone())
    }

    /// How a file with tensors of these shapes fits the network.
    ///
    /// # Errors
    /// A regex that is none, in words.
    pub fn fit(&self, graph: &Graph, tensors: &BTreeMap<String, Vec<usize>>) -> Result<Fit, String> {
        let regex = |pattern: &Option<String>| pattern.as_deref().map(compiled).transpose();
        let (draw, ignore) = (regex(&self.draw)?, regex(&self.ignore)?);
        let is = |pattern: &Option<Regex>, name: &str| {
            pattern.as_ref().is_some_and(|pattern| pattern.is_match(name))
        };
        let mut fit = Fit::default();
        for param in graph.params().filter(|param| !is(&draw, &param.name)) {
            let sizes = || param.shape.iter().map(Dim::size);
            match tensors.get(&param.name) {
                None => fit.missing.push(param.name.clone()),
                Some(found) => {
                    let same = |(own, found): (Option<usize>, &usize)| own.is_none_or(|own| own == *found);
                    if sizes().len() == found.len() && sizes().zip(found).all(same) {
                        fit.taken.push(param.name.clone());
                    } else {
                        fit.misshapen.push((param.name.clone(), Shape(param.shape.clone()), found.clone()));
                    }
                }
            }
        }
        let known: BTreeSet<&str> = graph.params().map(|param| param.name.as_str()).collect();
        let counter = |name: &str| name.rsplit('.').next() == Some(COUNTER);
        let other = tensors.keys().filter(|name| !known.contains(name.as_str()));
        let other = other.filter(|name| !counter(name) && !is(&ignore, name) && !is(&draw, name));
        fit.unexpected = other.cloned().collect();
        Ok(fit)
    }

    fn check_patterns(&self, graph: Option<&Graph>, context: &mut Context<'_>) {
        for (key, pattern) in [("draw", &self.draw), ("ignore", &self.ignore)] {
            let Some(pattern) = pattern else { continue };
            match compiled(pattern) {
                Err(message) => {
                    let diagnostic = Diagnostic::new("weights-pattern", context.place(key), message);
                    context.report(diagnostic.hint("for example `^fc[.]`"));
                }
                Ok(regex) if key == "draw" => {
                    let Some(Err(none)) = graph.map(|graph| Selection::Pattern(regex).of(graph)) else {
                        continue;
                    };
                    let message = "this matches no parameter of the network";
                    let hint = format!("the nearest are {}", none.nearest.join(", "));
                    let diagnostic = Diagnostic::new("weights-pattern", context.place(key), message);
                    context.report(diagnostic.hint(hint));
                }
                Ok(_) => {}
            }
        }
        if self.path.is_none() {
            let needless = [("root", &self.root), ("draw", &self.draw), ("ignore", &self.ignore)];
            for (key, _) in needless.into_iter().filter(|(_, value)| value.is_some()) {
                let message = format!("`{key}` is about a file of weights, and there is none");
                let diagnostic = Diagnostic::new("weights-unnamed", context.place(key), message);
                context.report(diagnostic.hint("name it: path = \"...\", or leave this out"));
            }
        }
    }
}

impl Stage for LoadNetwork {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        let weights = self.path.iter().map(|path| Reference::new("path", path, &[]));
        let data = self.data.iter().map(|name| Reference::new("data", name, &[ArtifactKind::Dataset]));
        weights.chain(data).collect()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let (mut columns, mut fitted) = (None, RowSet::default());
        if let Some(name) = &self.data {
            let Some(data) = context.dataset(name) else { return vec![] };
            columns = Some(data.inputs());
            fitted = data.fitted;
        }
        let network = self.declared(columns);
        let fits = check_network(&network, context, |problem, place| {
            layer_place(place.join("network").join("layers"), problem, self.network.layers.len())
        });
        let graph = network.lower().ok();
        self.check_patterns(graph.as_ref(), context);
        for (index, layer) in self.network.layers.iter().enumerate() {
            let mut own = graph.iter().flat_map(Graph::params).filter(|param| layer.owns(&param.name));
            if own.any(|param| param.shape.iter().any(Dim::is_classes)) {
                let place = context.inside(["network".into(), "layers".into(), index.into()]);
                let message = "how many `units`? No data tells the number of classes here";
                context.report(Diagnostic::new("units", place, message).hint("add `units`"));
            }
        }
        let network = fits.then_some(network);
        vec![("network", Fact::Network(NetworkFact { network, goals: Goals::new(), fitted }))]
    }

    fn outside(&self) -> Vec<OutsidePath<'_>> {
        self.path.iter().map(|path| OutsidePath::new(path)).collect()
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}

fn compiled(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("not a regex: {}", last_line(&error)))
}

fn image() -> String {
    "image".to_owned()
}

fn is_image(column: &str) -> bool {
    column == image()
}
