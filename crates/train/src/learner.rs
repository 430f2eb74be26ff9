//! What a training's steps change beside the network: the optimiser, the average, the loss scale.

use std::collections::BTreeMap;

use nn::{Gradient, Module};
use stages::{Moves, Precision};
use torch::{Device, Tensor, guard};

use crate::average::Averaged;
use crate::checkpoint::{Checkpoint, Tensors};
use crate::clip::clip;
use crate::error::Error;
use crate::fit::Job;
use crate::optimizer::Optimizer;
use crate::scaler::Scaler;

/// Moves a module's weights by gradients.
pub(crate) struct Learner {
    pub(crate) optimizer: Optimizer,
    pub(crate) average: Option<Averaged>,
    scaler: Option<Scaler>,
    clip: Option<stages::ClipGradient>,
}

impl Learner {
    /// Before the first step.
    ///
    /// # Errors
    /// [`Error::Half`] for 16-bit floats on a CPU, and as [`Optimizer::new`].
    pub(crate) fn new(
        job: &Job<'_>,
        optimizer: &stages::Optimizer,
        average: Option<stages::Average>,
        moves: &BTreeMap<String, Moves>,
        module: &Module,
    ) -> Result<Self, Error> {
        let training = job.training;
        let half = training.precision == Precision::Float16;
        if half && module.device() == Device::Cpu {
            return Err(Error::Half);
        }
        Ok(Learner {
            optimizer: Optimizer::by_parameter(optimizer, moves, module, job.threads)?,
            average: average.map(Averaged::new),
            scaler: half.then(Scaler::new),
            clip: training.clip_gradient,
        })
    }

    /// A loss as its gradients are to be taken of.
    pub(crate) fn scaled(&self, loss: Tensor) -> Result<Tensor, Error> {
        match self.scaler {
            Some(scaler) => Ok(guard(|| loss * scaler.scale)?),
            None => Ok(loss),
        }
    }

    /// One step by gradients of a loss that [`Learner::scaled`] gave.
    pub(crate) fn step(
        &mut self,
        module: &Module,
        mut gradients: BTreeMap<String, Gradient>,
    ) -> Result<(), Error> {
        if let Some(scaler) = &mut self.scaler
            && !scaler.unscale(&mut gradients)?
        {
            return Ok(());
        }
        if let Some(limit) = self.clip {
            clip(limit, &mut gradients)?;
        }
        self.optimizer.step(module, &gradients)?;
        if let Some(average) = self.average.as_mut().filter(|average| average.is_of_steps()) {
            self.optimizer.settle(module)?;
            average.after_step(module)?;
        }
        Ok(())
    }

    /// Takes over what a checkpoint saved.
    pub(crate) fn restore(&mut self, saved: &Checkpoint, module: &Module) -> Result<(), Error> {
        self.optimizer.restore(&saved.optimizer)?;
        self.scaler = self.scaler.and(saved.scaler);
        match &mut self.average {
            Some(average) => average.restore(module, saved.average.0, &saved.average.1),
            None => Ok(()),
        }
    }

    pub(crate) fn scaler(&self) -> Option<Scaler> {
        self.scaler
    }

    /// The average as a checkpoint keeps it.
    pub(crate) fn average_state(&self) -> Result<(u64, Tensors), Error> {
        Ok(self.average.as_ref().map(Averaged::state).transpose()?.unwrap_or_default())
    }
}
