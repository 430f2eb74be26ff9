//! A module run over a batch, node by node.
//!
//! [`compute`] lists every primitive; the files below compute a family each.

mod activation;
mod attention;
mod column;
mod conv;
mod dropout;
mod embedding;
mod join;
mod norm;
mod pool;
mod position;
mod recurrent;

use std::collections::BTreeMap;
use std::rc::Rc;

use network::{Node, Primitive};
use torch::{Kind, Tensor, no_grad_guard, try_guard};

use crate::error::Error;
use crate::module::Module;
use crate::sequence::Lengths;

/// A data column of a batch, or what a node makes of it.
#[derive(Debug)]
pub enum Column {
    /// Token sequences, padded at the end with any valid id.
    Sequence {
        /// `[batch, time]`, `Int64`.
        ids: Tensor,
        /// `[batch]`, `Int64`, on the CPU: the valid steps of each row.
        lengths: Tensor,
    },
    /// Category ids `[batch]`, `Int64`.
    Category(Tensor),
    /// Numbers `[batch, 1]`, vectors `[batch, width]` or images `[batch, channels, height, width]`, `Float`.
    Number(Tensor),
    /// The values of a node.
    Values {
        /// `[batch, ...]`, or `[batch, time, ...]` for a sequence, padded at the end with anything; `Float`.
        values: Tensor,
        /// Of a sequence: `[batch]`, `Int64`, on the CPU, the valid steps of each row.
        lengths: Option<Tensor>,
    },
}

/// The data columns of a batch by name, on the module's device. A node whose values are here is not computed, nor is
/// what only it needs.
pub type Inputs = BTreeMap<String, Column>;

/// How a module runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    /// Nothing random, running statistics, no gradients.
    Eval,
    /// Dropout drawn from the seed, statistics of the batch, gradients. Running statistics move by `share` of the way
    /// to the batch's, or by what their layer says.
    Train { seed: u64, share: Option<f64> },
}

/// A training pass: the result, and what its gradients need.
#[derive(Debug)]
pub struct Pass {
    /// The output node's values; of several results those of the first.
    pub output: Tensor,
    /// The values of each of the graph's results.
    pub outputs: Vec<Tensor>,
    pub(crate) lookups: Vec<Lookup>,
}

/// Rows looked up in a table that training moves.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// The table's parameter.
    pub(crate) table: String,
    /// The rows, `[n]`.
    pub(crate) ids: Tensor,
    /// Their values, leaves of autograd.
    pub(crate) values: Tensor,
}

/// What flows between nodes.
struct Value {
    tensor: Tensor,
    /// Valid steps, for a sequence.
    lengths: Option<Rc<Lengths>>,
    /// The last states, where the node is recurrent.
    last: Option<Tensor>,
}

impl Value {
    /// The same values once more.
    fn share(&self) -> Value {
        Value {
            tensor: self.tensor.shallow_clone(),
            lengths: self.lengths.clone(),
            last: self.last.as_ref().map(Tensor::shallow_clone),
        }
    }

    fn new(tensor: Tensor, lengths: Option<Rc<Lengths>>) -> Self {
        Value { tensor, lengths, last: None }
    }
}

impl Module {
    /// The output node's values: `[batch, units]`, or `[batch, time, units]` for a sequence.
    ///
    /// # Errors
    /// When a column is missing or does not fit, and what libtorch refuses.
    pub fn forward(&self, inputs: &Inputs) -> Result<Tensor, Error> {
        self.forward_of(inputs, self.graph.output)
    }

    /// As [`Module::forward`] for the node or layer `name`.
    ///
    /// # Errors
    /// [`Error::Node`] when there is none, else as [`Module::forward`].
    pub fn forward_node(&self, inputs: &Inputs, name: &str) -> Result<Tensor, Error> {
        self.forward_of(inputs, self.find(name)?)
    }

    /// The values of several nodes from one pass, each as [`Column::Values`].
    ///
    /// # Errors
    /// As [`Module::forward_node`].
    pub fn forward_nodes(&self, inputs: &Inputs, names: &[String]) -> Result<Vec<Column>, Error> {
        let _no_grad = no_grad_guard();
        let wanted: Vec<usize> = names.iter().map(|name| self.find(name)).collect::<Result<_, _>>()?;
        let (found, _) = self.run(inputs, &wanted, Mode::Eval)?;
        let column = |value: Value| Column::Values {
            values: value.tensor,
            lengths: value.lengths.map(|lengths| lengths.count.shallow_clone()),
        };
        Ok(found.into_iter().map(column).collect())
    }

    /// As [`Module::forward`] for each of the graph's results.
    ///
    /// # Errors
    /// As [`Module::forward`].
    pub fn forward_results(&self, inputs: &Inputs) -> Result<Vec<Tensor>, Error> {
        let _no_grad = no_grad_guard();
        Ok(tensors(self.run(inputs, &self.results(), Mode::Eval)?.0))
    }

    /// A training pass. `seed` is a function of the stage's seed, the epoch and the step; each node's dropout makes
    /// its own of it. Moves the running statistics of batch norms that are not frozen.
    ///
    /// # Errors
    /// As [`Module::forward`].
    pub fn train(&self, inputs: &Inputs, seed: u64) -> Result<Pass, Error> {
        let (values, lookups) = self.run(inputs, &self.results(), Mode::Train { seed, share: None })?;
        let outputs = tensors(values);
        Ok(Pass { output: outputs[0].shallow_clone(), outputs, lookups })
    }

    /// A training pass that only moves the running statistics of batch norms that are not frozen: after passes 1 to
    /// `nth` they are the mean over the passes, as PyTorch's `update_bn` takes them.
    ///
    /// # Errors
    /// As [`Module::forward`].
    pub fn gather_statistics(&self, inputs: &Inputs, seed: u64, nth: u64) -> Result<(), Error> {
        let _no_grad = no_grad_guard();
        let share = Some(1.0 / nth as f64);
        self.run(inputs, &self.results(), Mode::Train { seed, share }).map(drop)
    }

    /// Whether training moves the running statistics of a batch norm.
    pub fn moves_statistics(&self) -> bool {
        let is_norm = |node: &Node| matches!(node.op, Primitive::BatchNorm { .. });
        let mut norms = self.graph.nodes.iter().filter(|node| is_norm(node));
        norms.any(|node| !node.uses_running_statistics(&self.network.frozen))
    }

    fn find(&self, name: &str) -> Result<usize, Error> {
        self.graph.find(name).ok_or_else(|| Error::Node(name.to_owned()))
    }

    fn results(&self) -> Vec<usize> {
        self.graph.results().into_iter().map(|(_, node)| node).collect()
    }

    fn forward_of(&self, inputs: &Inputs, node: usize) -> Result<Tensor, Error> {
        let _no_grad = no_grad_guard();
        Ok(self.run(inputs, &[node], Mode::Eval)?.0.remove(0).tensor)
    }

    /// The values of the `wanted` nodes, in their order, and the rows that were looked up for them; a value is kept no
    /// longer than a node needs it.
    fn run(&self, inputs: &Inputs, wanted: &[usize], mode: Mode) -> Result<(Vec<Value>, Vec<Lookup>), Error> {
        let nodes = &self.graph.nodes;
        let given = |index: usize| inputs.contains_key(&nodes[index].name);
        let needed = self.graph.needed(wanted, given);
        let mut last_use = vec![0; nodes.len()];
        for (index, node) in nodes.iter().enumerate().filter(|(index, _)| needed[*index] && !given(*index)) {
            node.inputs.iter().for_each(|&input| last_use[input] = index);
        }
        wanted.iter().for_each(|&output| last_use[output] = nodes.len());
        let mut lookups = vec![];
        let mut values: Vec<Option<Value>> = vec![];
        for (index, node) in nodes.iter().enumerate() {
            let mut value = None;
            if needed[index] {
                value = Some(if given(index) || node.op == Primitive::Column {
                    try_guard(|| column::read(node, inputs))?
                } else {
                    let feeds = node.inputs.iter();
                    let feeds =
                        feeds.map(|&at| values[at].as_ref().expect("inputs come before and are kept"));
                    let mut at =
                        At { module: self, mode, index, inputs: feeds.collect(), lookups: &mut lookups };
                    try_guard(|| compute(&mut at))?
                });
            }
            values.push(value);
            for &input in node.inputs.iter().filter(|&&input| last_use[input] == index) {
                values[input] = None;
            }
        }
        let share = |&output: &usize| {
            let value = values[output].as_ref();
            value.map(Value::share).ok_or_else(|| Error::Node(nodes[output].name.clone()))
        };
        Ok((wanted.iter().map(share).collect::<Result<_, Error>>()?, lookups))
    }
}

fn tensors(values: Vec<Value>) -> Vec<Tensor> {
    values.into_iter().map(|value| value.tensor).collect()
}

/// A node at its turn, with what feeds it.
struct At<'a> {
    module: &'a Module,
    mode: Mode,
    index: usize,
    inputs: Vec<&'a Value>,
    lookups: &'a mut Vec<Lookup>,
}

impl<'a> At<'a> {
    fn node(&self) -> &'a Node {
        &self.module.graph.nodes[self.index]
    }

    fn param(&self, index: usize) -> &'a Tensor {
        self.module.param(self.node(), index)
    }

    fn has_param(&self, index: usize) -> Option<&'a Tensor> {
        (self.node().params.len() > index).then(|| self.param(index))
    }

    /// The weight and bias of a linear map or convolution; with weight norm, of lengths and directions (PyTorch's
    /// `_weight_norm` along the first dimension).
    fn weight(&self, normed: bool) -> (Tensor, Option<&'a Tensor>) {
        if !normed {
            return (self.param(0).shallow_clone(), self.has_param(1));
        }
        let (lengths, directions) = (self.param(0), self.param(1));
        let inner: Vec<i64> = (1..directions.dim() as i64).collect();
        let norms = directions.square().sum_dim_intlist(inner.as_slice(), true, torch::Kind::Float).sqrt();
        (directions * (lengths / norms), self.has_param(2))
    }

    /// The first input.
    fn tensor(&self) -> &'a Tensor {
        &self.inputs[0].tensor
    }

    /// The valid steps of the first input, a sequence.
    fn lengths(&self) -> Result<&'a Rc<Lengths>, Error> {
        self.inputs[0].lengths.as_ref().ok_or_else(|| Error::Lengths { node: self.node().name.clone() })
    }

    /// A result with the steps that the first input has.
    fn same_steps(&self, tensor: Tensor) -> Value {
        Value::new(tensor, self.inputs[0].lengths.clone())
    }

    /// The sizes that the node's result has, with the rows of this batch.
    fn sizes(&self) -> Result<Vec<i64>, Error> {
        let mut sizes = vec![self.tensor().size()[0]];
        for dim in &self.node().signal.shape.0[1..] {
            let unsized_dim = || Error::Unsized { param: self.node().name.clone(), dim: dim.to_string() };
            sizes.push(dim.size().ok_or_else(unsized_dim)? as i64);
        }
        Ok(sizes)
    }

    /// A factor of a product in the number format that the pass multiplies in.
    fn factor(&self, tensor: &Tensor) -> Tensor {
        match self.mode {
            Mode::Train { share: None, .. } => tensor.to_kind(self.module.products),
            _ => tensor.shallow_clone(),
        }
    }

    /// `input` times a matrix `[units, features]`, plus a bias, as PyTorch's `linear`.
    fn linear(&self, input: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let bias = bias.map(|bias| self.factor(bias));
        self.factor(input).linear(&self.factor(weight), bias.as_ref()).to_kind(Kind::Float)
    }

    fn is_training(&self) -> bool {
        matches!(self.mode, Mode::Train { .. })
    }
}

/// Computes any primitive but a data column. May panic where libtorch refuses.
fn compute(at: &mut At<'_>) -> Result<Value, Error> {
    let tensor = at.tensor();
    Ok(match &at.node().op {
        Primitive::Column => unreachable!("read, not computed"),
        Primitive::Embedding => embedding::lookup(at),
        Primitive::PositionEmbedding { offset } => position::learned(at, *offset)?,
        Primitive::SinusoidalPositions => position::sinusoidal(at),
        Primitive::SegmentEmbedding { separator } => position::segments(at, *separator),
        Primitive::Attention { heads, dropout } => attention::run(at, *heads, *dropout)?,
        Primitive::Recurrent { recurrence, bidirectional, layers, dropout, .. } => {
            let directions = if *bidirectional { 2 } else { 1 };
            recurrent::run(at, *recurrence, *layers, directions, *dropout)?
        }
        Primitive::Linear { weight_norm } => {
            let (weight, bias) = at.weight(*weight_norm);
            at.same_steps(at.linear(tensor, &weight, bias))
        }
        Primitive::Conv { windows, groups, weight_norm } => conv::conv(at, windows, *groups, *weight_norm),
        Primitive::BatchNorm { epsilon, momentum } => norm::batch(at, *epsilon, *momentum),
        Primitive::LayerNorm { epsilon, axis } => norm::layer(at, *epsilon, *axis as i64),
        Primitive::GroupNorm { groups, epsilon } => norm::group(at, *groups, *epsilon),
        Primitive::UnitNorm => norm::unit(at),
        Primitive::Dropout { rate } => at.same_steps(dropout::drop(at, 0, *rate, tensor)?),
        Primitive::SpatialDropout { rate } => at.same_steps(dropout::spatial(at, *rate)?),
        Primitive::StochasticDepth { rate } => at.same_steps(dropout::rows(at, *rate)?),
        Primitive::Scale => at.same_steps(tensor * at.param(0)),
        Primitive::Activation(function) => at.same_steps(activation::of(*function, tensor)),
        Primitive::Glu => at.same_steps(tensor.glu(at.node().signal.channel_axis() as i64)),
        Primitive::SequenceFirst => Value::new(at.lengths()?.without_empty(&tensor.select(1, 0)), None),
        Primitive::SequenceLast => Value::new(recurrent::last(at)?, None),
        Primitive::GlobalPool(pooling) => Value::new(pool::global(at, *pooling), None),
        Primitive::AttentionPool => Value::new(pool::attention(at)?, None),
        Primitive::WindowPool { pooling, windows } => pool::windows(at, *pooling, windows),
        Primitive::AdaptivePool { pooling, size } => Value::new(pool::adaptive(at, *pooling, size), None),
        Primitive::Concat => join::concat(at)?,
        Primitive::Add => join::fold(at, |sum, part| sum + part)?,
        Primitive::Multiply => join::fold(at, |product, part| product * part)?,
        Primitive::Reshape => Value::new(tensor.reshape(at.sizes()?), None),
        Primitive::FlattenSteps(steps) => Value::new(at.lengths()?.flat(tensor, *steps as i64), None),
        Primitive::PadChannels { before, behind } => at.same_steps(join::pad(at, *before, *behind)),
        Primitive::Permute(order) => Value::new(permute(tensor, order), None),
        Primitive::LabelScale => at.same_steps(tensor * at.param(0) + at.param(1)),
    })
}

fn permute(tensor: &Tensor, order: &[usize]) -> Tensor {
    let dims: Vec<i64> = std::iter::once(0).chain(order.iter().map(|&dim| dim as i64)).collect();
    tensor.permute(dims)
}
