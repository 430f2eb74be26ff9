//! `train`: a declared network trained from the start; and what `finetune` checks in the same way.

use std::collections::BTreeMap;

use data::{LabelKind, Part};
use network::{Dim, Layer, Network, Problem};
use plan::{ArtifactKind, Diagnostic, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::augment::check_augment;
use crate::average::Average;
use crate::check::Context;
use crate::fact::{DatasetFact, Fact, NetworkFact};
use crate::loss::{ClassWeights, Loss};
use crate::metric::Metric;
use crate::optimizer::Optimizer;
use crate::rows::RowSet;
use crate::table::{Extent, Params, Reference, Stage};
use crate::target::Target;
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Declared {
    /// Layers, each fed by the one before unless it says `input`.
    pub layers: Vec<Layer>,
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
        let loss = check_training(&self.training, None, &data, fits.then_some(&network), "network", context);
        let fitted = trained_on(&data);
        let fact = NetworkFact { network: fits.then_some(network), loss, fitted };
        outputs(fact)
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

/// Reports what does not fit between data, network and training; gives the loss that is meant.
pub(crate) fn check_training(
    training: &Training,
    default: Option<Loss>,
    data: &DatasetFact,
    network: Option<&Network>,
    key: &str,
    context: &mut Context<'_>,
) -> Option<Loss> {
    let Some(label) = &data.label else {
        let hint = "add `label = \"...\"` to the preprocess stage";
        context.report(
            Diagnostic::new("no-label", context.place("data"), "the data has no label to train on")
                .hint(hint),
        );
        return None;
    };
    if label.kind == LabelKind::Number {
        let message =
            format!("the label `{}` is a number, and the losses here are for classes", label.column);
        let hint = "set label-kind = \"class\" in the preprocess stage, or use gradient-boosting";
        context.report(Diagnostic::new("label-kind", context.place("data"), message).hint(hint));
        return None;
    }
    if !data.parts.is_empty() && !data.parts.contains(&Part::Train) {
        let message = format!("`{}` has no train part", data.rows.source);
        context.report(
            Diagnostic::new("unknown-part", context.place("data"), message).hint("add `train` to its split"),
        );
    }
    let classes = network.and_then(crate::evaluate::units).map(|units| units.max(2));
    if let Some(stopping) = &training.early_stopping {
        let watched = Watched { key: "early-stopping", metric: stopping.metric, part: stopping.part };
        watched.check(data, label.kind, classes, context);
    }
    if let Some(plateau) = training.plateau() {
        let watched = Watched { key: "schedule", metric: plateau.metric, part: plateau.part };
        watched.check(data, label.kind, classes, context);
    }
    check_schedule(training, context);
    check_moves(training, network, context);
    for (index, metric) in training.metrics.iter().enumerate() {
        let place = context.inside(["metrics".into(), index.into()]);
        check_metric(*metric, label.kind, classes, place, context);
    }
    check_optimizer(&training.optimizer, context);
    check_sample(training, context);
    check_average(training, context);
    check_augment(&training.augment, data, context);
    let loss = training.loss.clone().or(default);
    let output =
        network.and_then(|network| network.lower().ok()).map(|graph| graph.nodes[graph.output].clone())?;
    let shape = &output.signal.shape;
    let units = output.signal.width().size();
    // As many as there are classes, which the data will tell.
    let open = label.kind == LabelKind::Class && output.signal.width().is_classes();
    let loss = loss.or(units.map(|units| Loss::of(Target::of(label.kind, units))));
    let loss = loss.or_else(|| open.then(|| Loss::of(Target::Multiclass)))?;
    let wants = match loss.target() {
        Target::Binary => "[batch, 1]: one logit a row",
        Target::Multiclass => "[batch, classes]: one logit a class, at least 2",
    };
    let fits = shape.0.len() == 2
        && shape.0[0] == Dim::Batch
        && output.signal.ids.is_none()
        && (open && loss.target() == Target::Multiclass
            || units.is_some_and(|units| (loss.target() == Target::Binary) == (units == 1)));
    if !fits {
        let message = format!(
            "{} needs {wants}, but the network ends in `{}` with shape {shape}",
            loss.name(),
            output.name
        );
        let key = if training.loss.is_some() { "loss" } else { key };
        let hint = "end with a dense layer of the right units after pooling the sequence";
        context.report(Diagnostic::new("output-shape", context.place(key), message).hint(hint));
    }
    Some(loss)
}

/// A metric that decides how training goes on.
struct Watched {
    /// The key that watches it.
    key: &'static str,
    metric: Metric,
    part: Part,
}

impl Watched {
    /// Reports rows and metrics that cannot be watched.
    fn check(self, data: &DatasetFact, label: LabelKind, classes: Option<usize>, context: &mut Context<'_>) {
        let Watched { key, metric, part } = self;
        let who = if key == "schedule" { "the schedule" } else { "early stopping" };
        if !data.parts.contains(&part) {
            let (name, source) = (part.name(), &data.rows.source);
            let message = format!("{who} watches the {name} part, which `{source}` does not have");
            let diagnostic = Diagnostic::new("unknown-part", context.place(key), message);
            context.report(diagnostic.hint("add it to the source's split"));
        }
        if part == Part::Test {
            let place = context.inside([key.into(), "part".into()]);
            let hint = "watch the valid part; the test part is for the last evaluation";
            let message = format!("{who} must not see the test part");
            context.report(Diagnostic::new("stops-on-test", place, message).hint(hint));
        }
        let place = context.inside([key.into(), "metric".into()]);
        check_metric(metric, label, classes, place, context);
    }
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

/// Reports a metric that is not for labels of this kind, or for that many classes where they are known.
pub(crate) fn check_metric(
    metric: Metric,
    label: LabelKind,
    classes: Option<usize>,
    place: Place,
    context: &mut Context<'_>,
) {
    let message = if !metric.fits(label) {
        let (own, other) = match label {
            LabelKind::Class => ("numbers", "names classes"),
            LabelKind::Number => ("classes", "is a number"),
        };
        format!("{metric} is for {own}, and the label {other}")
    } else if classes == Some(2) && metric.needs_more_than_two() {
        format!("{metric} is for more than two classes")
    } else if let (Metric::TopK(k), Some(classes)) = (metric, classes)
        && k as usize >= classes
    {
        format!("the class is always among the {k} most likely of {classes}")
    } else {
        return;
    };
    let hint = format!("there is {}", Metric::names(label, classes).join(", "));
    context.report(Diagnostic::new("metric-kind", place, message).hint(hint));
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
fn check_sample(training: &Training, context: &mut Context<'_>) {
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
    }
}
