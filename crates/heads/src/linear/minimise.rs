//! Minimising a smooth convex function, with absolute values of some variables beside it or not.
//!
//! Method: limited-memory BFGS (Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
//! 1989), and with absolute values its orthant-wise form (Andrew and Gao, "Scalable training of L1-regularized
//! log-linear models", 2007).

use rayon::prelude::*;

use super::vectors::{BLOCK, add_dot, dot};

/// Pairs of steps and changes of the gradient that are remembered.
const MEMORY: usize = 10;

/// Times that a step is halved before it counts as none: the function's rounding is reached.
const HALVINGS: usize = 20;

/// Share of the decrease that the gradient promises which a step must keep (Armijo).
const DECREASE: f64 = 1e-4;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// Steps at most.
    pub(crate) steps: usize,
    /// The largest entry of the gradient that is small enough.
    pub(crate) gradient: f64,
}

/// Where the search ended.
#[derive(Clone, Debug)]
pub(crate) struct Minimum {
    pub(crate) x: Vec<f64>,
    pub(crate) steps: usize,
    /// Whether the gradient is small enough, or no step lowers the function any more.
    pub(crate) converged: bool,
}

/// One step and what it did to the gradient. They only shape the next direction, for which single precision is enough,
/// and reading them is most of what a step costs beside the function.
struct Pair {
    step: Vec<f32>,
    change: Vec<f32>,
    /// The product of the two, and that of the change with itself.
    product: f64,
    square: f64,
}

impl Pair {
    fn new(size: usize) -> Self {
        Pair { step: vec![0.0; size], change: vec![0.0; size], product: 0.0, square: 0.0 }
    }

    fn set(&mut self, own: &[f64], gradient: &[f64], before: &[f64]) {
        let each = (&mut self.step, &mut self.change, own, gradient, before).into_par_iter();
        each.with_min_len(BLOCK).for_each(|(step, change, own, gradient, before)| {
            *step = *own as f32;
            *change = (gradient - before) as f32;
        });
        let blocks = (self.step.par_chunks(BLOCK), self.change.par_chunks(BLOCK)).into_par_iter();
        let sums: Vec<(f64, f64)> = blocks
            .map(|(step, change)| {
                let both = step.iter().zip(change).map(|(s, c)| (f64::from(*s), f64::from(*c)));
                both.fold((0.0, 0.0), |(product, square), (s, c)| (product + s * c, square + c * c))
            })
            .collect();
        (self.product, self.square) = sums.iter().fold((0.0, 0.0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
    }
}

/// Minimises `f(x) + sum(l1 |x|)` from 0; `evaluate` writes the gradient of `f` and gives its value. `l1` has a
/// weight, 0 or more, for each variable.
pub(crate) fn minimise(
    mut evaluate: impl FnMut(&[f64], &mut [f64]) -> f64,
    l1: &[f64],
    stop: Stop,
) -> Minimum {
    let size = l1.len();
    let smooth = l1.iter().all(|l1| *l1 == 0.0);
    let absolute = |x: &[f64]| match smooth {
        true => 0.0,
        false => x.iter().zip(l1).map(|(x, l1)| x.abs() * l1).sum::<f64>(),
    };
    let zeros = || vec![0.0; size];
    let (mut x, mut gradient, mut slope, mut direction) = (zeros(), zeros(), zeros(), zeros());
    let (mut next, mut next_gradient, mut step) = (zeros(), zeros(), zeros());
    let mut value = evaluate(&x, &mut gradient) + absolute(&x);
    let mut pairs: Vec<Pair> = vec![];
    for steps in 0..stop.steps {
        let each = (&mut slope, &x, &gradient, l1).into_par_iter().with_min_len(BLOCK);
        each.for_each(|(slope, x, gradient, l1)| *slope = pseudo(*x, *gradient, *l1));
        if slope.iter().all(|slope| slope.abs() <= stop.gradient) {
            return Minimum { x, steps, converged: true };
        }
        against(&slope, &pairs, &mut direction);
        if !smooth {
            // The model of the curvature may point out of the orthant in which the absolute values are smooth.
            for ((direction, slope), l1) in direction.iter_mut().zip(&slope).zip(l1) {
                if *l1 > 0.0 && *direction * slope >= 0.0 {
                    *direction = 0.0;
                }
            }
        }
        let mut length = if pairs.is_empty() { 1.0 / norm(&slope).max(1.0) } else { 1.0 };
        let mut lowered = false;
        for _ in 0..HALVINGS {
            let each = (&mut next, &mut step, &x, &direction, &slope, l1).into_par_iter();
            each.with_min_len(BLOCK).for_each(|(next, step, x, direction, slope, l1)| {
                *next = x + length * direction;
                let side = if *x == 0.0 { -slope } else { *x };
                if *l1 > 0.0 && *next * side < 0.0 {
                    *next = 0.0;
                }
                *step = *next - x;
            });
            let promised = dot(&slope, &step);
            let reached = evaluate(&next, &mut next_gradient) + absolute(&next);
            if reached <= value + DECREASE * promised && reached < value {
                lowered = true;
                value = reached;
                break;
            }
            length *= 0.5;
        }
        if !lowered {
            if pairs.is_empty() {
                return Minimum { x, steps, converged: true };
            }
            // A stale model of the curvature: once more along the gradient.
            pairs.clear();
            continue;
        }
        let mut pair = if pairs.len() == MEMORY { pairs.remove(0) } else { Pair::new(size) };
        pair.set(&step, &next_gradient, &gradient);
        if pair.product > f64::EPSILON * pair.square {
            pairs.push(pair);
        }
        std::mem::swap(&mut x, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
    }
    Minimum { x, steps: stop.steps, converged: false }
}

/// The derivative towards which the sum falls most, 0 where both sides rise.
fn pseudo(x: f64, gradient: f64, l1: f64) -> f64 {
    if x > 0.0 || (x == 0.0 && gradient + l1 < 0.0) {
        gradient + l1
    } else if x < 0.0 || (x == 0.0 && gradient - l1 > 0.0) {
        gradient - l1
    } else {
        0.0
    }
}

/// Minus the slope times the inverse of the curvature that the pairs tell (the two loops of Nocedal 1980). Each pass
/// makes a step of the recursion and the product that the next one needs.
fn against(slope: &[f64], pairs: &[Pair], direction: &mut [f64]) {
    direction.iter_mut().zip(slope).for_each(|(direction, slope)| *direction = -slope);
    let Some(last) = pairs.last() else { return };
    let scale = last.product / last.square;
    let mut shares = vec![0.0; pairs.len()];
    let mut product = add_dot(direction, 0.0, &last.step, &last.step);
    for (at, pair) in pairs.iter().enumerate().rev() {
        shares[at] = product / pair.product;
        let next = if at > 0 { &pairs[at - 1].step } else { &pair.change };
        product = add_dot(direction, -shares[at], &pair.change, next);
    }
    // In units of `scale` from here on.
    for (at, pair) in pairs.iter().enumerate() {
        let other = scale * product / pair.product;
        let next = pairs.get(at + 1).unwrap_or(pair);
        product = add_dot(direction, (shares[at] - other) / scale, &pair.step, &next.change);
    }
    direction.iter_mut().for_each(|value| *value *= scale);
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}
