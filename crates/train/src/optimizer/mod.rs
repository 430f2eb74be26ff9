//! Optimisers with PyTorch's update rules, and their state as named tensors.
//!
//! Invariant: weights and state after [`Optimizer::settle`] are the bits that updating every element in every step
//! gives. In between, rows of embedding tables that no batch looked at lag behind: their gradients were zero, so the
//! steps they missed are made up, in order and in one go, before anyone reads them.

mod method;
mod rule;
mod table;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use nn::{Gradient, Module, RowGradient};
use rayon::ThreadPool;
use stages::Moves;
use torch::{Device, Tensor, guard, no_grad_guard, values};

use crate::error::Error;
use method::{Method, method};
use table::Table;

/// An optimiser with its state.
pub struct Optimizer {
    /// The learning rate before any schedule.
    start: f64,
    /// That of the next step.
    lr: f64,
    groups: Vec<Group>,
    slots: BTreeMap<String, Slot>,
    pool: ThreadPool,
}

/// Parameters that move by the same numbers.
struct Group {
    method: Box<dyn Method>,
    /// The learning rate before any schedule.
    start: f64,
    /// That of the next step.
    lr: f64,
    /// Steps made so far.
    step: u64,
}

/// What the optimiser keeps for a parameter.
struct Slot {
    /// Which group it is of.
    group: usize,
    /// The numbers that the rule keeps for every weight.
    state: Vec<Tensor>,
    /// For embedding tables on the CPU whose rows may lag: how far each row is.
    table: Option<Table>,
}

/// The steps so far, by group.
const STEP: &str = "step";

impl Optimizer {
    /// An optimiser for the trainable parameters of `module`, before its first step. `threads` changes speed only.
    ///
    /// # Errors
    /// [`Error::Setting`] for a learning rate that moves nothing or settings that no rule takes.
    pub fn new(settings: &stages::Optimizer, module: &Module, threads: usize) -> Result<Self, Error> {
        let moves = Moves { lr: known(settings)?, weight_decay: settings.weight_decay(), epoch: 1 };
        let all = module.trainable().into_iter().map(|name| (name.to_owned(), moves)).collect();
        Optimizer::by_parameter(settings, &all, module, threads)
    }

    /// As [`Optimizer::new`], for these parameters, each with its own learning rate and weight decay.
    ///
    /// # Errors
    /// As [`Optimizer::new`].
    pub fn by_parameter(
        settings: &stages::Optimizer,
        moves: &BTreeMap<String, Moves>,
        module: &Module,
        threads: usize,
    ) -> Result<Self, Error> {
        if let Some((key, message)) = settings.problem() {
            return Err(Error::Setting(format!("{key}: {message}")));
        }
        let mut groups: Vec<(Moves, Group)> = vec![];
        let mut slots = BTreeMap::new();
        let tables = module.tables();
        for (name, moves) in moves {
            let weights = module.tensor(name).ok_or_else(|| unknown(name))?;
            let group = groups.iter().position(|(own, _)| own == moves).unwrap_or(groups.len());
            if group == groups.len() {
                let method = method(settings, moves.weight_decay);
                groups.push((*moves, Group { method, start: moves.lr, lr: moves.lr, step: 0 }));
            }
            let method = &groups[group].1.method;
            let filled = |(_, start): (&str, f32)| guard(|| weights.detach().full_like(f64::from(start)));
            let state = method.state().into_iter().map(filled).collect::<Result<_, _>>()?;
            let lags = method.lags()
                && module.device() == Device::Cpu
                && tables.iter().any(|(table, _)| table == name);
            let table = lags.then(|| Table::new(&weights.size()));
            slots.insert(name.clone(), Slot { group, state, table });
        }
        let groups = groups.into_iter().map(|(_, group)| group).collect();
        let lr = known(settings)?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .build()
            .map_err(|error| Error::Setting(format!("cannot start {threads} threads: {error}")))?;
        Ok(Optimizer { start: lr, lr, groups, slots, pool })
    }

    /// The learning rate of the next step.
    pub fn rate(&self) -> f64 {
        self.lr
    }

    /// Sets the learning rate of the next steps in place of the one before any schedule; others keep their share of it.
    pub(crate) fn set_rate(&mut self, lr: f64) {
        let scale = lr / self.start;
        self.set_rates(|start| start * scale);
    }

    /// Sets the learning rates of the next steps, each from what it was before any schedule.
    pub fn set_rates(&mut self, rate: impl Fn(f64) -> f64) {
        self.lr = rate(self.start);
        for group in &mut self.groups {
            group.lr = rate(group.start);
        }
    }

    /// Makes up the steps that the rows `ids` of a table missed: called before a batch looks at them.
    ///
    /// # Errors
    /// When the table does not belong to the optimiser.
    pub fn catch_up(&mut self, module: &Module, table: &str, ids: &[i64]) -> Result<(), Error> {
        let mut rows: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        rows.sort_unstable();
        rows.dedup();
        let slot = self.slots.get_mut(table).ok_or_else(|| unknown(table))?;
        let weights = module.tensor(table).ok_or_else(|| unknown(table))?;
        slot.rows(&*self.groups[slot.group].method, &self.pool, weights, &rows, None)
    }

    /// One step. A parameter without a gradient stays as it is.
    ///
    /// # Errors
    /// When a gradient does not belong to the optimiser, and what libtorch refuses.
    pub fn step(&mut self, module: &Module, gradients: &BTreeMap<String, Gradient>) -> Result<(), Error> {
        // A group that is still frozen makes no step, as PyTorch's parameters without a gradient do not.
        let moving: BTreeSet<usize> =
            gradients.keys().filter_map(|name| Some(self.slots.get(name)?.group)).collect();
        for group in moving {
            let group = &mut self.groups[group];
            group.step += 1;
            group.method.push(group.step, group.lr);
        }
        let _no_grad = no_grad_guard();
        for (name, gradient) in gradients {
            let slot = self.slots.get_mut(name).ok_or_else(|| unknown(name))?;
            let weights = module.tensor(name).ok_or_else(|| unknown(name))?;
            let method = &*self.groups[slot.group].method;
            match gradient {
                Gradient::Dense(gradient) if weights.device() != Device::Cpu => {
                    method.device(weights, &mut slot.state, gradient)?;
                }
                Gradient::Dense(gradient) => {
                    let gradient = guard(|| gradient.contiguous())?;
                    values::read(&gradient, |gradient| slot.dense(method, &self.pool, weights, gradient))??;
                }
                Gradient::Rows(RowGradient { rows, values, .. }) if slot.table.is_some() => {
                    slot.rows(method, &self.pool, weights, rows, Some(values))?;
                }
                Gradient::Rows(gradient) => {
                    slot.dense(method, &self.pool, weights, &whole(gradient, weights.numel()))?;
                }
            }
        }
        Ok(())
    }

    /// Makes up all steps that rows of tables missed: called before anyone but a batch reads the weights.
    ///
    /// # Errors
    /// When the module is not the optimiser's.
    pub fn settle(&mut self, module: &Module) -> Result<(), Error> {
        for (name, slot) in &mut self.slots {
            let Some(table) = &slot.table else { continue };
            let rows: Vec<u32> = (0..table.rows()).collect();
            let weights = module.tensor(name).ok_or_else(|| unknown(name))?;
            slot.rows(&*self.groups[slot.group].method, &self.pool, weights, &rows, None)?;
            slot.table.iter_mut().for_each(Table::restart);
        }
        self.groups.iter_mut().for_each(|group| group.method.forget());
        Ok(())
    }

    /// The state as named tensors: `step`, `Int64`, one number a group of parameters; for every parameter what the rule
    /// keeps of it, such as `.exp_avg` and `.exp_avg_sq` of Adam, of its shape. Call [`Optimizer::settle`] first.
    ///
    /// # Errors
    /// What libtorch refuses.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>, Error> {
        let mut state = BTreeMap::new();
        let steps: Vec<i64> = self.groups.iter().map(|group| group.step.cast_signed()).collect();
        state.insert(STEP.to_owned(), guard(|| Tensor::from_slice(&steps))?);
        for (name, slot) in &self.slots {
            for ((suffix, _), tensor) in self.groups[slot.group].method.state().iter().zip(&slot.state) {
                state.insert(format!("{name}.{suffix}"), guard(|| tensor.to_device(Device::Cpu).copy())?);
            }
        }
        Ok(state)
    }

    /// Takes over a state that [`Optimizer::state`] gave.
    ///
    /// # Errors
    /// [`Error::State`] when a tensor is missing, unexpected or of another shape.
    pub fn restore(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), Error> {
        let expected = 1 + self.slots.values().map(|slot| slot.state.len()).sum::<usize>();
        if state.len() != expected {
            return Err(Error::State(format!("{} tensors, expected {expected}", state.len())));
        }
        let steps = state.get(STEP).ok_or_else(|| Error::State("`step` is missing".to_owned()))?;
        let steps = values::int64s(steps)?;
        if steps.len() != self.groups.len() {
            return Err(Error::State(format!("{} groups, expected {}", steps.len(), self.groups.len())));
        }
        for (name, slot) in &mut self.slots {
            for ((suffix, _), tensor) in self.groups[slot.group].method.state().iter().zip(&mut slot.state) {
                let name = format!("{name}.{suffix}");
                let saved = state.get(&name).filter(|saved| saved.size() == tensor.size());
                let saved = saved.ok_or_else(|| Error::State(format!("`{name}` is missing or misshapen")))?;
                guard(|| tensor.copy_(saved))?;
            }
            slot.table.iter_mut().for_each(Table::restart);
        }
        for (group, step) in self.groups.iter_mut().zip(steps) {
            group.step = step.cast_unsigned();
            group.method.forget();
        }
        Ok(())
    }
}

fn known(settings: &stages::Optimizer) -> Result<f64, Error> {
    settings.lr().ok_or_else(|| Error::Setting("lr: it is yet to be found".to_owned()))
}

fn unknown(name: &str) -> Error {
    Error::State(format!("`{name}` is not a parameter that training moves"))
}

/// Gradients of some rows as those of all `count` elements.
fn whole(gradient: &RowGradient, count: usize) -> Vec<f32> {
    let units = gradient.units;
    let mut all = vec![0.0; count];
    for (&row, values) in gradient.rows.iter().zip(gradient.values.chunks(units)) {
        all[row as usize * units..][..units].copy_from_slice(values);
    }
    all
}

impl Slot {
    /// One step of all weights.
    fn dense(
        &mut self,
        method: &dyn Method,
        pool: &ThreadPool,
        weights: &Tensor,
        gradient: &[f32],
    ) -> Result<(), Error> {
        lend(weights, &mut self.state, |slices| method.dense(pool, slices, gradient))
    }

    /// The missed steps of some rows; where rows of this parameter never lag, there are none.
    fn rows(
        &mut self,
        method: &dyn Method,
        pool: &ThreadPool,
        weights: &Tensor,
        rows: &[u32],
        gradients: Option<&[f32]>,
    ) -> Result<(), Error> {
        let Some(table) = &mut self.table else { return Ok(()) };
        lend(weights, &mut self.state, |slices| method.rows(pool, table, slices, rows, gradients))
    }
}

/// Weights and what is kept of them as slices.
fn lend(weights: &Tensor, state: &mut [Tensor], body: impl FnOnce(Vec<&mut [f32]>)) -> Result<(), Error> {
    let mut weights = weights.detach();
    let tensors: Vec<&mut Tensor> = std::iter::once(&mut weights).chain(state).collect();
    Ok(values::update(tensors, body)?)
}
