//! Minimising a smooth convex function, with absolute values of some variables beside it or not.
//!
//! Method: limited-memory BFGS (Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
//! 1989), and with absolute values its orthant-wise form (Andrew and Gao, "Scalable training of L1-regularized
//! log-linear models", 2007).

use super::vectors::{add, dot};

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

/// One step and what it did to the gradient.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    product: f64,
}

/// Minimises `f(x) + sum(l1 |x|)` from 0; `evaluate` writes the gradient of `f` and gives its value. `l1` has a
/// weight, 0 or more, for each variable.
pub(crate) fn minimise(
    mut evaluate: impl FnMut(&[f64], &mut [f64]) -> f64,
    l1: &[f64],
    stop: Stop,
) -> Minimum {
    let size = l1.len();
    let mut x = vec![0.0; size];
    let mut gradient = vec![0.0; size];
    let absolute = |x: &[f64]| x.iter().zip(l1).map(|(x, l1)| x.abs() * l1).sum::<f64>();
    let mut value = evaluate(&x, &mut gradient) + absolute(&x);
    let mut pairs: Vec<Pair> = vec![];
    let (mut next, mut next_gradient, mut step) = (vec![0.0; size], vec![0.0; size], vec![0.0; size]);
    for steps in 0..stop.steps {
        let slope: Vec<f64> = (0..size).map(|i| pseudo(x[i], gradient[i], l1[i])).collect();
        if slope.iter().all(|slope| slope.abs() <= stop.gradient) {
            return Minimum { x, steps, converged: true };
        }
        let mut direction = direction(&slope, &pairs);
        for i in 0..size {
            // The model of the curvature may point out of the orthant in which the absolute values are smooth.
            if l1[i] > 0.0 && direction[i] * slope[i] >= 0.0 {
                direction[i] = 0.0;
            }
        }
        let mut length = if pairs.is_empty() { 1.0 / norm(&slope).max(1.0) } else { 1.0 };
        let mut lowered = false;
        for _ in 0..HALVINGS {
            for i in 0..size {
                next[i] = x[i] + length * direction[i];
                let side = if x[i] == 0.0 { -slope[i] } else { x[i] };
                if l1[i] > 0.0 && next[i] * side < 0.0 {
                    next[i] = 0.0;
                }
                step[i] = next[i] - x[i];
            }
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
        let change: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(next, old)| next - old).collect();
        let product = dot(&step, &change);
        if product > f64::EPSILON * dot(&change, &change) {
            if pairs.len() == MEMORY {
                pairs.remove(0);
            }
            pairs.push(Pair { step: step.clone(), change, product });
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

/// Minus the slope times the inverse of the curvature that the pairs tell (the two loops of Nocedal 1980).
fn direction(slope: &[f64], pairs: &[Pair]) -> Vec<f64> {
    let mut direction: Vec<f64> = slope.iter().map(|slope| -slope).collect();
    let mut shares = vec![0.0; pairs.len()];
    for (pair, share) in pairs.iter().zip(&mut shares).rev() {
        *share = dot(&pair.step, &direction) / pair.product;
        add(&mut direction, -*share, &pair.change);
    }
    if let Some(last) = pairs.last() {
        let scale = last.product / dot(&last.change, &last.change);
        direction.iter_mut().for_each(|value| *value *= scale);
    }
    for (pair, share) in pairs.iter().zip(&shares) {
        let other = dot(&pair.change, &direction) / pair.product;
        add(&mut direction, share - other, &pair.step);
    }
    direction
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}
