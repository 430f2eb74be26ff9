//! Adam, AdamW and SGD with PyTorch's update rules, and their state as named tensors.
//!
//! Invariant: weights and state after [`Optimizer::settle`] are the bits that updating every element in every step
//! gives. In between, rows of embedding tables that no batch looked at lag behind: their gradients were zero, so the
//! steps they missed are made up, in order and in one go, before anyone reads them.

mod device;
mod rule;
mod table;

use std::collections::BTreeMap;

use nn::{Gradient, Module};
use rayon::ThreadPool;
use torch::{Device, Kind, Tensor, guard, no_grad_guard, values};

use crate::error::Error;
use rule::{AdamRule, AdamStep, Block, Rule, SgdRule};
use table::Table;

/// Elements of a dense parameter that one task updates.
const BLOCK: usize = 16 * 1024;

/// An optimiser with its state.
pub struct Optimizer {
    method: Method,
    settings: stages::Optimizer,
    step: u64,
    slots: BTreeMap<String, Slot>,
    pool: ThreadPool,
}

/// What the optimiser keeps for a parameter.
struct Slot {
    /// Running mean of the gradient, or SGD's momentum.
    first: Tensor,
    /// Running mean of the squared gradient; no elements for SGD.
    second: Tensor,
    /// For embedding tables on the CPU: how far each row is.
    table: Option<Table>,
}

/// The rule, with what each step since the last settling changed.
enum Method {
    Adam { rule: AdamRule, steps: Vec<AdamStep> },
    Sgd { rule: SgdRule, steps: Vec<()> },
}

/// The state of the steps so far, apart from tensors.
const STEP: &str = "step";

impl Optimizer {
    /// An optimiser for the trainable parameters of `module`, before its first step. `threads` changes speed only.
    ///
    /// # Errors
    /// [`Error::Setting`] for a learning rate that moves nothing or settings that no rule takes.
    pub fn new(settings: &stages::Optimizer, module: &Module, threads: usize) -> Result<Self, Error> {
        check(settings)?;
        let mut slots = BTreeMap::new();
        let tables = module.tables();
        for name in module.trainable() {
            let Some(weights) = module.tensor(name) else { continue };
            let adaptive = !matches!(settings, stages::Optimizer::Sgd(_));
            let zeros = || guard(|| weights.detach().zeros_like());
            let first = zeros()?;
            let second = if adaptive {
                zeros()?
            } else {
                guard(|| Tensor::zeros([0], (Kind::Float, weights.device())))?
            };
            let lags = module.device() == Device::Cpu && tables.iter().any(|(table, _)| *table == name);
            let table = lags.then(|| Table::new(&weights.size()));
            slots.insert(name.to_owned(), Slot { first, second, table });
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .build()
            .map_err(|error| Error::Setting(format!("cannot start {threads} threads: {error}")))?;
        Ok(Optimizer { method: Method::new(settings), settings: settings.clone(), step: 0, slots, pool })
    }

    /// The learning rate of the next step.
    pub fn rate(&self) -> f64 {
        self.settings.lr()
    }

    /// Makes up the steps that the rows `ids` of a table missed: called before a batch looks at them.
    ///
    /// # Errors
    /// When the table does not belong to the optimiser.
    pub fn catch_up(&mut self, module: &Module, table: &str, ids: &[i64]) -> Result<(), Error> {
        let mut rows: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        rows.sort_unstable();
        rows.dedup();
        let (method, pool) = (&self.method, &self.pool);
        let slot = self.slots.get_mut(table).ok_or_else(|| unknown(table))?;
        slot.rows(module, table, |lag, block, units| match method {
            Method::Adam { rule, steps } => lag.advance(pool, *rule, steps, block, units, &rows, None),
            Method::Sgd { rule, steps } => lag.advance(pool, *rule, steps, block, units, &rows, None),
        })
    }

    /// One step. A parameter without a gradient stays as it is.
    ///
    /// # Errors
    /// When a gradient does not belong to the optimiser, and what libtorch refuses.
    pub fn step(&mut self, module: &Module, gradients: &BTreeMap<String, Gradient>) -> Result<(), Error> {
        self.step += 1;
        self.method.push(&self.settings, self.step);
        let _no_grad = no_grad_guard();
        for (name, gradient) in gradients {
            let slot = self.slots.get_mut(name).ok_or_else(|| unknown(name))?;
            let weights = module.tensor(name).ok_or_else(|| unknown(name))?;
            let (method, pool) = (&self.method, &self.pool);
            match gradient {
                Gradient::Dense(gradient) if weights.device() != Device::Cpu => {
                    device::step(&self.settings, self.step, weights, slot, gradient)?;
                }
                Gradient::Dense(gradient) => {
                    let gradient = guard(|| gradient.contiguous())?;
                    values::read(&gradient, |gradient| {
                        slot.update(weights, |block| match method {
                            Method::Adam { rule, steps } => dense(pool, *rule, last(steps), block, gradient),
                            Method::Sgd { rule, steps } => dense(pool, *rule, last(steps), block, gradient),
                        })
                    })??;
                }
                Gradient::Rows(gradient) => slot.rows(module, name, |lag, block, units| {
                    let (rows, values) = (&gradient.rows, Some(&gradient.values[..]));
                    match method {
                        Method::Adam { rule, steps } => {
                            lag.advance(pool, *rule, steps, block, units, rows, values)
                        }
                        Method::Sgd { rule, steps } => {
                            lag.advance(pool, *rule, steps, block, units, rows, values)
                        }
                    }
                })?,
            }
        }
        Ok(())
    }

    /// Makes up all steps that rows of tables missed: called before anyone but a batch reads the weights.
    ///
    /// # Errors
    /// When the module is not the optimiser's.
    pub fn settle(&mut self, module: &Module) -> Result<(), Error> {
        for (name, slot) in self.slots.iter_mut().filter(|(_, slot)| slot.table.is_some()) {
            let (method, pool) = (&self.method, &self.pool);
            slot.rows(module, name, |lag, block, units| {
                let rows: Vec<u32> = (0..lag.rows()).collect();
                match method {
                    Method::Adam { rule, steps } => {
                        lag.advance(pool, *rule, steps, block, units, &rows, None)
                    }
                    Method::Sgd { rule, steps } => lag.advance(pool, *rule, steps, block, units, &rows, None),
                }
                lag.restart();
            })?;
        }
        self.method.forget();
        Ok(())
    }

    /// The state as named tensors: `step` `[1]`, `Int64`; for every parameter `.exp_avg` and `.exp_avg_sq` (Adam) or
    /// `.momentum` (SGD), of its shape. Call [`Optimizer::settle`] first.
    ///
    /// # Errors
    /// What libtorch refuses.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>, Error> {
        let mut state = BTreeMap::new();
        state.insert(STEP.to_owned(), guard(|| Tensor::from_slice(&[self.step.cast_signed()]))?);
        for (name, slot) in &self.slots {
            for (suffix, tensor) in self.method.suffixes().iter().zip([&slot.first, &slot.second]) {
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
        let suffixes = self.method.suffixes();
        let expected = 1 + self.slots.len() * suffixes.len();
        if state.len() != expected {
            return Err(Error::State(format!("{} tensors, expected {expected}", state.len())));
        }
        let step = state.get(STEP).ok_or_else(|| Error::State("`step` is missing".to_owned()))?;
        let step = values::int64s(step)?;
        let [step] = step[..] else { return Err(Error::State("`step` is not one number".to_owned())) };
        for (name, slot) in &mut self.slots {
            for (suffix, tensor) in suffixes.iter().zip([&mut slot.first, &mut slot.second]) {
                let name = format!("{name}.{suffix}");
                let saved = state.get(&name).filter(|saved| saved.size() == tensor.size());
                let saved = saved.ok_or_else(|| Error::State(format!("`{name}` is missing or misshapen")))?;
                guard(|| tensor.copy_(saved))?;
            }
            if let Some(table) = &mut slot.table {
                table.restart();
            }
        }
        self.step = step.cast_unsigned();
        self.method.forget();
        Ok(())
    }
}

fn unknown(name: &str) -> Error {
    Error::State(format!("`{name}` is not a parameter that training moves"))
}

fn last<T>(steps: &[T]) -> &[T] {
    &steps[steps.len().saturating_sub(1)..]
}

/// One step of a whole parameter.
fn dense<R: Rule>(pool: &ThreadPool, rule: R, step: &[R::Step], block: Block<'_>, gradient: &[f32]) {
    if gradient.len() <= 2 * BLOCK {
        return rule.apply(step, &mut { block }, Some(gradient));
    }
    pool.in_place_scope(|scope| {
        let mut rest = block;
        for part in gradient.chunks(BLOCK) {
            let (mut own, after) = rest.split(part.len());
            rest = after;
            scope.spawn(move |_| rule.apply(step, &mut own, Some(part)));
        }
    });
}

impl Slot {
    /// Weights and moments as slices.
    fn update<T>(&mut self, weights: &Tensor, body: impl FnOnce(Block<'_>) -> T) -> Result<T, Error> {
        let mut weights = weights.detach();
        Ok(values::update([&mut weights, &mut self.first, &mut self.second], |[weights, first, second]| {
            body(Block { weights, first, second })
        })?)
    }

    /// Weights and moments of a table, with its lag and the length of its rows.
    fn rows(
        &mut self,
        module: &Module,
        name: &str,
        body: impl FnOnce(&mut Table, Block<'_>, usize),
    ) -> Result<(), Error> {
        let weights = module.tensor(name).ok_or_else(|| unknown(name))?;
        let mut table = self.table.take().ok_or_else(|| unknown(name))?;
        let units = table.units();
        let done = self.update(weights, |block| body(&mut table, block, units));
        self.table = Some(table);
        done
    }
}

impl Method {
    fn new(settings: &stages::Optimizer) -> Self {
        let adam = |adam: &stages::Adam, decay: f64, shrink: f64| Method::Adam {
            rule: AdamRule {
                rest1: (1.0 - adam.betas[0]) as f32,
                beta2: adam.betas[1] as f32,
                rest2: (1.0 - adam.betas[1]) as f32,
                epsilon: adam.epsilon as f32,
                decay: decay as f32,
                shrink: shrink as f32,
            },
            steps: vec![],
        };
        match settings {
            stages::Optimizer::Adam(own) => adam(own, own.weight_decay, 1.0),
            stages::Optimizer::Adamw(own) => adam(own, 0.0, 1.0 - own.lr * own.weight_decay),
            stages::Optimizer::Sgd(own) => Method::Sgd {
                rule: SgdRule {
                    lr: own.lr as f32,
                    momentum: own.momentum as f32,
                    decay: own.weight_decay as f32,
                },
                steps: vec![],
            },
        }
    }

    fn push(&mut self, settings: &stages::Optimizer, step: u64) {
        match (self, settings) {
            (Method::Adam { steps, .. }, stages::Optimizer::Adam(adam) | stages::Optimizer::Adamw(adam)) => {
                let [first, second] = adam.betas.map(|beta| 1.0 - beta.powf(step as f64));
                steps.push(AdamStep {
                    size: (adam.lr / first) as f32,
                    correction: (1.0 / second.sqrt()) as f32,
                });
            }
            (Method::Sgd { steps, .. }, _) => steps.push(()),
            (Method::Adam { .. }, stages::Optimizer::Sgd(_)) => {
                unreachable!("the method was made of the settings")
            }
        }
    }

    fn forget(&mut self) {
        match self {
            Method::Adam { steps, .. } => steps.clear(),
            Method::Sgd { steps, .. } => steps.clear(),
        }
    }

    fn suffixes(&self) -> &'static [&'static str] {
        match self {
            Method::Adam { .. } => &["exp_avg", "exp_avg_sq"],
            Method::Sgd { .. } => &["momentum"],
        }
    }
}

fn check(settings: &stages::Optimizer) -> Result<(), Error> {
    let refuse = |what: &str| Err(Error::Setting(what.to_owned()));
    let (lr, decay) = match settings {
        stages::Optimizer::Adam(adam) | stages::Optimizer::Adamw(adam) => {
            if !adam.betas.iter().all(|beta| (0.0..1.0).contains(beta)) {
                return refuse("both betas must be at least 0 and below 1");
            }
            if !(adam.epsilon >= 0.0 && adam.epsilon.is_finite()) {
                return refuse("epsilon must not be negative");
            }
            (adam.lr, adam.weight_decay)
        }
        stages::Optimizer::Sgd(sgd) => {
            if !(0.0..=1.0).contains(&sgd.momentum) {
                return refuse("momentum must lie between 0 and 1");
            }
            (sgd.lr, sgd.weight_decay)
        }
    };
    if !(lr > 0.0 && lr.is_finite()) {
        return refuse("the learning rate must be above 0: nothing would move");
    }
    if !(decay >= 0.0 && decay.is_finite()) {
        return refuse("weight decay must not be negative");
    }
    Ok(())
}
