//! Update rules on slices, compiled for several instruction sets.
//!
//! Invariant: every element is updated by the same chain of IEEE operations whatever the instruction set, the block it
//! is in and the thread; nothing is fused or reordered.

/// Adam and AdamW without what changes by the step.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdamRule {
    /// 1 - beta1, rounded once: the difference of rounded numbers would be off in its fifth digit.
    pub(super) rest1: f32,
    pub(super) beta2: f32,
    /// 1 - beta2, likewise.
    pub(super) rest2: f32,
    pub(super) epsilon: f32,
    /// Added to the gradient, times the weight: coupled weight decay.
    pub(super) decay: f32,
    /// What a weight is multiplied with first: decoupled weight decay.
    pub(super) shrink: f32,
}

/// What changes by Adam's step.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdamStep {
    /// lr / (1 - beta1^step).
    pub(super) size: f32,
    /// 1 / sqrt(1 - beta2^step).
    pub(super) correction: f32,
}

/// Stochastic gradient descent.
#[derive(Clone, Copy, Debug)]
pub(super) struct SgdRule {
    pub(super) lr: f32,
    pub(super) momentum: f32,
    pub(super) decay: f32,
}

/// Weights and their moments, element by element; SGD has the first moment alone.
pub(super) struct Block<'a> {
    pub(super) weights: &'a mut [f32],
    pub(super) first: &'a mut [f32],
    pub(super) second: &'a mut [f32],
}

impl<'a> Block<'a> {
    /// The first `count` elements, and the rest.
    pub(super) fn split(self, count: usize) -> (Block<'a>, Block<'a>) {
        let (weights, weights_rest) = self.weights.split_at_mut(count);
        let (first, first_rest) = self.first.split_at_mut(count);
        let (second, second_rest) = self.second.split_at_mut(count.min(self.second.len()));
        (
            Block { weights, first, second },
            Block { weights: weights_rest, first: first_rest, second: second_rest },
        )
    }
}

/// A rule that can be applied to a block.
pub(super) trait Rule: Copy + Send + Sync {
    /// What changes by the step.
    type Step: Copy + Send + Sync;

    /// Applies the steps in order; the last has this gradient, all others, or all without one, a zero gradient.
    fn apply(self, steps: &[Self::Step], block: &mut Block<'_>, gradient: Option<&[f32]>);

    /// Whether a weight whose moments are zero stays as it is under a zero gradient.
    fn rests(self) -> bool;
}

#[inline(always)]
fn adam_step(rule: AdamRule, step: AdamStep, block: &mut Block<'_>, gradient: impl Fn(usize) -> f32) {
    let count = block.weights.len();
    let (weights, first, second) =
        (&mut block.weights[..count], &mut block.first[..count], &mut block.second[..count]);
    for at in 0..count {
        let weight = weights[at] * rule.shrink;
        let slope = gradient(at) + rule.decay * weight;
        let mean = first[at] + rule.rest1 * (slope - first[at]);
        let square = rule.beta2 * second[at] + rule.rest2 * slope * slope;
        first[at] = mean;
        second[at] = square;
        weights[at] = weight - step.size * mean / (square.sqrt() * step.correction + rule.epsilon);
    }
}

#[inline(always)]
fn adam(rule: AdamRule, steps: &[AdamStep], block: &mut Block<'_>, gradient: Option<&[f32]>) {
    let idle = steps.len() - usize::from(gradient.is_some() && !steps.is_empty());
    for &step in &steps[..idle] {
        adam_step(rule, step, block, |_| 0.0);
    }
    if let (Some(gradient), Some(&step)) = (gradient, steps.last()) {
        let gradient = &gradient[..block.weights.len()];
        adam_step(rule, step, block, |at| gradient[at]);
    }
}

#[inline(always)]
fn sgd_step(rule: SgdRule, block: &mut Block<'_>, gradient: impl Fn(usize) -> f32) {
    let count = block.weights.len();
    let (weights, first) = (&mut block.weights[..count], &mut block.first[..count]);
    for at in 0..count {
        let slope = gradient(at) + rule.decay * weights[at];
        first[at] = rule.momentum * first[at] + slope;
        weights[at] -= rule.lr * first[at];
    }
}

#[inline(always)]
fn sgd(rule: SgdRule, steps: &[()], block: &mut Block<'_>, gradient: Option<&[f32]>) {
    let idle = steps.len() - usize::from(gradient.is_some() && !steps.is_empty());
    for () in &steps[..idle] {
        sgd_step(rule, block, |_| 0.0);
    }
    if let (Some(gradient), false) = (gradient, steps.is_empty()) {
        let gradient = &gradient[..block.weights.len()];
        sgd_step(rule, block, |at| gradient[at]);
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    //! The same code for wider vectors.
    use super::{AdamRule, AdamStep, Block, SgdRule};

    #[target_feature(enable = "avx2")]
    pub(super) fn adam_avx2(
        rule: AdamRule,
        steps: &[AdamStep],
        block: &mut Block<'_>,
        gradient: Option<&[f32]>,
    ) {
        super::adam(rule, steps, block, gradient);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn sgd_avx2(rule: SgdRule, steps: &[()], block: &mut Block<'_>, gradient: Option<&[f32]>) {
        super::sgd(rule, steps, block, gradient);
    }
}

impl Rule for AdamRule {
    type Step = AdamStep;

    #[expect(unsafe_code, reason = "calls code for an instruction set that was found present")]
    fn apply(self, steps: &[AdamStep], block: &mut Block<'_>, gradient: Option<&[f32]>) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the instructions.
            return unsafe { wide::adam_avx2(self, steps, block, gradient) };
        }
        adam(self, steps, block, gradient);
    }

    fn rests(self) -> bool {
        self.decay == 0.0 && self.shrink == 1.0
    }
}

impl Rule for SgdRule {
    type Step = ();

    #[expect(unsafe_code, reason = "calls code for an instruction set that was found present")]
    fn apply(self, steps: &[()], block: &mut Block<'_>, gradient: Option<&[f32]>) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the instructions.
            return unsafe { wide::sgd_avx2(self, steps, block, gradient) };
        }
        sgd(self, steps, block, gradient);
    }

    fn rests(self) -> bool {
        self.decay == 0.0
    }
}
