//! What an update rule is. The rules themselves are in the files below, one formula each for CPU and device.
//!
//! Invariant: every element is updated by the same chain of IEEE operations whatever the instruction set, the block it
//! is in and the thread; nothing is fused or reordered.

pub(super) mod adam;
pub(super) mod gradient;
pub(super) mod variants;

use super::value::Value;

/// An update rule that keeps `N` numbers for every weight.
pub(super) trait Rule<const N: usize>: Clone + Send + Sync + 'static {
    /// What changes by the step, the same for all weights.
    type Step: Copy + Send + Sync;

    /// Whether rows without a gradient may be updated later, all missed steps in one go: not where a weight's step
    /// depends on other weights.
    const LAGS: bool = true;

    /// The numbers that are kept: their name in a saved state, and what they start with.
    fn state(&self) -> [(&'static str, f32); N];

    /// What changes by step `number`, from 1 on, with this learning rate.
    fn step(&mut self, number: u64, lr: f64) -> Self::Step;

    /// The weight and the kept numbers after a step. Where there is a [`Rule::trust`], the direction that the weight
    /// is to go against takes the place of the weight.
    fn update<V: Value>(&self, step: Self::Step, weight: V, gradient: V, state: [V; N]) -> (V, [V; N]);

    /// Whether a weight with these kept numbers, and the numbers, stay as they are under zero gradients.
    fn rests(&self, state: [f32; N]) -> bool;

    /// For rules that give a direction: the learning rate that takes a parameter along it by its own norm.
    fn trust(_step: Self::Step) -> Option<f32> {
        None
    }
}

/// Weight decay: added to the gradient, or taken from the weight itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decay {
    /// Times the weight, added to the gradient.
    coupled: f32,
    /// Times the learning rate, the share that the weight loses in a step.
    decoupled: f64,
}

impl Decay {
    pub(super) fn coupled(decay: f64) -> Self {
        Decay { coupled: decay as f32, decoupled: 0.0 }
    }

    pub(super) fn decoupled(decay: f64) -> Self {
        Decay { coupled: 0.0, decoupled: decay }
    }

    pub(super) fn new(decay: f64, decoupled: bool) -> Self {
        if decoupled { Decay::decoupled(decay) } else { Decay::coupled(decay) }
    }

    /// What a weight is multiplied with before a step.
    fn shrink(self, lr: f64) -> f32 {
        (1.0 - lr * self.decoupled) as f32
    }

    /// Whether there is none.
    fn is_none(self) -> bool {
        self.coupled == 0.0 && self.decoupled == 0.0
    }
}
