//! What each output of a network speaks of, and which metrics fit it.

use data::{LABEL, LabelKind, Part};
use network::{Dim, Network};
use plan::{Diagnostic, Place};

use crate::check::Context;
use crate::fact::DatasetFact;
use crate::goal::{Goals, values};
use crate::metric::{Measure, Metric};

/// What an output speaks of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// The output's name; the only one is called "".
    pub(crate) output: String,
    /// The label's name.
    pub(crate) label: String,
    /// Classes, labels of which a row may have several, or a number.
    pub(crate) kind: LabelKind,
    /// How many classes or labels, where known.
    pub(crate) classes: Option<usize>,
}

/// What each output of a network speaks of; what it learnt says it, else the label of its name.
pub(crate) fn told(goals: &Goals, data: &DatasetFact, network: Option<&Network>) -> Vec<Told> {
    let graph = network.and_then(|network| network.lower().ok());
    let results = graph.as_ref().map_or_else(
        || vec![("", None)],
        |graph| {
            let width = |node: usize| graph.nodes[node].signal.width().clone();
            graph.results().into_iter().map(|(name, node)| (name, Some(width(node)))).collect()
        },
    );
    let of = |(output, width): (&str, Option<Dim>)| {
        let goal = goals.get(output);
        let own = if output.is_empty() { LABEL } else { output };
        let label = goal.map_or(own, |goal| &goal.label).to_owned();
        let known = data.labels.get(&label).map(|label| label.kind);
        let several = width.as_ref().and_then(values).unwrap_or(1);
        let learnt = goal.map(|goal| goal.loss.target(several).label());
        let kind = learnt.or(known).unwrap_or_default();
        let units = width.and_then(|width| width.size());
        let classes = units.filter(|_| kind != LabelKind::Number).map(|units| units.max(2));
        Told { output: output.to_owned(), label, kind, classes }
    };
    results.into_iter().map(of).collect()
}

/// The output of a name; reports that there is none.
pub(crate) fn find_output<'t>(
    name: &str,
    told: &'t [Told],
    place: Place,
    context: &mut Context<'_>,
) -> Option<&'t Told> {
    let found = told.iter().find(|told| told.output == name && !name.is_empty());
    if found.is_none() {
        let names: Vec<&str> =
            told.iter().map(|told| told.output.as_str()).filter(|name| !name.is_empty()).collect();
        let message = format!("the network has no output `{name}`");
        let hint = match names.is_empty() {
            true => "it has only one: leave `output` out".to_owned(),
            false => format!("it has {}", names.join(", ")),
        };
        context.report(Diagnostic::new("unknown-output", place, message).hint(hint));
    }
    found
}

/// A metric that decides how training goes on.
pub(crate) struct Watched {
    /// The key that watches it.
    pub(crate) key: &'static str,
    pub(crate) measure: Measure,
    pub(crate) part: Part,
}

impl Watched {
    /// Reports rows, outputs and metrics that cannot be watched.
    pub(crate) fn check(self, data: &DatasetFact, told: &[Told], context: &mut Context<'_>) {
        let Watched { key, measure: Measure { output, metric }, part } = self;
        let who = if key == "schedule" { "the schedule" } else { "early stopping" };
        if !data.parts.contains(&part) {
            let (name, source) = (part.name(), &data.rows.source);
            let message = format!("{who} watches the {name} part, which `{source}` does not have");
            let diagnostic = Diagnostic::new("unknown-part", context.place(key), message);
            context.report(diagnostic.hint(context.part_hint(part, data)));
        } else {
            context.need(&[part], data, &format!("{who} watches"), context.place(key));
        }
        if part == Part::Test {
            let place = context.inside([key.into(), "part".into()]);
            let hint = "watch the valid part; the test part is for the last evaluation";
            let message = format!("{who} must not see the test part");
            context.report(Diagnostic::new("stops-on-test", place, message).hint(hint));
        }
        let place = context.inside([key.into(), "metric".into()]);
        if output.is_empty() && told.len() > 1 && metric != Metric::Loss {
            let names: Vec<&str> = told.iter().map(|told| told.output.as_str()).collect();
            let message = format!("the network has {} outputs, and each has its own {metric}", told.len());
            let hint = format!("say which is watched: output = \"{}\"", names.join("\" or \""));
            context.report(Diagnostic::new("unknown-output", place, message).hint(hint));
        } else if output.is_empty() {
            check_metrics(&[metric], told, |_| place.clone(), context);
        } else if !told.is_empty() {
            let at = context.inside([key.into(), "output".into()]);
            if let Some(told) = find_output(&output, told, at, context) {
                check_metrics(&[metric], std::slice::from_ref(told), |_| place.clone(), context);
            }
        }
    }
}

/// Reports metrics that fit no output.
pub(crate) fn check_metrics(
    metrics: &[Metric],
    told: &[Told],
    place: impl Fn(usize) -> Place,
    context: &mut Context<'_>,
) {
    for (at, metric) in metrics.iter().enumerate() {
        let fits = told.iter().any(|told| misfit(*metric, told.kind, told.classes).is_none());
        if let (false, Some(first)) = (fits, told.first()) {
            check_metric(*metric, first.kind, first.classes, place(at), context);
        }
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
    let Some(message) = misfit(metric, label, classes) else { return };
    let hint = format!("there is {}", Metric::names(label, classes).join(", "));
    context.report(Diagnostic::new("metric-kind", place, message).hint(hint));
}

/// Why a metric is not for labels of this kind, or for that many classes where they are known.
fn misfit(metric: Metric, label: LabelKind, classes: Option<usize>) -> Option<String> {
    if !metric.fits(label) {
        Some(format!("{metric} is not for {}", label.in_words()))
    } else if classes == Some(2) && label == LabelKind::Class && metric.needs_more_than_two() {
        Some(format!("{metric} is for more than two classes"))
    } else if let (Metric::TopK(k), Some(classes)) = (metric, classes)
        && k as usize >= classes
    {
        Some(format!("the class is always among the {k} most likely of {classes}"))
    } else {
        None
    }
}
