//! A network's outputs against the labels that they learn.

use std::collections::BTreeMap;

use data::{LABEL, LabelKind};
use network::{Dim, Function, Graph, Network, Node, Param, Primitive, is_inside, nearest};
use plan::{Diagnostic, Place};

use crate::check::Context;
use crate::fact::{DatasetFact, LabelFact};
use crate::goal::{Goal, Goals};
use crate::loss::Loss;
use crate::target::Target;
use crate::training::Training;

/// Where a recipe speaks of an output.
struct Spot {
    loss: Place,
    network: Place,
}

/// Reports outputs that the network or the data does not have, losses that are for other labels, and results that they
/// do not take; gives what each output learns. `key` is where the recipe names the network.
pub(crate) fn check_outputs(
    training: &Training,
    before: &Goals,
    data: &DatasetFact,
    network: Option<&Network>,
    key: &str,
    context: &mut Context<'_>,
) -> Goals {
    let kinds: BTreeMap<String, LabelKind> =
        data.labels.iter().map(|(name, label)| (name.clone(), label.kind)).collect();
    let named = !training.outputs.is_empty() || before.keys().any(|name| !name.is_empty());
    if named && training.loss.is_some() {
        let hint = "put it into `outputs`: { loss = \"...\" }";
        let message = "each of several outputs has a loss of its own";
        context.report(Diagnostic::new("output-loss", context.place("loss"), message).hint(hint));
    }
    if !named && !kinds.contains_key(LABEL) {
        let names: Vec<String> = kinds.keys().map(|name| format!("{name} = {{}}")).collect();
        let message = format!("the data has {} labels, and no output says which it learns", kinds.len());
        let hint = format!("name the layers that learn them: outputs = {{ {} }}", names.join(", "));
        context.report(Diagnostic::new("output-loss", context.place("data"), message).hint(hint));
        return Goals::new();
    }
    for name in training.outputs.keys() {
        let label = training.label_of(name, &kinds);
        if !kinds.contains_key(label) {
            let said = training.outputs[name].label.is_some();
            let place = context.inside(["outputs".into(), name.as_str().into()]);
            let place = if said { place.join("label") } else { place };
            let message = format!("the data has no label `{label}`");
            let names: Vec<&str> = kinds.keys().map(String::as_str).collect();
            let hint = match nearest(label, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", names.join(", ")),
            };
            context.report(Diagnostic::new("unknown-label", place, message).hint(hint));
        }
    }
    let Some(network) = network else { return Goals::new() };
    let goals = training.goals(before, &kinds, network);
    let Ok(graph) = network.lower() else { return goals };
    for (output, end) in graph.results() {
        let (Some(goal), node) = (goals.get(output), &graph.nodes[end]) else { continue };
        let Some(label) = data.labels.get(&goal.label) else {
            if training.outputs.is_empty() {
                let message =
                    format!("the network learnt a label `{}`, which the data does not have", goal.label);
                let hint = "name it in the `labels` of the preprocess stage";
                context.report(Diagnostic::new("unknown-label", context.place("data"), message).hint(hint));
            }
            continue;
        };
        let own = context.inside(["outputs".into(), output.into()]);
        let spot = match training.outputs.get(output) {
            Some(declared) if declared.loss.is_some() => Spot { loss: own.join("loss"), network: own },
            Some(_) => Spot { loss: own.clone(), network: own },
            None if training.loss.is_some() => {
                Spot { loss: context.place("loss"), network: context.place(key) }
            }
            None => Spot { loss: context.place(key), network: context.place(key) },
        };
        check_output(goal, label, node, &spot, context);
        if label.kind == LabelKind::Tags {
            check_steps(label, &graph, end, &spot, context);
        }
    }
    for node in graph.nodes.iter().filter(|_| !graph.outputs.is_empty()) {
        let open = |param: &Param| param.shape.first().is_some_and(Dim::is_classes);
        if node.own_params().any(open)
            && graph.outputs.values().all(|end| graph.nodes[*end].layer != node.layer)
        {
            let message = format!("how many `units` has `{}`? It is none of the outputs", node.layer);
            let hint = "only an output has as many as its label has classes: add `units`";
            context.report(Diagnostic::new("units", context.place(key), message).hint(hint));
        }
    }
    goals
}

fn check_output(goal: &Goal, label: &LabelFact, node: &Node, spot: &Spot, context: &mut Context<'_>) {
    let loss = &goal.loss;
    let Some(target) = loss.target_of(label.kind) else {
        let message = format!("{} is not for `{}`, {}", loss.name(), label.name(), label.kind.in_words());
        let hint = format!("there is {}", Loss::names(label.kind).join(", "));
        context.report(Diagnostic::new("loss-kind", spot.loss.clone(), message).hint(hint));
        return;
    };
    if label.kind == LabelKind::MultiLabel && loss.class_weights().is_some() {
        let message =
            "class-weights are of classes that exclude each other, and a row may have several labels";
        let diagnostic = Diagnostic::new("loss-kind", spot.loss.join("class-weights"), message);
        context.report(diagnostic.hint("use pos-weight or alpha"));
    }
    let shape = &node.signal.shape;
    let units = node.signal.width().size();
    // As many as there are classes, which the data will tell.
    let open = node.signal.width().is_classes() && target != Target::Binary;
    if target == Target::Tags && !node.signal.is_sequence() {
        // What makes one vector of the steps is told by itself.
        return;
    }
    let rank = if target == Target::Tags { 3 } else { 2 };
    let fits = shape.0.len() == rank
        && shape.0[0] == Dim::Batch
        && node.signal.ids.is_none()
        && (open || units.is_some_and(|units| target.fits(units)));
    if !fits {
        let message = format!(
            "{} needs {}, but the network ends in `{}` with shape {shape}",
            loss.name(),
            target.wants(),
            node.name
        );
        let hint = match target {
            Target::Tags => "end with a dense layer; without `units` it has one for each tag",
            _ => "end with a dense layer of the right units after pooling the sequence",
        };
        context.report(Diagnostic::new("output-shape", spot.loss.clone(), message).hint(hint));
    } else if let (Some(units), Some(width)) = (units, label.width)
        && units != width
    {
        let message = format!("the network ends in {units} logits a row, and there are {width} labels");
        let hint = "end with one unit a label";
        context.report(Diagnostic::new("output-shape", spot.network.clone(), message).hint(hint));
    }
}

/// Reports an output for tags whose steps are not those of the text that the tags are of.
fn check_steps(label: &LabelFact, graph: &Graph, end: usize, spot: &Spot, context: &mut Context<'_>) {
    let of = label.of.as_deref().unwrap_or_default();
    let (node, name) = (&graph.nodes[end], label.name());
    let (message, hint) = if let Some(pool) = graph.pooled(end) {
        let message = format!(
            "`{name}` has a tag for each word, and `{}` makes one vector of all steps of a text",
            pool.layer
        );
        (message, format!("leave `{}` out, so that the network ends in logits for every step", pool.layer))
    } else if let Some(Dim::After(layer)) = node.signal.shape.0.get(1) {
        let message = format!("`{name}` has a tag for each word, and `{layer}` changes the number of steps");
        (message, "keep every step: a `conv1d` does with padding = \"same\", a pooling does not".to_owned())
    } else if graph.steps_of(end) != Some(of) {
        let read = match graph.steps_of(end) {
            Some(column) => format!("the steps of `{}` are those of `{column}`", node.name),
            None => format!("the steps of `{}` are not those of one column", node.name),
        };
        let message = format!("`{name}` is of the words of `{of}`, and {read}");
        (message, format!("let the output come from `{of}` alone"))
    } else {
        return;
    };
    context.report(Diagnostic::new("output-shape", spot.network.clone(), message).hint(hint));
}

/// Warns of outputs that an activation has made probabilities of, where the loss takes logits and makes probabilities of
/// them once more. `place` is that of a layer by its name for an output, and whether it is declared there; none where
/// another stage has told of it.
pub(crate) fn check_logits(
    network: &Network,
    goals: &Goals,
    place: impl Fn(&str, &str) -> Option<(Place, bool)>,
    context: &mut Context<'_>,
) {
    let Ok(graph) = network.lower() else { return };
    for (output, end) in graph.results() {
        let (Some(goal), Some((node, function))) = (goals.get(output), ends_in(&graph, end)) else {
            continue;
        };
        let Some(takes) = goal.loss.squashes() else { continue };
        let again = match function {
            Function::Softmax | Function::Sigmoid | Function::HardSigmoid => true,
            // The softmax of a log-softmax is that of what was before it.
            Function::LogSoftmax => takes != "softmax",
            _ => false,
        };
        let Some((at, declared)) = place(&node.layer, output).filter(|_| again) else { continue };
        let of_layer = node.name != node.layer;
        let at = if declared && of_layer { at.join("activation") } else { at };
        let loss = goal.loss.name();
        let message = format!(
            "`{}` ends in {}, and {loss} takes logits: it applies {takes} to them itself",
            node.layer,
            function.name()
        );
        let what = if of_layer { "its activation" } else { "this layer" };
        let hint = format!("leave {what} out: metrics and predictions make probabilities of logits too");
        context.warn(Diagnostic::new("probabilities", at, message).hint(hint));
    }
}

/// The activation that a node ends in, and what computes it; dropout changes nothing outside of training.
fn ends_in(graph: &Graph, mut at: usize) -> Option<(&Node, Function)> {
    loop {
        let node = &graph.nodes[at];
        match &node.op {
            Primitive::Dropout { .. } => at = *node.inputs.first()?,
            Primitive::Activation(function) => return Some((node, *function)),
            _ => return None,
        }
    }
}

/// Reports outputs that are no nodes of the network; whether all are.
pub(crate) fn check_nodes(training: &Training, network: &Network, context: &mut Context<'_>) -> bool {
    let mut all = true;
    for (name, node) in training.outputs.keys().filter_map(|name| Some((name, network.outputs.get(name)?))) {
        let alone = Network { output: Some(node.clone()), outputs: BTreeMap::new(), ..network.clone() };
        let Err(problems) = alone.lower() else { continue };
        let Some(problem) = problems.into_iter().find(|problem| problem.code == "unknown-node") else {
            continue;
        };
        let place = context.inside(["outputs".into(), name.as_str().into()]);
        let said = training.outputs[name].node.is_some();
        let place = if said { place.join("node") } else { place };
        let mut diagnostic = Diagnostic::new(problem.code, place, problem.message);
        diagnostic.hint =
            problem.hint.or_else(|| Some("say which layer it is: { node = \"...\" }".to_owned()));
        context.report(diagnostic);
        all = false;
    }
    all
}

/// Reports layers of a declared network that no loss reaches.
pub(crate) fn check_ends(network: &Network, layers: &Place, context: &mut Context<'_>) {
    let Ok(graph) = network.lower() else { return };
    let reached = |name: &str| graph.nodes.iter().any(|node| node.layer == name);
    let feeds = |at: usize| {
        let name = &network.layers[at].name;
        network.layers.iter().enumerate().any(|(other, layer)| match &layer.input {
            Some(inputs) => {
                inputs.iter().any(|input| is_inside(name, input) || network.layers[at].owns(input))
            }
            None => other == at + 1,
        })
    };
    for (at, layer) in network.layers.iter().enumerate() {
        if !reached(&layer.name) && !feeds(at) {
            let message = format!("`{}` feeds nothing, and no loss trains it", layer.name);
            let hint = format!(
                "take it as an input further on, or give it a loss: outputs = {{ {} = {{ label = \"...\" }}, ... }}",
                layer.name
            );
            context.report(Diagnostic::new("output-loss", layers.join(at), message).hint(hint));
        }
    }
}
