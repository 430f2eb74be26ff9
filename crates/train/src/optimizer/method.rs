//! A rule with the steps that it has made since the last settling, behind one face for all rules.

use rayon::ThreadPool;
use torch::{Tensor, guard};

use super::rule::adam::Adam;
use super::rule::gradient::{Adagrad, Lion, Rmsprop, Sgd};
use super::rule::variants::{Adamax, Lamb, Nadam, Radam};
use super::rule::{Decay, Rule};
use super::table::Table;
use super::value::Whole;
use crate::clip::squares;
use crate::error::Error;

/// Elements of a dense parameter that one task updates.
const BLOCK: usize = 16 * 1024;

/// How parameters of one learning rate and weight decay move. Slices of a parameter are its weights, then the numbers
/// that the rule keeps, in their order.
pub(super) trait Method: Send + Sync {
    /// The numbers that the rule keeps for every weight: their name in a saved state, and what they start with.
    fn state(&self) -> Vec<(&'static str, f32)>;

    /// Whether rows of tables without a gradient may be updated later.
    fn lags(&self) -> bool;

    /// Takes note of step `number`, from 1 on, with this learning rate.
    fn push(&mut self, number: u64, lr: f64);

    /// Drops the steps that all rows have made.
    fn forget(&mut self);

    /// The last step of a whole parameter.
    fn dense(&self, pool: &ThreadPool, slices: Vec<&mut [f32]>, gradient: &[f32]);

    /// Applies to the ascending `rows` the steps that they missed; the last step has these gradients
    /// `[rows.len(), units]`, all others, or all without any, zero gradients. Rows beyond the table are left out.
    fn rows(
        &self,
        pool: &ThreadPool,
        table: &mut Table,
        slices: Vec<&mut [f32]>,
        rows: &[u32],
        gradients: Option<&[f32]>,
    );

    /// The last step of a whole parameter, by operations of libtorch, in place.
    fn device(&self, weights: &Tensor, state: &mut [Tensor], gradient: &Tensor) -> Result<(), Error>;
}

/// The rule that these settings name, with its own weight decay.
pub(super) fn method(settings: &stages::Optimizer, decay: f64) -> Box<dyn Method> {
    match settings {
        stages::Optimizer::Adam(own) => adam(own, Decay::coupled(decay)),
        stages::Optimizer::Adamw(own) => adam(own, Decay::decoupled(decay)),
        stages::Optimizer::Sgd(own) if own.momentum == 0.0 => log::<_, 0>(Sgd::new(own, decay)),
        stages::Optimizer::Sgd(own) => log::<_, 1>(Sgd::new(own, decay)),
        stages::Optimizer::Rmsprop(own) => match (own.centered, own.momentum > 0.0) {
            (false, false) => log::<_, 1>(Rmsprop::new(own, decay)),
            (true, true) => log::<_, 3>(Rmsprop::new(own, decay)),
            _ => log::<_, 2>(Rmsprop::new(own, decay)),
        },
        stages::Optimizer::Adagrad(own) => log(Adagrad::new(own, decay)),
        stages::Optimizer::Adamax(own) => log(Adamax::new(own, decay)),
        stages::Optimizer::Nadam(own) => log(Nadam::new(own, decay)),
        stages::Optimizer::Radam(own) => log(Radam::new(own, decay)),
        stages::Optimizer::Lamb(own) => log(Lamb::new(own, decay)),
        stages::Optimizer::Lion(own) => log(Lion::new(own, decay)),
    }
}

fn adam(own: &stages::Adam, decay: Decay) -> Box<dyn Method> {
    let rule = Adam::new(own, decay);
    if own.amsgrad { log::<_, 3>(rule) } else { log::<_, 2>(rule) }
}

fn log<R: Rule<N>, const N: usize>(rule: R) -> Box<dyn Method> {
    Box::new(Log { rule, steps: vec![] })
}

/// A rule, and what each step since the last settling changed.
pub(super) struct Log<R: Rule<N>, const N: usize> {
    pub(super) rule: R,
    pub(super) steps: Vec<R::Step>,
}

/// Weights and what the rule keeps of them, element by element.
pub(super) struct Block<'a, const N: usize> {
    pub(super) weights: &'a mut [f32],
    pub(super) state: [&'a mut [f32]; N],
}

impl<'a, const N: usize> Block<'a, N> {
    fn new(slices: Vec<&'a mut [f32]>) -> Self {
        let mut slices = slices.into_iter();
        let mut next = || slices.next().expect("a slice for the weights and one for each kept number");
        Block { weights: next(), state: std::array::from_fn(|_| next()) }
    }

    /// The first `count` elements, and the rest.
    pub(super) fn split(self, count: usize) -> (Self, Self) {
        let (weights, weights_rest) = self.weights.split_at_mut(count);
        let mut rest = [const { None }; N];
        let mut at = 0;
        let state = self.state.map(|all| {
            let (own, after) = all.split_at_mut(count);
            rest[at] = Some(after);
            at += 1;
            own
        });
        let rest = rest.map(Option::unwrap_or_default);
        (Block { weights, state }, Block { weights: weights_rest, state: rest })
    }
}

impl<R: Rule<N>, const N: usize> Method for Log<R, N> {
    fn state(&self) -> Vec<(&'static str, f32)> {
        self.rule.state().to_vec()
    }

    fn lags(&self) -> bool {
        R::LAGS
    }

    fn push(&mut self, number: u64, lr: f64) {
        let step = self.rule.step(number, lr);
        self.steps.push(step);
    }

    fn forget(&mut self) {
        self.steps.clear();
    }

    fn dense(&self, pool: &ThreadPool, slices: Vec<&mut [f32]>, gradient: &[f32]) {
        let Some(&step) = self.steps.last() else { return };
        let block = Block::<N>::new(slices);
        let Some(lr) = R::trust(step) else { return self.blocks(pool, block, gradient) };
        let mut direction = block.weights.to_vec();
        self.blocks(pool, Block { weights: &mut direction, state: block.state }, gradient);
        let size = trusted(lr, squares(block.weights).sqrt(), squares(&direction).sqrt());
        for (weight, along) in block.weights.iter_mut().zip(direction) {
            *weight -= size * along;
        }
    }

    fn rows(
        &self,
        pool: &ThreadPool,
        table: &mut Table,
        slices: Vec<&mut [f32]>,
        rows: &[u32],
        gradients: Option<&[f32]>,
    ) {
        table.advance(pool, self, Block::new(slices), rows, gradients);
    }

    fn device(&self, weights: &Tensor, state: &mut [Tensor], gradient: &Tensor) -> Result<(), Error> {
        let Some(&step) = self.steps.last() else { return Ok(()) };
        let mut weights = weights.detach();
        let own = std::array::from_fn(|at| Whole(state[at].shallow_clone()));
        let (found, kept) = guard(|| {
            let start = Whole(weights.shallow_clone());
            self.rule.update(step, start, Whole(gradient.shallow_clone()), own)
        })?;
        for (own, kept) in state.iter_mut().zip(kept) {
            *own = kept.0;
        }
        guard(|| match R::trust(step) {
            None => weights.copy_(&found.0),
            Some(lr) => {
                let norm = |tensor: &Tensor| tensor.norm().double_value(&[]);
                let size = trusted(lr, norm(&weights), norm(&found.0));
                let _ = weights.g_add_(&(found.0 * f64::from(-size)));
            }
        })?;
        Ok(())
    }
}

/// The learning rate times the trust ratio, which is 1 where a norm is 0.
fn trusted(lr: f32, weights: f64, direction: f64) -> f32 {
    if weights > 0.0 && direction > 0.0 { (f64::from(lr) * weights / direction) as f32 } else { lr }
}

impl<R: Rule<N>, const N: usize> Log<R, N> {
    /// The last step of a block, in tasks where it is large.
    fn blocks(&self, pool: &ThreadPool, block: Block<'_, N>, gradient: &[f32]) {
        let step = &self.steps[self.steps.len() - 1..];
        if gradient.len() <= 2 * BLOCK {
            return apply(&self.rule, step, block, Some(gradient));
        }
        pool.in_place_scope(|scope| {
            let mut rest = block;
            for part in gradient.chunks(BLOCK) {
                let (own, after) = rest.split(part.len());
                rest = after;
                scope.spawn(move |_| apply(&self.rule, step, own, Some(part)));
            }
        });
    }
}

/// Applies the steps in order; the last has this gradient, all others, or all without one, a zero gradient.
#[expect(unsafe_code, reason = "calls code for an instruction set that was found present")]
pub(super) fn apply<R: Rule<N>, const N: usize>(
    rule: &R,
    steps: &[R::Step],
    block: Block<'_, N>,
    gradient: Option<&[f32]>,
) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions.
        return unsafe { apply_avx2(rule, steps, block, gradient) };
    }
    apply_plain(rule, steps, block, gradient);
}

/// The same code for wider vectors.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn apply_avx2<R: Rule<N>, const N: usize>(
    rule: &R,
    steps: &[R::Step],
    block: Block<'_, N>,
    gradient: Option<&[f32]>,
) {
    apply_plain(rule, steps, block, gradient);
}

#[inline(always)]
fn apply_plain<R: Rule<N>, const N: usize>(
    rule: &R,
    steps: &[R::Step],
    mut block: Block<'_, N>,
    gradient: Option<&[f32]>,
) {
    let idle = steps.len() - usize::from(gradient.is_some() && !steps.is_empty());
    for &step in &steps[..idle] {
        one(rule, step, &mut block, |_| 0.0);
    }
    if let (Some(gradient), Some(&step)) = (gradient, steps.last()) {
        let gradient = &gradient[..block.weights.len()];
        one(rule, step, &mut block, |at| gradient[at]);
    }
}

#[inline(always)]
fn one<R: Rule<N>, const N: usize>(
    rule: &R,
    step: R::Step,
    block: &mut Block<'_, N>,
    gradient: impl Fn(usize) -> f32,
) {
    let count = block.weights.len();
    let weights = &mut block.weights[..count];
    let state = block.state.each_mut().map(|all| &mut all[..count]);
    for at in 0..count {
        let mut own = [0.0; N];
        for part in 0..N {
            own[part] = state[part][at];
        }
        let (weight, own) = rule.update(step, weights[at], gradient(at), own);
        weights[at] = weight;
        for part in 0..N {
            state[part][at] = own[part];
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use torch::values;

    use super::*;

    #[test]
    fn operations_and_slices_agree() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let reference: Value = serde_json::from_str(include_str!("../../tests/reference.json")).unwrap();
        for (name, case) in reference["optimizers"].as_object().unwrap() {
            let settings: stages::Optimizer = serde_json::from_value(case["settings"].clone()).unwrap();
            let mut method = method(&settings, settings.weight_decay());
            let mut weights: Vec<f32> = (0..50).map(|at| (at as f32).cos()).collect();
            let tensor = Tensor::from_slice(&weights);
            let mut state: Vec<Tensor> =
                method.state().iter().map(|(_, start)| tensor.full_like(f64::from(*start))).collect();
            let mut own: Vec<Vec<f32>> = state.iter().map(values::floats).collect::<Result<_, _>>().unwrap();
            for at in 1..=20 {
                let gradient: Vec<f32> = (0..50).map(|unit| (at as f32 + unit as f32).sin()).collect();
                method.push(at, settings.lr().unwrap());
                method.device(&tensor, &mut state, &Tensor::from_slice(&gradient)).unwrap();
                let slices = std::iter::once(&mut weights).chain(&mut own).map(|all| &mut all[..]).collect();
                method.dense(&pool, slices, &gradient);
            }
            let pairs = std::iter::once((&tensor, &weights)).chain(state.iter().zip(&own));
            for (tensor, own) in pairs {
                for (one, other) in values::floats(tensor).unwrap().iter().zip(own) {
                    assert!((one - other).abs() < 1e-6, "{name}: {one} is not {other}");
                }
            }
        }
    }

    #[test]
    fn blocks_change_no_bit() {
        let count = 3 * BLOCK + 7;
        let gradient: Vec<f32> = (0..count).map(|at| (at as f32).sin()).collect();
        for kind in ["adam", "lamb"] {
            let settings: stages::Optimizer =
                serde_json::from_value(json!({ "kind": kind, "lr": 1e-2, "weight-decay": 0.1 })).unwrap();
            let run = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut method = method(&settings, settings.weight_decay());
                let mut all = [gradient.clone(), vec![0.0; count], vec![0.0; count]];
                for step in 1..=3 {
                    method.push(step, settings.lr().unwrap());
                    method.dense(&pool, all.iter_mut().map(|all| &mut all[..]).collect(), &gradient);
                }
                all.map(|all| all.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            };
            assert_eq!(run(1), run(3), "{kind}");
        }
    }
}
