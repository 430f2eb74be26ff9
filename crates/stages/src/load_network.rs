//! `load-network`: a network from its declaration, with weights from a file or drawn.

use std::collections::BTreeMap;

use network::{Dim, Graph, Input, Layer, Network, Selection};
use plan::{ArtifactKind, Diagnostic, Place};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Context, Outside, column_hint};
use crate::class_names::{ClassNames, told};
use crate::fact::{DatasetFact, Fact, NetworkFact};
use crate::fit::{Fit, Shapes};
use crate::freeze::last_line;
use crate::goal::Goals;
use crate::lengths::check_lengths;
use crate::table::{OutsidePath, Params, Reference, Stage};
use crate::train::{Declared, check_network, layer_place};

/// Makes a network from layers or a backbone. Its weights come from a file: safetensors, or what `torch.save` wrote of a
/// state dict, also under `state_dict` or `model`, with or without `module.` before the names; no code in it is ever run.
/// Names and shapes in the file must be the network's; all names may stand behind one prefix, such as `bert.`. Without a
/// file the weights are drawn from the seed.
///
/// A folder of Hugging Face's `transformers` is its network and its weights: `config.json` says the backbone and its sizes,
/// `model.safetensors` or `pytorch_model.bin` has the tensors.
///
/// Output: `network`, for freeze, finetune, load-subnet, extract-features and export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoadNetwork {
    /// The network. Of a folder with a `config.json` the backbone is known; what else is said here counts on.
    #[serde(default, skip_serializing_if = "Declared::is_empty")]
    pub network: Declared,
    /// The file of its weights, or the folder of a known network, relative to the recipe or to a data folder.
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
    /// What the classes are called that the network tells, in the order of its units: `["cat", "dog"]`, or `"imagenet"`. Of a
    /// folder with a `config.json` its `id2label` says so, unless those are `LABEL_0`, `LABEL_1` and so on. Labels are
    /// found by these names, or by the numbers of the classes from 0; without names a label's classes are taken to be in
    /// the network's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassNames>,
    /// The encoded rows whose columns the network reads; without, it reads one column of tokens where its first layer is an
    /// `embedding`, else one picture of three colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The column that it reads where the data has several; without `data` its name, by default `text` or `image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// A seed of the stage's own; by default the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl LoadNetwork {
    /// The network over these columns; of several, over the one that the stage names, if it does. Without `data` it reads
    /// one column: tokens where the first layer looks them up, else a picture.
    pub fn declared(&self, data: Option<BTreeMap<String, Input>>) -> Network {
        let inputs = match (data, &self.column) {
            (Some(mut columns), Some(column)) => {
                if columns.contains_key(column) {
                    columns.retain(|name, _| name == column);
                }
                columns
            }
            (Some(columns), None) => columns,
            (None, column) => {
                let tokens = self.network.layers.first().is_some_and(|layer| layer.op.kind() == "embedding");
                let (usual, input) = match tokens {
                    true => ("text", Input::Sequence { vocabulary: None }),
                    false => ("image", Input::Image { channels: Some(3), height: None, width: None }),
                };
                BTreeMap::from([(column.clone().unwrap_or_else(|| usual.to_owned()), input)])
            }
        };
        let classes = self.classes.as_ref().map(ClassNames::names).unwrap_or_default();
        Network { classes, ..Network::new(inputs, self.network.layers.clone()) }
    }

    /// The stage with its classes by name, where a folder's own names hold for `network`.
    #[must_use]
    pub fn naming(self, network: &Network) -> Self {
        let found = Some(&network.classes).filter(|classes| !classes.is_empty());
        Self { classes: self.classes.or_else(|| found.cloned().map(ClassNames::Listed)), ..self }
    }

    /// What the folder calls the classes of its own head, where that is what the network ends in.
    fn found_classes(&self, network: &Network, graph: &Graph, context: &Context<'_>) -> Option<Vec<String>> {
        let Some(Outside::Weights { shapes, classes }) = context.outside.get(context.stage) else {
            return None;
        };
        let fit = self.fit(graph, shapes).ok()?;
        let mut own = graph.nodes[graph.output].own_params().peekable();
        own.peek()?;
        let is_taken = own.all(|param| fit.taken.iter().any(|(name, _)| *name == param.name));
        (is_taken && told(network) == Some(classes.len())).then(|| classes.clone())
    }

    /// How a file with tensors of these shapes fits the network.
    ///
    /// # Errors
    /// A regex that is none, in words.
    pub fn fit(&self, graph: &Graph, tensors: &Shapes) -> Result<Fit, String> {
        let regex = |pattern: &Option<String>| pattern.as_deref().map(compiled).transpose();
        let (draw, ignore) = (regex(&self.draw)?, regex(&self.ignore)?);
        Ok(Fit::of(graph, tensors, draw.as_ref(), ignore.as_ref()))
    }

    /// The network with its classes by name, as the stage or the folder says; reports names that do not fit.
    fn named(&self, mut network: Network, graph: Option<&Graph>, context: &mut Context<'_>) -> Network {
        if let Some(names) = &self.classes {
            if !names.check(&network, "the network", &context.place("classes"), context) {
                network.classes.clear();
            }
        } else if let Some(found) = graph.and_then(|graph| self.found_classes(&network, graph, context)) {
            network.classes = found;
        }
        network
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
        let mut data = None;
        if self.network.layers.is_empty() {
            let hint = "declare it: network = { ... }, or give the folder of a known one as `path`";
            context.report(
                Diagnostic::new("missing-key", Place::stage(context.stage), "there is no network").hint(hint),
            );
            return vec![];
        }
        if let Some(name) = &self.data {
            let Some(found) = context.dataset(name) else { return vec![] };
            if let Some(column) = self.column.as_ref().filter(|column| !found.columns.contains_key(*column)) {
                let names: Vec<String> = found.columns.keys().cloned().collect();
                let message = format!("the data has no column `{column}`");
                let diagnostic = Diagnostic::new("missing-column", context.place("column"), message);
                context.report(diagnostic.hint(column_hint(column, &names)));
                return vec![];
            }
            data = Some(found);
        }
        let network = self.declared(data.as_ref().map(DatasetFact::inputs));
        let fits = check_network(&network, context, |problem, place| {
            layer_place(place.join("network").join("layers"), problem, self.network.layers.len())
        });
        let fits = fits && data.as_ref().is_none_or(|data| check_lengths(&network, data, context));
        let fitted = data.map(|data| data.fitted).unwrap_or_default();
        let graph = network.lower().ok();
        self.check_patterns(graph.as_ref(), context);
        check_units(&self.network.layers, graph.as_ref(), context);
        let network = fits.then(|| self.named(network, graph.as_ref(), context));
        vec![("network", Fact::Network(NetworkFact { network, goals: Goals::new(), fitted }))]
    }

    fn outside(&self) -> Vec<OutsidePath<'_>> {
        self.path.iter().map(|path| OutsidePath::new(path)).collect()
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}

/// Reports layers of `network.layers` that have as many units as there are classes, where nothing is learnt.
pub(crate) fn check_units(layers: &[Layer], graph: Option<&Graph>, context: &mut Context<'_>) {
    for (index, layer) in layers.iter().enumerate() {
        let mut own = graph.into_iter().flat_map(Graph::params).filter(|param| layer.owns(&param.name));
        if own.any(|param| param.shape.iter().any(Dim::is_classes)) {
            let place = context.inside(["network".into(), "layers".into(), index.into()]);
            let message = "how many `units`? No data tells the number of classes here";
            context.report(Diagnostic::new("units", place, message).hint("add `units`"));
        }
    }
}

fn compiled(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("not a regex: {}", last_line(&error)))
}
