//! A module run over a batch, node by node, and differentiated.

use std::collections::BTreeMap;
use std::rc::Rc;

use data::Draws;
use network::{Activation, Node, Primitive, Recurrence};
use torch::recurrent::{self, DirectionWeights};
use torch::{Device, Kind, Tensor, no_grad_guard, random, try_guard};

use crate::error::Error;
use crate::gradient::{Gradient, RowGradient};
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
    /// Numbers `[batch, 1]`, or vectors `[batch, width]`, `Float`.
    Number(Tensor),
}

/// The data columns of a batch by name, on the module's device.
pub type Inputs = BTreeMap<String, Column>;

/// How a module runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Nothing random, running statistics, no gradients.
    Eval,
    /// Dropout drawn from the seed, statistics of the batch, gradients.
    Train { seed: u64 },
}

/// A training pass: the result, and what its gradients need.
#[derive(Debug)]
pub struct Pass {
    /// The output node's values.
    pub output: Tensor,
    /// Table, looked-up rows `[n]`, their values as leaves of autograd.
    lookups: Vec<(String, Tensor, Tensor)>,
}

/// What flows between nodes.
struct Value {
    tensor: Tensor,
    lengths: Option<Rc<Lengths>>,
    /// The last states, where the node is recurrent.
    last: Option<Tensor>,
}

impl Value {
    fn new(tensor: Tensor, lengths: Option<Rc<Lengths>>) -> Self {
        Value { tensor, lengths, last: None }
    }
}

struct Run<'a> {
    module: &'a Module,
    inputs: &'a Inputs,
    mode: Mode,
    lookups: Vec<(String, Tensor, Tensor)>,
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
        self.run(inputs, self.graph.output, Mode::Train { seed })
    }

    /// Embedding tables that training moves, each with the column that is looked up in it.
    pub fn tables(&self) -> Vec<(&str, &str)> {
        let nodes = &self.graph.nodes;
        nodes
            .iter()
            .filter(|node| node.op == Primitive::Embedding && is_trainable(self, node))
            .map(|node| (node.params[0].name.as_str(), nodes[node.inputs[0]].name.as_str()))
            .collect()
    }

    /// Gradients of `loss`, a scalar computed from the output of `pass`, by parameter. A parameter that the loss does
    /// not depend on has none.
    ///
    /// On the CPU an embedding table's gradient has looked-up rows only.
    ///
    /// # Errors
    /// What libtorch refuses.
    pub fn gradients(&self, pass: &Pass, loss: &Tensor) -> Result<BTreeMap<String, Gradient>, Error> {
        let looked_up = |name: &str| pass.lookups.iter().any(|(table, ..)| table == name);
        let dense: Vec<&str> = self.trainable().into_iter().filter(|name| !looked_up(name)).collect();
        let mut leaves: Vec<&Tensor> = dense.iter().map(|name| &self.tensors[*name]).collect();
        leaves.extend(pass.lookups.iter().map(|(.., values)| values));
        let found = torch::guard(|| Tensor::run_backward(&[loss], &leaves, false, false))?;
        let mut found = found.into_iter();
        let mut gradients = BTreeMap::new();
        for (name, gradient) in dense.iter().zip(found.by_ref()) {
            if gradient.defined() {
                gradients.insert((*name).to_owned(), Gradient::Dense(gradient));
            }
        }
        let mut tables: BTreeMap<&str, (Vec<&Tensor>, Vec<Tensor>)> = BTreeMap::new();
        for ((table, ids, _), gradient) in pass.lookups.iter().zip(found) {
            if gradient.defined() {
                let entry = tables.entry(table).or_default();
                entry.0.push(ids);
                entry.1.push(gradient);
            }
        }
        for (table, (ids, values)) in tables {
            let units = self.tensors[table].size()[1];
            let (ids, values) = torch::guard(|| {
                let values: Vec<Tensor> = values.iter().map(|values| values.reshape([-1, units])).collect();
                match (&ids[..], &values[..]) {
                    ([ids], [values]) => (ids.shallow_clone(), values.contiguous()),
                    _ => (Tensor::cat(&ids, 0), Tensor::cat(&values, 0)),
                }
            })?;
            let sum = RowGradient::sum(&ids, &values, units as usize)?;
            gradients.insert(table.to_owned(), Gradient::Rows(sum));
        }
        Ok(gradients)
    }

    fn run(&self, inputs: &Inputs, output: usize, mode: Mode) -> Result<Pass, Error> {
        let mut run = Run { module: self, inputs, mode, lookups: vec![] };
        let mut last_use = vec![0; self.graph.nodes.len()];
        for (index, node) in self.graph.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&input| last_use[input] = index);
        }
        let needed = needed(self, output);
        let mut values: Vec<Option<Value>> = vec![];
        for (index, node) in self.graph.nodes.iter().enumerate().take(output + 1) {
            let value =
                if needed[index] { Some(try_guard(|| run.node(index, node, &values))?) } else { None };
            values.push(value);
            for &input in node.inputs.iter().filter(|&&input| last_use[input] == index && input != output) {
                values[input] = None;
            }
        }
        let value =
            values.pop().flatten().ok_or_else(|| Error::Node(self.graph.nodes[output].name.clone()))?;
        Ok(Pass { output: value.tensor, lookups: run.lookups })
    }
}

fn is_trainable(module: &Module, node: &Node) -> bool {
    node.params.iter().any(|param| !param.buffer && !module.network.frozen.contains(&param.name))
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

impl Run<'_> {
    fn node(&mut self, index: usize, node: &Node, values: &[Option<Value>]) -> Result<Value, Error> {
        let input = |at: usize| values[node.inputs[at]].as_ref().expect("inputs come before and are kept");
        if node.op == Primitive::Column {
            return self.column(node);
        }
        let source = input(0);
        let tensor = &source.tensor;
        let lengths = source.lengths.clone();
        let module = self.module;
        let pooled = |pool: &dyn Fn(&Lengths) -> Tensor| match &source.lengths {
            Some(lengths) => Ok(Value::new(pool(lengths), None)),
            None => Err(Error::Lengths { node: node.name.clone() }),
        };
        Ok(match &node.op {
            Primitive::Column => unreachable!("handled above"),
            Primitive::Embedding => Value::new(self.lookup(node, tensor), lengths),
            Primitive::Recurrent { recurrence, bidirectional, layers, dropout, .. } => {
                let Some(lengths) = lengths else { return Err(Error::Lengths { node: node.name.clone() }) };
                let rate = if module.frozen_prefix[index] { 0.0 } else { *dropout };
                self.recurrent(node, *recurrence, (*layers, *bidirectional), rate, (tensor, lengths))?
            }
            Primitive::Linear => {
                let bias = (node.params.len() > 1).then(|| module.param(node, 1));
                Value::new(tensor.linear(module.param(node, 0), bias), lengths)
            }
            Primitive::BatchNorm { epsilon, momentum } => {
                Value::new(self.batch_norm(node, tensor, *epsilon, *momentum), lengths)
            }
            Primitive::Dropout { rate } => {
                let rate = if module.frozen_prefix[index] { 0.0 } else { *rate };
                Value::new(self.dropout(&node.name, 0, rate, tensor)?, lengths)
            }
            Primitive::Activation(Activation::Relu) => Value::new(tensor.relu(), lengths),
            Primitive::Activation(Activation::Tanh) => Value::new(tensor.tanh(), lengths),
            Primitive::Activation(Activation::Sigmoid) => Value::new(tensor.sigmoid(), lengths),
            Primitive::SequenceLast => match &source.last {
                Some(last) => Value::new(last.shallow_clone(), None),
                None => {
                    let directions = module.graph.nodes[node.inputs[0]].signal.directions;
                    pooled(&|lengths| lengths.last(tensor, directions))?
                }
            },
            Primitive::MeanPool => pooled(&|lengths| lengths.mean(tensor))?,
            Primitive::MaxPool => pooled(&|lengths| lengths.max(tensor))?,
            Primitive::Concat => {
                let parts: Vec<&Value> = (0..node.inputs.len()).map(input).collect();
                for part in parts.iter().skip(1) {
                    let equal = match (&source.lengths, &part.lengths) {
                        (Some(first), Some(other)) => {
                            Rc::ptr_eq(first, other) || first.count.equal(&other.count)
                        }
                        (None, None) => true,
                        _ => false,
                    };
                    if !equal {
                        return Err(Error::Lengths { node: node.name.clone() });
                    }
                }
                let tensors: Vec<&Tensor> = parts.iter().map(|part| &part.tensor).collect();
                Value::new(Tensor::cat(&tensors, -1), lengths)
            }
        })
    }

    fn column(&self, node: &Node) -> Result<Value, Error> {
        let wanted = match (&node.signal.ids, node.signal.is_sequence()) {
            (Some(_), true) => "sequence",
            (Some(_), false) => "category",
            (None, _) => "number",
        };
        match (self.inputs.get(&node.name), wanted) {
            (Some(Column::Sequence { ids, lengths }), "sequence") => {
                // Only empty rows: one step of padding keeps every operation defined.
                let empty = ids.size().get(1) == Some(&0);
                let ids = if empty {
                    ids.new_zeros([ids.size()[0], 1], (Kind::Int64, ids.device()))
                } else {
                    ids.shallow_clone()
                };
                Ok(Value::new(ids, Some(Rc::new(Lengths { count: lengths.shallow_clone() }))))
            }
            (Some(Column::Category(ids)), "category") => Ok(Value::new(ids.shallow_clone(), None)),
            (Some(Column::Number(numbers)), "number") => Ok(Value::new(numbers.shallow_clone(), None)),
            _ => Err(Error::Column { name: node.name.clone(), wanted }),
        }
    }

    /// Rows of the table. In training on the CPU the looked-up rows themselves are leaves of autograd: a gradient of
    /// the whole table, mostly zeros, would cost more than the network.
    fn lookup(&mut self, node: &Node, ids: &Tensor) -> Tensor {
        let table = self.module.param(node, 0);
        let flat = ids.reshape([-1]);
        let mut shape = ids.size();
        shape.push(table.size()[1]);
        let records = matches!(self.mode, Mode::Train { .. })
            && self.module.device == Device::Cpu
            && is_trainable(self.module, node);
        if !records {
            return table.index_select(0, &flat).reshape(&shape);
        }
        let rows = {
            let _no_grad = no_grad_guard();
            table.index_select(0, &flat).reshape(&shape)
        };
        let rows = rows.set_requires_grad(true);
        self.lookups.push((node.params[0].name.clone(), flat, rows.shallow_clone()));
        rows
    }

    fn recurrent(
        &self,
        node: &Node,
        recurrence: Recurrence,
        (layers, bidirectional): (usize, bool),
        dropout: f64,
        (input, lengths): (&Tensor, Rc<Lengths>),
    ) -> Result<Value, Error> {
        let directions = if bidirectional { 2 } else { 1 };
        let mut value = Value::new(input.shallow_clone(), Some(lengths.clone()));
        for layer in 0..layers {
            if layer > 0 {
                value.tensor = self.dropout(&node.name, layer as u64, dropout, &value.tensor)?;
            }
            let weights: Vec<DirectionWeights<'_>> = (0..directions)
                .map(|direction| {
                    let at =
                        |part: usize| self.module.param(node, (layer * directions + direction) * 4 + part);
                    DirectionWeights { w_ih: at(0), w_hh: at(1), b_ih: at(2), b_hh: at(3) }
                })
                .collect();
            let run = match recurrence {
                Recurrence::Gru => recurrent::gru,
                Recurrence::Lstm => recurrent::lstm,
            };
            let (output, last) = run(&value.tensor, &lengths.count, &weights)?;
            value = Value { tensor: output, lengths: Some(lengths.clone()), last: Some(last) };
        }
        Ok(value)
    }

    /// PyTorch's `BatchNorm1d`. A training batch of one row has no variance: it is normalised by the running
    /// statistics and leaves them as they are (PyTorch refuses such a batch).
    fn batch_norm(&self, node: &Node, input: &Tensor, epsilon: f64, momentum: f64) -> Tensor {
        let at = |part: usize| Some(self.module.param(node, part));
        let training = matches!(self.mode, Mode::Train { .. })
            && input.size()[0] > 1
            && !uses_running_statistics(node, &self.module.network.frozen);
        input.batch_norm(at(0), at(1), at(2), at(3), training, momentum, epsilon, false)
    }

    fn dropout(&self, name: &str, place: u64, rate: f64, input: &Tensor) -> Result<Tensor, Error> {
        let Mode::Train { seed } = self.mode else { return Ok(input.shallow_clone()) };
        if rate <= 0.0 {
            return Ok(input.shallow_clone());
        }
        let seed = Draws::new(seed, &format!("dropout {name}"), &[place]).u64();
        let mut shape = input.size();
        if shape.len() < 3 {
            return Ok(input * random::dropout_mask(&shape, rate, seed, input.device())?);
        }
        // Steps outermost: wider padding only adds draws behind those of the valid steps.
        shape.swap(0, 1);
        Ok(input * random::dropout_mask(&shape, rate, seed, input.device())?.transpose(0, 1))
    }
}
