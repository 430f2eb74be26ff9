//! Averages of weights, as `torch.optim.swa_utils` takes them.

use nn::Module;
use stages::Average;
use torch::{guard, no_grad_guard};

use crate::checkpoint::Tensors;
use crate::error::Error;

/// A running average of the parameters that training moves.
pub(crate) struct Averaged {
    settings: Average,
    /// How many weights are in the average.
    count: u64,
    /// Where the module is; none before the first.
    tensors: Tensors,
}

impl Averaged {
    pub(crate) fn new(settings: Average) -> Self {
        Averaged { settings, count: 0, tensors: Tensors::new() }
    }

    /// Whether the average takes in the weights after every step.
    pub(crate) fn is_of_steps(&self) -> bool {
        matches!(self.settings, Average::Ema(_))
    }

    /// Takes in the weights after a step.
    pub(crate) fn after_step(&mut self, module: &Module) -> Result<(), Error> {
        match self.settings {
            Average::Ema(ema) => self.take_in(module, 1.0 - ema.decay),
            Average::Swa(_) => Ok(()),
        }
    }

    /// Takes in the weights after an epoch.
    pub(crate) fn after_epoch(&mut self, module: &Module, epoch: usize) -> Result<(), Error> {
        match self.settings {
            Average::Swa(swa) if epoch >= swa.from => self.take_in(module, 1.0 / (self.count + 1) as f64),
            _ => Ok(()),
        }
    }

    /// Moves the average by `share` of the way to the module's weights, the first time all the way.
    fn take_in(&mut self, module: &Module, share: f64) -> Result<(), Error> {
        let _no_grad = no_grad_guard();
        for name in module.trainable() {
            let Some(weights) = module.tensor(name) else { continue };
            match self.tensors.get_mut(name) {
                Some(average) => drop(guard(|| average.lerp_(&weights.detach(), share))?),
                None => {
                    self.tensors.insert(name.to_owned(), guard(|| weights.detach().copy())?);
                }
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Whether batch norms need statistics of their own under these weights.
    pub(crate) fn wants_statistics(&self) -> bool {
        matches!(self.settings, Average::Swa(_)) && self.count > 0
    }

    /// Puts the averages in the place of the module's weights; before the first they stay.
    pub(crate) fn assign(&self, module: &Module) -> Result<(), Error> {
        let _no_grad = no_grad_guard();
        for (name, average) in &self.tensors {
            if let Some(weights) = module.tensor(name) {
                guard(|| weights.shallow_clone().copy_(average))?;
            }
        }
        Ok(())
    }

    /// What a checkpoint keeps: how many weights are in the average, and copies of it.
    pub(crate) fn state(&self) -> Result<(u64, Tensors), Error> {
        let copy = |tensor: &torch::Tensor| guard(|| tensor.to_device(torch::Device::Cpu).copy());
        let tensors = self.tensors.iter().map(|(name, tensor)| Ok((name.clone(), copy(tensor)?)));
        Ok((self.count, tensors.collect::<Result<_, Error>>()?))
    }

    /// Takes over what [`Averaged::state`] gave.
    ///
    /// # Errors
    /// [`Error::State`] for tensors that are not the module's.
    pub(crate) fn restore(&mut self, module: &Module, count: u64, saved: &Tensors) -> Result<(), Error> {
        for (name, tensor) in saved {
            let weights = module.tensor(name).filter(|weights| weights.size() == tensor.size());
            let weights =
                weights.ok_or_else(|| Error::State(format!("the average of `{name}` is misshapen")))?;
            self.tensors.insert(name.clone(), guard(|| tensor.to_device(weights.device()).copy())?);
        }
        self.count = count;
        Ok(())
    }
}
