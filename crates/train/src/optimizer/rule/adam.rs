//! Adam and AdamW, with AMSGrad.

use super::{Decay, Rule, Value};

/// Adam without what changes by the step.
#[derive(Clone, Debug)]
pub(in super::super) struct Adam {
    betas: [f64; 2],
    moments: Moments,
    decay: Decay,
}

/// How the two moments move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    /// 1 - beta1, rounded once: the difference of rounded numbers would be off in its fifth digit.
    pub(super) rest1: f32,
    pub(super) beta2: f32,
    /// 1 - beta2, likewise.
    pub(super) rest2: f32,
    /// Added to the root of the second moment.
    pub(super) epsilon: f32,
}

impl Moments {
    pub(super) fn new(betas: [f64; 2], epsilon: f64) -> Self {
        Moments {
            rest1: (1.0 - betas[0]) as f32,
            beta2: betas[1] as f32,
            rest2: (1.0 - betas[1]) as f32,
            epsilon: epsilon as f32,
        }
    }

    /// The running means of the gradient and of its square.
    #[inline(always)]
    pub(super) fn update<V: Value>(self, slope: V, first: V, second: V) -> (V, V) {
        let mean = first.clone() + (slope.clone() - first) * self.rest1;
        let square = second * self.beta2 + slope.clone() * self.rest2 * slope;
        (mean, square)
    }
}

/// What the means lack after `step` steps from zero: 1 - beta^step of both.
pub(super) fn corrections(betas: [f64; 2], step: u64) -> [f64; 2] {
    betas.map(|beta| 1.0 - beta.powf(step as f64))
}

/// What changes by Adam's step.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Step {
    /// lr / (1 - beta1^step).
    size: f32,
    /// 1 / sqrt(1 - beta2^step).
    correction: f32,
    shrink: f32,
}

impl Adam {
    pub(in super::super) fn new(own: &stages::Adam, decay: Decay) -> Self {
        Adam { betas: own.betas, moments: Moments::new(own.betas, own.epsilon), decay }
    }
}

/// With 3 numbers it is AMSGrad: the third is the largest second moment so far.
impl<const N: usize> Rule<N> for Adam {
    type Step = Step;

    fn state(&self) -> [(&'static str, f32); N] {
        std::array::from_fn(|at| (["exp_avg", "exp_avg_sq", "max_exp_avg_sq"][at], 0.0))
    }

    fn step(&mut self, number: u64, lr: f64) -> Step {
        let [first, second] = corrections(self.betas, number);
        Step {
            size: (lr / first) as f32,
            correction: (1.0 / second.sqrt()) as f32,
            shrink: self.decay.shrink(lr),
        }
    }

    #[inline(always)]
    fn update<V: Value>(&self, step: Step, weight: V, gradient: V, mut state: [V; N]) -> (V, [V; N]) {
        let weight = weight * step.shrink;
        let slope = gradient + weight.clone() * self.decay.coupled;
        let (mean, square) = self.moments.update(slope, state[0].clone(), state[1].clone());
        state[0] = mean.clone();
        state[1] = square.clone();
        let square = match state.get_mut(2) {
            Some(most) => {
                *most = most.clone().max(square);
                most.clone()
            }
            None => square,
        };
        (weight - mean * step.size / (square.sqrt() * step.correction + self.moments.epsilon), state)
    }

    fn rests(&self, state: [f32; N]) -> bool {
        self.decay.is_none() && state[0] == 0.0 && state[1] == 0.0
    }
}
