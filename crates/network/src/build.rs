//! What a layer is lowered with: the signals that feed it, the nodes it adds, the mistakes it finds.
//!
//! Invariant: a method that gives `None` has reported why.

use crate::graph::{Initial, Node, Param};
use crate::layer::{Activation, BatchNorm, Layer};
use crate::lower::{Lowering, Problem};
use crate::primitive::Primitive;
use crate::select::nearest;
use crate::shape::{Dim, Signal};

/// One layer on its way to nodes.
pub(crate) struct Builder<'b, 'n> {
    pub(crate) lowering: &'b mut Lowering<'n>,
    pub(crate) layer: &'n Layer,
    /// The nodes that feed it; at least one.
    pub(crate) inputs: Vec<usize>,
}

/// What may follow a layer's own operation inside the layer, in this order.
pub(crate) struct Then {
    pub(crate) batch_norm: bool,
    pub(crate) activation: Option<Activation>,
    pub(crate) dropout: f64,
}

impl Builder<'_, '_> {
    /// The signal of the only input; reports several.
    pub(crate) fn input(&mut self) -> Option<Signal> {
        if self.inputs.len() > 1 {
            let message = format!("this layer takes one input, not {}", self.inputs.len());
            return self.problem(
                Some("input"),
                "too-many-inputs",
                message,
                Some("join them with a `concat` layer first".into()),
            );
        }
        Some(self.signal(0))
    }

    /// The only input, which must be real numbers; `wants` says so in words.
    pub(crate) fn values(&mut self, wants: &str) -> Option<Signal> {
        let signal = self.input()?;
        self.no_indices(0, wants)?;
        Some(signal)
    }

    /// All inputs, which must be real numbers.
    pub(crate) fn all_values(&mut self) -> Option<Vec<Signal>> {
        for at in 0..self.inputs.len() {
            self.no_indices(at, "values")?;
        }
        Some((0..self.inputs.len()).map(|at| self.signal(at)).collect())
    }

    /// The only input, which must be a sequence of vectors; `hint` is for a vector.
    pub(crate) fn sequence(&mut self, hint: &str) -> Option<Signal> {
        let wants = "a sequence of vectors [batch, time, features]";
        let signal = self.values(wants)?;
        match signal.shape.0.len() {
            _ if signal.is_sequence() => Some(signal),
            2 => self.mismatch(wants, hint),
            _ => self.mismatch(wants, ""),
        }
    }

    fn no_indices(&mut self, at: usize, wants: &str) -> Option<()> {
        match self.signal(at).ids {
            Some(_) => self.mismatch_at(at, wants, "put an `embedding` layer between them"),
            None => Some(()),
        }
    }

    fn signal(&self, at: usize) -> Signal {
        self.lowering.nodes[self.inputs[at]].signal.clone()
    }

    /// An input's name and shape.
    pub(crate) fn described(&self, at: usize) -> String {
        let node = &self.lowering.nodes[self.inputs[at]];
        format!("`{}` {}", node.name, node.signal.shape)
    }

    /// Reports a mistake of the layer itself.
    pub(crate) fn problem<T>(
        &mut self,
        field: Option<&'static str>,
        code: &'static str,
        message: String,
        hint: Option<String>,
    ) -> Option<T> {
        self.lowering.problem(field, code, message, hint);
        None
    }

    /// Reports that the first input does not fit; the hint may be empty.
    pub(crate) fn mismatch<T>(&mut self, wants: &str, hint: &str) -> Option<T> {
        self.mismatch_at(0, wants, hint)
    }

    /// Reports that an input does not fit, with both shapes.
    pub(crate) fn mismatch_at<T>(&mut self, at: usize, wants: &str, hint: &str) -> Option<T> {
        let node = &self.lowering.nodes[self.inputs[at]];
        let from = match node.op {
            Primitive::Column => format!("column `{}`", node.name),
            _ => format!("`{}`", node.name),
        };
        let what = if node.signal.ids.is_some() { "indices" } else { "values" };
        let message = format!("takes {wants}, but {from} gives {what} of shape {}", node.signal.shape);
        let related = self.lowering.network.layers.iter().position(|layer| layer.name == node.layer);
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        let layer = self.lowering.index;
        self.lowering.problems.push(Problem {
            layer,
            field: None,
            code: "shape-mismatch",
            message,
            hint,
            related,
        });
        None
    }

    /// A parameter of the layer.
    pub(crate) fn param(&self, name: &str, shape: Vec<Dim>, initial: Initial) -> Param {
        Param { name: format!("{}.{name}", self.layer.name), shape, initial, buffer: false, tied: false }
    }

    /// A parameter that has the layer's own name.
    pub(crate) fn own_param(&self, shape: Vec<Dim>, initial: Initial) -> Param {
        Param { name: self.layer.name.clone(), shape, initial, buffer: false, tied: false }
    }

    /// The weight of a linear map or convolution, or its lengths and directions, as PyTorch's `weight_norm` names them.
    pub(crate) fn weight(&self, shape: Vec<Dim>, initial: Initial, normed: bool) -> Vec<Param> {
        if !normed {
            return vec![self.param("weight", shape, initial)];
        }
        let mut rows = vec![shape[0].clone()];
        rows.resize(shape.len(), Dim::Size(1));
        let name = |part: &str| format!("parametrizations.weight.{part}");
        vec![
            self.param(&name("original0"), rows, Initial::Norms),
            self.param(&name("original1"), shape, initial),
        ]
    }

    /// The weight `[rows, width]` of a layer before this one, to be used here too.
    pub(crate) fn tied(&mut self, layer: &str) -> Option<Param> {
        let wanted = format!("{layer}.weight");
        let tables = || {
            let params = self.lowering.nodes.iter().flat_map(Node::own_params);
            params.filter(|param| param.shape.len() == 2 && param.name.ends_with(".weight"))
        };
        if let Some(found) = tables().find(|param| param.name == wanted) {
            return Some(Param { tied: true, ..found.clone() });
        }
        if self.lowering.is_broken(layer) {
            return None;
        }
        let names = tables().filter_map(|param| param.name.strip_suffix(".weight"));
        let hint = nearest(layer, names).map(|near| format!("did you mean `{near}`?"));
        let hint =
            hint.unwrap_or_else(|| "name an `embedding` or `dense` layer that stands before it".to_owned());
        let message = format!("there is no layer `{layer}` before this one with a table as weight");
        self.problem(Some("tied"), "tied-layer", message, Some(hint))
    }

    /// A tensor that is saved with the layer and never trained.
    pub(crate) fn buffer(&self, name: &str, shape: Vec<Dim>, initial: Initial) -> Param {
        Param { buffer: true, ..self.param(name, shape, initial) }
    }

    /// The layer is this one node.
    pub(crate) fn node(&mut self, op: Primitive, signal: Signal, params: Vec<Param>) -> Option<()> {
        self.push(self.layer.name.clone(), op, signal, params);
        Some(())
    }

    /// The layer is one node that keeps the shape of real numbers.
    pub(crate) fn pointwise(&mut self, op: Primitive) -> Option<()> {
        let signal = self.values("values")?;
        self.node(op, signal, vec![])
    }

    /// The layer is an operation and what follows it. A layer of one step has the layer's own name; the steps of a
    /// longer one are `layer.step`.
    pub(crate) fn steps(
        &mut self,
        (step, op): (&str, Primitive),
        signal: Signal,
        params: Vec<Param>,
        then: Then,
    ) -> Option<()> {
        if !then.batch_norm && then.activation.is_none() && then.dropout <= 0.0 {
            return self.node(op, signal, params);
        }
        self.step(step, op, signal.clone(), params);
        if then.batch_norm {
            let params = BatchNorm::params(self, "batch_norm.", &signal);
            self.step("batch-norm", BatchNorm::default().primitive(), signal.clone(), params);
        }
        if let Some(activation) = then.activation {
            let function = activation.function();
            self.step(function.name(), Primitive::Activation(function), signal.clone(), vec![]);
        }
        if then.dropout > 0.0 {
            self.step("dropout", Primitive::Dropout { rate: then.dropout }, signal, vec![]);
        }
        Some(())
    }

    /// Adds a step; it feeds the next one.
    pub(crate) fn step(&mut self, step: &str, op: Primitive, signal: Signal, params: Vec<Param>) {
        let name = format!("{}.{step}", self.layer.name);
        let node = self.push(name, op, signal, params);
        self.inputs = vec![node];
    }

    fn push(&mut self, name: String, op: Primitive, signal: Signal, params: Vec<Param>) -> usize {
        let layer = self.layer.name.clone();
        let inputs = self.inputs.clone();
        self.lowering.nodes.push(Node { name, layer, op, inputs, signal, params });
        self.lowering.nodes.len() - 1
    }
}
