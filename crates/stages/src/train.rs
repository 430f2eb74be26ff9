//! `train`: a declared network trained from the start; and what `finetune` checks in the same way.

use std::collections::BTreeMap;

use data::{LabelKind, Part};
use network::{Layer, Network, Problem};
use plan::{ArtifactKind, Diagnostic, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::augment::check_augment;
use crate::average::Average;
use crate::check::Context;
use crate::class_weights::ClassWeights;
use crate::fact::{DatasetFact, Fact, NetworkFact};
use crate::goal::{Goals, in_units_of};
use crate::lengths::check_lengths;
use crate::optimizer::Optimizer;
use crate::output::{check_ends, check_logits, check_nodes, check_outputs};
use crate::rows::RowSet;
use crate::table::{Extent, Params, Reference, Stage};
use crate::told::{Watched, check_metrics, told};
use crate::training::Training;

/// Trains a declared network from the start on the train part; the valid part decides when to stop.
///
/// Outputs: `network`, with the last or the best epoch's weights; `history`, the curves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Train {
    /// The encoded rows.
    pub data: String,
    /// The network.
    pub network: Declared,
    /// How it is trained.
    #[serde(flatten)]
    pub training: Training,
}

/// A network as a recipe declares it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Declared {
    /// Layers, each fed by the one before unless it says `input`.
    pub layers: Vec<Layer>,
}

impl Declared {
    /// Whether nothing is declared.
    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}

impl Stage for Train {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        vec![Reference::new("data", &self.data, &[ArtifactKind::Dataset])]
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let Some(data) = context.dataset(&self.data) else { return vec![] };
        let network = Network::new(data.inputs(), self.network.layers.clone());
        let layers = |problem: &Problem, place: Place| {
            layer_place(place.join("network").join("layers"), problem, self.network.layers.len())
        };
        let fits = check_network(&network, context, layers);
        let fits = fits && check_lengths(&network, &data, context);
        let network = self.training.with_outputs(network);
        let fits = fits && check_nodes(&self.training, &network, context);
        if fits {
            check_ends(&network, &Place::stage(context.stage).join("network").join("layers"), context);
        }
        let known = fits.then_some(&network);
        let goals = check_training(&self.training, &Goals::new(), &data, known, "network", context);
        if fits {
            let layers = Place::stage(context.stage).join("network").join("layers");
            let at = |name: &str| self.network.layers.iter().position(|layer| layer.name == name);
            let place = |name: &str, _: &str| Some((layers.join(at(name)?), true));
            check_logits(&network, &goals, place, context);
        }
        let fitted = trained_on(&data);
        let network = fits.then(|| in_units_of(network, &goals));
        outputs(NetworkFact { network, goals, fitted })
    }

    fn extent(&self) -> Option<Extent> {
        let way = Train { training: self.training.way(), ..self.clone() };
        Some(self.training.extent(Params::Train(way)))
    }

    fn seed(&self) -> Option<u64> {
        self.training.seed
    }
}

/// Output ports of a stage that trains.
pub(crate) fn outputs(fact: NetworkFact) -> Vec<(&'static str, Fact)> {
    vec![("network", Fact::Network(fact)), ("history", Fact::Plain(ArtifactKind::History))]
}

/// Rows that training on `data` sees.
pub(crate) fn trained_on(data: &DatasetFact) -> RowSet {
    let part = data.parts.contains(&Part::Train).then_some(Part::Train);
    data.fitted.union(&RowSet([data.part(part)].into()))
}

/// Reports every mistake of a network; whether it has none.
pub(crate) fn check_network(
    network: &Network,
    context: &mut Context<'_>,
    place: impl Fn(&Problem, Place) -> (Place, Option<Place>),
) -> bool {
    let Err(problems) = network.lower() else { return true };
    for problem in problems {
        let (at, other) = place(&problem, Place::stage(context.stage));
        let name = network.layers.get(problem.layer).map(|layer| layer.name.as_str());
        let message = match (problem.code, name) {
            ("shape-mismatch", Some(name)) => format!("`{name}` {}", problem.message),
            _ => problem.message,
        };
        let mut diagnostic = Diagnostic::new(problem.code, at, message);
        diagnostic.hint = problem.hint;
        if let Some(other) = other {
            diagnostic = diagnostic.related(other, "this feeds it");
        }
        context.report(diagnostic);
    }
    false
}

/// The place of a problem and of its other layer, where `layers` is the list of `count` layers.
pub(crate) fn layer_place(layers: Place, problem: &Problem, count: usize) -> (Place, Option<Place>) {
    let at = match (problem.layer < count, problem.field) {
        (true, Some(field)) => layers.join(problem.layer).join(field),
        (true, None) => layers.join(problem.layer),
        (false, _) => layers.clone(),
    };
    (at, problem.related.filter(|other| *other < count).map(|other| layers.join(other)))
}

/// Reports what does not fit between data, network and training; gives what each output learns.
pub(crate) fn check_training(
    training: &Training,
    before: &Goals,
    data: &DatasetFact,
    network: Option<&Network>,
    key: &str,
    context: &mut Context<'_>,
) -> Goals {
    if data.labels.is_empty() {
        let hint = "add `label = \"...\"` to the preprocess stage";
        context.report(
            Diagnostic::new("no-label", context.place("data"), "the data has no label to train on")
                .hint(hint),
        );
        return Goals::new();
    }
    if !data.parts.is_empty() && !data.parts.contains(&Part::Train) {
        let message = format!("`{}` has no train part", data.rows.source);
        context.report(
            Diagnostic::new("unknown-part", context.place("data"), message).hint("add `train` to its split"),
        );
    } else if !data.parts.is_empty() {
        context.need(&[Part::Train], data, "the stage trains on", context.place("data"));
    }
    let goals = check_outputs(training, before, data, network, key, context);
    // Where nothing says what is learnt, nothing says what can be measured.
    let unknown = goals.is_empty() && data.label().is_none();
    let mut told = if unknown { vec![] } else { told(&goals, data, network) };
    for told in &mut told {
        told.kind = data.labels.get(&told.label).map_or(told.kind, |label| label.kind);
    }
    if let Some(stopping) = &training.early_stopping {
        let watched = Watched { key: "early-stopping", measure: stopping.measure(), part: stopping.part };
        watched.check(data, &told, context);
    }
    if let Some(plateau) = training.plateau() {
        let watched = Watched { key: "schedule", measure: plateau.measure(), part: plateau.part };
        watched.check(data, &told, context);
    }
    check_schedule(training, context);
    check_moves(training, network, context);
    let stage = Place::stage(context.stage).join("metrics");
    check_metrics(training.metrics.as_deref().unwrap_or_default(), &told, |at| stage.join(at), context);
    check_optimizer(&training.optimizer, context);
    check_sample(training, data.label().map(|label| label.kind), context);
    check_average(training, context);
    check_augment(training, data, context);
    goals
}

/// Reports rates and unfreezing that mean nothing in this network.
fn check_moves(training: &Training, network: Option<&Network>, context: &mut Context<'_>) {
    if training.layer_decay == Some(0.0) {
        let message = "with this layer decay only the last layer can move";
        let diagnostic = Diagnostic::new("out-of-range", context.place("layer-decay"), message);
        context.report(diagnostic.hint("a layer decay is above 0, such as 0.9"));
    }
    if training.optimizer.weight_decay() == 0.0 && !training.no_decay.is_empty() {
        let message = "the optimiser has no weight decay that could be left out";
        let diagnostic = Diagnostic::new("no-decay", context.place("no-decay"), message);
        context.report(diagnostic.hint("add weight-decay to the optimizer"));
    }
    let Some(network) = network else { return };
    let Ok(graph) = network.lower() else { return };
    for problem in training.moves(&graph, &network.frozen, 1.0).err().into_iter().flatten() {
        let place = Place::stage(context.stage).extend(problem.path);
        let mut diagnostic = Diagnostic::new("parameters", place, problem.message);
        diagnostic.hint = problem.hint;
        context.report(diagnostic);
    }
}

/// Reports a schedule or a warm-up that such a training never sees at work.
fn check_schedule(training: &Training, context: &mut Context<'_>) {
    let warm_up = training.warm_up.as_ref();
    match warm_up.map(|own| (own.steps, own.epochs)) {
        Some((Some(_), Some(_)) | (None, None)) => {
            let message = "a warm-up takes either so many steps or so many epochs";
            let hint = "for example warm-up = { epochs = 1 }";
            context.report(Diagnostic::new("warm-up", context.place("warm-up"), message).hint(hint));
        }
        Some((_, Some(epochs))) if epochs >= training.epochs => {
            let message = format!("the warm-up takes all of the {} epochs", training.epochs);
            let place = context.inside(["warm-up".into(), "epochs".into()]);
            context.report(Diagnostic::new("warm-up", place, message));
            return;
        }
        _ => {}
    }
    let rest = training.epochs.saturating_sub(warm_up.and_then(|own| own.epochs).unwrap_or(0));
    if let Some((key, message)) = training.schedule.as_ref().and_then(|schedule| schedule.idle(rest)) {
        let place = context.inside(["schedule".into(), key.into()]);
        context.report(Diagnostic::new("idle-schedule", place, message));
    }
}

/// Reports settings of the optimiser with which nothing trains.
fn check_optimizer(optimizer: &Optimizer, context: &mut Context<'_>) {
    if let Some((key, message)) = optimizer.problem() {
        let place = context.inside(["optimizer".into(), key.into()]);
        let mut diagnostic = Diagnostic::new("out-of-range", place, message);
        if key == "lr" {
            diagnostic = diagnostic.hint("a learning rate is above 0, such as 1e-3");
        }
        context.report(diagnostic);
    }
}

/// Reports weights by which no rows can be drawn.
fn check_sample(training: &Training, label: Option<LabelKind>, context: &mut Context<'_>) {
    if training.batch.sample.is_some() && label != Some(LabelKind::Class) {
        let label = label.map_or("the data has several labels", LabelKind::in_words);
        let message = format!("rows are drawn by the class of the only label: {label}");
        let place = context.inside(["batch".into(), "sample".into()]);
        context.report(Diagnostic::new("label-kind", place, message).hint("remove `sample`"));
    }
    let Some(ClassWeights::ByName(weights)) = &training.batch.sample else { return };
    for (class, weight) in weights {
        if !(*weight >= 0.0 && weight.is_finite()) {
            let place = context.inside(["batch".into(), "sample".into(), class.as_str().into()]);
            let hint =
                "rows of a class with weight 0 are never drawn, those with 2 twice as often as those with 1";
            context.report(
                Diagnostic::new("out-of-range", place, "a class is drawn with a weight of 0 or more")
                    .hint(hint),
            );
        }
    }
}

/// Reports an average that no epoch is in.
fn check_average(training: &Training, context: &mut Context<'_>) {
    let Some(Average::Swa(swa)) = &training.average else { return };
    if swa.from > training.epochs {
        let place = context.inside(["average".into(), "from".into()]);
        let message = format!(
            "averaging starts after epoch {}, and training ends after epoch {}",
            swa.from, training.epochs
        );
        let hint = "start after about three quarters of the epochs";
        context.report(Diagnostic::new("out-of-range", place, message).hint(hint));
    } else if swa.schedule.is_some() && swa.from == training.epochs {
        let place = context.inside(["average".into(), "schedule".into()]);
        let message = format!("averaging starts after epoch {}, which is the last", swa.from);
        context
            .report(Diagnostic::new("idle-schedule", place, message).hint("start earlier, or train longer"));
    }
}
