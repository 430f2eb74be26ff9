//! Gradual unfreezing: what each epoch trains.
//!
//! Invariant: what an epoch freezes is a function of the settings and the epoch's number, and it is frozen as the
//! network's own frozen parameters are: batch norm uses its running statistics, dropout before it is off.

use std::collections::BTreeSet;

use network::Network;
use nn::Module;

use crate::checkpoint::Tensors;
use crate::error::Error;
use crate::run::{Run, in_precision};

impl Run<'_> {
    /// Freezes and unfreezes for an epoch from 1 on; `start` are the weights before training.
    ///
    /// # Errors
    /// [`Error::FrozenMoved`] where what was frozen until now did not stay as it was.
    pub(crate) fn enter(&mut self, epoch: usize, start: &Tensors) -> Result<(), Error> {
        let waits = |name: &&str| self.moves.get(*name).is_none_or(|moves| moves.epoch > epoch);
        let mut frozen = self.declared.clone();
        let parameters = self.module.graph().params().filter(|param| !param.buffer);
        frozen.extend(parameters.map(|param| param.name.as_str()).filter(waits).map(str::to_owned));
        self.freeze(frozen, start)
    }

    /// Ends all gradual unfreezing: the network's own frozen parameters are frozen again, no others.
    ///
    /// # Errors
    /// As [`Run::enter`].
    pub(crate) fn leave(&mut self, start: &Tensors) -> Result<(), Error> {
        self.freeze(self.declared.clone(), start)
    }

    fn freeze(&mut self, frozen: BTreeSet<String>, start: &Tensors) -> Result<(), Error> {
        if frozen == self.module.network().frozen {
            return Ok(());
        }
        self.check_frozen(start)?;
        let network = Network { frozen, ..self.module.network().clone() };
        let module = Module::with_weights(&network, &self.module.weights()?, self.module.device())?;
        self.module = in_precision(module, self.job.training.precision);
        Ok(())
    }
}
