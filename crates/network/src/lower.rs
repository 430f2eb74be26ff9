//! From declared layers to primitive nodes: shape inference, parameter names, and every mistake at once.

use crate::graph::{Graph, Initial, Node, Param, Primitive, Recurrence};
use crate::layer::{Activation, BatchNorm, Dense, Embedding, Init, Layer, Op, Recurrent};
use crate::network::Network;
use crate::select::nearest;
use crate::shape::{Dim, Shape, Signal};

/// A mistake in a declared network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Index of the layer; the number of layers when the network as a whole is meant.
    pub layer: usize,
    /// Keys inside the layer's table, outermost first; an index into `input` as a number.
    pub field: Option<&'static str>,
    /// A stable short name.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The other layer of a mismatch.
    pub related: Option<usize>,
}

pub(crate) fn lower(network: &Network) -> Result<Graph, Vec<Problem>> {
    let mut lowering = Lowering { network, nodes: vec![], problems: vec![], index: 0, broken: vec![] };
    for (name, input) in &network.inputs {
        lowering.nodes.push(Node {
            name: name.clone(),
            layer: name.clone(),
            op: Primitive::Column,
            inputs: vec![],
            signal: input.signal(name),
            params: vec![],
        });
    }
    if network.layers.is_empty() {
        lowering.problem(None, "empty-network", "a network needs at least one layer".into(), None);
    }
    for (index, layer) in network.layers.iter().enumerate() {
        lowering.index = index;
        lowering.layer(layer);
    }
    lowering.index = network.layers.len();
    lowering.finish()
}

struct Lowering<'a> {
    network: &'a Network,
    nodes: Vec<Node>,
    problems: Vec<Problem>,
    index: usize,
    /// Layers that could not be lowered: what depends on them is not reported again.
    broken: Vec<String>,
}

impl Lowering<'_> {
    fn problem(
        &mut self,
        field: Option<&'static str>,
        code: &'static str,
        message: String,
        hint: Option<String>,
    ) {
        self.problems.push(Problem { layer: self.index, field, code, message, hint, related: None });
    }

    fn finish(mut self) -> Result<Graph, Vec<Problem>> {
        let last = self.network.layers.last().map_or("", |layer| layer.name.as_str());
        let output = self.network.output.as_deref().unwrap_or(last);
        let graph = Graph { output: 0, nodes: std::mem::take(&mut self.nodes) };
        match graph.find(output) {
            _ if !self.problems.is_empty() => Err(self.problems),
            Some(index) => Ok(graph.cut(index)),
            None => {
                let names = graph.nodes.iter().map(|node| node.name.as_str());
                let hint = nearest(output, names).map(|name| format!("did you mean `{name}`?"));
                self.problem(None, "unknown-node", format!("the network has no node `{output}`"), hint);
                Err(self.problems)
            }
        }
    }

    fn layer(&mut self, layer: &Layer) {
        let taken = self.nodes.iter().any(|node| node.layer == layer.name || node.name == layer.name);
        if taken || self.broken.contains(&layer.name) {
            let message = format!("`{}` is already the name of a layer or column", layer.name);
            self.problem(
                Some("name"),
                "duplicate-layer",
                message,
                Some("every layer needs its own name".into()),
            );
            return;
        }
        let good = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_');
        if layer.name.is_empty() || !layer.name.chars().all(good) {
            let message = format!("`{}` cannot name a layer", layer.name);
            self.problem(
                Some("name"),
                "layer-name",
                message,
                Some("use letters, digits, `_` and `-`".into()),
            );
        }
        let before = self.problems.len();
        if let Some(inputs) = self.inputs(layer) {
            self.op(layer, &inputs);
        }
        if self.problems.len() > before || !self.nodes.iter().any(|node| node.layer == layer.name) {
            self.broken.push(layer.name.clone());
        }
    }

    /// Nodes that feed the layer; `None` when one is missing or broken.
    fn inputs(&mut self, layer: &Layer) -> Option<Vec<usize>> {
        let names: Vec<String> = match &layer.input {
            Some(names) => names.clone(),
            None if self.index > 0 => vec![self.network.layers[self.index - 1].name.clone()],
            None if self.network.inputs.len() == 1 => self.network.inputs.keys().cloned().collect(),
            None => {
                let columns: Vec<String> =
                    self.network.inputs.keys().map(|name| format!("\"{name}\"")).collect();
                let message =
                    format!("the data has {} columns, so the first layer must name its input", columns.len());
                let hint = format!("add `input = [...]` with some of {}", columns.join(", "));
                self.problem(None, "ambiguous-input", message, Some(hint));
                return None;
            }
        };
        let graph = Graph { nodes: std::mem::take(&mut self.nodes), output: 0 };
        let found: Vec<Option<usize>> = names.iter().map(|name| graph.find(name)).collect();
        self.nodes = graph.nodes;
        for (name, found) in names.iter().zip(&found) {
            if found.is_none() && !self.broken.contains(name) {
                let later = self.network.layers[self.index..].iter().any(|other| other.name == *name);
                let known = self.nodes.iter().map(|node| node.name.as_str());
                let hint = match nearest(name, known) {
                    _ if later => Some("a layer can only take layers that stand before it".to_owned()),
                    Some(near) => Some(format!("did you mean `{near}`?")),
                    None => None,
                };
                self.problem(
                    Some("input"),
                    "unknown-layer",
                    format!("there is no layer or column `{name}`"),
                    hint,
                );
            }
        }
        if names.is_empty() {
            self.problem(Some("input"), "no-input", "`input` is empty".into(), None);
            return None;
        }
        let nodes: Option<Vec<usize>> = found.into_iter().collect();
        let nodes = nodes?;
        if nodes.len() > 1 && !matches!(layer.op, Op::Concat(_)) {
            let message = format!("this layer takes one input, not {}", nodes.len());
            self.problem(
                Some("input"),
                "too-many-inputs",
                message,
                Some("join them with a `concat` layer first".into()),
            );
            return None;
        }
        Some(nodes)
    }

    fn op(&mut self, layer: &Layer, inputs: &[usize]) {
        let first = inputs[0];
        match &layer.op {
            Op::Embedding(embedding) => self.embedding(layer, embedding, first),
            Op::Gru(recurrent) => self.recurrent(layer, recurrent, Recurrence::Gru, first),
            Op::Lstm(recurrent) => self.recurrent(layer, recurrent, Recurrence::Lstm, first),
            Op::Dense(dense) => self.dense(layer, dense, first),
            Op::BatchNorm(norm) => {
                if self.batch_norm_fits(first) {
                    self.batch_norm(&layer.name, &layer.name, &layer.name, norm, first);
                }
            }
            Op::Dropout(dropout) => self.pointwise(layer, Primitive::Dropout { rate: dropout.rate }, first),
            Op::Relu(_) => self.pointwise(layer, Primitive::Activation(Activation::Relu), first),
            Op::Tanh(_) => self.pointwise(layer, Primitive::Activation(Activation::Tanh), first),
            Op::Sigmoid(_) => self.pointwise(layer, Primitive::Activation(Activation::Sigmoid), first),
            Op::SequenceLast(_) => self.pool(layer, Primitive::SequenceLast, first),
            Op::MeanPool(_) => self.pool(layer, Primitive::MeanPool, first),
            Op::MaxPool(_) => self.pool(layer, Primitive::MaxPool, first),
            Op::Concat(_) => self.concat(layer, inputs),
        }
    }

    fn push(
        &mut self,
        name: &str,
        layer: &str,
        op: Primitive,
        inputs: &[usize],
        signal: Signal,
        params: Vec<Param>,
    ) -> usize {
        let inputs = inputs.to_vec();
        self.nodes.push(Node { name: name.into(), layer: layer.into(), op, inputs, signal, params });
        self.nodes.len() - 1
    }

    /// A mismatch between this layer and the node that feeds it, with both shapes.
    fn mismatch(&mut self, wants: &str, input: usize, hint: &str) {
        let node = &self.nodes[input];
        let from = match node.op {
            Primitive::Column => format!("column `{}`", node.name),
            _ => format!("`{}`", node.name),
        };
        let what = if node.signal.ids.is_some() { "indices" } else { "values" };
        let message = format!("takes {wants}, but {from} gives {what} of shape {}", node.signal.shape);
        let related = self.network.layers.iter().position(|layer| layer.name == node.layer);
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.problems.push(Problem {
            layer: self.index,
            field: None,
            code: "shape-mismatch",
            message,
            hint,
            related,
        });
    }

    /// The width of real-valued input, which the data may have yet to tell; reports indices.
    fn width(&mut self, input: usize, wants: &str) -> Option<Dim> {
        let signal = &self.nodes[input].signal;
        if signal.ids.is_some() {
            self.mismatch(wants, input, "put an `embedding` layer between them");
            return None;
        }
        Some(signal.width().clone())
    }

    fn embedding(&mut self, layer: &Layer, embedding: &Embedding, input: usize) {
        let signal = self.nodes[input].signal.clone();
        let Some(rows) = signal.ids else {
            self.mismatch("token or category indices [batch, time] or [batch]", input, "");
            return;
        };
        let mut shape = signal.shape.0;
        shape.push(Dim::Size(embedding.units));
        let weight = Param {
            name: format!("{}.weight", layer.name),
            shape: vec![rows, Dim::Size(embedding.units)],
            initial: initial(embedding.init, Initial::Normal(1.0)),
            buffer: false,
        };
        self.push(
            &layer.name,
            &layer.name,
            Primitive::Embedding,
            &[input],
            Signal::values(shape),
            vec![weight],
        );
    }

    fn recurrent(&mut self, layer: &Layer, recurrent: &Recurrent, recurrence: Recurrence, input: usize) {
        let wants = "a sequence of vectors [batch, time, features]";
        let signal = &self.nodes[input].signal;
        if signal.is_sequence() && signal.shape.0.len() == 2 || signal.ids.is_some() {
            return self.mismatch(wants, input, "put an `embedding` layer between them");
        }
        if !signal.is_sequence() {
            return self.mismatch(
                wants,
                input,
                "pool the sequence after its last recurrent layer, not before",
            );
        }
        let Some(features) = self.width(input, wants) else { return };
        let units = recurrent.units;
        let directions = if recurrent.bidirectional { 2 } else { 1 };
        let gates = match recurrence {
            Recurrence::Gru => 3,
            Recurrence::Lstm => 4,
        };
        // PyTorch draws all four from ±1/sqrt(units); a declared init goes to the matrices, biases then start at 0.
        let bound = Initial::Uniform(1.0 / (units as f64).sqrt());
        let (matrix, bias) = match recurrent.init {
            None => (bound, bound),
            Some(init) => (initial(Some(init), bound), Initial::Zeros),
        };
        let mut params = vec![];
        for k in 0..recurrent.layers {
            let columns = if k == 0 { features.clone() } else { Dim::Size(units * directions) };
            for suffix in ["", "_reverse"].iter().take(directions) {
                for (part, shape, initial) in [
                    ("weight_ih", vec![Dim::Size(gates * units), columns.clone()], matrix),
                    ("weight_hh", vec![Dim::Size(gates * units), Dim::Size(units)], matrix),
                    ("bias_ih", vec![Dim::Size(gates * units)], bias),
                    ("bias_hh", vec![Dim::Size(gates * units)], bias),
                ] {
                    let name = format!("{}.{part}_l{k}{suffix}", layer.name);
                    params.push(Param { name, shape, initial, buffer: false });
                }
            }
        }
        let mut signal = Signal::values(vec![Dim::Batch, Dim::Time, Dim::Size(units * directions)]);
        signal.directions = directions;
        let op = Primitive::Recurrent {
            recurrence,
            units,
            bidirectional: recurrent.bidirectional,
            layers: recurrent.layers,
            dropout: recurrent.dropout,
        };
        self.push(&layer.name, &layer.name, op, &[input], signal, params);
    }

    fn dense(&mut self, layer: &Layer, dense: &Dense, input: usize) {
        let Some(features) = self.width(input, "values [batch, features]") else { return };
        // A layer of one step has the layer's own name; the steps of a longer one are `layer.step`.
        let steps = dense.batch_norm || dense.activation.is_some() || dense.dropout > 0.0;
        let name = if steps { format!("{}.linear", layer.name) } else { layer.name.clone() };
        // The first weights are drawn when the data has told every width.
        let bound = Initial::Uniform(1.0 / (features.size().unwrap_or(1) as f64).sqrt());
        let mut params = vec![Param {
            name: format!("{}.weight", layer.name),
            shape: vec![Dim::Size(dense.units), features],
            initial: initial(dense.init, bound),
            buffer: false,
        }];
        if dense.bias {
            let initial = if dense.init.is_some() { Initial::Zeros } else { bound };
            let name = format!("{}.bias", layer.name);
            params.push(Param { name, shape: vec![Dim::Size(dense.units)], initial, buffer: false });
        }
        let mut shape = self.nodes[input].signal.shape.0.clone();
        shape.pop();
        shape.push(Dim::Size(dense.units));
        let mut last =
            self.push(&name, &layer.name, Primitive::Linear, &[input], Signal::values(shape), params);
        if dense.batch_norm {
            if !self.batch_norm_fits(last) {
                return;
            }
            let node = format!("{}.batch-norm", layer.name);
            let prefix = format!("{}.batch_norm", layer.name);
            last = self.batch_norm(&node, &layer.name, &prefix, &BatchNorm::default(), last);
        }
        let signal = self.nodes[last].signal.clone();
        if let Some(activation) = dense.activation {
            let node = format!("{}.{}", layer.name, activation.name());
            last = self.push(
                &node,
                &layer.name,
                Primitive::Activation(activation),
                &[last],
                signal.clone(),
                vec![],
            );
        }
        if dense.dropout > 0.0 {
            let node = format!("{}.dropout", layer.name);
            self.push(
                &node,
                &layer.name,
                Primitive::Dropout { rate: dense.dropout },
                &[last],
                signal,
                vec![],
            );
        }
    }

    fn batch_norm_fits(&mut self, input: usize) -> bool {
        let wants = "values [batch, features]";
        if self.nodes[input].signal.shape.0.len() != 2 {
            self.mismatch(&format!("{wants} for its batch norm"), input, "pool the sequence first");
            return false;
        }
        self.width(input, wants).is_some()
    }

    fn batch_norm(&mut self, node: &str, layer: &str, prefix: &str, norm: &BatchNorm, input: usize) -> usize {
        let signal = self.nodes[input].signal.clone();
        let param = |name: &str, initial, buffer| Param {
            name: format!("{prefix}.{name}"),
            shape: vec![signal.width().clone()],
            initial,
            buffer,
        };
        let params = vec![
            param("weight", Initial::Ones, false),
            param("bias", Initial::Zeros, false),
            param("running_mean", Initial::Zeros, true),
            param("running_var", Initial::Ones, true),
        ];
        let op = Primitive::BatchNorm { epsilon: norm.epsilon, momentum: norm.momentum };
        self.push(node, layer, op, &[input], signal.clone(), params)
    }

    fn pointwise(&mut self, layer: &Layer, op: Primitive, input: usize) {
        if self.nodes[input].signal.ids.is_some() {
            return self.mismatch("values", input, "put an `embedding` layer between them");
        }
        let signal = self.nodes[input].signal.clone();
        self.push(&layer.name, &layer.name, op, &[input], signal, vec![]);
    }

    fn pool(&mut self, layer: &Layer, op: Primitive, input: usize) {
        let signal = &self.nodes[input].signal;
        if !signal.is_sequence() || signal.ids.is_some() {
            let hint = if signal.ids.is_some() { "put an `embedding` layer between them" } else { "" };
            return self.mismatch("a sequence of vectors [batch, time, features]", input, hint);
        }
        let shape = vec![Dim::Batch, signal.width().clone()];
        self.push(&layer.name, &layer.name, op, &[input], Signal::values(shape), vec![]);
    }

    fn concat(&mut self, layer: &Layer, inputs: &[usize]) {
        let mut widths = vec![];
        for &input in inputs {
            let Some(width) = self.width(input, "values") else { return };
            widths.push(width);
        }
        let first = self.nodes[inputs[0]].signal.shape.0.clone();
        for &input in &inputs[1..] {
            let other = &self.nodes[input].signal.shape;
            if other.0.len() != first.len() {
                let wants = format!(
                    "inputs of one rank, the first is `{}` {}",
                    self.nodes[inputs[0]].name,
                    Shape(first)
                );
                return self.mismatch(&wants, input, "pool the sequences first");
            }
        }
        let mut shape = first;
        shape.pop();
        let total: Option<usize> = widths.iter().map(Dim::size).sum();
        let all = || widths.iter().map(Dim::to_string).collect::<Vec<_>>().join(" + ");
        shape.push(total.map_or_else(|| Dim::Named(all()), Dim::Size));
        self.push(&layer.name, &layer.name, Primitive::Concat, inputs, Signal::values(shape), vec![]);
    }
}

fn initial(declared: Option<Init>, default: Initial) -> Initial {
    match declared {
        None => default,
        Some(Init::Xavier) => Initial::Xavier,
        Some(Init::Kaiming) => Initial::Kaiming,
        Some(Init::Zeros) => Initial::Zeros,
        Some(Init::Normal(deviation)) => Initial::Normal(deviation),
        Some(Init::Uniform(bound)) => Initial::Uniform(bound),
    }
}
