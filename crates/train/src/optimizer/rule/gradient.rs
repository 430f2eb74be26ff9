//! Rules without bias corrections: SGD, RMSprop, Adagrad and Lion.

use super::{Decay, Rule, Value};

/// Stochastic gradient descent; with a number kept, with momentum.
#[derive(Clone, Debug)]
pub(in super::super) struct Sgd {
    momentum: f32,
    /// 1 - dampening.
    rest: f32,
    nesterov: bool,
    decay: Decay,
}

/// What changes by the step of SGD.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct SgdStep {
    lr: f32,
    /// What the gradient is multiplied with: the first is taken whole.
    share: f32,
}

impl Sgd {
    pub(in super::super) fn new(own: &stages::Sgd, decay: f64) -> Self {
        Sgd {
            momentum: own.momentum as f32,
            rest: (1.0 - own.dampening) as f32,
            nesterov: own.nesterov,
            decay: Decay::coupled(decay),
        }
    }
}

impl<const N: usize> Rule<N> for Sgd {
    type Step = SgdStep;

    fn state(&self) -> [(&'static str, f32); N] {
        [("momentum", 0.0); N]
    }

    fn step(&mut self, number: u64, lr: f64) -> SgdStep {
        SgdStep { lr: lr as f32, share: if number == 1 { 1.0 } else { self.rest } }
    }

    #[inline(always)]
    fn update<V: Value>(&self, step: SgdStep, weight: V, gradient: V, mut state: [V; N]) -> (V, [V; N]) {
        let slope = gradient + weight.clone() * self.decay.coupled;
        let along = match state.first_mut() {
            Some(kept) => {
                let momentum = kept.clone() * self.momentum + slope.clone() * step.share;
                *kept = momentum.clone();
                if self.nesterov { slope + momentum * self.momentum } else { momentum }
            }
            None => slope,
        };
        (weight - along * step.lr, state)
    }

    fn rests(&self, state: [f32; N]) -> bool {
        self.decay.is_none() && state.iter().all(|kept| *kept == 0.0)
    }
}

/// Steps by the root of a running mean of squared gradients. The last number kept is the momentum, where there is one,
/// and the second the mean of the gradient, where it is centered.
#[derive(Clone, Debug)]
pub(in super::super) struct Rmsprop {
    alpha: f32,
    /// 1 - alpha.
    rest: f32,
    epsilon: f32,
    momentum: f32,
    centered: bool,
    decay: Decay,
}

impl Rmsprop {
    pub(in super::super) fn new(own: &stages::Rmsprop, decay: f64) -> Self {
        Rmsprop {
            alpha: own.alpha as f32,
            rest: (1.0 - own.alpha) as f32,
            epsilon: own.epsilon as f32,
            momentum: own.momentum as f32,
            centered: own.centered,
            decay: Decay::coupled(decay),
        }
    }
}

impl<const N: usize> Rule<N> for Rmsprop {
    /// The learning rate.
    type Step = f32;

    fn state(&self) -> [(&'static str, f32); N] {
        let second = if self.centered { "grad_avg" } else { "momentum_buffer" };
        std::array::from_fn(|at| (["square_avg", second, "momentum_buffer"][at], 0.0))
    }

    fn step(&mut self, _: u64, lr: f64) -> f32 {
        lr as f32
    }

    #[inline(always)]
    fn update<V: Value>(&self, lr: f32, weight: V, gradient: V, mut state: [V; N]) -> (V, [V; N]) {
        let slope = gradient + weight.clone() * self.decay.coupled;
        let square = state[0].clone() * self.alpha + slope.clone() * self.rest * slope.clone();
        state[0] = square.clone();
        let variance = if self.centered {
            let mean = state[1].clone() + (slope.clone() - state[1].clone()) * self.rest;
            state[1] = mean.clone();
            // Rounding may take it below zero, where the root is no number.
            (square - mean.clone() * mean).at_least(0.0)
        } else {
            square
        };
        let along = slope / (variance.sqrt() + self.epsilon);
        let along = if self.momentum > 0.0 {
            let momentum = state[N - 1].clone() * self.momentum + along;
            state[N - 1] = momentum.clone();
            momentum
        } else {
            along
        };
        (weight - along * lr, state)
    }

    fn rests(&self, state: [f32; N]) -> bool {
        self.decay.is_none() && state.iter().all(|kept| *kept == 0.0)
    }
}

/// Steps by the root of the sum of all squared gradients.
#[derive(Clone, Debug)]
pub(in super::super) struct Adagrad {
    lr_decay: f64,
    start: f32,
    epsilon: f32,
    decay: Decay,
}

impl Adagrad {
    pub(in super::super) fn new(own: &stages::Adagrad, decay: f64) -> Self {
        Adagrad {
            lr_decay: own.lr_decay,
            start: own.initial_accumulator as f32,
            epsilon: own.epsilon as f32,
            decay: Decay::coupled(decay),
        }
    }
}

impl Rule<1> for Adagrad {
    /// The learning rate, decayed.
    type Step = f32;

    fn state(&self) -> [(&'static str, f32); 1] {
        [("sum", self.start)]
    }

    fn step(&mut self, number: u64, lr: f64) -> f32 {
        (lr / (1.0 + (number as f64 - 1.0) * self.lr_decay)) as f32
    }

    #[inline(always)]
    fn update<V: Value>(&self, lr: f32, weight: V, gradient: V, [sum]: [V; 1]) -> (V, [V; 1]) {
        let slope = gradient + weight.clone() * self.decay.coupled;
        let sum = sum + slope.clone() * slope.clone();
        (weight - slope * lr / (sum.clone().sqrt() + self.epsilon), [sum])
    }

    fn rests(&self, _: [f32; 1]) -> bool {
        self.decay.is_none()
    }
}

/// Algorithm 2 of Chen et al. 2023.
#[derive(Clone, Debug)]
pub(in super::super) struct Lion {
    betas: [f32; 2],
    /// 1 - beta of both.
    rests: [f32; 2],
    decay: Decay,
}

/// What changes by the step of Lion.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct LionStep {
    lr: f32,
    shrink: f32,
}

impl Lion {
    pub(in super::super) fn new(own: &stages::Lion, decay: f64) -> Self {
        Lion {
            betas: own.betas.map(|beta| beta as f32),
            rests: own.betas.map(|beta| (1.0 - beta) as f32),
            decay: Decay::decoupled(decay),
        }
    }
}

impl Rule<1> for Lion {
    type Step = LionStep;

    fn state(&self) -> [(&'static str, f32); 1] {
        [("exp_avg", 0.0)]
    }

    fn step(&mut self, _: u64, lr: f64) -> LionStep {
        LionStep { lr: lr as f32, shrink: self.decay.shrink(lr) }
    }

    #[inline(always)]
    fn update<V: Value>(&self, step: LionStep, weight: V, gradient: V, [first]: [V; 1]) -> (V, [V; 1]) {
        let mix = |at: usize| first.clone() * self.betas[at] + gradient.clone() * self.rests[at];
        (weight * step.shrink - mix(0).sign() * step.lr, [mix(1)])
    }

    fn rests(&self, [first]: [f32; 1]) -> bool {
        self.decay.is_none() && first == 0.0
    }
}
