//! A module run over a batch, node by node.
//!
//! [`compute`] lists every primitive; the files below compute a family each.

mod activation;
mod column;
mod conv;
mod dropout;
mod embedding;
mod join;
mod norm;
mod pool;
mod recurrent;

use std::collections::BTreeMap;
use std::rc::Rc;

use network::{Node, Primitive};
use torch::{Kind, Tensor, no_grad_guard, try_guard};

use crate::error::Error;
use crate::module::{Module, uses_running_statistics};
use crate::sequence::Lengths;

/// A data column of a batch.
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
}

/// The data columns of a batch by name, on the module's device.
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
    /// The output node's values.
    pub output: Tensor,
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
        let _no_grad = no_grad_guard();
        Ok(self.run(inputs, self.graph.output, Mode::Eval)?.output)
    }

    /// As [`Module::forward`] for the node or layer `name`.
    ///
    /// # Errors
    /// [`Error::Node`] when there is none, else as [`Module::forward`].
    pub fn forward_node(&self, inputs: &Inputs, name: &str) -> Result<Tensor, Error> {
        let _no_grad = no_grad_guard();
        let node = self.graph.find(name).ok_or_else(|| Error::Node(name.to_owned()))?;
        Ok(self.run(inputs, node, Mode::Eval)?.output)
    }

    /// A training pass. `seed` is a function of the stage's seed, the epoch and the step; each node's dropout makes
    /// its own of it. Moves the running statistics of batch norms that are not frozen.
    ///
    /// # Errors
    /// As [`Module::forward`].
    pub fn train(&self, inputs: &Inputs, seed: u64) -> Result<Pass, Error> {
        self.run(inputs, self.graph.output, Mode::Train { seed, share: None })
    }

    /// A training pass that only moves the running statistics of batch norms that are not frozen: after passes 1 to
    /// `nth` they are the mean over the passes, as PyTorch's `update_bn` takes them.
    ///
    /// # Errors
    /// As [`Module::forward`].
    pub fn gather_statistics(&self, inputs: &Inputs, seed: u64, nth: u64) -> Result<(), Error> {
        let _no_grad = no_grad_guard();
        let share = Some(1.0 / nth as f64);
        self.run(inputs, self.graph.output, Mode::Train { seed, share }).map(drop)
    }

    /// Whether training moves the running statistics of a batch norm.
    pub fn moves_statistics(&self) -> bool {
        let is_norm = |node: &Node| matches!(node.op, Primitive::BatchNorm { .. });
        let mut norms = self.graph.nodes.iter().filter(|node| is_norm(node));
        norms.any(|node| !uses_running_statistics(node, &self.network.frozen))
    }

    fn run(&self, inputs: &Inputs, output: usize, mode: Mode) -> Result<Pass, Error> {
        let nodes = &self.graph.nodes;
        let mut last_use = vec![0; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&input| last_use[input] = index);
        }
        let needed = needed(self, output);
        let mut lookups = vec![];
        let mut values: Vec<Option<Value>> = vec![];
        for (index, node) in nodes.iter().enumerate().take(output + 1) {
            let mut value = None;
            if needed[index] {
                let feeds = node.inputs.iter();
                let feeds = feeds.map(|&at| values[at].as_ref().expect("inputs come before and are kept"));
                let mut at = At { module: self, mode, index, inputs: feeds.collect(), lookups: &mut lookups };
                value = Some(try_guard(|| match node.op {
                    Primitive::Column => column::read(node, inputs),
                    _ => compute(&mut at),
                })?);
            }
            values.push(value);
            for &input in node.inputs.iter().filter(|&&input| last_use[input] == index && input != output) {
                values[input] = None;
            }
        }
        let value = values.pop().flatten().ok_or_else(|| Error::Node(nodes[output].name.clone()))?;
        Ok(Pass { output: value.tensor, lookups })
    }
}

/// Nodes that `output` depends on.
fn needed(module: &Module, output: usize) -> Vec<bool> {
    let mut needed = vec![false; module.graph.nodes.len()];
    needed[output] = true;
    for index in (0..=output).rev().collect::<Vec<_>>() {
        if needed[index] {
            module.graph.nodes[index].inputs.iter().for_each(|&input| needed[input] = true);
        }
    }
    needed
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
        Primitive::Recurrent { recurrence, bidirectional, layers, dropout, .. } => {
            let directions = if *bidirectional { 2 } else { 1 };
            recurrent::run(at, *recurrence, *layers, directions, *dropout)?
        }
        Primitive::Linear => at.same_steps(at.linear(tensor, at.param(0), at.has_param(1))),
        Primitive::Conv { windows, groups } => conv::conv(at, windows, *groups),
        Primitive::BatchNorm { epsilon, momentum } => norm::batch(at, *epsilon, *momentum),
        Primitive::LayerNorm { epsilon } => norm::layer(at, *epsilon),
        Primitive::GroupNorm { groups, epsilon } => norm::group(at, *groups, *epsilon),
        Primitive::Dropout { rate } => at.same_steps(dropout::drop(at, 0, *rate, tensor)?),
        Primitive::SpatialDropout { rate } => at.same_steps(dropout::spatial(at, *rate)?),
        Primitive::Activation(function) => at.same_steps(activation::of(*function, tensor)),
        Primitive::Glu => at.same_steps(tensor.glu(at.node().signal.channel_axis() as i64)),
        Primitive::SequenceLast => Value::new(recurrent::last(at)?, None),
        Primitive::GlobalPool(pooling) => Value::new(pool::global(at, *pooling), None),
        Primitive::AttentionPool => Value::new(pool::attention(at)?, None),
        Primitive::WindowPool { pooling, windows } => pool::windows(at, *pooling, windows),
        Primitive::AdaptivePool { pooling, size } => Value::new(pool::adaptive(at, *pooling, size), None),
        Primitive::Concat => join::concat(at)?,
        Primitive::Add => join::fold(at, |sum, part| sum + part)?,
        Primitive::Multiply => join::fold(at, |product, part| product * part)?,
        Primitive::Reshape => Value::new(tensor.reshape(at.sizes()?), None),
        Primitive::Permute(order) => Value::new(permute(tensor, order), None),
    })
}

fn permute(tensor: &Tensor, order: &[usize]) -> Tensor {
    let dims: Vec<i64> = std::iter::once(0).chain(order.iter().map(|&dim| dim as i64)).collect();
    tensor.permute(dims)
}
