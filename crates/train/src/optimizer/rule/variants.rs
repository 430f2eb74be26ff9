//! Relatives of Adam: Adamax, NAdam, RAdam and LAMB.

use super::adam::{Moments, corrections};
use super::{Decay, Rule, Value};

const MOMENTS: [(&str, f32); 2] = [("exp_avg", 0.0), ("exp_avg_sq", 0.0)];

/// Adam by the infinity norm, section 7.1 of Kingma and Ba 2015.
#[derive(Clone, Debug)]
pub(in super::super) struct Adamax {
    betas: [f64; 2],
    rest1: f32,
    epsilon: f32,
    decay: Decay,
}

impl Adamax {
    pub(in super::super) fn new(own: &stages::Adamax, decay: f64) -> Self {
        Adamax {
            betas: own.betas,
            rest1: (1.0 - own.betas[0]) as f32,
            epsilon: own.epsilon as f32,
            decay: Decay::coupled(decay),
        }
    }
}

impl Rule<2> for Adamax {
    /// lr / (1 - beta1^step).
    type Step = f32;

    fn state(&self) -> [(&'static str, f32); 2] {
        [("exp_avg", 0.0), ("exp_inf", 0.0)]
    }

    fn step(&mut self, number: u64, lr: f64) -> f32 {
        (lr / corrections(self.betas, number)[0]) as f32
    }

    #[inline(always)]
    fn update<V: Value>(&self, size: f32, weight: V, gradient: V, [first, norm]: [V; 2]) -> (V, [V; 2]) {
        let slope = gradient + weight.clone() * self.decay.coupled;
        let mean = first.clone() + (slope.clone() - first) * self.rest1;
        let norm = (norm * self.betas[1] as f32).max(slope.abs() + self.epsilon);
        (weight - mean.clone() * size / norm.clone(), [mean, norm])
    }

    fn rests(&self, [first, norm]: [f32; 2]) -> bool {
        // Under zero gradients the norm falls as far as epsilon.
        self.decay.is_none() && first == 0.0 && norm == self.epsilon
    }
}

/// Adam with Nesterov's momentum, Dozat 2016, as PyTorch has it.
#[derive(Clone, Debug)]
pub(in super::super) struct Nadam {
    betas: [f64; 2],
    moments: Moments,
    momentum_decay: f64,
    decay: Decay,
    /// The product of the momenta of so many steps.
    product: (u64, f64),
}

/// What changes by NAdam's step.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct NadamStep {
    /// Factors of the gradient and of the first moment.
    sizes: [f32; 2],
    /// 1 / sqrt(1 - beta2^step).
    correction: f32,
    shrink: f32,
}

impl Nadam {
    pub(in super::super) fn new(own: &stages::Nadam, decay: f64) -> Self {
        Nadam {
            betas: own.betas,
            moments: Moments::new(own.betas, own.epsilon),
            momentum_decay: own.momentum_decay,
            decay: Decay::new(decay, own.decoupled_weight_decay),
            product: (0, 1.0),
        }
    }

    fn momentum(&self, step: u64) -> f64 {
        self.betas[0] * (1.0 - 0.5 * 0.96_f64.powf(step as f64 * self.momentum_decay))
    }
}

impl Rule<2> for Nadam {
    type Step = NadamStep;

    fn state(&self) -> [(&'static str, f32); 2] {
        MOMENTS
    }

    fn step(&mut self, number: u64, lr: f64) -> NadamStep {
        // A product in the order of the steps, from wherever it was.
        if self.product.0 > number {
            self.product = (0, 1.0);
        }
        while self.product.0 < number {
            let step = self.product.0 + 1;
            self.product = (step, self.product.1 * self.momentum(step));
        }
        let (product, now, next) = (self.product.1, self.momentum(number), self.momentum(number + 1));
        let [_, second] = corrections(self.betas, number);
        NadamStep {
            sizes: [lr * (1.0 - now) / (1.0 - product), lr * next / (1.0 - product * next)]
                .map(|size| size as f32),
            correction: (1.0 / second.sqrt()) as f32,
            shrink: self.decay.shrink(lr),
        }
    }

    #[inline(always)]
    fn update<V: Value>(&self, step: NadamStep, weight: V, gradient: V, state: [V; 2]) -> (V, [V; 2]) {
        let [first, second] = state;
        let weight = weight * step.shrink;
        let slope = gradient + weight.clone() * self.decay.coupled;
        let (mean, square) = self.moments.update(slope.clone(), first, second);
        let ahead = slope * step.sizes[0] + mean.clone() * step.sizes[1];
        let root = square.clone().sqrt() * step.correction + self.moments.epsilon;
        (weight - ahead / root, [mean, square])
    }

    fn rests(&self, state: [f32; 2]) -> bool {
        self.decay.is_none() && state == [0.0; 2]
    }
}

/// Rectified Adam, Liu et al. 2020.
#[derive(Clone, Debug)]
pub(in super::super) struct Radam {
    betas: [f64; 2],
    moments: Moments,
    decay: Decay,
}

/// What changes by RAdam's step.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct RadamStep {
    /// Factor of the first moment.
    size: f32,
    /// Whether the step is by the second moment: not as long as its variance is out of hand.
    adaptive: bool,
    shrink: f32,
}

impl Radam {
    pub(in super::super) fn new(own: &stages::Radam, decay: f64) -> Self {
        let decay = Decay::new(decay, own.decoupled_weight_decay);
        Radam { betas: own.betas, moments: Moments::new(own.betas, own.epsilon), decay }
    }
}

impl Rule<2> for Radam {
    type Step = RadamStep;

    fn state(&self) -> [(&'static str, f32); 2] {
        MOMENTS
    }

    fn step(&mut self, number: u64, lr: f64) -> RadamStep {
        let [first, second] = corrections(self.betas, number);
        let limit = 2.0 / (1.0 - self.betas[1]) - 1.0;
        let length = limit - 2.0 * number as f64 * self.betas[1].powf(number as f64) / second;
        let adaptive = length > 5.0;
        let rectified = |of: f64| (of - 4.0) * (of - 2.0) / of;
        let scale = if adaptive { (rectified(length) / rectified(limit) * second).sqrt() } else { 1.0 };
        RadamStep { size: (lr / first * scale) as f32, adaptive, shrink: self.decay.shrink(lr) }
    }

    #[inline(always)]
    fn update<V: Value>(&self, step: RadamStep, weight: V, gradient: V, state: [V; 2]) -> (V, [V; 2]) {
        let [first, second] = state;
        let weight = weight * step.shrink;
        let slope = gradient + weight.clone() * self.decay.coupled;
        let (mean, square) = self.moments.update(slope, first, second);
        let along = mean.clone() * step.size;
        let along =
            if step.adaptive { along / (square.clone().sqrt() + self.moments.epsilon) } else { along };
        (weight - along, [mean, square])
    }

    fn rests(&self, state: [f32; 2]) -> bool {
        self.decay.is_none() && state == [0.0; 2]
    }
}

/// Algorithm 2 of You et al. 2020, with the identity as its scaling function.
#[derive(Clone, Debug)]
pub(in super::super) struct Lamb {
    betas: [f64; 2],
    moments: Moments,
    decay: f32,
}

/// What changes by LAMB's step.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct LambStep {
    lr: f32,
    /// 1 / (1 - beta1^step).
    first: f32,
    /// 1 / sqrt(1 - beta2^step).
    second: f32,
}

impl Lamb {
    pub(in super::super) fn new(own: &stages::Lamb, decay: f64) -> Self {
        Lamb { betas: own.betas, moments: Moments::new(own.betas, own.epsilon), decay: decay as f32 }
    }
}

impl Rule<2> for Lamb {
    type Step = LambStep;

    const LAGS: bool = false;

    fn state(&self) -> [(&'static str, f32); 2] {
        MOMENTS
    }

    fn step(&mut self, number: u64, lr: f64) -> LambStep {
        let [first, second] = corrections(self.betas, number);
        LambStep { lr: lr as f32, first: (1.0 / first) as f32, second: (1.0 / second.sqrt()) as f32 }
    }

    #[inline(always)]
    fn update<V: Value>(&self, step: LambStep, weight: V, gradient: V, state: [V; 2]) -> (V, [V; 2]) {
        let [first, second] = state;
        let (mean, square) = self.moments.update(gradient, first, second);
        let root = square.clone().sqrt() * step.second + self.moments.epsilon;
        (mean.clone() * step.first / root + weight * self.decay, [mean, square])
    }

    fn rests(&self, _: [f32; 2]) -> bool {
        false
    }

    fn trust(step: LambStep) -> Option<f32> {
        Some(step.lr)
    }
}
